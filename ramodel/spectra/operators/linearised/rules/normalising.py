"""BatchNorm on running statistics, LayerNorm, GroupNorm, RMSNorm and softmax."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.layout import UnrecognisedError
from ramodel.spectra.operators.linearised.maps.normalising import Softmax, Standardise
from ramodel.spectra.operators.linearised.recorder import Recorder, Rule
from ramodel.spectra.operators.linearised.rules.pointwise import scale_by
from ramodel.spectra.operators.linearised.rules.rearranging import refuse_labels

__all__ = ["NORMALISING"]

_aten = torch.ops.aten


def _batch_norm(
    recorder: Recorder,
    func: Any,
    tensor: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    *backend: bool,
) -> Tensor:
    value = recorder.dependent(tensor)
    recorder.refuse_dependent(weight, bias, mean, variance)
    if training or variance is None:
        raise UnrecognisedError("it normalises over the batch")
    result = func(tensor, weight, bias, mean, variance, training, momentum, eps, *backend)
    factor = torch.rsqrt(variance + eps)
    factor = factor if weight is None else factor * weight
    maps = [scale_by(factor.reshape(-1, *(1,) * (tensor.ndim - 2)), value, value.layout)]
    return recorder.record(result, value.layout, [(value, maps)])


def _layer_norm(
    recorder: Recorder,
    func: Any,
    tensor: Tensor,
    shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *backend: bool,
) -> Tensor:
    value = recorder.dependent(tensor)
    refuse_labels(value.layout, range(-len(shape), 0), func)
    result, mean, reciprocal = _aten.native_layer_norm(tensor, shape, None, None, eps)
    core = Standardise(tensor, mean, reciprocal, value.layout, len(shape))
    recorder.record(result, value.layout, [(value, [core])])
    return _affine(recorder, result, weight, bias)


def _group_norm(
    recorder: Recorder,
    func: Any,
    tensor: Tensor,
    groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *backend: bool,
) -> Tensor:
    def replacement() -> Tensor:
        grouped = tensor.reshape(len(tensor), groups, -1)
        standard = torch.nn.functional.layer_norm(grouped, grouped.shape[-1:], eps=eps).reshape(tensor.shape)
        beside = (-1, *(1,) * (tensor.ndim - 2))
        parts = [None if part is None else part.reshape(beside) for part in (weight, bias)]
        return _affine(recorder, standard, *parts)

    return recorder.replay(replacement)  # type: ignore[no-any-return]


def _rms_norm(
    recorder: Recorder,
    func: Any,
    tensor: Tensor,
    shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    def replacement() -> Tensor:
        size = tensor.square().mean(tuple(range(-len(shape), 0)), keepdim=True)
        scaled = tensor * torch.rsqrt(size + (torch.finfo(tensor.dtype).eps if eps is None else eps))
        return scaled if weight is None else scaled * weight

    return recorder.replay(replacement)  # type: ignore[no-any-return]


def _affine(recorder: Recorder, tensor: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    def replacement() -> Tensor:
        scaled = tensor if weight is None else tensor * weight
        return scaled if bias is None else scaled + bias

    return recorder.replay(replacement)  # type: ignore[no-any-return]


def _softmax(recorder: Recorder, func: Any, tensor: Tensor, axis: int, dtype: torch.dtype | None = None) -> Tensor:
    value = recorder.dependent(tensor)
    if any(factor.label in ("sample", "token") for factor in value.layout[axis]):
        raise UnrecognisedError("it takes a softmax over its samples or tokens")
    result = func(tensor, axis).to(tensor.dtype)
    last = axis % tensor.ndim - tensor.ndim
    return recorder.record(result, value.layout, [(value, [Softmax(result, value.layout, last)])])


NORMALISING: dict[Any, Rule] = {
    _aten.batch_norm: _batch_norm,
    _aten.layer_norm: _layer_norm,
    _aten.group_norm: _group_norm,
    _aten.rms_norm: _rms_norm,
    **dict.fromkeys((_aten.softmax, _aten._safe_softmax), _softmax),
}

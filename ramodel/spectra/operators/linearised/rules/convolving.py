"""Convolutions and average pooling."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.layout import UnrecognisedError, axis_of
from ramodel.spectra.operators.linearised.maps.convolution import Convolution, ConvolutionGeometry
from ramodel.spectra.operators.linearised.maps.normalising import AveragePool
from ramodel.spectra.operators.linearised.recorder import Recorder, Rule
from ramodel.spectra.operators.linearised.rules.rearranging import refuse_labels

__all__ = ["CONVOLVING"]

_aten = torch.ops.aten


def _convolution(
    recorder: Recorder,
    func: Any,
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    if recorder.value(weight) is not None or image.ndim != weight.ndim:
        raise UnrecognisedError("it convolves with the state as weight, or one image without a batch")
    value = recorder.dependent(image)
    recorder.refuse_dependent(bias)
    spatial = weight.ndim - 2
    spread = _each(dilation, spatial)
    if isinstance(padding, str):
        reach = [step * (size - 1) for step, size in zip(spread, weight.shape[2:], strict=True)]
        if padding == "same" and any(size % 2 for size in reach):
            raise UnrecognisedError("it convolves with a kernel of even size and padding 'same'")
        padding = [size // 2 if padding == "same" else 0 for size in reach]
    pads = _each(padding, spatial)
    result = torch.convolution(image, weight, bias, _each(stride, spatial), pads, spread, False, [0] * spatial, groups)
    refuse_labels(value.layout, range(1, image.ndim), func)
    geometry = ConvolutionGeometry(
        stride=_each(stride, spatial),
        padding=pads,
        dilation=spread,
        groups=groups,
        image=tuple(image.shape[2:]),
        result=tuple(result.shape[2:]),
        flops=2.0 * len(image) * math.prod(result.shape[2:]) * weight.numel() / recorder.problems,
    )
    layout = (value.layout[0], *(axis_of(size) for size in result.shape[1:]))
    return recorder.record(result, layout, [(value, [Convolution(weight, geometry)])])


def _average_pool(recorder: Recorder, func: Any, image: Tensor, *options: Any) -> Tensor:
    value = recorder.dependent(image)
    if image.ndim != 4:
        raise UnrecognisedError("it pools one image without a batch")
    refuse_labels(value.layout, range(1, 4), func)
    result = func(image, *options)
    left_out = [[], 0, False, True, None][len(options) - 1 :]
    pool = AveragePool([*options, *left_out], image.shape[1:])
    layout = (value.layout[0], *(axis_of(size) for size in result.shape[1:]))
    return recorder.record(result, layout, [(value, [pool])])


def _adaptive_average_pool(recorder: Recorder, func: Any, image: Tensor, size: Sequence[int]) -> Tensor:
    if any(length != 1 for length in size):
        raise UnrecognisedError("it pools to a given size, which has no linear rule here")
    return recorder.replay(torch.mean, image, (-2, -1), keepdim=True)  # type: ignore[no-any-return]


def _each(option: int | Sequence[int], spatial: int) -> tuple[int, ...]:
    sizes = (option,) if isinstance(option, int) else tuple(option)
    return sizes * spatial if len(sizes) == 1 else sizes


CONVOLVING: dict[Any, Rule] = {
    **dict.fromkeys((_aten.conv1d, _aten.conv2d, _aten.conv3d), _convolution),
    _aten.avg_pool2d: _average_pool,
    _aten.adaptive_avg_pool2d: _adaptive_average_pool,
}

"""Scaled dot-product attention, written out so that each of its steps is recorded."""

import math
from typing import Any

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.layout import UnrecognisedError
from ramodel.spectra.operators.linearised.recorder import Recorder, Rule

__all__ = ["ATTENDING"]

_aten = torch.ops.aten


def _attention(
    recorder: Recorder,
    func: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    dropout: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    if dropout > 0.0:
        raise UnrecognisedError("it drops entries of its attention at random")

    def replacement() -> Tensor:
        keys, values = (_repeated(part, query.shape[-3]) if enable_gqa else part for part in (key, value))
        scores = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ keys.mT
        bias = _additive(mask, is_causal, scores)
        # A token that may attend to none gets zeros, not NaN, as in torch's own attention.
        weights: Tensor = _aten._safe_softmax(scores if bias is None else scores + bias, -1)
        return weights @ values

    return recorder.replay(replacement)  # type: ignore[no-any-return]


def _repeated(heads: Tensor, wanted: int) -> Tensor:
    """Return heads [..., H, T, k], each repeated: [..., wanted, T, k]."""
    times = wanted // heads.shape[-3]
    grouped = heads.unsqueeze(-3).expand(*heads.shape[:-2], times, *heads.shape[-2:])
    return grouped.flatten(-4, -3)


def _additive(mask: Tensor | None, is_causal: bool, scores: Tensor) -> Tensor | None:
    """Return what is added to the scores: 0 where a token may attend, minus infinity where not."""
    if is_causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is None or mask.dtype != torch.bool:
        return mask
    return torch.zeros(mask.shape, dtype=scores.dtype, device=scores.device).masked_fill(~mask, -math.inf)


ATTENDING: dict[Any, Rule] = {_aten.scaled_dot_product_attention: _attention}

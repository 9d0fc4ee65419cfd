"""Products of matrices: with weights, with constants, and of two values that both depend on the state."""

import math
from typing import Any

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.layout import (
    Axis,
    Factor,
    Layout,
    UnrecognisedError,
    axis_of,
    constant_of,
    is_plain,
)
from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap
from ramodel.spectra.operators.linearised.maps.product import LeftProduct, Linear, OwnColumn, RightProduct
from ramodel.spectra.operators.linearised.maps.scale import Scale
from ramodel.spectra.operators.linearised.recorder import Recorder, Rule, Value
from ramodel.spectra.operators.linearised.rules.pointwise import expansion
from ramodel.spectra.operators.linearised.rules.rearranging import refuse_labels

__all__ = ["MULTIPLYING"]

_aten = torch.ops.aten


def _linear(recorder: Recorder, func: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if any(recorder.value(part) is not None for part in (weight, bias)):
        return recorder.replay(lambda: inputs @ weight.mT + (0.0 if bias is None else bias))  # type: ignore[no-any-return]
    value = recorder.dependent(inputs)
    refuse_labels(value.layout, [-1], func)
    return _by_weight(recorder, func(inputs, weight, bias), value, weight.mT)


def _by_weight(recorder: Recorder, result: Tensor, value: Value, matrix: Tensor) -> Tensor:
    rows = math.prod(value.tensor.shape[:-1]) / recorder.problems
    layout = (*value.layout[:-1], axis_of(matrix.shape[1]))
    return recorder.record(result, layout, [(value, [Linear(matrix, rows)])])


def _matmul(recorder: Recorder, func: Any, left: Tensor, right: Tensor) -> Tensor:
    if left.ndim == 1 or right.ndim == 1:
        raise UnrecognisedError("it multiplies a matrix with a vector, which has no linear rule here")
    result = func(left, right)
    first, second = recorder.value(left), recorder.value(right)
    if second is None and right.ndim == 2 and first is not None and is_plain(first.layout[-1]):
        return _by_weight(recorder, result, first, right)
    left, first_layout = _factor(first, left, second, result)
    right, second_layout = _factor(second, right, first, result)
    rows, contracted, columns = _matrix_axes(func, first_layout, second_layout)
    mixes = second is not None and (_is(contracted, "context") or _is(columns, "context"))
    if mixes and second is not None and second.mixed:
        raise UnrecognisedError("it attends to tokens that have attended to each other")
    batch = _batch_axes(first, second, result)
    layout = (*batch, rows, columns)
    flops = 2.0 * result.numel() * left.shape[-1] / recorder.problems

    summands: list[tuple[Value, list[LinearMap]]] = []
    if first is not None:
        whole = (*second_layout[:-2], *_in_context(second_layout[-2:]))
        enlarged = expansion(first.layout, (*batch, *first.layout[-2:]))
        summands.append((first, [*enlarged, RightProduct(right, whole, flops)]))
    if second is not None:
        enlarged = expansion(second.layout, (*batch, *second.layout[-2:]))
        summands.append((second, [*enlarged, _by_left(recorder, left, first_layout, columns, contracted, flops)]))
    return recorder.record(result, layout, summands, mixed=mixes)


def _matrix_axes(func: Any, left: Layout, right: Layout) -> tuple[Axis, Axis, Axis]:
    """Return the axes of the result and, between them, what is summed over; UnrecognisedError where samples mix."""
    rows, first, second, columns = left[-2], left[-1], right[-2], right[-1]
    attended = _is(first, "context") and (_is(second, "token") or is_plain(second))
    if not attended and not (is_plain(first) and is_plain(second)):
        raise UnrecognisedError(f"torch.{func.overloadpacket.__name__} sums over its samples or tokens")
    if _is(columns, "token"):
        if not _is(rows, "token"):
            raise UnrecognisedError(f"torch.{func.overloadpacket.__name__} mixes tokens other than by queries and keys")
        columns = (Factor(columns[0].size, "context"),)
    return rows, first if attended else (), columns


def _by_left(
    recorder: Recorder, left: Tensor, layout: Layout, columns: Axis, contracted: Axis, flops: float
) -> LinearMap:
    """Return ``A x``; where x runs over tokens, only the part that a token's own x has in its own result."""
    if _is(columns, "context"):
        tokens = columns[0].size
        own = torch.arange(tokens, device=left.device)[:, None].expand(*left.shape[:-1], 1)
        return OwnColumn(left, own, layout, tokens)
    if _is(contracted, "context"):
        return Scale(left.diagonal(dim1=-2, dim2=-1).unsqueeze(-1), (*layout[:-1], ()))
    return LeftProduct(left, layout, flops)


def _batch_axes(first: Value | None, second: Value | None, result: Tensor) -> Layout:
    axes = []
    for place in range(-result.ndim, -2):
        found = {value.layout[place] for value in (first, second) if value and -place <= len(value.layout)} - {()}
        if len(found) > 1:
            raise UnrecognisedError("it multiplies matrices whose samples or tokens lie on different axes")
        axes.append(found.pop() if found else axis_of(result.shape[place]))
    return tuple(axes)


def _factor(value: Value | None, tensor: Tensor, other: Value | None, result: Tensor) -> tuple[Tensor, Layout]:
    """Return a factor and its layout; the leading axes of a constant go with those of the other factor."""
    if value is not None:
        return tensor, value.layout
    whole = (*_batch_axes(other, None, result), *(axis_of(size) for size in tensor.shape[-2:]))
    return constant_of(tensor, whole)


def _in_context(layout: Layout) -> Layout:
    """Return the layout of a factor of which every token is needed."""
    return tuple(tuple(Factor(f.size, "context" if f.label == "token" else f.label) for f in axis) for axis in layout)


def _is(axis: Axis, label: str) -> bool:
    return len(axis) == 1 and axis[0].label == label


def _added_matmul(
    recorder: Recorder, func: Any, bias: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    def replacement() -> Tensor:
        product = left @ right
        return beta * bias + (product if alpha == 1 else alpha * product)

    return recorder.replay(replacement)  # type: ignore[no-any-return]


MULTIPLYING: dict[Any, Rule] = {
    _aten.linear: _linear,
    **dict.fromkeys((_aten.matmul, _aten.mm, _aten.bmm), _matmul),
    **dict.fromkeys((_aten.addmm, _aten.baddbmm), _added_matmul),
}

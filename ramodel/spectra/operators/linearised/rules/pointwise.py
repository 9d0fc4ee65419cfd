"""Elementwise operations: sums, products with constants, and everything else through its partial derivatives."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from ramodel.spectra.operators.linearised.layout import Layout, UnrecognisedError, broadcast, constant_of, shape_of
from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap
from ramodel.spectra.operators.linearised.maps.rearranging import Expand
from ramodel.spectra.operators.linearised.maps.scale import Scale
from ramodel.spectra.operators.linearised.recorder import Recorder, Rule, Value

__all__ = ["POINTWISE", "expansion", "pointwise", "scale_by"]

_aten = torch.ops.aten


def pointwise(recorder: Recorder, func: Any, *args: Any, **keywords: Any) -> Any:
    """Record any elementwise operation, by its derivative in each argument that depends on the state.

    The derivatives are autograd's, so that they are its one at kinks: ReLU'(0) = 0.
    """
    if torch.Tag.nondeterministic_seeded in func.tags:
        raise UnrecognisedError(f"torch.{func.overloadpacket.__name__} draws at random")
    result = func(*args, **keywords)
    if not result.is_floating_point():
        return result
    leaves, structure = tree_flatten((args, keywords))
    found = [(place, recorder.value(leaf)) for place, leaf in enumerate(leaves)]
    values = {place: value for place, value in found if value is not None}
    layout = broadcast([value.layout for value in values.values()], result.shape)
    with torch.inference_mode(mode=False), torch.enable_grad():
        for place, leaf in enumerate(leaves):
            if isinstance(leaf, Tensor):
                # A copy: autograd takes no tensors of inference mode.
                leaves[place] = leaf.clone()
                if place in values:
                    leaves[place] = leaves[place].expand(result.shape).requires_grad_()
        again_args, again_keywords = tree_unflatten(leaves, structure)
        total = func(*again_args, **again_keywords).sum()
        variables = [leaves[place] for place in values]
        slopes: Sequence[Tensor | None] = (
            torch.autograd.grad(total, variables, allow_unused=True) if total.requires_grad else ()
        )
    summands = [
        (value, [*expansion(value.layout, layout), Scale(slope, layout)])
        for value, slope in zip(values.values(), slopes, strict=False)
        if slope is not None
    ]
    return recorder.record(result, layout, summands)


def expansion(source: Layout, target: Layout) -> list[LinearMap]:
    """Return what broadcasts a value of layout `source` to `target`: one map, or none where they have one shape."""
    return [] if shape_of(source) == shape_of(target) else [Expand(source, target)]


def scale_by(factor: Tensor | float, value: Value, layout: Layout) -> Scale:
    """Return the product with a constant that is broadcast against `layout`."""
    tensor = value.tensor.new_tensor(factor) if not isinstance(factor, Tensor) else factor.to(value.tensor)
    return Scale(*constant_of(tensor, layout))


def _sum(recorder: Recorder, func: Any, first: Any, second: Any, *, alpha: float = 1) -> Tensor:
    return _combined(recorder, func(first, second, alpha=alpha), (first, 1.0), (second, float(alpha)))


def _difference(recorder: Recorder, func: Any, first: Any, second: Any, *, alpha: float = 1) -> Tensor:
    return _combined(recorder, func(first, second, alpha=alpha), (first, 1.0), (second, -float(alpha)))


def _reversed_difference(recorder: Recorder, func: Any, first: Any, second: Any, alpha: float = 1) -> Tensor:
    return _combined(recorder, second - alpha * first, (first, -float(alpha)), (second, 1.0))


def _negation(recorder: Recorder, func: Any, operand: Tensor) -> Tensor:
    return _combined(recorder, func(operand), (operand, -1.0))


def _combined(recorder: Recorder, result: Tensor, *terms: tuple[Any, float]) -> Tensor:
    """Record a sum of values with coefficients; constants among them drop out."""
    known = [(value, coefficient) for term, coefficient in terms if (value := recorder.value(term)) is not None]
    layout = broadcast([value.layout for value, _ in known], result.shape)
    summands: list[tuple[Value, list[LinearMap]]] = []
    for value, coefficient in known:
        maps = expansion(value.layout, layout)
        if coefficient != 1.0:
            maps.append(scale_by(coefficient, value, layout))
        summands.append((value, maps))
    if len(summands) == 1 and not summands[0][1]:
        return recorder.alias(result, known[0][0])
    return recorder.record(result, layout, summands)


def _product(recorder: Recorder, func: Any, first: Any, second: Any) -> Tensor:
    result = func(first, second)
    values = [recorder.value(first), recorder.value(second)]
    layout = broadcast([value.layout for value in values if value is not None], result.shape)
    summands = [
        (value, [*expansion(value.layout, layout), scale_by(other, value, layout)])
        for value, other in zip(values, (second, first), strict=True)
        if value is not None
    ]
    return recorder.record(result, layout, summands)


def _quotient(recorder: Recorder, func: Any, first: Any, second: Any, **keywords: Any) -> Tensor:
    numerator = recorder.value(first)
    if numerator is None or recorder.value(second) is not None or keywords:
        return pointwise(recorder, func, first, second, **keywords)  # type: ignore[no-any-return]
    result = func(first, second)
    layout = broadcast([numerator.layout], result.shape)
    reciprocal = 1.0 / second
    return recorder.record(
        result, layout, [(numerator, [*expansion(numerator.layout, layout), scale_by(reciprocal, numerator, layout)])]
    )


def _gated(recorder: Recorder, func: Any, tensor: Tensor, dim: int = -1) -> Tensor:
    def replacement() -> Tensor:
        first, second = tensor.chunk(2, dim)
        return first * torch.sigmoid(second)

    return recorder.replay(replacement)  # type: ignore[no-any-return]


POINTWISE: dict[Any, Rule] = {
    _aten.add: _sum,
    _aten.sub: _difference,
    _aten.rsub: _reversed_difference,
    _aten.neg: _negation,
    _aten.mul: _product,
    _aten.div: _quotient,
    _aten.glu: _gated,
    # Elementwise, though torch does not mark them so.
    **dict.fromkeys((_aten.hardswish, _aten._prelu_kernel), pointwise),
}

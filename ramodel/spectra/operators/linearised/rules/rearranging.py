"""Reshapes, permutations, slices, joins, sums and means."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.layout import Axis, Layout, UnrecognisedError, axis_of, is_plain, regroup
from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap
from ramodel.spectra.operators.linearised.maps.rearranging import Embed, Expand, Flip, Permute, Roll, Slice, View, total
from ramodel.spectra.operators.linearised.recorder import Recorder, Rule, Value
from ramodel.spectra.operators.linearised.rules.pointwise import scale_by

__all__ = ["REARRANGING", "refuse_labels"]

_aten = torch.ops.aten


def refuse_labels(layout: Layout, axes: Sequence[int], func: Any) -> None:
    """Raise UnrecognisedError where an operation works along samples or tokens."""
    if not all(is_plain(layout[axis]) for axis in axes):
        raise UnrecognisedError(f"torch.{func.overloadpacket.__name__} works across its samples or tokens")


def _copy(recorder: Recorder, func: Any, tensor: Tensor, *args: Any, **keywords: Any) -> Tensor:
    result = func(tensor, *args, **keywords)
    if not result.is_floating_point():
        return result  # type: ignore[no-any-return]
    return recorder.alias(result, recorder.dependent(tensor))


def _constant(recorder: Recorder, func: Any, *args: Any, **keywords: Any) -> Tensor:
    return func(*args, **keywords)  # type: ignore[no-any-return]


def _inactive_dropout(recorder: Recorder, func: Any, tensor: Tensor, probability: float, train: bool) -> Tensor:
    if train and probability > 0.0:
        raise UnrecognisedError("it drops entries at random")
    # The tensor itself, as torch returns it: what writes to one writes to the other.
    return tensor


def _view(recorder: Recorder, func: Any, tensor: Tensor, *args: Any) -> Tensor:
    """Record whatever keeps the row-major order of the entries."""
    if args and isinstance(args[0], torch.dtype):
        raise UnrecognisedError("it reads the memory of its state as numbers of another kind")
    result = func(tensor, *args)
    value = recorder.dependent(tensor)
    return _viewed(recorder, result, value, regroup(value.layout, result.shape))


def _viewed(recorder: Recorder, result: Tensor, value: Value, layout: Layout) -> Tensor:
    if layout == value.layout:
        return recorder.alias(result, value)
    return recorder.record(result, layout, [(value, [View(value.layout, layout)])])


def _unsqueeze(recorder: Recorder, func: Any, tensor: Tensor, dim: int) -> Tensor:
    value = recorder.dependent(tensor)
    place = dim % (tensor.ndim + 1)
    return _viewed(recorder, func(tensor, dim), value, (*value.layout[:place], (), *value.layout[place:]))


def _squeeze(recorder: Recorder, func: Any, tensor: Tensor, *dims: Any) -> Tensor:
    value = recorder.dependent(tensor)
    wanted = dims[0] if dims else range(tensor.ndim)
    places = {dim % tensor.ndim for dim in ([wanted] if isinstance(wanted, int) else wanted)}
    kept = [axis for place, axis in enumerate(value.layout) if place not in places or tensor.shape[place] != 1]
    gone = [place for place in places if tensor.shape[place] == 1]
    refuse_labels(value.layout, gone, func)
    return _viewed(recorder, func(tensor, *dims), value, tuple(kept))


def _permutation(order: Callable[..., Sequence[int]]) -> Rule:
    def rule(recorder: Recorder, func: Any, tensor: Tensor, *args: Any) -> Tensor:
        value = recorder.dependent(tensor)
        places = [place % tensor.ndim for place in order(tensor.ndim, *args)]
        layout = tuple(value.layout[place] for place in places)
        return recorder.record(func(tensor, *args), layout, [(value, [Permute(places)])])

    return rule


def _exchange(ndim: int, first: int = -2, second: int = -1) -> list[int]:
    order = list(range(ndim))
    if ndim > 1:
        order[first], order[second] = order[second], order[first]
    return order


def _expand(recorder: Recorder, func: Any, tensor: Tensor, *args: Any, **keywords: Any) -> Tensor:
    result = func(tensor, *args, **keywords)
    value = recorder.dependent(tensor)
    if result.shape == tensor.shape:
        return recorder.alias(result, value)
    padded: Layout = (*((),) * (result.ndim - tensor.ndim), *value.layout)
    layout = tuple(axis or axis_of(size) for axis, size in zip(padded, result.shape, strict=True))
    return recorder.record(result, layout, [(value, [Expand(value.layout, layout)])])


def _slice(
    recorder: Recorder,
    func: Any,
    tensor: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    value = recorder.dependent(tensor)
    result = func(tensor, dim, start, end, step)
    if result.shape == tensor.shape:
        return recorder.alias(result, value)
    first = slice(start, end, step).indices(tensor.shape[dim])[0]
    return _part(recorder, func, result, value, dim, first, step)


def _narrow(recorder: Recorder, func: Any, tensor: Tensor, dim: int, start: int, length: int) -> Tensor:
    return recorder.replay(_aten.slice.Tensor, tensor, dim, start, start + length)  # type: ignore[no-any-return]


def _part(recorder: Recorder, func: Any, result: Tensor, value: Value, dim: int, start: int, step: int = 1) -> Tensor:
    place = dim % len(value.layout)
    refuse_labels(value.layout, [place], func)
    length = result.shape[place]
    part = Slice(place - len(value.layout), start, length, step, value.tensor.shape[place])
    return recorder.record(result, _with_axis(value.layout, place, axis_of(length)), [(value, [part])])


def _select(recorder: Recorder, func: Any, tensor: Tensor, dim: int, index: int) -> Tensor:
    place, size = dim % tensor.ndim, tensor.shape[dim]
    return recorder.replay(  # type: ignore[no-any-return]
        lambda: _aten.squeeze.dim(_aten.slice.Tensor(tensor, place, index % size, index % size + 1), place)
    )


def _split(recorder: Recorder, func: Any, tensor: Tensor, sizes: int | Sequence[int], dim: int = 0) -> list[Tensor]:
    value = recorder.dependent(tensor)
    parts, start = [], 0
    for part in func(tensor, sizes, dim):
        parts.append(_part(recorder, func, part, value, dim, start))
        start += part.shape[dim]
    return parts


def _unbind(recorder: Recorder, func: Any, tensor: Tensor, dim: int = 0) -> list[Tensor]:
    return [recorder.replay(_aten.select.int, tensor, dim, index) for index in range(tensor.shape[dim])]


def _join(recorder: Recorder, func: Any, tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    # Torch leaves out vectors without entries, whatever the shape of the others.
    tensors = [tensor for tensor in tensors if tensor.shape != (0,)]
    result = func(tensors, dim)
    values = [recorder.value(tensor) for tensor in tensors]
    place = dim % result.ndim
    layouts = [_with_axis(value.layout, place, axis_of(result.shape[place])) for value in values if value is not None]
    for value in values:
        if value is not None:
            refuse_labels(value.layout, [place], func)
    if len(set(layouts)) > 1:
        raise UnrecognisedError("it joins values whose samples or tokens lie on different axes")
    summands, start = [], 0
    for tensor, value in zip(tensors, values, strict=True):
        length = tensor.shape[place]
        if value is not None:
            whole = Slice(place - result.ndim, start, length, 1, result.shape[place])
            summands.append((value, [Embed(whole)]))
        start += length
    return recorder.record(result, layouts[0], summands)


def _stack(recorder: Recorder, func: Any, tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    return recorder.replay(  # type: ignore[no-any-return]
        lambda: torch.cat([tensor.unsqueeze(dim) for tensor in tensors], dim)
    )


def _repeat(recorder: Recorder, func: Any, tensor: Tensor, times: Sequence[int]) -> Tensor:
    padded = (*(1,) * (len(times) - tensor.ndim), *tensor.shape)

    def replacement() -> Tensor:
        apart = tensor.reshape([size for length in padded for size in (1, length)])
        repeated = apart.expand([size for pair in zip(times, padded, strict=True) for size in pair])
        return repeated.reshape([count * length for count, length in zip(times, padded, strict=True)])

    return recorder.replay(replacement)  # type: ignore[no-any-return]


def _pad(recorder: Recorder, func: Any, tensor: Tensor, pads: Sequence[int], filling: float = 0.0) -> Tensor:
    value = recorder.dependent(tensor)
    if min(pads) < 0:
        raise UnrecognisedError("it crops by a negative padding, which has no linear rule here")
    result = func(tensor, pads, filling)
    layout, maps = value.layout, []
    for axis, start in zip(range(-1, -tensor.ndim - 1, -1), pads[::2], strict=False):
        place = tensor.ndim + axis
        if result.shape[place] != tensor.shape[place]:
            refuse_labels(layout, [place], func)
            maps.append(Embed(Slice(axis, start, tensor.shape[place], 1, result.shape[place])))
            layout = _with_axis(layout, place, axis_of(result.shape[place]))
    return recorder.record(result, layout, [(value, maps)])


def _roll(
    recorder: Recorder, func: Any, tensor: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] = ()
) -> Tensor:
    value = recorder.dependent(tensor)
    if not _several(dims):
        raise UnrecognisedError("it calls torch.roll on the flattened state, which has no linear rule here")
    places = [dim % tensor.ndim - tensor.ndim for dim in _several(dims)]
    refuse_labels(value.layout, places, func)
    return recorder.record(func(tensor, shifts, dims), value.layout, [(value, [Roll(_several(shifts), places)])])


def _flip(recorder: Recorder, func: Any, tensor: Tensor, dims: Sequence[int]) -> Tensor:
    value = recorder.dependent(tensor)
    places = [dim % tensor.ndim - tensor.ndim for dim in dims]
    refuse_labels(value.layout, places, func)
    return recorder.record(func(tensor, dims), value.layout, [(value, [Flip(places)])])


def _total(
    recorder: Recorder, func: Any, tensor: Tensor, dims: Any = None, keepdim: bool = False, **keywords: Any
) -> Tensor:
    """Record a sum, or a mean, which is a sum and a scale."""
    value = recorder.dependent(tensor)
    places = [dim % tensor.ndim for dim in (_several(dims) or range(tensor.ndim))]
    refuse_labels(value.layout, places, func)
    result = func(tensor, dims, keepdim, **keywords)
    kept = tuple(() if place in places else axis for place, axis in enumerate(value.layout))
    maps: list[LinearMap] = [total(value.layout, kept)]
    if func.overloadpacket is _aten.mean:
        maps.append(scale_by(result.numel() / tensor.numel(), value, kept))
    if keepdim:
        return recorder.record(result, kept, [(value, maps)])
    short = tuple(axis for place, axis in enumerate(kept) if place not in places)
    return recorder.record(result, short, [(value, [*maps, View(kept, short)])])


def _several(dims: Any) -> tuple[int, ...]:
    return (dims,) if isinstance(dims, int) else tuple(dims or ())


def _with_axis(layout: Layout, place: int, axis: Axis) -> Layout:
    return (*layout[:place], axis, *layout[place + 1 :])


REARRANGING: dict[Any, Rule] = {
    **dict.fromkeys((_aten.clone, _aten.alias, _aten._to_copy, _aten.lift_fresh), _copy),
    **dict.fromkeys((_aten.detach, _aten.zeros_like, _aten.ones_like, _aten.full_like, _aten.empty_like), _constant),
    **dict.fromkeys((_aten.new_zeros, _aten.new_ones, _aten.new_full, _aten.new_empty), _constant),
    _aten.dropout: _inactive_dropout,
    **dict.fromkeys((_aten.feature_dropout, _aten.alpha_dropout, _aten.feature_alpha_dropout), _inactive_dropout),
    **dict.fromkeys((_aten.view, _aten.reshape, _aten._unsafe_view, _aten.flatten, _aten.unflatten), _view),
    _aten.unsqueeze: _unsqueeze,
    _aten.squeeze: _squeeze,
    _aten.permute: _permutation(lambda ndim, order: order),
    _aten.transpose: _permutation(_exchange),
    **dict.fromkeys((_aten.t, _aten.mT, _aten.numpy_T), _permutation(_exchange)),
    _aten.expand: _expand,
    _aten.slice: _slice,
    _aten.narrow: _narrow,
    _aten.select: _select,
    **dict.fromkeys((_aten.split, _aten.split_with_sizes), _split),
    _aten.unbind: _unbind,
    **dict.fromkeys((_aten.cat, _aten.concat), _join),
    _aten.stack: _stack,
    _aten.repeat: _repeat,
    _aten.constant_pad_nd: _pad,
    _aten.roll: _roll,
    _aten.flip: _flip,
    **dict.fromkeys((_aten.sum, _aten.mean), _total),
}

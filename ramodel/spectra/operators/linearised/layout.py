"""Which axes of a value run over samples and over tokens, through every reshape of a block."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor

__all__ = [
    "Axis",
    "Factor",
    "Label",
    "Layout",
    "Rows",
    "UnrecognisedError",
    "axis_of",
    "broadcast",
    "constant_of",
    "is_plain",
    "regroup",
    "resize",
    "shape_of",
    "take",
]

Label = Literal["", "sample", "token", "context"]
"""What a factor runs over: coordinates; problems; a problem's own token; all tokens that a token attends to."""


class UnrecognisedError(Exception):
    """A block does something that has no linear rule here; the message says what, as the end of 'because ...'."""


class Factor(NamedTuple):
    """A part of an axis: reshapes merge and split axes, but never a factor with a label."""

    size: int
    label: Label = ""


Axis = tuple[Factor, ...]
"""Factors from the slowest to the fastest; neighbours without label are merged; an axis of one entry has none."""

Layout = tuple[Axis, ...]


class Rows(NamedTuple):
    """The problems that are kept: samples [M], and of each of them some tokens [M, R] (None: there are no tokens)."""

    samples: Tensor
    tokens: Tensor | None = None


def axis_of(size: int, label: Label = "") -> Axis:
    """Return the axis of one factor (none where `size` is 1 and has no label)."""
    return (Factor(size, label),) if label or size != 1 else ()


def shape_of(layout: Layout) -> tuple[int, ...]:
    """Return the sizes of the axes."""
    return tuple(math.prod(factor.size for factor in axis) for axis in layout)


def is_plain(axis: Axis) -> bool:
    """Whether the axis runs over coordinates alone."""
    return not any(factor.label for factor in axis)


def regroup(layout: Layout, shape: Sequence[int]) -> Layout:
    """Return the layout after a reshape to `shape`; UnrecognisedError where that splits samples or tokens."""
    waiting = [factor for axis in reversed(layout) for factor in reversed(axis)]
    grouped = []
    for size in shape:
        axis: list[Factor] = []
        missing = size
        while missing > 1 or (waiting and waiting[-1].label and waiting[-1].size == missing == 1 and not axis):
            factor = waiting.pop()
            if missing % factor.size == 0:
                axis.append(factor)
                missing //= factor.size
            elif factor.size % missing == 0 and not factor.label:
                axis.append(Factor(missing))
                waiting.append(Factor(factor.size // missing))
                missing = 1
            else:
                raise UnrecognisedError(
                    f"it reshapes {shape_of(layout)} to {tuple(shape)}, which splits samples or tokens"
                )
        grouped.append(_merged(axis))
    return tuple(grouped)


def broadcast(layouts: Sequence[Layout], shape: Sequence[int]) -> Layout:
    """Return the layout of an elementwise result of `shape` of values with these layouts, aligned at the last axis."""
    result = []
    for place in range(-len(shape), 0):
        axes = {layout[place] for layout in layouts if -place <= len(layout)} - {()}
        if len(axes) > 1:
            raise UnrecognisedError("it combines values whose samples or tokens lie on different axes")
        result.append(axes.pop() if axes else axis_of(shape[place]))
    return tuple(result)


def constant_of(tensor: Tensor, layout: Layout) -> tuple[Tensor, Layout]:
    """Return a constant that is broadcast against values of `layout`, and its own layout.

    One that differs between tokens is repeated for the samples (in no more memory): which tokens are kept will differ
    between them.
    """
    own = _broadcast_layout(tensor, layout)
    labels = {factor.label for axis in own for factor in axis}
    if "token" in labels and "sample" not in labels:
        if not any(factor.label == "sample" for axis in layout for factor in axis):
            raise UnrecognisedError("it has constants for each token apart from its samples")
        sizes = [1] * (len(layout) - tensor.ndim) + list(tensor.shape)
        for place, axis in enumerate(layout):
            if any(factor.label == "sample" for factor in axis):
                sizes[place] = math.prod(factor.size for factor in axis)
        tensor = tensor.expand(sizes)
        own = _broadcast_layout(tensor, layout)
    return tensor.detach(), own


def resize(layout: Layout, rows: Rows) -> Layout:
    """Return the layout once only `rows` are kept."""
    sizes = {"sample": len(rows.samples)}
    if rows.tokens is not None:
        sizes["token"] = rows.tokens.shape[1]
    return tuple(tuple(Factor(sizes.get(f.label, f.size), f.label) for f in axis) for axis in layout)


def take(tensor: Tensor, layout: Layout, rows: Rows) -> Tensor:
    """Return the constant of the kept rows; unchanged where it belongs to no sample and no token."""
    factors = [factor for axis in layout for factor in axis]
    labels = [factor.label for factor in factors]
    if "sample" not in labels:
        return tensor
    unfolded = tensor.reshape([factor.size for factor in factors])
    if "token" in labels and rows.tokens is not None:
        sample, token = labels.index("sample"), labels.index("token")
        kept = unfolded.movedim((sample, token), (0, 1))[rows.samples[:, None], rows.tokens]
        kept = kept.movedim((0, 1), (sample, token))
    else:
        kept = unfolded.index_select(labels.index("sample"), rows.samples)
    return kept.reshape(shape_of(resize(layout, rows)))


def _broadcast_layout(tensor: Tensor, layout: Layout) -> Layout:
    return tuple(() if tensor.shape[place] == 1 else layout[place] for place in range(-tensor.ndim, 0))


def _merged(axis: Sequence[Factor]) -> Axis:
    merged: list[Factor] = []
    for factor in axis:
        if merged and not merged[-1].label and not factor.label:
            merged[-1] = Factor(merged[-1].size * factor.size)
        else:
            merged.append(factor)
    return tuple(merged)

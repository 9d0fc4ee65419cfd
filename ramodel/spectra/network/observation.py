"""What went into the modules of a network and what came out, seen by hooks."""

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from ramodel.spectra.network.call import first_tensor
from ramodel.spectra.network.evaluation import CastWeights, evaluating, run
from ramodel.spectra.network.inputs import Batch

__all__ = ["NamedBlock", "Observation", "Visit", "observe", "same_numbers"]

_SAME = {torch.float64: 1e-9, torch.float32: 1e-4}
"""Relative: two roads to one state."""


class NamedBlock(NamedTuple):
    """A block and its dotted name in the network."""

    name: str
    module: nn.Module


@dataclass
class Visit:
    """One call of one module."""

    name: str
    module: nn.Module
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    place: int | str | None
    """Where the state is: the first floating tensor, in the order of the forward's signature. None: there is none."""
    state: Tensor | None
    output: Tensor | None = None
    returned: str = "nothing"
    """Type of what came out."""
    entry: GradientEdge | None = None
    """Where the state leaves the graph upstream; where gradients were on."""
    exit: GradientEdge | None = None
    changed: bool = False
    """Whether the module wrote to its own input."""

    @property
    def keeps_shape(self) -> bool:
        """Whether there is a state that comes out in the shape in which it went in."""
        return self.state is not None and self.output is not None and self.state.shape == self.output.shape


class Observation(NamedTuple):
    """One forward of a network."""

    visits: tuple[Visit, ...]
    """In the order of the calls."""
    result: Any
    """What the network returned."""


def observe(
    model: nn.Module,
    batch: Batch,
    watched: Sequence[NamedBlock],
    weights: CastWeights,
    *,
    needed: Collection[str],
) -> Observation:
    """Send `batch` through `model` with cast weights and return what the modules `watched` saw of it.

    With gradients enabled the graph reaches from every weight to the result, and the visits hold its edges; without,
    the states are copies, which no in-place operation can change.

    Parameters
    ----------
    needed
        Names of modules. Where the network calls none of them, its embedding, blocks and head are called one after
        another instead.
    """
    visits: list[Visit] = []
    differentiable = torch.is_grad_enabled()
    if differentiable:
        batch = batch.rows(slice(None))
        for tensor in (*batch.arguments, *batch.keywords.values()):
            if tensor.is_floating_point():
                tensor.requires_grad_()
        # A leaf must not be written to in place; its copy may be.
        batch = Batch(
            tuple(tensor.clone() for tensor in batch.arguments),
            {name: tensor.clone() for name, tensor in batch.keywords.items()},
        )
    keywords: dict[str, Any] = dict(batch.keywords)
    if "use_cache" in inspect.signature(model.forward).parameters:
        keywords["use_cache"] = False
    with _watching(watched, visits), evaluating(weights.dtype):
        try:
            result = run(model, weights.of(model, differentiable=differentiable), batch.arguments, keywords)
        except (RuntimeError, IndexError) as error:
            _explain(batch, error)
            raise
        if needed and not any(visit.name in needed for visit in visits):
            visits.clear()
            result = _walk(model, batch, weights, result)
    return Observation(tuple(visits), result)


@contextmanager
def _watching(watched: Sequence[NamedBlock], visits: list[Visit]) -> Iterator[None]:
    """Record the calls of `watched` while the body runs."""
    copies: list[tuple[Tensor, int, Tensor]] = []

    def copied(tensor: Tensor) -> Tensor:
        """Return a copy; one block's output and the next one's input, which are the same tensor, share it."""
        if torch.is_grad_enabled():
            return tensor
        for original, version, copy in copies:
            if original is tensor and original._version == version:
                return copy
        copies[:] = [(tensor, tensor._version, tensor.detach().clone())]
        return copies[0][2]

    def listeners(block: NamedBlock) -> tuple[Any, Any]:
        running: list[tuple[Visit, int]] = []

        def before(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            place = _place_of_state(module, arguments, keywords)
            visit = Visit(block.name, module, arguments, keywords, place, None)
            version = 0
            if place is not None:
                state = arguments[place] if isinstance(place, int) else keywords[place]
                if torch.is_grad_enabled():
                    visit.entry = get_gradient_edge(state if state.requires_grad else state.requires_grad_())
                visit.state, version = copied(state), state._version
            visits.append(visit)
            running.append((visit, version))

        def after(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
            visit, version = running.pop()
            visit.returned = type(output).__name__
            if visit.place is not None:
                state = arguments[visit.place] if isinstance(visit.place, int) else keywords[visit.place]
                visit.changed = state._version != version
            tensor = first_tensor(output)
            if tensor is not None and tensor.is_floating_point():
                visit.output = copied(tensor)
                visit.exit = get_gradient_edge(tensor) if tensor.requires_grad else None

        return before, after

    handles = []
    try:
        for block in watched:
            before, after = listeners(block)
            handles.append(block.module.register_forward_pre_hook(before, with_kwargs=True))
            handles.append(block.module.register_forward_hook(after, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _place_of_state(module: nn.Module, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> int | str | None:
    for place, value in enumerate(arguments):
        if isinstance(value, Tensor) and value.is_floating_point():
            return place
    order = list(inspect.signature(module.forward).parameters)
    for name in sorted(keywords, key=lambda name: order.index(name) if name in order else len(order)):
        if isinstance(keywords[name], Tensor) and keywords[name].is_floating_point():
            return name
    return None


def same_numbers(first: Tensor, second: Tensor) -> bool:
    """Return whether two roads led to one state, up to rounding."""
    if first.shape != second.shape:
        return False
    scale = torch.maximum(first.abs().max(), second.abs().max())
    return bool((first - second).abs().max() <= _SAME[first.dtype] * scale)


def _walk(model: nn.Module, batch: Batch, weights: CastWeights, result: Any) -> Any:
    """Walk embedding, blocks and head where the network's forward takes a short cut (a product of its matrices)."""
    named = (getattr(model, name, None) for name in ("embedding", "blocks", "head"))
    parts = [part for part in named if isinstance(part, nn.Module)]
    if len(parts) < 3 or not batch.arguments:
        raise ValueError(
            f"the forward of {type(model).__name__} calls none of the blocks, and it has no embedding, blocks and head "
            "to walk instead; pass the modules that are called."
        )
    embedding, blocks, head = parts
    walked = batch.arguments[0]
    for part in (embedding, *blocks.children(), head):
        walked = run(part, weights.of(part, differentiable=torch.is_grad_enabled()), (walked,), {})
    if not isinstance(result, Tensor) or not same_numbers(walked.detach(), result.detach()):
        raise ValueError(
            f"the forward of {type(model).__name__} calls none of its blocks, and embedding, blocks and head one after "
            "another give another output; there are no states to measure."
        )
    return walked


def _explain(batch: Batch, error: Exception) -> None:
    """Raise ValueError in the place of what torch says of inputs that do not fit."""
    if "shape" in str(error) or "size" in str(error):
        raise ValueError(f"inputs has {batch.described}; the network refuses them ({error}).") from error
    if "indices" in str(error) or "index" in str(error):
        raise ValueError(
            f"inputs has {batch.described}; the network looks them up in a table, and fails ({error}). Whole numbers "
            "stay whole under the name of the forward's argument: inputs={'tokens': ...}."
        ) from error

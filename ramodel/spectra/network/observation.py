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
from ramodel.spectra.network.explanations import explained, refuse_inference, refuse_written
from ramodel.spectra.network.inputs import Batch

__all__ = ["Candidate", "NamedBlock", "Observation", "Visit", "observe", "same_numbers"]

_SAME = {torch.float64: 1e-9, torch.float32: 1e-4}
"""Relative: two roads to one state."""


class NamedBlock(NamedTuple):
    """A block and its dotted name in the network."""

    name: str
    module: nn.Module


@dataclass
class Candidate:
    """A floating tensor that a module was called with: its state, it may be."""

    places: tuple[int | str, ...]
    """Positions and keywords under which the module was given it."""
    state: Tensor
    entry: GradientEdge | None = None
    """Where it leaves the graph upstream; where gradients were on."""
    changed: bool = False
    """Whether the module wrote to it."""


@dataclass
class Visit:
    """One call of one module."""

    name: str
    module: nn.Module
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    candidates: tuple[Candidate, ...] = ()
    """In the order of the forward's signature."""
    chosen: int = 0
    """Which of them is the state."""
    output: Tensor | None = None
    returned: str = "nothing"
    """Type of what came out."""
    exit: GradientEdge | None = None

    @property
    def places(self) -> tuple[int | str, ...]:
        """Where the state is among the arguments; nowhere, if there is none."""
        return self._state.places if self._state else ()

    @property
    def state(self) -> Tensor | None:
        """What the module was given as its state; None where it was given no floating tensor."""
        return self._state.state if self._state else None

    @property
    def entry(self) -> GradientEdge | None:
        """Where the state leaves the graph upstream; where gradients were on."""
        return self._state.entry if self._state else None

    @property
    def changed(self) -> bool:
        """Whether the module wrote to its own state."""
        return self._state is not None and self._state.changed

    @property
    def keeps_shape(self) -> bool:
        """Whether there is a state that comes out in the shape in which it went in."""
        return self.state is not None and self.output is not None and self.state.shape == self.output.shape

    @property
    def _state(self) -> Candidate | None:
        return self.candidates[self.chosen] if self.candidates else None


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
    places: Mapping[str, int | str] | None = None,
) -> Observation:
    """Send `batch` through `model` with cast weights and return what the modules `watched` saw of it.

    With gradients enabled the graph reaches from every weight to the result, and the visits hold its edges; without,
    the states are copies, which no in-place operation can change.

    Parameters
    ----------
    needed
        Names of modules. Where the network calls none of them, its embedding, blocks and head are called one after
        another instead.
    places
        Where the state of a module is among its arguments, where that is known.
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
    with _watching(watched, visits, places or {}), evaluating(weights.dtype):
        replaced = weights.of(model, differentiable=differentiable)
        versions = {name: tensor._version for name, tensor in replaced.items()}
        with explained(model, batch, weights.dtype):
            result = run(model, replaced, batch.arguments, keywords)
        refuse_written(model, replaced, versions)
        if needed and not any(visit.name in needed for visit in visits):
            visits.clear()
            result = _walk(model, batch, weights, result)
    return Observation(tuple(visits), result)


@contextmanager
def _watching(watched: Sequence[NamedBlock], visits: list[Visit], known: Mapping[str, int | str]) -> Iterator[None]:
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
        running: list[tuple[Visit, list[tuple[Tensor, int]]]] = []

        def before(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            found = _floating(module, arguments, keywords, known.get(block.name))
            for places, tensor in found:
                refuse_inference(block.name, f"is called (argument {places[0]!r}) with", tensor)
            candidates = tuple(Candidate(places, copied(tensor), _edge(tensor)) for places, tensor in found)
            visit = Visit(block.name, module, arguments, keywords, candidates)
            visits.append(visit)
            running.append((visit, [(tensor, tensor._version) for _, tensor in found]))

        def after(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
            visit, versions = running.pop()
            visit.returned = type(output).__name__
            for candidate, (tensor, version) in zip(visit.candidates, versions, strict=True):
                candidate.changed = tensor._version != version
            first = first_tensor(output)
            if first is not None and first.is_floating_point():
                refuse_inference(block.name, "returns", first)
                visit.output = copied(first)
                visit.exit = get_gradient_edge(first) if first.requires_grad else None

        return before, after

    handles = []
    try:
        for block in watched:
            before, after = listeners(block)
            # Outside all hooks of the user: what they do belongs to the block.
            handles.append(block.module.register_forward_pre_hook(before, prepend=True, with_kwargs=True))
            handles.append(block.module.register_forward_hook(after, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _floating(
    module: nn.Module, arguments: tuple[Any, ...], keywords: Mapping[str, Any], known: int | str | None
) -> list[tuple[tuple[int | str, ...], Tensor]]:
    """Return the floating tensors that a module is called with, each once with all its places; the `known` one alone.

    Where gradients are on a state has some: others count only where there is none that has.
    """
    order = list(inspect.signature(module.forward).parameters)
    names = sorted(keywords, key=lambda name: order.index(name) if name in order else len(order))
    places: dict[int, list[int | str]] = {}
    tensors: dict[int, Tensor] = {}
    everything: list[tuple[int | str, Any]] = [*enumerate(arguments), *((name, keywords[name]) for name in names)]
    for place, value in everything:
        if isinstance(value, Tensor) and value.is_floating_point():
            places.setdefault(id(value), []).append(place)
            tensors[id(value)] = value
    found = [(tuple(places[one]), tensor) for one, tensor in tensors.items()]
    if known is not None:
        return [(where, tensor) for where, tensor in found if known in where]
    varying = [(where, tensor) for where, tensor in found if tensor.requires_grad]
    return varying or found[:1]


def _edge(tensor: Tensor) -> GradientEdge | None:
    """Return where a tensor is in the graph, as a leaf of it where it was not there yet; None where it cannot be."""
    if not torch.is_grad_enabled() and not tensor.requires_grad:
        return None
    try:
        return get_gradient_edge(tensor if tensor.requires_grad else tensor.requires_grad_())
    except RuntimeError:  # inside torch.func.vmap and the like
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

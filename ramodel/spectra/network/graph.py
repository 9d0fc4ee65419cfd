"""What the graph that autograd keeps of a forward shows: sums with a state among their terms, and where states go."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch.autograd.graph import GradientEdge

from ramodel.spectra.network.call import tensors_in
from ramodel.spectra.network.observation import Visit

__all__ = ["Graph", "Seen", "continues", "leads_to", "same_tensor", "seen_skip", "settled"]

_Edge = tuple[Any, int]
"""A node of the graph and the number of its output."""

_SAME_NUMBERS = {
    "AliasBackward0",
    "CloneBackward0",
    "ExpandBackward0",
    "ReshapeAliasBackward0",
    "SqueezeBackward0",
    "SqueezeBackward1",
    "SqueezeBackward2",
    "ToCopyBackward0",
    "UnsafeViewBackward0",
    "UnsqueezeBackward0",
    "ViewBackward0",
}
"""Steps that keep all numbers, in their order."""

_RELU = "ReluBackward0"


@dataclass(frozen=True)
class Seen:
    """What the graph of a block shows of its skip."""

    skip: Literal["inside", "masked"] | None
    last_step: str
    """The step that made the output, in torch's name."""


@dataclass
class _Sum:
    """A sum taken apart: the terms that are no sums themselves, and how often each is met."""

    terms: dict[_Edge, int] = field(default_factory=dict)
    additions: int = 0
    repeated: bool = False
    """Whether part of the sum is in it twice."""


def seen_skip(visit: Visit) -> Seen:
    """Return where the skip of a block is: "inside" where its output is a sum with the state itself among the terms.

    The way down from the output leads through additions and steps that change no number, to the state; "masked" where
    a ReLU stands above them. Every other way, such as through a norm above the addition, is no identity.
    """
    if visit.exit is None or visit.entry is None or not visit.keeps_shape:
        return Seen(None, "none that autograd recorded (torch.no_grad in the forward?)")
    entry = _edge(visit.entry)
    top = _without_views(_edge(visit.exit), entry)
    if top == entry:
        return Seen(None, "none: it returns its input")
    name = top[0].name()
    if _holds_once(_taken_apart(top, {entry}), entry):
        return Seen("inside", name)
    if name == _RELU and _holds_once(_taken_apart(top[0].next_functions[0], {entry}), entry):
        return Seen("masked", name)
    return Seen(None, name.removesuffix("0").removesuffix("Backward"))


def settled(visit: Visit) -> Visit:
    """Return the visit with that tensor as its state which the module adds to, or at least returns in the same shape.

    Most modules take their state first; some are given a position, a mask or a scale before it.
    """
    choices = [replace(visit, chosen=number) for number in range(len(visit.candidates))]
    showing = (choice for choice in choices if seen_skip(choice).skip)
    keeping = (choice for choice in choices if choice.keeps_shape)
    return next(showing, None) or next(keeping, None) or visit


def continues(visit: Visit, following: Visit) -> Literal["returned", "added"] | None:
    """Return how a state comes from the block before: "returned" by it, or "added" by the network to its input.

    A ReLU of the network above the addition is allowed. None: in neither way, or the graph does not tell.
    """
    if visit.exit is None or visit.entry is None or following.entry is None:
        return None
    output, state = _edge(visit.exit), _edge(visit.entry)
    start = _without_views(_edge(following.entry), output)
    if start == output or start == _without_views(output, state):
        return "returned"
    if start[0].name() == _RELU:
        start = start[0].next_functions[0]
    return "added" if set(_taken_apart(start, {output, state}).terms) == {output, state} else None


class Graph:
    """The graph of a whole forward, from what the network returned down."""

    def __init__(self, result: Any) -> None:
        self._parents: dict[_Edge, list[Any]] = {}
        waiting = deque(tensor.grad_fn for tensor in tensors_in(result) if tensor.grad_fn is not None)
        seen = set(waiting)
        while waiting:
            node = waiting.popleft()
            for child in node.next_functions:
                self._parents.setdefault(child, []).append(node)
                if child[0] is not None and child[0] not in seen:
                    seen.add(child[0])
                    waiting.append(child[0])

    def adds(self, visit: Visit) -> bool:
        """Return whether the network adds what a block returns to the state that it was given."""
        if visit.exit is None or visit.entry is None:
            return False
        entry, output = _edge(visit.entry), _edge(visit.exit)
        return any(
            _taken_apart((node, 0), {entry, output}).terms.keys() >= {entry, output}
            for node in self._above(output)
            if node.name() == "AddBackward0"
        )

    def _above(self, edge: _Edge) -> Iterator[Any]:
        """Yield the nodes that take `edge`, as it is or looked at in another shape."""
        for node in self._parents.get(edge, []):
            yield node
            if node.name() in _SAME_NUMBERS:
                yield from self._above((node, 0))


def leads_to(later: Visit, earlier: Visit) -> bool:
    """Return whether the state that `later` receives was computed from what `earlier` returned."""
    if later.entry is None or earlier.exit is None:
        return False
    target = earlier.exit.node
    waiting, seen = deque([later.entry.node]), {later.entry.node}
    while waiting:
        node = waiting.popleft()
        if node is target:
            return True
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                waiting.append(child)
    return False


def same_tensor(first: GradientEdge | None, second: GradientEdge | None) -> bool:
    """Return whether two edges are one tensor, or one looked at in two shapes."""
    if first is None or second is None:
        return False
    return _without_views(_edge(first), _edge(second)) == _without_views(_edge(second), _edge(first))


def _edge(edge: GradientEdge) -> _Edge:
    return edge.node, edge.output_nr


def _without_views(edge: _Edge, stop: _Edge) -> _Edge:
    while edge != stop and edge[0] is not None and edge[0].name() in _SAME_NUMBERS:
        below = edge[0].next_functions[0]
        if below[0] is None:
            break
        edge = below
    return edge


def _taken_apart(start: _Edge, stops: set[_Edge]) -> _Sum:
    found, waiting, seen = _Sum(), [start], set()
    while waiting:
        edge = waiting.pop()
        if edge[0] is None:  # a number, or a tensor without gradient
            continue
        parts = () if edge in stops else _parts(edge[0])
        if not parts:
            found.terms[edge] = found.terms.get(edge, 0) + 1
            continue
        if edge in seen:
            found.repeated = True
            continue
        seen.add(edge)
        found.additions += edge[0].name() not in _SAME_NUMBERS
        waiting.extend(parts)
    return found


def _parts(node: Any) -> tuple[_Edge, ...]:
    """Return what a node passes on with the factor 1."""
    name, below = node.name(), node.next_functions
    if name == "AddBackward0":
        return tuple(below) if node._saved_alpha == 1 else (below[0],)
    if name in ("SubBackward0", "AddcmulBackward0", "AddcdivBackward0"):
        return (below[0],)
    return (below[0],) if name in _SAME_NUMBERS else ()


def _holds_once(found: _Sum, entry: _Edge) -> bool:
    return found.additions > 0 and found.terms.get(entry) == 1 and not found.repeated

"""The graph of a recorded block: the skip taken out of it, then made small."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.maps.linear_map import Identity, LinearMap, composed
from ramodel.spectra.operators.linearised.maps.scale import Scale
from ramodel.spectra.operators.linearised.recorder import Edge

__all__ = ["Graph"]

_STATE = 0


class Graph:
    """Nodes as sums over edges; node 0 is the state, `output` the result."""

    def __init__(self, nodes: Sequence[Sequence[Edge]], output: int) -> None:
        self.nodes = [list(edges) for edges in nodes]
        self.output = output

    def remove_skip(self, identity: float | Tensor) -> bool:
        """Take the identity of the convention off the output where it is the state, or a masked sum with the state.

        Nothing is subtracted: the state is dropped from the summands. Return whether it was found among them.
        """
        if isinstance(identity, float) or identity.ndim == 0:
            rest = self._without_state(self.output)
            if rest is not None:
                self.output = rest
            return rest is not None
        match self.nodes[self.output]:
            case [Edge(source, (Scale() as mask,))] if _same(mask.factor, identity):
                rest = self._without_state(source)
                if rest is not None:
                    self.output = self._add([Edge(rest, (mask,))])
                return rest is not None
        return False

    def subtract(self, minus_identity: LinearMap) -> None:
        """Take the identity of the convention off the output as a summand of its own."""
        self.output = self._add([Edge(self.output, ()), Edge(_STATE, (minus_identity,))])

    def _without_state(self, node: int) -> int | None:
        """Return a node that is `node` less the state; None where the state is not a summand of it."""
        if node == _STATE:
            return self._add([])
        edges = self.nodes[node]
        for place, edge in enumerate(edges):
            if any(not isinstance(part, Identity) for part in edge.maps):
                continue
            others = [*edges[:place], *edges[place + 1 :]]
            if edge.source == _STATE:
                return self._add(others)
            if (inner := self._without_state(edge.source)) is not None:
                return self._add([*others, Edge(inner, ())])
        return None

    def _add(self, edges: list[Edge]) -> int:
        self.nodes.append(edges)
        return len(self.nodes) - 1

    def simplify(self) -> None:
        """Drop what does not lie between state and output, join steps in a row, merge maps where that is cheaper."""
        self._prune()
        while self._inline() or self._push():
            self._prune()

    @property
    def is_zero(self) -> bool:
        """Whether, once simplified, nothing leads from the state to the output."""
        return self.output != _STATE and not self.nodes[self.output]

    def order(self) -> list[int]:
        """Return the nodes that the output needs, each after those that it needs itself."""
        seen: set[int] = set()
        order: list[int] = []
        stack = [(self.output, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((edge.source, False) for edge in self.nodes[node])
        return order

    def reversed(self) -> "Graph":
        """Return the graph of the transpose."""
        order = self.order()
        place = {node: index for index, node in enumerate(reversed(order))}
        nodes: list[list[Edge]] = [[] for _ in order]
        for node in order:
            for edge in self.nodes[node]:
                maps = tuple(part.transposed for part in reversed(edge.maps))
                nodes[place[edge.source]].append(Edge(place[node], maps))
        return Graph(nodes, place[_STATE])

    def _prune(self) -> None:
        order = self.order()
        alive = {_STATE}
        for node in order:
            self.nodes[node] = [
                Edge(edge.source, _merged(edge.maps)) for edge in self.nodes[node] if edge.source in alive
            ]
            if self.nodes[node]:
                alive.add(node)
        for node in set(range(len(self.nodes))) - set(order):
            self.nodes[node] = []

    def _readers(self) -> dict[int, list[tuple[int, int]]]:
        """Return for every node the edges that read it, as (node, place)."""
        readers: dict[int, list[tuple[int, int]]] = {}
        for node in self.order():
            for place, edge in enumerate(self.nodes[node]):
                readers.setdefault(edge.source, []).append((node, place))
        return readers

    def _inline(self) -> bool:
        """Join the edge into a node with one edge to those out of it: a single reader, or nothing to do on the way."""
        changed = False
        for node, readers in self._readers().items():
            if node == _STATE or len(self.nodes[node]) != 1:
                continue
            into = self.nodes[node][0]
            if len(readers) > 1 and into.maps:
                continue
            for reader, place in readers:
                edge = self.nodes[reader][place]
                self.nodes[reader][place] = Edge(into.source, _merged((*into.maps, *edge.maps)))
            self.nodes[node] = []
            changed = True
        if len(self.nodes[self.output]) == 1 and not self.nodes[self.output][0].maps:
            self.output = self.nodes[self.output][0].source
        return changed

    def _push(self) -> bool:
        """Move the last map of a node with several readers into all of them, where each can absorb it."""
        for node, readers in self._readers().items():
            if node in (_STATE, self.output) or len(self.nodes[node]) != 1 or not self.nodes[node][0].maps:
                continue
            into = self.nodes[node][0]
            edges = [self.nodes[reader][place] for reader, place in readers]
            last = into.maps[-1]
            absorbed = [composed(last, edge.maps[0]) if edge.maps else None for edge in edges]
            apart = [last, *(edge.maps[0] for edge in edges if edge.maps)]
            if None in absorbed or _flops(absorbed) > _flops(apart):
                continue
            self.nodes[node] = [Edge(into.source, into.maps[:-1])]
            for (reader, place), part, edge in zip(readers, absorbed, edges, strict=True):
                if part is not None:
                    self.nodes[reader][place] = Edge(node, _merged((part, *edge.maps[1:])))
            return True
        return False


def _merged(maps: Iterable[LinearMap]) -> tuple[LinearMap, ...]:
    merged: list[LinearMap] = []
    for part in maps:
        merged.append(part)
        while len(merged) > 1 and (joint := composed(merged[-2], merged[-1])) is not None:
            merged[-2:] = [joint]
    return tuple(part for part in merged if not isinstance(part, Identity))


def _flops(maps: Iterable[LinearMap | None]) -> float:
    return math.fsum(part.flops for part in maps if part is not None)


def _same(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and bool(torch.equal(first, second))

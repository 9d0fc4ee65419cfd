"""Run a graph of linear maps: products with J, and on the reversed graph with its transpose."""

import math
from typing import NamedTuple

from torch import Tensor

from ramodel.spectra.operators.linearised.graph import Graph
from ramodel.spectra.operators.linearised.layout import Rows
from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap
from ramodel.spectra.operators.linearised.recorder import Edge

__all__ = ["Program"]


class Program:
    """A graph in the order of its steps. Call it with the tangent of the state."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        order = graph.order()
        self._places = {node: place for place, node in enumerate(order)}
        # The state comes first: every other node of a simplified graph has an edge.
        self._steps = [self._step(graph.nodes[node]) for node in order[1:]]
        last_use = {self._places[edge.source]: self._places[node] for node in order for edge in graph.nodes[node]}
        self._finished: list[list[int]] = [[] for _ in order]
        for place, user in last_use.items():
            self._finished[user].append(place)

    def __call__(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape], in memory of its own."""
        values = {0: tangent}
        total, owned = tangent, False
        for place, ((source, chain), *others) in enumerate(self._steps, 1):
            total, owned = chain.apply(values[source]), chain.owns_result
            for source, chain in others:
                if owned:
                    chain.accumulate(values[source], total)
                else:
                    total, owned = total + chain.apply(values[source]), True
            values[place] = total
            for finished in self._finished[place]:
                del values[finished]
        return total if owned else total.clone()

    @property
    def flops(self) -> float:
        """Of one product, for one problem."""
        return math.fsum(chain.flops for step in self._steps for _, chain in step)

    def transposed(self) -> "Program":
        """Return the program of the transpose."""
        return Program(self.graph.reversed())

    def take(self, rows: Rows) -> "Program":
        """Return the program of the kept rows."""
        taken: dict[int, LinearMap] = {}

        def kept(part: LinearMap) -> LinearMap:
            if id(part) not in taken:
                taken[id(part)] = part.take(rows)
            return taken[id(part)]

        nodes = [[Edge(edge.source, tuple(map(kept, edge.maps))) for edge in edges] for edges in self.graph.nodes]
        return Program(Graph(nodes, self.graph.output))

    def _step(self, edges: list[Edge]) -> "list[_Summand]":
        summands = [_Summand(self._places[edge.source], _Chain(edge.maps)) for edge in edges]
        # First what owns its memory: the others are added to it.
        return sorted(summands, key=lambda summand: not summand.chain.owns_result)


class _Chain:
    """Maps in a row; those behind one with memory of its own write to that."""

    def __init__(self, maps: tuple[LinearMap, ...]) -> None:
        self.flops = math.fsum(part.flops for part in maps)
        self.owns_result = False
        self._head = []
        for part in maps:
            self._head.append(part.overwrite if self.owns_result else part.apply)
            self.owns_result = part.owns_result or (part.is_view and self.owns_result)
        self._add = maps[-1].accumulate if maps else _add
        self._last = self._head.pop() if maps else None

    def apply(self, tangent: Tensor) -> Tensor:
        for part in self._head:
            tangent = part(tangent)
        return tangent if self._last is None else self._last(tangent)

    def accumulate(self, tangent: Tensor, total: Tensor) -> None:
        for part in self._head:
            tangent = part(tangent)
        self._add(tangent, total)


class _Summand(NamedTuple):
    source: int
    chain: _Chain


def _add(tangent: Tensor, total: Tensor) -> None:
    total.add_(tangent)

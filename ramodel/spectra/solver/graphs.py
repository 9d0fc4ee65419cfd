"""Steps replayed on a GPU, where starting a small product costs more than making it."""

from collections.abc import Callable, Hashable
from typing import TypeVar

import torch

__all__ = ["StepGraphs"]

Blocks = TypeVar("Blocks")


class StepGraphs:
    """Runs steps; where it is enabled, the second run under a key is captured in a CUDA graph and later ones replay it.

    Steps read and write tensors that stay where they are, and what they return lies in the graph: the next run under
    the same key writes over it. A step that cannot be captured, because it asks the host, is run as it is from then on.
    """

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._seen: set[Hashable] = set()
        self._captured: dict[Hashable, tuple[torch.cuda.CUDAGraph, object]] = {}

    def run(self, key: Hashable, steps: Callable[[], Blocks]) -> Blocks:
        """Return what `steps` returns."""
        if not self._enabled:
            return steps()
        if key not in self._seen:  # libraries set themselves up in the first run
            self._seen.add(key)
            return steps()
        if key not in self._captured:
            try:
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    blocks = steps()
            except RuntimeError:
                self._enabled = False
                return steps()
            self._captured[key] = graph, blocks
        graph, kept = self._captured[key]
        graph.replay()
        return kept  # type: ignore[return-value]

    def clear(self) -> None:
        """Forget what was captured: tensors have moved."""
        self._seen.clear()
        self._captured.clear()

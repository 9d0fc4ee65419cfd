"""One block of a network with all that it was called with: a function of its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

__all__ = ["BlockCall", "TakenSkip"]

TakenSkip = Literal["inside", "branch", "masked", "none"]
"""Where the skip is; what J is then: D(block) - I, D(module), D(block) - diag(1[output > 0]), D(module)."""


@dataclass(frozen=True, eq=False)
class BlockCall:
    """A block as the network called it, in the dtype of the measurement.

    ``call(state)`` gives the block's output at other states, everything else as it was. The module itself is never
    changed: its weights are replaced for the time of a call.
    """

    name: str
    module: nn.Module
    skip: TakenSkip
    state: Tensor
    """h_{l-1} [N, *shape], detached."""
    output: Tensor
    """What the module returned for it, [N, *shape]: the first entry where that was a tuple."""
    weights: Mapping[str, Tensor]
    """Parameters and buffers, cast."""
    arguments: tuple[Any, ...] = ()
    """Positional arguments, the state's place included (where it holds None)."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments, the state's place included (where it holds None)."""
    place: int | str = 0
    """Position or keyword of the state."""
    per_sample: frozenset[int | str | tuple[int | str, int]] = frozenset()
    """Places of tensors (with the index inside, for tuples) whose first axis runs over the samples."""

    def __call__(self, state: Tensor, samples: Tensor | None = None) -> Tensor:
        """Return the block's output at `state` [M, *shape]; row i belongs to sample ``samples[i]`` (all in order)."""
        raise NotImplementedError

    @property
    def identity(self) -> float | Tensor:
        """What stands on the diagonal that the convention takes off D(module): 1, the mask of the output, or 0."""
        if self.skip == "inside":
            return 1.0
        if self.skip == "masked":
            return (self.output > 0).to(self.output.dtype)
        return 0.0

    def rows(self, samples: Tensor) -> "BlockCall":
        """Return the same call for some of the samples, given as indices."""
        raise NotImplementedError



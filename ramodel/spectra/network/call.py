"""One block of a network with all that it was called with: a function of its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import Tensor, nn

from ramodel.spectra.network.evaluation import evaluating, run

__all__ = ["BlockCall", "Place", "TakenSkip", "first_tensor"]

TakenSkip = Literal["inside", "branch", "masked", "none"]
"""Where the skip is; what J is then: D(block) - I, D(module), D(block) - diag(1[output > 0]), D(module)."""

Place = int | str | tuple[int | str, int]
"""Where an argument stands: its position or keyword; with the index inside, where it is part of a tuple."""


@dataclass(frozen=True, eq=False)
class BlockCall:
    """A block as the network called it, in the dtype of the measurement.

    ``call(state)`` gives the block's output at other states, everything else as it was. The module itself is never
    changed: its weights are replaced for the time of a call.

    Examples
    --------
    >>> import torch
    >>> layer = nn.Linear(2, 2, bias=False)
    >>> state = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    >>> call = BlockCall("layer", layer, "none", state, layer(state).detach(), {"weight": torch.eye(2)}, (None,))
    >>> call(torch.tensor([[3.0, 4.0]]), samples=torch.tensor([1]))
    tensor([[3., 4.]])
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
    per_sample: frozenset[Place] = frozenset()
    """Places of tensors (with the index inside, for tuples) whose first axis runs over the samples."""

    def __call__(self, state: Tensor, samples: Tensor | None = None) -> Tensor:
        """Return the block's output at `state` [M, *shape]; row i belongs to sample ``samples[i]`` (all in order).

        Differentiable in `state`. The order of the samples matters where other arguments run over them, such as the
        attention mask of each.

        Raises
        ------
        ValueError
            If `state` has neither one row for each of `samples` nor, without them, one for each sample recorded.
        """
        if samples is not None or self.per_sample:
            expected = len(self.state) if samples is None else len(samples)
            if len(state) != expected:
                raise ValueError(
                    f"state has {len(state)} rows for {expected} samples of block {self.name!r}; say in samples which "
                    "sample each row belongs to."
                )
        arguments, keywords = self._other_arguments(samples)
        # A copy: a block may begin by writing to its input (an in-place ReLU).
        if isinstance(self.place, int):
            arguments[self.place] = state.clone()
        else:
            keywords[self.place] = state.clone()
        with evaluating(state.dtype):
            output = first_tensor(run(self.module, self.weights, arguments, keywords))
        assert output is not None, f"block {self.name!r} returned a tensor when it was recorded"
        return output

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
        arguments, keywords = self._other_arguments(samples)
        return replace(
            self,
            state=self.state[samples],
            output=self.output[samples],
            arguments=tuple(arguments),
            keywords=keywords,
        )

    def at(self, state: Tensor) -> "BlockCall":
        """Return the same block at other states [M, *shape], such as class means.

        Raises
        ------
        ValueError
            If the block is called with something else for each sample (an attention mask), which other states lack.
        """
        if self.per_sample:
            raise ValueError(
                f"block {self.name!r} is called with more than its state for each sample (such as a mask), which means "
                "of states do not have; measure without class means."
            )
        return replace(self, state=state, output=self(state).detach())

    def _other_arguments(self, samples: Tensor | None) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments besides the state, those that run over the samples reduced to `samples`."""

        def of_samples(place: int | str, value: Any) -> Any:
            if place in self.per_sample:
                return value[samples]
            if isinstance(value, (tuple, list)):
                return tuple(
                    part[samples] if (place, index) in self.per_sample else part for index, part in enumerate(value)
                )
            return value

        if samples is None:
            return list(self.arguments), dict(self.keywords)
        return (
            [of_samples(place, value) for place, value in enumerate(self.arguments)],
            {name: of_samples(name, value) for name, value in self.keywords.items()},
        )


def first_tensor(output: Any) -> Tensor | None:
    """Return `output`, or the first tensor in it where a module returned a tuple, a list or a mapping; None without."""
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, (tuple, list)):
        output = next((part for part in output if isinstance(part, Tensor)), None)
    return output if isinstance(output, Tensor) else None

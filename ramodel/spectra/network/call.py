"""One block of a network with all that it was called with: a function of its state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ramodel.spectra.network.evaluation import evaluating, run

__all__ = ["BlockCall", "Place", "TakenSkip", "first_tensor", "tensors_in"]

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
    """Positional arguments, the state's places included (where they hold None)."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments, the state's places included (where they hold None)."""
    places: tuple[int | str, ...] = (0,)
    """Positions and keywords of the state: several where the network hands it over so (as query, key and value)."""
    per_sample: Mapping[Place, int] = field(default_factory=dict)
    """Places of tensors (with the index inside, for tuples) whose first axis runs over the samples, with the number of
    rows there that each sample has: 1, or such as one for every head of attention."""

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
        state = state.clone()
        for place in self.places:
            if isinstance(place, int):
                arguments[place] = state
            else:
                keywords[place] = state
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
        if samples is None:
            return list(self.arguments), dict(self.keywords)

        def rows(place: Place, tensor: Any) -> Any:
            if place not in self.per_sample:
                return tensor
            each = self.per_sample[place]
            return tensor[(samples[:, None] * each + torch.arange(each, device=samples.device)).flatten()]

        def of_samples(place: int | str, value: Any) -> Any:
            if isinstance(value, (tuple, list)):
                return tuple(rows((place, index), part) for index, part in enumerate(value))
            return rows(place, value)

        return (
            [of_samples(place, value) for place, value in enumerate(self.arguments)],
            {name: of_samples(name, value) for name, value in self.keywords.items()},
        )


def first_tensor(output: Any) -> Tensor | None:
    """Return `output`, or the first tensor in it where a module returned several things; None without."""
    return next(tensors_in(output), None)


def tensors_in(output: Any) -> Iterator[Tensor]:
    """Yield the tensors that a module returned: by itself or in tuples, lists, mappings and dataclasses, in order."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        output = list(output.values())
    elif is_dataclass(output) and not isinstance(output, type):
        output = [getattr(output, one.name) for one in fields(output)]
    if isinstance(output, (tuple, list)):
        for part in output:
            yield from tensors_in(part)

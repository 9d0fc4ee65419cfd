"""What a network is called with: one array, or the named arrays of a Hugging Face model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ramodel.checks import finite_array

__all__ = ["Batch", "Inputs"]

Inputs = ArrayLike | Tensor | Mapping[str, ArrayLike | Tensor]
"""Samples first: one array or tensor, or a mapping of them by the names of the forward's arguments."""


@dataclass(frozen=True)
class Batch:
    """Samples of a network's input: what its forward takes, the first axis of everything over the samples."""

    arguments: tuple[Tensor, ...]
    keywords: dict[str, Tensor]

    @classmethod
    def of(cls, inputs: "Inputs | Batch") -> "Batch":
        """Return `inputs` as a batch, its numbers as they were given.

        Raises
        ------
        TypeError
            If an entry is not a real number.
        ValueError
            If there is no axis of samples, two axes of samples differ, or a number is not finite.

        Examples
        --------
        >>> len(Batch.of({"input_ids": [[5, 7, 1], [2, 2, 0]]}))
        2
        """
        if isinstance(inputs, Batch):
            return inputs
        if not isinstance(inputs, Mapping):
            tensor = _tensor("inputs", inputs)
            if tensor.dtype == torch.bool:
                raise TypeError("inputs has entries of type torch.bool; it must hold real numbers.")
            if tensor.ndim < 2 or tensor.numel() == 0:
                shape = tuple(tensor.shape)
                raise ValueError(f"inputs has shape {shape}; it must be a batch [N, ...] of one sample or more.")
            return cls((tensor,), {})
        if not inputs:
            raise ValueError("inputs is an empty mapping; it must hold the arguments of the network's forward.")
        keywords = {str(name): _tensor(f"inputs[{name!r}]", value) for name, value in inputs.items()}
        first, samples = next((name, tensor.shape[:1]) for name, tensor in keywords.items())
        for name, tensor in keywords.items():
            if tensor.ndim == 0 or tensor.numel() == 0 or tensor.shape[:1] != samples:
                raise ValueError(
                    f"inputs[{name!r}] has shape {tuple(tensor.shape)} and inputs[{first!r}] "
                    f"{tuple(keywords[first].shape)}; each must be a batch [N, ...] of the same N samples."
                )
        return cls((), keywords)

    def __len__(self) -> int:
        return len(self._any)

    def rows(self, samples: Tensor | slice) -> "Batch":
        """Return the batch of some of the samples."""
        return Batch(
            tuple(tensor[samples] for tensor in self.arguments),
            {name: tensor[samples] for name, tensor in self.keywords.items()},
        )

    def on(self, model: nn.Module, dtype: torch.dtype) -> "Batch":
        """Return a copy on the device of `model`, its floating numbers in `dtype`.

        Whole numbers stay whole under a name, and where the network has an ``nn.Embedding`` to look them up in;
        elsewhere they become floating numbers.
        """
        device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), self._any.device)
        looks_up = any(isinstance(module, (nn.Embedding, nn.EmbeddingBag)) for module in model.modules())

        def copied(tensor: Tensor, *, whole: bool) -> Tensor:
            if not tensor.is_floating_point() and whole:
                kept = tensor if tensor.dtype == torch.bool else tensor.long()
                return kept.to(device, copy=True)
            return tensor.detach().to(device, dtype, copy=True)

        return Batch(
            tuple(copied(tensor, whole=looks_up) for tensor in self.arguments),
            {name: copied(tensor, whole=True) for name, tensor in self.keywords.items()},
        )

    @property
    def described(self) -> str:
        """Return the shapes of one sample in words."""
        if self.arguments:
            return f"samples of shape {tuple(self.arguments[0].shape[1:])}"
        return "samples of " + ", ".join(f"{name} {tuple(tensor.shape[1:])}" for name, tensor in self.keywords.items())

    @property
    def _any(self) -> Tensor:
        return next(iter((*self.arguments, *self.keywords.values())))


def _tensor(name: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        if value.is_nested or value.is_meta or value.layout != torch.strided:
            kind = "nested" if value.is_nested else "meta" if value.is_meta else "sparse"
            raise TypeError(f"{name} is a {kind} tensor; it must hold all its numbers ({name}.to_dense(), or padded).")
        if value.is_complex():
            raise TypeError(f"{name} has entries of type {value.dtype}; it must hold real numbers.")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            spot = ", ".join(map(str, (~torch.isfinite(value)).nonzero()[0].tolist()))
            raise ValueError(f"{name}[{spot}] is not finite; every entry must be a finite number.")
        return value.detach()
    if isinstance(value, np.ndarray) and value.dtype == np.bool_:
        return torch.from_numpy(value.copy())
    floats = finite_array(name, value, nonempty=False)
    given = np.asarray(value)
    return torch.from_numpy(given.astype(np.int64) if given.dtype.kind in "iu" else floats)

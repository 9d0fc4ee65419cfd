"""A network that is to be measured, with what is known of it."""

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ramodel.nets import DataChoice, Inputs

__all__ = ["Subject"]


class Subject(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A network to measure, what inputs it wants, and how to make it anew without its training.

    Parameters
    ----------
    name
        What to call it in print.
    network
        In evaluation mode, on the CPU.
    fresh
        Makes the network as it was before training, from a seed; None where nothing says how.
    classes
        Number of logits; None where it is not a classifier, or unknown.
    head
        Weights [classes, width] that read the last state as it is; None where something stands between.
    mean, std
        Of each channel, with which its images are normalised; None where unknown.
    image_size
        Height and width of its images; None where unknown.
    keyword
        Name under which it takes its inputs; None where by position.
    vocabulary
        Number of tokens, of a network that reads text.
    longest
        Most tokens in a row that it takes; None where unknown.
    data
        What it was trained on, for networks of `ramodel train`.
    images
        File in the data folder with images that it was trained on.
    """

    name: str
    network: nn.Module
    fresh: Callable[[int], nn.Module] | None = None
    classes: int | None = None
    head: Tensor | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    image_size: int | None = None
    keyword: str | None = None
    vocabulary: int | None = None
    longest: int | None = None
    data: DataChoice | None = None
    images: str | None = None

    def arguments(self, inputs: Inputs) -> NDArray[Any] | dict[str, Tensor]:
        """Return `inputs` in the form in which the network, and `ramodel.measure`, takes them.

        The network is called with the first of them, so that what does not fit is found before anything is computed.

        Raises
        ------
        ValueError
            If the network refuses them, or has no use for their attention mask.
        """
        values = inputs.values
        keyword = self.keyword if inputs.attention_mask is None else self._keyword_beside_mask(inputs.origin)
        arguments = values if keyword is None else {keyword: torch.as_tensor(values)}
        if isinstance(arguments, dict) and inputs.attention_mask is not None:
            arguments["attention_mask"] = torch.as_tensor(inputs.attention_mask)
        try:
            self._call(self.network, arguments, 1)
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            hint = f" It wants images of {self.image_size} x {self.image_size}." if self.image_size else ""
            raise ValueError(
                f"{self.name} refuses inputs of {inputs.origin}, {values.dtype} of shape {values.shape[1:]} each "
                f"({type(error).__name__}: {str(error).strip()}).{hint}"
            ) from error
        return arguments

    def untrained(self, inputs: Inputs, *, seed: int = 0) -> nn.Module:
        """Return the network as it was before training: the control, with other weights from `seed`.

        BatchNorm takes its statistics from `inputs`, as it does at the first step of a training; without any, states
        would double from block to block.

        Raises
        ------
        ValueError
            If nothing says how to make the network, or one input is too few for statistics.
        """
        if self.fresh is None:
            raise ValueError(
                f"untrained is asked for, but nothing says how to make {self.name} without its training. For "
                "--model-file give the trained weights by --weights, apart from the function that builds the network."
            )
        network = self.fresh(seed).eval()
        norms = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over what comes
            norm.train()
        try:
            if norms:
                self._call(network, self.arguments(inputs), len(inputs.values))
        except ValueError as error:
            if len(inputs.values) > 1:
                raise
            raise ValueError("inputs is 1; an untrained network with BatchNorm needs more, for statistics.") from error
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
        return network

    def _keyword_beside_mask(self, origin: str) -> str:
        """Return the name of the argument that takes the inputs, of a forward that takes an attention mask too."""
        names = list(inspect.signature(self.network.forward).parameters)
        if "attention_mask" not in names and self.keyword is None:
            raise ValueError(
                f"{self.name} takes no attention_mask, but {origin} holds one: the numbers would be those of inputs "
                "without it. Add that argument to its forward, or leave it out of the file."
            )
        return self.keyword or names[0]

    def _call(self, network: nn.Module, arguments: NDArray[Any] | dict[str, Tensor], count: int) -> None:
        """Let `network` see the first `count` inputs, in its own floating-point type."""
        dtype = next((weight.dtype for weight in network.parameters() if weight.is_floating_point()), torch.float32)

        def rows(values: NDArray[Any] | Tensor) -> Tensor:
            tensor = torch.as_tensor(values)[:count]
            return tensor.to(dtype) if tensor.is_floating_point() else tensor

        with torch.no_grad():
            if isinstance(arguments, dict):
                network(**{name: rows(values) for name, values in arguments.items()})
            else:
                network(rows(arguments))

"""What networks are called with: rows of numbers, as data sets store them, and rows as images."""

import torch
from torch import Tensor

__all__ = ["as_images", "as_rows", "pooled"]


def as_rows(inputs: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """Return `inputs` if it is a tensor [N, length] of type `dtype`; else raise TypeError or ValueError."""
    return _checked(inputs, (length,), dtype)


def as_images(inputs: Tensor, image_shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return rows [N, height x width (x channels)], as data sets store them, as images [N, channels, height, width].

    Images [N, channels, height, width] are returned as they are, of any height and width: networks that end with a mean
    over pixels take them all.

    Raises
    ------
    TypeError, ValueError
        If `inputs` is neither, or not of type `dtype`.

    Examples
    --------
    >>> as_images(torch.zeros(5, 12), (2, 2, 3), torch.float32).shape
    torch.Size([5, 3, 2, 2])
    """
    height, width, channels = (*image_shape, 1)[:3]
    if getattr(inputs, "ndim", 0) == 4:
        return _checked(inputs, (channels, *inputs.shape[2:]), dtype)
    rows = as_rows(inputs, height * width * channels, dtype)
    return rows.reshape(-1, height, width, channels).permute(0, 3, 1, 2)


def pooled(hidden: Tensor) -> Tensor:
    """Return the mean over the pixels of states [N, channels, height, width], or states [N, width] as they are."""
    return hidden.mean(dim=(2, 3)) if hidden.ndim == 4 else hidden


def _checked(inputs: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    if not isinstance(inputs, Tensor):
        raise TypeError(f"inputs is a {type(inputs).__name__}; it must be a torch tensor: torch.as_tensor(inputs).")
    if inputs.shape[1:] != shape or inputs.ndim == 0:
        wanted = ", ".join(map(str, ("any", *shape)))
        raise ValueError(f"inputs has shape {tuple(inputs.shape)}; it must have shape ({wanted}).")
    if inputs.dtype != dtype:
        raise TypeError(f"inputs has type {inputs.dtype}; the network has {dtype}: inputs.to({dtype}).")
    return inputs

"""Images shifted and mirrored at random, a mini-batch at a time and on its device, by index arithmetic."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ramodel.nets.training.config import Augmentation

__all__ = ["Augmenter", "Changes"]

_SHARE = 8
"""Shifts go up to one part in so many of a side: 4 pixels of 32, 3 of 28, 1 of 8."""


class Changes(NamedTuple):
    """What happens to each image of the training set in one epoch."""

    down: Tensor
    """Rows by which the picture moves down, int64 [N], negative for up."""
    right: Tensor
    """Columns by which it moves right, int64 [N]."""
    mirrored: Tensor
    """Whether left and right change places first, bool [N]."""


class Augmenter:
    """The images of a training set, and what they look like in any epoch.

    Zeros move in at the edges: the mean of the training images where these are normalised.

    Parameters
    ----------
    inputs
        Training set [N, d], flat images in the order of NumPy.
    image_shape
        (height, width) or (height, width, channels).
    kind
        "flip", "crop" or "crop-flip".
    seed
        Seed of the shifts and mirrors.

    Raises
    ------
    ValueError
        If the inputs are no images.

    Examples
    --------
    >>> row = torch.tensor([[1.0, 2.0, 3.0]])
    >>> augmenter = Augmenter(row, (1, 3), "crop-flip", seed=0)
    >>> to_the_right = Changes(torch.tensor([0]), torch.tensor([1]), torch.tensor([True]))
    >>> augmenter.images(torch.tensor([0]), to_the_right)
    tensor([[0., 3., 2.]])
    """

    def __init__(self, inputs: Tensor, image_shape: tuple[int, ...], kind: Augmentation, seed: int) -> None:
        if len(image_shape) not in (2, 3) or not inputs.is_floating_point():
            raise ValueError(
                f"augmentation is {kind!r}; the samples are no images, but of shape {image_shape}. Use 'none'."
            )
        self._height, self._width = image_shape[:2]
        self._pixels = inputs.reshape(len(inputs) * self._height * self._width, -1)
        self._samples = len(inputs)
        self._kind = kind
        self._seed = seed
        self._rows = torch.arange(self._height, device=inputs.device)
        self._columns = torch.arange(self._width, device=inputs.device)

    def drawn(self, epoch: int) -> Changes:
        """Return the changes of `epoch`, which depend on it and on the seed alone."""
        generator = np.random.default_rng([self._seed, epoch, 1])  # [seed, epoch] orders the mini-batches
        limits = [side // _SHARE if "crop" in self._kind else 0 for side in (self._height, self._width)]
        shifts = [generator.integers(-limit, limit, self._samples, endpoint=True) for limit in limits]
        mirrored = (generator.random(self._samples) < 0.5) & ("flip" in self._kind)
        down, right, mirror = (torch.from_numpy(drawn).to(self._pixels.device) for drawn in (*shifts, mirrored))
        return Changes(down, right, mirror)

    def images(self, rows: Tensor, changes: Changes) -> Tensor:
        """Return the images in `rows` [B] after `changes`, [B, d]."""
        down, right, mirrored = (each[rows, None] for each in changes)
        y, x = self._rows - down, self._columns - right
        inside = ((y >= 0) & (y < self._height))[:, :, None] & ((x >= 0) & (x < self._width))[:, None, :]
        y, x = y.clamp(0, self._height - 1), x.clamp(0, self._width - 1)
        x = torch.where(mirrored, self._width - 1 - x, x)
        index = ((rows[:, None] * self._height + y) * self._width)[:, :, None] + x[:, None, :]
        found = self._pixels[index.flatten()] * inside.flatten()[:, None]
        return found.view(len(rows), -1)

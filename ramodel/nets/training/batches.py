"""Mini-batches: which samples, and what their images look like, from seed and epoch alone."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ramodel.nets.training.augmentation import Augmenter
from ramodel.nets.training.config import TrainingConfig

__all__ = ["MiniBatches", "epoch_rows", "side_by_side"]


def epoch_rows(
    config: TrainingConfig, samples: int, epoch: int, *, at_least: int = 1, device: torch.device | None = None
) -> list[Tensor | slice]:
    """Return the rows of each mini-batch of `epoch`; one slice of all where there is only one.

    Parameters
    ----------
    config
        Its `batch_size` and `seed`.
    samples
        Size of the training set.
    epoch
        From 0.
    at_least
        A last mini-batch of fewer samples joins the one before: BatchNorm needs two.
    device
        Where the rows are; None for the CPU.

    Examples
    --------
    >>> config = TrainingConfig(optimiser="sgd", batch_size=2)
    >>> [len(rows) for rows in epoch_rows(config, 5, epoch=0)]
    [2, 2, 1]
    >>> [len(rows) for rows in epoch_rows(config, 5, epoch=0, at_least=2)]
    [2, 3]
    """
    if config.batch_size is None or config.batch_size >= samples:
        return [slice(None)]
    order = torch.from_numpy(np.random.default_rng([config.seed, epoch]).permutation(samples)).to(device)
    batches = list(torch.split(order, config.batch_size))
    if len(batches[-1]) < at_least:
        *batches, before, last = batches
        batches.append(torch.cat([before, last]))
    return list(batches)


class MiniBatches:
    """The training set, on the device of the network, and the mini-batches of any epoch of it.

    Parameters
    ----------
    inputs, labels
        Training set [N, ...], [N, ...].
    image_shape
        Of the rows of `inputs`; needed where images are augmented.
    config
        Size, seed and augmentation.
    at_least
        As in `epoch_rows`.
    """

    def __init__(
        self, inputs: Tensor, labels: Tensor, image_shape: tuple[int, ...], config: TrainingConfig, *, at_least: int
    ) -> None:
        self.inputs = inputs
        self.labels = labels
        self._config = config
        self._at_least = at_least
        self.augmenter = (
            None if config.augmentation == "none" else Augmenter(inputs, image_shape, config.augmentation, config.seed)
        )

    def of_epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and labels of each mini-batch of `epoch`, augmented."""
        if self.augmenter is None:
            for rows in self.rows(epoch):
                yield self.inputs[rows], self.labels[rows]
            return
        changes = self.augmenter.drawn(epoch)
        everything = torch.arange(len(self.labels), device=self.labels.device)
        for rows in self.rows(epoch):
            yield self.augmenter.images(everything[rows], changes), self.labels[rows]

    def rows(self, epoch: int) -> list[Tensor | slice]:
        """Return the rows of each mini-batch of `epoch`, on the device."""
        return epoch_rows(self._config, len(self.labels), epoch, at_least=self._at_least, device=self.labels.device)


def side_by_side(sets: Sequence[MiniBatches], epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the mini-batches of `epoch` of K training sets together: inputs [B, K, ...] and labels [B, K].

    One training set that stands there K times, each time in an order of its own, is read in one go.
    """
    first = sets[0]
    if any(each.inputs is not first.inputs or each.augmenter is not None for each in sets):
        for pieces in zip(*(each.of_epoch(epoch) for each in sets), strict=True):
            inputs, labels = (torch.stack(of_all, dim=1) for of_all in zip(*pieces, strict=True))
            yield inputs, labels
        return
    for rows in zip(*(each.rows(epoch) for each in sets), strict=True):
        if isinstance(rows[0], slice):
            everything = torch.arange(len(first.labels), device=first.labels.device)
            chosen = everything[:, None].expand(-1, len(sets))
        else:
            chosen = torch.stack(rows, dim=1)
        yield first.inputs[chosen], first.labels[chosen]

"""Means over the samples of each class."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

__all__ = ["class_means", "class_shares", "whole_labels"]


def class_means(states: Tensor, labels: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
    """Return the classes in increasing order, ``[C]``, and the mean of `states` over each, ``[L + 1, C, *shape]``.

    Parameters
    ----------
    states
        ``[L + 1, N, *shape]``.
    labels
        ``[N]``, whole numbers.

    Raises
    ------
    TypeError, ValueError
        If `labels` does not hold one whole number for each sample.

    Examples
    --------
    >>> classes, means = class_means(torch.tensor([[[0.0], [2.0], [5.0]]]), [1, 1, 0])
    >>> classes.tolist(), means.flatten().tolist()
    ([0, 1], [5.0, 1.0])
    """
    whole = whole_labels("labels", labels, states.shape[1]).to(states.device)
    classes, shares = class_shares(whole, states.dtype)
    return classes, torch.einsum("ln...,nc->lc...", states, shares)


def class_shares(labels: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the classes in increasing order, [C], and the share of each sample in the mean of each class, [N, C]."""
    classes, members = torch.unique(labels, return_inverse=True)
    counted = torch.nn.functional.one_hot(members, len(classes)).to(dtype)
    return classes, counted / counted.sum(0)


def whole_labels(name: str, labels: ArrayLike | Tensor, samples: int) -> Tensor:
    """Return `labels` as int64 ``[samples]``; raise TypeError or ValueError where they are not whole numbers."""
    array = np.asarray(labels.detach().cpu() if isinstance(labels, Tensor) else labels)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} has entries of type {array.dtype}; it must hold whole numbers, one for each sample.")
    if array.shape != (samples,):
        raise ValueError(f"{name} has shape {array.shape}; with {samples} samples it must have shape ({samples},).")
    return torch.tensor(array.astype(np.int64))

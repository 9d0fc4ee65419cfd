"""Losses of the logits, as means over samples."""

from typing import Literal

import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

__all__ = ["Loss", "mean_loss", "mean_losses", "one_hot"]

Loss = Literal["cross-entropy", "squared"]


def mean_loss(loss: Loss, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean loss of `logits` [N, C]: cross-entropy, or (1/2N) ||Z - Y||_F^2 with one-hot Y.

    Logits [N, T, C] of text have labels [N, T]; the mean is then over all N T tokens.

    Examples
    --------
    >>> import torch
    >>> labels = torch.tensor([0, 1])
    >>> float(mean_loss("cross-entropy", torch.zeros(2, 4, dtype=torch.float64), labels).exp())
    4.0
    >>> float(mean_loss("squared", torch.zeros(2, 4, dtype=torch.float64), labels))
    0.5
    """
    if logits.ndim > 2:
        logits, labels = logits.flatten(0, -2), labels.flatten()
    if loss == "cross-entropy":
        return F.cross_entropy(logits, labels)
    return 0.5 * (logits - one_hot(labels, logits.shape[1])).square().sum() / len(labels)


def mean_losses(loss: Loss, logits: Tensor, labels: Tensor) -> Tensor:
    """Return [K]: the `mean_loss` of each of K networks, whose logits are [N, K, ..., C] and labels [N, K, ...].

    Examples
    --------
    >>> import torch
    >>> labels = torch.tensor([[0, 0], [1, 1]])
    >>> logits = torch.tensor([0.0, 1.0], dtype=torch.float64)[:, None] * torch.eye(2)[labels]
    >>> mean_losses("squared", logits, labels)
    tensor([0.5000, 0.0000], dtype=torch.float64)
    """
    if loss == "cross-entropy":
        of_samples = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="none").view(labels.shape)
    else:
        of_samples = 0.5 * (logits - one_hot(labels, logits.shape[-1])).square().sum(dim=-1)
    return of_samples.transpose(0, 1).flatten(1).mean(dim=1)


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Return Y [N, C] in float32: row n has a one at the label of sample n.

    Logits of autocast, in bfloat16, are promoted by it, so that no digits of their errors are lost.
    """
    return F.one_hot(labels, classes).float()

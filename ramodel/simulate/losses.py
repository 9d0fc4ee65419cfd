"""The three losses of the logits: value, gradient, and Hessian, for many starts at once.

Logits are [starts, classes, samples]. Every gradient is accurate relative to its own size, however small the
probabilities of the wrong classes are: they are what is left at small decay.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ramodel.problem import Problem

__all__ = ["CrossEntropy", "Logistic", "LogitLoss", "Squared", "collapsed_loss"]

Logits = Float[Tensor, "starts classes samples"]


class LogitLoss(Protocol):
    """A loss of the logits."""

    def evaluate(self, logits: Logits) -> tuple[Float[Tensor, " starts"], Logits]:
        """Return the values and the gradients."""

    def hessian(self, logits: Logits) -> Callable[[Logits], Logits]:
        """Return the map from changes of the logits to changes of the gradient."""


class Squared:
    """``(1/2N) ||Z - Y||_F^2 + constant`` with Y [C, n]."""

    def __init__(self, targets: Float[Tensor, "classes samples"], samples: int, constant: float) -> None:
        self._targets, self._samples, self._constant = targets, samples, constant

    def evaluate(self, logits: Logits) -> tuple[Float[Tensor, " starts"], Logits]:
        """Return the values and the gradients."""
        residuals = logits - self._targets
        value = residuals.square().sum(dim=(1, 2)) / (2 * self._samples) + self._constant
        return value, residuals / self._samples

    def hessian(self, logits: Logits) -> Callable[[Logits], Logits]:
        """Return the map from changes of the logits to changes of the gradient."""
        return lambda change: change / self._samples


class CrossEntropy:
    """``mean_n ln sum_j exp(z_jn - z_yn)`` with the labels as a one-hot mask [C, N]."""

    def __init__(self, one_hot: Bool[Tensor, "classes samples"]) -> None:
        self._one_hot = one_hot

    def _wrong(self, logits: Logits) -> tuple[Tensor, Logits]:
        """Return the loss of each sample and the probabilities of the wrong classes (0 at the right one)."""
        right = torch.where(self._one_hot, logits, 0.0).sum(dim=1, keepdim=True)
        margins = (logits - right).masked_fill(self._one_hot, -torch.inf)
        wrong = torch.logsumexp(margins, dim=1, keepdim=True)
        losses = torch.logaddexp(wrong, torch.zeros_like(wrong))
        return losses.squeeze(1), torch.exp(margins - losses)

    def evaluate(self, logits: Logits) -> tuple[Float[Tensor, " starts"], Logits]:
        """Return the values and the gradients."""
        losses, wrong = self._wrong(logits)
        gradient = torch.where(self._one_hot, -wrong.sum(dim=1, keepdim=True), wrong)
        return losses.mean(dim=1), gradient / logits.shape[-1]

    def hessian(self, logits: Logits) -> Callable[[Logits], Logits]:
        """Return the map from changes of the logits to changes of the gradient."""
        losses, wrong = self._wrong(logits)
        right = torch.exp(-losses)[:, None]
        probabilities = torch.where(self._one_hot, right, wrong)

        def apply(change: Logits) -> Logits:
            # Relative to the right class, so that the large common part never enters.
            relative = change - torch.where(self._one_hot, change, 0.0).sum(dim=1, keepdim=True)
            mean = (wrong * relative).sum(dim=1, keepdim=True)
            return probabilities * (relative - mean) / logits.shape[-1]

        return apply


class Logistic:
    """``mean_n ln(1 + exp(-y_n z_n))`` with y = +-1 and one logit."""

    def __init__(self, signs: Float[Tensor, "one samples"]) -> None:
        self._signs = signs

    def evaluate(self, logits: Logits) -> tuple[Float[Tensor, " starts"], Logits]:
        """Return the values and the gradients."""
        margins = self._signs * logits
        losses = torch.logaddexp(-margins, torch.zeros_like(margins))
        return losses.mean(dim=(1, 2)), -self._signs * torch.sigmoid(-margins) / logits.shape[-1]

    def hessian(self, logits: Logits) -> Callable[[Logits], Logits]:
        """Return the map from changes of the logits to changes of the gradient."""
        weights = torch.sigmoid(logits) * torch.sigmoid(-logits) / logits.shape[-1]
        return lambda change: weights * change


def collapsed_loss(problem: Problem, device: torch.device) -> tuple[Tensor, LogitLoss]:
    """Return the inputs [n, d_in] of a problem and the loss of their logits; n < N where the loss allows it."""

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    if problem.loss == "logistic":
        return tensor(problem.inputs), Logistic(tensor(problem.targets.astype(np.float64)[None]))
    if problem.targets.ndim == 1:
        one_hot = problem.targets[:, None] == np.arange(problem.classes)
        if problem.loss == "cross-entropy":
            return tensor(problem.inputs), CrossEntropy(tensor(one_hot.T))
        targets = one_hot.astype(np.float64)
    else:
        targets = problem.targets.astype(np.float64)
    # X = Q R: ||X M^T - Y||^2 = ||R M^T - Q^T Y||^2 + ||Y - Q Q^T Y||^2, and R has at most d_in rows.
    basis, inputs = np.linalg.qr(problem.inputs)
    reached = basis.T @ targets
    constant = float(np.square(targets - basis @ reached).sum()) / (2 * problem.samples)
    return tensor(inputs), Squared(tensor(reached.T), problem.samples, constant)

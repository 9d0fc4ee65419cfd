"""The three losses as functions of the end-to-end map, for many maps at once: value, gradient, Hessian products.

Maps are [B, C, r] and act on samples given as rows [N, r] (None: the r unit vectors, one sample each). What a loss
keeps of a point for its Hessian is a tuple of arrays with the map's index first.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from ramodel.theory.model import Array

__all__ = ["CrossEntropyLoss", "LogisticLoss", "MapLoss", "SquaredLoss"]

Kept = tuple[Array, ...]


class MapLoss(ABC):
    """A mean loss of the logits Z = M X, as a function of M."""

    classes: int
    """C, rows of M."""

    width: int
    """r, columns of M."""

    readout: Array
    """A plain map [C, r] that tells the targets: the ridge regression on them, where descents can start from."""

    @abstractmethod
    def evaluate(self, maps: Array) -> tuple[Array, Array, Kept]:
        """Return values [B], gradients [B, C, r] and what `hessian_product` needs."""

    @abstractmethod
    def hessian_product(self, kept: Kept, change: Array) -> Array:
        """Return the change [B, C, r] of the gradient under a change [B, C, r] of the map."""

    @abstractmethod
    def curvature(self, kept: Kept) -> Array:
        """Return the scale of the Hessian's eigenvalues, [B] or [1] if all maps share it."""


class SquaredLoss(MapLoss):
    """``(1/2N) ||Z - Y||_F^2``, in the moments of the data: no sum over samples is left.

    Parameters
    ----------
    inputs : array [N, r]
        X, samples as rows.
    targets : array [N, C]
        Y.
    """

    def __init__(self, inputs: Array, targets: Array) -> None:
        self.classes, self.width = targets.shape[1], inputs.shape[1]
        self.moment = inputs.T @ inputs / len(inputs)
        self._largest = np.array([np.linalg.norm(self.moment, 2)])
        self._cross = targets.T @ inputs / len(inputs)
        self.regression = np.asarray(np.linalg.lstsq(inputs, targets, rcond=None)[0].T, dtype=np.float64)
        """The map of least loss, [C, r]."""
        self.readout = self.regression
        self._least = float(np.square(inputs @ self.regression.T - targets).sum()) / (2.0 * len(inputs))

    def evaluate(self, maps: Array) -> tuple[Array, Array, Kept]:
        """Return values [B], gradients [B, C, r] and nothing: the Hessian is constant."""
        gradient = maps @ self.moment - self._cross
        difference = maps - self.regression
        value = self._least + 0.5 * (difference * (difference @ self.moment)).sum(axis=(1, 2))
        return value, gradient, ()

    def hessian_product(self, kept: Kept, change: Array) -> Array:
        """Return the change of the gradient."""
        product: Array = change @ self.moment
        return product

    def curvature(self, kept: Kept) -> Array:
        """Return the largest eigenvalue: with the mean, the last digits took half as many Hessian products again."""
        return self._largest


class CrossEntropyLoss(MapLoss):
    """``mean_n ln sum_j exp(z_jn - z_yn)``; gradients accurate relative to their own size at any margin.

    Parameters
    ----------
    inputs : array [N, r] or None
        X, samples as rows; None for one sample e_n for each label, r = N.
    labels : int array [N]
        Classes 0..C-1.
    classes
        C.
    """

    def __init__(self, inputs: Array | None, labels: NDArray[np.int64], classes: int) -> None:
        self.classes, self.width = classes, len(labels) if inputs is None else inputs.shape[1]
        self._inputs = inputs
        self._mean_inputs = None if inputs is None else inputs / len(inputs)
        self._mean_square = 1.0 / self.width if inputs is None else float(np.square(inputs).mean())
        self._right = labels * len(labels) + np.arange(len(labels))  # where the right logits are in [C N]
        one_hot = (labels[:, np.newaxis] == np.arange(classes)) - 1.0 / classes
        self.readout = one_hot.T if inputs is None else _ridge_regression(inputs, one_hot)

    def evaluate(self, maps: Array) -> tuple[Array, Array, Kept]:
        """Return values [B], gradients [B, C, r], and the probabilities of the wrong classes and of the right one."""
        margins = self._margins(maps)
        self._put_right(margins, -np.inf)
        wrong = _log_sum_exp(margins)
        losses = np.logaddexp(wrong, 0.0)
        margins -= losses[:, np.newaxis]
        probabilities = np.exp(margins, out=margins)
        gradient = probabilities.copy()
        self._put_right(gradient, -probabilities.sum(axis=1))
        return losses.mean(axis=1), self._pull_back(gradient), (probabilities, np.exp(-losses))

    def hessian_product(self, kept: Kept, change: Array) -> Array:
        """Return the change of the gradient."""
        wrong, right = kept
        product = self._margins(change)
        mean = np.einsum("bcn,bcn->bn", wrong, product)
        product -= mean[:, np.newaxis]
        product *= wrong
        mean *= right
        self._put_right(product, -mean)
        return self._pull_back(product)

    def curvature(self, kept: Kept) -> Array:
        """Return the mean variance p (1 - p) of the right answer, shared by the classes, times that of the inputs."""
        right = kept[1]
        mean: Array = (right * (1.0 - right)).mean(axis=1) * (self._mean_square / self.classes)
        return mean

    def _margins(self, maps: Array) -> Array:
        """Return the logits relative to the right one [B, C, N], so that their large common part never enters."""
        if self._inputs is None:
            margins = maps.copy()
        else:
            margins = (maps.reshape(-1, self.width) @ self._inputs.T).reshape(len(maps), self.classes, -1)
        margins -= margins.reshape(len(maps), -1).take(self._right, axis=1)[:, np.newaxis]
        return margins

    def _put_right(self, values: Array, right: Array | float) -> None:
        """Overwrite the entries of the right classes in [B, C, N]."""
        values.reshape(len(values), -1)[:, self._right] = right

    def _pull_back(self, gradient: Array) -> Array:
        if self._mean_inputs is None:
            gradient /= len(self._right)
            return gradient
        product: Array = gradient.reshape(-1, len(self._right)) @ self._mean_inputs
        return product.reshape(len(gradient), self.classes, -1)


def _log_sum_exp(values: Array) -> Array:
    """Return ln sum exp over axis 1, of which one entry may be minus infinity."""
    largest = values.max(axis=1)
    total: Array = largest + np.log(np.exp(values - largest[:, np.newaxis]).sum(axis=1))
    return total


class LogisticLoss(MapLoss):
    """``mean_n ln(1 + exp(-y_n z_n))`` with y = +-1 and one logit.

    Parameters
    ----------
    inputs : array [N, r]
        X, samples as rows.
    signs : array [N]
        y.
    """

    classes = 1

    def __init__(self, inputs: Array, signs: Array) -> None:
        self.width = inputs.shape[1]
        self._signed = inputs * signs[:, np.newaxis]
        self.readout = _ridge_regression(inputs, signs[:, np.newaxis])

    def evaluate(self, maps: Array) -> tuple[Array, Array, Kept]:
        """Return values [B], gradients [B, 1, r] and the second derivatives in the logits [B, 1, N]."""
        margins = maps @ self._signed.T
        losses = np.logaddexp(-margins, 0.0)
        wrong, right = np.exp(-np.logaddexp(margins, 0.0)), np.exp(-losses)
        count = len(self._signed)
        return losses.mean(axis=(1, 2)), -wrong @ self._signed / count, (wrong * right / count,)

    def hessian_product(self, kept: Kept, change: Array) -> Array:
        """Return the change of the gradient."""
        product: Array = (kept[0] * (change @ self._signed.T)) @ self._signed
        return product

    def curvature(self, kept: Kept) -> Array:
        """Return the mean eigenvalue, up to the spread of the inputs' sizes."""
        mean: Array = kept[0].sum(axis=(1, 2)) * np.square(self._signed).mean()
        return mean


def _ridge_regression(inputs: Array, targets: Array) -> Array:
    """Return the map [C, r] of least squares with a ridge of the mean variance of the inputs (1 where that is 0)."""
    moment = inputs.T @ inputs
    ridge = np.trace(moment) / len(moment) or 1.0
    regression = np.linalg.solve(moment + ridge * np.eye(len(moment)), inputs.T @ targets)
    return np.asarray(regression.T, dtype=np.float64)

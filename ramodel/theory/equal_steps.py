"""Statement S7 for whole matrices: the blocks of a kinetic model from its head, whatever the inputs."""

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array
from ramodel.theory import trajectories
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.model import Array, ResidualModel, relative_size
from ramodel.theory.transport import checked_second_moment, whitening

__all__ = ["EqualStepModel"]

UNUSED = 1e-7
"""Relative size below which singular values of a head count as zero where only that decides: with an embedding."""


class EqualStepModel(ResidualModel):
    """The part of `ramodel.theory.KineticModel` that is about matrices; see there."""

    def product_from_head(self, head: ArrayLike, second_moment: ArrayLike | None = None) -> Array:
        """Return P, the product of the blocks, from a trained head and the inputs, nothing fitted (S7; own; exact).

        In whitened coordinates P' = Sigma^(-1/2) P Sigma^(1/2) is symmetric, P' (P' - I) = (L/rho) Sigma^(-1/2) W^T W
        Sigma^(-1/2), so that P' = (I + (I + 4 (L/rho) Sigma^(-1/2) W^T W Sigma^(-1/2))^(1/2)) / 2 on the branch where
        the eigenvalues of P are positive. Where Sigma is singular, P = I off its range.

        Parameters
        ----------
        head
            W, shape [C, d].
        second_moment
            Sigma = mean h_0 h_0^T, shape [d, d], symmetric and positive semidefinite, of the inputs of the first block
            (so after a trained embedding); None for white ones.

        Returns
        -------
        Array [d, d], no unit.

        Raises
        ------
        TypeError, ValueError
            If shapes do not fit, an entry is NaN or infinite, or Sigma is not symmetric and positive semidefinite.

        Examples
        --------
        >>> from ramodel.theory import KineticModel
        >>> KineticModel(2, 2.0, 1.0).product_from_head([[2**0.5, 0.0]]).round(12)
        array([[2., 0.],
               [0., 1.]])
        """
        left, t, right = self._displacements(head, second_moment)
        product: Array = np.eye(left.shape[0]) + (left * t) @ right
        return product

    def eigenvalue_profile(self, head: ArrayLike, second_moment: ArrayLike | None = None) -> Array:
        """Return the nonzero eigenvalues of all J_l from a trained head and the inputs, t / (L + (l-1) t) (S7; own).

        Parameters
        ----------
        head, second_moment
            As for `product_from_head`.

        Returns
        -------
        Array [L, min(C, d)], falling along both axes, no unit; some may be zero.

        Raises
        ------
        TypeError, ValueError
            As `product_from_head`; TypeError also if the depth is not a whole number.

        Examples
        --------
        >>> from ramodel.theory import KineticModel
        >>> KineticModel(2, 2.0, 1.0).eigenvalue_profile([[2**0.5, 0.0]]).round(6)
        array([[0.5       ],
               [0.333333]])
        """
        _, t, _ = self._displacements(head, second_moment)
        return trajectories.equal_step_profile(t / self.depth, self._whole_depth())

    def predicted_jacobian(self, head: ArrayLike, second_moment: ArrayLike | None = None) -> Array:
        """Jacobian of the first block, (P - I)/L with P from `product_from_head` (statement S7; own; exact).

        Raises
        ------
        TypeError, ValueError
            As `product_from_head`.
        """
        left, t, right = self._displacements(head, second_moment)
        jacobian: Array = (left * (t / self.depth)) @ right
        return jacobian

    def predicted_jacobians(self, head: ArrayLike, second_moment: ArrayLike | None = None) -> Array:
        """Jacobians of all blocks, [L, d, d], from a trained head and the inputs (statement S7; own; exact).

        Raises
        ------
        TypeError, ValueError
            As `product_from_head`; TypeError also if the depth is not a whole number.

        Examples
        --------
        >>> from ramodel.theory import KineticModel
        >>> KineticModel(2, 2.0, 1.0).predicted_jacobians([[2**0.5]]).ravel().round(6)
        array([0.5       , 0.333333])
        """
        left, t, right = self._displacements(head, second_moment)
        profile = trajectories.equal_step_profile(t / self.depth, self._whole_depth())
        blocks: Array = (left * profile[:, np.newaxis, :]) @ right
        return blocks

    def balance_error(
        self,
        jacobians: ArrayLike,
        head: ArrayLike,
        embedding: ArrayLike | None = None,
        second_moment: ArrayLike | None = None,
    ) -> float:
        """Largest ||J_l - predicted|| / ||predicted||, predicted from the head: `predicted_jacobians` (S7; own; exact).

        With an embedding E the departure of lam_E E E^T from (lam_J/L) (P - I) Sigma counts as well, Sigma = mean
        h_0 h_0^T: for white inputs E E^T lam_E (1 + t) = lam_W W^T W.

        Parameters
        ----------
        jacobians, head, embedding
            As for `ResidualModel.balance_error`.
        second_moment
            Mean x x^T of the inputs, before the embedding, symmetric and positive semidefinite; None for white inputs.

        Returns
        -------
        Number without unit.

        Raises
        ------
        TypeError, ValueError
            As `ResidualModel.balance_error` and `product_from_head`.

        Examples
        --------
        >>> from ramodel.theory import KineticModel
        >>> model = KineticModel(2, 2.0, 1.0)
        >>> round(model.balance_error([[[0.5]], [[0.5]]], [[2**0.5]]), 12)
        0.5
        """
        blocks, weights, e = self._checked_matrices(jacobians, head, embedding)
        if e is None or self.embedding_decay is None:
            return float(self._departures(blocks, weights, second_moment).max())
        sigma = e @ e.T if second_moment is None else e @ checked_second_moment(second_moment, e.shape[1]) @ e.T
        gram = self.jacobian_decay * blocks[0] @ sigma  # J_1 = (P - I)/L
        excess = relative_size(self.embedding_decay * (e @ e.T) - gram, gram)
        return float(np.append(self._departures(blocks, weights, sigma), excess).max())

    def _departures(self, blocks: Array, head: Array, second_moment: ArrayLike | None = None) -> Array:
        predicted = self.predicted_jacobians(head, second_moment)
        return relative_size(blocks - predicted, predicted)

    @property
    def _single_block(self) -> FrobeniusModel:
        """All blocks as one: for white inputs J = P - I has the decay lam_J / L."""
        return FrobeniusModel(1, self.jacobian_decay / self.depth, self.head_decay)

    def _displacements(self, head: ArrayLike, second_moment: ArrayLike | None) -> tuple[Array, Array, Array]:
        """Return left [d, K], t [K] and right [K, d] with P - I = left diag(t) right, right left = I."""
        weights = finite_array("head", head, shape=(None, None))
        if second_moment is None:
            _, w, right = np.linalg.svd(weights, full_matrices=False)
            if self.embedding_decay is not None:
                w[w <= UNUSED * w[0]] = 0.0
            return right.T, np.asarray(self.from_head(w)) * self.depth, right
        root, inverse_root = whitening(checked_second_moment(second_moment, weights.shape[1]))
        _, w, whitened = np.linalg.svd(weights @ inverse_root.T, full_matrices=False)
        return root @ whitened.T, np.asarray(self._single_block.from_head(w)), whitened @ inverse_root

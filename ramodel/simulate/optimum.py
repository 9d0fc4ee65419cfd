"""What the optimiser found, with a certificate of what it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Certificate", "Optimum"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Certificate:
    """What is known of the point beyond its value.

    Parameters
    ----------
    critical
        The relative gradient is at most the tolerance: S1 applies.
    positive_branch
        The closed forms apply. Frobenius and nuclear models: the symmetric part of every I + J_l is positive definite
        (S1(d), S6); kinetic: the eigenvalues of every I + J_l have positive real parts (S7). None in the plain model,
        where every critical point is balanced (S8).
    smallest_hessian_eigenvalue
        Over all the unreduced variables; None unless asked for, NaN where the Lanczos iteration did not converge.
        Negative: a strict saddle. About 0 where a gauge freedom (the factors of the nuclear model, an embedding, the
        layers of the plain model, directions without inputs in the kinetic one) leaves flat directions; at least the
        smallest decay would be a strictly convex bowl.
    """

    critical: bool
    positive_branch: bool | None
    smallest_hessian_eigenvalue: float | None = None


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best of several starts, and how the others ended. Arrays are NumPy float64, layers first.

    Parameters
    ----------
    objective
        F at the winner.
    jacobians : array [L, d, d]
        J_l; A_l in the plain model. In the kinetic model the least ones, zero on directions without inputs.
    head : array [C, d]
        W.
    embedding : array [d, d_in] or None
        E.
    factors : (array [L, d, d], array [L, d, d]) or None
        A' and B of the nuclear model, J_l = B_l A'_l.
    end_to_end : array [C, d_in]
        W (I + J_L) .. (I + J_1) [E], plain model W A_L .. A_1 [E]; M of THEORY.md where there is no embedding.
    gradient_norm
        ``||grad F|| / (||grad ell|| + ||grad decay||)``; where that sum is at most 1e-14 (a zero optimum) ||grad F||.
        The kinetic model's variables, here and for the Hessian, are J_l Sigma^(1/2) with Sigma = mean x x^T.
    converged
        Whether the winner's `gradient_norm` is at most the tolerance asked for.
    winner
        Index of the start that won: lowest objective; among objectives equal to 1e-9 the smallest gradient.
    objectives, gradient_norms : array [starts]
        Of every start.
    certificate
        What is known of the point.
    seconds
        Wall time.
    biases : array [L, d] or None
        b_l of the blocks, for a `ProblemVariant` with biases.
    head_bias : array [C] or None
        The head's; logits are ``X M^T`` plus what the biases add.
    """

    objective: float
    jacobians: Array
    head: Array
    embedding: Array | None
    factors: tuple[Array, Array] | None
    end_to_end: Array
    gradient_norm: float
    converged: bool
    winner: int
    objectives: Array
    gradient_norms: Array
    certificate: Certificate
    seconds: float
    biases: Array | None = None
    head_bias: Array | None = None

    @property
    def spread(self) -> float:
        """How far the starts differ: (largest - smallest objective) / |smallest|; 0 where the smallest is 0."""
        lowest = float(self.objectives.min())
        return 0.0 if lowest == 0.0 else float(self.objectives.max() - lowest) / abs(lowest)

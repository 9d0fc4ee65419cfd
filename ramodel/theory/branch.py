"""Statements S1 and S15: which branch a critical point of the Frobenius model is on, and what rank it may have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ramodel.checks import finite_array, real
from ramodel.problem import Problem

__all__ = ["BranchConditions", "branch_conditions", "has_spare_width", "off_branch_directions", "rank_bound"]


@dataclass(frozen=True)
class BranchConditions:
    """Which of S1's sufficient conditions for the positive branch a critical point meets; any one is enough.

    Parameters
    ----------
    norm_at_most_one
        ``||J_l||_2 <= 1`` for every l.
    no_eigenvalue_below_minus_one
        No J_l has an eigenvalue below -1. At a critical point this is the positive branch itself, for -1 is never one.
    objective_below_bound
        ``F - inf ell < lam_J/2``: one eigenvalue -(1 + s) would cost more. None where F was not given.
    """

    norm_at_most_one: bool
    no_eigenvalue_below_minus_one: bool
    objective_below_bound: bool | None = None

    @property
    def sufficient(self) -> bool:
        """Whether any holds, so that S1(d) applies."""
        return self.norm_at_most_one or self.no_eigenvalue_below_minus_one or bool(self.objective_below_bound)


def branch_conditions(
    jacobians: ArrayLike,
    *,
    jacobian_decay: ArrayLike | None = None,
    objective: float | None = None,
    least_loss: float = 0.0,
) -> BranchConditions:
    """Which sufficient conditions for the positive branch hold at a critical point (statement S1; own; exact).

    Parameters
    ----------
    jacobians
        J_1, ..., J_L, shape [L, d, d].
    jacobian_decay
        lam_J, or one decay per layer, of which the least counts. Needed with `objective`.
    objective
        F at the point; None leaves the third condition out.
    least_loss
        inf ell; 0 for the cross-entropy of separable inputs, and a lower bound for every loss that is not negative.

    Raises
    ------
    TypeError, ValueError
        If an array has the wrong shape or is not finite, or `objective` comes without `jacobian_decay`.

    Examples
    --------
    >>> branch_conditions([[[0.5, 0.0], [0.0, 2.0]]], jacobian_decay=0.1, objective=0.04)
    BranchConditions(norm_at_most_one=False, no_eigenvalue_below_minus_one=True, objective_below_bound=True)
    """
    blocks = _blocks(jacobians)
    below = None
    if objective is not None:
        if jacobian_decay is None:
            raise ValueError("jacobian_decay is None, but objective is given; the bound on F is lam_J/2.")
        decays = finite_array("jacobian_decay", jacobian_decay, minimum=0.0)
        below = real("objective", objective) - real("least_loss", least_loss) < 0.5 * float(decays.min())
    return BranchConditions(
        norm_at_most_one=bool(np.linalg.norm(blocks, ord=2, axis=(1, 2)).max() <= 1.0),
        no_eigenvalue_below_minus_one=not off_branch_directions(blocks).any(),
        objective_below_bound=below,
    )


def off_branch_directions(jacobians: ArrayLike) -> NDArray[np.int64]:
    """Eigenvalues below -1 of the symmetric part of each J_l, counted: none on the positive branch (S1, S15).

    Parameters
    ----------
    jacobians
        J_1, ..., J_L, shape [L, d, d].

    Returns
    -------
    Integer array [L].

    Raises
    ------
    TypeError, ValueError
        If the array has the wrong shape or is not finite.

    Examples
    --------
    >>> off_branch_directions([[[1.0, 0.0], [0.0, 0.5]], [[-2.0, 0.0], [0.0, 0.5]]])
    array([0, 1])
    """
    blocks = _blocks(jacobians)
    eigenvalues = np.linalg.eigvalsh(0.5 * (blocks + blocks.swapaxes(1, 2)))
    count: NDArray[np.int64] = (eigenvalues < -1.0).sum(axis=1)
    return count


def rank_bound(problem: Problem) -> int:
    """Greatest rank that any J_l, W or M can have at a critical point (statement S1(c); own; exact).

    ``rank J_l = rank W = rank M = rank(G X^T) <= min(rank G, rank X, d)``, and rank G <= min(C, N), or
    min(C - 1, N) for softmax cross-entropy, whose gradients sum to zero over the classes.

    Parameters
    ----------
    problem
        Loss and data. The model is to be the Frobenius one.

    Raises
    ------
    ValueError
        If the model is another one.

    Examples
    --------
    >>> rank_bound(Problem(model="frobenius", loss="cross-entropy", inputs=np.eye(4), targets=np.arange(4), depth=8,
    ...                    jacobian_decay=0.01, head_decay=0.01))
    3
    """
    if problem.model != "frobenius":
        raise ValueError(f"problem.model is {problem.model!r}; the bound is proved for 'frobenius' (statement S1).")
    outputs = problem.classes - 1 if problem.loss == "cross-entropy" else problem.classes
    assert problem.width is not None
    return min(outputs, problem.samples, int(np.linalg.matrix_rank(problem.inputs)), problem.width)


def has_spare_width(problem: Problem) -> bool:
    """Whether d > `rank_bound`: then every local minimum is on the positive branch (statement S15; own; exact).

    Raises
    ------
    ValueError
        As `rank_bound`.

    Examples
    --------
    >>> has_spare_width(Problem(model="frobenius", loss="squared", inputs=np.eye(4), targets=np.arange(4), depth=8,
    ...                         jacobian_decay=0.01, head_decay=0.01))
    False
    """
    assert problem.width is not None
    return problem.width > rank_bound(problem)


def _blocks(jacobians: ArrayLike) -> NDArray[np.float64]:
    blocks = finite_array("jacobians", jacobians, shape=(None, None, None))
    if blocks.shape[1] != blocks.shape[2]:
        raise ValueError(f"jacobians has shape {blocks.shape}; it must hold square matrices [layers, d, d].")
    return blocks

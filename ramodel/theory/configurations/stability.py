"""When the simplex of S10 is a local minimum: the Hessian of the reduced problem by symmetry type."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ramodel.checks import integer, positive
from ramodel.theory.configurations.configuration import class_objective
from ramodel.theory.configurations.simplex import simplex_margin
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.model import ResidualModel
from ramodel.theory.optimum.penalty import SpectralPenalty

__all__ = [
    "HessianLevel",
    "SimplexStability",
    "simplex_stability",
    "smallest_unstable_classes",
    "stability_depth",
]

SHALLOWEST, DEPTHS_PER_DECADE = 1.0, 12


@dataclass(frozen=True)
class HessianLevel:
    """An eigenvalue of the Hessian at the simplex.

    Parameters
    ----------
    direction
        What such a direction does to the logits.
    eigenvalue
        Second derivative of F along a unit direction, in the unit of F.
    multiplicity
        Number of independent directions.
    """

    direction: str
    eigenvalue: float
    multiplicity: int


@dataclass(frozen=True)
class SimplexStability:
    """The simplex and the Hessian of F there, over all C^2 entries of M (statement S10; own; exact).

    Parameters
    ----------
    classes
        C.
    margin
        m, logit margin and singular value of M.
    probability
        p = 1 / (e^m + C - 1), of each wrong class.
    curvature
        phi''(m), with phi = c/2.
    levels
        Eigenvalues by symmetry type; multiplicities sum to C^2.
    """

    classes: int
    margin: float
    probability: float
    curvature: float
    levels: tuple[HessianLevel, ...]

    @property
    def smallest_eigenvalue(self) -> float:
        """Least eigenvalue."""
        return min(level.eigenvalue for level in self.levels)

    @property
    def stable(self) -> bool:
        """Whether the simplex is a strict local minimum: all eigenvalues are positive."""
        return self.smallest_eigenvalue > 0.0


def simplex_stability(classes: int, model: ResidualModel) -> SimplexStability:
    """Return the Hessian of F at the simplex by symmetry type (statement S10; own; exact).

    With t = 1 - Cp, phi' = p and the space of M as a representation of the permutations of classes:

    * p/C + phi'' on symmetric directions with zero row and column sums and zero diagonal, such as a - b of the pair
      family: C(C-3)/2 of them;
    * p/C + phi'' + p t (C-1)/C on the simplex itself: 1;
    * p/C + p/m on antisymmetric directions with zero sums: (C-1)(C-2)/2;
    * the two eigenvalues of (p/C) I + (p t/C) v v^T + diag(phi'', p/m), v = (sqrt(C-2), 1), for classes that grow at
      the expense of others, in their margins (first) and as a common bias (second): C-1 each;
    * p/m on shifts of all logits of one class, which no loss sees: C-1; and lam_W on a shift of everything: 1.

    The fourth is a block: among matrices with zero row sums alone it reads p/C + phi'' + p t (C-2)/C, but such
    directions are coupled to the bias. The blocks are positive where p/C + phi'' is, so that for C >= 4 the simplex is
    a strict local minimum if and only if **p/C + phi'' > 0**; in the Frobenius model
    m (1 + 2(L+1)s) > C (2(L-1)s - 1).

    Parameters
    ----------
    classes
        C, at least 2.
    model
        Without embedding.

    Raises
    ------
    TypeError, ValueError
        As `simplex_margin`.

    Examples
    --------
    >>> found = simplex_stability(10, FrobeniusModel(8, 0.1, 0.1))
    >>> found.stable, sum(level.multiplicity for level in found.levels)
    (False, 100)
    """
    m = simplex_margin(classes, model)
    _, stiffness, curvature = (float(part[0, 0]) for part in SpectralPenalty.of([model]).scalars(np.array([[m]])))
    p = stiffness * m  # = 1 / (e^m + C - 1) by stationarity
    share, t = p / classes, 1.0 - classes * p
    v = np.sqrt([classes - 2.0, 1.0])
    block = share * (np.eye(2) + t * np.outer(v, v)) + np.diag([curvature, stiffness])
    if classes == 2:  # then single classes differ by their bias alone
        block = block[1:, 1:]
    single = [HessianLevel("single classes", float(value), classes - 1) for value in np.linalg.eigvalsh(block)]
    levels = [
        HessianLevel("pairs apart, a - b", share + curvature, classes * (classes - 3) // 2),
        *single,
        HessianLevel("margin", share + curvature + share * t * (classes - 1), 1),
        HessianLevel("antisymmetric", share + stiffness, (classes - 1) * (classes - 2) // 2),
        HessianLevel("shift of one class", stiffness, classes - 1),
        HessianLevel("shift of all", model.head_decay, 1),
    ]
    present = tuple(level for level in levels if level.multiplicity > 0)
    return SimplexStability(classes, m, p, curvature, present)


def stability_depth(classes: int, jacobian_decay: float, head_decay: float, *, deepest: float = 1e4) -> float:
    """Return the depth L at which the simplex stops being a local minimum, in the Frobenius model (S10; own; exact).

    The root in real L of m (1 + 2(L+1)s) = C (2(L-1)s - 1), the first one from L = 1 on; at L = 1 every simplex is
    stable.

    Parameters
    ----------
    classes
        C, at least 4.
    jacobian_decay, head_decay
        lam_J, lam_W > 0.
    deepest
        Greatest depth looked at.

    Returns
    -------
    L, to about 1e-12 relative; infinity where the simplex is stable up to `deepest`.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> round(stability_depth(10, 0.1, 0.1), 3), stability_depth(6, 0.1, 0.1)
    (6.591, inf)
    """
    count = integer("classes", classes, minimum=4, hint="With fewer classes there is no such direction.")
    steps = int(DEPTHS_PER_DECADE * np.log10(positive("deepest", deepest) / SHALLOWEST)) + 2

    def excess(depth: float) -> float:
        return _stability_excess(count, FrobeniusModel(depth, jacobian_decay, head_decay))

    last = SHALLOWEST
    for depth in np.geomspace(SHALLOWEST, deepest, steps)[1:]:
        if excess(float(depth)) < 0.0:
            return float(brentq(excess, last, float(depth), xtol=1e-13, rtol=1e-14))
        last = float(depth)
    return float("inf")


def smallest_unstable_classes(model: ResidualModel, *, largest: int = 1000) -> int | None:
    """Return the least number of classes at which the simplex is a saddle; None if there is none (S10; own; exact).

    Parameters
    ----------
    model
        Without embedding.
    largest
        Greatest number of classes looked at.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> [smallest_unstable_classes(FrobeniusModel(depth, 0.01, 0.01)) for depth in (2, 4, 8, 16)]
    [40, 18, 14, 13]
    """
    limit = integer("largest", largest, minimum=4)
    class_objective(limit, model)
    return next((classes for classes in range(4, limit + 1) if _stability_excess(classes, model) < 0.0), None)


def _stability_excess(classes: int, model: ResidualModel) -> float:
    """Return phi''/phi' + 1/C times m, which has the sign of p/C + phi'': negative where the simplex is a saddle."""
    m = simplex_margin(classes, model)
    _, stiffness, curvature = (float(part[0, 0]) for part in SpectralPenalty.of([model]).scalars(np.array([[m]])))
    return curvature / stiffness + m / classes

"""The simplex of S10, Neural Collapse's configuration: one unknown, at any number of classes."""

import numpy as np
from scipy.optimize import brentq

from ramodel.theory.configurations.configuration import Configuration, class_objective, describe
from ramodel.theory.model import Array, ResidualModel

__all__ = ["simplex", "simplex_margin", "simplex_value"]

MARGINS = np.geomspace(1e-9, 800.0, 600)
"""Where roots are looked for; beyond m = 745, exp(-m) is 0 and no cross-entropy is left to pay for a larger margin."""


def simplex_margin(classes: int, model: ResidualModel) -> float:
    """Return m of the simplex M = m (I - 11^T/C): the lowest root of lam_J s (1 + s) = m / (e^m + C - 1) (S10; own).

    That is stationarity of f(m) = ln(1 + (C-1) e^-m) + (C-1) c(m) / 2; for other models lam_W w^2 stands on the left.
    m is the margin of the logits as well. The equation can have several roots where decays are large; the one of least
    f is returned.

    Parameters
    ----------
    classes
        C, at least 2.
    model
        Without embedding.

    Returns
    -------
    m > 0, to a few rounding errors times the condition of the root; no unit.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range; ValueError also if decays are so large that m is below 1e-9, or so
        small that it is above 800.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> round(simplex_margin(6, FrobeniusModel(2, 0.05, 0.05)), 9)
    3.891935709
    """
    class_objective(classes, model)  # refuses what does not fit

    def excess(m: Array) -> Array:
        """Slope of f in ln m, per class but one."""
        return np.asarray(model.head_decay * model.head_singular_value(m) ** 2 - m / (np.expm1(m) + classes))

    with np.errstate(over="ignore"):
        slopes = excess(MARGINS)
        places = np.flatnonzero((slopes[:-1] <= 0.0) & (slopes[1:] > 0.0))
        if not places.size:
            raise ValueError(
                f"jacobian_decay {model.jacobian_decay:g} and head_decay {model.head_decay:g} put the margin of the "
                f"simplex outside {MARGINS[0]:g}..{MARGINS[-1]:g}; bring them closer to 1."
            )
        roots = [
            float(brentq(excess, MARGINS[i], MARGINS[i + 1], xtol=1e-300, rtol=4 * np.finfo(float).eps)) for i in places
        ]
    return min(roots, key=lambda m: simplex_value(classes, model, m))


def simplex_value(classes: int, model: ResidualModel, margin: float) -> float:
    """Return f(m) = ln(1 + (C-1) e^-m) + (C-1) c(m) / 2, the objective of the simplex of this margin (S10; own; exact).

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> round(simplex_value(6, FrobeniusModel(2, 0.05, 0.05), 3.891935709), 12)
    0.437517461239
    """
    cost = 0.5 * (classes - 1) * float(model.cost(margin))
    return float(np.log1p((classes - 1) * np.exp(-margin))) + cost


def simplex(classes: int, model: ResidualModel) -> Configuration:
    """Return the simplex equiangular tight frame M = m (I - 11^T/C), all s_k equal (statement S10; own; exact).

    A critical point for every C, depth and decay (proved: M with the symmetry of all permutations are multiples of one
    projector). Whether it is a local minimum is told by `simplex_stability`.

    Parameters
    ----------
    classes, model
        As for `simplex_margin`.

    Raises
    ------
    TypeError, ValueError
        As `simplex_margin`.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> found = simplex(6, FrobeniusModel(2, 0.05, 0.05))
    >>> round(found.value, 12), found.levels
    (0.437517461239, (Level(s=0.800502487891..., multiplicity=5),))
    """
    m = simplex_margin(classes, model)
    return describe("simplex", model, m * (np.eye(classes) - 1.0 / classes))

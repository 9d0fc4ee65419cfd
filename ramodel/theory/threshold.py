"""Statement S6: what the threshold of two-matrix blocks does to the rank."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from ramodel.checks import integer
from ramodel.theory.model import checked
from ramodel.theory.nuclear import NuclearModel

__all__ = ["head_rank", "rank_drop_jumps", "simplex_collapse_ratio", "target_threshold", "threshold_rank"]


def threshold_rank(model: NuclearModel, m: ArrayLike) -> NDArray[np.int64]:
    """Rank of every J_l at the least decay that realises a map: #{k : m_k > threshold} (S6, S18; own; exact).

    Parameters
    ----------
    model
        Depth and decays; the depth does not matter.
    m
        Singular values of the end-to-end map along the last axis.

    Returns
    -------
    Whole numbers, without the last axis.

    Raises
    ------
    TypeError, ValueError
        If an entry is not a number, negative, NaN or infinite; TypeError also if `model` is another model or none.

    Examples
    --------
    >>> int(threshold_rank(NuclearModel(8, 0.04, 0.01), [5.0, 2.1, 1.9]))
    2
    """
    return _count(checked("m", m) > _nuclear(model).threshold)


def head_rank(model: NuclearModel, w: ArrayLike) -> NDArray[np.int64]:
    """Rank of every J_l from the head alone, #{k : w_k^2 > rho} (statement S6; own; exact at local minima).

    Parameters
    ----------
    model
        Depth and decays; the depth does not matter.
    w
        Singular values of a trained head along the last axis. Hidden width above the rank is assumed.

    Returns
    -------
    Whole numbers, without the last axis.

    Raises
    ------
    TypeError, ValueError
        If an entry is not a number, negative, NaN or infinite; TypeError also if `model` is another model or none.

    Examples
    --------
    >>> int(head_rank(NuclearModel(8, 0.04, 0.01), [2.1, 2.01, 1.9]))
    2
    """
    return _count(checked("w", w) > math.sqrt(_nuclear(model).decay_ratio))


def rank_drop_jumps(model: NuclearModel) -> bool:
    """Whether s jumps, as a target grows, instead of growing from zero (from S6; own; exact).

    It does where kappa = lam_J/unit^2 (lam_W without embedding) exceeds (2L + k)/(2L + k - 2), with k = 1, or 2 with an
    embedding: the objective of one direction has two minima then. At usual decays kappa is far less than that.

    Raises
    ------
    TypeError
        If `model` is another model or none.

    Examples
    --------
    >>> rank_drop_jumps(NuclearModel(8, 0.01, 0.01)), rank_drop_jumps(NuclearModel(8, 0.01, 2.0))
    (False, True)
    """
    _nuclear(model)
    return _kappa(model) * (1.0 - _power(model)) > 1.0


def target_threshold(model: NuclearModel) -> float:
    """Value of y above which a direction of the targets enters the blocks: squared error, white data (S6; own; exact).

    For ``(1/2) ||M - Y||_F^2`` rank J_l = #{k : y_k > this}, y_k the singular values of Y. It is
    ``unit (1 + kappa)`` with kappa = lam_J/unit^2, that is sqrt(rho) (1 + lam_W) without embedding, unless
    `rank_drop_jumps`: then it is less, the y at which the minimum with blocks and the one without are equally deep,
    and s jumps there. (For ``(1/2N) ||Z - Y||^2`` with X^T X = N I take Y^T X / N for Y.)

    Parameters
    ----------
    model
        Depth and decays.

    Returns
    -------
    Number in the unit of m.

    Raises
    ------
    TypeError
        If `model` is another model or none.

    Examples
    --------
    >>> round(target_threshold(NuclearModel(8, 0.04, 0.01)), 12)
    2.02
    >>> round(target_threshold(NuclearModel(8, 2.0, 2.0)), 6)  # with sqrt(rho) (1 + lam_W) = 3
    2.912697
    """
    _nuclear(model)
    kappa, q, ends = _kappa(model), _power(model), model.ends
    if not rank_drop_jumps(model):
        return model.unit * (1.0 + kappa)

    def target(u: float) -> float:
        """Return y / unit for which m = u unit > unit is stationary."""
        return float(u + kappa * u ** (q - 1.0))

    def gap(u: float) -> float:
        """Return the objective of that point less that of the best one without blocks, over unit^2."""
        eta = target(u)
        with_blocks = 0.5 * (eta - u) ** 2 + 0.5 * kappa * (ends + (u**q - 1.0) * 2.0 / q)
        bare = eta / (1.0 + kappa) if ends == 1 else max(eta - kappa, 0.0)
        return float(with_blocks - 0.5 * (eta - bare) ** 2 - 0.5 * kappa * ends * bare ** (2.0 / ends))

    fold = (kappa * (1.0 - q)) ** (
        1.0 / (2.0 - q)
    )  # least u that is a minimum for some target; gap decreases from here
    above = 2.0 * fold
    while gap(above) > 0.0:
        above *= 2.0
    return model.unit * target(float(brentq(gap, fold, above, xtol=1e-15 * fold, rtol=4.0 * np.finfo(float).eps)))


def simplex_collapse_ratio(model: NuclearModel, classes: int) -> float:
    """Ratio (lam_J/unit) (e^unit + C - 1): at least 1 where the simplex needs no blocks (S6; own; exact).

    Mean cross-entropy of C orthonormal class inputs. Without embedding this is sqrt(lam_J lam_W) (e^sqrt(rho) + C - 1).
    Beyond 1 the best simplex with all blocks zero is a local minimum: its singular values stay
    below the threshold. Below 1 it is a saddle, from which blocks grow. (Zero factors are stationary either way.) It
    need not be the global minimum: with many classes or blocks a map of low rank with blocks is often lower.

    Parameters
    ----------
    model
        Depth and decays; the depth does not matter.
    classes
        C, at least 2.

    Returns
    -------
    Number without unit.

    Raises
    ------
    TypeError, ValueError
        If `classes` is not a whole number of at least 2; TypeError also if `model` is another model or none.
    OverflowError
        If the ratio exceeds float64.

    Examples
    --------
    >>> round(simplex_collapse_ratio(NuclearModel(4, 0.1, 0.1), classes=10), 6)
    1.171828
    """
    _nuclear(model)
    others = integer("classes", classes, minimum=2) - 1
    try:
        return model.jacobian_decay / model.unit * (math.exp(model.unit) + others)
    except OverflowError:
        raise OverflowError(f"e^unit exceeds float64: unit is {model.unit:g}, from the decays.") from None


def _nuclear(model: NuclearModel) -> NuclearModel:
    if not isinstance(model, NuclearModel):
        raise TypeError(f"model is {model!r}; it must be a NuclearModel: the blocks of other models have no threshold.")
    return model


def _count(above: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray(np.count_nonzero(np.atleast_1d(above), axis=-1), dtype=np.int64)[()]


def _kappa(model: NuclearModel) -> float:
    return model.jacobian_decay / model.unit**2


def _power(model: NuclearModel) -> float:
    """Return q with 1 + s = (m / unit)^q above the threshold."""
    return 2.0 / (2.0 * model.depth + model.ends)

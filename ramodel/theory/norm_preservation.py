"""Statement S9: how far a residual block changes the norm of a gradient or of a state.

With symmetric blocks the gradients ``g_{l-1} = (I + J_l) g_l`` and the states ``h_l = (I + J_l) h_{l-1}`` are stretched
by ``1 + s_k``. Zaeemzadeh, Rahnavard & Shah (arXiv 1805.07477) show that residual networks exist whose ratios differ
from 1 by at most ``c log(2L)/L``, with a constant c of the function represented. Here the constant is a number.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.model import Array
from ramodel.theory.nuclear import NuclearModel

__all__ = [
    "gradient_ratio_bounds",
    "inverse_depth_constant",
    "logarithmic_law",
    "logarithmic_law_constant",
    "state_ratio_bounds",
]


def gradient_ratio_bounds(s: ArrayLike) -> tuple[Array, Array]:
    """Bounds on ||g_{l-1}|| / ||g_l||: min |1 + s_k| to max |1 + s_k| over active directions (S9; own; exact).

    A direction is active if w_k > 0 and the gradient has a part along it: g_L = W^T dl/dz is in the row space of W,
    and symmetric blocks keep it there. On the positive branch the bounds are 1 + s_min and 1 + s_1.

    Parameters
    ----------
    s
        Eigenvalues of the blocks over active directions, shape [..., K], directions last; other axes, such as
        layers (`ResidualModel.layer_profile` of an array), stay as they are. On the positive branch they are singular
        values; off it signed.

    Returns
    -------
    (lower, upper), each of shape [...], no unit. Both are attained, by gradients along one direction.

    Raises
    ------
    TypeError
        If `s` does not hold real numbers.
    ValueError
        If it is a number, is empty, or an entry is NaN or infinite.

    Examples
    --------
    >>> lower, upper = gradient_ratio_bounds([0.5, 0.25])
    >>> float(lower), float(upper)
    (1.25, 1.5)
    """
    stretch = np.abs(1.0 + _directions(s))
    return stretch.min(axis=-1)[()], stretch.max(axis=-1)[()]


def state_ratio_bounds(s: ArrayLike) -> tuple[Array, Array]:
    """Bounds on ||h_l|| / ||h_{l-1}||: as for gradients, and 1, since a state may have inactive parts (S9; own; exact).

    On the positive branch they are 1 and 1 + s_1.

    Parameters
    ----------
    s
        Eigenvalues of the blocks, shape [..., K], as in `gradient_ratio_bounds`.

    Returns
    -------
    (lower, upper), each of shape [...], no unit.

    Raises
    ------
    TypeError, ValueError
        As `gradient_ratio_bounds`.

    Examples
    --------
    >>> lower, upper = state_ratio_bounds([0.5, 0.25])
    >>> float(lower), float(upper)
    (1.0, 1.5)
    """
    lower, upper = gradient_ratio_bounds(s)
    return np.minimum(lower, 1.0), np.maximum(upper, 1.0)


def logarithmic_law(depth: ArrayLike, constant: ArrayLike) -> Array:
    """Return delta = c ln(2L)/L, the form of the bound of Zaeemzadeh, Rahnavard & Shah (known; arXiv 1805.07477).

    Theirs is a statement of existence: some residual network that represents a given function has all its gradient
    ratios within 1 - delta .. 1 + delta. Their c depends on that function and they give no number for it.
    `logarithmic_law_constant` gives the least one for the Frobenius model, at every positive critical point.

    Parameters
    ----------
    depth
        L, at least 1; any shape.
    constant
        c, at least 0; any shape that fits.

    Returns
    -------
    delta, no unit.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If an entry is too small, NaN or infinite.

    Examples
    --------
    >>> float(logarithmic_law(8, 1.0).round(6))
    0.346574
    """
    layers = finite_array("depth", depth, minimum=1.0, nonempty=False)
    delta: Array = finite_array("constant", constant, minimum=0.0, nonempty=False) * np.log(2.0 * layers) / layers
    return delta[()]


def logarithmic_law_constant(model: FrobeniusModel, m: ArrayLike) -> Array:
    """Return the least c with s_1 <= c ln(2L)/L for every L >= 1: c = max(k/2, s(L = 1) / ln 2) (S9; own; exact).

    k is 1, or 2 with an embedding; m and the decays are fixed, and so is T = (m / unit)^(2/k). The least c is reached
    at L = 1 or in the limit of many blocks. Proof for k = 1: with s_c = c ln(2L)/L the claim is that
    ``s_c (1 + s_c)^(2L+1)``, which S2 compares with T, is never below its value at L = 1. The ratio of the two
    increases with c, so c = 1/2 decides, and there the logarithm of the left-hand side increases with L, since
    ``e^t/t - 2t + 2 > 0`` at t = ln(2L).

    Parameters
    ----------
    model
        Its depth does not matter.
    m
        Singular values of the end-to-end map (the largest decides), any shape, at least 0.

    Returns
    -------
    c, same shape, no unit.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `FrobeniusModel.jacobian_singular_value`; TypeError also if `model` is not a Frobenius model.

    Examples
    --------
    >>> model = FrobeniusModel(8, 0.01, 0.01)
    >>> float(logarithmic_law_constant(model, 13.94885).round(6))
    4.345825
    """
    if not isinstance(model, FrobeniusModel):
        raise TypeError(f"model is {model!r}; it must be a FrobeniusModel: others follow another law.")
    single_block = replace(model, depth=1).jacobian_singular_value(m)
    c: Array = np.maximum(0.5 * model.ends, single_block / math.log(2.0))
    return c


def inverse_depth_constant(model: NuclearModel, m: ArrayLike) -> Array:
    """Return the least c with s_1 <= c / (L + k/2) for every L >= 1: c = (1 + k/2) s(L = 1) (S9, S6; own; exact).

    Without the logarithm of the Frobenius model, since s = exp(ln(m / unit)/(L + k/2)) - 1 is convex in 1/(L + k/2)
    and vanishes with it. In the limit of many blocks c may be replaced by ln(m / unit).

    Parameters
    ----------
    model
        Its depth does not matter.
    m
        Singular values of the end-to-end map (the largest decides), any shape, at least 0.

    Returns
    -------
    c, same shape, no unit.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `NuclearModel.jacobian_singular_value`; TypeError also if `model` is not a nuclear model.

    Examples
    --------
    >>> float(inverse_depth_constant(NuclearModel(8, 1.0, 1.0), 8.0).round(12))
    4.5
    """
    if not isinstance(model, NuclearModel):
        raise TypeError(f"model is {model!r}; it must be a NuclearModel: others follow another law.")
    c: Array = (1.0 + 0.5 * model.ends) * replace(model, depth=1).jacobian_singular_value(m)
    return c


def _directions(s: ArrayLike) -> Array:
    values = finite_array("s", s)
    if values.ndim == 0:
        raise ValueError(f"s is the number {float(values)}; give the eigenvalues of all active directions as an array.")
    return values

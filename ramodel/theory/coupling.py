"""Statement S17: what the coupling measure of Aubry, Meng, Sugolov & Papyan is at most, and without any coupling.

`ramodel.metrics.coupling_error` measures m_K = ||U_2^T J_1 V_2 - S_1||_F / ||S_1||_F on the top K. Where theory says
that blocks are functions of one matrix (S1(d), S6, white S7) it is 0.
"""

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array, fitting, integer
from ramodel.theory.model import Array, representable
from ramodel.theory.perturbation import spectrum

__all__ = ["coupling_bound", "independent_coupling_error"]


def coupling_bound(difference_norm: ArrayLike, singular_values: ArrayLike) -> Array:
    """Bound m_K <= 2 ||J_1 - J_2||_F / ||S_{1,K}||_F, whatever the basis in clusters (S17; own; bound).

    Parameters
    ----------
    difference_norm
        ||J_1 - J_2||_F, shape [...].
    singular_values
        The top K of J_1, shape [..., K], decreasing, not all zero.

    Returns
    -------
    Array [...], no unit.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If an entry is negative, NaN or infinite, singular values increase or are all zero, or shapes do not fit.
    OverflowError
        If the bound leaves float64.

    Examples
    --------
    >>> float(coupling_bound(0.5, [4.0, 3.0]))
    0.2
    """
    difference = finite_array("difference_norm", difference_norm, minimum=0.0, nonempty=False)
    values = _nonzero(singular_values)
    fitting("difference_norm", difference.shape, "singular_values without its last axis", values.shape[:-1])
    largest = values[..., 0]
    with np.errstate(over="ignore"):
        bound = 2.0 * (difference / largest) / np.linalg.norm(values / largest[..., np.newaxis], axis=-1)
        return representable("the bound", np.asarray(bound))


def independent_coupling_error(singular_values: ArrayLike, count: int, width: int) -> Array:
    """Root mean square of m_K where U_2, V_2 are independent Haar frames: the level without coupling (S17; own; exact).

    ``E m_K^2 = 1 + (K^2/d^2) ||J_1||_F^2 / ||S_{1,K}||_F^2``: the control, such as a network without skips (S8).

    Parameters
    ----------
    singular_values
        **All** nonzero singular values of J_1, shape [..., n] with n >= K, decreasing.
    count
        K.
    width
        d, at least n.

    Returns
    -------
    Array [...], no unit.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an entry is negative, NaN or infinite, singular values increase or are all zero, or `count` or `width` is
        out of range.

    Examples
    --------
    >>> float(independent_coupling_error([1.0, 1.0, 1.0, 1.0], count=2, width=4).round(6))
    1.224745
    """
    values = _nonzero(singular_values)
    length = values.shape[-1]
    k = integer("count", count, maximum=length, hint="It is the number of leading singular values compared.")
    d = integer("width", width, minimum=length, hint="There are that many singular values.")
    energies = (values / values[..., :1]) ** 2
    share = np.sum(energies, axis=-1) / np.sum(energies[..., :k], axis=-1)
    level: Array = np.sqrt(1.0 + (k / d) ** 2 * share)
    return level


def _nonzero(singular_values: ArrayLike) -> Array:
    values = spectrum("singular_values", singular_values)
    if (values[..., 0] == 0.0).any():
        raise ValueError("singular_values are all zero; a zero Jacobian has no coupling to bound.")
    return values

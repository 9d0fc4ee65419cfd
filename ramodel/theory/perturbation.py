"""Statement S14: what a measured spectrum says about the Jacobian behind it, with error bars.

The measured Jacobian is ``J_l = J + E_l``. Weyl bounds what E_l does to singular values, Wedin and Davis & Kahan what
it does to subspaces; a direction means something only where its singular value stands apart by more than the error.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ramodel.checks import finite_array, fitting, integer
from ramodel.theory.model import Array, representable

__all__ = [
    "isolated",
    "mixed_gap",
    "singular_value_interval",
    "spread",
    "subspace_angle_bound",
    "vector_angle_bound",
]


def singular_value_interval(singular_values: ArrayLike, error_norm: ArrayLike) -> tuple[Array, Array]:
    """Interval that holds the singular values s_k of J: |sigma_k(J_l) - s_k| <= ||E_l||_2 (S14; known: Weyl; bound).

    Parameters
    ----------
    singular_values
        sigma_k(J_l), shape [..., K], none negative, decreasing along the last axis.
    error_norm
        ||E_l||_2 or a bound on it, shape [...] (or a number).

    Returns
    -------
    (lower, upper), each [..., K], in the unit of the singular values; `lower` is at least 0.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If an entry is negative, NaN or infinite, singular values increase, or shapes do not fit.
    OverflowError
        If the upper end leaves float64.

    Examples
    --------
    >>> lower, upper = singular_value_interval([2.0, 0.25], 0.5)
    >>> lower.tolist(), upper.tolist()
    ([1.5, 0.0], [2.5, 0.75])
    """
    values, error = _spectrum_and_error(singular_values, error_norm)
    with np.errstate(over="ignore"):
        return np.maximum(values - error, 0.0), representable("the upper end of the interval", values + error)


def spread(jacobians: ArrayLike) -> Array:
    """Return ||J_l - mean J||_2, an error that the measurements show themselves (S14).

    An estimate of ||E_l||_2 where theory says that all J_l are the same J, over layers (S1, S6) or over inputs. It does
    not see an error that all share, and is no bound.

    Parameters
    ----------
    jacobians
        J_l, shape [L, ..., d, d]; the mean is over the first axis.

    Returns
    -------
    Array [L, ...], in the unit of the Jacobians.

    Raises
    ------
    TypeError
        If `jacobians` does not hold real numbers.
    ValueError
        If it has fewer than three axes, is empty, or an entry is NaN or infinite.
    OverflowError
        If the distance to the mean leaves float64.

    Examples
    --------
    >>> spread([[[1.0, 0.0], [0.0, 1.0]], [[3.0, 0.0], [0.0, 1.0]]])
    array([1., 1.])
    """
    blocks = finite_array("jacobians", jacobians)
    if blocks.ndim < 3:
        raise ValueError(f"jacobians has shape {blocks.shape}; its axes must be [layer, ..., row, column].")
    with np.errstate(over="ignore", invalid="ignore"):
        departure = np.asarray(representable("the distance to the mean Jacobian", blocks - blocks.mean(axis=0)))
        return representable("its norm", np.linalg.norm(departure, ord=2, axis=(-2, -1)))


def mixed_gap(reference: ArrayLike, measured: ArrayLike, count: int, *, width: int | None = None) -> Array:
    """Gap that Wedin's theorem needs: one side of it from J, the other from J_l (S14; known: Wedin).

    The larger of sigma_k(J) - sigma_{k+1}(J_l) and sigma_k(J_l) - sigma_{k+1}(J), which may be negative. With both
    sides from J, or both from J_l, the constant of `subspace_angle_bound` would not be 1.

    Parameters
    ----------
    reference, measured
        Singular values of J and J_l, shape [..., K], decreasing.
    count
        k, the dimension of the subspaces, less than K.
    width
        Number of singular values that J has. Where K is that, none is left out and k may be K as well: the next
        singular value is then 0.

    Returns
    -------
    Array [...], in the unit of the singular values.

    Raises
    ------
    TypeError, ValueError
        As `singular_value_interval`; ValueError also if the lengths differ, `width` is less than K, or `count` exceeds
        K, or is K while some singular values are left out.

    Examples
    --------
    >>> float(mixed_gap([2.0, 1.0], [2.25, 0.5], 1))
    1.5
    """
    first, second = spectrum("reference", reference), spectrum("measured", measured)
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(
            f"measured has {second.shape[-1]} singular values and reference {first.shape[-1]}; give as many of both."
        )
    fitting("measured", second.shape, "reference", first.shape)
    length = first.shape[-1]
    k = integer("count", count, maximum=length)
    listed = width is not None and integer("width", width, minimum=length) == length
    if k == length and not listed:
        raise ValueError(
            f"count is {k}, but reference has {length} singular values and the gap needs the next one too; "
            f"give one more, or width={length} where there are no more."
        )
    # Behind the last singular value there is none: 0.
    first, second = (np.append(values, np.zeros((*values.shape[:-1], 1)), axis=-1) for values in (first, second))
    gap: Array = np.maximum(first[..., k - 1] - second[..., k], second[..., k - 1] - first[..., k])
    return gap


def subspace_angle_bound(error_norm: ArrayLike, gap: ArrayLike) -> Array:
    """Bound on the sine of the largest angle between top-k subspaces of J and J_l: ||E_l||_2 / gap (S14; known; bound).

    For left and for right singular subspaces; with the `mixed_gap`. 1, which says nothing, where the gap is not larger
    than the error.

    Parameters
    ----------
    error_norm
        ||E_l||_2 or a bound on it.
    gap
        Of any shape that fits, in the same unit.

    Returns
    -------
    Array of the common shape, 0 .. 1.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If an error is negative, an entry is NaN or infinite, or shapes do not fit.

    Examples
    --------
    >>> subspace_angle_bound(0.1, [1.0, 0.5, 0.0])
    array([0.1, 0.2, 1. ])
    """
    error, distance = _error(error_norm), finite_array("gap", gap, nonempty=False)
    fitting("error_norm", error.shape, "gap", distance.shape)
    sine: Array = np.where(distance > error, error / np.where(distance > error, distance, 1.0), 1.0)[()]
    return sine


def vector_angle_bound(singular_values: ArrayLike, error_norm: ArrayLike) -> Array:
    """Bound on the sine of the angle between single vectors of J and J_l, from J_l alone (S14; known; bound).

    ``||E_l||_2 / (gap_k - ||E_l||_2)`` with gap_k the distance of sigma_k(J_l) to its neighbours. The angle is that of
    the joint vectors (u_k, v_k)/sqrt(2), eigenvectors of the Hermitian form [[0, J], [J^T, 0]], sign free. 1, which
    says nothing, where gap_k <= 2 ||E_l||_2: inside a cluster single vectors are arbitrary.

    Parameters
    ----------
    singular_values
        sigma_k(J_l) of a square J_l, shape [..., K], K at least 2; not necessarily all of them.
    error_norm
        ||E_l||_2 or a bound on it, shape [...] (or a number).

    Returns
    -------
    Array [..., K - 1], 0 .. 1: the last vector's lower neighbour is not known.

    Raises
    ------
    TypeError, ValueError
        As `singular_value_interval`; ValueError also if there are fewer than two singular values.

    Examples
    --------
    >>> vector_angle_bound([2.0, 1.0, 0.99, 0.0], 0.1).round(4)
    array([0.1111, 1.    , 1.    ])
    """
    values, error = _spectrum_and_error(singular_values, error_norm)
    if values.shape[-1] < 2:
        raise ValueError("singular_values has one entry; a gap needs the next one too: measure with a larger rank.")
    gap = values[..., :-1] - values[..., 1:]
    gap[..., 1:] = np.minimum(gap[..., 1:], gap[..., :-1].copy())
    return subspace_angle_bound(error, gap - error)


def isolated(singular_values: ArrayLike, error_norm: ArrayLike) -> NDArray[np.bool_]:
    """Whether a single singular vector means something: `vector_angle_bound` is below 1 (S14).

    Elsewhere compare subspaces (`ramodel.metrics.subspace_affinity_score`), asymmetry (`asymmetry_error`) and cosines
    of whole Jacobians (`jacobian_cosine`), which do not care about the basis inside a cluster.

    Parameters
    ----------
    singular_values, error_norm
        As in `vector_angle_bound`.

    Returns
    -------
    Boolean array [..., K - 1].

    Raises
    ------
    TypeError, ValueError
        As `singular_value_interval`.

    Examples
    --------
    >>> isolated([2.0, 1.0, 0.99, 0.0], 0.1)
    array([ True, False, False])
    """
    return np.asarray(vector_angle_bound(singular_values, error_norm) < 1.0)


def spectrum(name: str, value: ArrayLike) -> Array:
    """Return singular values as an array [..., K]; raise where they are negative, not finite or increase."""
    values = finite_array(name, value, minimum=0.0)
    if values.ndim == 0:
        raise ValueError(f"{name} is the number {float(values)}; give singular values along the last axis of an array.")
    if (values[..., 1:] > values[..., :-1]).any():
        raise ValueError(f"{name} increases along the last axis; sort singular values in decreasing order.")
    return values


def _spectrum_and_error(singular_values: ArrayLike, error_norm: ArrayLike) -> tuple[Array, Array]:
    """Return [..., K] and [..., 1]."""
    values, error = spectrum("singular_values", singular_values), _error(error_norm)
    fitting("error_norm", error.shape, "singular_values without its last axis", values.shape[:-1])
    return values, error[..., np.newaxis]


def _error(error_norm: ArrayLike) -> Array:
    return finite_array("error_norm", error_norm, minimum=0.0, nonempty=False)

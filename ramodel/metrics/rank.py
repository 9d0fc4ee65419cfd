"""RA3: Residual Jacobians have rank at most C, the number of classes.

Arguments are singular values ``[..., K]``, decreasing along the last axis. Where only the K largest are known, the
energy of the others, ``sum_{k>K} s_k^2``, goes in `tail_energy` (a variable of `ramodel.spectra.measure`). All metrics
depend on singular values alone, so they are invariant under rotation on either side (J -> P J Q), and all are
invariant under scale.
"""

from ramodel.checks import integer, nonnegative
from ramodel.metrics.arrays import Array, Namespace, norm, ratio, real_array, spectrum, square

__all__ = [
    "cumulative_effective_rank",
    "effective_rank",
    "energy_outside_error",
    "gap",
    "numerical_rank",
    "stable_rank",
]


def stable_rank(singular_values: Array, *, tail_energy: Array | float = 0.0) -> Array:
    """Return the stable rank ``||J||_F^2 / ||J||_2^2 = sum_k s_k^2 / s_1^2`` (RA3: at most C).

    Range 1 .. rank J, equal to the rank where all nonzero singular values are equal; 0 for a zero Jacobian.

    Parameters
    ----------
    singular_values
        ``[..., K]``, decreasing.
    tail_energy
        ``[...]``, the sum of the squares of the singular values after the K-th, in squared units of them.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not finite, negative or not decreasing.

    Examples
    --------
    >>> float(stable_rank([2.0, 2.0, 1.0]))
    2.25
    """
    relative, tail, xp = _relative(singular_values, tail_energy)
    return xp.sum(relative**2, axis=-1) + tail


def energy_outside_error(singular_values: Array, classes: int, *, tail_energy: Array | float = 0.0) -> Array:
    """Return the share of the energy beyond the top C, ``sum_{k>C} s_k^2 / sum_k s_k^2`` (RA3: 0).

    Range 0 .. 1 - C/d. 0 for a zero Jacobian, whose rank is 0.

    Parameters
    ----------
    singular_values
        ``[..., K]``, decreasing, K >= C.
    classes
        C.
    tail_energy
        ``[...]``, the sum of the squares of the singular values after the K-th, in squared units of them.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not finite, negative or not decreasing, or fewer than C singular values are given.

    Examples
    --------
    >>> float(energy_outside_error([3.0, 1.0], 1).round(12))
    0.1
    """
    relative, tail, xp = _relative(singular_values, tail_energy)
    classes = integer("classes", classes, maximum=relative.shape[-1], hint="Measure with a larger rank.")
    outside = tail + xp.sum(relative[..., classes:] ** 2, axis=-1)
    return ratio(outside, outside + xp.sum(relative[..., :classes] ** 2, axis=-1), xp, empty=0.0)


def gap(singular_values: Array, classes: int) -> Array:
    """Return the gap after the C-th singular value, ``s_C / s_{C+1}`` (RA3: large).

    Range 1 .. infinity: 1 means no gap at C, also where both are zero (the rank is below C and any gap lies earlier);
    infinite where the rank is exactly C.

    Parameters
    ----------
    singular_values
        ``[..., K]``, decreasing, K > C.
    classes
        C.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not finite, negative or not decreasing, or fewer than C + 1 singular values are given.

    Examples
    --------
    >>> float(gap([4.0, 3.0, 0.5], 2))
    6.0
    """
    values, xp = spectrum(singular_values)
    classes = integer("classes", classes, maximum=values.shape[-1] - 1, hint="Measure with a rank above classes.")
    return ratio(values[..., classes - 1], values[..., classes], xp, empty=1.0)


def numerical_rank(singular_values: Array, *, floor: float = 1e-3) -> Array:
    """Return how many singular values exceed a share of the largest, ``#{k : s_k > floor * s_1}`` (RA3: at most C).

    Range 1 .. K; 0 for a zero Jacobian. K itself says no more than that the rank is at least K: measure more values.

    Parameters
    ----------
    singular_values
        ``[..., K]``, decreasing.
    floor
        Least singular value that counts, relative to the largest; well above the accuracy of the measurement.

    Returns
    -------
    Array
        ``[...]``, whole numbers in float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is not finite, negative or not decreasing.

    Examples
    --------
    >>> float(numerical_rank([2.0, 1.0, 1e-6]))
    2.0
    """
    values, xp = spectrum(singular_values)
    above = values > nonnegative("floor", floor) * values[..., :1]
    return xp.sum(xp.astype(above, xp.float64), axis=-1)


def effective_rank(singular_values: Array) -> Array:
    """Return the effective rank, ``exp(-sum_k p_k ln p_k)`` with ``p_k = s_k / sum_j s_j`` (Roy & Vetterli 2007).

    Range 1 .. rank J, equal to the rank where all nonzero singular values are equal; 0 for a zero Jacobian. Smooth in
    the singular values, where `numerical_rank` jumps. It needs all singular values: of the top K it says how many of
    them matter.

    Parameters
    ----------
    singular_values
        ``[..., K]``, decreasing.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If the argument is not finite, negative or not decreasing.

    Examples
    --------
    >>> float(effective_rank([2.0, 2.0, 2.0, 0.0]).round(12))
    3.0
    """
    values, xp = spectrum(singular_values)
    relative = ratio(values, values[..., :1], xp, empty=0.0)
    share = ratio(relative, xp.sum(relative, axis=-1, keepdims=True), xp, empty=0.0)
    logarithm = xp.log(xp.where(share > 0.0, share, xp.ones_like(share)))
    rank = xp.exp(-xp.sum(share * logarithm, axis=-1))
    return xp.where(values[..., 0] > 0.0, rank, xp.zeros_like(rank))


def cumulative_effective_rank(jacobians: Array, *, skip: bool = True) -> Array:
    """Return the effective rank of ``(I + J_l) ... (I + J_1)`` for every l: how many directions are left of the input.

    With ``skip=False`` of ``J_l ... J_1``, the path through all branches. Range 1 .. d; 0 where a product is zero.
    Invariant under rotation of all layers together (J -> Q J Q^T); with ``skip=False`` also under scale of each J_l.

    Parameters
    ----------
    jacobians
        ``[L, ..., d, d]``, J_l without the identity.
    skip
        Whether the product takes the skip of every block.

    Returns
    -------
    Array
        ``[L, ...]``.

    Raises
    ------
    TypeError, ValueError
        If `jacobians` is not a finite array of square matrices.

    Examples
    --------
    >>> projector = [[1.0, 0.0], [0.0, 0.0]]
    >>> cumulative_effective_rank([projector, projector], skip=False).round(12)
    array([1., 1.])
    """
    array, xp = square("jacobians", jacobians, axes="layer ... row column")
    identity = xp.eye(array.shape[-1], dtype=array.dtype, device=array.device)
    product = xp.zeros_like(array[0, ...]) + identity
    ranks = []
    for layer in range(array.shape[0]):
        block = array[layer, ...] + identity if skip else array[layer, ...]
        product = xp.matmul(block, product)
        # The size of a product is of no account, and would overflow or vanish in deep networks.
        product = ratio(product, norm(product, xp, axis=(-2, -1))[..., None, None], xp, empty=0.0)
        ranks.append(effective_rank(xp.linalg.svdvals(product)))
    return xp.stack(ranks)


def _relative(singular_values: Array, tail_energy: Array | float) -> tuple[Array, Array, Namespace]:
    """Return s_k / s_1 and the tail's energy / s_1^2, both zero for a zero Jacobian."""
    values, xp = spectrum(singular_values)
    largest = values[..., :1]
    relative = ratio(values, largest, xp, empty=0.0)
    largest = largest[..., 0]
    if isinstance(tail_energy, (int, float)):
        tail = xp.zeros_like(largest) + nonnegative("tail_energy", tail_energy)
    else:
        tail, _ = real_array("tail_energy", tail_energy, axes="...")
    if tuple(tail.shape) != tuple(largest.shape):
        raise ValueError(
            f"tail_energy has shape {tuple(tail.shape)}; with singular_values of shape {tuple(values.shape)} "
            f"it must have shape {tuple(largest.shape)}."
        )
    if bool(xp.any(tail < 0.0)) or bool(xp.any((largest == 0.0) & (tail > 0.0))):
        raise ValueError("tail_energy must not be negative, and zero where all singular values are zero.")
    # Divided twice, so that the square of a small singular value does not vanish.
    return relative, ratio(ratio(tail, largest, xp, empty=0.0), largest, xp, empty=0.0), xp

"""S9: blocks preserve the norm of gradients on their way back; that of states they preserve or let grow evenly."""

from ramodel.metrics.arrays import Array, Namespace, norm, ratio, real_array

__all__ = ["gradient_norm_ratio", "norm_growth", "norm_growth_cv", "state_norm_ratio"]


def gradient_norm_ratio(gradients: Array) -> Array:
    """Return ``||g_{l-1}|| / ||g_l||`` for l = 1..L (S9: between 1 + s_min and 1 + s_1 over active directions).

    1 where a block preserves the norm of the gradient that passes back through it; below 1 it vanishes, above 1 it
    explodes. Invariant under rotation and scale of the gradients. Where both norms are zero, 1; infinite where only
    g_l is.

    Parameters
    ----------
    gradients
        g_0, ..., g_L, the gradients of the loss by the states h_l: ``[L + 1, ..., d]``.

    Returns
    -------
    Array
        ``[L, ...]``.

    Raises
    ------
    TypeError, ValueError
        If `gradients` is not finite or has fewer than two states.

    Examples
    --------
    >>> gradient_norm_ratio([[6.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    array([2. , 1.5])
    """
    lengths, xp = _lengths("gradients", gradients)
    return ratio(lengths[:-1, ...], lengths[1:, ...], xp, empty=1.0)


def state_norm_ratio(states: Array) -> Array:
    """Return ``||h_l|| / ||h_{l-1}||`` for l = 1..L (S9: between 1 and 1 + s_1).

    Invariant under rotation and scale of the states. Where both norms are zero, 1; infinite where only h_{l-1} is.

    Parameters
    ----------
    states
        h_0, ..., h_L: ``[L + 1, ..., d]``.

    Returns
    -------
    Array
        ``[L, ...]``.

    Raises
    ------
    TypeError, ValueError
        If `states` is not finite or has fewer than two states.

    Examples
    --------
    >>> state_norm_ratio([[2.0, 0.0], [3.0, 0.0], [0.0, 6.0]])
    array([1.5, 2. ])
    """
    lengths, xp = _lengths("states", states)
    return ratio(lengths[1:, ...], lengths[:-1, ...], xp, empty=1.0)


def norm_growth(states: Array) -> Array:
    """Return the mean growth of the norm of the state in one block, ``(1/L) ln(||h_L|| / ||h_0||)``.

    0 where the norm is preserved. Invariant under rotation and scale of the states.

    Parameters
    ----------
    states
        h_0, ..., h_L, none of them zero: ``[L + 1, ..., d]``.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `states` is not finite, has fewer than two states, or one of them is zero.

    Examples
    --------
    >>> float(norm_growth([[1.0, 0.0], [2.0, 0.0], [0.0, 4.0]]).round(6))
    0.693147
    """
    increments, xp = _log_increments(states)
    return xp.mean(increments, axis=0)


def norm_growth_cv(states: Array) -> Array:
    """Return the coefficient of variation of the growth of the norm (exponential growth at one rate: 0).

    Population standard deviation of ``ln(||h_l|| / ||h_{l-1}||)`` over l, divided by the size of its mean. In S5 states
    along one direction grow at one rate exactly. Range 0 .. infinity (infinite where the norm ends as it began after
    changes). Invariant under rotation and scale of the states. 0 where the norm never changes.

    Parameters
    ----------
    states
        h_0, ..., h_L, none of them zero: ``[L + 1, ..., d]``.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `states` is not finite, has fewer than two states, or one of them is zero.

    Examples
    --------
    >>> float(norm_growth_cv([[1.0], [2.0], [16.0]]).round(12))
    0.5
    """
    increments, xp = _log_increments(states)
    return ratio(xp.std(increments, axis=0), xp.abs(xp.mean(increments, axis=0)), xp, empty=0.0)


def _log_increments(states: Array) -> tuple[Array, Namespace]:
    lengths, xp = _lengths("states", states)
    if bool(xp.any(lengths == 0.0)):
        raise ValueError("states holds a state of norm 0, from which nothing grows; leave such inputs out.")
    logarithms = xp.log(lengths)
    return logarithms[1:, ...] - logarithms[:-1, ...], xp


def _lengths(name: str, vectors: Array) -> tuple[Array, Namespace]:
    array, xp = real_array(name, vectors, axes="layer ... coordinate")
    if array.shape[0] < 2:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; a ratio needs at least two layers.")
    return norm(array, xp, axis=-1), xp

"""S9: blocks preserve the norm of gradients on their way back, and of states on their way forth."""

from ramodel.metrics.arrays import Array, Namespace, norm, ratio, real_array

__all__ = ["gradient_norm_ratio", "state_norm_ratio"]


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


def _lengths(name: str, vectors: Array) -> tuple[Array, Namespace]:
    array, xp = real_array(name, vectors, axes="layer ... coordinate")
    if array.shape[0] < 2:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; a ratio needs at least two layers.")
    return norm(array, xp, axis=-1), xp

"""S16 as a diagnostic: the energy of every block, from trace and norm alone, without singular vectors."""

from ramodel.checks import positive
from ramodel.metrics.arrays import Array, real_array

__all__ = ["energy_identity_error"]


def energy_identity_error(traces: Array, frobenius_norms: Array, *, head_energy: float | None = None) -> Array:
    """Return ``|E_l - E| / E`` with ``E_l = tr J_l + ||J_l||_F^2`` (S16: 0, all blocks have the energy of the head).

    At every critical point of the Frobenius model ``lam_J (tr J_l + ||J_l||_F^2) = lam_W ||W||_F^2`` for every l,
    whatever the loss: so E is the head's energy, ``||W||_F^2 / rho``, where that is given, and else the mean of the
    blocks, for it must be the same for all. A network need not be linear to be asked; S16 is not a claim of it then.
    Invariant under rotation (J -> Q J Q^T), **not** under scale.

    Parameters
    ----------
    traces
        ``[L, ...]``, tr J_l.
    frobenius_norms
        ``[L, ...]``, ||J_l||_F.
    head_energy
        ``(lam_W / lam_J) ||W||_F^2``.

    Returns
    -------
    Array
        ``[L, ...]``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not finite, a norm is negative, shapes differ, or `head_energy` is not positive. Without it,
        also if the mean energy of the blocks is not positive, as at no critical point but zero.

    Examples
    --------
    >>> energy_identity_error([1.0, 0.0], [1.0, 1.0], head_energy=2.0)
    array([0. , 0.5])
    """
    traces, xp = real_array("traces", traces, axes="layer ...")
    norms, _ = real_array("frobenius_norms", frobenius_norms, axes="layer ...")
    if tuple(norms.shape) != tuple(traces.shape):
        raise ValueError(
            f"frobenius_norms has shape {tuple(norms.shape)} and traces {tuple(traces.shape)}; they must be the same."
        )
    if bool(xp.any(norms < 0.0)):
        raise ValueError(f"frobenius_norms holds {float(xp.min(norms)):g}; a norm must not be negative.")
    energies = traces + norms**2
    if head_energy is not None:
        return xp.abs(energies - positive("head_energy", head_energy)) / head_energy
    mean = xp.mean(energies, axis=0, keepdims=True)
    if bool(xp.any(mean <= 0.0)):
        raise ValueError(
            "traces and frobenius_norms give blocks of no positive mean energy, which S16 excludes; give head_energy "
            "to measure the departure from the head."
        )
    return xp.abs(energies - mean) / mean

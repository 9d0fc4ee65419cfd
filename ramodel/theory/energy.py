"""Statement S19: weights tell how much a block gains along the gradient."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ramodel.checks import finite_array

__all__ = ["gain_from_energy"]


def gain_from_energy(energy_ratio: ArrayLike) -> NDArray[np.float64]:
    """Gain of a block along the gradient, read off its weights alone: e / (1 - e) (statement S19; own; exact).

    At a stationary point of the decayed loss of a bias-free, positively 1-homogeneous residual network,
    ``-<g_l, f_l(h_{l-1})> / -<g_l, h_{l-1}> = e / (1 - e)`` with ``e = lam_J ||B_l||_F^2 / (lam_W ||W||_F^2)``. In the
    linear nuclear model of rank one this is the singular value s of the Residual Jacobian.

    Parameters
    ----------
    energy_ratio
        e, the decayed energy of the block's last matrix over that of the head; any shape, no unit. Beyond 1 the
        gain is negative: the gradient turns its sign inside the block.

    Returns
    -------
    Array of the same shape, no unit; condition number 1 / abs(1 - e).

    Raises
    ------
    TypeError
        If an entry is not a real number.
    ValueError
        If an entry is negative, exactly 1 (the gain is infinite there), NaN or infinite.

    Examples
    --------
    >>> gain_from_energy([0.0, 0.2, 0.5])
    array([0.  , 0.25, 1.  ])
    """
    e = finite_array("energy_ratio", energy_ratio, minimum=0.0, nonempty=False)
    if (e == 1.0).any():
        raise ValueError("energy_ratio has an entry equal to 1; the gain is infinite there, so leave it out.")
    gain: NDArray[np.float64] = (e / (1.0 - e))[()]
    return gain

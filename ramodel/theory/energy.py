"""Statements S16 and S19: what the decay of the weights says of the work they do, without any singular vectors."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ramodel.checks import finite_array, integer, positive, real
from ramodel.theory.kinetic import KineticModel
from ramodel.theory.layer_decays import decay_of_each_layer
from ramodel.theory.model import Array, ResidualModel, representable
from ramodel.theory.nuclear import NuclearModel
from ramodel.theory.plain import PlainModel

__all__ = [
    "Energies",
    "block_energy_ratio",
    "decay_elasticity",
    "energies",
    "gain_from_energy",
    "loss_from_probability",
    "margin_from_probability",
]


@dataclass(frozen=True, eq=False)
class Energies:
    """Three energies that agree at every critical point of the Frobenius model (statement S16; own; exact).

    Parameters
    ----------
    head
        ``lam_W ||W||_F^2``.
    work
        ``-<d ell/dZ, Z>``.
    blocks : array [L]
        ``lam_l (tr J_l + ||J_l||_F^2)``.
    """

    head: float
    work: float
    blocks: Array

    @property
    def error(self) -> float:
        """Largest departure of the work or of a block from the head's energy, relative to it; 0 = S16 holds."""
        departure = float(np.abs(np.append(self.blocks, self.work) - self.head).max())
        if departure == 0.0:
            return 0.0
        return departure / self.head if self.head > 0.0 else math.inf


def energies(
    jacobians: ArrayLike,
    head: ArrayLike,
    logits: ArrayLike,
    logit_gradient: ArrayLike,
    *,
    jacobian_decay: ArrayLike,
    head_decay: float,
) -> Energies:
    """Head energy, work against the loss and block energies: equal at every critical point (S16; own; exact).

    ``lam_W ||W||_F^2 = -<d ell/dZ, Z> = lam_l (tr J_l + ||J_l||_F^2)`` for every l, any loss, on any branch.

    Parameters
    ----------
    jacobians
        J_1, ..., J_L, shape [L, d, d].
    head
        W, shape [C, d].
    logits, logit_gradient
        Z and d ell/dZ, shape [N, C] each, samples as rows. The gradient is that of the loss as it stands in F: a mean
        over samples brings a factor 1/N.
    jacobian_decay
        lam_J, or one decay per layer.
    head_decay
        lam_W > 0.

    Returns
    -------
    Energies, in the unit of the loss.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an entry is not finite or a decay is not positive.
    OverflowError
        If an energy leaves float64.

    Examples
    --------
    >>> energies([[[1.0]]], [[2**0.5]], [[2.0]], [[-1.0]], jacobian_decay=1.0, head_decay=1.0).error < 1e-15
    True
    """
    weights = finite_array("head", head, shape=(None, None))
    classes, width = weights.shape
    blocks = finite_array("jacobians", jacobians, shape=(None, width, width))
    z = finite_array("logits", logits, shape=(None, classes))
    g = finite_array("logit_gradient", logit_gradient, shape=z.shape)
    decays = decay_of_each_layer(jacobian_decay, len(blocks))
    with np.errstate(over="ignore", invalid="ignore"):
        head_energy = representable(
            "the energy of the head", positive("head_decay", head_decay) * np.asarray(np.sum(weights**2))
        )
        work = representable("the work", -np.asarray(np.sum(g * z)))
        each = decays * (np.trace(blocks, axis1=1, axis2=2) + np.sum(blocks**2, axis=(1, 2)))
        return Energies(head=float(head_energy), work=float(work), blocks=representable("the energy of a block", each))


def block_energy_ratio(model: ResidualModel, m: ArrayLike) -> Array:
    """Decay of all blocks over that of the head, for one direction at the optimum (statement S16; own; exact).

    Frobenius ``L s / (1 + s)``, nuclear ``2 L s / (1 + s)``, kinetic with white inputs ``t / (1 + t)`` with t = L s_1,
    plain L.

    Parameters
    ----------
    model
        Any of the four.
    m
        Singular values of the end-to-end map, any shape, at least 0.

    Returns
    -------
    Number without unit, same shape; 0 where m is (for a plain net its limit L).

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `model.jacobian_singular_value`.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> float(block_energy_ratio(FrobeniusModel(1, 1.0, 1.0), 8**0.5).round(12))
    0.5
    """
    s = model.jacobian_singular_value(m)
    if isinstance(model, PlainModel):
        return np.full_like(s, model.depth)[()]
    if isinstance(model, KineticModel):
        t = model.depth * s
        return np.asarray(t / (1.0 + t))[()]
    factors = 2.0 if isinstance(model, NuclearModel) else 1.0
    return np.asarray(factors * model.depth * (s / (1.0 + s)))[()]


def decay_elasticity(model: ResidualModel, m: ArrayLike) -> Array:
    """Elasticity of the cost, d ln c / d ln lam_J at fixed m: the blocks' share of all decay (S16; own; exact).

    ``L s / (1 + (L+1) s)`` in the Frobenius model without embedding; by the envelope theorem in all of them.

    Parameters
    ----------
    model
        Any of the four.
    m
        Singular values of the end-to-end map, any shape, at least 0.

    Returns
    -------
    Number between 0 and 1, same shape.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `model.jacobian_singular_value`.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> float(decay_elasticity(FrobeniusModel(1, 1.0, 1.0), 8**0.5).round(12))
    0.333333333333
    """
    ratio = block_energy_ratio(model, m)
    whole = model.ends + ratio
    if isinstance(model, KineticModel) and model.embedding_decay is not None:
        whole = np.full_like(ratio, 2.0)  # lam_E e^2 is lam_W w^2 / (1 + t) there
    return np.asarray(ratio / whole)[()]


def loss_from_probability(p: float, classes: int) -> float:
    """Mean cross-entropy -ln(1 - (C-1) p) of a simplex whose wrong classes have probability p each (S16; own; exact).

    At the simplex optimum of C orthonormal class inputs ``p = lam_W w^2 / m``, that is ``lam_J s (1 + s) / m`` in the
    Frobenius model.

    Parameters
    ----------
    p
        Probability of each wrong class, from 0 up to 1/C.
    classes
        C, at least 2.

    Returns
    -------
    Loss in nats.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> round(loss_from_probability(0.25, classes=4), 12)  # ln 4
    1.38629436112
    """
    others = integer("classes", classes, minimum=2) - 1
    return -math.log1p(-others * _wrong_probability(p, others))


def margin_from_probability(p: float, classes: int) -> float:
    """Logit margin ln(1/p - C + 1) of a simplex whose wrong classes have probability p each (S16; own; exact).

    At the simplex optimum it is m itself.

    Parameters
    ----------
    p
        Probability of each wrong class, above 0 and up to 1/C.
    classes
        C, at least 2.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> round(margin_from_probability(0.01, classes=4), 12)  # ln 97
    4.574710978503
    """
    others = integer("classes", classes, minimum=2) - 1
    value = positive("p", _wrong_probability(p, others), hint="At p = 0 the margin is infinite.")
    return -math.log(value) + math.log1p(-others * value)


def _wrong_probability(p: float, others: int) -> float:
    value = real("p", p)
    if not 0.0 <= value * (others + 1) <= 1.0:
        raise ValueError(f"p is {p!r}; the probability of a wrong class lies between 0 and 1/C = 1/{others + 1}.")
    return value


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

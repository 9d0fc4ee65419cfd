"""Statement S7 for matrices: blocks that bring their inputs to P x on lines, in equal steps, whatever the inputs."""

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array, integer
from ramodel.theory.model import Array

__all__ = ["checked_second_moment", "equal_step_jacobians", "equal_steps_exist", "whitening"]

SINGULAR = 1e-12
"""Relative size below which an eigenvalue counts as zero: blocks a million million times larger lead nowhere."""


def equal_steps_exist(product: ArrayLike, depth: int) -> bool:
    """Whether blocks with equal steps and the product P exist: no eigenvalue of P is 1 - L/l, l < L (S7; own; exact).

    There P_l = I + (l/L) (P - I) is singular, and no next block leads on from it. Decided by the eigenvalues of P_l, of
    which one below 1e-12 of what it is made of counts as zero.

    Parameters
    ----------
    product
        P, shape [d, d].
    depth
        L, a whole number.

    Raises
    ------
    TypeError
        If an entry is not a real number or `depth` is not a whole number.
    ValueError
        If `product` is not a square matrix of finite numbers.

    Examples
    --------
    >>> equal_steps_exist([[2.0]], depth=4), equal_steps_exist([[-1.0]], depth=4)
    (True, False)
    """
    p = _square("product", product)
    layers = integer("depth", depth)
    t = np.linalg.eigvals(p - np.eye(len(p)))
    steps = np.multiply.outer(np.arange(1, layers), t)
    return bool((np.abs(layers + steps) > SINGULAR * (layers + np.abs(steps))).all())


def equal_step_jacobians(product: ArrayLike, depth: int) -> Array:
    """Jacobians of blocks with equal steps and the product P (statement S7; own; exact).

    ``J_l = (P - I) (L I + (l-1) (P - I))^{-1}``, that is ``J_l^{-1} = (l-1) I + L (P - I)^{-1}``, but P - I may be
    singular. Eigenvalues 1 + t of P become t / (L + (l-1) t).

    Parameters
    ----------
    product
        P, shape [d, d].
    depth
        L, a whole number.

    Returns
    -------
    Array [L, d, d], no unit.

    Raises
    ------
    TypeError
        If an entry is not a real number or `depth` is not a whole number.
    ValueError
        If `product` is not a square matrix of finite numbers, or there are no equal steps to it: see
        `equal_steps_exist`.

    Examples
    --------
    >>> equal_step_jacobians([[2.0]], depth=2).ravel().round(6)
    array([0.5       , 0.333333])
    """
    p = _square("product", product)
    layers = integer("depth", depth)
    if not equal_steps_exist(p, layers):
        raise ValueError(
            f"product has an eigenvalue 1 - L/l with l < L = {layers}; equal steps would pass through zero there, so "
            "change the product or the depth."
        )
    whole = p - np.eye(len(p))
    before = np.arange(layers)[:, np.newaxis, np.newaxis] * whole
    return np.asarray(np.linalg.solve(layers * np.eye(len(p)) + before, whole[np.newaxis]), dtype=np.float64)


def whitening(second_moment: Array) -> tuple[Array, Array]:
    """Return Sigma^(1/2) restricted to its range, as [d, r], and its pseudoinverse [r, d]."""
    values, vectors = np.linalg.eigh(second_moment)
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    root, basis = np.sqrt(values[kept]), vectors[:, kept]
    return basis * root, (basis / root).T


def checked_second_moment(value: ArrayLike, width: int) -> Array:
    """Return a second moment of inputs, made exactly symmetric; refuse what is far from that or not semidefinite."""
    sigma = finite_array("second_moment", value, shape=(width, width))
    rounding = 1e3 * width * np.finfo(np.float64).eps * float(np.abs(sigma).max())
    asymmetry = float(np.abs(sigma - sigma.T).max())
    if asymmetry > rounding:
        raise ValueError(f"second_moment departs from its transpose by {asymmetry:.1e}; a mean of x x^T is symmetric.")
    symmetric: Array = (sigma + sigma.T) / 2.0
    lowest = float(np.linalg.eigvalsh(symmetric)[0])
    if lowest < -rounding:
        raise ValueError(f"second_moment has the eigenvalue {lowest:.1e}; a mean of x x^T has none below zero.")
    return symmetric


def _square(name: str, value: ArrayLike) -> Array:
    matrix = finite_array(name, value, shape=(None, None))
    return finite_array(name, matrix, shape=(len(matrix), len(matrix)))

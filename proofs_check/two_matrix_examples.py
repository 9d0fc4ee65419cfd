"""A critical point and factorisations of the nuclear model, built outright: examples for S6."""

from collections.abc import Sequence
from random import Random
from typing import Any

import mpmath
from sympy import Expr, Matrix, Rational, diag, eye

from proofs_check.claims import Example
from proofs_check.critical_point import slopes
from proofs_check.evaluation import Matrices, Reals
from proofs_check.known_theorems import singular_values

__all__ = ["factor_critical_point", "factorisation_margin"]

WIDTH, BLOCKS = 3, 2


def factor_critical_point(*, slip: float = 0.0) -> Example:
    """Return the claim that J_l = (W^T W/rho - I)_+ makes F stationary; `slip` moves one entry of B_1."""
    return Example(
        "W, J_l = (W^T W/rho - I)_+ in balanced factors, a loss with G H_L^T = -lam_W W: the gradient of F is zero",
        exact=lambda: _exact_gradient(slip),
        random=lambda rng: _random_slopes(slip, rng),
    )


def _exact_gradient(slip: float) -> Sequence[Expr]:
    """Return the gradient of F in rational numbers, with one direction above the threshold and one below."""
    third = Rational(1, 3)
    frame = Matrix([[1, 2, 2], [2, 1, -2], [2, -2, 1]]) * third
    root, head_decay, jacobian_decay = Rational(3, 4), Rational(1, 100), Rational(1, 25)
    head = 2 * diag(Rational(5, 4), Rational(1, 2)) * frame[:, :2].T
    outer = [frame * diag(root, 0, 0) for _ in range(BLOCKS)]
    inner = [diag(root, 0, 0) * frame.T for _ in range(BLOCKS)]
    inputs = Matrix([[1, 0, 2], [0, 1, 1], [1, -1, 2]])
    block = eye(WIDTH) + outer[0] * inner[0]
    loss_gradient = -head_decay * head * (block**BLOCKS * inputs).inv().T

    outer[0][0, 1] += Rational(slip)
    states = [inputs]
    for left, right in zip(outer, inner, strict=True):
        states.append(states[-1] + left * right * states[-1])
    gradient = list(loss_gradient * states[-1].T + head_decay * head)
    behind = head
    for left, right, state in zip(reversed(outer), reversed(inner), reversed(states[:-1]), strict=True):
        slope = behind.T * loss_gradient * state.T
        gradient += list(slope * right.T + jacobian_decay * left) + list(left.T * slope + jacobian_decay * right)
        behind = behind * (eye(WIDTH) + left * right)
    return gradient


def _random_slopes(slip: float, rng: Random) -> Sequence[tuple[Any, Any]]:
    """Return every slope of F at the closed form for a random head, each beside the wanted zero.

    The loss is <G, Z> + |Z - Z_0|^2/2 with Z_0 the logits there.
    """
    head_decay, ratio = Reals(0.1, 10).draw(rng), Reals(0.05, 0.5).draw(rng)
    jacobian_decay = ratio * head_decay
    head, inputs = Matrices(2, WIDTH).draw(rng), Matrices(WIDTH, WIDTH).draw(rng)
    squares, frame = mpmath.eigsy(head.T * head / ratio)
    roots = mpmath.diag([mpmath.sqrt(max(square - 1, 0)) for square in squares])
    outer, inner = [frame * roots for _ in range(BLOCKS)], [roots * frame.T for _ in range(BLOCKS)]
    states = (mpmath.eye(WIDTH) + outer[0] * inner[0]) ** BLOCKS * inputs
    loss_gradient, logits = -head_decay * head * mpmath.inverse(states.T), head * states
    outer[0][0, WIDTH - 1] += slip

    def objective() -> mpmath.mpf:
        state = inputs
        for left, right in zip(outer, inner, strict=True):
            state = state + left * (right * state)
        moved = head * state - logits
        entries = [(row, column) for row in range(moved.rows) for column in range(moved.cols)]
        loss = mpmath.fsum(loss_gradient[entry] * moved[entry] + moved[entry] ** 2 / 2 for entry in entries)
        factor_energy = mpmath.fsum(mpmath.norm(factor) ** 2 for factor in (*outer, *inner))
        return loss + (head_decay * mpmath.norm(head) ** 2 + jacobian_decay * factor_energy) / 2

    return slopes(objective, (head, *outer, *inner))


def factorisation_margin(rng: Random, *, excess: float = 1.0) -> mpmath.mpf:
    """Cost of W A_2 A_1 = M in balanced factors minus `excess` times sum_k c_2(sigma_k(M)), near aligned blocks."""
    head = 2 * Matrices(2, WIDTH).draw(rng)
    squares, frame = mpmath.eigsy(head.T * head)
    aligned = frame * mpmath.diag([max(square - 1, 0) for square in squares]) * frame.T
    blocks = [aligned + Matrices(WIDTH, WIDTH).draw(rng) / 16 for _ in range(BLOCKS)]
    product = head
    for block in blocks:
        product = product * (mpmath.eye(WIDTH) + block)
    energy = mpmath.norm(head) ** 2 + 2 * mpmath.fsum(mpmath.fsum(singular_values(block)) for block in blocks)
    return energy - excess * mpmath.fsum(_scalar_cost(m) for m in singular_values(product))


def _scalar_cost(m: mpmath.mpf) -> mpmath.mpf:
    """c_L(m) for lam_J = lam_W = 1 and L = `BLOCKS`: m^2 up to the threshold 1, then 1 + (2L+1) s."""
    layers = 2 * BLOCKS + 1
    return m**2 if m <= 1 else 1 + layers * (m ** (mpmath.mpf(2) / layers) - 1)

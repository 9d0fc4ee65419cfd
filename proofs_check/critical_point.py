"""Critical points of the Frobenius model and gradients of tiny networks, built outright: examples for S1."""

from collections.abc import Callable, Sequence
from functools import reduce
from random import Random
from typing import Any

import mpmath
from sympy import Derivative, Expr, ImmutableMatrix, Matrix, Rational, diag, exp, eye, log, sqrt, symbols

from proofs_check.claims import Equal, Example
from proofs_check.evaluation import Matrices, Reals

__all__ = ["critical_point", "cross_entropy_gradient", "slopes"]

CLASSES, WIDTH, DEPTH = 2, 3, 3


def cross_entropy_gradient(*, head_decay_power: int = 1) -> Equal:
    """Return the claim that the gradient of F of a tiny network is as S1 says, entry by entry.

    Two blocks of width 2, three classes, one sample of class 1, softmax cross-entropy, every derivative in full. The
    formula has lam_W to the given power: 1 is right.
    """
    w = ImmutableMatrix(3, 2, symbols("w:6", real=True))
    first, second = (ImmutableMatrix(2, 2, symbols(f"{name}:4", real=True)) for name in "ab")
    x = Matrix(symbols("x:2", real=True))
    lam_J, lam_W = symbols("lam_J lam_W", positive=True)
    middle = (eye(2) + first) * x
    last = (eye(2) + second) * middle
    logits = w * last
    partition = sum(exp(logit) for logit in logits)
    energy = lam_W * sum(entry**2 for entry in w) + lam_J * sum(entry**2 for entry in (*first, *second))
    objective = log(partition) - logits[0] + energy / 2
    g = Matrix([exp(logit) / partition for logit in logits]) - Matrix([1, 0, 0])
    gradients = (
        (w, g * last.T + lam_W**head_decay_power * w),
        (second, w.T * g * middle.T + lam_J * second),
        (first, (w * (eye(2) + second)).T * g * x.T + lam_J * first),
    )
    return Equal(
        tuple(Derivative(objective, entry) for variable, _ in gradients for entry in variable),
        tuple(entry for _, formula in gradients for entry in formula),
        {symbol: Reals(0.1, 1) for symbol in objective.free_symbols},
        method="derivatives in full",
        points=2,
    )


def critical_point(*, slip: float = 0.0) -> Example:
    """Return the claim that the closed form of S1 makes F stationary; `slip` moves one entry of J_1."""
    return Example(
        "W, the J_l of S1(b) and a loss with G H_L^T = -lam_W W: the gradient of F is zero"
        + f", with an entry of J_1 moved by {slip}" * bool(slip),
        exact=lambda: _exact_gradient(slip),
        random=lambda rng: _random_slopes(slip, rng),
    )


def _exact_gradient(slip: float) -> Sequence[Expr]:
    """Return the gradient of F in rational numbers, at blocks of which the last lies on the other branch.

    The blocks share the frame; the second eigenvalue of the last is -(1 + s_2), as S1 allows.
    """
    third = Rational(1, 3)
    frame = Matrix([[1, 2, 2], [2, 1, -2], [2, -2, 1]]) * third
    s_1, s_2 = third, Rational(9, 16)
    head_decay, jacobian_decay = Rational(1, 100), Rational(1, 25)
    eigenvalues = [(s_1, s_2), (s_1, s_2), (s_1, -1 - s_2)]
    blocks = [frame * diag(*pair, 0) * frame.T for pair in eigenvalues]
    head = diag(*(sqrt(jacobian_decay / head_decay * s * (1 + s)) for s in (s_1, s_2))) * frame[:, :2].T
    inputs = Matrix([[1, 0, 2], [0, 1, 1], [1, -1, 2]])
    product = reduce(lambda below, block: (eye(WIDTH) + block) * below, blocks, eye(WIDTH))
    loss_gradient = -head_decay * head * (product * inputs).inv().T

    blocks[0][0, 1] += Rational(slip)
    states = [inputs]
    for block in blocks:
        states.append((eye(WIDTH) + block) * states[-1])
    gradient = list(loss_gradient * states[-1].T + head_decay * head)
    behind = head
    for block, state in zip(reversed(blocks), reversed(states[:-1]), strict=True):
        gradient += list(behind.T * loss_gradient * state.T + jacobian_decay * block)
        behind = behind * (eye(WIDTH) + block)
    return gradient


def _random_slopes(slip: float, rng: Random) -> Sequence[tuple[Any, Any]]:
    """Return every slope of F at the positive critical point of a random head, each beside the wanted zero.

    The loss is <G, Z> + |Z - Z_0|^2/2 with Z_0 the logits there.
    """
    head_decay, jacobian_decay = (Reals(0.1, 10).draw(rng) for _ in range(2))
    head, inputs = Matrices(CLASSES, WIDTH).draw(rng), Matrices(WIDTH, WIDTH).draw(rng)
    squares, frame = mpmath.eigsy(head.T * head * (head_decay / jacobian_decay))
    gains = mpmath.diag([(mpmath.sqrt(1 + 4 * square) - 1) / 2 for square in squares])
    blocks = [frame * gains * frame.T for _ in range(DEPTH)]
    states = (mpmath.eye(WIDTH) + blocks[0]) ** DEPTH * inputs
    loss_gradient, logits = -head_decay * head * mpmath.inverse(states.T), head * states
    blocks[0][0, 1] += slip

    def objective() -> mpmath.mpf:
        state = inputs
        for block in blocks:
            state = state + block * state
        moved = head * state - logits
        entries = [(row, column) for row in range(CLASSES) for column in range(WIDTH)]
        loss = mpmath.fsum(loss_gradient[entry] * moved[entry] + moved[entry] ** 2 / 2 for entry in entries)
        block_energy = mpmath.fsum(mpmath.norm(block) ** 2 for block in blocks)
        return loss + (head_decay * mpmath.norm(head) ** 2 + jacobian_decay * block_energy) / 2

    return slopes(objective, (head, *blocks))


def slopes(objective: Callable[[], mpmath.mpf], parts: Sequence[mpmath.matrix]) -> list[tuple[Any, Any]]:
    """Return the slope of an objective in every entry of `parts`, on which it depends, each beside the wanted zero.

    The objective must be quadratic in every single entry: then central differences are its slopes exactly, whatever
    the step. Slopes are shifted by 1 to give "zero" a scale.
    """
    pairs = []
    for part in parts:
        for row in range(part.rows):
            for column in range(part.cols):
                start = part[row, column]
                part[row, column] = start + 1
                above = objective()
                part[row, column] = start - 1
                below = objective()
                part[row, column] = start
                pairs.append((1 + (above - below) / 2, mpmath.mpf(1)))
    return pairs

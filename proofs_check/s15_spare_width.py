# ruff: noqa: N816 - symbols are named as in the statement
"""S15: with rank W < d every critical point that has an eigenvalue of some J_l below -1 is a strict saddle.

J = J_l has the unit eigenvector v with eigenvalue -(1 + s), A = I + J, and u is a unit vector of ker W, which S1 makes
ker J_m for every m. Pi is the projector on the row space of W. Q is the rotation by theta in the plane (v, u). The
path keeps the layers before l and moves J_l to Q Pi (A_l - Q^T), J_m to Q J_m Q^T for m > l, and W to W Q^T.
U = W A_L .. A_(l+1) is what follows block l. In the plane (v, u) all of this is 2 x 2, and beyond it Q = I.

So a local minimum with rank W < d has every I + J_l positive definite, and S1(d) holds there. For softmax
cross-entropy rank W <= C - 1 (S1), so d >= C is enough; for any loss d > min(C, N, rank X) is.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

import mpmath
from sympy import Derivative, Expr, Matrix, Rational, cos, diag, eye, sin, sqrt, symbols

from proofs_check.algebra import T, matrices, tr
from proofs_check.claims import Example
from proofs_check.evaluation import Matrices, Reals, Where
from proofs_check.sign import Increasing, Manifest
from proofs_check.step import Statement, Step
from proofs_check.writing import StepsOn

lam_J, lam_W, s, w, h, q = symbols("lam_J lam_W s w h q", positive=True)
theta, a, b = symbols("theta a b", real=True)
J, Pi, Q, U, W = matrices("J Pi Q U W")
in_J, in_W, in_U, symmetric, projector, commuting, rotation = matrices(
    "in_J in_W in_U symmetric projector commuting rotation"
)
A = 1 + J
WHERE: Where = {
    **dict.fromkeys((lam_J, lam_W, s, w, h, q), Reals(1e-2, 1e2)),
    **dict.fromkeys((theta, a, b), Reals(-3, 3)),
    **dict.fromkeys((J, Pi, Q), Matrices(3, 3)),
    **dict.fromkeys((U, W), Matrices(2, 3)),
}
on = StepsOn(WHERE)

# --- What the path leaves as it is ----------------------------------------------------------------------------------

PROJECTION = {in_J: J * Pi - J, symmetric: J - T(J), projector: Pi - T(Pi)}
ROTATION = {rotation: T(Q) * Q - 1}
moved = 1 + Q * Pi * (A - T(Q))
"""I + J_l along the path."""

UNCHANGED = (
    on.follows(
        "ker J_m = ker W makes J_m Pi = J_m, and so J_m and A_m commute with Pi",
        A * Pi - Pi * A,
        PROJECTION,
        in_J - T(in_J) + symmetric - projector * T(J) - Pi * symmetric,
        spoilt=A * Pi - Pi * T(A),
    ),
    on.follows(
        "so W Pi = W passes to W A_L .., and to U: U Pi = U",
        W * A * Pi - W * A,
        {in_W: W * Pi - W, commuting: A * Pi - Pi * A},
        in_W * A + W * commuting,
        spoilt=W * A * Pi - W,
    ),
    on.follows(
        "layers after l: I + Q J_m Q^T = Q A_m Q^T, and (W Q^T) .. (Q A_(l+1) Q^T) = U Q^T",
        1 + Q * J * T(Q) - Q * A * T(Q),
        {rotation: Q * T(Q) - 1},
        -rotation,
        spoilt=1 + Q * J * T(Q) - Q * A,
    ),
    on.follows(
        "M stays: U Q^T (I + Q Pi (A_l - Q^T)) = U A_l",
        U * T(Q) * moved - U * A,
        ROTATION | {in_U: U * Pi - U},
        U * rotation * Pi * (A - T(Q)) + in_U * (A - T(Q)),
        spoilt=U * moved - U * A,
    ),
    on.follows(
        "energies after l stay: |Q J_m Q^T|^2 = |J_m|^2",
        tr(T(Q * J * T(Q)) * Q * J * T(Q)) - tr(T(J) * J),
        ROTATION,
        tr(T(J) * rotation * J * T(Q) * Q) + tr(T(J) * J * rotation),
        spoilt=tr(T(Q * J) * Q * J) - tr(J * J),
    ),
    on.follows(
        "and so does that of the head: |W Q^T|^2 = |W|^2",
        tr(T(W * T(Q)) * W * T(Q)) - tr(T(W) * W),
        ROTATION,
        tr(T(W) * W * rotation),
        spoilt=tr(T(W * T(Q)) * W * T(Q)) - 2 * tr(T(W) * W),
    ),
)

# --- What it gains: the plane (v, u), where A_l = diag(-s, 1) and Pi = diag(1, 0) -------------------------------------


def turned(angle: Expr, *, eigenvalue: Expr = -s) -> Matrix:
    """Return Q Pi (A_l - Q^T) in the plane (v, u)."""
    plane = Matrix([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    return plane * diag(1, 0) * (diag(eigenvalue, 1) - plane.T)


def energy(block: Matrix) -> Expr:
    """Return |block|^2."""
    return sum(entry**2 for entry in block)


change = lam_J / 2 * (energy(turned(theta)) - (1 + s) ** 2)
"""F(theta) - F(0)."""

FALL = (
    on.equal(
        "|Q Pi (A_l - Q^T)|^2 = (1+s)^2 - 2 s (1 - cos theta) in the plane",
        energy(turned(theta)),
        (1 + s) ** 2 - 2 * s * (1 - cos(theta)),
        spoilt=energy(turned(theta, eigenvalue=s)),
    ),
    on.equal(
        "F(theta) = F(0) - lam_J s (1 - cos theta)",
        change,
        -lam_J * s * (1 - cos(theta)),
        spoilt=2 * change,
    ),
    on.equal(
        "its second derivative is -lam_J s cos theta, at theta = 0 negative: a strict saddle",
        Derivative(change, theta, 2),
        -lam_J * s * cos(theta),
        spoilt=Derivative(change, theta),
    ),
    on.exceeds("-lam_J s < 0", 0, -lam_J * s, spoilt=lam_J * s),
)

# --- The nuclear model: the same path, where the J_l are symmetric with ranges in the row space of W ------------------

squared_norm = 1 + s**2 + 2 * s * cos(theta)
NUCLEAR = (
    on.equal(
        "nuclear blocks: in the plane the moved block has rank one, its determinant is zero",
        turned(theta).det(),
        0 * s,
        spoilt=(turned(theta) + eye(2)).det(),
    ),
    on.equal(
        "so its nuclear norm is its Frobenius norm, sqrt(1 + s^2 + 2 s cos theta)",
        energy(turned(theta)),
        squared_norm,
        spoilt=energy(turned(theta)) + s,
    ),
    on.exceeds(
        "which is below (1+s) - s (1 - cos theta)/(1+s), here with cos theta = (q-1)/(q+1)",
        (1 + s) - s * 2 / (1 + q) / (1 + s),
        sqrt((q * (1 + s) ** 2 + (1 - s) ** 2) / (1 + q)),
        Increasing(lambda y: y**2, Manifest()),
        spoilt=1 + s,
    ),
)

# --- Where width is not spare: one class, width 1, depth 1, squared error (h/2)(m - y)^2 ------------------------------

slope_of_loss = lam_W * w / s
"""g = h (m - y) at the critical point j = -(1+s), w^2 = rho s (1+s), m = w (1 + j) = -w s."""

block_decay = lam_W * w**2 / (s * (1 + s))
target = -w * s - slope_of_loss / h
hessian = Matrix(
    [
        [h * s**2 + lam_W, slope_of_loss - h * w * s],
        [slope_of_loss - h * w * s, h * w**2 + block_decay],
    ]
)
"""Second derivatives of F in w and j, read off the first step below."""


def objective(head: Expr, block: Expr) -> Expr:
    """Return F at the given w and j."""
    return h * (head * (1 + block) - target) ** 2 / 2 + lam_W * head**2 / 2 + block_decay * block**2 / 2


EXAMPLE = (
    on.equal(
        "at w + a, j + b: F = F(0, 0) + g a b + (h/2)(w b - s a + a b)^2 + decay of (a, b)",
        objective(w + a, b - 1 - s) - objective(w, -1 - s),
        slope_of_loss * a * b + h / 2 * (w * b - s * a + a * b) ** 2 + (lam_W * a**2 + block_decay * b**2) / 2,
        spoilt=objective(w + a, b - s) - objective(w, -1 - s),
    ),
    on.equal(
        "critical, as no term is of first order; the determinant of its Hessian",
        hessian.det(),
        block_decay / s * (h * s**2 * (3 + 4 * s) - lam_W),
        spoilt=2 * hessian.det(),
    ),
    on.exceeds(
        "positive where lam_W < h s^2 (3 + 4 s), here by 1 + q: a strict local minimum",
        hessian.det().subs(lam_W, h * s**2 * (3 + 4 * s) / (1 + q)),
        0,
        spoilt=(hessian[0, 0] * hessian[1, 1]).subs(lam_W, h * s**2 * (3 + 4 * s) / (1 + q)),
    ),
)


def descent(*, excess: int = 0) -> Example:
    """Return the claim that along the path M stays and F falls as stated; `excess` adds to how often it falls so."""
    return Example(
        "three layers of width 3 with rank W = 2, the second with an eigenvalue -(1 + s)"
        + f", and F falls {1 + excess} times as far" * bool(excess),
        exact=lambda: _exact_descent(1 + excess),
        random=lambda rng: _random_descent(1 + excess, rng),
    )


def _exact_descent(times: int) -> Sequence[Expr]:
    """Return what is left of the two claims, in rational numbers; cos theta = 3/5."""
    frame = Matrix([[1, 2, 2], [2, 1, -2], [2, -2, 1]]) / 3
    s_1, s_2 = Rational(1, 3), Rational(9, 16)
    rho = 4
    head = diag(*(sqrt(rho * gain * (1 + gain)) for gain in (s_1, s_2))) * frame[:, :2].T
    blocks = [frame * diag(s_1, last, 0) * frame.T for last in (s_2, -1 - s_2, s_2)]
    cosine, sine = Rational(3, 5), Rational(4, 5)
    plane = frame * diag(1, Matrix([[cosine, -sine], [sine, cosine]])) * frame.T
    projection = frame * diag(1, 1, 0) * frame.T
    path = [
        blocks[0],
        plane * projection * (eye(3) + blocks[1] - plane.T),
        plane * blocks[2] * plane.T,
    ]
    before, after = (
        ends * (eye(3) + layers[2]) * (eye(3) + layers[1]) * (eye(3) + layers[0])
        for ends, layers in ((head, blocks), (head * plane.T, path))
    )
    fall = sum(energy(old) - energy(new) for old, new in zip(blocks, path, strict=True)) / 2
    return [*(before - after), fall - times * s_2 * (1 - cosine)]


def _random_descent(times: int, rng: Random) -> Sequence[tuple[Any, Any]]:
    """Return M before and after, and the fall of F beside the claimed one, for a random head and angle."""
    head, angle = Matrices(2, 3).draw(rng), Reals(0.1, 3).draw(rng)
    squares, frame = mpmath.eigsy(head.T * head)
    gains = [(mpmath.sqrt(1 + 4 * square) - 1) / 2 for square in squares]
    kernel, chosen, gain = 0, 2, gains[2]
    blocks = []
    for layer in range(3):
        own = [mpmath.mpf(0), gains[1], -1 - gain if layer == 1 else gain]
        blocks.append(frame * mpmath.diag(own) * frame.T)
    plane = mpmath.eye(3)
    plane[chosen, chosen] = plane[kernel, kernel] = mpmath.cos(angle)
    plane[kernel, chosen], plane[chosen, kernel] = mpmath.sin(angle), -mpmath.sin(angle)
    turn, identity = frame * plane * frame.T, mpmath.eye(3)
    projection = frame * mpmath.diag([0, 1, 1]) * frame.T
    path = [blocks[0], turn * projection * (identity + blocks[1] - turn.T), turn * blocks[2] * turn.T]

    def end_to_end(start: mpmath.matrix, layers: Sequence[mpmath.matrix]) -> mpmath.matrix:
        return start * (identity + layers[2]) * (identity + layers[1]) * (identity + layers[0])

    fall = mpmath.fsum(mpmath.norm(old) ** 2 - mpmath.norm(new) ** 2 for old, new in zip(blocks, path, strict=True))
    return [
        (end_to_end(head, blocks), end_to_end(head * turn.T, path)),
        (fall / 2, times * gain * (1 - mpmath.cos(angle))),
    ]


STATEMENT = Statement(
    id="S15",
    title="No bad local minima with spare width",
    claim="with rank W < d every critical point off the positive branch is a strict saddle",
    assumptions="Frobenius model; nuclear model where the J_l are symmetric with ranges in the row space of W",
    status="proved",
    sections={
        "What the path leaves as it is": UNCHANGED,
        "What it gains": (
            *FALL,
            Step("the path from an actual critical point: M stays, F falls", descent(), descent(excess=1)),
        ),
        "Nuclear blocks": NUCLEAR,
        "Width that is not spare: a strict local minimum off the branch": EXAMPLE,
    },
)

"""Krawczyk's interval Newton method: proves that equations have exactly one root in a small box, and encloses it."""

from collections.abc import Callable, Sequence
from typing import Any

from flint import arb, arb_mat, ctx

from ramodel.certified.jets import jacobian

__all__ = ["enclose_root"]

Equations = Callable[[Sequence[Any]], Sequence[Any]]

NEWTON_STEPS = 60
WIDENINGS = 12
"""Boxes tried around the approximate root, each 16 times wider than the one before."""


def enclose_root(equations: Equations, guess: Sequence[Any]) -> tuple[list[Any], list[list[Any]]]:
    """Enclose the root of as many smooth equations as unknowns near `guess`, at the working precision.

    With an approximate root x, the inverse Y of the Jacobian there, and a box X around x: if
    ``K = x - Y f(x) + (1 - Y f'(X)) (X - x)`` lies in the interior of X, then X holds exactly one root, and K holds it
    (Krawczyk 1969).

    Parameters
    ----------
    equations
        From the unknowns (balls or jets) to the values that shall vanish.
    guess
        Close to the root, a number for each unknown.

    Returns
    -------
    roots, rows
        Balls that hold the root, and the rows of the Jacobian matrix over them.

    Raises
    ------
    ArithmeticError
        If nothing could be proven near the guess.
    """
    point = [arb(x).mid() for x in guess]
    inverse, size = None, arb(1)
    for _ in range(NEWTON_STEPS):
        values, rows = jacobian(equations, point)
        try:
            inverse = arb_mat([[entry.mid() for entry in row] for row in rows]).inv()
        except ZeroDivisionError:
            break
        step = inverse * arb_mat([[value.mid()] for value in values])
        point = [(x - step[i, 0]).mid() for i, x in enumerate(point)]
        before, size = size, max((abs(step[i, 0]).mid() for i in range(len(point))), key=float)
        if not size.is_finite() or (size >= before and float(size) < 2.0 ** (-0.5 * ctx.prec)):
            break
    if inverse is not None and size.is_finite():
        radius = arb(2) ** (8 - ctx.prec) * (1 + max((abs(x) for x in point), key=float))
        for _ in range(WIDENINGS):
            roots = _contracted(equations, point, inverse, radius)
            if roots is not None:
                return roots, jacobian(equations, roots)[1]
            radius *= 16
    raise ArithmeticError(f"no root could be proven near {', '.join(f'{float(x):.6g}' for x in guess)}.")


def _contracted(equations: Equations, point: list[Any], inverse: Any, radius: Any) -> list[Any] | None:
    """Return K if it lies in the interior of the box of that radius around `point`."""
    inverse = inverse.mid()
    count = len(point)
    offsets = [arb(0, radius.upper()) for _ in point]
    box = [x + offset for x, offset in zip(point, offsets, strict=True)]
    values, _ = jacobian(equations, point)
    _, rows = jacobian(equations, box)
    remainder = arb_mat([[int(i == j) for j in range(count)] for i in range(count)]) - inverse * arb_mat(rows)
    change = remainder * arb_mat([[offset] for offset in offsets]) - inverse * arb_mat([[value] for value in values])
    if not all(offset.contains_interior(change[i, 0]) for i, offset in enumerate(offsets)):
        return None
    return [x + change[i, 0] for i, x in enumerate(point)]

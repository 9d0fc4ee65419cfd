"""A trust-region Newton method for many points at once, its steps from truncated conjugate gradients."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ramodel.theory.model import Array
from ramodel.theory.optimum.objective import Evaluation, Objective, take

__all__ = ["Descent", "descend"]

FLAT = 1e-13  # curvature below this share of the largest one met is rounding: a gauge or flat direction
ACCEPT = 1e-4  # least share of the predicted decrease, Conn, Gould & Toint, Trust-Region Methods, section 6.1
POOR, GOOD = 0.25, 0.75  # shares at which the model is trusted less far and further out
FIRST_RADIUS = 0.3  # relative to the point
REJECTIONS = 8  # rejected steps in a row after which a point has come to an end: the radius has shrunk 4^-8 fold
VALUE_NOISE = 8 * np.finfo(np.float64).eps  # relative rounding of a value
MAX_PRODUCTS = 500  # Hessian products for one step
COMPACT = 0.5  # rows that are done are dropped once this share is left


@dataclass(frozen=True, eq=False)
class Descent:
    """Where B points came to rest.

    Parameters
    ----------
    point : array [B, n]
    value, gradient_norm : array [B]
        The objective; the relative gradient.
    iterations
        Newton steps of the slowest point.
    products
        Hessian products.
    """

    point: Array
    value: Array
    gradient_norm: Array
    iterations: int
    products: int


def descend(
    objective: Objective,
    start: Array,
    *,
    tolerance: float,
    max_iterations: int = 500,
    callback: Callable[[Array, Array], None] | None = None,
) -> Descent:
    """Minimise from B starts [B, n] by Steihaug's trust-region Newton-CG method, each start by itself.

    The conjugate gradients stop at the relative residual ``min(1/10, sqrt(relative gradient))``, at the boundary, or
    at negative curvature (then the step goes to the boundary, so that saddles are left). A start stops at the relative
    gradient `tolerance`, or where rounding lets nothing improve. `callback` sees values and relative gradients of those
    that still move.
    """
    point = start.copy()
    final_point, final_value, final_norm = point.copy(), np.full(len(point), np.inf), np.full(len(point), np.inf)
    rows = np.arange(len(point))
    state = objective.evaluate(point)
    radius = FIRST_RADIUS * np.maximum(np.linalg.norm(point, axis=1), 1.0)
    rejections = np.zeros(len(point), dtype=int)
    iteration = products = 0
    while True:
        norm = state.relative_gradient()
        done = ~(norm > tolerance) | (rejections >= REJECTIONS) | (iteration == max_iterations)
        if done.any():
            ended = rows[done]
            final_point[ended], final_value[ended], final_norm[ended] = point[done], state.value[done], norm[done]
            left = np.flatnonzero(~done)
            rows, point, state, norm = rows[left], point[left], state.rows(left), norm[left]
            radius, rejections, objective = radius[left], rejections[left], objective.rows(left)
        if len(rows) == 0:
            return Descent(final_point, final_value, final_norm, iteration, products)
        iteration += 1
        step, predicted, used = _newton_step(objective, state, radius, np.minimum(np.sqrt(norm), 0.1))
        products += used
        moved = point + step
        found = objective.evaluate(moved)
        actual = state.value - found.value
        noise = 10.0 * VALUE_NOISE * np.abs(state.value)
        new_norm = found.relative_gradient()
        # Once the predicted decrease drowns in rounding, a smaller gradient is what tells a good step.
        drowned = (predicted <= noise) & (actual >= -noise)
        accepted = np.where(drowned, new_norm < norm, (actual >= ACCEPT * predicted) & (predicted > 0.0))
        accepted &= np.isfinite(new_norm)
        length = np.linalg.norm(step, axis=1)
        narrower = ~accepted | (~drowned & (actual < POOR * predicted))
        wider = ~narrower & (actual >= GOOD * predicted) & (length >= 0.9 * radius)
        radius = np.where(narrower, 0.25 * np.minimum(radius, length), np.where(wider, 2.0 * radius, radius))
        rejections = np.where(accepted, 0, rejections + 1)
        taken = np.flatnonzero(accepted)
        point[taken] = moved[taken]
        state.replace_rows(taken, found)
        if callback is not None:
            callback(state.value, state.relative_gradient())


def _newton_step(objective: Objective, state: Evaluation, radius: Array, accuracy: Array) -> tuple[Array, Array, int]:
    """Return steps [b, n], decreases of the quadratic model [b] and the number of products (Steihaug's method)."""
    final_step, final_predicted = np.zeros_like(state.gradient), np.zeros_like(radius)
    rows, kept = np.arange(len(radius)), state.kept
    step, residual = np.zeros_like(state.gradient), -state.gradient
    direction = residual.copy()
    squared = _dot(residual, residual)
    # Column by column: lengths that conjugate gradients update without another product of vectors.
    size, overlap, length = squared.copy(), np.zeros_like(radius), np.zeros_like(radius)  # d.d, s.d, s.s
    predicted, stiffest = np.zeros_like(radius), np.zeros_like(radius)
    goal = accuracy**2 * squared
    working = np.ones(len(radius), dtype=bool)
    products = 0
    while True:
        image = objective.hessian_product(kept, direction)
        products += 1
        curvature = _dot(direction, image)
        with np.errstate(all="ignore"):
            stiffest = np.maximum(stiffest, np.abs(curvature) / size)
            flat = ~(np.abs(curvature) > FLAT * stiffest * size)
            share = squared / curvature
            room = np.maximum(radius**2 - length, 0.0)
            to_boundary = room / (overlap + np.sqrt(overlap**2 + size * room))
        outward = (curvature < 0.0) | (share >= to_boundary)
        share = np.where(working & ~flat, np.where(outward, to_boundary, share), 0.0)
        # r.d = r.r for conjugate gradients, so the model falls by share * r.r - share^2 d.Hd / 2.
        predicted += share * squared - 0.5 * share**2 * curvature
        step += share[:, np.newaxis] * direction
        residual -= share[:, np.newaxis] * image
        new_squared = _dot(residual, residual)
        working &= ~flat & ~outward & (new_squared > goal)
        length += share * (2.0 * overlap + share * size)
        left = np.count_nonzero(working)
        if left <= COMPACT * len(rows) or products == MAX_PRODUCTS:
            final_step[rows], final_predicted[rows] = step, predicted
            if left == 0 or products == MAX_PRODUCTS:
                return final_step, final_predicted, products
            index = np.flatnonzero(working)
            rows, kept, objective, working = rows[index], take(kept, index), objective.rows(index), working[index]
            step, residual, direction, share = step[index], residual[index], direction[index], share[index]
            squared, new_squared, goal, radius = squared[index], new_squared[index], goal[index], radius[index]
            size, overlap, length = size[index], overlap[index], length[index]
            predicted, stiffest = predicted[index], stiffest[index]
        turn = np.where(working, new_squared / squared, 0.0)
        overlap = turn * (overlap + share * size)
        size = new_squared + turn**2 * size
        direction *= turn[:, np.newaxis]
        direction += residual
        squared = new_squared


def _dot(a: Array, b: Array) -> Array:
    product: Array = np.einsum("bi,bi->b", a, b)
    return product

"""A trust-region Newton method for many points at once, its steps from truncated conjugate gradients.

Steps are measured in the metric of the objective's preconditioner, so that no direction is held back by the radius that
a much stiffer one needs: for the penalty of deep networks stiffness varies a thousandfold between singular values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ramodel.theory.model import Array
from ramodel.theory.optimum.objective import Evaluation, Objective, take

__all__ = ["Descent", "descend"]

FLAT = 1e-13  # curvature below this share of the largest one met is rounding: a gauge or flat direction
ACCEPT = 1e-4  # least share of the predicted decrease, Conn, Gould & Toint, Trust-Region Methods, section 6.1
POOR, GOOD = 0.25, 0.75  # shares at which the model is trusted less far and further out
FIRST_RADIUS = 0.5  # relative to the point
REJECTIONS = 8  # rejected steps in a row after which a point has come to an end: the radius has shrunk 4^-8 fold
VANISHED = 1e-40  # of the first scale: where the terms of the gradient fall below this, the point goes to zero
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
    radius = FIRST_RADIUS * np.maximum(np.linalg.norm(point, axis=1), 1.0) * _stretch(objective, state)
    least_scale = VANISHED * state.scale
    norm = state.relative_gradient(least_scale)
    rejections = np.zeros(len(point), dtype=int)
    iteration = products = 0
    while True:
        done = ~(norm > tolerance) | (rejections >= REJECTIONS) | (iteration == max_iterations)
        if done.any():
            ended = rows[done]
            final_point[ended], final_value[ended], final_norm[ended] = point[done], state.value[done], norm[done]
            left = np.flatnonzero(~done)
            rows, point, state, norm = rows[left], point[left], state.rows(left), norm[left]
            radius, rejections, objective = radius[left], rejections[left], objective.rows(left)
            least_scale = least_scale[left]
        if len(rows) == 0:
            return Descent(final_point, final_value, final_norm, iteration, products)
        iteration += 1
        step, length, predicted, used = _newton_step(objective, state, radius, np.minimum(np.sqrt(norm), 0.1))
        products += used
        moved = point + step
        found = objective.evaluate(moved)
        actual = state.value - found.value
        noise = 10.0 * VALUE_NOISE * np.abs(state.value)
        new_norm = found.relative_gradient(least_scale)
        # Once the predicted decrease drowns in rounding, a smaller gradient is what tells a good step.
        drowned = (predicted <= noise) & (actual >= -noise)
        accepted = np.where(drowned, new_norm < norm, (actual >= ACCEPT * predicted) & (predicted > 0.0))
        accepted &= np.isfinite(new_norm)
        narrower = ~accepted | (~drowned & (actual < POOR * predicted))
        wider = ~narrower & (actual >= GOOD * predicted) & (length >= 0.9 * radius)
        radius = np.where(narrower, 0.25 * np.minimum(radius, length), np.where(wider, 2.0 * radius, radius))
        rejections = np.where(accepted, 0, rejections + 1)
        taken = np.flatnonzero(accepted)
        point[taken], norm[taken] = moved[taken], new_norm[taken]
        state.replace_rows(taken, found)
        if callback is not None:
            callback(state.value, norm)


def _stretch(objective: Objective, state: Evaluation) -> Array:
    """Return how long the preconditioned gradient is in the preconditioner's metric, relative to its plain length."""
    step = objective.precondition(state.kept, state.gradient)
    plain = np.linalg.norm(step, axis=1)
    stretch: Array = np.sqrt(np.vecdot(state.gradient, step)) / np.where(plain > 0.0, plain, 1.0)
    return stretch


def _newton_step(
    objective: Objective, state: Evaluation, radius: Array, accuracy: Array
) -> tuple[Array, Array, Array, int]:
    """Return steps [b, n], their lengths [b], decreases of the quadratic model [b] and the number of products.

    Steihaug's method, preconditioned: all lengths are those of the metric that the preconditioner inverts.
    """
    final_step, final_squared, final_predicted = np.zeros_like(state.gradient), *np.zeros((2, len(radius)))
    rows, kept = np.arange(len(radius)), state.kept
    step, residual = np.zeros_like(state.gradient), -state.gradient
    conditioned = objective.precondition(kept, residual)
    direction = conditioned.copy()
    squared = np.vecdot(residual, conditioned)
    # Column by column: lengths that conjugate gradients update without another product of vectors.
    size, overlap, length = squared, np.zeros_like(radius), np.zeros_like(radius)  # d.d, s.d, s.s
    predicted, stiffest = np.zeros_like(radius), np.zeros_like(radius)
    goal, limit = accuracy**2 * squared, radius**2
    working = np.ones(len(radius), dtype=bool)
    products = 0
    while True:
        image = objective.hessian_product(kept, direction)
        products += 1
        curvature = np.vecdot(direction, image)
        with np.errstate(all="ignore"):
            steepness = np.abs(curvature) / size
            stiffest = np.maximum(stiffest, steepness)
            share = squared / curvature
            room = np.maximum(limit - length, 0.0)
            to_boundary = room / (overlap + np.sqrt(overlap * overlap + size * room))
            inward = (curvature >= 0.0) & (share < to_boundary)
        working &= steepness > FLAT * stiffest
        share = np.where(working, np.where(inward, share, to_boundary), 0.0)
        # r.d = r.r for conjugate gradients, so the model falls by share * r.r - share^2 d.Hd / 2.
        predicted += share * (squared - 0.5 * share * curvature)
        step += share[:, np.newaxis] * direction
        image *= share[:, np.newaxis]
        residual -= image
        conditioned = objective.precondition(kept, residual)
        new_squared = np.vecdot(residual, conditioned)
        working &= inward & (new_squared > goal)
        progress = share * size
        length += share * (2.0 * overlap + progress)
        left = np.count_nonzero(working)
        if left <= COMPACT * len(rows) or products == MAX_PRODUCTS:
            final_step[rows], final_squared[rows], final_predicted[rows] = step, length, predicted
            if left == 0 or products == MAX_PRODUCTS:
                return final_step, np.sqrt(final_squared), final_predicted, products
            index = np.flatnonzero(working)
            rows, kept, objective, working = rows[index], take(kept, index), objective.rows(index), working[index]
            step, residual, direction, conditioned = step[index], residual[index], direction[index], conditioned[index]
            squared, new_squared, goal, limit = squared[index], new_squared[index], goal[index], limit[index]
            size, overlap, length, progress = size[index], overlap[index], length[index], progress[index]
            predicted, stiffest = predicted[index], stiffest[index]
        turn = np.where(working, new_squared / squared, 0.0)
        overlap = turn * (overlap + progress)
        size = new_squared + turn * turn * size
        direction *= turn[:, np.newaxis]
        direction += conditioned
        squared = new_squared

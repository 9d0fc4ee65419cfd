"""Second-order polish: a trust-region Newton method whose steps come from truncated conjugate gradients."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ramodel.checks import integer
from ramodel.optimise.evaluation import (
    VALUE_NOISE,
    Callback,
    Clock,
    Descent,
    Hessian,
    Objective,
    Recorder,
    checked_start,
    dot,
)

__all__ = ["polish"]

FLAT = 1e-13  # curvature below this share of the largest one met is rounding: a gauge or flat direction
ACCEPT = 1e-4  # least share of the predicted decrease, Conn, Gould & Toint, Trust-Region Methods, section 6.1
GOOD = 0.75  # from here on the model is trusted further out
FIRST_RADIUS = 0.3  # relative to the point
REJECTIONS = 8  # rejected steps in a row after which a row has come to an end: the radius has shrunk 4^-8 fold


def polish(
    objective: Objective,
    hessian: Hessian,
    start: Float[Tensor, "B n"],
    *,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
    max_products: int = 1000,
    time_budget: float | None = None,
    callback: Callback | None = None,
) -> Descent:
    """Minimise B problems by a trust-region Newton-CG method (Steihaug 1983), each row a problem of its own.

    Every step solves ``min_p g.p + p.H p / 2, ||p|| <= radius`` by conjugate gradients, stopped at the relative
    residual ``min(1/10, sqrt(relative gradient))``, at the boundary, or at negative curvature (then the step goes to
    the boundary, so that saddles are left). A singular Hessian is no obstacle: the gradient has no part along a gauge
    direction, the iteration stays orthogonal to it, and it ends where only rounding is left. Meant for the last
    digits, after `minimise_lbfgs`.

    Parameters
    ----------
    objective, hessian
        See `Objective` and `Hessian`.
    start : Tensor [B, n]
        Starting points; not changed.
    tolerance
        Stop a row at this relative gradient.
    max_iterations
        Most Newton steps of a row.
    max_products
        Most Hessian-vector products for one step.
    time_budget
        Seconds; None for no end.
    callback
        As in `minimise_lbfgs`.

    Returns
    -------
    Descent
        Where each row stopped; a row that cannot be improved any further stops, too.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or the objective is not finite at `start`.

    Examples
    --------
    >>> import torch
    >>> from ramodel.optimise import Evaluation
    >>> def quartic(x):  # flat along the second variable
    ...     gradient = torch.stack([4 * x[:, 0] ** 3 - 4, 0 * x[:, 1]], dim=1)
    ...     return Evaluation(x[:, 0] ** 4 - 4 * x[:, 0], gradient, 4 + 4 * x[:, 0].abs() ** 3)
    >>> def hessian(x):
    ...     return lambda v: torch.stack([12 * x[:, 0] ** 2 * v[:, 0], 0 * v[:, 1]], dim=1)
    >>> descent = polish(quartic, hessian, torch.tensor([[2.0, 7.0]], dtype=torch.float64))
    >>> descent.point.round(decimals=9).tolist()
    [[1.0, 7.0]]
    """
    integer("max_iterations", max_iterations, minimum=0)
    integer("max_products", max_products)
    clock = Clock(time_budget)
    point, state = start.clone(), checked_start(objective, start, tolerance)
    recorder = Recorder(start, state)
    rows = torch.arange(len(start), device=start.device)
    radius = FIRST_RADIUS * torch.linalg.vector_norm(start, dim=1).clamp(min=1.0)
    rejections = torch.zeros(len(start), dtype=torch.int64, device=start.device)
    evaluations, iteration = 1, 0
    while True:
        norm = state.relative_gradient()
        done = (norm <= tolerance) | (rejections >= REJECTIONS)
        if bool(done.any()):
            recorder.store(rows[done], point[done], state.rows(done), iteration)
            left = ~done
            rows, point, state, norm = rows[left], point[left], state.rows(left), norm[left]
            radius, rejections = radius[left], rejections[left]
        if len(rows) == 0 or iteration == max_iterations or clock.expired():
            break
        iteration += 1
        accuracy = norm.sqrt().clamp(max=0.1)
        step, predicted, products = _newton_step(hessian(point), state.gradient, radius, accuracy, max_products, clock)
        moved = point + step
        found = objective(moved)
        evaluations += products + 1
        actual = state.value - found.value
        noise = VALUE_NOISE * state.value.abs()
        # Once the predicted decrease drowns in rounding, a smaller gradient is what tells a good step.
        drowned = (predicted <= 10.0 * noise) & (actual >= -10.0 * noise)
        new_norm = found.relative_gradient()
        enough = (actual >= ACCEPT * predicted) & (predicted > 0.0)
        accepted = torch.where(drowned, new_norm < norm, enough & found.value.isfinite() & new_norm.isfinite())
        length = torch.linalg.vector_norm(step, dim=1)
        wider = accepted & (actual >= GOOD * predicted) & (length >= 0.9 * radius)
        radius = torch.where(accepted, torch.where(wider, 2.0 * radius, radius), 0.25 * torch.minimum(radius, length))
        rejections = torch.where(accepted, 0, rejections + 1)
        index = accepted.nonzero().squeeze(1)
        point[index] = moved[index]
        state.replace_rows(index, found.rows(index))
        if callback is not None:
            callback(iteration, state.value, state.relative_gradient())
    recorder.store(rows, point, state, iteration)
    return recorder.descent(evaluations, tolerance)


def _newton_step(
    hessian_vector: Callable[[Tensor], Tensor],
    gradient: Tensor,
    radius: Tensor,
    accuracy: Tensor,
    max_products: int,
    clock: Clock,
) -> tuple[Tensor, Tensor, int]:
    """Return steps [b, n], decreases of the quadratic model [b] and the number of products (Steihaug's method)."""
    step = torch.zeros_like(gradient)
    predicted = torch.zeros_like(radius)
    residual = -gradient
    direction = residual.clone()
    squared = dot(residual, residual)
    goal = accuracy * squared.sqrt()
    stiffest = torch.zeros_like(radius)
    working = torch.ones_like(radius, dtype=torch.bool)
    products = 0
    while products < max_products:
        image = hessian_vector(direction)
        products += 1
        curvature, size = dot(direction, image), dot(direction, direction)
        stiffest = torch.maximum(stiffest, curvature.abs() / size)
        flat = curvature.abs() <= FLAT * stiffest * size
        share = squared / curvature
        to_boundary = _distance_to_boundary(step, direction, size, radius)
        outward = (curvature < 0.0) | (share >= to_boundary)
        share = torch.where(outward, to_boundary, share)
        share = torch.where(working & ~flat, share, 0.0)
        # r.p = r.r for conjugate gradients, so the model falls by share * r.r - share^2 p.Hp / 2.
        predicted = predicted + share * squared - 0.5 * share**2 * curvature
        step = step + share[:, None] * direction
        residual = residual - share[:, None] * image
        new_squared = dot(residual, residual)
        working = working & ~flat & ~outward & (new_squared.sqrt() > goal)
        if not bool(working.any()) or clock.expired():
            break
        direction = residual + (new_squared / squared)[:, None] * direction
        squared = new_squared
    return step, predicted, products


def _distance_to_boundary(step: Tensor, direction: Tensor, size: Tensor, radius: Tensor) -> Tensor:
    """Return the t >= 0 with ``||step + t direction|| = radius``."""
    half = dot(step, direction)
    room = (radius**2 - dot(step, step)).clamp(min=0.0)
    return room / (half + (half**2 + size * room).sqrt())

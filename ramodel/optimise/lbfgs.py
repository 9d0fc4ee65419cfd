"""L-BFGS with a weak-Wolfe bisection line search, all rows of a batch at once."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ramodel.checks import integer
from ramodel.optimise.evaluation import (
    VALUE_NOISE,
    Callback,
    Clock,
    Descent,
    Evaluation,
    Objective,
    Recorder,
    checked_start,
    dot,
)

__all__ = ["minimise_lbfgs"]

SUFFICIENT_DECREASE = 1e-4  # c_1 of Armijo's condition, Nocedal & Wright, Numerical Optimization, section 3.1
CURVATURE = 0.9  # c_2 of the weak Wolfe condition, the value advised there for quasi-Newton directions
MAX_TRIALS = 40  # bisections of one line search: 2^-40 of the first step is below what moves a float64 point
FIRST_STEP = 0.1  # length of the very first step, relative to the point


def minimise_lbfgs(
    objective: Objective,
    start: Float[Tensor, "B n"],
    *,
    memory: int = 10,
    max_iterations: int = 10_000,
    tolerance: float = 1e-10,
    time_budget: float | None = None,
    callback: Callback | None = None,
) -> Descent:
    """Minimise B problems by L-BFGS (Nocedal 1980), each row of `start` a problem of its own.

    A step ``x + t p`` is accepted by the weak Wolfe conditions ``F(x + t p) <= F(x) + c_1 t p.g`` and
    ``p.g(x + t p) >= c_2 p.g``, found by bisection (Lewis & Overton 2013). Where the values agree to rounding the first
    condition is replaced by ``p.g(x + t p) <= (2 c_1 - 1) p.g`` (Hager & Zhang 2005), so that the search is not blind
    at the last digits. Rows that are done leave the batch.

    Parameters
    ----------
    objective
        See `Objective`.
    start : Tensor [B, n]
        Starting points, on any device; it is not changed.
    memory
        Correction pairs kept.
    max_iterations
        Most steps of a row.
    tolerance
        Stop a row at this relative gradient (`Evaluation.relative_gradient`).
    time_budget
        Seconds; None for no end. The rows then stop where they are.
    callback
        Called after every iteration with the iteration and the values [b] and relative gradients [b] of the rows that
        still move.

    Returns
    -------
    Descent
        Where each row stopped. It never raises because a row did not converge: `Descent.converged` says it.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or the objective is not finite at `start`.

    Examples
    --------
    >>> import torch
    >>> def bowl(x):
    ...     return Evaluation(((x - 1) ** 2).sum(1) / 2, x - 1, torch.ones(len(x), dtype=x.dtype))
    >>> descent = minimise_lbfgs(bowl, torch.tensor([[3.0, 4.0], [1.0, 0.0]], dtype=torch.float64))
    >>> descent.converged.tolist(), descent.point.round(decimals=9).tolist()
    ([True, True], [[1.0, 1.0], [1.0, 1.0]])
    """
    integer("memory", memory)
    integer("max_iterations", max_iterations, minimum=0)
    clock = Clock(time_budget)
    point, state = start.clone(), checked_start(objective, start, tolerance)
    recorder = Recorder(start, state)
    rows = torch.arange(len(start), device=start.device)
    history = _History(memory, start)
    stalled = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    evaluations = 1
    for iteration in range(1, max_iterations + 1):
        done = stalled | (state.relative_gradient() <= tolerance)
        if bool(done.any()):
            recorder.store(rows[done], point[done], state.rows(done), iteration - 1)
            left = ~done
            rows, point, state, stalled = rows[left], point[left], state.rows(left), stalled[left]
            history.keep(left)
        if len(rows) == 0 or clock.expired():
            break
        direction = history.direction(state.gradient)
        slope = dot(state.gradient, direction)
        uphill = ~(slope < 0.0)
        if bool(uphill.any()):
            history.forget(uphill)
            direction = torch.where(uphill[:, None], -state.gradient, direction)
            slope = dot(state.gradient, direction)
        fresh = history.is_empty()
        first_length = FIRST_STEP * torch.linalg.vector_norm(point, dim=1).clamp(min=FIRST_STEP)
        steps = torch.where(fresh, (first_length / (-slope).sqrt()), torch.ones_like(slope))
        moved, found, accepted, trials = _line_search(objective, point, state, direction, slope, steps, clock)
        evaluations += trials
        history.push(moved - point, found.gradient - state.gradient, accepted)
        if bool(accepted.all()):
            point, state = moved, found
        else:
            # A failed row tries once more along its gradient; when that fails too it has come to an end.
            stalled = ~accepted & fresh
            history.forget(~accepted)
            index = accepted.nonzero().squeeze(1)
            point = torch.where(accepted[:, None], moved, point)
            state.replace_rows(index, found.rows(index))
        if callback is not None:
            callback(iteration, state.value, state.relative_gradient())
    else:
        iteration = max_iterations + 1
    recorder.store(rows, point, state, iteration - 1)
    return recorder.descent(evaluations, tolerance)


class _History:
    """The last correction pairs (s, y) of every row, newest last; an empty slot has 1/(s.y) = 0 and does nothing."""

    def __init__(self, memory: int, like: Tensor) -> None:
        batch = len(like)
        self._memory = memory
        self._steps: list[Tensor] = []
        self._changes: list[Tensor] = []
        self._inverses: list[Tensor] = []
        self._scaling = torch.ones(batch, dtype=like.dtype, device=like.device)
        self._empty = torch.ones(batch, dtype=torch.bool, device=like.device)

    def is_empty(self) -> Bool[Tensor, " b"]:
        """Rows without any pair: their direction is minus the gradient."""
        return self._empty

    def push(self, step: Tensor, change: Tensor, valid: Tensor) -> None:
        """Add a pair for the rows in `valid`, dropping the oldest pair."""
        curvature = dot(step, change)
        size = dot(change, change)
        valid = valid & (curvature > torch.finfo(step.dtype).eps * size)
        inverse = torch.where(valid, 1.0 / curvature, 0.0)
        self._scaling = torch.where(valid, curvature / size, self._scaling)
        self._empty = self._empty & ~valid
        if not bool(valid.all()):
            step, change = torch.where(valid[:, None], step, 0.0), torch.where(valid[:, None], change, 0.0)
        for pairs, new in ((self._steps, step), (self._changes, change), (self._inverses, inverse)):
            pairs.append(new)
            if len(pairs) > self._memory:
                pairs.pop(0)

    def forget(self, rows: Tensor) -> None:
        """Empty the slots of the rows in the mask."""
        self._inverses = [torch.where(rows, 0.0, inverse) for inverse in self._inverses]
        self._scaling = torch.where(rows, 1.0, self._scaling)
        self._empty = self._empty | rows

    def keep(self, rows: Tensor) -> None:
        """Drop every row outside the mask."""
        self._steps = [step[rows] for step in self._steps]
        self._changes = [change[rows] for change in self._changes]
        self._inverses = [inverse[rows] for inverse in self._inverses]
        self._scaling, self._empty = self._scaling[rows], self._empty[rows]

    def direction(self, gradient: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Return minus the inverse Hessian estimate times the gradient: the two-loop recursion (Nocedal 1980)."""
        q = -gradient
        weights: list[Tensor] = []
        pairs = list(zip(self._steps, self._changes, self._inverses, strict=True))
        for step, change, inverse in reversed(pairs):
            weight = inverse * dot(step, q)
            q.addcmul_(change, weight[:, None], value=-1.0)
            weights.append(weight)
        q *= self._scaling[:, None]
        for (step, change, inverse), weight in zip(pairs, reversed(weights), strict=True):
            q.addcmul_(step, (weight - inverse * dot(change, q))[:, None])
        return q


def _line_search(
    objective: Objective,
    point: Tensor,
    state: Evaluation,
    direction: Tensor,
    slope: Tensor,
    steps: Tensor,
    clock: Clock,
) -> tuple[Tensor, Evaluation, Tensor, int]:
    """Return points, evaluations, acceptance and calls of a weak-Wolfe bisection over the rows still searching."""
    low, high = torch.zeros_like(steps), torch.full_like(steps, torch.inf)
    noise = VALUE_NOISE * state.value.abs()
    moved = torch.addcmul(point, direction, steps[:, None])
    found = objective(moved)
    for trials in range(1, MAX_TRIALS + 1):
        new_slope = dot(found.gradient, direction)
        decreased = found.value <= state.value + SUFFICIENT_DECREASE * steps * slope
        level = (found.value <= state.value + noise) & (new_slope <= (2 * SUFFICIENT_DECREASE - 1) * slope)
        finite = found.value.isfinite() & new_slope.isfinite()
        too_long = ~(finite & (decreased | level))
        too_short = ~too_long & (new_slope < CURVATURE * slope)
        searching = too_long | too_short
        if not bool(searching.any()) or trials == MAX_TRIALS or clock.expired():
            break
        high = torch.where(too_long, steps, high)
        low = torch.where(too_short, steps, low)
        steps = torch.where(searching, torch.where(high.isinf(), 2.0 * low, (low + high) / 2.0), steps)
        index = searching.nonzero().squeeze(1)
        moved[index] = torch.addcmul(point[index], direction[index], steps[index, None])
        found.replace_rows(index, objective(moved[index]))
    # A step that is merely too short still goes down; it is kept when the search ends without a better one.
    return moved, found, ~too_long, trials

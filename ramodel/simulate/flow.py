"""Gradient flow of the unreduced objective by an adaptive solver (statement S12)."""

import time
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import DOP853, OdeSolver, Radau

from ramodel.checks import LARGEST_SEED, finite_array, integer, one_of, positive
from ramodel.problem import Problem
from ramodel.progress import Progress, progress_bar
from ramodel.simulate.objective import UnreducedObjective, Variables

__all__ = ["GradientFlow", "gradient_flow"]

Array = NDArray[np.float64]
Method = Literal["DOP853", "Radau"]

SOLVERS: dict[str, type[OdeSolver]] = {"DOP853": DOP853, "Radau": Radau}
HEAD_SCALE = 0.3  # of a drawn W_0, whose norm is about HEAD_SCALE (1 + sqrt(C/d)): below 1, as S12's bound asks
LEAST_TOLERANCE = 1e-13  # SciPy accepts no relative tolerance below 100 rounding errors


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """States of a gradient flow at the times asked for. Arrays are NumPy float64, times first, then layers.

    Parameters
    ----------
    times : array [T]
        From the start, in the unit of 1/decay.
    jacobians : array [T, L, d, d]
        J_l.
    heads : array [T, C, d]
        W.
    objectives : array [T]
        F, decay included; it never increases but by rounding.
    gradient_norms : array [T]
        ``||grad F|| / (||grad ell|| + ||grad decay||)``, as of `Optimum`.
    steps, evaluations
        What the solver took: accepted steps, gradients (and Hessians, for Radau).
    seconds
        Wall time.
    """

    times: Array
    jacobians: Array
    heads: Array
    objectives: Array
    gradient_norms: Array
    steps: int
    evaluations: int
    seconds: float


def gradient_flow(
    problem: Problem,
    times: ArrayLike,
    *,
    jacobians: ArrayLike | None = None,
    head: ArrayLike | None = None,
    seed: int = 0,
    method: Method = "DOP853",
    relative_tolerance: float = 1e-9,
    absolute_tolerance: float = 1e-12,
    progress: bool = True,
) -> GradientFlow:
    """Integrate dJ_l/dt = -dF/dJ_l, dW/dt = -dF/dW from a start to each of the times.

    The steps end at the times asked for: nothing is interpolated.

    Parameters
    ----------
    problem
        Of the Frobenius model, without embedding; decays may be zero.
    times
        Increasing, none negative.
    jacobians
        J_l at time 0, shape [L, d, d]; zero by default.
    head
        W at time 0, shape [C, d]; by default drawn from `seed`, entries ``0.3 N(0, 1) / sqrt(d)``.
    seed
        Of the head, where that is drawn.
    method
        "DOP853" (explicit, order 8) for accuracy over times of the order of the loss's own; "Radau" (implicit, order
        5, with the exact Hessian) for the long times of small decay, up to some hundred variables.
    relative_tolerance, absolute_tolerance
        Of the solver, for each step and variable; the relative one at least 1e-13.
    progress
        Show a bar on a terminal.

    Returns
    -------
    GradientFlow

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, shape or range.
    FloatingPointError
        If the numbers leave float64.
    RuntimeError
        If the solver cannot meet its tolerance; it says at what time.

    Examples
    --------
    >>> import numpy as np
    >>> problem = Problem(model="frobenius", loss="squared", inputs=np.eye(2), targets=np.eye(2), depth=3,
    ...                   jacobian_decay=0.0, head_decay=0.0)
    >>> flow = gradient_flow(problem, [0.0, 1.0, 50.0])
    >>> bool(flow.objectives[0] > flow.objectives[1] > flow.objectives[2]), bool(flow.objectives[2] < 1e-6)
    (True, True)
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"problem is {problem!r}; it must be a Problem, such as random_problem(...) makes.")
    if problem.model != "frobenius" or problem.embedding_decay is not None:
        raise ValueError(
            f"problem is of the {problem.model} model, embedding_decay {problem.embedding_decay}; "
            "S12 is about the Frobenius model without embedding."
        )
    moments = finite_array("times", times, shape=(None,), minimum=0.0)
    if (np.diff(moments) <= 0.0).any():
        raise ValueError("times do not increase; sort them and leave out repetitions.")
    solver = SOLVERS[one_of("method", method, get_args(Method))]
    relative = positive("relative_tolerance", relative_tolerance)
    if relative < LEAST_TOLERANCE:
        raise ValueError(f"relative_tolerance is {relative}; it must be at least {LEAST_TOLERANCE} in float64.")
    options: dict[str, Any] = {"rtol": relative, "atol": positive("absolute_tolerance", absolute_tolerance)}
    begin = time.monotonic()
    objective = UnreducedObjective(problem, torch.device("cpu"))
    field = _Field(objective)
    if solver is Radau:
        options["jac"] = field.slope
    states = [_start(objective, jacobians, head, seed)]
    reached, steps = 0.0, 0
    step: float | None = None
    with progress_bar("gradient flow", float(moments[-1]), show=progress) as bar:
        for moment in moments:
            state = states[-1]
            if moment > reached:
                first = None if step is None else min(step, moment - reached)
                run = solver(field, reached, state, float(moment), first_step=first, **options)
                steps += _advance(run, bar)
                state, step, reached = run.y, run.step_size, float(moment)
            states.append(state)
    points = torch.from_numpy(np.stack(states[1:]))
    final = objective(points)
    variables = objective.split(points)
    return GradientFlow(
        times=moments,
        jacobians=objective.jacobians(variables).transpose(0, 1).numpy().copy(),
        heads=variables.head.numpy().copy(),
        objectives=final.value.numpy().copy(),
        gradient_norms=final.relative_gradient().numpy().copy(),
        steps=steps,
        evaluations=field.evaluations,
        seconds=time.monotonic() - begin,
    )


class _Field:
    """Minus the gradient of F at a point [n], and its derivative, minus the Hessian."""

    def __init__(self, objective: UnreducedObjective) -> None:
        self._objective = objective
        self.evaluations = 0

    def __call__(self, moment: float, point: Array) -> Array:
        self.evaluations += 1
        velocity: Array = -self._objective(torch.from_numpy(point[None])).gradient[0].numpy()
        if not np.isfinite(velocity).all():
            raise FloatingPointError(
                f"the gradient is not finite at time {moment:g}: the numbers left float64. Start from smaller matrices."
            )
        return velocity

    def slope(self, moment: float, point: Array) -> Array:
        self.evaluations += 1
        size = len(point)
        product = self._objective.hessian(torch.from_numpy(point).expand(size, size))
        slope: Array = -product(torch.eye(size, dtype=torch.float64)).numpy()
        return slope


def _start(objective: UnreducedObjective, jacobians: ArrayLike | None, head: ArrayLike | None, seed: int) -> Array:
    depth, width, classes = objective.depth, objective.width, objective.classes
    draws = np.random.default_rng(integer("seed", seed, minimum=0, maximum=LARGEST_SEED))
    blocks = (
        np.zeros((depth, width, width))
        if jacobians is None
        else finite_array("jacobians", jacobians, shape=(depth, width, width))
    )
    weights = (
        HEAD_SCALE * draws.standard_normal((classes, width)) / np.sqrt(width)
        if head is None
        else finite_array("head", head, shape=(classes, width))
    )
    variables = Variables(torch.from_numpy(blocks)[None, :, None], torch.from_numpy(weights)[None], None)
    point: Array = objective.join(variables)[0].numpy()
    return point


def _advance(run: OdeSolver, bar: Progress) -> int:
    """Take steps to the end of the run; return their number."""
    steps = 0
    while run.status == "running":
        before = run.t
        message = run.step()
        if run.status == "failed":
            raise RuntimeError(
                f"gradient flow stopped at time {run.t:g} of {run.t_bound:g}: {message} "
                "Loosen the tolerances, or use method 'Radau' if the decays are small."
            )
        steps += 1
        bar.advance(run.t - before, status=f"time {run.t:.3g}")
    return steps

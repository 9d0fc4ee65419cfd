"""The optimiser that does not know the answer: several starts, L-BFGS, then a second-order polish."""

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ramodel.checks import LARGEST_SEED, integer, positive, real
from ramodel.optimise import Descent, minimise_lbfgs, polish
from ramodel.problem import Problem, ProblemVariant
from ramodel.progress import Progress, progress_bar
from ramodel.simulate.hessian import smallest_eigenvalue
from ramodel.simulate.objective import UnreducedObjective
from ramodel.simulate.optimum import Certificate, Optimum
from ramodel.simulate.variant import VariantObjective

__all__ = ["minimise"]

SWITCH = 1e-3  # relative gradient at which Newton takes over; 1e-5 costs about the same
LBFGS_ITERATIONS = 500  # and at the latest here: on badly conditioned problems Newton needs ten times fewer evaluations
LBFGS_SHARE = 0.5  # of the time budget, for the same reason
NEWTON_ITERATIONS = 10_000  # no limit in practice: time is
SAME = 1e-9  # objectives closer than this, relatively, are the same optimum
BAR_STRIDE = 10  # iterations between two looks at the progress


def minimise(
    problem: Problem | ProblemVariant,
    *,
    starts: int = 4,
    seed: int = 0,
    device: str = "cpu",
    tolerance: float = 1e-10,
    time_budget: float = 60.0,
    smallest_hessian_eigenvalue: bool = False,
    progress: bool = True,
) -> Optimum:
    """Minimise F over all J_l, W (and E; the factors in the nuclear model, A_l in the plain one) from several starts.

    Parameters
    ----------
    problem
        See `Problem` and `random_problem`; `ProblemVariant` for decays by layer, biases or a fixed head.
    starts
        Random starts, one tensor programme for all. A single start can stop in a worse critical point.
    seed
        Of the starts; the same on every device.
    device
        A torch device, "cpu" or "cuda".
    tolerance
        Goal for ``||grad F|| / (||grad ell|| + ||grad decay||)``.
    time_budget
        Seconds for the descent, at least one evaluation is made. What was reached is reported: see
        `Optimum.converged`.
    smallest_hessian_eigenvalue
        Compute it for the certificate (not counted in the time budget).
    progress
        Show a bar on a terminal.

    Returns
    -------
    Optimum
        The best start, how the others ended, and a certificate.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range, or the device is not there.
    FloatingPointError
        If the numbers leave float64.

    Examples
    --------
    >>> import numpy as np
    >>> problem = Problem(model="frobenius", loss="cross-entropy", inputs=np.eye(4), targets=np.arange(4), depth=8,
    ...                   jacobian_decay=0.01, head_decay=0.01)
    >>> optimum = minimise(problem)
    >>> optimum.converged, round(optimum.objective, 10)  # the value of S10
    (True, 0.0229782593)
    """
    data = _data_with_minimum(problem)
    count = integer("starts", starts)
    positive("tolerance", tolerance)
    if real("time_budget", time_budget) < 0.0:
        raise ValueError(f"time_budget is {time_budget}; it must not be negative (seconds).")
    begin = time.monotonic()
    objective = _objective(problem, _checked_device(device))
    points = objective.random_points(count, integer("seed", seed, minimum=0, maximum=LARGEST_SEED))
    with progress_bar("minimising", -math.log10(tolerance), show=progress) as bar:
        callback = _decades(bar, tolerance)
        descent = minimise_lbfgs(
            objective,
            points,
            tolerance=max(SWITCH, tolerance),
            time_budget=LBFGS_SHARE * time_budget,
            max_iterations=LBFGS_ITERATIONS,
            callback=callback,
        )
        left = time_budget - (time.monotonic() - begin)
        descent = polish(
            objective,
            objective.hessian,
            descent.point,
            tolerance=tolerance,
            max_iterations=NEWTON_ITERATIONS,
            time_budget=left,
            callback=callback,
        )
    winner = _winner(descent)
    point = objective.settled(descent.point[winner : winner + 1])
    final = objective(point)
    gradient_norm = float(final.relative_gradient())
    if not (math.isfinite(gradient_norm) and math.isfinite(float(final.value))):
        raise FloatingPointError(
            f"objective {float(final.value)} with relative gradient {gradient_norm}: the numbers left float64. "
            f"inputs reach {np.abs(data.inputs).max():g}; scale them to the order of one."
        )
    converged = gradient_norm <= tolerance
    variables = objective.split(point)
    jacobians = objective.jacobians(variables)[:, 0]
    end_to_end = objective.end_to_end(variables)[0]
    biases = head_bias = None
    if isinstance(objective, VariantObjective):
        variables, biases, head_bias = objective.plain_parts(variables)
    blocks = _array(variables.blocks[:, :, 0])
    return Optimum(
        objective=float(final.value),
        jacobians=_array(jacobians),
        head=_array(variables.head[0]),
        embedding=None if variables.embedding is None else _array(variables.embedding[0]),
        factors=(blocks[0], blocks[1]) if len(blocks) == 2 else None,
        end_to_end=_array(end_to_end),
        gradient_norm=gradient_norm,
        converged=converged,
        winner=winner,
        objectives=_array(descent.value),
        gradient_norms=_array(descent.gradient_norm),
        certificate=Certificate(
            critical=converged,
            positive_branch=objective.positive_branch(jacobians),
            smallest_hessian_eigenvalue=smallest_eigenvalue(objective, point) if smallest_hessian_eigenvalue else None,
        ),
        seconds=time.monotonic() - begin,
        biases=None if biases is None else _array(biases[:, 0]),
        head_bias=None if head_bias is None else _array(head_bias[0]),
    )


def _data_with_minimum(problem: Problem | ProblemVariant) -> Problem:
    """Return the problem under a variant, or itself; refuse it where F has no minimum."""
    if not isinstance(problem, Problem | ProblemVariant):
        raise TypeError(
            f"problem is {problem!r}; it must be a Problem, such as random_problem(...) makes, or a ProblemVariant."
        )
    data = problem.problem if isinstance(problem, ProblemVariant) else problem
    decays = {name: getattr(data, name) for name in ("jacobian_decay", "head_decay", "embedding_decay")}
    if isinstance(problem, ProblemVariant):
        if problem.layer_decays is not None:
            decays["layer_decays"] = float(problem.layer_decays.min())
            del decays["jacobian_decay"]
        if problem.fixed_head is not None:
            del decays["head_decay"]
    for name, decay in decays.items():
        if decay == 0.0:
            raise ValueError(
                f"{name} is 0.0; it must be greater than zero. Without decay there is no minimum: see gradient_flow."
            )
    if data.model == "kinetic" and data.embedding_decay is not None and not data.is_white:
        raise ValueError(
            f"embedding_decay is {data.embedding_decay}; a kinetic model with an embedding has a minimum for white "
            "inputs only (else its blocks grow without end): whiten them, or leave embedding_decay out."
        )
    return data


def _objective(problem: Problem | ProblemVariant, device: torch.device) -> UnreducedObjective | VariantObjective:
    if isinstance(problem, ProblemVariant):
        return VariantObjective(problem, device)
    return UnreducedObjective(problem, device)


def _checked_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device is {name!r}; it must be a torch device such as 'cpu' or 'cuda'.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name!r}, but torch finds no CUDA device here; use 'cpu'.")
    return device


def _decades(bar: Progress, tolerance: float) -> Callable[[int, Tensor, Tensor], None]:
    """Return a callback that moves the bar by the decades of the relative gradient, worst start first."""
    reached = 0.0

    def report(iteration: int, value: Tensor, gradient_norm: Tensor) -> None:
        nonlocal reached
        if iteration % BAR_STRIDE:
            return
        worst = max(float(gradient_norm.max()), tolerance)
        decades = max(-math.log10(worst), reached)
        bar.advance(decades - reached, status=f"F {float(value.min()):.6g}, relative gradient {worst:.1e}")
        reached = decades

    return report


def _winner(descent: Descent) -> int:
    """Return the row of the lowest value; of those equal to `SAME`, the row with the smallest gradient."""
    lowest = descent.value.min()
    same = descent.value <= lowest + SAME * lowest.abs()
    return int(torch.where(same, descent.gradient_norm, torch.inf).argmin())


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy().copy()

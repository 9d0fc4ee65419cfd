"""The least objective of a problem, through the reduced problem: many starts, then the last digits of the best."""

import time

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import LARGEST_SEED, finite_array, integer, positive
from ramodel.problem import Problem
from ramodel.progress import Progress, progress_bar
from ramodel.theory.model import Array
from ramodel.theory.optimum.closed import shrink
from ramodel.theory.optimum.losses import SquaredLoss
from ramodel.theory.optimum.newton import Descent, descend
from ramodel.theory.optimum.objective import KineticObjective, Objective
from ramodel.theory.optimum.reduction import Reduction, is_white
from ramodel.theory.optimum.solution import Network, Solution, aligned_network, coloured_kinetic_network
from ramodel.theory.optimum.starts import starting_maps, truncations

__all__ = ["solve"]

ROUGH = 1e-2  # relative gradient at which the starts are compared
ROUGH_ITERATIONS = 200  # the farthest starts need as many
TRUNCATIONS = 5  # rounds at most, each from the best so far, as long as they lower it
FINE = 1e-5  # relative gradient at which the finalists are compared; only the best goes on to the end
FINALISTS = 6  # different ones, at most, go on so far: what was left to descend must not decide
BEHIND = 0.05  # no finalist is higher than the lowest by more than this, relatively
ALIKE, ALIKE_VALUE = 2e-2, 1e-4  # relative differences of singular values and objectives of starts that are alike then
SAME = 1e-9  # objectives closer than this, relatively, are the same optimum


def solve(
    problem: Problem,
    *,
    starts: int = 32,
    seed: int = 0,
    tolerance: float = 1e-10,
    initial: ArrayLike | None = None,
    progress: bool = True,
) -> Solution:
    """Find the least objective over all J_l, W (and E) by the reduced problem (statements S3, S6, S7, S18).

    ``min over M of loss(M X) + (1/2) sum_k c_L(sigma_k(M))``: C d unknowns in place of L d^2 + C d. Squared error with
    white inputs is closed, and global. Elsewhere the penalty is not convex, and the best of many starts is searched:
    more starts can find lower optima, most of all in deep networks.

    Parameters
    ----------
    problem
        A `Problem` of the Frobenius, nuclear or kinetic model, with positive decays.
    starts
        Number of random starts; see `ramodel.theory.optimum.starts`. The closed form needs none.
    seed
        Of the starts.
    tolerance
        Goal for the relative gradient of the reduced problem.
    initial
        Further maps to start from, [C, d_in] or [B, C, d_in].
    progress
        Show a bar on a terminal.

    Returns
    -------
    Solution
        Objective, M, the network that attains it, and how the starts ended.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, shape or range, or the problem has no minimum: a decay is zero; or it is
        kinetic, with an embedding and inputs that are not white.
    FloatingPointError
        If the numbers leave float64.

    Examples
    --------
    >>> import numpy as np
    >>> problem = Problem(model="frobenius", loss="cross-entropy", inputs=np.eye(6), targets=np.arange(6), depth=32,
    ...                   jacobian_decay=0.03, head_decay=0.03)
    >>> solution = solve(problem)
    >>> round(solution.objective, 10), solution.jacobian_singular_values[0].round(6)  # the value of S10
    (0.0299446732, array([0.123812, 0.123812, 0.123812, 0.00018 , 0.00018 , 0.      ]))
    """
    begin = time.monotonic()
    _check(problem)
    rng = np.random.default_rng(integer("seed", seed, minimum=0, maximum=LARGEST_SEED))
    count = integer("starts", starts)
    positive("tolerance", tolerance)
    reduction, width = Reduction.of(problem), problem.inputs.shape[1] if problem.width is None else problem.width
    more = _initial(initial, problem, reduction)
    if closed := reduction.model is not None and isinstance(reduction.loss, SquaredLoss) and is_white(reduction.root):
        ended = _closed(reduction, width)
    else:
        with progress_bar("reduced problem", 3, show=progress) as bar:
            maps = starting_maps(reduction.loss, reduction.objective, count, rng)
            ended = _search(reduction.objective, np.concatenate([maps, more]), tolerance, bar)
    point = _settled(reduction.objective, ended)
    final = reduction.objective.evaluate(point)
    gradient_norm = float(final.relative_gradient()[0])
    if not (np.isfinite(gradient_norm) and np.isfinite(final.value[0])):
        raise FloatingPointError(
            f"objective {final.value[0]} with relative gradient {gradient_norm}: the numbers left float64. inputs "
            f"reach {np.abs(problem.inputs).max():g}; scale them to the order of one."
        )
    end_to_end, (jacobians, head, embedding, feasible) = _network(reduction, point, problem.depth, width)
    return Solution(
        problem=problem,
        objective=float(final.value[0]),
        end_to_end=end_to_end,
        jacobians=jacobians,
        head=head,
        embedding=embedding,
        gradient_norm=gradient_norm,
        converged=gradient_norm <= tolerance,
        closed=closed,
        feasible=feasible,
        objectives=ended.value,
        gradient_norms=ended.gradient_norm,
        seconds=time.monotonic() - begin,
    )


def _check(problem: Problem) -> None:
    if not isinstance(problem, Problem):
        raise TypeError(f"problem is {problem!r}; it must be a Problem, such as random_problem(...) makes.")
    for name in ("jacobian_decay", "head_decay", "embedding_decay"):
        if getattr(problem, name) == 0.0:
            raise ValueError(f"{name} of the problem is 0; a minimum needs positive decays.")


def _initial(initial: ArrayLike | None, problem: Problem, reduction: Reduction) -> Array:
    """Return further starts in the coordinates of the reduction, [B, C, r]."""
    shape = problem.classes, problem.inputs.shape[1]
    if initial is None:
        return np.empty((0, shape[0], len(reduction.root)))
    maps = finite_array("initial", initial)
    maps = finite_array("initial", maps[np.newaxis] if maps.ndim == 2 else maps, shape=(None, *shape))
    return maps @ reduction.basis * reduction.whitening


def _closed(reduction: Reduction, width: int) -> Descent:
    """Return the global optimum for squared error and white inputs, as the one start of a descent."""
    assert reduction.model is not None
    assert isinstance(reduction.loss, SquaredLoss)
    left, y, right = np.linalg.svd(reduction.loss.regression, full_matrices=False)
    m = shrink(y, float(reduction.root[0] ** 2), reduction.model)
    m[width:] = 0.0  # what a narrow network leaves out: the least costs the least
    point = reduction.objective.points(((left * m) @ right)[np.newaxis])
    found = reduction.objective.evaluate(point)
    return Descent(point, found.value, found.relative_gradient(), 0, 0)


def _search(objective: Objective, maps: Array, tolerance: float, bar: Progress) -> Descent:
    """Return how the starts ended, then those that followed from the best: its approximations of lower rank."""
    rough = _descend(objective, objective.points(maps), max(ROUGH, tolerance), ROUGH_ITERATIONS)
    bar.advance(status=f"F {rough.value.min():.8g}")
    for _ in range(TRUNCATIONS):
        lowest = rough.value.min()
        lower_ranks = truncations(objective.maps(rough.point[[np.argmin(rough.value)]])[0])
        if len(lower_ranks) == 0:
            break
        rough = _joined(rough, _descend(objective, objective.points(lower_ranks), max(ROUGH, tolerance)))
        if rough.value.min() >= lowest - ALIKE_VALUE * abs(lowest):
            break
    bar.advance(status=f"F {rough.value.min():.8g}")
    finalists = _finalists(rough, objective.maps(rough.point))
    if len(finalists) > 1:
        _go_on(objective, rough, finalists, max(FINE, tolerance))
    _go_on(objective, rough, [int(np.argmin(rough.value))], tolerance)
    bar.advance(status=f"F {rough.value.min():.8g}")
    return rough


def _go_on(objective: Objective, ended: Descent, starts: list[int], tolerance: float) -> None:
    """Descend further from where some starts ended, in place."""
    further = _descend(objective, ended.point[starts], tolerance)
    for name in ("point", "value", "gradient_norm"):
        getattr(ended, name)[starts] = getattr(further, name)


def _finalists(rough: Descent, maps: Array) -> list[int]:
    """Return the lowest starts that are not alike in objective and singular values."""
    m = np.linalg.svd(maps, compute_uv=False)
    chosen: list[int] = []
    lowest = rough.value.min()
    for start in np.argsort(rough.value, kind="stable"):
        if rough.value[start] - lowest > BEHIND * abs(lowest):
            break
        near = np.linalg.norm(m[chosen] - m[start], axis=1) <= ALIKE * np.linalg.norm(m[start])
        level = rough.value[start] - rough.value[chosen] <= ALIKE_VALUE * np.abs(rough.value[start])
        if not (near & level).any():
            chosen.append(int(start))
        if len(chosen) == FINALISTS:
            break
    return chosen


def _settled(objective: Objective, ended: Descent) -> Array:
    """Return the best point [1, n]: of those equally low the one with the least gradient; or zero if that is as low."""
    lowest = ended.value.min()
    same = ended.value <= lowest + SAME * abs(lowest)
    best = ended.point[[np.where(same, ended.gradient_norm, np.inf).argmin()]]
    zero = np.zeros_like(best)
    return zero if objective.evaluate(zero).value[0] <= objective.evaluate(best).value[0] else best


def _network(reduction: Reduction, point: Array, depth: int, width: int) -> tuple[Array, Network]:
    """Return M [C, d_in] and the network that attains it."""
    end_to_end = reduction.objective.maps(point)[0] / reduction.whitening @ reduction.basis.T
    if reduction.model is not None:
        return end_to_end, aligned_network(reduction.model, end_to_end, width)
    objective = reduction.objective
    assert isinstance(objective, KineticObjective)
    head, displacement = (factor[0] for factor in objective.factors(point))
    return end_to_end, coloured_kinetic_network(depth, head, displacement / reduction.root, reduction.basis)


def _descend(objective: Objective, points: Array, tolerance: float, max_iterations: int = 1000) -> Descent:
    rows = objective.rows(np.zeros(len(points), dtype=int))
    return descend(rows, points, tolerance=tolerance, max_iterations=max_iterations)


def _joined(first: Descent, second: Descent) -> Descent:
    return Descent(
        np.concatenate([first.point, second.point]),
        np.concatenate([first.value, second.value]),
        np.concatenate([first.gradient_norm, second.gradient_norm]),
        max(first.iterations, second.iterations),
        first.products + second.products,
    )

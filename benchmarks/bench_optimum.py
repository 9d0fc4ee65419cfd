"""The reduced problem against the unreduced one: ``python benchmarks/bench_optimum.py [--budget 60] [--quick]``.

Prints, for several sizes and all three losses (Frobenius; at the middle size all models, and white inputs), the CPU
time of `simulate.minimise` over all J_l and W with its four starts; then, for `optimum.solve` with 1, 4 and 32 starts
(its default), the CPU time, how many times less that is, and how much lower the objective it finds (relative;
negative: higher). Closed: squared error with white inputs. One process, one thread. CPU times leave out
what other processes take; they still vary with what these do to the caches, so the reduced ones are medians of five.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from ramodel.problem import Problem, random_problem
from ramodel.simulate import minimise
from ramodel.theory.optimum import solve

Result = TypeVar("Result")

LOSSES = ("squared", "cross-entropy", "logistic")
SIZES = ((4, 8, 8, 100), (10, 16, 16, 100), (10, 64, 32, 100))  # C, d, L, N


def problem_of(model: str, loss: str, size: tuple[int, int, int, int]) -> Problem:
    classes, width, depth, samples = size
    return random_problem(
        model=model,
        classes=2 if loss == "logistic" else classes,
        width=width,
        depth=depth,
        samples=samples,
        loss=loss,
        jacobian_decay=0.01,
        head_decay=0.01,
        seed=0,
    )


def problems(sizes: tuple[tuple[int, int, int, int], ...]) -> Iterator[tuple[str, Problem]]:
    for size in sizes:
        for loss in LOSSES:
            yield "", problem_of("frobenius", loss, size)
        if size == SIZES[1]:
            for model in ("nuclear", "kinetic"):
                for loss in LOSSES:
                    yield "", problem_of(model, loss, size)
            yield "closed", problem_of("frobenius", "squared", size).whitened()


def timed(function: Callable[[], Result], runs: int = 1) -> tuple[Result, float]:
    """Return the result and the median CPU time of some runs."""
    seconds = []
    for _ in range(runs):
        begin = time.process_time()
        result = function()
        seconds.append(time.process_time() - begin)
    return result, statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=60.0, help="wall seconds an unreduced problem (default 60)")
    parser.add_argument("--quick", action="store_true", help="without the largest size")
    options = parser.parse_args()
    print(f"{'':39s} unreduced  {'1 start':>17s} {'4 starts':>25s} {'32 starts':>25s}")
    print("model      loss            C  d  L   N  CPU seconds" + "  CPU seconds ratio  lower" * 3)
    for remark, problem in problems(SIZES[: 2 if options.quick else 3]):
        unreduced, unreduced_seconds = timed(partial(minimise, problem, time_budget=options.budget, progress=False))
        columns = []
        for starts in (1, 4, 32):
            solution, seconds = timed(partial(solve, problem, starts=starts, progress=False), runs=5)
            lower = 1.0 - solution.objective / unreduced.objective
            columns.append(f"{seconds:9.4f} {unreduced_seconds / seconds:6.0f} {lower:7.0e}")
        notes = [remark] * bool(remark) + ["unreduced not converged"] * (not unreduced.converged)
        notes += ["reduced not converged"] * (not solution.converged)
        print(
            f"{problem.model:9s}  {problem.loss:13s}  {problem.classes:2d} {problem.width:2d} {problem.depth:2d} "
            f"{problem.samples:3d}  {unreduced_seconds:8.2f}  {'  '.join(columns)}  {', '.join(notes)}",
            flush=True,
        )


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()

"""Full-batch L-BFGS to a stationary point of the objective."""

import math
from contextlib import nullcontext

from torch import Tensor

from ramodel.nets.training.objective import normalised_by_batch
from ramodel.nets.training.run import Run
from ramodel.optimise import Evaluation, minimise_lbfgs

__all__ = ["descend_quasi_newton"]


def descend_quasi_newton(run: Run) -> None:
    """Train from where `run` stands until it is over, has to stop, or no step goes down any more.

    It stops at looks only: there L-BFGS forgets its correction pairs, and nothing of it need be saved.
    """
    while not run.is_over and not run.must_stop:
        before = run.iteration
        _descend_to_next_look(run)
        if run.iteration == before:
            break


def _descend_to_next_look(run: Run) -> None:
    config, start = run.config, run.iteration
    here = run.objective.point()
    tried: tuple[Tensor, Tensor] | None = None

    def evaluate(point: Tensor) -> Evaluation:
        nonlocal tried
        with normalised_by_batch(run.network) if run.has_batch_norm else nullcontext():
            found = run.objective(point)
        tried = point, found.value
        return found

    def after_step(step: int, value: Tensor, gradient_norm: Tensor) -> None:
        nonlocal here
        if tried is not None and bool((tried[1] == value).all()):  # else the line search failed and nothing moved
            here = tried[0]
        run.show(start + step, f"objective {float(value):.6f}  gradient {float(gradient_norm):.1e}")
        if run.is_called_at(start + step):
            run.objective.move(here)
            run.call_between_looks(start + step)

    descent = minimise_lbfgs(
        evaluate,
        here,
        memory=config.memory,
        max_iterations=min(config.checkpoint_every, config.iterations - start),
        tolerance=config.tolerance,
        time_budget=None if math.isinf(run.seconds_left) else run.seconds_left,
        callback=after_step,
    )
    run.objective.move(descent.point)
    run.look(start + int(descent.iterations))

"""Full-batch L-BFGS to a stationary point of the objective."""

import math

from torch import Tensor

from ramodel.nets.training.run import Run
from ramodel.optimise import minimise_lbfgs

__all__ = ["descend_quasi_newton"]


def descend_quasi_newton(run: Run) -> None:
    """Train from where `run` stands until it is over or no step goes down any more."""
    config = run.config
    while not run.is_over:
        start = run.iteration

        def show(step: int, value: Tensor, gradient_norm: Tensor, start: int = start) -> None:
            run.show(start + step, f"objective {float(value):.6f}  gradient {float(gradient_norm):.1e}")

        descent = minimise_lbfgs(
            run.objective,
            run.objective.point(),
            memory=config.memory,
            max_iterations=min(config.checkpoint_every, config.iterations - start),
            tolerance=config.tolerance,
            time_budget=None if math.isinf(run.seconds_left) else run.seconds_left,
            callback=show,
        )
        run.objective.move(descent.point)
        steps = int(descent.iterations)
        run.look(start + steps)
        if steps == 0:
            break

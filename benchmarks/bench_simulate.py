"""The optimiser's accuracy and speed: ``python benchmarks/bench_simulate.py [--problems 50] [--budget 60]``.

Prints (1) for random problems of varied size, how far the point found is from S1 (asymmetry and balance; S6, S7 and
S8 in the other models, see `ramodel.experiments.agreement`), worst and median; (2) the time for C = 10, d = 16, L =
16, four starts, for each model and loss; (3) the cost of one gradient and one Hessian-vector product, hand-written
against autograd.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from ramodel.experiments.agreement import agreement
from ramodel.simulate import Optimum, Problem, UnreducedObjective, minimise, random_problem

LOSSES = ("squared", "cross-entropy", "logistic")
_BRANCHES = {True: "positive", False: "other", None: "-"}
MODELS = ("frobenius", "nuclear", "kinetic", "plain")


def varied_problems(count: int) -> Iterator[Problem]:
    """C 2..10, d 2..16, L 1..16, N C..59, decays 1e-3..1e-1 (each its own), models and losses in turn."""
    rng = np.random.default_rng(0)
    for index in range(count):
        classes, width, depth = int(rng.integers(2, 11)), int(rng.integers(2, 17)), int(rng.integers(1, 17))
        loss = LOSSES[index % 3]
        yield random_problem(
            model=MODELS[index % 4],
            classes=2 if loss == "logistic" else classes,
            width=width,
            depth=depth,
            samples=int(rng.integers(classes, 60)),
            loss=loss,
            jacobian_decay=10 ** rng.uniform(-3, -1),
            head_decay=10 ** rng.uniform(-3, -1),
            seed=index,
        )


def law_errors(problem: Problem, optimum: Optimum) -> tuple[float, float]:
    """Largest asymmetry (0 in the plain model, which asks for none) and balance error over layers."""
    found = agreement(problem, optimum)
    return found.get("asymmetry", 0.0), found["balance_error"]


def accuracy(count: int, budget: float) -> None:
    print(f"errors of S1, S6, S7, S8 at the optimum found, {count} random problems, tolerance 1e-10, 4 starts")
    print(
        " #  model      loss           C  d  L  N  converged  gradient  asymmetry   balance  branch     spread seconds"
    )
    rows = []
    for index, problem in enumerate(varied_problems(count)):
        optimum = minimise(problem, time_budget=budget, progress=False)
        asymmetry, balance = law_errors(problem, optimum)
        rows.append((optimum.converged, asymmetry, balance, optimum.seconds))
        print(
            f"{index:2d}  {problem.model:9s}  {problem.loss:13s} {problem.classes:2d} {problem.width:2d} "
            f"{problem.depth:2d} {problem.samples:2d}  {optimum.converged!s:9s}  {optimum.gradient_norm:8.1e}  "
            f"{asymmetry:8.1e}  {balance:8.1e}  {_BRANCHES[optimum.certificate.positive_branch]:8s}"
            f"  {optimum.spread:7.1e}  {optimum.seconds:6.1f}",
            flush=True,
        )
    reached = [row for row in rows if row[0]]
    print(f"converged {len(reached)} of {count}; of these, worst and median:")
    for name, column in (("asymmetry", 1), ("balance error", 2), ("seconds", 3)):
        values = [row[column] for row in reached]
        print(f"  {name:13s} {max(values):8.1e} {statistics.median(values):8.1e}")


def full_size(budget: float) -> None:
    print("\nC = 10 (logistic: one logit), d = 16, L = 16, N = 100, decays 0.01, 4 starts")
    print("model      loss           converged  gradient  asymmetry  balance  seconds")
    for model in MODELS:
        for loss in LOSSES:
            problem = random_problem(
                model=model,
                classes=2 if loss == "logistic" else 10,
                width=16,
                depth=16,
                samples=100,
                loss=loss,
                jacobian_decay=0.01,
                head_decay=0.01,
                seed=0,
            )
            optimum = minimise(problem, time_budget=budget, progress=False)
            asymmetry, balance = law_errors(problem, optimum)
            print(
                f"{model:9s}  {loss:13s}  {optimum.converged!s:9s}  {optimum.gradient_norm:8.1e}  {asymmetry:8.1e}  "
                f"{balance:8.1e}  {optimum.seconds:6.1f}",
                flush=True,
            )


def derivatives() -> None:
    print("\nOne call, 4 starts, cross-entropy, C = 10, N = 100 (median milliseconds)")
    print(" d   L  gradient  by autograd  Hessian-vector product")
    for width, depth in ((16, 4), (16, 16), (64, 16)):
        problem = random_problem(
            model="frobenius",
            classes=10,
            width=width,
            depth=depth,
            samples=100,
            loss="cross-entropy",
            jacobian_decay=0.01,
            head_decay=0.01,
            seed=0,
        )
        objective = UnreducedObjective(problem, torch.device("cpu"))
        points = objective.random_points(4, seed=0)
        inputs, labels = torch.from_numpy(problem.inputs), torch.from_numpy(problem.targets).expand(4, -1)
        product = objective.hessian(points)

        def autograd(
            points: torch.Tensor = points,
            objective: UnreducedObjective = objective,
            inputs: torch.Tensor = inputs,
            labels: torch.Tensor = labels,
        ) -> None:
            leaf = points.clone().requires_grad_()
            parts = objective.split(leaf)
            collapsed = parts.head
            for jacobian in reversed(parts.blocks[0].unbind()):
                collapsed = collapsed + collapsed @ jacobian
            logits = collapsed @ inputs.mT
            loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / len(inputs)
            (loss + 0.005 * leaf.square().sum()).backward()

        times = (
            _milliseconds(lambda objective=objective, points=points: objective(points)),
            _milliseconds(autograd),
            _milliseconds(lambda product=product, points=points: product(points)),
        )
        print(f"{width:2d}  {depth:2d}  {times[0]:8.2f}  {times[1]:11.2f}  {times[2]:22.2f}", flush=True)


def _milliseconds(call: Callable[[], object], repeats: int = 30) -> float:
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=50, help="number of random problems (default 50)")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for each problem (default 60)")
    options = parser.parse_args()
    accuracy(options.problems, options.budget)
    full_size(options.budget)
    derivatives()


if __name__ == "__main__":
    main()

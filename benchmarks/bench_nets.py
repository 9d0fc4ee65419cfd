"""Time training to stationarity on digits, and one evaluation of the objective by hand against back-propagation.

    OMP_NUM_THREADS=1 python benchmarks/bench_nets.py                      # linear and factored, widths 32 and 64
    OMP_NUM_THREADS=1 python benchmarks/bench_nets.py --kinds gelu relu --iterations 1000 --widths 32

Full-batch L-BFGS in float64, all decays 1e-2, 1,000 digits, one thread. `cpu` is processor time of the process.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from ramodel.nets import Dataset, NetworkConfig, ResidualNetwork, TrainingConfig, load_dataset, train
from ramodel.nets.architectures.network import NetworkKind
from ramodel.nets.training.losses import mean_loss
from ramodel.nets.training.objective import Decays, TrainingObjective

DEPTHS = (4, 8, 16, 32)
ROUNDS = 7
CALLS = 20


def new_network(kind: NetworkKind, width: int, depth: int, seed: int = 0) -> ResidualNetwork:
    return ResidualNetwork(NetworkConfig(kind=kind, inputs=64, classes=10, width=width, depth=depth, seed=seed))


def milliseconds(*calls: Callable[[], object]) -> list[float]:
    """Return the median processor time of each call, rounds interleaved."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for taken, call in zip(times, calls, strict=True):
            start = time.process_time()
            for _ in range(CALLS):
                call()
            taken.append((time.process_time() - start) / CALLS * 1e3)
    return [median(taken) for taken in times]


def compare_evaluations(data: Dataset, widths: list[int]) -> None:
    print("one evaluation      d    L   by hand [ms]   through the states [ms]   ratio")
    inputs, labels = torch.from_numpy(data.train_inputs), torch.from_numpy(data.train_labels)
    for kind in ("linear", "factored"):
        for width in widths:
            for depth in DEPTHS:
                network = new_network(kind, width, depth)
                objective = TrainingObjective(network, inputs, labels, "cross-entropy", Decays(0.01, 0.01, 0.01))
                point, parameters = objective.point(), list(network.parameters())

                def by_states(network: ResidualNetwork = network, parameters: list[torch.Tensor] = parameters) -> None:
                    hidden = network.embedding(inputs)
                    for block in network.blocks:
                        hidden = block(hidden)
                    torch.autograd.grad(mean_loss("cross-entropy", network.head(hidden), labels), parameters)

                ours, theirs = milliseconds(lambda o=objective, p=point: o(p), by_states)
                print(f"{kind:16} {width:4} {depth:4} {ours:14.2f} {theirs:25.2f} {theirs / ours:7.1f}")


def time_training(data: Dataset, kinds: list[NetworkKind], widths: list[int], config: TrainingConfig) -> None:
    print("training            d    L   stopped by   gradient   objective   test accuracy   iterations     cpu [s]")
    for kind in kinds:
        for width in widths:
            for depth in DEPTHS:
                start = time.process_time()
                result = train(new_network(kind, width, depth), data, config)
                taken = time.process_time() - start
                print(
                    f"{kind:16} {width:4} {depth:4}   {result.stopped_by:10} {result.gradient_norm:10.1e} "
                    f"{result.objective:11.6f} {result.test_accuracy:15.3f} {result.iterations:12} {taken:11.2f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=["linear", "factored"])
    parser.add_argument("--widths", nargs="+", type=int, default=[32, 64])
    parser.add_argument("--tolerance", type=float, default=1e-5)
    parser.add_argument("--iterations", type=int, default=5000)
    parser.add_argument("--warmup", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = load_dataset("digits", train_size=1000, test_size=500)
    compare_evaluations(data, arguments.widths)
    config = TrainingConfig(
        tolerance=arguments.tolerance,
        iterations=arguments.iterations,
        warmup=arguments.warmup,
        learning_rate=5e-3 if arguments.warmup else 0.05,
    )
    time_training(data, arguments.kinds, arguments.widths, config)


if __name__ == "__main__":
    main()

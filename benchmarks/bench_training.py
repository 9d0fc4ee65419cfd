"""Time networks trained one after the other against the same networks trained as one batch.

    OMP_NUM_THREADS=1 python benchmarks/bench_training.py                     # all cases, CPU, one thread
    OMP_NUM_THREADS=1 python benchmarks/bench_training.py --cases paper-32 model-32 --rounds 9
    python benchmarks/bench_training.py --device cuda --epochs 20             # where there is a GPU

1,000 digits, mini-batches of 100, SGD with momentum in float32, looks at the training set before the first and after
the last epoch. The three ways are timed in turns, and a ratio is the median of the ratios of the rounds: processor time
on a CPU, wall time on a GPU. `batch` is what `train_many` does; `vmap` is its way for networks of unknown layers.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any
from unittest.mock import patch

import torch

from ramodel.nets import Dataset, TrainingConfig, load_dataset, train
from ramodel.nets.architectures.family import build_network, network_config
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training import stacked
from ramodel.nets.training.batched import train_many

CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "paper-32": (8, {"family": "paper", "width": 32, "depth": 8}),
    "paper-64": (8, {"family": "paper", "width": 64, "depth": 8}),
    "model-32": (8, {"family": "model", "kind": "relu", "width": 32, "depth": 8}),
    "conv-8": (4, {"family": "paper", "stem": "convolutional", "width": 8, "depth": 4}),
    "strided-16": (4, {"family": "paper", "stem": "strided", "width": 16, "depth": 4}),
}


def ways(data: Dataset, count: int, settings: dict[str, Any], epochs: int, device: str) -> list[Callable[[], object]]:
    """Return training one after the other, as a batch, and as a batch through vmap."""
    config = TrainingConfig(
        optimiser="sgd",
        precision="float32",
        batch_size=100,
        learning_rate=0.02,
        iterations=epochs,
        checkpoint_every=epochs,
    )

    def networks() -> list[TrainableNetwork]:
        return [build_network(network_config(settings, data, seed)) for seed in range(count)]

    def one_after_the_other() -> None:
        for network in networks():
            train(network, data, config, device=device, progress=False)

    def batch() -> None:
        train_many(networks(), [data] * count, [config] * count, device=device, progress=False)

    def by_vmap() -> None:
        with patch.object(stacked, "_STACKED", {}):
            batch()

    return [one_after_the_other, batch, by_vmap]


def seconds(way: Callable[[], object], device: str) -> float:
    """Return the processor time of `way`, on a GPU its wall time."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    way()
    return clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = load_dataset("digits", train_size=1000, test_size=100)
    print("case         networks   one by one [s]   batch [s]   ratio   vmap [s]   ratio")
    for case in arguments.cases:
        count, settings = CASES[case]
        each = ways(data, count, settings, arguments.epochs, arguments.device)
        for way in each:
            way()
        rounds = [[seconds(way, arguments.device) for way in each] for _ in range(arguments.rounds)]
        single, batch, vmap = (median(column) for column in zip(*rounds, strict=True))
        batch_ratio, vmap_ratio = (median(row[0] / row[way] for row in rounds) for way in (1, 2))
        print(
            f"{case:12} {count:8} {single:16.2f} {batch:11.2f} {batch_ratio:7.2f} {vmap:10.2f} {vmap_ratio:7.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

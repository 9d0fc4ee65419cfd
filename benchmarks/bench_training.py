"""Time networks trained one after the other against the same networks trained as one batch.

    OMP_NUM_THREADS=1 python benchmarks/bench_training.py                     # all cases, CPU, one thread
    OMP_NUM_THREADS=1 python benchmarks/bench_training.py --cases paper-32 model-32 --rounds 9
    python benchmarks/bench_training.py --device cuda --epochs 20             # where there is a GPU
    OMP_NUM_THREADS=1 python benchmarks/bench_training.py --json results/benchmarks/training.json

1,000 digits, mini-batches of 100, SGD with momentum in float32, looks at the training set before the first and after
the last epoch. The three ways are timed in turns, and a ratio is the median of the ratios of the rounds: processor time
on a CPU, wall time on a GPU. `batch` is what `train_many` does; `vmap` is its way for networks of unknown layers.

Then `train` against a bare loop of torch over the same mini-batches, which looks at nothing and keeps nothing; and
weights of convolutions in the order of torch against the order of `train`, channels last.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch

from ramodel.nets import Dataset, TrainingConfig, load_dataset, train
from ramodel.nets.architectures.family import build_network, network_config
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training import stacked
from ramodel.nets.training.batched import train_many
from ramodel.nets.training.batches import epoch_rows

CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "paper-32": (8, {"family": "paper", "width": 32, "depth": 8}),
    "paper-64": (8, {"family": "paper", "width": 64, "depth": 8}),
    "model-32": (8, {"family": "model", "kind": "relu", "width": 32, "depth": 8}),
    "conv-8": (4, {"family": "paper", "stem": "convolutional", "width": 8, "depth": 4}),
    "strided-16": (4, {"family": "paper", "stem": "strided", "width": 16, "depth": 4}),
}


Ways = list[Callable[[], object]]


def settings_of(epochs: int) -> TrainingConfig:
    """Return the settings of every run."""
    return TrainingConfig(
        optimiser="sgd",
        precision="float32",
        batch_size=100,
        learning_rate=0.02,
        iterations=epochs,
        checkpoint_every=epochs,
    )


def ways(data: Dataset, count: int, settings: dict[str, Any], epochs: int, device: str) -> Ways:
    """Return training one after the other, as a batch, and as a batch through vmap."""
    config = settings_of(epochs)

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


def with_and_without_loop(data: Dataset, settings: dict[str, Any], epochs: int, device: str) -> Ways:
    """Return `train`, and the bare loop."""
    config = settings_of(epochs)

    def bare() -> None:
        network = build_network(network_config(settings, data, 0)).to(device, torch.float32)
        inputs = torch.as_tensor(data.train_inputs).to(device, torch.float32)
        labels = torch.as_tensor(data.train_labels).to(device)
        stepper = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9, weight_decay=0.01)
        for epoch in range(epochs):
            for rows in epoch_rows(config, len(labels), epoch, device=labels.device):
                stepper.zero_grad()
                torch.nn.functional.cross_entropy(network(inputs[rows]), labels[rows]).backward()
                stepper.step()

    def ours() -> None:
        train(build_network(network_config(settings, data, 0)), data, config, device=device, progress=False)

    return [ours, bare]


def both_orders(data: Dataset, settings: dict[str, Any], epochs: int, device: str) -> Ways:
    """Return `train` with the weights of convolutions in the order of torch, and with channels last."""

    def channels_last() -> None:
        network = build_network(network_config(settings, data, 0))
        train(network, data, settings_of(epochs), device=device, progress=False)

    def channels_first() -> None:
        with patch.object(torch, "channels_last", torch.contiguous_format):
            channels_last()

    return [channels_first, channels_last]


def compared(each: Ways, rounds: int, device: str) -> tuple[list[float], list[float]]:
    """Return the median time of each way, and the medians over rounds of the first one's time to that of each."""
    for way in each:
        way()
    times = [[seconds(way, device) for way in each] for _ in range(rounds)]
    columns = list(zip(*times, strict=True))
    ratios = [median(first / own for first, own in zip(columns[0], column, strict=True)) for column in columns]
    return [median(column) for column in columns], ratios


def environment(device: str) -> dict[str, Any]:
    """Return where and when this was measured."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else "cpu",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "load": os.getloadavg()[0],
    }


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
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = load_dataset("digits", train_size=1000, test_size=100)
    print("case         networks   one by one [s]   batch [s]   ratio   vmap [s]   ratio")
    found: dict[str, Any] = {"environment": environment(arguments.device), "epochs": arguments.epochs, "batched": {}}
    for case in arguments.cases:
        count, settings = CASES[case]
        each = ways(data, count, settings, arguments.epochs, arguments.device)
        (single, batch, vmap), (_, batch_ratio, vmap_ratio) = compared(each, arguments.rounds, arguments.device)
        print(
            f"{case:12} {count:8} {single:16.2f} {batch:11.2f} {batch_ratio:7.2f} {vmap:10.2f} {vmap_ratio:7.2f}",
            flush=True,
        )
        found["batched"][case] = {
            "networks": count,
            "one_by_one_seconds": single,
            "batch_seconds": batch,
            "batch_ratio": batch_ratio,
            "vmap_ratio": vmap_ratio,
        }
    for name, case, pair in (
        ("train_over_bare_loop_ratio", "paper-32", with_and_without_loop),
        ("channels_first_over_last_ratio", "strided-16", both_orders),
    ):
        each = pair(data, CASES[case][1], arguments.epochs, arguments.device)
        found[name] = compared(each, arguments.rounds, arguments.device)[1][1]
        print(f"{name.replace('_', ' ')}, {case}: {found[name]:.2f}", flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Time exact residual-Jacobian spectra: `ramodel.measure` against vmap(jacrev) and a full SVD of everything.

    OMP_NUM_THREADS=1 python benchmarks/bench_spectra.py

Prints, for networks of width 64, L = 32, 30 inputs and others, the median seconds of each part and the ratio.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch

from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.nets.network import NetworkKind
from ramodel.spectra import measure, residual_jacobians, singular_triplets, states

ROUNDS = 5
CASES: list[tuple[NetworkKind, int, int, int]] = [
    ("linear", 64, 32, 30),
    ("factored", 64, 32, 30),
    ("relu", 64, 32, 30),
    ("gelu", 64, 32, 30),
    ("relu", 128, 16, 64),
]


def seconds(*calls: Callable[[], object]) -> list[float]:
    """Return the median time of each call, rounds interleaved so that a slow spell of the machine hits all."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for taken, call in zip(times, calls, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return [median(taken) for taken in times]


def usual_way(network: ResidualNetwork, inputs: torch.Tensor) -> None:
    """Decompose vmap(jacrev(block)) - I at every input: what people write today."""
    path = states(network, inputs)
    identity = torch.eye(path.shape[-1], dtype=path.dtype)
    for layer, block in enumerate(network.blocks):
        jacobians = torch.func.vmap(torch.func.jacrev(block))(path[layer])
        torch.linalg.svd(jacobians.detach() - identity)


def main() -> None:
    torch.set_num_threads(1)
    print("kind      d    L    N   jacobians   triplets    measure   jacrev + svd   ratio")
    for kind, width, depth, samples in CASES:
        network = ResidualNetwork(NetworkConfig(kind=kind, inputs=64, classes=10, width=width, depth=depth))
        inputs = torch.randn(samples, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        jacobians = residual_jacobians(network, inputs)
        parts = seconds(
            partial(residual_jacobians, network, inputs),
            partial(singular_triplets, jacobians),
            partial(measure, network, inputs, progress=False),
            partial(usual_way, network, inputs),
        )
        columns = "  ".join(f"{part:8.3f} s" for part in parts)
        print(f"{kind:8} {width:3d}  {depth:3d}  {samples:3d}  {columns}   {parts[3] / parts[2]:5.2f}")


if __name__ == "__main__":
    main()

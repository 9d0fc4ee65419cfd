"""Leading singular triplets of Residual Jacobians: ours beside what people use today, in one process, on one thread.

    export OMP_NUM_THREADS=1
    python benchmarks/bench_measure.py --data ../shared/data --json measured.json       # all cases, half an hour
    python benchmarks/bench_measure.py --quick                                          # the small ones, two minutes
    python benchmarks/bench_measure.py --cases conv --peers propack curvlinops --rounds 5
    python benchmarks/bench_measure.py --cases fc128 --peers none --profile             # where our time goes
    python benchmarks/bench_measure.py --device cuda --cases fc512 conv                 # the same on a GPU

A problem is one block at one input (or one token of it); the ten leading triplets of its Jacobian are asked for.
The networks (`measure/cases.py`) are trained from fixed seeds on the data folder's CIFAR images (`--data`, or the
variable RAMODEL_DATA; without it images and weights are random). That takes minutes; weights and truths are kept, in a
folder that git ignores.

Time is processor time of the process, per problem: the median of rounds in which all methods take turns (wall time on
a GPU). Methods without batching are timed on the first few problems. Errors are against float64: a full SVD of the
explicit Jacobian, or, for states of thousands of numbers, SciPy's ARPACK in float64 with its residuals (for sequences
one full SVD of 4,096 rows beside it). `s` is the largest relative error of the ten values, `angle` the sine of the
largest angle between the ten-dimensional right subspaces; median and largest over the problems.

`x limit` is the time over that of the arithmetic of the products made (passes), at the rate that the machine shows in
the same rounds for a matrix product of order 1,024, or for the block's convolution. `peak` is by how much a call raises
the peak of resident memory (allocated memory on a GPU). A peer counts as best where it is of the accuracy `Level` says.

Peers that are not installed are left out, with the reason. curvlinops wants torchvision; it runs without:
`pip install --no-deps curvlinops-for-pytorch backpack-for-pytorch einconv linear_operator opt-einsum`.
"""

import argparse
import cProfile
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from measure.accuracy import Truth, errors, truth
from measure.cases import CASES, QUICK, RANK, Case, load_case
from measure.ours import OURS, doubled, our_methods
from measure.peers import PEERS, Answer, Method
from measure.rates import best_rate, machine_rates, peak_mebibytes, rounds_of
from measure.results import LENIENT, STRICT, Result, Row, print_result, print_summary, reaches

_PRODUCTS = ("LinearisedOperator.matvec", "LinearisedOperator.rmatvec")


def measured(case: Case, methods: Sequence[Method], exact: Truth, arguments: argparse.Namespace) -> Result:
    """Run all methods in turn and compare what they found with the truth."""
    rounds, seconds = arguments.rounds, arguments.seconds
    answers: dict[str, Answer | None] = {}

    def answering(method: Method) -> Callable[[], None]:
        def run() -> None:
            answers[method.name] = method.solve(case, method.limit(case))

        return run

    calls = {method.name: answering(method) for method in methods}
    work, rate_calls = machine_rates(case)
    device = case.state.device
    times, failures = rounds_of({**rate_calls, **calls}, rounds, seconds, device)
    rate = best_rate(work, times, convolutional=case.convolutional)
    found = {name: None if answer is None else errors(answer, exact) for name, answer in answers.items()}
    rows = []
    for method in (method for method in methods if method.name not in failures):
        answer, taken, error = answers[method.name], times[method.name], found[method.name]
        scale = 1e3 / (method.limit(case) * method.blocks(case))
        passes = None if answer is None else answer.passes
        # Peak memory takes one more run; of one that takes long, it can be told from the size of its Jacobian.
        short = median(taken) < seconds / 3
        rows.append(
            Row(
                method=method.name,
                milliseconds=median(taken) * scale,
                fastest=min(taken) * scale,
                rounds=len(taken),
                problems=method.limit(case),
                passes=passes,
                times_limit=None if passes is None else median(taken) * scale / (1e3 * passes * case.flops / rate),
                value_error=None if error is None else _median_and_largest(error.value),
                sine=None if error is None else _median_and_largest(error.sine),
                peak_mebibytes=peak_mebibytes(calls[method.name], device) if short else math.nan,
                levels=tuple(level.name for level in (STRICT, LENIENT) if reaches(level, error, found.get(OURS))),
            )
        )
    values = exact.values
    return Result(
        case=case.name,
        title=case.title,
        truth=exact.how,
        s10_over_s1=float(np.median(values[:, RANK - 1] / values[:, 0])),
        s11_over_s10=float(np.median(values[:, RANK] / values[:, RANK - 1])),
        gigaflops=rate / 1e9,
        rows=rows,
        failures=failures,
        doubling=doubling(case, arguments),
    )


def doubling(case: Case, arguments: argparse.Namespace) -> dict[str, float]:
    """Return the time of twice the inputs, and of twice the blocks, over twice the time."""
    calls = doubled(case, arguments.tolerance)
    times, _ = rounds_of(calls, arguments.rounds, arguments.seconds, case.state.device)
    return {name: median(times[name]) / (2 * median(times["once"])) for name in ("inputs", "blocks")}


def print_profile(case: Case, method: Method) -> None:
    """Print which functions our time goes to: own time and time with all they call, in processor time per problem."""
    count = len(case.points)
    method.solve(case, count)
    profile = cProfile.Profile(timer=time.process_time)
    profile.runcall(method.solve, case, count)
    entries = sorted(profile.getstats(), key=lambda entry: -entry.inlinetime)
    total = sum(entry.inlinetime for entry in entries)
    products = sum(e.totaltime for e in entries if getattr(e.code, "co_qualname", "") in _PRODUCTS)
    print(f"\nWhere {method.name} goes in {case.name} (profiled: {1e3 * total / count:.3f} ms per problem),")
    print(f"products {products / total:.0%} of it:")
    for entry in entries[:14]:
        name = entry.code if isinstance(entry.code, str) else entry.code.co_qualname
        print(f"  {entry.inlinetime / total:6.1%}  {entry.callcount:6} calls  {name}")


def environment(device: torch.device) -> dict[str, Any]:
    """Return what the numbers depend on besides the code."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(": ")[1] for line in lines if line.startswith("model name")), processor)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": platform.platform(),
    }


def arguments_of(given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=None, help="default: all")
    parser.add_argument("--peers", nargs="+", default=None, help="parts of peers' names, or none; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a method in a case; then it sits out")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="of ours")
    parser.add_argument("--quick", action="store_true", help=f"cases {', '.join(QUICK)}, three rounds, 3 seconds")
    parser.add_argument("--data", type=Path, default=os.environ.get("RAMODEL_DATA"), help="data folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE")
    parser.add_argument("--profile", action="store_true", help="also print where our time goes")
    arguments = parser.parse_args(given)
    if arguments.quick:
        arguments.cases, arguments.rounds, arguments.seconds = arguments.cases or list(QUICK), 3, 3.0
    wanted = arguments.peers or []
    if unknown := [part for part in wanted if part != "none" and not any(part in peer.name for peer in PEERS)]:
        parser.error(f"--peers has {unknown[0]!r}; no peer has that in its name: {', '.join(p.name for p in PEERS)}.")
    if torch.device(arguments.device).type == "cuda" and not torch.cuda.is_available():
        parser.error(f"--device is {arguments.device!r}; this PyTorch sees no such GPU.")
    if arguments.data is not None and not arguments.data.is_dir():
        parser.error(f"--data is {str(arguments.data)!r}; there is no such folder.")
    for name in ("rounds", "seconds", "tolerance"):
        if not getattr(arguments, name) > 0:
            parser.error(f"--{name} is {getattr(arguments, name)}; it must be positive.")
    return arguments


def main(given: Sequence[str] | None = None) -> None:
    arguments = arguments_of(given)
    torch.set_num_threads(1)
    device = torch.device(arguments.device)
    wanted = arguments.peers
    peers = [peer for peer in PEERS if wanted is None or any(part in peer.name for part in wanted)]
    for peer in peers:
        if peer.missing:
            print(f"left out: {peer.name}: {peer.module} is not installed. {peer.install}")
    methods = [*our_methods(arguments.tolerance), *(peer for peer in peers if not peer.missing)]
    if arguments.data is None:
        print("No data folder (--data, or the variable RAMODEL_DATA): images and weights are random.")
    results = []
    for name in arguments.cases or CASES:
        case = load_case(name, arguments.data)
        exact = truth(case, len(case.points))
        case = case.to(device=device)
        suited = [method for method in methods if method.suits(case)]
        results.append(measured(case, suited, exact, arguments))
        print_result(results[-1])
        if arguments.profile:
            print_profile(case, methods[0])
        sys.stdout.flush()
    print_summary(results)
    if arguments.json is not None:
        found = {"environment": environment(device), "cases": [asdict(result) for result in results]}
        arguments.json.write_text(json.dumps(found, indent=2))


def _median_and_largest(error: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    return float(np.median(error)), float(error.max())


if __name__ == "__main__":
    main()

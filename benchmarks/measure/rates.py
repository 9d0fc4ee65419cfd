"""Time, the machine's own rates, and memory."""

import ctypes
import gc
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from measure.cases import Case
from torch.nn import functional

__all__ = ["best_rate", "machine_rates", "peak_mebibytes", "rounds_of"]


def _now(device: torch.device) -> float:
    """Return seconds: processor time of the process, or wall time once a GPU has finished."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def rounds_of(
    calls: Mapping[str, Callable[[], object]], rounds: int, seconds: float, device: torch.device
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return the times of every call, and what those said that failed.

    Rounds are interleaved, so that a slow spell of the machine hits all. A call that has used up its `seconds` sits out
    the rounds that remain. The first round warms up and does not count, except for calls that take half of their
    seconds or more.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0.0)
    failures: dict[str, str] = {}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            if spent[name] > seconds:
                continue
            start = _now(device)
            try:
                call()
            except (np.linalg.LinAlgError, RuntimeError) as error:  # no convergence, or no memory
                failures[name] = str(error).splitlines()[0]
                spent[name] = math.inf
                continue
            taken = _now(device) - start
            spent[name] += taken
            if turn > 0 or taken > seconds / 2:
                times[name].append(taken)
    return {name: taken for name, taken in times.items() if name not in failures}, failures


def machine_rates(case: Case) -> tuple[dict[str, float], dict[str, Callable[[], object]]]:
    """Return what the machine is measured with: operations of each call, and the calls.

    A matrix product of order 1024; for convolutional cases the first convolution of the branch on 16 states, in both
    orders of memory.
    """
    options: Any = {"dtype": case.state.dtype, "device": case.state.device}
    left, right = torch.randn(2, 1024, 1024, **options)
    work: dict[str, float] = {"gemm": 2.0 * 1024**3}
    calls: dict[str, Callable[[], object]] = {"gemm": lambda: left @ right}
    if case.convolutional:
        _, channels, *sides = case.state.shape
        states = torch.randn(16, channels, *sides, **options)
        kernel = torch.randn(channels, channels, 3, 3, **options)
        for order in (torch.contiguous_format, torch.channels_last):
            name = f"conv {order}"
            work[name] = 2.0 * 9 * channels * states.numel()
            x, w = (part.contiguous(memory_format=order) for part in (states, kernel))
            calls[name] = partial(functional.conv2d, x, w, padding=1)
    return work, calls


def best_rate(work: Mapping[str, float], times: Mapping[str, list[float]], *, convolutional: bool) -> float:
    """Return the rate in operations per second that bounds a case: the better order of memory for convolutions."""
    chosen = [name for name in work if name.startswith("conv") == convolutional]
    return max(work[name] / median(times[name]) for name in chosen)


def peak_mebibytes(call: Callable[[], object], device: torch.device) -> float:
    """Return by how much a call raises the peak of memory, in MiB; NaN where the system does not tell."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    try:
        gc.collect()
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed is given back, so that it is not there to be used
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    except OSError:
        return math.nan
    resident = _status("VmRSS")
    call()
    return (_status("VmHWM") - resident) / 2**10


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(field)))

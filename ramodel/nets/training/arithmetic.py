"""In which floating-point arithmetic a network trains: type, shortcuts on the device, determinism."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from ramodel.nets.training.config import Precision

__all__ = ["deterministic_algorithms", "flushed_denormals", "forward_products", "parameter_type", "step_products"]

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def parameter_type(precision: Precision) -> torch.dtype:
    """Return the type of weights, data and optimiser: float64, or float32 for every other precision."""
    return torch.float64 if precision == "float64" else torch.float32


def forward_products(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context for the forward pass of a step: products in bfloat16 for "bf16"."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


@contextmanager
def step_products(precision: Precision, device: torch.device) -> Iterator[None]:
    """Let products in float32 be TensorFloat-32 inside, on CUDA, where `precision` is "tf32", and exact elsewhere.

    By itself torch takes the shortcut in convolutions and not in products of matrices.
    """
    if device.type != "cuda":
        yield
        return
    # Not `fp32_precision`: torch.compile reads these older names, which raise where only the newer ones were set.
    matrices, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matrices.allow_tf32, convolutions.allow_tf32
    matrices.allow_tf32 = convolutions.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        matrices.allow_tf32, convolutions.allow_tf32 = before


@contextmanager
def deterministic_algorithms(wanted: bool) -> Iterator[None]:
    """Let torch use deterministic algorithms alone inside, where `wanted`."""
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    # Read by cuBLAS at its first call in the process; torch refuses deterministic products without it.
    os.environ.setdefault(_WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Let denormal numbers be zero inside: unused directions decay into them and slow a CPU down tenfold and more."""
    tiny = torch.tensor(torch.finfo(torch.float64).tiny, dtype=torch.float64)
    before = bool(tiny * 0.5 == 0.0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)

"""How much memory a measurement will take, how much there is, and how many inputs fit."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ramodel.checks import integer, one_of, positive
from ramodel.spectra.network import BlockCall
from ramodel.spectra.solver import basis_size

__all__ = ["activation_bytes", "available_memory", "batch_size", "in_words", "is_out_of_memory", "solver_bytes"]

_SHARE = 0.5
"""Of the available memory that a measurement takes: real peaks are up to 1.5 times those foretold."""

_UNLIMITED = 2**60
"""Limits of control groups above this are none."""

_OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "alloc_failed")
"""What allocators of torch and of CUDA libraries say in a plain RuntimeError, in lower case."""


def solver_bytes(
    output_size: int,
    input_size: int,
    rank: int,
    *,
    itemsize: int,
    method: Literal["dense", "lanczos"],
    block_size: int = 1,
) -> int:
    """Return the bytes that solving one Jacobian takes at its peak, its `rank` triplets among them.

    A Krylov space holds ``cap`` left and ``cap + b`` right vectors, and while it restarts the ``keep`` combinations of
    them that go on; at the end the triplets are there twice, before and after their coordinates are brought in order.
    The dense way holds the Jacobian as it was formed, in float64, and the two factors of its decomposition.

    Parameters
    ----------
    output_size, input_size
        m and n.
    rank
        K.
    itemsize
        Bytes of a number: 4 or 8.
    method
        "dense" or "lanczos".
    block_size
        b, vectors that a step adds.

    Examples
    --------
    >>> solver_bytes(16384, 16384, 12, itemsize=4, method="lanczos") / 2**20
    7.8...
    """
    one_of("method", method, ["dense", "lanczos"])
    smaller = min(output_size, input_size)
    rank = min(rank, smaller)
    both = output_size + input_size
    if method == "dense":
        formed = output_size * input_size
        return itemsize * (formed + rank * both) + 8 * (2 * formed + smaller * both)
    cap, keep = basis_size(rank, output_size, input_size, block_size)
    return itemsize * ((cap + keep + rank) * both + block_size * input_size)


def activation_bytes(call: BlockCall) -> int:
    """Return the bytes that products with one Jacobian of a block keep besides their vectors.

    They are counted, not guessed: the block is replayed at one input, and what automatic differentiation saves for
    the first and for the second derivative is summed up. Weights, which all inputs share, are left out.

    Examples
    --------
    >>> state = torch.zeros(64, 1000)
    >>> activation_bytes(BlockCall("0", torch.nn.Tanh(), "none", state, state, {}, (None,))) >= 4 * state[0].nbytes
    True
    """
    weights = {weight.untyped_storage().data_ptr() for weight in call.weights.values() if _has_storage(weight)}
    saved: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        if _has_storage(tensor) and tensor.untyped_storage().data_ptr() not in weights:
            saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    first = torch.zeros(1, dtype=torch.int64, device=call.state.device)
    with torch.inference_mode(False), torch.enable_grad():
        state = call.state.detach()[:1].clone().requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            output = call(state, first)
            if output.requires_grad:
                cotangent = torch.zeros_like(output).requires_grad_()
                try:
                    torch.autograd.grad(output, state, cotangent, create_graph=True, allow_unused=True)
                except RuntimeError as error:  # a step without second derivative, which an operator may do without
                    if is_out_of_memory(error):
                        raise
    return sum(saved.values()) + 2 * state.nbytes + 2 * output.nbytes


def _has_storage(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_nested


def available_memory(device: torch.device | str = "cpu") -> int:
    """Return the bytes that are free on a device now: of a GPU, or of this machine within the limits of its container.

    Examples
    --------
    >>> available_memory() > 2**20
    True
    """
    device = torch.device(device)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    return min([_free_memory(), *_container_limits()])


def batch_size(needed: int, *, items: int, available: int, share: float = _SHARE) -> int:
    """Return how many of `items` problems of `needed` bytes each fit in a share of the available memory; at least one.

    Batches come out nearly equal: 10 items of which 8 would fit are taken by 5.

    Examples
    --------
    >>> batch_size(100, items=10, available=1600), batch_size(100, items=10, available=1)
    (5, 1)
    """
    integer("items", items)
    positive("needed", needed)
    fitting = max(1, int(share * available / needed))
    return math.ceil(items / math.ceil(items / fitting))


def in_words(nbytes: int) -> str:
    """Return a number of bytes as one reads it.

    Examples
    --------
    >>> in_words(2000), in_words(24 * 2**20), in_words(3 * 2**29)
    ('2 KiB', '24 MiB', '1.5 GiB')
    """
    if nbytes < 2**20:
        return f"{math.ceil(nbytes / 2**10)} KiB"
    return f"{nbytes / 2**20:.0f} MiB" if nbytes < 2**30 else f"{nbytes / 2**30:.1f} GiB"


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error, or one that caused it, says that memory was short: a smaller batch may go through.

    Examples
    --------
    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))
    True
    >>> is_out_of_memory(RuntimeError("shapes do not fit"))
    False
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (MemoryError, torch.OutOfMemoryError)):
            return True
        if isinstance(cause, RuntimeError) and any(words in str(cause).lower() for words in _OUT_OF_MEMORY):
            return True
        cause = cause.__cause__
    return False


def _free_memory() -> int:
    """Return what the system can give without swapping."""
    table = Path("/proc/meminfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
    return int(os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE"))


def _container_limits() -> Iterator[int]:
    """Give what is left below the limit of every control group that this process is in (both versions)."""
    table = Path("/proc/self/cgroup")
    for line in table.read_text().splitlines() if table.exists() else ():
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root = Path("/sys/fs/cgroup", controllers)
        limit, usage = ("memory.max", "memory.current")
        if controllers:
            limit, usage = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        # Inside a container the name is often that of the host, while the files of its own group are at the root.
        folder = root / name.lstrip("/")
        for group in (folder, *folder.parents):
            if (group / limit).exists():
                highest = (group / limit).read_text().strip()
                if highest != "max" and int(highest) < _UNLIMITED:
                    yield max(0, int(highest) - int((group / usage).read_text()) + _reclaimable(group))
            if group == root:
                break


def _reclaimable(group: Path) -> int:
    """Return how much of a group's memory is files read before, which the system drops when it needs room."""
    for line in (group / "memory.stat").read_text().splitlines():
        key, value = line.split()
        if key in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0

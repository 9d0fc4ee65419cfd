"""How many inputs, and how many blocks of a stage, are measured as one batch."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ramodel.spectra.memory import activation_bytes, available_memory, batch_size, solver_bytes
from ramodel.spectra.network import BlockCall
from ramodel.spectra.request import Request
from ramodel.spectra.solver import solve_method
from ramodel.spectra.statistics import EXACT_SIZE

__all__ = ["Plan", "planned"]

_ENOUGH = 2**17
"""Numbers in one vector of every problem of a batch, from which on more problems no longer save overhead."""


class Plan(NamedTuple):
    """Sizes of the batches of a measurement."""

    inputs: int
    """Inputs at once."""
    blocks: tuple[int, ...]
    """Blocks solved together, for each stage."""
    nbytes: int
    """Predicted bytes at the peak, besides what the process has now and the result."""


def planned(
    stages: Sequence[Sequence[BlockCall]], samples: int, pairs: int, request: Request, *, result_bytes: int
) -> Plan:
    """Return the largest batch of inputs that half of the free memory holds, and how many blocks go together.

    Parameters
    ----------
    stages
        The calls of the blocks of each stage at one input.
    samples
        Inputs in all.
    pairs
        Pairs of tokens at each input; 1 where a problem is a whole state.
    request
        What is wanted.
    result_bytes
        Size of the part of the result that is kept in memory meanwhile.
    """
    device = stages[0][0].state.device
    states = sum(2 * call.state[:1].nbytes for calls in stages for call in calls)
    needed = states + max(_stage_bytes(calls, pairs, request) for calls in stages)
    available = available_memory(device) - (result_bytes if device.type == "cpu" else 0)
    if request.batch_size is None:
        inputs = batch_size(needed, items=samples, available=max(available, 1))
    else:
        inputs = min(request.batch_size, samples)
    blocks = []
    for calls in stages:
        size = _vector_size(calls[0], request)
        problems = inputs * pairs
        wanted = math.ceil(_ENOUGH / (size * problems))
        fitting = int(max(available, 0) / 2 / (inputs * _block_bytes(calls[0], pairs, request)))
        dense = solve_method(request.method, request.rank, size, size) == "dense"
        blocks.append(1 if dense else max(1, min(len(calls), wanted, fitting)))
    peaks = (
        states + count * _block_bytes(calls[0], pairs, request) for count, calls in zip(blocks, stages, strict=True)
    )
    return Plan(inputs, tuple(blocks), inputs * max(needed, *peaks))


def _stage_bytes(calls: Sequence[BlockCall], pairs: int, request: Request) -> int:
    """Return the bytes for each input while a stage is measured, its blocks one after another."""
    one = _block_bytes(calls[0], pairs, request)
    if not request.alignment:
        return one
    vectors = 2 * pairs * request.rank * _vector_size(calls[0], request) * request.dtype.itemsize
    return one + len(calls) * (activation_bytes(calls[0]) + vectors)


def _block_bytes(call: BlockCall, pairs: int, request: Request) -> int:
    size = _vector_size(call, request)
    method = solve_method(request.method, request.rank, size, size)
    itemsize = request.dtype.itemsize
    solver = solver_bytes(size, size, request.rank, itemsize=itemsize, method=method, block_size=request.block_size)
    exact = request.keep_jacobians or (request.statistics and size <= EXACT_SIZE)
    formed = itemsize * size * size if exact and method != "dense" else 0
    return activation_bytes(call) + pairs * (solver + formed)


def _vector_size(call: BlockCall, request: Request) -> int:
    return call.state[0].numel() if request.tokens == "sequence" else call.state.shape[-1]

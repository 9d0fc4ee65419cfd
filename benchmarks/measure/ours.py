"""Ours: one block, all blocks stacked, one block as if it were unknown, and the one call for a whole network."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from measure.cases import RANK, Case
from measure.peers import Answer, Method

from ramodel import measure
from ramodel.spectra.network.call import BlockCall
from ramodel.spectra.operators import JacobianOperator, jacobian_operator, stacked_operator
from ramodel.spectra.solver import solve

__all__ = ["OURS", "STACKED", "WHOLE_CALL", "doubled", "our_methods"]

OURS, STACKED, WHOLE_CALL = "ours", "ours, all blocks stacked", "ours, measure()"


def _operator(case: Case, count: int, *, analytic: bool = True, block: int | None = None) -> JacobianOperator:
    """Return products with the Jacobians of one block at the first inputs, `count` problems."""
    number = case.block if block is None else block
    module: Any = case.network.blocks[number]  # type: ignore[index]
    module = module.branch if case.skip == "branch" else module
    state = case.state[: count * len(case.state) // len(case.points)]
    weights = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    call = BlockCall(f"blocks.{number}", module, case.skip, state, module(state), weights, (None,))  # type: ignore[arg-type]
    return jacobian_operator(call, tokens="diagonal" if case.per_token else "sequence", analytic=analytic)


def _solved(case: Case, count: int, *, tolerance: float, analytic: bool) -> Answer:
    found = solve(_operator(case, count, analytic=analytic), RANK, tolerance=tolerance)
    return Answer(found.singular_values, found.right, float(found.passes.double().mean()))


def _stacked(case: Case, count: int, *, tolerance: float) -> Answer:
    """Solve all blocks of the network at once, each at the states of the case's block."""
    numbers = range(_depth(case))
    operators = [_operator(case, count, block=number) for number in numbers]
    found = solve(stacked_operator(operators), RANK, tolerance=tolerance)
    own = slice(case.block * count, (case.block + 1) * count)
    return Answer(found.singular_values[own], found.right[own], float(found.passes.double().mean()))


def _whole_call(case: Case, count: int, *, tolerance: float) -> Answer:
    """Measure all blocks of the network at the first images, as a user would: forward, adjoint test, result and all."""
    spectra = measure(
        case.network,
        case.images[: count * len(case.state) // len(case.points)],
        blocks=case.names,
        rank=RANK,
        skip=case.skip,  # type: ignore[arg-type]
        tolerance=tolerance,
        dtype=case.state.dtype,
        tokens="diagonal" if case.per_token else "sequence",
        progress=False,
    )
    values, right = spectra.singular_values[case.block].values, spectra.right[case.block].values
    return Answer(
        torch.from_numpy(values).reshape(count, RANK), torch.from_numpy(right).reshape(count, RANK, case.size)
    )


def _depth(case: Case) -> int:
    return len(case.network.blocks)  # type: ignore[arg-type]


def _stackable(case: Case) -> bool:
    return case.size <= 1024 and not case.per_token


def our_methods(tolerance: float) -> tuple[Method, ...]:
    """Return our methods at a tolerance."""
    return (
        Method(OURS, partial(_solved, tolerance=tolerance, analytic=True)),
        Method(STACKED, partial(_stacked, tolerance=tolerance), _stackable, blocks=_depth),
        Method(WHOLE_CALL, partial(_whole_call, tolerance=tolerance), blocks=_depth),
        Method("ours, any module", partial(_solved, tolerance=tolerance, analytic=False)),
    )


def doubled(case: Case, tolerance: float) -> dict[str, Callable[[], object]]:
    """Return calls that solve a case once, with twice the inputs, and with the block twice."""
    twice, search = case.grown(2), partial(solve, rank=RANK, tolerance=tolerance)
    return {
        "once": lambda: search(_operator(case, len(case.points))),
        "inputs": lambda: search(_operator(twice, len(twice.points))),
        "blocks": lambda: search(stacked_operator([_operator(case, len(case.points)) for _ in range(2)])),
    }

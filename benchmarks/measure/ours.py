"""Ours: on products written for the block, stacked over blocks, on products of any module."""

from collections.abc import Callable
from functools import partial
from typing import Any

from measure.cases import RANK, Case
from measure.peers import Answer, Method

from ramodel.spectra.network.call import BlockCall
from ramodel.spectra.operators import JacobianOperator, StackedOperator, jacobian_operator
from ramodel.spectra.solver import solve

__all__ = ["OURS", "doubled"]


def _operator(case: Case, count: int, *, analytic: bool = True, block: int | None = None) -> JacobianOperator:
    """Return products with the Jacobians of one block at the first inputs, `count` problems."""
    number = case.block if block is None else block
    module: Any = case.network.blocks[number]  # type: ignore[index]
    module = module.branch if case.skip == "branch" else module
    state = case.state[: count * len(case.state) // len(case.points)]
    weights = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    call = BlockCall(f"blocks.{number}", module, case.skip, state, module(state), weights, (None,))  # type: ignore[arg-type]
    return jacobian_operator(call, tokens="diagonal" if case.per_token else "sequence", analytic=analytic)


def _solved(case: Case, count: int, *, analytic: bool) -> Answer:
    found = solve(_operator(case, count, analytic=analytic), RANK)
    return Answer(found.singular_values, found.right, float(found.passes.double().mean()))


def _stacked(case: Case, count: int) -> Answer:
    """Solve all blocks of the network at once, each at the states of the case's block."""
    numbers = range(_depth(case))
    operators = [_operator(case, count, block=number) for number in numbers]
    found = solve(StackedOperator(operators), RANK)
    own = slice(case.block * count, (case.block + 1) * count)
    return Answer(found.singular_values[own], found.right[own], float(found.passes.double().mean()))


def _depth(case: Case) -> int:
    return len(case.network.blocks)  # type: ignore[arg-type]


def _stackable(case: Case) -> bool:
    return case.size <= 1024 and not case.per_token


OURS = (
    Method("ours", partial(_solved, analytic=True)),
    Method("ours, all blocks stacked", _stacked, _stackable, blocks=_depth),
    Method("ours, any module", partial(_solved, analytic=False)),
)


def doubled(case: Case) -> dict[str, Callable[[], object]]:
    """Return calls that solve a case once, with twice the inputs, and with the block twice."""
    twice = case.grown(2)
    return {
        "once": lambda: solve(_operator(case, len(case.points)), RANK),
        "inputs": lambda: solve(_operator(twice, len(twice.points)), RANK),
        "blocks": lambda: solve(StackedOperator([_operator(case, len(case.points)) for _ in range(2)]), RANK),
    }

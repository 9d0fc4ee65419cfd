"""What is computed of the blocks of one stage at one chunk of inputs."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ramodel.progress import Progress
from ramodel.spectra.cross_alignment import cross_alignment
from ramodel.spectra.network import BlockCall
from ramodel.spectra.operators import (
    DenseOperator,
    JacobianOperator,
    check_adjoint,
    jacobian_operator,
    stacked_operator,
)
from ramodel.spectra.request import Request
from ramodel.spectra.solver import SolvedTriplets, solve, solve_method
from ramodel.spectra.statistics import EXACT_SIZE, jacobian_statistics

__all__ = ["EIGENVALUES", "block_results", "stage_alignment"]

EIGENVALUES = EXACT_SIZE
"""Most eigenvalues kept of one Jacobian."""

Results = dict[str, Tensor]


def block_results(
    calls: Sequence[BlockCall], request: Request, *, first_input: int, together: int, progress: Progress
) -> Iterator[tuple[int, JacobianOperator, Results]]:
    """Yield position, operator and results of each block: what `SpectraLayout` names, [N, ...].

    Parameters
    ----------
    calls
        The blocks of one stage at the same inputs.
    first_input
        Number of the first of these inputs in the whole measurement, which random probes depend on.
    together
        Number of blocks that are solved as one batch.
    """
    inputs = len(calls[0].state)
    for start in range(0, len(calls), together):
        group = calls[start : start + together]
        operators = [_operator(call, request) for call in group]
        solved = solve(
            stacked_operator(operators),
            request.rank,
            tolerance=request.tolerance,
            method=request.method,
            block_size=request.block_size,
            seed=request.seed,
        )
        for offset, operator in enumerate(operators):
            rows = slice(offset * operator.problems, (offset + 1) * operator.problems)
            own = SolvedTriplets(*(part[rows] for part in solved))
            results = _results(own, operator, request, inputs, first_input)
            yield start + offset, operator, {name: _by_input(part, inputs, request) for name, part in results.items()}
            progress.advance(inputs, status=group[offset].name)


def stage_alignment(operators: Sequence[JacobianOperator], found: Sequence[Results], request: Request) -> Results:
    """Return the grids of all pairs of blocks, [block i, block j, N, (pair,) K, K]: see `cross_alignment`."""
    problems = operators[0].problems
    inputs = len(found[0]["left"])
    left, right = ([one[side].reshape(problems, *one[side].shape[-2:]) for one in found] for side in ("left", "right"))
    grids = cross_alignment(operators, left, right)
    lead = (inputs,) if request.tokens == "sequence" else (inputs, problems // inputs)
    return {
        f"alignment_{name}": grid.reshape(*grid.shape[:2], *lead, *grid.shape[-2:])
        for name, grid in grids._asdict().items()
    }


def _operator(call: BlockCall, request: Request) -> JacobianOperator:
    """Return products with the Jacobians of a block, after the adjoint test; formed where all of them are wanted."""
    operator = jacobian_operator(call, tokens=request.tokens)
    check_adjoint(operator, call.name, seed=request.seed)
    exact = request.statistics and operator.input_size <= EXACT_SIZE
    if request.keep_jacobians or (exact and _dense(operator, request)):
        formed = DenseOperator(operator.dense())
        formed.kind, formed.reason = operator.kind, operator.reason
        return formed
    return operator


def _dense(operator: JacobianOperator, request: Request) -> bool:
    return solve_method(request.method, request.rank, operator.output_size, operator.input_size) == "dense"


def _results(
    solved: SolvedTriplets, operator: JacobianOperator, request: Request, inputs: int, first_input: int
) -> Results:
    results = solved._asdict()
    if request.statistics:
        first = first_input * (operator.problems // inputs)
        formed = operator.jacobians if isinstance(operator, DenseOperator) else None
        results |= jacobian_statistics(
            operator,
            request.statistics,
            known=torch.cat([solved.left, solved.right], dim=1),
            jacobians=formed,
            eigenvalues=min(operator.input_size, EIGENVALUES),
            seed=request.seed,
            streams=range(first, first + operator.problems),
        )
    if request.keep_jacobians:
        results["jacobian"] = operator.dense()
    return results


def _by_input(part: Tensor, inputs: int, request: Request) -> Tensor:
    """Return results [N * pairs, ...] as [N, pair, ...] where there are pairs of tokens."""
    return part if request.tokens == "sequence" else part.reshape(inputs, -1, *part.shape[1:])

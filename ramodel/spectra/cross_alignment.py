"""How the singular vectors of one block meet the Jacobians of the others (RA2), through products alone."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ramodel.spectra.operators.operator import JacobianOperator
from ramodel.spectra.operators.state_order import StateOrder

__all__ = ["CrossAlignment", "cross_alignment"]

_CHUNK = 2**24
"""Numbers in the probes of one product."""


class CrossAlignment(NamedTuple):
    """Signed grids for every pair of blocks, ``[block i, block j, problem, K, K]``."""

    left_right: Tensor
    """``U_i^T J_j V_i``; for j = i the diagonal matrix of singular values."""
    right_left: Tensor
    """``V_i^T J_j U_i``; equal to `left_right` where J_j is symmetric, up to transposition."""


def cross_alignment(
    operators: Sequence[JacobianOperator], left: Sequence[Tensor], right: Sequence[Tensor]
) -> CrossAlignment:
    """Return ``U_i^T J_j V_i`` and ``V_i^T J_j U_i`` for all blocks i and j of a stage at the same inputs.

    The vectors of many blocks go through J_j^T together: ``u^T J v = (J^T u)^T v``, L K products of each Jacobian for
    either grid.

    Parameters
    ----------
    operators
        One for each of L blocks, each of N problems with square Jacobians of one size.
    left, right
        U_i and V_i of each block, [N, K, n], rows in the order of the flattened state.

    Raises
    ------
    ValueError
        If there are no blocks, or shapes do not fit.

    Examples
    --------
    >>> from ramodel.spectra.network.call import BlockCall
    >>> from ramodel.spectra.operators.choose import jacobian_operator
    >>> state, layer = torch.zeros(1, 2), torch.nn.Linear(2, 2, bias=False)
    >>> weights = {"weight": torch.diag(torch.tensor([3.0, 2.0]))}
    >>> operator = jacobian_operator(BlockCall("0", layer, "none", state, state, weights, arguments=(None,)))
    >>> axes = torch.eye(2)[None]
    >>> cross_alignment([operator], [axes], [axes]).left_right[0, 0, 0]
    tensor([[3., 0.],
            [0., 2.]])
    """
    if not operators or not len(operators) == len(left) == len(right):
        raise ValueError(
            f"operators, left and right have lengths {len(operators)}, {len(left)} and {len(right)}; there must be one "
            "of each for every block, and at least one block."
        )
    first = operators[0]
    for index, operator in enumerate(operators):
        sizes = (operator.problems, operator.output_size, operator.input_size)
        shapes = (tuple(left[index].shape), tuple(right[index].shape))
        rank = left[0].shape[-2]
        if sizes != (first.problems, first.input_size, first.input_size):
            raise ValueError(
                f"operators[{index}] has {sizes[0]} Jacobians {sizes[1]} x {sizes[2]}; all must have {first.problems} "
                f"square ones of size {first.input_size}. Align each stage of the network apart."
            )
        if shapes != ((first.problems, rank, first.input_size),) * 2:
            raise ValueError(
                f"left[{index}] and right[{index}] have shapes {shapes[0]} and {shapes[1]}; they must have shape "
                f"({first.problems}, {rank}, {first.input_size})."
            )
    blocks, problems, (rank, size) = len(operators), first.problems, left[0].shape[1:]
    together = max(1, _CHUNK // (problems * rank * size))
    grids = [torch.empty(blocks, blocks, problems, rank, rank, dtype=first.dtype) for _ in range(2)]
    for number, operator in enumerate(operators):
        products = StateOrder(operator)
        for grid, rows, columns in ((grids[0], left, right), (grids[1], right, left)):
            for start in range(0, blocks, together):
                part = slice(start, start + together)
                images = products.rmatvec(torch.cat([one.to(operator.device) for one in rows[part]], dim=1))
                for block, image in enumerate(torch.split(images, rank, dim=1), start):
                    grid[block, number] = image @ columns[block].to(operator.device).mT
    return CrossAlignment(*grids)

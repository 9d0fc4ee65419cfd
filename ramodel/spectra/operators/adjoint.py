"""The test of every measurement: are the two products of an operator those of one matrix and its transpose?"""

import torch
from torch import Tensor

from ramodel.spectra.operators.operator import JacobianOperator

__all__ = ["adjoint_error", "check_adjoint"]


def adjoint_error(operator: JacobianOperator, generator: torch.Generator) -> float:
    """Return the largest ``|<u, J v> - <J^T u, v>| / (|u| |J v| + |J^T u| |v| + sqrt(eps) |u| |v|)`` over the problems.

    u and v are normal and random. It is of the order of rounding where the products belong to one matrix, whatever its
    size: the last term stands for what rounds off where a convention takes an identity of size 1 off the diagonal. The
    two products are of the operator and of the same one made anew by `select`, so that a random block does not pass by
    keeping the numbers that it drew. An operator whose products are not finite has error inf.

    Parameters
    ----------
    operator
        Any.
    generator
        Of a random sequence, on the CPU.

    Examples
    --------
    >>> from ramodel.spectra.network.call import BlockCall
    >>> from ramodel.spectra.operators import jacobian_operator
    >>> state = torch.ones(4, 3, dtype=torch.float64)
    >>> call = BlockCall("0", torch.nn.Tanh(), "none", state, state, {}, arguments=(None,))
    >>> adjoint_error(jacobian_operator(call), torch.Generator()) < 1e-15
    True
    """

    def drawn(size: int) -> Tensor:
        vectors = torch.randn(operator.problems, 1, size, generator=generator, dtype=torch.float64)
        return vectors.to(operator.device, operator.dtype)

    right, left = drawn(operator.input_size), drawn(operator.output_size)
    forward = operator.select(torch.arange(operator.problems, device=operator.device)).matvec(right)
    backward = operator.rmatvec(left)
    right, left, forward, backward = (vectors[:, 0].double() for vectors in (right, left, forward, backward))
    difference = ((left * forward).sum(1) - (backward * right).sum(1)).abs()
    sizes = left.norm(dim=1) * forward.norm(dim=1) + backward.norm(dim=1) * right.norm(dim=1)
    rounding = torch.finfo(operator.dtype).eps ** 0.5 * left.norm(dim=1) * right.norm(dim=1)
    error = float((difference / (sizes + rounding)).max())
    return error if error == error else float("inf")


def check_adjoint(operator: JacobianOperator, name: str, *, seed: int = 0) -> None:
    """Raise ValueError where the products with the Jacobians of block `name` are not those of one matrix.

    Raises
    ------
    ValueError
        If `adjoint_error` is above ``4 sqrt(eps)``: 6e-8 in float64, 1e-3 in float32.
    """
    error = adjoint_error(operator, torch.Generator().manual_seed(seed))
    tolerance = 4 * torch.finfo(operator.dtype).eps ** 0.5
    if error == float("inf"):
        raise ValueError(
            f"block {name!r} has a Jacobian whose products are not finite: the block cannot be differentiated at its "
            "state (the root of zero, say), or its weights are too large for "
            f"{str(operator.dtype).removeprefix('torch.')}."
        )
    if error > tolerance:
        raise ValueError(
            f"block {name!r} fails the adjoint test: <u, J v> and <J^T u, v> differ by {error:.1e} of their size, more "
            f"than {tolerance:.0e}. Its Jacobian is not one matrix for each input: the block is random (active "
            "dropout, stochastic depth), mixes the samples of a batch (BatchNorm on batch statistics), or has a "
            "backward pass that is not the derivative of its forward pass. Call model.eval(), or leave that part out."
        )

"""Is an operator written for a block that of the derivative which automatic differentiation knows?"""

import torch

from ramodel.spectra.network.call import BlockCall
from ramodel.spectra.operators.generic import GenericOperator
from ramodel.spectra.operators.operator import JacobianOperator
from ramodel.spectra.operators.state_order import StateOrder
from ramodel.spectra.operators.tokens import TokenPairOperator

__all__ = ["disagreement"]

_RELATIVE, _ROUNDING = 4.0, 1e4
"""Times sqrt(eps) of the product; times eps of the vector, since either road may take an identity off the diagonal."""


def disagreement(operator: JacobianOperator, call: BlockCall, *, per_token: bool = False) -> str:
    """Return why the products of `operator` are not those of the block's derivative; "" where they are.

    One ``J^T u`` with a random u at the first input (its last token) is compared with a backward pass through the
    block. Numbers and derivative may part for good reasons: a detach, a straight-through estimator. Autograd counts.

    Parameters
    ----------
    operator
        Of all inputs of `call`; `per_token`: of every token with itself.
    call
        The block.
    per_token
        Whether a problem is a token of an input.

    Examples
    --------
    >>> state = torch.ones(2, 3, dtype=torch.float64)
    >>> call = BlockCall("0", torch.nn.Tanh(), "none", state, state, {}, arguments=(None,))
    >>> disagreement(GenericOperator(call), call)
    ''
    """
    first = torch.zeros(1, dtype=torch.int64, device=call.state.device)
    exact: JacobianOperator = GenericOperator(call.rows(first))
    if per_token:
        shape = call.state.shape[1:]
        exact, first = TokenPairOperator(exact, shape, [(shape[0] - 1, shape[0] - 1)]), first + shape[0] - 1
    drawn = torch.randn(1, 1, exact.output_size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    vector = drawn.to(exact.device, exact.dtype)
    try:
        found = StateOrder(operator.select(first)).rmatvec(vector)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError) as error:
        return f"its products fail: {error}"
    expected = exact.rmatvec(vector)
    eps = torch.finfo(exact.dtype).eps
    allowed = _RELATIVE * eps**0.5 * expected.norm() + _ROUNDING * eps * vector.norm()
    if bool((found - expected).norm() <= allowed):
        return ""
    return "its numbers change in another way than automatic differentiation has it (a backward pass of its own?)"

"""From a block's call to products with its Jacobians: written for the block where it is known, else generic."""

from collections.abc import Sequence
from typing import Literal

from ramodel.spectra.network.call import BlockCall
from ramodel.spectra.operators.agreement import disagreement
from ramodel.spectra.operators.generic import GenericOperator
from ramodel.spectra.operators.linearised import LinearisedOperator, linearise, stack_linearised
from ramodel.spectra.operators.operator import JacobianOperator
from ramodel.spectra.operators.stacked import StackedOperator
from ramodel.spectra.operators.tokens import TokenPairOperator, Tokens, token_pairs

__all__ = ["jacobian_operator", "stacked_operator"]


def jacobian_operator(call: BlockCall, *, tokens: Tokens = "sequence", analytic: bool = True) -> JacobianOperator:
    """Return products with ``J = D(module) - diag(call.identity)`` at the states of a call.

    Parameters
    ----------
    call
        The block with its states [N, *shape].
    tokens
        "sequence": J of the flattened state, one problem for each input. "diagonal": ``J[t, t]``, d x d, for every
        token of states [N, T, d]. A list of pairs (t_out, t_in): ``J[t_out, t_in]`` for these. Problems are
        input-major: (input 0, pair 0), (input 0, pair 1), ...
    analytic
        Use the operator written for a block of this kind where there is one that agrees with autograd; False
        differentiates every block automatically. The operator's `kind` says which it is, and its `reason` why it is
        generic.

    Raises
    ------
    TypeError, ValueError
        If `tokens` is none of these or the state has no tokens.

    Examples
    --------
    >>> import torch
    >>> state = torch.zeros(1, 2, dtype=torch.float64)
    >>> call = BlockCall("0", torch.nn.Tanh(), "inside", state, state, {}, arguments=(None,))
    >>> operator = jacobian_operator(call, analytic=False)
    >>> operator.kind, operator.dense().abs().max().item()
    ('generic', 0.0)
    """
    shape = call.state.shape[1:]
    if isinstance(tokens, str) and tokens == "sequence":
        found = _analytic(call, "sequence") if analytic else "operators written for blocks were not asked for"
        return GenericOperator(call, found) if isinstance(found, str) else found
    pairs = token_pairs(tokens, shape)
    if analytic and isinstance(tokens, str):
        found = _analytic(call, "diagonal")
        if not isinstance(found, str):
            return found
    return TokenPairOperator(jacobian_operator(call, analytic=analytic), shape, pairs)


def stacked_operator(operators: Sequence[JacobianOperator]) -> JacobianOperator:
    """Return one operator of the problems of all blocks, those of the first block first.

    Fully connected blocks that are alike become one batched matrix product; others take turns.

    Examples
    --------
    >>> import torch
    >>> state = torch.ones(3, 2, dtype=torch.float64)
    >>> call = BlockCall("0", torch.nn.Tanh(), "none", state, state.tanh(), {}, arguments=(None,))
    >>> stacked_operator([jacobian_operator(call), jacobian_operator(call)]).problems
    6
    """
    if len(operators) == 1:
        return operators[0]
    analytic = [operator for operator in operators if isinstance(operator, LinearisedOperator)]
    together = stack_linearised(analytic) if len(analytic) == len(operators) else None
    return StackedOperator(operators) if together is None else together


def _analytic(call: BlockCall, tokens: Literal["sequence", "diagonal"]) -> JacobianOperator | str:
    """Return the operator written for a block, or why there is none."""
    found = linearise(call, tokens)
    if isinstance(found, str):
        return found
    return disagreement(found, call, per_token=tokens == "diagonal") or found

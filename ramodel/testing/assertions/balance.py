"""Balance of blocks and head."""

from typing import Any

import numpy as np

from ramodel.checks import nonnegative
from ramodel.testing.assertions.findings import Finding, has_inputs, plain_array, stacked
from ramodel.theory import ResidualModel

__all__ = ["assert_balanced"]


def assert_balanced(jacobians: Any, head: Any, model: ResidualModel, *, tolerance: float = 1e-6) -> None:
    """Assert that every block is in balance with the head, as at a critical point of `model` (statements S1, S6-S8).

    Frobenius: J_l (I + J_l) = W^T W / rho; nuclear: J_l = (W^T W / rho - I)_+; kinetic, white inputs: J_l from its
    place in the line of 1/s_l; plain: A_l A_l^T = A_{l+1}^T A_{l+1}. See `balance_errors` of the model's class.
    Departures are relative, in Frobenius norm.

    Parameters
    ----------
    jacobians
        ``[L, d, d]``, or ``[L, N, d, d]`` for N inputs.
    head
        W, ``[C, d]``.
    model
        Depth and decays of the network, such as ``ramodel.FrobeniusModel(8, 0.01, 0.01)``.
    tolerance
        Greatest departure; not less than the relative gradient norm at which training stopped.

    Raises
    ------
    AssertionError
        If a block is out of balance; the message names the worst.
    TypeError, ValueError
        If an argument has the wrong kind or shape.

    Examples
    --------
    >>> from ramodel import FrobeniusModel
    >>> model = FrobeniusModel(depth=2, jacobian_decay=0.01, head_decay=0.01)
    >>> assert_balanced([[[1.0]], [[1.0]]], [[2**0.5]], model)
    >>> assert_balanced([[[1.0]], [[2.0]]], [[2**0.5]], model)
    Traceback (most recent call last):
    ...
    AssertionError: Blocks and head are not those of a critical point of FrobeniusModel(depth=2, ...).
      balance: relative departure is 2 at layer 2; allowed is 1e-06 (1 of 2 are larger).
    """
    __tracebackhide__ = True
    allowed = nonnegative("tolerance", tolerance)
    if not isinstance(model, ResidualModel):
        raise TypeError(f"model is {model!r}; it must be a model of ramodel.theory, such as ramodel.FrobeniusModel.")
    blocks, weights = stacked("jacobians", jacobians, 4), plain_array(head)
    departures = [model.balance_errors(blocks[:, sample], weights) for sample in range(blocks.shape[1])]
    found = Finding("balance", "relative departure", np.stack(departures, axis=1), allowed)
    if not found.holds:
        where = found.sentence(inputs=has_inputs(jacobians, 4))
        raise AssertionError(f"Blocks and head are not those of a critical point of {model}.\n  {where}")

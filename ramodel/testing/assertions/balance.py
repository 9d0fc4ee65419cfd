"""Balance of blocks and head."""

from typing import Any, TypeAlias

import numpy as np

from ramodel.checks import finite_array, nonnegative
from ramodel.testing.assertions.findings import Array, Finding, has_inputs, plain_array, stacked
from ramodel.theory import FrobeniusModel, KineticModel, LayerDecayModel, ResidualModel
from ramodel.theory.model import relative_size

__all__ = ["assert_balanced"]

Model: TypeAlias = ResidualModel | LayerDecayModel


def assert_balanced(
    jacobians: Any,
    head: Any,
    model: Model,
    *,
    embedding: Any = None,
    second_moment: Any = None,
    tolerance: float = 1e-6,
) -> None:
    """Assert that every block is in balance with the head, as at a critical point of `model` (S1, S6-S8, S18).

    Frobenius: J_l (I + J_l) = W^T W / rho; nuclear: J_l = (W^T W / rho - I)_+; kinetic: J_l from its place in the line
    of 1/s_l; plain: A_l A_l^T = A_{l+1}^T A_{l+1}; decays by layer: lam_l J_l (I + J_l) = lam_W W^T W. A trained
    embedding has a balance of its own, lam_E E E^T = lam_W W^T W in most. See `balance_error` of the model's class.
    Departures are relative, in Frobenius norm.

    Parameters
    ----------
    jacobians
        ``[L, d, d]``, or ``[L, N, d, d]`` for N inputs.
    head
        W, ``[C, d]``.
    model
        Depth and decays of the network, such as ``ramodel.FrobeniusModel(8, 0.01, 0.01)`` or, for decays by layer, a
        ``ramodel.theory.LayerDecayModel``.
    embedding
        E, ``[d, inputs]``, of a model with an `embedding_decay`, and only there.
    second_moment
        Mean x x^T of the inputs, before the embedding; for the kinetic model. By default its inputs are white.
    tolerance
        Greatest departure; not less than the relative gradient norm at which training stopped.

    Raises
    ------
    AssertionError
        If a block, or the embedding, is out of balance; the message names the worst.
    TypeError, ValueError
        If an argument has the wrong kind or shape; ValueError also if the embedding is missing.

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
    if not isinstance(model, Model):
        raise TypeError(
            f"model is {model!r}; it must be a ResidualModel, such as ramodel.FrobeniusModel(8, 0.01, 0.01), or a "
            "ramodel.theory.LayerDecayModel."
        )
    if model.embedding_decay is not None and embedding is None:
        raise ValueError(
            f"embedding is missing, but embedding_decay is {model.embedding_decay:g}; give E, [d, inputs], "
            "or a model without that decay for a network without one."
        )
    if second_moment is not None and not isinstance(model, KineticModel):
        raise ValueError(f"second_moment is given, but model is a {type(model).__name__}; leave it to a KineticModel.")
    blocks, weights = stacked("jacobians", jacobians, 4), finite_array("head", plain_array(head))
    start = None if embedding is None else finite_array("embedding", plain_array(embedding), shape=(None, None))
    moment = None if second_moment is None else finite_array("second_moment", plain_array(second_moment))
    layers, embeddings = zip(
        *(_departures(model, blocks[:, sample], weights, start, moment) for sample in range(blocks.shape[1])),
        strict=True,
    )
    balance = Finding("balance", "relative departure", np.stack(layers, axis=1), allowed)
    lines = [] if balance.holds else [balance.sentence(inputs=has_inputs(jacobians, 4))]
    worst = float(np.max(embeddings))
    if not worst <= allowed:
        lines.append(f"balance of the embedding: relative departure is {worst:.3g}; allowed is {allowed:.3g}.")
    if lines:
        raise AssertionError("\n  ".join([f"Blocks and head are not those of a critical point of {model}.", *lines]))


def _departures(
    model: Model, blocks: Array, head: Array, embedding: Array | None, second_moment: Array | None
) -> tuple[Array, float]:
    """Return the relative departure of each block, and of the embedding where it is greater than those (else 0)."""
    if isinstance(model, LayerDecayModel):  # each block by itself is a Frobenius model of depth 1
        model.balance_error(blocks, head)
        single = [
            FrobeniusModel(1, decay, model.head_decay, model.embedding_decay) for decay in model.jacobian_decay.tolist()
        ]
        layers = np.array([one.balance_error(block[None], head) for one, block in zip(single, blocks, strict=True)])
        whole = single[0].balance_error(blocks[:1], head, embedding)
    elif isinstance(model, KineticModel):
        whole = model.balance_error(blocks, head, embedding, second_moment)
        predicted = model.predicted_jacobians(head, _behind(embedding, second_moment))
        layers = relative_size(blocks - predicted, predicted)
    else:
        layers, whole = model.balance_errors(blocks, head), model.balance_error(blocks, head, embedding)
    return layers, 0.0 if whole <= layers.max() else whole


def _behind(embedding: Array | None, second_moment: Array | None) -> Array | None:
    """Return the second moment of the states behind the embedding; None where it is that of white inputs."""
    if embedding is None:
        return second_moment
    product: Array = embedding @ (embedding.T if second_moment is None else second_moment @ embedding.T)
    return product

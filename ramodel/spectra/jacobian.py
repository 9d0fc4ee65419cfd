"""Residual Jacobians, exact and dense."""

import math
from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ramodel.spectra.class_means import class_means
from ramodel.spectra.network import Batch, BlockCall, Inputs, Skip, exact_autograd, record, untouched
from ramodel.spectra.trajectory import inspect_one_stage, stacked_states

__all__ = ["class_mean_jacobians", "residual_jacobians"]

_CHUNK = 2**23
"""Numbers in one chunk of Jacobians (64 MiB)."""


def residual_jacobians(
    model: nn.Module,
    inputs: Inputs,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    skip: Skip = "auto",
) -> Tensor:
    """Return the Residual Jacobians ``J_l = d f_l / d h`` of every block at every input's own state h_{l-1}.

    Exact (reverse-mode differentiation) and in float64 whatever the dtype of the model, which is left as it was: mode,
    weights, gradients and hooks. With skip "inside" J is the derivative of the block minus the identity; with "masked"
    minus the identity where the block's last ReLU lets through; with "branch" and "none" it is the derivative of the
    module as it stands. Without skips that is the layer A_l itself, not A_l - I: statement S8 speaks of the singular
    vectors of A_l, and subtracting an identity that the network does not have would align the control by construction.
    States of any shape are flattened. `ramodel.measure` gives the top triplets without the matrices.

    Parameters
    ----------
    model, inputs, blocks, skip
        As in `states`.

    Returns
    -------
    Tensor
        ``[L, N, d, d]``, d numbers in a state; entry [l, n, i, j] is ``d f_i / d h_j``.

    Raises
    ------
    TypeError, ValueError
        As `states` does; also where a Jacobian is not finite.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    >>> jacobians = residual_jacobians(network, [[1.0, 2.0]], blocks=["0", "1"], skip="inside")
    >>> torch.allclose(jacobians[0, 0] + torch.eye(2), network[0].weight.double())
    True
    """
    with untouched(model):
        return torch.stack([_jacobians(call) for call in _recorded(model, inputs, blocks, skip)])


def class_mean_jacobians(
    model: nn.Module,
    inputs: Inputs,
    labels: ArrayLike | Tensor,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    skip: Skip = "auto",
) -> Tensor:
    """Return the Residual Jacobians at the class means of the states, ``J_l(mean of h_{l-1} over the class)``.

    The states of a class are averaged layer by layer; the mean input is *not* sent through the network. The mean state
    is the centre of what the block sees of that class, so its Jacobian is the first-order map of the class (and of
    Neural Collapse's class means); an averaged image is an input that no class has, and in a nonlinear network its
    path leaves the class. Both agree for linear blocks.

    Parameters
    ----------
    model, inputs, blocks, skip
        As in `states`.
    labels
        ``[N]``, any whole numbers.

    Returns
    -------
    Tensor
        ``[L, classes, d, d]``, classes in increasing order of their label.

    Raises
    ------
    TypeError, ValueError
        As `residual_jacobians` does; also where `labels` does not fit `inputs`, or where a block is called with more
        than its state for each sample (attention masks), of which there is no mean.

    Examples
    --------
    >>> network = nn.Sequential(nn.Tanh(), nn.Tanh())
    >>> inputs, labels = [[0.0], [2.0], [-1.0], [1.0]], [7, 7, 3, 3]
    >>> class_mean_jacobians(network, inputs, labels, blocks=["0", "1"], skip="none")[0].flatten().tolist()
    [1.0, 0.4199743416140...]
    """
    with untouched(model):
        calls = _recorded(model, inputs, blocks, skip)
        _, means = class_means(stacked_states(calls), labels)
        return torch.stack([_jacobians(call.at(mean)) for call, mean in zip(calls, means[:-1], strict=True)])


def _recorded(
    model: nn.Module, inputs: Inputs, blocks: Sequence[str | nn.Module] | None, skip: Skip
) -> list[BlockCall]:
    batch = Batch.of(inputs)
    return record(model, batch, inspect_one_stage(model, batch, blocks, skip))


def _jacobians(call: BlockCall) -> Tensor:
    """Return the Residual Jacobians of a block at the states of its call, ``[N, d, d]``.

    Samples are independent, so that one backward pass through a batch differentiates all of them at once.
    """
    size = math.prod(call.state.shape[1:])
    samples = torch.arange(len(call.state), device=call.state.device)
    chunks = []
    for rows in torch.split(samples, max(1, _CHUNK // size**2)):
        some = call.rows(rows)
        with exact_autograd():
            state = some.state.clone().requires_grad_()
            output = some(state)
            seeds = torch.eye(size, dtype=state.dtype, device=state.device).reshape(size, 1, *state.shape[1:])
            (gradient,) = torch.autograd.grad(
                output, state, seeds.expand(size, *output.shape), is_grads_batched=True, materialize_grads=True
            )
        jacobians = gradient.flatten(2).transpose(0, 1)
        diagonal = jacobians.diagonal(dim1=-2, dim2=-1)
        diagonal -= some.identity.flatten(1) if isinstance(some.identity, Tensor) else some.identity
        chunks.append(jacobians)
    found = torch.cat(chunks)
    if not bool(torch.isfinite(found).all()):
        raise ValueError(f"block {call.name!r} has a Jacobian that is not finite; the first where it appears.")
    return found

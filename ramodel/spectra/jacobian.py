"""Residual Jacobians of fully connected blocks, exact and dense."""

from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ramodel.spectra.blocks import Skip, call_in_float64
from ramodel.spectra.class_means import class_means
from ramodel.spectra.trajectory import Trajectory, exact_autograd, follow

__all__ = ["block_jacobians", "class_mean_jacobians", "residual_jacobians"]

_CHUNK = 2**23
"""Numbers in one chunk of Jacobians (64 MiB)."""


def residual_jacobians(
    model: nn.Module,
    inputs: ArrayLike | Tensor,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    skip: Skip = "auto",
) -> Tensor:
    """Return the Residual Jacobians ``J_l = d f_l / d h`` of every block at every input's own state h_{l-1}.

    Exact (reverse-mode differentiation) and in float64 whatever the dtype of the model, which is left as it was: mode,
    weights, gradients and hooks. With skip "inside" J is the derivative of the block minus the identity; with "branch"
    and "none" it is the derivative of the module as it stands. Without skips that is the layer A_l itself, not
    A_l - I: statement S8 speaks of the singular vectors of A_l, and subtracting an identity that the network does not
    have would align the control by construction.

    Parameters
    ----------
    model, inputs, blocks, skip
        As in `states`.

    Returns
    -------
    Tensor
        ``[L, N, d, d]``; entry [l, n, i, j] is ``d f_i / d h_j``.

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
    with exact_autograd():
        trajectory = _followed(model, inputs, blocks, skip)
        return _stacked(trajectory, trajectory.block_inputs)


def class_mean_jacobians(
    model: nn.Module,
    inputs: ArrayLike | Tensor,
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
        As `residual_jacobians` does; also where `labels` does not fit `inputs`.

    Examples
    --------
    >>> network = nn.Sequential(nn.Tanh(), nn.Tanh())
    >>> inputs, labels = [[0.0], [2.0], [-1.0], [1.0]], [7, 7, 3, 3]
    >>> class_mean_jacobians(network, inputs, labels, blocks=["0", "1"], skip="none")[0].flatten().tolist()
    [1.0, 0.4199743416140...]
    """
    with exact_autograd():
        trajectory = _followed(model, inputs, blocks, skip)
        _, means = class_means(trajectory.states, labels)
        return _stacked(trajectory, tuple(means))


def block_jacobians(trajectory: Trajectory, layer: int, hidden: Tensor) -> Tensor:
    """Return the Residual Jacobians of the block of index `layer` (from 0) at the rows of `hidden`, ``[N, d, d]``.

    Samples are independent, so that one backward pass through a batch differentiates all of them at once.
    """
    block = trajectory.blocks[layer]
    width = hidden.shape[1]
    basis = torch.eye(width, dtype=hidden.dtype, device=hidden.device)[:, None, :]
    chunks = []
    for rows in torch.split(hidden.detach(), max(1, _CHUNK // width**2)):
        points = rows.clone().requires_grad_()
        output = call_in_float64(block.module, points)
        seeds = basis.expand(width, *points.shape)
        (gradient,) = torch.autograd.grad(output, points, seeds, is_grads_batched=True)
        chunks.append(gradient.transpose(0, 1))
    jacobians = torch.cat(chunks)
    if trajectory.skip == "inside":
        jacobians.diagonal(dim1=-2, dim2=-1).sub_(1.0)
    if not bool(torch.isfinite(jacobians).all()):
        raise ValueError(f"block {block.name!r} has a Jacobian that is not finite; the first where it appears.")
    return jacobians


def _followed(
    model: nn.Module, inputs: ArrayLike | Tensor, blocks: Sequence[str | nn.Module] | None, skip: Skip
) -> Trajectory:
    with torch.no_grad():
        return follow(model, inputs, blocks=blocks, skip=skip)


def _stacked(trajectory: Trajectory, points: Sequence[Tensor]) -> Tensor:
    return torch.stack([block_jacobians(trajectory, layer, points[layer]) for layer in range(len(trajectory.blocks))])

"""S19: the work that each block of a trained residual network does against the loss."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from ramodel.checks import finite_array, one_of
from ramodel.spectra.class_means import whole_labels
from ramodel.spectra.network import Batch, BlockCall, Inputs, Skip, exact_autograd, record, untouched
from ramodel.spectra.trajectory import inspect_one_stage, stacked_states, stacked_steps

__all__ = ["Loss", "WorkAndEnergy", "mean_loss", "state_gradients", "work_and_energy"]

Loss = Literal["cross-entropy", "squared", "logistic"]


class WorkAndEnergy(NamedTuple):
    """Inner products with the gradient of the mean loss, summed over the batch; in the units of the loss."""

    work: NDArray[np.float64]
    """``-<g_l, f_l(h_{l-1})>``, l = 1..L; equals ``lam_J ||B_l||_F^2`` at a stationary point."""
    euler: NDArray[np.float64]
    """``-<g_l, h_l>``, l = 0..L; constant over l in bias-free 1-homogeneous networks (ReLU), trained or not."""
    head_work: float
    """``-<dl/dz, z>``; equals ``lam_W ||W||_F^2`` at a stationary point."""
    loss: float
    """The mean loss."""


def work_and_energy(
    model: nn.Module,
    inputs: Inputs,
    targets: ArrayLike | Tensor,
    loss: Loss,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    skip: Skip = "auto",
) -> WorkAndEnergy:
    """Return the work of every block and of the head against the mean loss (S19).

    With ``g_l = d(mean loss)/d h_l``: work_l = -<g_l, f_l(h_{l-1})>, euler_l = -<g_l, h_l>, head work = -<dl/dz, z>,
    sums over the batch included. At a stationary point of the decayed loss work_l is the energy lam_J ||B_l||_F^2 of
    the last weights of block l, whatever the activation, the data and the architecture. Pass the whole training set:
    the identities hold for the gradient that training made zero. Without skips f_l is the block itself.

    Parameters
    ----------
    model, inputs, blocks, skip
        As in `states`.
    targets
        Labels 0 .. C-1 ``[N]`` for "cross-entropy" and "squared" (one-hot), values ``[N, C]`` for "squared", -1 or +1
        ``[N]`` for "logistic".
    loss
        Mean over samples of cross-entropy, of ``(1/2)||z - y||^2``, or of ``ln(1 + exp(-y z))`` (one logit).

    Raises
    ------
    TypeError, ValueError
        As `states` does; also where `targets` fits neither the loss nor the logits.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False), nn.Linear(2, 3, bias=False))
    >>> found = work_and_energy(network, np.eye(2), [0, 2], "cross-entropy", blocks=["0", "1"], skip="none")
    >>> found.work.shape, found.euler.shape
    ((2,), (3,))
    >>> bool(np.allclose(found.euler, found.head_work))  # homogeneous: the same at every layer
    True
    """
    found = _differentiated(model, inputs, targets, loss, blocks, skip)
    return WorkAndEnergy(
        work=_work(found.along_states[1:], stacked_steps(found.calls)),
        euler=_work(found.along_states, stacked_states(found.calls)),
        head_work=float(_work(found.along_logits[None], found.logits[None])[0]),
        loss=found.loss,
    )


def state_gradients(
    model: nn.Module,
    inputs: Inputs,
    targets: ArrayLike | Tensor,
    loss: Loss,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    skip: Skip = "auto",
) -> Tensor:
    """Return the gradients ``g_l = d(mean loss)/d h_l`` of every state of every sample, l = 0..L (S9, S19).

    Parameters
    ----------
    model, inputs, targets, loss, blocks, skip
        As in `work_and_energy`.

    Returns
    -------
    Tensor
        ``[L + 1, N, *shape]``, float64, on the device of the model.

    Raises
    ------
    TypeError, ValueError
        As `work_and_energy` does.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 3))
    >>> state_gradients(network, np.eye(2), [0, 2], "cross-entropy", blocks=["0", "1"], skip="none").shape
    torch.Size([3, 2, 2])
    """
    return _differentiated(model, inputs, targets, loss, blocks, skip).along_states


class _Differentiated(NamedTuple):
    calls: list[BlockCall]
    along_states: Tensor
    """[L + 1, N, *shape]."""
    along_logits: Tensor
    logits: Tensor
    loss: float


def _differentiated(
    model: nn.Module,
    inputs: Inputs,
    targets: ArrayLike | Tensor,
    loss: Loss,
    blocks: Sequence[str | nn.Module] | None,
    skip: Skip,
) -> _Differentiated:
    one_of("loss", loss, ["cross-entropy", "squared", "logistic"])
    with untouched(model):
        batch = Batch.of(inputs)
        inspection = inspect_one_stage(model, batch, blocks, skip)
        calls = record(model, batch, inspection)
        with exact_autograd():
            seen = inspection.observe(batch.on(inspection.model, torch.float64))
            logits = _logits(model, seen.result)
            value = mean_loss(logits, targets, loss)
            # The gradient at the output of the last block is g_L: past it the output counts fully, skip or not.
            visits = {visit.name: visit for visit in seen.visits}
            along: list[GradientEdge | None] = [visits[call.name].entry for call in calls]
            along.append(visits[calls[-1].name].exit)
            found = _gradients(value, [*along, get_gradient_edge(logits)])
    *along_states, along_logits = found
    shape = calls[0].state.shape
    stacked = torch.stack([value.new_zeros(shape) if gradient is None else gradient for gradient in along_states])
    along_logits = torch.zeros_like(logits) if along_logits is None else along_logits
    return _Differentiated(calls, stacked, along_logits, logits.detach(), float(value.detach()))


def _gradients(value: Tensor, along: Sequence[GradientEdge | None]) -> list[Tensor | None]:
    """Return the gradients of `value` by tensors of its graph; None where it does not depend on one."""
    known = [edge for edge in along if edge is not None]
    found = iter(torch.autograd.grad(value, known, allow_unused=True))
    return [None if edge is None else next(found) for edge in along]


def _logits(model: nn.Module, result: Any) -> Tensor:
    logits = result.get("logits") if isinstance(result, Mapping) else result
    if not isinstance(logits, Tensor):
        raise TypeError(f"the forward of {type(model).__name__} returns a {type(result).__name__}; it must be logits.")
    if logits.ndim > 2:
        raise ValueError(f"the logits have shape {tuple(logits.shape)}; for a loss they must be [N, C].")
    return logits


def mean_loss(logits: Tensor, targets: ArrayLike | Tensor, loss: Loss) -> Tensor:
    """Return the mean loss of `logits` [N, C] as `work_and_energy` defines it, a 0-d tensor."""
    if logits.ndim == 1:
        logits = logits[:, None]
    samples, classes = logits.shape
    if loss == "logistic":
        values = _values(targets).reshape(-1)
        if classes != 1 or values.shape != (samples,) or not bool((values.abs() == 1.0).all()):
            raise ValueError(
                f"loss 'logistic' needs one logit and targets -1 or +1 [{samples}]; "
                f"there are {classes} logits and targets of shape {tuple(values.shape)}."
            )
        return nn.functional.softplus(-values.to(logits.device) * logits[:, 0]).mean()
    if loss == "squared" and np.ndim(_values(targets)) == 2:
        values = _values(targets).to(logits.device)
        if values.shape != logits.shape:
            raise ValueError(
                f"targets has shape {tuple(values.shape)}; it must have that of the logits, {tuple(logits.shape)}."
            )
        return (logits - values).square().sum() / (2 * samples)
    labels = whole_labels("targets", targets, samples).to(logits.device)
    if bool((labels < 0).any()) or bool((labels >= classes).any()):
        raise ValueError(
            f"targets holds {int(labels.min())} .. {int(labels.max())}; labels must be 0 .. {classes - 1}."
        )
    if loss == "cross-entropy":
        return nn.functional.cross_entropy(logits, labels)
    return (logits - nn.functional.one_hot(labels, classes)).square().sum() / (2 * samples)


def _values(targets: ArrayLike | Tensor) -> Tensor:
    return torch.tensor(finite_array("targets", targets.detach().cpu() if isinstance(targets, Tensor) else targets))


def _work(gradients: Tensor, vectors: Tensor) -> NDArray[np.float64]:
    return -(gradients * vectors).flatten(1).sum(1).cpu().numpy()

"""The states of a batch on its walk through the blocks of a network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ramodel.spectra.network import Batch, BlockCall, Inputs, Inspection, Skip, inspect, record, untouched

__all__ = ["inspect_one_stage", "stacked_states", "stacked_steps", "states"]


def states(
    model: nn.Module,
    inputs: Inputs,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    skip: Skip = "auto",
) -> Tensor:
    """Return the states ``h_0, ..., h_L`` of a batch, computed in float64 and recorded by hooks.

    Parameters
    ----------
    model
        Any network with residual blocks one after another, in eval mode. It is left as it was.
    inputs
        ``[N, ...]``, samples first; or a mapping of such arrays by the names of the forward's arguments.
    blocks
        The blocks as modules or names, in order; None finds them.
    skip
        "inside": a block module contains its skip and returns the next state. "masked": so it does, with a ReLU above
        the addition. "branch": it is f_l alone, and the network adds its input. "none": there is no skip. "auto" finds
        out from what the blocks compute and, where that shows no skip, from an attribute `skip` (True or False) of the
        blocks or the model.

    Returns
    -------
    Tensor
        ``[L + 1, N, *shape]``, float64, on the device of the model.

    Raises
    ------
    TypeError, ValueError
        If the blocks cannot be found, do not follow one another or have states of different shapes, BatchNorm or
        dropout is in training mode, or a weight, an input or a state is not finite (the message names the block).

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Tanh())
    >>> states(network, torch.ones(5, 3), blocks=["1", "2"], skip="none").shape
    torch.Size([3, 5, 2])
    """
    with untouched(model):
        batch = Batch.of(inputs)
        return stacked_states(record(model, batch, inspect_one_stage(model, batch, blocks, skip)))


def inspect_one_stage(
    model: nn.Module, inputs: Inputs | Batch, blocks: Sequence[str | nn.Module] | None, skip: Skip
) -> Inspection:
    """Return what `inspect` does, in float64; raise ValueError where states have several shapes."""
    inspection = inspect(model, inputs, blocks=blocks, skip=skip)
    if len(inspection.stages) > 1:
        found = "\n".join(
            f"  blocks={[block.name for block in stage.blocks]!r}  # states of shape {stage.shape}"
            for stage in inspection.stages
        )
        raise ValueError(
            f"the blocks of {type(model).__name__} are in {len(inspection.stages)} stages, whose states are not one "
            f"walk. Measure each stage apart:\n{found}"
        )
    return inspection


def stacked_states(calls: Sequence[BlockCall]) -> Tensor:
    """Return h_0 .. h_L of the blocks of one stage, [L + 1, N, *shape]."""
    last = calls[-1]
    end = last.state + last.output if last.skip == "branch" else last.output
    return torch.stack([*(call.state for call in calls), end])


def stacked_steps(calls: Sequence[BlockCall]) -> Tensor:
    """Return f_l(h_{l-1}), what block l adds, [L, N, *shape]; without skip, its whole output."""
    return torch.stack(
        [call.output - call.state if call.skip in ("inside", "masked") else call.output for call in calls]
    )

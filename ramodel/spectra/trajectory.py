"""The walk of a batch through the blocks of a network, recorded by hooks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ramodel.checks import finite_array, one_of
from ramodel.spectra.blocks import NamedBlock, Skip, call_in_float64, find_blocks, refuse_unmeasurable

__all__ = ["Trajectory", "exact_autograd", "follow", "states"]

_SAME = 1e-9
"""Relative: two roads to one float64 state."""


class Trajectory(NamedTuple):
    """What went into each block and what came out."""

    blocks: tuple[NamedBlock, ...]
    skip: Literal["inside", "branch", "none"]
    block_inputs: tuple[Tensor, ...]
    """h_0 .. h_{L-1}, each [N, d]."""
    block_outputs: tuple[Tensor, ...]
    """What the block modules returned, each [N, d]."""
    logits: Tensor

    @property
    def states(self) -> Tensor:
        """Return h_0 .. h_L, [L + 1, N, d]."""
        last = self.block_outputs[-1]
        return torch.stack([*self.block_inputs, self.block_inputs[-1] + last if self.skip == "branch" else last])

    @property
    def steps(self) -> Tensor:
        """Return f_l(h_{l-1}), what block l adds, [L, N, d]; without skip, its whole output."""
        outputs = torch.stack(self.block_outputs)
        return outputs - torch.stack(self.block_inputs) if self.skip == "inside" else outputs


def states(
    model: nn.Module,
    inputs: ArrayLike | Tensor,
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
        ``[N, ...]``, samples first.
    blocks
        The blocks as modules or names, in order; None takes ``model.blocks``.
    skip
        "inside": a block module contains its skip and returns the next state. "branch": it is f_l alone, and the
        network adds its input. "none": there is no skip. "auto" finds out from what the blocks return and, where that
        leaves "inside" or "none", from an attribute `skip` (True or False) of the blocks or the model.

    Returns
    -------
    Tensor
        ``[L + 1, N, d]``, float64, on the device of the model.

    Raises
    ------
    TypeError, ValueError
        If the blocks cannot be found or do not follow one another, BatchNorm or dropout is in training mode, or a
        weight, an input or a state is not finite (the message names the block).

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Tanh())
    >>> states(network, torch.ones(5, 3), blocks=["1", "2"], skip="none").shape
    torch.Size([3, 5, 2])
    """
    with exact_autograd(), torch.no_grad():
        return follow(model, inputs, blocks=blocks, skip=skip).states


@contextmanager
def exact_autograd() -> Iterator[None]:
    """Allow gradients whatever the caller's mode."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def follow(
    model: nn.Module,
    inputs: ArrayLike | Tensor,
    *,
    blocks: Sequence[str | nn.Module] | None,
    skip: Skip,
) -> Trajectory:
    """Walk `inputs` through `model` in float64 and record every block; see `states`.

    With gradients enabled, the record is part of the graph from the inputs to the logits.
    """
    one_of("skip", skip, ["auto", "inside", "branch", "none"])
    found = find_blocks(model, blocks)
    refuse_unmeasurable(model)
    batch = _batch(model, inputs)
    if torch.is_grad_enabled():
        batch.requires_grad_()
    record: dict[str, tuple[Tensor, Tensor]] = {}
    with _recording(found, record):
        try:
            logits = call_in_float64(model, batch)
        except RuntimeError as error:
            if "shape" not in str(error) and "size" not in str(error):
                raise
            raise ValueError(f"inputs has shape {tuple(batch.shape)}; the network refuses it ({error}).") from error
        if not record:
            logits = _walk(model, batch, logits)
    missing = [block.name for block in found if block.name not in record]
    if missing:
        raise ValueError(f"block {missing[0]!r} was not called by the network's forward; leave it out of blocks.")
    before, after = zip(*(record[block.name] for block in found), strict=True)
    _check_states(found, before, after)
    return Trajectory(found, _convention(model, found, before, after, skip), before, after, logits)


def _batch(model: nn.Module, inputs: ArrayLike | Tensor) -> Tensor:
    own = inputs.device if isinstance(inputs, Tensor) else torch.device("cpu")
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), own)
    if isinstance(inputs, Tensor):
        if inputs.is_complex() or inputs.dtype == torch.bool:
            raise TypeError(f"inputs has entries of type {inputs.dtype}; it must hold real numbers.")
        batch = inputs.detach().to(device, torch.float64, copy=True)
        if not bool(torch.isfinite(batch).all()):
            spot = ", ".join(map(str, (~torch.isfinite(batch)).nonzero()[0].tolist()))
            raise ValueError(f"inputs[{spot}] is not finite; every entry must be a finite number.")
    else:
        batch = torch.tensor(finite_array("inputs", inputs), device=device)
    if batch.ndim < 2 or batch.numel() == 0:
        raise ValueError(f"inputs has shape {tuple(batch.shape)}; it must be a batch [N, ...] of one sample or more.")
    return batch


@contextmanager
def _recording(blocks: tuple[NamedBlock, ...], record: dict[str, tuple[Tensor, Tensor]]) -> Iterator[None]:
    def listener(name: str) -> Any:
        versions: list[int] = []

        def before(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            if len(arguments) != 1 or not isinstance(arguments[0], Tensor):
                raise ValueError(f"block {name!r} is called with {len(arguments)} arguments; it must take one tensor.")
            versions.append(arguments[0]._version)

        def after(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
            if not isinstance(output, Tensor):
                raise TypeError(f"block {name!r} returns a {type(output).__name__}; it must return one tensor.")
            if name in record:
                raise ValueError(
                    f"block {name!r} is called twice in one forward; layers that share it cannot be told apart."
                )
            if arguments[0]._version != versions[-1]:
                raise ValueError(f"block {name!r} changes its input in place; build it with inplace=False.")
            record[name] = (arguments[0], output)

        return before, after

    handles = []
    try:
        for block in blocks:
            before, after = listener(block.name)
            handles += [block.module.register_forward_pre_hook(before), block.module.register_forward_hook(after)]
        yield
    finally:
        for handle in handles:
            handle.remove()


def _walk(model: nn.Module, batch: Tensor, logits: Tensor) -> Tensor:
    """Walk embedding, blocks and head where the network's forward takes a short cut (a product of its matrices)."""
    named = (getattr(model, name, None) for name in ("embedding", "blocks", "head"))
    parts = [part for part in named if isinstance(part, nn.Module)]
    if len(parts) < 3:
        raise ValueError(
            f"the forward of {type(model).__name__} calls none of the blocks, and it has no embedding, blocks and head "
            "to walk instead; pass the modules that are called."
        )
    embedding, blocks, head = parts
    hidden = call_in_float64(embedding, batch)
    for block in blocks.children():
        hidden = call_in_float64(block, hidden)
    walked = call_in_float64(head, hidden)
    if not _same(walked, logits):
        raise ValueError(
            f"the forward of {type(model).__name__} calls none of its blocks, and embedding, blocks and head one after "
            "another give another output; there are no states to measure."
        )
    return walked


def _check_states(blocks: tuple[NamedBlock, ...], before: tuple[Tensor, ...], after: tuple[Tensor, ...]) -> None:
    for block, hidden, output in zip(blocks, before, after, strict=True):
        if hidden.ndim != 2 or output.shape != hidden.shape or hidden.shape != before[0].shape:
            raise ValueError(
                f"block {block.name!r} maps {tuple(hidden.shape)} to {tuple(output.shape)} and the first block gets "
                f"{tuple(before[0].shape)}; all states must be vectors [N, d] of one width. Measure each stage apart."
            )
        for what, state in (("receives", hidden), ("returns", output)):
            if not bool(torch.isfinite(state).all()):
                raise ValueError(f"block {block.name!r} {what} a state that is not finite; the first where it appears.")
        with torch.no_grad():
            alone = call_in_float64(block.module, hidden[:1].detach().clone())
        if not _same(alone, output[:1]):
            raise ValueError(
                f"block {block.name!r} gives another output for the same sample alone: it is random or mixes samples. "
                "Call model.eval(), or replace what does it."
            )


def _convention(
    model: nn.Module, blocks: tuple[NamedBlock, ...], before: tuple[Tensor, ...], after: tuple[Tensor, ...], skip: Skip
) -> Literal["inside", "branch", "none"]:
    pairs = list(zip(before, after, before[1:], strict=False))
    follows = all(_same(output, following) for _, output, following in pairs)
    adds = all(_same(hidden + output, following) for hidden, output, following in pairs)
    names = f"{blocks[0].name!r} .. {blocks[-1].name!r}"
    if not follows and not adds:
        raise ValueError(
            f"blocks {names} do not follow one another: a state is neither what the block before returned nor the sum "
            "of that and its input. Name the blocks of one stage, in order."
        )
    if skip == "auto":
        if not follows:
            return "branch"
        declared = {getattr(block.module, "skip", getattr(model, "skip", None)) for block in blocks}
        if declared == {True}:
            return "inside"
        if declared == {False}:
            return "none"
        raise ValueError(
            f"skip is 'auto', and blocks {names} do not tell whether they contain a skip. Say skip='inside' if they "
            "do, skip='none' if there is no skip, or skip='branch' if they are what the network adds to its state."
        )
    if not (adds if skip == "branch" else follows):
        fitting = "'branch'" if adds else "'inside' or 'none'"
        raise ValueError(f"skip is {skip!r}, but the states of blocks {names} fit skip={fitting}.")
    return skip


def _same(first: Tensor, second: Tensor) -> bool:
    if first.shape != second.shape:
        return False
    first, second = first.detach(), second.detach()
    scale = torch.maximum(first.abs().max(), second.abs().max())
    return bool((first - second).abs().max() <= _SAME * scale)

"""Which modules of a network are its residual blocks, and may they be measured as they stand?"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["NamedBlock", "Skip", "call_in_float64", "find_blocks", "refuse_unmeasurable"]

Skip = Literal["auto", "inside", "branch", "none"]
"""Where the skip connection is: in the block module, around it, nowhere; "auto" finds out."""

_BATCH_NORMS = (nn.modules.batchnorm._BatchNorm,)
_DROPOUTS = (nn.modules.dropout._DropoutNd, nn.RReLU)


class NamedBlock(NamedTuple):
    """A block and its dotted name in the network."""

    name: str
    module: nn.Module


def find_blocks(model: nn.Module, blocks: Sequence[str | nn.Module] | None = None) -> tuple[NamedBlock, ...]:
    """Return the blocks of `model` in order: those given as names or modules, or else all of ``model.blocks``.

    Raises
    ------
    TypeError
        If `model` is not a module or `blocks` holds something that is neither a name nor a module.
    ValueError
        If there are no blocks, or one is unknown or listed twice.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2))
    >>> [block.name for block in find_blocks(network, ["2"])]
    ['2']
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is of type {type(model).__name__}; it must be a torch.nn.Module.")
    modules = dict(model.named_modules())
    names = {module: name for name, module in modules.items()}
    if blocks is None:
        blocks = _own_blocks(model, modules)
    elif isinstance(blocks, str) or not isinstance(blocks, Iterable):
        raise TypeError(f"blocks is {blocks!r}; it must be a list of names or modules.")
    found_blocks = []
    for block in blocks:
        if isinstance(block, str):
            if block not in modules:
                raise ValueError(f"blocks has {block!r}; {type(model).__name__} has no module of that name.")
            found_blocks.append(NamedBlock(block, modules[block]))
        elif isinstance(block, nn.Module):
            if block not in names:
                raise ValueError(f"blocks has a {type(block).__name__} that is not part of {type(model).__name__}.")
            found_blocks.append(NamedBlock(names[block], block))
        else:
            raise TypeError(f"blocks has an entry of type {type(block).__name__}; it must hold names or modules.")
    if not found_blocks:
        raise ValueError("blocks is empty; there must be at least one block to measure.")
    if len({id(block.module) for block in found_blocks}) < len(found_blocks):
        raise ValueError("blocks lists a module twice; every layer must be a module of its own.")
    return tuple(found_blocks)


def _own_blocks(model: nn.Module, modules: dict[str, nn.Module]) -> list[nn.Module]:
    own = getattr(model, "blocks", None)
    if isinstance(own, (nn.ModuleList, nn.Sequential)):
        return list(own)
    lists: list[str] = []
    for name, module in modules.items():
        inside = any(name.startswith(f"{outer}.") for outer in lists)
        if name and isinstance(module, (nn.ModuleList, nn.Sequential)) and not inside:
            lists.append(name)
    has = f"; it has {', '.join(map(repr, lists))}" if lists else ""
    raise ValueError(
        f"blocks is None and {type(model).__name__} has no ModuleList or Sequential named 'blocks'{has}. "
        f"Pass the blocks, as modules or names, such as blocks=model.{lists[0] if lists else 'layers'}."
    )


def refuse_unmeasurable(model: nn.Module) -> None:
    """Raise ValueError where the state of `model` makes its Jacobians meaningless.

    That is: BatchNorm on batch statistics (one sample's output depends on the others), active dropout (every call is
    another function), weights that are not finite.
    """
    for name, module in model.named_modules():
        if isinstance(module, _BATCH_NORMS) and (module.training or module.running_mean is None):
            way_out = "Call model.eval()" if module.training else "Give it running statistics"
            raise ValueError(
                f"{name!r} is a {type(module).__name__} on batch statistics: samples mix. {way_out} first."
            )
        if isinstance(module, _DROPOUTS) and module.training and getattr(module, "p", 1.0) > 0.0:
            raise ValueError(f"{name!r} is an active {type(module).__name__}: its output is random. Call model.eval().")
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"weight {name!r} holds a number that is not finite; the network cannot be measured.")


def call_in_float64(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return ``module(inputs)`` with all weights as float64, the module itself untouched and free of gradients."""
    with torch.autocast(inputs.device.type, enabled=False):
        # Every place of a tensor once: left to tie weights by itself, torch 2.13 does not put back the parameters of a
        # submodule that appears under two names.
        return torch.func.functional_call(  # type: ignore[no-any-return]
            module, _float64_tensors(module), (inputs,), tie_weights=False
        )


def _float64_tensors(module: nn.Module) -> dict[str, Tensor]:
    found = {}
    for prefix, part in module.named_modules():
        own = (
            *part.named_parameters(recurse=False, remove_duplicate=False),
            *part.named_buffers(recurse=False, remove_duplicate=False),
        )
        for name, tensor in own:
            dtype = torch.float64 if tensor.is_floating_point() else tensor.dtype
            found[f"{prefix}.{name}".lstrip(".")] = tensor.detach().to(dtype, copy=True)
    return found

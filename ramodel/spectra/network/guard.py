"""What cannot be measured is refused; what is measured is left as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["refuse_unmeasurable", "untouched"]

_BATCH_NORMS = (nn.modules.batchnorm._BatchNorm,)
_PLAIN = (bool, int, float, str, type(None))
_DROPOUTS = (nn.modules.dropout._DropoutNd, nn.RReLU)


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Leave `model` as it was: modes, gradients and their flags, plain attributes are put back, whatever happens.

    Raises
    ------
    RuntimeError
        If a weight was written to: a forward does so on its own account, since measurements replace the weights.
    TypeError
        If `model` is no module.
    """
    _refuse_other_types(model)
    # Modes, and what a forward notes down of the weights that it has now (rescaled already, length of a table).
    attributes = [
        (module, {name: value for name, value in vars(module).items() if isinstance(value, _PLAIN)})
        for module in model.modules()
    ]
    gradients = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    tensors = [(name, tensor) for name, tensor in _weights(model) if _counts_writes(tensor)]
    versions = [tensor._version for _, tensor in tensors]
    try:
        yield
    finally:
        for module, plain in attributes:
            vars(module).update(plain)
        for parameter, flag, gradient in gradients:
            if parameter.requires_grad != flag:  # weights made in inference mode do not let it be set
                parameter.requires_grad_(flag)
            parameter.grad = gradient
    for (name, tensor), version in zip(tensors, versions, strict=True):
        if tensor._version != version:
            raise RuntimeError(f"the forward of {type(model).__name__} writes to its own weight {name!r}.")


def refuse_unmeasurable(model: nn.Module) -> None:
    """Raise ValueError where the state of `model` makes its Jacobians meaningless, and TypeError where it is no module.

    That is: BatchNorm on batch statistics (one sample's output depends on the others), active dropout (every call is
    another function), recomputed activations, quantised, missing or non-finite weights.
    """
    _refuse_other_types(model)
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        raise TypeError(f"model is a {type(model).__name__}; pass the network that it wraps, model.module.")
    for name, module in model.named_modules():
        _refuse_module(name, module)
    for name, tensor in _weights(model):
        _refuse_weight(name, tensor)
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter.detach()).all()):
            raise ValueError(f"weight {name!r} holds a number that is not finite; the network cannot be measured.")
    for name, buffer in model.named_buffers():  # infinities are what masks of attention are made of
        if buffer.is_floating_point() and bool(torch.isnan(buffer).any()):
            raise ValueError(f"weight {name!r} holds a number that is not finite; the network cannot be measured.")


def _refuse_other_types(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is of type {type(model).__name__}; it must be a torch.nn.Module.")


def _counts_writes(tensor: Tensor) -> bool:
    """Return whether a tensor has a counter of the times it was written to; lazy ones have not even numbers."""
    return not nn.parameter.is_lazy(tensor) and not tensor.is_inference()


def _refuse_module(name: str, module: nn.Module) -> None:
    kind = type(module).__name__
    if module._backward_hooks or module._backward_pre_hooks:
        raise ValueError(
            f"{name!r} ({kind}) has a backward hook, which stands between the state and its derivative; remove it "
            "(its handle has remove()) for the measurement."
        )
    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError(f"{name!r} is a {kind} (TorchScript), whose weights cannot be cast; pass the Python module.")
    if ".quantized" in type(module).__module__ and type(module).__module__.startswith("torch."):
        raise ValueError(f"{name!r} is a quantised {kind}, without derivative. Measure the network before quantising.")
    if isinstance(module, _BATCH_NORMS):
        if module.training or module.running_mean is None:
            way_out = "Call model.eval()" if module.training else "Give it running statistics"
            raise ValueError(f"{name!r} is a {kind} on batch statistics: samples mix. {way_out} first.")
        for statistic in (module.running_mean, module.running_var):
            if statistic is not None and not bool(torch.isfinite(statistic).all()):
                raise ValueError(f"the running statistics of {name!r} hold a number that is not finite.")
    if module.training:
        if isinstance(module, _DROPOUTS) and getattr(module, "p", 1.0) > 0.0:
            raise ValueError(f"{name!r} is an active {kind}: its output is random. Call model.eval().")
        # Dropout without a module of its own: attention weights, stochastic depth, dropped layers.
        for attribute, value in vars(module).items():
            if "drop" in attribute and isinstance(value, float) and value > 0.0:
                raise ValueError(
                    f"{name!r} is a {kind} in training mode with {attribute} = {value:g}: its output is random. "
                    "Call model.eval()."
                )
        if "StochasticDepth" in kind and getattr(module, "p", 1.0) > 0.0:
            raise ValueError(f"{name!r} is an active {kind}: its output is random. Call model.eval().")
    recomputes = getattr(module, "gradient_checkpointing", False) is True and module.training
    if recomputes or getattr(module, "grad_checkpointing", False) is True:
        raise ValueError(
            f"{name!r} is a {kind} with gradient checkpointing, which computes its states again with other weights. "
            "Call model.eval(), and switch checkpointing off (model.gradient_checkpointing_disable(), or "
            "model.set_grad_checkpointing(False))."
        )


def _refuse_weight(name: str, tensor: Tensor) -> None:
    if nn.parameter.is_lazy(tensor):
        raise ValueError(f"weight {name!r} is not there yet (a lazy module); call the network once first.")
    if tensor.is_meta:
        raise ValueError(f"weight {name!r} is on the meta device, without numbers; load the weights first.")
    whole = isinstance(tensor, nn.Parameter) and not (tensor.is_floating_point() or tensor.is_complex())
    if tensor.is_quantized or whole or (tensor.is_floating_point() and tensor.dtype.itemsize == 1):
        raise ValueError(
            f"weight {name!r} is quantised (of type {tensor.dtype}), so that it cannot be cast. Measure the network "
            "before quantising."
        )


def _weights(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]

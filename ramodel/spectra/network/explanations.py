"""What is said where a network cannot be observed as it was called, or a block as the network calls it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ramodel.spectra.network.inputs import Batch

__all__ = ["called_twice", "explained", "other_samples", "refuse_inference", "refuse_written", "without_state"]

_DTYPES_IN_ERRORS = re.compile(r"dtype|\bDouble\b|\bFloat(32)?\b|Complex(Float|Double)")
"""In what torch says where numbers of two dtypes meet, or an operation is not there for one."""


@contextmanager
def explained(model: nn.Module, batch: Batch, dtype: torch.dtype) -> Iterator[None]:
    """Raise ValueError in the place of what torch says of inputs that do not fit, or of a dtype that does not."""
    try:
        yield
    except (RuntimeError, IndexError) as error:
        said = str(error)
        if _DTYPES_IN_ERRORS.search(said):
            raise ValueError(_one_dtype_alone(model, dtype, said)) from error
        if "shape" in said or "size" in said:
            raise ValueError(f"inputs has {batch.described}; the network refuses them ({said}).") from error
        if "indices" in said or "index" in said:
            raise ValueError(
                f"inputs has {batch.described}; the network looks them up in a table, and fails ({said}). Whole "
                "numbers stay whole under the name of the forward's argument: inputs={'tokens': ...}."
            ) from error
        raise


def _one_dtype_alone(model: nn.Module, dtype: torch.dtype, said: str) -> str:
    other = torch.float32 if dtype == torch.float64 else torch.float64
    double = any(weight.dtype == torch.float64 for weight in model.parameters())
    switch = f"Say dtype={_name(other)!r}; or register" if double == (other == torch.float64) else "Register"
    return (
        f"the network cannot be evaluated in {_name(dtype)} ({said}). {switch} the tensors that it keeps beside its "
        "parameters and buffers (register_buffer), and replace steps that are made for one dtype "
        "(experts_implementation='eager' in Hugging Face's mixtures of experts)."
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def refuse_written(model: nn.Module, weights: Mapping[str, Tensor], versions: Mapping[str, int]) -> None:
    """Raise ValueError where a forward wrote to one of the numbers that it is computed from.

    Parameters
    ----------
    weights, versions
        Those that were used, and how often each had been written to before.
    """
    for name, tensor in weights.items():
        if tensor._version != versions[name] and (tensor.is_floating_point() or tensor.is_complex()):
            training = model.get_submodule(name.rpartition(".")[0]).training
            way_out = "Call model.eval()" if training else "Switch that off, or call the network if one call ends it"
            raise ValueError(
                f"the forward of {type(model).__name__} writes to its own {name!r} (running statistics, power "
                f"iterations, a cache), so that every call is another function. {way_out}."
            )


def refuse_inference(name: str, does: str, tensor: Tensor) -> None:
    """Raise ValueError where a module is given or returns a tensor that no derivative passes."""
    if tensor.is_inference():
        raise ValueError(
            f"{name!r} {does} a tensor made under torch.inference_mode, which has no derivative; take that off the "
            "forward of the network."
        )


def called_twice(name: str) -> str:
    """Return what is wrong with a block that is called more than once."""
    return (
        f"block {name!r} is called twice in one forward; layers that share it cannot be told apart. Give every layer a "
        "module of its own (copy.deepcopy keeps the weights)."
    )


def other_samples(name: str, state: Tensor, samples: int) -> str:
    """Return what is wrong with a block whose state does not have the samples on its first axis."""
    return (
        f"block {name!r} receives a state of shape {tuple(state.shape)} for {samples} samples; the first axis must run "
        "over the samples (batch_first=True in torch's transformers)."
    )


def without_state(name: str) -> str:
    """Return what is wrong with a block that is given no state."""
    return (
        f"block {name!r} is called without a floating tensor of its own, so that it has no state (one in a tuple or a "
        "mapping does not count). Let the network hand it the state as an argument."
    )

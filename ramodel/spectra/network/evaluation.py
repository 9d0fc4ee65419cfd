"""How a network is evaluated for a measurement: one dtype throughout, and every step twice differentiable."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

__all__ = ["CastWeights", "evaluating", "exact_autograd", "run"]

_NARROW = (torch.float16, torch.bfloat16, torch.float32)
_NARROWING_METHODS = {Tensor.float, Tensor.half, Tensor.bfloat16}


class CastWeights:
    """The parameters and buffers of modules in one dtype, free of gradients; each tensor is cast once.

    Parameters that have the dtype already are shared with the module, not copied. Buffers are always copied: a module
    may write to them.

    Parameters
    ----------
    dtype
        What floating tensors are cast to.

    Examples
    --------
    >>> layer = nn.Linear(2, 2, dtype=torch.float64)
    >>> weights = CastWeights(torch.float64).of(layer)
    >>> weights["weight"].data_ptr() == layer.weight.data_ptr(), weights["weight"].requires_grad
    (True, False)
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        # The original is kept with its copy: while it lives, no other tensor has its id.
        self._copies: dict[int, tuple[Tensor, Tensor]] = {}

    def of(self, module: nn.Module, *, differentiable: bool = False) -> dict[str, Tensor]:
        """Return the tensors of `module` by their names in it; `differentiable`: parameters ask for gradients."""
        found = {}
        for prefix, part in module.named_modules():
            for name, parameter in part.named_parameters(recurse=False, remove_duplicate=False):
                cast = self._cast(parameter, copy=parameter.is_inference())
                found[f"{prefix}.{name}".lstrip(".")] = cast.detach().requires_grad_() if differentiable else cast
            for name, buffer in part.named_buffers(recurse=False, remove_duplicate=False):
                found[f"{prefix}.{name}".lstrip(".")] = self._cast(buffer, copy=True)
        return found

    def _cast(self, tensor: Tensor, *, copy: bool) -> Tensor:
        if id(tensor) not in self._copies:
            dtype = self.dtype if tensor.is_floating_point() else tensor.dtype
            if tensor.is_complex():
                dtype = self.dtype.to_complex()
            self._copies[id(tensor)] = (tensor, tensor.detach().to(dtype, copy=copy))
        return self._copies[id(tensor)][1]


@contextmanager
def exact_autograd() -> Iterator[None]:
    """Allow gradients whatever the caller's mode."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def evaluating(dtype: torch.dtype) -> Iterator[None]:
    """Evaluate modules in `dtype` and through operations that can be differentiated twice.

    Autocast is off, and so is what torch.compile made of modules, which lets neither hooks nor second derivatives
    through; a step that a module asks for in a narrower dtype (Hugging Face norms and softmaxes are written for
    float32) is done in `dtype`; attention takes its explicit form, since the fused kernels have no second derivative.
    """
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
            sdpa_kernel(SDPBackend.MATH),
            _uncompiled(),
            _AtLeast(dtype),
        ):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)


def _uncompiled() -> AbstractContextManager[Any]:
    """Run compiled modules as they were written."""
    # Who never compiled is spared the import, which takes seconds.
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


def run(module: nn.Module, weights: Mapping[str, Tensor], arguments: Iterable[Any], keywords: Mapping[str, Any]) -> Any:
    """Return what `module` gives with `weights` in the place of its own; the module is left as it was."""
    # CastWeights lists every place of a tensor once: left to tie weights by itself, torch 2.13 does not put back the
    # parameters of a submodule that appears under two names.
    return torch.func.functional_call(module, dict(weights), tuple(arguments), dict(keywords), tie_weights=False)


class _AtLeast(TorchFunctionMode):
    """Turns every request for a dtype narrower than `dtype` into one for `dtype`."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        width = torch.finfo(dtype).bits
        self.dtype = dtype
        self.narrower = {narrow for narrow in _NARROW if torch.finfo(narrow).bits < width}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.narrower:
            if func in _NARROWING_METHODS:
                return args[0].to(self.dtype, **kwargs)
            args = tuple(self._lifted(argument) for argument in args)
            kwargs = {name: self._lifted(argument) for name, argument in kwargs.items()}
        return func(*args, **kwargs)

    def _lifted(self, argument: Any) -> Any:
        return self.dtype if isinstance(argument, torch.dtype) and argument in self.narrower else argument

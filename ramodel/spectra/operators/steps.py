"""Common steps of a block with both products of their Jacobians: what automatic differentiation does slowly twice."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["LeanSteps"]

_ACTIVATIONS = (functional.gelu, functional.silu, functional.mish)
"""With derivatives that cost much more than a multiplication."""


class LeanSteps(TorchFunctionMode):
    """While this mode is on, steps with fixed weights have a backward pass whose own backward pass is lean.

    Left to itself torch forms the gradient of the weights as well in the second backward pass of a convolution, and
    takes those of norms apart into many small operations: in float64 the products ``J v`` of a convolutional block then
    cost six times as much as ``J^T u``. Here each such step brings its two products, and each is one operation. What
    the step returns is the same to the last bit. Derivatives of second order are not those of the step: the products
    are taken as linear, with the primal held fixed.

    Examples
    --------
    >>> state = torch.tensor([0.0, 1.0], requires_grad=True)
    >>> with LeanSteps():
    ...     output = functional.silu(state)
    >>> [round(slope, 4) for slope in torch.autograd.grad(output.sum(), state)[0].tolist()]
    [0.5, 0.9277]
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        rule = _RULES.get(func)
        if rule is not None and not any(_varies(other) for other in (*args[1:], *kwargs.values())):
            state = args[0] if args else kwargs.get("input")
            step = rule(func, *args, **kwargs) if _varies(state) else None
            if step is not None:
                return _Step.apply(state, step)  # type: ignore[no-untyped-call]
        return func(*args, **kwargs)


_Product = Callable[[Tensor], Tensor]


class _Linearised(NamedTuple):
    """A step at a state: what it returns, and the products with its Jacobian there."""

    output: Tensor
    product: _Product
    transposed_product: _Product


def _varies(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, state: Tensor, step: _Linearised) -> Tensor:
        # The output is left out: it will hold the graph, and the graph holds this context.
        ctx.products = step.product, step.transposed_product
        return step.output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return _TransposedStep.apply(gradient, *ctx.products), None  # type: ignore[no-untyped-call]


class _TransposedStep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, product: _Product, transposed_product: _Product) -> Tensor:
        ctx.product = product
        return transposed_product(gradient)

    @staticmethod
    def backward(ctx: Any, vector: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.product(vector), None, None


def _convolution(
    func: Callable[..., Any],
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> _Linearised | None:
    axes = weight.ndim - 2
    if isinstance(padding, str) or input.ndim != weight.ndim:
        return None

    def each(size: int | Sequence[int]) -> list[int]:
        return [size] * axes if isinstance(size, int) else list(size) * (axes // len(size))

    geometry = (each(stride), each(padding), each(dilation), False, [0] * axes, groups)
    state, only_state = input.detach(), [True, False, False]
    backward = torch.ops.aten.convolution_backward
    return _Linearised(
        torch.convolution(state, weight, bias, *geometry),
        lambda vector: torch.convolution(vector, weight, None, *geometry),
        lambda gradient: backward(gradient, state, weight, None, *geometry, only_state)[0],
    )


def _batch_norm(
    func: Callable[..., Any],
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> _Linearised | None:
    if training or running_var is None:
        return None
    slope = (running_var + eps).rsqrt()
    slope = (slope if weight is None else weight * slope).reshape(-1, *[1] * (input.ndim - 2))
    return _scaled(func(input.detach(), running_mean, running_var, weight, bias, eps=eps), slope)


def _activation(func: Callable[..., Any], input: Tensor, *args: Any, **kwargs: Any) -> _Linearised | None:
    if kwargs.get("inplace") or any(argument is True for argument in args):
        return None
    with torch.enable_grad():
        state = input.detach().requires_grad_()
        output = func(state, *args, **kwargs)
        (slope,) = torch.autograd.grad(output, state, torch.ones_like(output))
    return _scaled(output.detach(), slope)


def _scaled(output: Tensor, slope: Tensor) -> _Linearised:
    return _Linearised(output, lambda vector: vector * slope, lambda gradient: gradient * slope)


def _layer_norm(
    func: Callable[..., Any],
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> _Linearised:
    # A copy: the block may go on to write to what it normalised.
    state, shape = input.detach().clone(), list(normalized_shape)
    output, mean, deviation = torch.native_layer_norm(state, shape, weight, bias, eps)

    def project(gradient: Tensor, weight: Tensor | None) -> Tensor:
        image: Tensor = torch.ops.aten.native_layer_norm_backward(
            gradient, state, shape, mean, deviation, weight, None, [True, False, False]
        )[0]
        return image

    return _normalised(output, project, weight, weight)


def _group_norm(
    func: Callable[..., Any],
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> _Linearised:
    state = input.detach().clone(memory_format=torch.contiguous_format)
    samples, channels = state.shape[:2]
    sizes = (samples, channels, state[0, 0].numel(), num_groups)
    output, mean, deviation = torch.native_group_norm(state, weight, bias, *sizes, eps)

    def project(gradient: Tensor, weight: Tensor | None) -> Tensor:
        image: Tensor = torch.ops.aten.native_group_norm_backward(
            gradient.contiguous(), state, mean, deviation, weight, *sizes, [True, False, False]
        )[0]
        return image

    return _normalised(output, project, weight, None if weight is None else weight.reshape(-1, *[1] * (state.ndim - 2)))


def _normalised(
    output: Tensor, project: Callable[[Tensor, Tensor | None], Tensor], weight: Tensor | None, factor: Tensor | None
) -> _Linearised:
    """Return a norm as a step: ``J = diag(weight) P``, P symmetric; the backward pass of torch is ``P (weight u)``."""
    return _Linearised(
        output,
        lambda vector: project(vector, None) if factor is None else factor * project(vector, None),
        lambda gradient: project(gradient, weight),
    )


_RULES: dict[Callable[..., Any], Callable[..., _Linearised | None]] = {
    torch.conv1d: _convolution,
    torch.conv2d: _convolution,
    torch.conv3d: _convolution,
    functional.batch_norm: _batch_norm,
    functional.layer_norm: _layer_norm,
    functional.group_norm: _group_norm,
    **dict.fromkeys(_ACTIVATIONS, _activation),
}

"""Run a block once and note, operation by operation, how a perturbation of its state would go through it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ramodel.spectra.operators.linearised.layout import Layout, UnrecognisedError
from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap

__all__ = ["Edge", "Recorder", "Rule", "Value"]

Rule = Callable[..., Any]
"""rule(recorder, operation, *arguments of the operation) returns what the operation returns, and records it."""


class Edge(NamedTuple):
    """One summand of a node: maps, first to last, applied to the tangent of another node."""

    source: int
    maps: tuple[LinearMap, ...]


class Value(NamedTuple):
    """A tensor that depends on the state."""

    tensor: Tensor
    node: int
    layout: Layout
    mixed: bool = False
    """Whether a token's row depends on the states of other tokens too: what is noted is its change with its own."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every ATen operation of a block, whatever module, function or method called it.

    The tangent of node 0 is that of the state; the tangent of another node is the sum over its edges. Run it under
    inference mode: composite operations (linear, layer_norm, attention) then arrive whole. One without a rule is taken
    apart by its own decomposition. Let gradients be enabled, so that what the block itself computes without them is
    seen: autograd knows nothing of it, or something else.
    """

    def __init__(self, state: Tensor, layout: Layout, rules: Mapping[Any, Rule], pointwise: Rule) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.nodes: list[list[Edge]] = [[]]
        self._rules = rules
        self._pointwise = pointwise
        self._values: dict[int, Value] = {}
        self._stale: dict[int, Tensor] = {}
        self._constant_views: list[Tensor] = []
        self._constants: dict[int, Tensor] = {}
        self._dtype = state.dtype
        self.hidden = False
        """Whether the block computed with its state under torch.no_grad or in a torch.autograd.Function."""
        self._remember(Value(state, 0, layout))
        factors = [factor for axis in layout for factor in axis]
        self.problems = math.prod(factor.size for factor in factors if factor.label)

    def value(self, tensor: object) -> Value | None:
        """Return what is known of a tensor that depends on the state; None of anything else."""
        return self._values.get(id(tensor))

    def dependent(self, tensor: Tensor) -> Value:
        """Return what is known of a tensor that must depend on the state."""
        value = self.value(tensor)
        if value is None:
            raise UnrecognisedError("it uses the state in a place where only constants have a linear rule")
        return value

    def refuse_dependent(self, *tensors: object) -> None:
        """Raise UnrecognisedError where one of these depends on the state."""
        if any(self.value(tensor) is not None for tensor in tensors):
            raise UnrecognisedError("it uses the state in a place where only constants have a linear rule")

    def outcome(self, output: Tensor) -> Value:
        """Return what is known of the block's output."""
        if id(output) in self._stale:
            raise UnrecognisedError("it returns a tensor that was written to through a view")
        value = self.value(output)
        if value is not None:
            return value
        state = next(iter(self._values.values()))
        if output.shape != state.tensor.shape:
            raise UnrecognisedError("its output depends on nothing of its state")
        return self.dependent(self.record(output, state.layout, []))

    def record(
        self,
        tensor: Tensor,
        layout: Layout,
        summands: Sequence[tuple[Value, Sequence[LinearMap]]],
        *,
        mixed: bool = False,
    ) -> Tensor:
        """Note that `tensor` changes by the sum of the summands' images, and return it."""
        labels = [factor.label for axis in layout for factor in axis if factor.label]
        if len(labels) > len(set(labels)):
            raise UnrecognisedError("it combines its samples or tokens with each other")
        self.nodes.append([Edge(value.node, tuple(maps)) for value, maps in summands])
        mixed = mixed or any(value.mixed for value, _ in summands)
        self._remember(Value(tensor, len(self.nodes) - 1, layout, mixed))
        return tensor

    def alias(self, tensor: Tensor, value: Value) -> Tensor:
        """Note that `tensor` changes exactly as `value` does, and return it."""
        self._remember(value._replace(tensor=tensor))
        return tensor

    def replay(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Call a function with every operation recorded: what a rule puts in the place of an operation."""
        with self:
            return function(*arguments, **keywords)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Torch would import its compiler, which takes seconds, only to keep it away from this class.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Record one operation and return what it returns."""
        keywords = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, keywords)) if isinstance(leaf, Tensor)]
        if any(id(tensor) in self._stale for tensor in tensors):
            raise UnrecognisedError("it reads a view of a tensor that was written to in place")
        constants = [tensor for tensor in tensors if id(tensor) not in self._values]
        if len(constants) == len(tensors):
            if func._schema.is_mutable and any(_storage(tensor) in self._constants for tensor in tensors):
                raise UnrecognisedError("it writes to a constant that its state has met before")
            return func(*args, **keywords)
        if any(tensor.is_complex() for tensor in constants):
            raise UnrecognisedError("it computes with complex numbers")
        self._constants.update((_storage(tensor), tensor) for tensor in constants)
        record = self._in_place if func._schema.is_mutable else self._recorded
        result = record(func, args, keywords)
        self._check(result, {_storage(tensor) for tensor in tensors})
        return result

    def _check(self, result: Any, storages: set[int]) -> None:
        """Refuse complex results; note what autograd does not see, and constants in the memory of values."""
        for leaf in tree_leaves(result):
            if not isinstance(leaf, Tensor):
                continue
            if leaf.is_complex():
                raise UnrecognisedError("it computes with complex numbers")
            if id(leaf) not in self._values:
                if _storage(leaf) in storages:
                    self._constant_views.append(leaf)
            elif not torch.is_grad_enabled():
                self.hidden = True

    def _recorded(self, func: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        rule = self._rules.get(func.overloadpacket)
        if rule is None and torch.Tag.pointwise in func.tags:
            rule = self._pointwise
        if rule is not None:
            return rule(self, func, *args, **keywords)
        with self:
            result = func.decompose(*args, **keywords)
        if result is not NotImplemented:
            return result
        result = func(*args, **keywords)
        if any(isinstance(leaf, Tensor) and leaf.is_floating_point() for leaf in tree_leaves(result)):
            raise UnrecognisedError(f"it calls torch.{func.overloadpacket.__name__}, which has no linear rule here")
        return result

    def _in_place(self, func: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        name = func.overloadpacket.__name__
        target = args[0]
        if not name.endswith("_") or self.value(target) is None:
            raise UnrecognisedError(f"it calls torch.{name}, which writes the state into another tensor")
        packet = getattr(torch.ops.aten, name.removesuffix("_"))
        result = self._recorded(getattr(packet, func._overloadname), args, keywords)
        if result is target:
            return target
        for tensor in [*(value.tensor for value in self._values.values()), *self._constant_views]:
            if tensor is not target and _storage(tensor) == _storage(target):
                self._stale[id(tensor)] = tensor
        # New memory for the same tensor: constants that were recorded keep the old one.
        target.set_(result)
        return self.alias(target, self.dependent(result))

    def _remember(self, value: Value) -> None:
        if value.tensor.dtype != self._dtype:
            raise UnrecognisedError(f"it computes in {value.tensor.dtype}, with a state in {self._dtype}")
        if not value.tensor.numel():
            raise UnrecognisedError("it takes a part without entries of its state")
        # The tensor is kept alive: while it is, no other has its id.
        self._values[id(value.tensor)] = value


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()

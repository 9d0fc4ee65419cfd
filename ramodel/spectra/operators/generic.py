"""Products with the Jacobian of any module, by automatic differentiation of one kept graph."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import torch
from torch import Tensor

from ramodel.spectra.network.call import BlockCall
from ramodel.spectra.network.evaluation import exact_autograd
from ramodel.spectra.operators.operator import JacobianOperator, OperatorKind
from ramodel.spectra.operators.steps import LeanSteps

__all__ = ["GenericOperator"]

_FOLD = 2**20
"""Numbers in the states of one replay. A machine is busy with that many: more probes than fit are taken in parts."""


_ONCE = "has a step that can be differentiated only once; write that step with operations of torch."
_AGAIN = (
    "computes its states again to differentiate, with weights of their own dtype (torch.utils.checkpoint); switch that "
    "off."
)
_EXPLANATIONS = {
    "must have the same dtype": _AGAIN,
    "checkpoint": _AGAIN,
    "not implemented": _ONCE,
    "appears to not have been used": _ONCE,
    "modified by an inplace": "writes to numbers that its derivative needs; build it with inplace=False.",
}
"""What words in an error of torch mean for a block."""


class _Replay:
    """The block evaluated with every sample p times, and the graph of that."""

    def __init__(self, call: BlockCall, probes: int) -> None:
        samples = torch.arange(len(call.state), device=call.state.device).repeat_interleave(probes)
        self.probes = probes
        self.state = call.state.detach()[samples].requires_grad_()
        with LeanSteps():
            self.output = call(self.state, samples)
        if not self.output.requires_grad:
            _refuse_hidden(call, self.output, samples)
        self._cotangent = torch.zeros_like(self.output).requires_grad_()

    def rmatvec(self, vectors: Tensor) -> Tensor | None:
        """Return the gradient along `vectors`, shaped as the output; None where the output does not depend on it."""
        if not self.output.requires_grad:
            return None
        return _gradient(self.output, self.state, vectors)

    def matvec(self, vectors: Tensor) -> Tensor | None:
        """Return the derivative along `vectors`, shaped as the state: it is that of ``J^T u`` by u."""
        if self._transposed is None or not self._transposed.requires_grad:
            return None
        (image,) = torch.autograd.grad(
            self._transposed, self._cotangent, vectors.reshape(self.state.shape), retain_graph=True
        )
        return image

    @cached_property
    def _transposed(self) -> Tensor | None:
        if not self.output.requires_grad:
            return None
        return _gradient(self.output, self.state, self._cotangent, create_graph=True)


def _gradient(output: Tensor, by: Tensor, along: Tensor, *, create_graph: bool = False) -> Tensor | None:
    return torch.autograd.grad(
        output, by, along.reshape(output.shape), retain_graph=True, create_graph=create_graph, allow_unused=True
    )[0]


def _refuse_hidden(call: BlockCall, output: Tensor, samples: Tensor) -> None:
    """Raise ValueError where a block depends on its state in a way that autograd did not see; a constant may stay."""
    with torch.no_grad():
        moved = call(call.state.detach()[samples] + 1.0, samples)
    if not torch.equal(moved, output):
        raise ValueError(
            f"block {call.name!r} hides its derivative: its output depends on its state, but not for autograd. Take "
            "torch.no_grad, detach or NumPy out of its forward."
        )


class GenericOperator(JacobianOperator):
    """The Jacobians of a block at the samples of a call, whatever the block is made of.

    ``J = D(module) - diag(call.identity)``. The block is replayed once with every sample repeated p times, and its
    graph is kept. Samples do not see each other, so one backward pass gives ``J^T u`` for all of them; that is linear
    in u, and its derivative by u along v, a backward pass through the backward pass, is ``J v``. Neither computes the
    block again.

    Parameters
    ----------
    call
        The block with its states [N, *shape].
    reason
        Why there is no operator written for this block; for reports.

    Examples
    --------
    >>> layer, state = torch.nn.Linear(3, 3, bias=False), torch.ones(2, 3)
    >>> weights = {"weight": layer.weight.detach()}
    >>> operator = GenericOperator(BlockCall("0", layer, "none", state, state, weights, arguments=(None,)))
    >>> torch.allclose(operator.dense(), layer.weight.expand(2, 3, 3))
    True
    """

    kind: OperatorKind = "generic"

    def __init__(self, call: BlockCall, reason: str = "") -> None:
        self.call = call
        self.reason = reason
        self.problems = len(call.state)
        self.input_size = call.state[0].numel()
        self.output_size = call.output[0].numel()
        self.dtype = call.state.dtype
        self.device = call.state.device
        identity = call.identity
        self._identity = identity.flatten(1)[:, None] if isinstance(identity, Tensor) else identity
        self._replay: _Replay | None = None

    def matvec(self, vectors: Tensor) -> Tensor:
        """Return ``J v`` for p vectors of each problem: [N, p, n] to [N, p, m]."""
        return self._in_parts(vectors, transposed=False)

    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return ``J^T u`` for p vectors of each problem: [N, p, m] to [N, p, n]."""
        return self._in_parts(vectors, transposed=True)

    def select(self, problems: Tensor) -> "GenericOperator":
        """Return the operator of some samples only, given as increasing indices [M]; it makes its own graph."""
        return GenericOperator(self.call.rows(problems), self.reason)

    def _in_parts(self, vectors: Tensor, *, transposed: bool) -> Tensor:
        probes = vectors.shape[1]
        fitting = max(1, _FOLD // (self.problems * max(self.input_size, self.output_size)))
        if probes <= fitting:
            return self._product(vectors, transposed=transposed)
        # Parts of one size, the last filled up with zeros: another number of probes would need another graph.
        size = math.ceil(probes / math.ceil(probes / fitting))
        filled = torch.nn.functional.pad(vectors, (0, 0, 0, -probes % size))
        parts = [self._product(part, transposed=transposed) for part in torch.split(filled, size, dim=1)]
        return torch.cat(parts, dim=1)[:, :probes]

    def _product(self, vectors: Tensor, *, transposed: bool) -> Tensor:
        problems, probes, _ = vectors.shape
        with _exactly(self.device), self._explained():
            # Only the last replay is kept: one takes the memory of p states at every step of the block.
            if self._replay is None or self._replay.probes != probes:
                self._replay = None
                self._replay = _Replay(self.call, probes)
            image = self._replay.rmatvec(vectors) if transposed else self._replay.matvec(vectors)
        size = self.input_size if transposed else self.output_size
        product = vectors.new_zeros(problems, probes, size) if image is None else image.reshape(problems, probes, size)
        if isinstance(self._identity, Tensor):
            return torch.addcmul(product, self._identity, vectors, value=-1.0)
        if self._identity != 0.0:
            return product - vectors
        # An identity hands back the vectors themselves, which the caller may go on to change.
        return product.clone() if product.data_ptr() == vectors.data_ptr() else product

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Name the block, and the way out, in errors of automatic differentiation."""
        try:
            yield
        except RuntimeError as error:
            for words, explanation in _EXPLANATIONS.items():
                if words in str(error):
                    raise ValueError(f"block {self.call.name!r} {explanation} ({error})") from error
            raise


@contextmanager
def _exactly(device: torch.device) -> Iterator[None]:
    """Keep the caller's modes out of the graph and of the backward passes."""
    with exact_autograd(), torch.autocast(device.type, enabled=False):
        yield

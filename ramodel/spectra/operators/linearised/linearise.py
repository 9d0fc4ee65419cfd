"""From a block as the network called it to its Jacobians as products of linear maps."""

from typing import Literal

import torch
from torch import Tensor

from ramodel.spectra.network.call import BlockCall
from ramodel.spectra.network.evaluation import exact_autograd
from ramodel.spectra.operators.linearised.graph import Graph
from ramodel.spectra.operators.linearised.layout import Label, Layout, UnrecognisedError, axis_of
from ramodel.spectra.operators.linearised.maps.scale import Scale
from ramodel.spectra.operators.linearised.operator import LinearisedOperator
from ramodel.spectra.operators.linearised.program import Program
from ramodel.spectra.operators.linearised.recorder import Edge, Recorder
from ramodel.spectra.operators.linearised.rules import RULES, pointwise
from ramodel.spectra.operators.state_order import StateOrder

__all__ = ["linearise"]

_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a block, or torch, raises where operations are taken apart that the one or the other does not expect."""


def linearise(call: BlockCall, tokens: Literal["sequence", "diagonal"] = "sequence") -> LinearisedOperator | str:
    """Return the Jacobians of a block as analytic operators, or why the block is not recognised.

    The block runs once, at the states recorded. Every operation leaves a linear map, with what it needs of the primal:
    a product with J applies the maps in order, a product with J^T their transposes in reverse, and autograd is not
    asked again. Where the convention takes the identity off, the state is dropped from the sum that the block returns;
    only where it cannot be found there is it subtracted.

    Parameters
    ----------
    call
        The block and its states [N, *shape].
    tokens
        "sequence": N problems, of whole states. "diagonal": N T problems, inputs first, the same-token Jacobians
        ``d f_t / d h_t`` of states [N, T, d]; all of them cost little more than one product with the whole Jacobian.

    Returns
    -------
    LinearisedOperator or str
        A reason ends the sentence "the block is not recognised because ...".

    Examples
    --------
    >>> block = torch.nn.Linear(2, 2, bias=False)
    >>> state = torch.ones(1, 2)
    >>> call = BlockCall("0", block, "branch", state, block(state), dict(block.state_dict()), (None,))
    >>> torch.equal(linearise(call).dense()[0], block.weight)
    True
    """
    per_token = tokens == "diagonal"
    if per_token and call.state.ndim != 3:
        return f"its state has shape {tuple(call.state.shape)} where tokens need [N, T, d]"
    # One token alone is a sequence, whose axis a reshape could not tell from any other of size one.
    labels: tuple[Label, ...] = ("sample", "token") if per_token and call.state.shape[1] > 1 else ("sample",)
    # The same holds of one sample: it is recorded twice.
    samples = torch.zeros(2, dtype=torch.long, device=call.state.device) if len(call.state) == 1 else None
    try:
        with torch.inference_mode(), torch.enable_grad():
            operator, hidden = _linearised(call, samples, labels)
        return _of_autograd(operator, call, per_token) if hidden else operator
    except UnrecognisedError as reason:
        return str(reason)
    except torch.OutOfMemoryError:
        raise
    except _FAILURES as error:
        return f"recording it failed: {error}"


def _linearised(call: BlockCall, samples: Tensor | None, labels: tuple[Label, ...]) -> tuple[LinearisedOperator, bool]:
    """Return the operator, and whether the block hid some of its steps from autograd."""
    state, identity = call.state, call.identity
    if samples is not None:
        state = state[samples]
        identity = identity[samples] if isinstance(identity, Tensor) else identity
    layout: Layout = (*map(axis_of, state.shape, labels), *map(axis_of, state.shape[len(labels) :]))
    channels_last = torch.channels_last if state.ndim == 4 else torch.preserve_format
    point = state.clone(memory_format=channels_last)
    recorder = Recorder(point, layout, RULES, pointwise)
    with recorder:
        output = call(point, samples)
    lead = len(labels)
    value = recorder.outcome(output)
    if value.layout[:lead] != layout[:lead]:
        raise UnrecognisedError("its output has its samples or tokens on other axes than its state")
    if not _same_numbers(output[: len(call.state)], call.output):
        raise UnrecognisedError("it does not return what it returned in the network")

    graph = Graph(recorder.nodes, value.node)
    takes_identity = isinstance(identity, Tensor) or identity != 0.0
    if takes_identity and output.shape != state.shape:
        raise UnrecognisedError(f"its output has shape {tuple(output.shape)}, its state {tuple(state.shape)}")
    if takes_identity and not graph.remove_skip(identity):
        factor = identity if isinstance(identity, Tensor) else point.new_tensor(identity)
        graph.subtract(Scale(-factor, layout if isinstance(identity, Tensor) else ()))
    graph.simplify()
    if graph.is_zero:
        if output.shape != state.shape:
            raise UnrecognisedError("its output depends on nothing of its state")
        graph = Graph([[], [Edge(0, (Scale(point.new_zeros(()), ()),))]], 1)
    grid = torch.ones(state.shape[:lead], dtype=torch.bool, device=state.device)
    shapes = tuple(state.shape[lead:]), tuple(output.shape[lead:])
    operator = LinearisedOperator(Program(graph), grid, *shapes, state.dtype)
    if samples is not None:
        operator = operator.select(torch.arange(grid[0].numel(), device=grid.device))
    return operator, recorder.hidden


def _of_autograd(operator: LinearisedOperator, call: BlockCall, per_token: bool) -> LinearisedOperator | str:
    """Return the operator where its products are those of one backward pass at all states, or that they are not.

    What autograd knows nothing of at all is left to `jacobian_operator`, which refuses the block.
    """
    reason = "its numbers change in another way than automatic differentiation has it (a backward pass of its own?)"
    if per_token:
        return reason
    with exact_autograd():
        state = call.state.detach().clone().requires_grad_()
        output = call(state)
        drawn = torch.randn(output.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        vector = drawn.to(output)
        if not output.requires_grad:
            return operator
        (image,) = torch.autograd.grad(output, state, vector, allow_unused=True, materialize_grads=True)
    identity = call.identity
    expected = image - identity * vector if isinstance(identity, Tensor) or identity else image
    found = StateOrder(operator).rmatvec(vector.flatten(1).unsqueeze(1)).reshape(expected.shape)
    allowed = torch.finfo(output.dtype).eps ** 0.5 * (image.flatten(1).norm(dim=1) + vector.flatten(1).norm(dim=1))
    return operator if bool(((found - expected).flatten(1).norm(dim=1) <= allowed).all()) else reason


def _same_numbers(output: Tensor, recorded: Tensor) -> bool:
    """Whether a block run again gives what it gave before: not at random, nor by the number of samples."""
    if output.shape != recorded.shape:
        return False
    return bool((output - recorded).norm() <= torch.finfo(output.dtype).eps ** 0.5 * recorded.norm())

"""Two ways to push residual blocks to be alike: a penalty on their Jacobians, and gradients shared by neighbours.

Both act on rows of like blocks: blocks of one stage of one type whose parameters have the same shapes, in order. (In a
transformer whose additions are the blocks, these are the attention parts, and the feed-forward parts.)
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cosine_similarity

from ramodel.checks import nonnegative
from ramodel.nets.architectures.network import ResidualNetwork
from ramodel.nets.architectures.trainable import TrainableNetwork

__all__ = ["coupling_penalty", "smooth_gradients"]


def coupling_penalty(network: TrainableNetwork, inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Return how far the Residual Jacobians of neighbouring blocks are from parallel, a scalar to be differentiated.

    ::

        P = mean over neighbours l, m of 1 - T_lm / sqrt(T_ll T_mm),   T_lm = sum_n tr(J_l(n)^T J_m(n))

    with J_l(n) the Jacobian of the branch of block l at the state of input n. P lies in 0 .. 2. It is 0 where all
    blocks have the Jacobian of their neighbour, up to a positive factor, as at the optimum of S1(d) and S6; and about
    1 for independent Jacobians. By S17 it bounds the coupling: with one input and T_lm > 0,

        m_K(J_l, J_m)^2 <= 4 (1 - cos^2) ||J_l||_F^2 / ||S_{l,K}||_F^2,   cos = 1 - the term of l, m,

    because m_K does not change when J_m is multiplied by a positive number, and m_K(J_l, c J_m) is at most
    2 ||J_l - c J_m||_F / ||S_{l,K}||_F, least at c = T_lm / T_mm.

    No Jacobian is formed. Each T is estimated from one product with random signs w for each input:
    E <J_l^T w, J_m^T w> = tr(J_l^T J_m), without bias (Hutchinson); the quotient is biased by O(1 / (inputs x width)).
    A batch norm counts as in evaluation, and no branch is left out: these are the Jacobians that are measured. States
    depend on the weights, and the gradient knows it. In time, about three steps of training on the same inputs: pass
    a few of the batch.

    Parameters
    ----------
    network
        Parameters and buffers stay; nothing is added to gradients before ``.backward()``.
    inputs
        [N, ...], what the network takes.
    generator
        Of the random signs; on any device.

    Returns
    -------
    Tensor
        P, with its graph.

    Raises
    ------
    ValueError
        If there are no two neighbours: blocks of one stage, one type and one shape.

    Examples
    --------
    >>> from ramodel.nets import NetworkConfig
    >>> network = ResidualNetwork(NetworkConfig(kind="linear", inputs=4, classes=2, width=4, depth=3))
    >>> x, generator = torch.ones(8, 4, dtype=torch.float64), torch.Generator().manual_seed(0)
    >>> bool(coupling_penalty(network, x, generator) > 0.5)
    True
    >>> with torch.no_grad():
    ...     for block in network.blocks:
    ...         _ = block.linear.weight.copy_(torch.eye(4))
    >>> round(coupling_penalty(network, x, generator).item(), 12)
    0.0
    """
    neighbours = [pair for row in _rows(network) for pair in pairwise(row)]
    if not neighbours:
        raise ValueError(
            f"network is a {type(network).__name__} without two neighbouring blocks of the same shape, so there is "
            "nothing to couple; give it a depth of at least 2."
        )
    with _evaluated(network), sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no second derivative
        products = _products(network, inputs, generator)
    terms = [1.0 - cosine_similarity(products[first], products[second], dim=0) for first, second in neighbours]
    return torch.stack(terms).mean()


@torch.no_grad()
def smooth_gradients(network: TrainableNetwork, strength: float) -> None:
    """Pull the gradient of every block, in place, towards those of its neighbours: call it before the optimiser's step.

    ``g_l <- (1 - a) g_l + a mean of g over the neighbours of l``, parameter by parameter, all blocks at once: a block
    inside of its row has two neighbours, one at its end has one. Blocks then move alike. The sum of the gradients over
    a row is changed at the ends alone, and gradients that are equal stay. Parameters without a gradient are left out.

    Parameters
    ----------
    network
        After ``loss.backward()``.
    strength
        a, from 0 (nothing happens) to 1.

    Raises
    ------
    TypeError, ValueError
        If `strength` is not a number from 0 to 1.

    Examples
    --------
    >>> from ramodel.nets import NetworkConfig
    >>> network = ResidualNetwork(NetworkConfig(kind="linear", inputs=1, classes=1, width=1, depth=3))
    >>> weights = [block.linear.weight for block in network.blocks]
    >>> for weight, gradient in zip(weights, (1.0, 2.0, 6.0)):
    ...     weight.grad = torch.full_like(weight, gradient)
    >>> smooth_gradients(network, 0.5)
    >>> [weight.grad.item() for weight in weights]
    [1.5, 2.75, 4.0]
    """
    if nonnegative("strength", strength) > 1.0:
        raise ValueError(f"strength is {strength}; it must be at most 1.")
    if strength == 0.0:
        return
    for row in _rows(network):
        for alike in zip(*(block.parameters() for block in row), strict=True):
            gradients = [parameter.grad for parameter in alike if parameter.grad is not None]
            if len(gradients) < 2:
                continue
            old = torch.stack(gradients)
            beside = torch.zeros_like(old)
            beside[1:] += old[:-1]
            beside[:-1] += old[1:]
            beside[1:-1] /= 2.0
            torch._foreach_copy_(gradients, list(old.lerp_(beside, strength)))


def _rows(network: TrainableNetwork) -> list[list[nn.Module]]:
    """Return the residual blocks in rows of like ones; parameters of something else between two blocks end a stage."""
    owners = {parameter: block for block in network.residual_blocks for parameter in block.parameters()}
    stages: list[dict[nn.Module, None]] = [{}]
    for parameter in network.parameters():
        if parameter in owners:
            stages[-1][owners[parameter]] = None
        elif stages[-1]:
            stages.append({})
    rows: list[list[nn.Module]] = []
    for stage in stages:
        alike: dict[Hashable, list[nn.Module]] = {}
        for block in stage:
            alike.setdefault((type(block), *(parameter.shape for parameter in block.parameters())), []).append(block)
        rows += alike.values()
    return rows


@contextmanager
def _evaluated(network: nn.Module) -> Iterator[None]:
    """Put every module in evaluation mode, and back."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _products(network: TrainableNetwork, inputs: Tensor, generator: torch.Generator) -> dict[nn.Module, Tensor]:
    """Return J_l^T w of every block, flat over inputs and coordinates, with the same w for states of one shape."""
    products: dict[nn.Module, Tensor] = {}
    signs: dict[torch.Size, Tensor] = {}
    for block, state in _states(network, inputs).items():
        if state.shape not in signs:
            drawn = torch.randint(0, 2, state.shape, generator=generator, device=generator.device)
            signs[state.shape] = (2 * drawn - 1).to(state)
        added = network.branch(block, state)
        (product,) = torch.autograd.grad(added, state, signs[state.shape].to(added.dtype), create_graph=True)
        products[block] = product.flatten()
    return products


def _states(network: TrainableNetwork, inputs: Tensor) -> dict[nn.Module, Tensor]:
    """Return the state that each residual block reads; all of them can be differentiated by."""
    states: dict[nn.Module, Tensor] = {}

    def note(block: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        states[block] = arguments[0] if arguments[0].requires_grad else arguments[0].detach().requires_grad_()

    handles = [block.register_forward_pre_hook(note) for block in network.residual_blocks]
    try:
        network.states(inputs) if isinstance(network, ResidualNetwork) else network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return states

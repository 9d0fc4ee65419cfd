"""The unreduced objective: value, gradient and Hessian-vector products over all J_l, W and E, many starts at once.

Nothing here is d x d x d: with the suffixes ``U_l = W A_L .. A_{l+1}`` and, for ``Gamma = d ell/dM``, the prefixes
``V_l = Gamma A_1^T .. A_l^T`` (both C x d) the gradient in J_l is ``U_l^T V_{l-1}``. The logits are X M^T, so that the
cost of many samples is one product, and none at all for the squared loss, where a QR factorisation of X leaves d rows.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ramodel.optimise import ZERO_SCALE, Evaluation, dot
from ramodel.problem import Problem
from ramodel.simulate.blocks import Factored, Free, Parametrisation, Scaled
from ramodel.simulate.losses import collapsed_loss
from ramodel.simulate.transport import Transport, TransportCost

__all__ = ["UnreducedObjective", "Variables"]

PLAIN_SCALES = (1.0, 0.9, 1.1, 0.8)  # singular values of all matrices of a net without skips at the start
IDLE = 1e-10  # relative size of states below which a direction has no inputs: their squares are what costs
BLOCK_SCALE = 0.1  # of the sum of all Jacobians at the start, in units of a random matrix of norm about 2
HEAD_SCALES = (0.1, 1.0, 0.01, 0.3)  # of the heads and embeddings, start after start, in the same units
KINETIC_BLOCK_SCALE, KINETIC_HEAD_SCALES = 1e-3, (0.01, 0.03, 0.003, 0.02)  # the same, in the kinetic model


@dataclass(frozen=True, eq=False)
class Variables:
    """The named parts of flat points, layers first.

    Parameters
    ----------
    blocks : Tensor [K, L, starts, d, d]
        J_l (K = 1), or the factors A', B (K = 2); A_l in the plain model, J_l Sigma^(1/2) in the kinetic one.
    head : Tensor [starts, C, d]
        W.
    embedding : Tensor [starts, d, d_in] or None
        E.
    """

    blocks: Float[Tensor, "matrices layers starts d d"]
    head: Float[Tensor, "starts classes d"]
    embedding: Float[Tensor, "starts d inputs"] | None


@dataclass(frozen=True, eq=False)
class _Pass:
    """One forward and backward pass, kept for the Hessian."""

    variables: Variables
    maps: Tensor  # A_l = I + J_l, [L, starts, d, d]
    suffixes: Tensor  # U_l, [L + 1, starts, C, d], l = 0..L
    prefixes: Tensor  # V_l, [L + 1, starts, C, d], l = 0..L
    logits: Tensor  # [starts, C, n]
    map_gradient: Tensor  # d ell/d(M E), [starts, C, d_in]
    jacobian_gradient: Tensor  # [L, starts, d, d]
    loss: Tensor  # [starts]
    transport: Transport | None  # of the kinetic model


class UnreducedObjective:
    """F of a `Problem` as a batched `Objective` of flat points [starts, n], with its Hessian.

    Parameters
    ----------
    problem
        What to minimise.
    device
        Where the tensors live.
    decay : Tensor [n] or None
        Decay of every variable, where they are not those of the problem; never in the kinetic model.
    """

    def __init__(self, problem: Problem, device: torch.device, decay: Float[Tensor, " n"] | None = None) -> None:
        assert problem.width is not None
        self.depth, self.width, self.classes = problem.depth, problem.width, problem.classes
        self._input_width = problem.inputs.shape[1]
        self._embedded = problem.embedding_decay is not None
        self._skip = problem.model != "plain"
        self._blocks: Parametrisation = Factored() if problem.model == "nuclear" else Free()
        self._inputs, self._loss = collapsed_loss(problem, device)
        self._transport: TransportCost | None = None
        block_decay = problem.jacobian_decay
        if problem.model == "kinetic":
            samples = torch.from_numpy(problem.inputs).to(device)
            self._transport, block_decay = TransportCost(samples, problem.jacobian_decay), 0.0
            if not self._embedded:
                self._blocks = Scaled(self._transport.whitening())
        self._block_size = self._blocks.matrices * self.depth * self.width**2
        self._head_size = self.classes * self.width
        parts = [(self._block_size, block_decay), (self._head_size, problem.head_decay)]
        if problem.embedding_decay is not None:
            parts.append((self.width * self._input_width, problem.embedding_decay))
        if decay is None:
            decay = torch.cat([torch.full((size,), value, dtype=torch.float64) for size, value in parts])
        self._decay = decay.to(device)
        self._identity = torch.eye(self.width, dtype=torch.float64, device=device)

    @property
    def size(self) -> int:
        """n, the number of variables."""
        return len(self._decay)

    def split(self, points: Float[Tensor, "starts n"]) -> Variables:
        """Return the named parts of flat points, as views."""
        starts, head_end = len(points), self._block_size + self._head_size
        shape = (starts, self._blocks.matrices, self.depth, self.width, self.width)
        blocks = points[:, : self._block_size].view(shape).permute(1, 2, 0, 3, 4)
        head = points[:, self._block_size : head_end].view(starts, self.classes, self.width)
        if not self._embedded:
            return Variables(blocks, head, None)
        return Variables(blocks, head, points[:, head_end:].view(starts, self.width, self._input_width))

    def join(self, variables: Variables) -> Float[Tensor, "starts n"]:
        """Return flat points; the inverse of `split`."""
        points = variables.head.new_empty(len(variables.head), self.size)
        parts = self.split(points)
        parts.blocks.copy_(variables.blocks)
        parts.head.copy_(variables.head)
        if parts.embedding is not None and variables.embedding is not None:
            parts.embedding.copy_(variables.embedding)
        return points

    def random_points(self, count: int, seed: int) -> Float[Tensor, "count n"]:
        """Draw random starts with small blocks and heads of several sizes.

        Small heads stay on the positive branch and descend fast; large ones can end off it (S15), but find optima of
        the nuclear model in which more singular values pass the threshold. Kinetic starts are all small: from others
        the blocks may run off, as no penalty keeps them from growing where hardly anything is left to move. Without
        skips small matrices would collapse to zero, and large ones take long: plain layers and heads start orthogonal,
        times a factor near 1. Drawn one by one on the CPU: a start depends neither on the device nor on how many
        follow.
        """
        generator = torch.Generator().manual_seed(seed)
        draws = [torch.randn(self.size, dtype=torch.float64, generator=generator) for _ in range(count)]
        points = torch.stack(draws)
        if not self._skip:
            return self._orthogonal(points).to(self._decay.device)
        kinetic = self._transport is not None
        block = (KINETIC_BLOCK_SCALE if kinetic else BLOCK_SCALE) / (self.depth * math.sqrt(self.width))
        heads = _start_scales(KINETIC_HEAD_SCALES if kinetic else HEAD_SCALES, count)
        points[:, : self._block_size] *= block ** (1 / self._blocks.matrices)
        points[:, self._block_size :] *= heads[:, None] / math.sqrt(self.width)
        return points.to(self._decay.device)

    def _orthogonal(self, points: Tensor) -> Tensor:
        """Return points with every matrix replaced by the orthogonal one nearest to it, all of one size a start."""
        parts = self.split(points)
        for part in (parts.blocks, parts.head, parts.embedding):
            if part is not None:
                left, _, right = torch.linalg.svd(part, full_matrices=False)
                part.copy_(left @ right)
        return points * _start_scales(PLAIN_SCALES, len(points))[:, None]

    def jacobians(self, variables: Variables) -> Float[Tensor, "layers starts d d"]:
        """Return J_l; A_l in the plain model."""
        return self._blocks.jacobians(variables.blocks)

    def end_to_end(self, variables: Variables) -> Float[Tensor, "starts classes inputs"]:
        """Return the map from inputs to logits, embedding included."""
        collapsed = self._suffixes(self._maps(variables), variables.head)[0]
        return collapsed if variables.embedding is None else collapsed @ variables.embedding

    def settled(self, points: Float[Tensor, "starts n"]) -> Float[Tensor, "starts n"]:
        """Return the points with what only rounding keeps from zero set to zero.

        That is everything at a zero optimum; the factors of blocks with ``||J_l||_F`` below the resolution of ``I +
        J_l``, as below the threshold of the nuclear model; and in the kinetic model what a block would do to directions
        without inputs, which neither loss nor penalty see. Free blocks stay: their size means something.
        """
        variables = self.split(points)
        if self._transport is not None:
            blocks = self._without_idle_parts(variables, self._transport)
            points = self.join(Variables(blocks, variables.head, variables.embedding))
        elif self._blocks.matrices > 1:
            norms = torch.linalg.matrix_norm(self.jacobians(variables))
            lost = norms <= torch.finfo(torch.float64).eps
            blocks = variables.blocks.masked_fill(lost[:, :, None, None], 0.0)
            points = self.join(Variables(blocks, variables.head, variables.embedding))
        zero = self(points).scale <= ZERO_SCALE
        return points.masked_fill(zero[:, None], 0.0)

    def positive_branch(self, jacobians: Float[Tensor, "layers d d"]) -> bool | None:
        """Whether the closed forms' branch is that of these blocks; None in the plain model, which has no branches."""
        if not self._skip:
            return None
        if self._transport is not None:
            return bool(torch.linalg.eigvals(jacobians).real.min() > -1.0)
        return bool(torch.linalg.eigvalsh((jacobians + jacobians.mT) / 2).min() > -1.0)

    def _without_idle_parts(self, variables: Variables, transport: TransportCost) -> Tensor:
        """Return J_l without what it does where no input enters block l: the smallest of its equivalents."""
        jacobians = self.jacobians(variables)
        left, sizes, _ = torch.linalg.svd(transport.states(jacobians, variables.embedding), full_matrices=False)
        used = left * (sizes > IDLE * sizes[..., :1])[..., None, :]
        kept: Tensor = jacobians @ used @ used.mT
        return self._blocks.variables(kept) if isinstance(self._blocks, Scaled) else kept[None]

    def __call__(self, points: Float[Tensor, "starts n"]) -> Evaluation:
        """Evaluate F, its gradient, and the scale ``||grad ell|| + ||grad decay||``."""
        value, gradient, decay_gradient = self.terms(points)
        norm = torch.linalg.vector_norm
        scale = norm(gradient, dim=1) + norm(decay_gradient, dim=1)
        return Evaluation(value, gradient.add_(decay_gradient), scale)

    def terms(self, points: Float[Tensor, "starts n"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return F [starts] and the gradients of the loss and of the decay [starts, n] apart."""
        state = self._pass(points)
        gradient = self._loss_gradient(state)
        decay_gradient = self._decay * points
        value = state.loss + 0.5 * dot(decay_gradient, points)
        if state.transport is not None:
            value += state.transport.value
            self._add(decay_gradient, state, state.transport.jacobian_gradient, state.transport.embedding_gradient)
        return value, gradient, decay_gradient

    def hessian(self, points: Float[Tensor, "starts n"]) -> Callable[[Tensor], Tensor]:
        """Linearise the gradient once at `points`; return the map from vectors to Hessian-vector products."""
        state = self._pass(points)
        loss_hessian = self._loss.hessian(state.logits)

        def product(vectors: Tensor) -> Tensor:
            change = self.split(vectors)
            result = self._tangent(state, loss_hessian, change).add_(self._decay * vectors)
            if self._transport is not None and state.transport is not None:
                blocks = self.jacobians(state.variables), self.jacobians(change)
                self._add(result, state, *self._transport.tangent(state.transport, *blocks, change.embedding))
            return result

        return product

    def _pass(self, points: Tensor) -> _Pass:
        variables = self.split(points)
        maps = self._maps(variables)
        suffixes = self._suffixes(maps, variables.head)
        embedding = variables.embedding
        collapsed = suffixes[0] if embedding is None else suffixes[0] @ embedding
        logits = collapsed @ self._inputs.mT
        loss, logit_gradient = self._loss.evaluate(logits)
        map_gradient = logit_gradient @ self._inputs
        prefixes = torch.empty_like(suffixes)
        prefixes[0] = map_gradient if embedding is None else map_gradient @ embedding.mT
        _chain(prefixes.unbind(), maps.mT.unbind())
        jacobian_gradient = suffixes[1:].mT @ prefixes[:-1]
        transport = None
        if self._transport is not None:
            transport = self._transport.evaluate(self.jacobians(variables), embedding)
        return _Pass(variables, maps, suffixes, prefixes, logits, map_gradient, jacobian_gradient, loss, transport)

    def _maps(self, variables: Variables) -> Tensor:
        jacobians = self.jacobians(variables)
        return jacobians + self._identity if self._skip else jacobians

    def _add(self, points: Tensor, at: _Pass, jacobians: Tensor, embedding: Tensor | None) -> None:
        """Add gradients in J_l and E to flat points, in place."""
        parts = self.split(points)
        parts.blocks.add_(self._blocks.pull_back(at.variables.blocks, jacobians))
        if parts.embedding is not None and embedding is not None:
            parts.embedding.add_(embedding)

    def _suffixes(self, maps: Tensor, head: Tensor) -> Tensor:
        suffixes = head.new_empty(self.depth + 1, *head.shape)
        suffixes[-1] = head
        _chain(suffixes.unbind()[::-1], maps.unbind()[::-1])
        return suffixes

    def _loss_gradient(self, state: _Pass) -> Tensor:
        blocks = self._blocks.pull_back(state.variables.blocks, state.jacobian_gradient)
        embedding = None if state.variables.embedding is None else state.suffixes[0].mT @ state.map_gradient
        return self.join(Variables(blocks, state.prefixes[-1], embedding))

    def _tangent(self, at: _Pass, loss_hessian: Callable[[Tensor], Tensor], change: Variables) -> Tensor:
        """Differentiate `_pass` and `_loss_gradient` along `change`: the same recursions, with the product rule."""
        jacobian_change = self._blocks.tangent(at.variables.blocks, change.blocks)
        suffixes = torch.empty_like(at.suffixes)
        suffixes[-1] = change.head
        sources = at.suffixes[1:] @ jacobian_change
        _chain(suffixes.unbind()[::-1], at.maps.unbind()[::-1], sources.unbind()[::-1])
        embedding, embedding_change = at.variables.embedding, change.embedding
        collapsed = suffixes[0]
        if embedding is not None and embedding_change is not None:
            collapsed = collapsed @ embedding + at.suffixes[0] @ embedding_change
        map_gradient = loss_hessian(collapsed @ self._inputs.mT) @ self._inputs
        prefixes = torch.empty_like(at.prefixes)
        embedding_gradient = None
        if embedding is None or embedding_change is None:
            prefixes[0] = map_gradient
        else:
            prefixes[0] = map_gradient @ embedding.mT + at.map_gradient @ embedding_change.mT
            embedding_gradient = suffixes[0].mT @ at.map_gradient + at.suffixes[0].mT @ map_gradient
        sources = at.prefixes[:-1] @ jacobian_change.mT
        _chain(prefixes.unbind(), at.maps.mT.unbind(), sources.unbind())
        jacobian_gradient = suffixes[1:].mT @ at.prefixes[:-1] + at.suffixes[1:].mT @ prefixes[:-1]
        blocks = self._blocks.pull_back_tangent(
            at.variables.blocks, change.blocks, at.jacobian_gradient, jacobian_gradient
        )
        return self.join(Variables(blocks, prefixes[-1], embedding_gradient))


def _chain(states: Sequence[Tensor], maps: Sequence[Tensor], sources: Sequence[Tensor] | None = None) -> None:
    """Fill ``states[l + 1] = states[l] maps[l] (+ sources[l])`` in place."""
    for layer, matrix in enumerate(maps):
        if sources is None:
            torch.bmm(states[layer], matrix, out=states[layer + 1])
        else:
            torch.baddbmm(sources[layer], states[layer], matrix, out=states[layer + 1])


def _start_scales(scales: Sequence[float], count: int) -> Tensor:
    """Return the scales of so many starts, in turn."""
    return torch.tensor([scales[start % len(scales)] for start in range(count)], dtype=torch.float64)

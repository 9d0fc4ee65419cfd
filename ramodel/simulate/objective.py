"""The unreduced objective: value, gradient and Hessian-vector products over all J_l, W and E, many starts at once.

Nothing here is d x d x d: with the suffixes ``U_l = W A_L .. A_{l+1}`` and, for ``Gamma = d ell/dM``, the prefixes
``V_l = Gamma A_1^T .. A_l^T`` (both C x d) the gradient in J_l is ``U_l^T V_{l-1}``. The logits are X M^T, so that the
cost of many samples is one product, and none at all for the squared loss, where a QR factorisation of X leaves d rows.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ramodel.optimise import ZERO_SCALE, Evaluation, dot
from ramodel.problem import Problem
from ramodel.simulate.blocks import Factored, Free, Parametrisation
from ramodel.simulate.losses import CrossEntropy, Logistic, LogitLoss, Squared

__all__ = ["UnreducedObjective", "Variables"]

BLOCK_SCALE = 0.1  # of the sum of all Jacobians at the start, in units of a random matrix of norm about 2
HEAD_SCALES = (0.1, 1.0, 0.01, 0.3)  # of the heads and embeddings, start after start, in the same units


@dataclass(frozen=True, eq=False)
class Variables:
    """The named parts of flat points, layers first.

    Parameters
    ----------
    blocks : Tensor [K, L, starts, d, d]
        J_l (K = 1) or the factors A', B (K = 2).
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
    maps: Tensor  # I + J_l, [L, starts, d, d]
    suffixes: Tensor  # U_l, [L + 1, starts, C, d], l = 0..L
    prefixes: Tensor  # V_l, [L + 1, starts, C, d], l = 0..L
    logits: Tensor  # [starts, C, n]
    map_gradient: Tensor  # d ell/d(M E), [starts, C, d_in]
    jacobian_gradient: Tensor  # [L, starts, d, d]
    loss: Tensor  # [starts]


class UnreducedObjective:
    """F of a `Problem` as a batched `Objective` of flat points [starts, n], with its Hessian.

    Parameters
    ----------
    problem
        What to minimise.
    device
        Where the tensors live.
    """

    def __init__(self, problem: Problem, device: torch.device) -> None:
        assert problem.width is not None
        self.depth, self.width, self.classes = problem.depth, problem.width, problem.classes
        self._input_width = problem.inputs.shape[1]
        self._embedded = problem.embedding_decay is not None
        self._blocks: Parametrisation = Free() if problem.model == "frobenius" else Factored()
        self._inputs, self._loss = _collapsed_loss(problem, device)
        self._block_size = self._blocks.matrices * self.depth * self.width**2
        self._head_size = self.classes * self.width
        parts = [(self._block_size, problem.jacobian_decay), (self._head_size, problem.head_decay)]
        if problem.embedding_decay is not None:
            parts.append((self.width * self._input_width, problem.embedding_decay))
        self._decay = torch.cat([torch.full((size,), decay, dtype=torch.float64) for size, decay in parts]).to(device)
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
        the nuclear model in which more singular values pass the threshold. Drawn one by one on the CPU: a start
        depends neither on the device nor on how many follow.
        """
        generator = torch.Generator().manual_seed(seed)
        draws = [torch.randn(self.size, dtype=torch.float64, generator=generator) for _ in range(count)]
        points = torch.stack(draws)
        block = BLOCK_SCALE / (self.depth * math.sqrt(self.width))
        points[:, : self._block_size] *= block ** (1 / self._blocks.matrices)
        scales = torch.tensor([HEAD_SCALES[start % len(HEAD_SCALES)] for start in range(count)], dtype=torch.float64)
        points[:, self._block_size :] *= scales[:, None] / math.sqrt(self.width)
        return points.to(self._decay.device)

    def jacobians(self, variables: Variables) -> Float[Tensor, "layers starts d d"]:
        """Return J_l."""
        return self._blocks.jacobians(variables.blocks)

    def end_to_end(self, variables: Variables) -> Float[Tensor, "starts classes inputs"]:
        """Return the map from inputs to logits, embedding included."""
        collapsed = self._suffixes(self._maps(variables), variables.head)[0]
        return collapsed if variables.embedding is None else collapsed @ variables.embedding

    def settled(self, points: Float[Tensor, "starts n"]) -> Float[Tensor, "starts n"]:
        """Return the points with what only rounding keeps from zero set to zero.

        That is everything at a zero optimum, and the factors of blocks with ``||J_l||_F`` below the resolution of
        ``I + J_l``, as below the threshold of the nuclear model. Free blocks stay: their size means something.
        """
        variables = self.split(points)
        if self._blocks.matrices > 1:
            norms = torch.linalg.matrix_norm(self.jacobians(variables))
            lost = norms <= torch.finfo(torch.float64).eps
            blocks = variables.blocks.masked_fill(lost[:, :, None, None], 0.0)
            points = self.join(Variables(blocks, variables.head, variables.embedding))
        zero = self(points).scale <= ZERO_SCALE
        return points.masked_fill(zero[:, None], 0.0)

    def __call__(self, points: Float[Tensor, "starts n"]) -> Evaluation:
        """Evaluate F, its gradient, and the scale ``||grad ell|| + ||grad decay||``."""
        state = self._pass(points)
        gradient = self._loss_gradient(state)
        decay_gradient = self._decay * points
        norm = torch.linalg.vector_norm
        scale = norm(gradient, dim=1) + norm(decay_gradient, dim=1)
        value = state.loss + 0.5 * dot(decay_gradient, points)
        return Evaluation(value, gradient.add_(decay_gradient), scale)

    def hessian(self, points: Float[Tensor, "starts n"]) -> Callable[[Tensor], Tensor]:
        """Linearise the gradient once at `points`; return the map from vectors to Hessian-vector products."""
        state = self._pass(points)
        loss_hessian = self._loss.hessian(state.logits)
        return lambda vectors: self._tangent(state, loss_hessian, self.split(vectors)) + self._decay * vectors

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
        return _Pass(variables, maps, suffixes, prefixes, logits, map_gradient, jacobian_gradient, loss)

    def _maps(self, variables: Variables) -> Tensor:
        return self.jacobians(variables) + self._identity

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


def _collapsed_loss(problem: Problem, device: torch.device) -> tuple[Tensor, LogitLoss]:
    """Return the inputs [n, d_in] and the loss on their logits; n < N where the loss allows it."""

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    if problem.loss == "logistic":
        return tensor(problem.inputs), Logistic(tensor(problem.targets.astype(np.float64)[None]))
    if problem.targets.ndim == 1:
        one_hot = problem.targets[:, None] == np.arange(problem.classes)
        if problem.loss == "cross-entropy":
            return tensor(problem.inputs), CrossEntropy(tensor(one_hot.T))
        targets = one_hot.astype(np.float64)
    else:
        targets = problem.targets.astype(np.float64)
    # X = Q R: ||X M^T - Y||^2 = ||R M^T - Q^T Y||^2 + ||Y - Q Q^T Y||^2, and R has at most d_in rows.
    basis, inputs = np.linalg.qr(problem.inputs)
    reached = basis.T @ targets
    constant = float(np.square(targets - basis @ reached).sum()) / (2 * problem.samples)
    return tensor(inputs), Squared(tensor(reached.T), problem.samples, constant)

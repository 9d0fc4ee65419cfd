"""Loss and gradient, by hand, of a network that is one matrix M = W (I + J_L) ... (I + J_1) E.

With K = d loss/dM [C, d_in], S_l = W (I + J_L) ... (I + J_{l+1}) [C, d], R_l = K E^T (I + J_1)^T...(I + J_l)^T [C, d]:

    d loss/dJ_l = S_l^T R_{l-1},    d loss/dW = R_L,    d loss/dE = S_0^T K.

S runs down from the head and R up from the embedding, so that no product ever has more than C rows: an evaluation
costs 6 L C d^2 multiplications and additions besides the loss, against 12 L N d^2 for back-propagation of two-matrix
blocks through the states of N samples.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ramodel.nets.architectures.network import ResidualNetwork
from ramodel.nets.training.losses import Loss, one_hot

__all__ = ["CollapsedLoss"]


class _Weights(NamedTuple):
    """Views of a flat point: E [d, d_in], (J,) or (A, B) with the layer first, W [C, d]."""

    embedding: Tensor
    branches: tuple[Tensor, ...]
    head: Tensor


class CollapsedLoss:
    """Loss of a bias-free network with linear blocks as a function of its flat parameters.

    Parameters
    ----------
    network
        Gives the shapes, and the embedding where it is not trained.
    inputs, labels
        Training set [N, d_in], [N].
    loss
        Loss of the logits.
    """

    def __init__(self, network: ResidualNetwork, inputs: Tensor, labels: Tensor, loss: Loss) -> None:
        self._config = network.config
        self._fixed = None if network.embedding.weight.requires_grad else network.embedding.weight.detach()
        self._columns = inputs.T.contiguous()
        self._targets = one_hot(labels, network.config.classes).to(inputs).T.contiguous()
        self._loss = loss
        rows = (network.config.depth + 1, network.config.classes, network.config.width)
        self._from_head, self._to_layer = inputs.new_empty(rows), inputs.new_empty(rows)

    def __call__(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient [n] at `point` [n]."""
        weights = self._unpack(point)
        gradient = torch.empty_like(point)
        into = self._unpack(gradient)
        from_head, to_layer = self._from_head.unbind(), self._to_layer.unbind()

        self._fill_from_head(weights, from_head)
        value, logit_gradient = self._loss_of_logits(from_head[0] @ weights.embedding @ self._columns)
        map_gradient = logit_gradient @ self._columns.T
        torch.mm(map_gradient, weights.embedding.T, out=to_layer[0])
        self._fill_to_layer(weights, to_layer)

        above, below = self._from_head[1:], self._to_layer[:-1]
        if len(weights.branches) == 1:
            torch.bmm(above.mT, below, out=into.branches[0])
        else:
            inner, outer = weights.branches
            into.branches[0].copy_((above @ outer).mT @ below)
            into.branches[1].copy_(above.mT @ (below @ inner.mT))
        into.head.copy_(to_layer[-1])
        if self._fixed is None:
            torch.mm(from_head[0].T, map_gradient, out=into.embedding)
        return value, gradient

    def _loss_of_logits(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss of `logits` [C, N] and its gradient; classes come first, so that sums run along rows."""
        samples = logits.shape[1]
        if self._loss == "cross-entropy":
            logarithms = torch.log_softmax(logits, dim=0)
            value = -torch.dot(logarithms.view(-1), self._targets.view(-1)) / samples
            return value, logarithms.exp_().sub_(self._targets).div_(samples)
        residual = logits.sub_(self._targets)
        return 0.5 * residual.square().sum() / samples, residual.div(samples)

    def _unpack(self, point: Tensor) -> _Weights:
        config = self._config
        width, depth = config.width, config.depth
        first = 0 if self._fixed is not None else width * config.inputs
        last = len(point) - config.classes * width
        embedding = point[:first].view(width, config.inputs) if self._fixed is None else self._fixed
        blocks = point[first:last].view(depth, -1)
        head = point[last:].view(config.classes, width)
        if config.kind == "linear":
            return _Weights(embedding, (blocks.view(depth, width, width),), head)
        inner, outer = blocks.chunk(2, dim=1)
        return _Weights(embedding, (inner.view(depth, -1, width), outer.view(depth, width, -1)), head)

    def _fill_from_head(self, weights: _Weights, products: tuple[Tensor, ...]) -> None:
        """Write S_L, ..., S_0."""
        products[-1].copy_(weights.head)
        last = weights.branches[0].unbind()
        first = [matrix.unbind() for matrix in weights.branches[1:]]
        for layer in range(self._config.depth, 0, -1):
            above = products[layer]
            left = above @ first[0][layer - 1] if first else above
            torch.addmm(above, left, last[layer - 1], beta=float(self._config.skip), out=products[layer - 1])

    def _fill_to_layer(self, weights: _Weights, products: tuple[Tensor, ...]) -> None:
        """Write R_1, ..., R_L after R_0."""
        last = weights.branches[-1].mT.unbind()
        first = [matrix.mT.unbind() for matrix in weights.branches[:-1]]
        for layer in range(self._config.depth):
            below = products[layer]
            left = below @ first[0][layer] if first else below
            torch.addmm(below, left, last[layer], beta=float(self._config.skip), out=products[layer + 1])

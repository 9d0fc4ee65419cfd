"""The kinetic model's penalty: what it costs to move the inputs, whatever the number of samples.

``(lam_J/2) sum_l mean ||J_l h_{l-1}||^2 = (lam_J/2) sum_l ||T_l||_F^2`` with ``F_0 = E R``, ``T_l = J_l F_{l-1}`` and
``F_l = F_{l-1} + T_l``, for any R with ``R R^T = mean x x^T``: a QR factorisation of the inputs leaves at most d_in
columns. Backwards, ``S_l = lam_J T_l + Y_l`` and ``Y_{l-1} = Y_l + J_l^T S_l`` from ``Y_L = 0`` give the gradients
``S_l F_{l-1}^T`` in J_l and ``Y_0 R^T`` in E.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Transport", "TransportCost"]

UNUSED = 1e-8
"""Relative size of the inputs along a direction below which it counts as unused: squares of that drown in rounding."""

Jacobians = Float[Tensor, "layers starts d d"]
Embedding = Float[Tensor, "starts d inputs"]


@dataclass(frozen=True, eq=False)
class Transport:
    """The cost at a point, its gradient, and what its Hessian needs.

    Parameters
    ----------
    value : Tensor [starts]
        The cost.
    jacobian_gradient : Tensor [L, starts, d, d]
        Its gradient in J_l.
    embedding_gradient : Tensor [starts, d, d_in] or None
        Its gradient in E.
    states : Tensor [L, starts, d, r]
        F_0, ..., F_{L-1}, what enters each block: ``F F^T = mean h h^T``.
    pulls : Tensor [L, starts, d, r]
        S_l.
    """

    value: Float[Tensor, " starts"]
    jacobian_gradient: Jacobians
    embedding_gradient: Embedding | None
    states: Float[Tensor, "layers starts d r"]
    pulls: Float[Tensor, "layers starts d r"]


class TransportCost:
    """``(lam_J/2) sum_l mean ||h_l - h_{l-1}||^2``, many starts at once.

    Parameters
    ----------
    inputs : Tensor [N, d_in]
        Samples as rows.
    decay
        lam_J.
    """

    def __init__(self, inputs: Float[Tensor, "samples inputs"], decay: float) -> None:
        self._root = torch.linalg.qr(inputs)[1].mT.contiguous() / len(inputs) ** 0.5
        self._decay = decay

    def whitening(self) -> Float[Tensor, "inputs inputs"]:
        """Return C with mean (C x)(C x)^T = I on the span of the inputs: ``J_1 = K C`` costs (lam_J/2) ||K||_F^2."""
        left, sizes, _ = torch.linalg.svd(self._root)
        sizes = torch.nn.functional.pad(sizes, (0, len(left) - len(sizes)))
        unused = sizes <= UNUSED * sizes[0]
        typical = sizes[~unused].mean() if bool((~unused).any()) else 1.0
        units: Tensor = left / sizes.masked_fill(unused, float(typical)) @ left.mT
        return units

    def states(self, jacobians: Jacobians, embedding: Embedding | None) -> Float[Tensor, "layers starts d r"]:
        """Return F_0, ..., F_{L-1}."""
        return self._forward(jacobians, embedding)[0]

    def evaluate(self, jacobians: Jacobians, embedding: Embedding | None) -> Transport:
        """Return the cost and its gradient."""
        states, steps = self._forward(jacobians, embedding)
        value = 0.5 * self._decay * steps.square().sum(dim=(0, 2, 3))
        pulls = steps.mul_(self._decay)
        pull = torch.zeros_like(pulls[0])
        for layer in range(len(jacobians) - 1, -1, -1):
            pulls[layer] += pull
            pull.baddbmm_(jacobians[layer].mT, pulls[layer])
        gradient = None if embedding is None else pull @ self._root.mT
        return Transport(value, pulls @ states.mT, gradient, states, pulls)

    def tangent(
        self, at: Transport, jacobians: Jacobians, change: Jacobians, embedding_change: Embedding | None
    ) -> tuple[Jacobians, Embedding | None]:
        """Return the changes of both gradients: the recursions of `evaluate`, with the product rule."""
        steps = change @ at.states
        states = torch.empty_like(at.states)
        state = torch.zeros_like(states[0]) if embedding_change is None else embedding_change @ self._root
        for layer, jacobian in enumerate(jacobians):
            states[layer] = state
            steps[layer].baddbmm_(jacobian, state)
            state = state + steps[layer]
        pulls = steps.mul_(self._decay)
        sources = change.mT @ at.pulls
        pull = torch.zeros_like(state)
        for layer in range(len(jacobians) - 1, -1, -1):
            pulls[layer] += pull
            pull.baddbmm_(jacobians[layer].mT, pulls[layer]).add_(sources[layer])
        gradient = None if embedding_change is None else pull @ self._root.mT
        return pulls @ at.states.mT + at.pulls @ states.mT, gradient

    def _forward(self, jacobians: Jacobians, embedding: Embedding | None) -> tuple[Tensor, Tensor]:
        """Return F_0, ..., F_{L-1} and T_1, ..., T_L."""
        depth, starts, width, _ = jacobians.shape
        states = jacobians.new_empty(depth, starts, width, self._root.shape[1])
        steps = torch.empty_like(states)
        states[0] = self._root if embedding is None else embedding @ self._root
        for layer in range(depth):
            torch.bmm(jacobians[layer], states[layer], out=steps[layer])
            if layer + 1 < depth:
                torch.add(states[layer], steps[layer], out=states[layer + 1])
        return states, steps

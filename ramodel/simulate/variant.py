"""S1's extensions for the optimiser: decays by layer, biases, a head that is not trained.

Biases are columns of matrices in homogeneous coordinates, states with a 1 appended: ``[[J_l, b_l], [0, 0]]`` for a
block, ``[W, c]`` for the head, ``[[E, 0], [0, 1]]`` for an embedding. The objective of the larger problem does all the
work; this one fills in what is not trained, and hands on the rest.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ramodel.optimise import Evaluation
from ramodel.problem import Problem, ProblemVariant
from ramodel.simulate.objective import UnreducedObjective, Variables

__all__ = ["VariantObjective"]


class VariantObjective:
    """F of a `ProblemVariant` as a batched `Objective` of the trained variables [starts, n], with its Hessian.

    Parameters
    ----------
    variant
        What to minimise.
    device
        Where the tensors live.
    """

    def __init__(self, variant: ProblemVariant, device: torch.device) -> None:
        assert variant.problem.width is not None
        self._biased = variant.bias_decay is not None
        self._width, self._inputs = variant.problem.width, variant.problem.inputs.shape[1]
        larger = _homogeneous(variant.problem) if self._biased else variant.problem
        shapes = UnreducedObjective(larger, torch.device("cpu"))
        decay, constant, trained = _elements(variant, shapes)
        self._full = UnreducedObjective(larger, device, None if larger.model == "kinetic" else decay)
        self._constant = constant.to(device)
        self._index = trained.nonzero()[:, 0].to(device)

    @property
    def size(self) -> int:
        """n, the number of trained variables."""
        return len(self._index)

    def split(self, points: Float[Tensor, "starts n"]) -> Variables:
        """Return the named parts, all of them, in homogeneous coordinates where there are biases."""
        return self._full.split(self._filled(points, self._constant))

    def random_points(self, count: int, seed: int) -> Float[Tensor, "count n"]:
        """Draw random starts, as `UnreducedObjective` does."""
        return self._full.random_points(count, seed)[:, self._index]

    def settled(self, points: Float[Tensor, "starts n"]) -> Float[Tensor, "starts n"]:
        """Return the points with what only rounding keeps from zero set to zero."""
        return self._full.settled(self._filled(points, self._constant))[:, self._index]

    def jacobians(self, variables: Variables) -> Float[Tensor, "layers starts d d"]:
        """Return J_l, biases left out."""
        return self._full.jacobians(variables)[..., : self._width, : self._width]

    def end_to_end(self, variables: Variables) -> Float[Tensor, "starts classes inputs"]:
        """Return the linear part of the map from inputs to logits."""
        return self._full.end_to_end(variables)[..., : self._inputs]

    def positive_branch(self, jacobians: Float[Tensor, "layers d d"]) -> bool | None:
        """Whether the closed forms' branch is that of these blocks."""
        return self._full.positive_branch(jacobians)

    def __call__(self, points: Float[Tensor, "starts n"]) -> Evaluation:
        """Evaluate F, its gradient in the trained variables, and the scale of its terms."""
        value, *gradients = self._full.terms(self._filled(points, self._constant))
        loss_gradient, decay_gradient = (gradient[:, self._index] for gradient in gradients)
        norm = torch.linalg.vector_norm
        scale = norm(loss_gradient, dim=1) + norm(decay_gradient, dim=1)
        return Evaluation(value, loss_gradient + decay_gradient, scale)

    def hessian(self, points: Float[Tensor, "starts n"]) -> Callable[[Tensor], Tensor]:
        """Linearise the gradient once at `points`; return the map from vectors to Hessian-vector products."""
        product = self._full.hessian(self._filled(points, self._constant))
        still = torch.zeros_like(self._constant)
        return lambda vectors: product(self._filled(vectors, still))[:, self._index]

    def plain_parts(self, variables: Variables) -> tuple[Variables, Tensor | None, Tensor | None]:
        """Return the parts in plain coordinates, the biases [L, starts, d] and the head's [starts, C], if any."""
        if not self._biased:
            return variables, None, None
        d, inputs = self._width, self._inputs
        embedding = None if variables.embedding is None else variables.embedding[:, :d, :inputs]
        blocks = variables.blocks[..., :d, :d]
        biases = self._full.jacobians(variables)[..., :d, d]
        return Variables(blocks, variables.head[..., :d], embedding), biases, variables.head[..., d]

    def _filled(self, points: Tensor, rest: Tensor) -> Tensor:
        full = rest.expand(len(points), -1).clone()
        full[:, self._index] = points
        return full


def _homogeneous(problem: Problem) -> Problem:
    """Return the problem of the states with a 1 appended."""
    assert problem.width is not None
    ones = np.ones((problem.samples, 1))
    return replace(problem, inputs=np.hstack([problem.inputs, ones]), width=problem.width + 1)


def _elements(
    variant: ProblemVariant, shapes: UnreducedObjective
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Bool[Tensor, " n"]]:
    """Return the decay of each variable, its value where it is not trained, and whether it is."""
    problem, d = variant.problem, variant.problem.width
    decay, constant, untrained = (torch.zeros(1, shapes.size, dtype=torch.float64) for _ in range(3))
    rates, values, fixed = shapes.split(decay), shapes.split(constant), shapes.split(untrained)
    layers = np.full(problem.depth, problem.jacobian_decay) if variant.layer_decays is None else variant.layer_decays
    rates.blocks.copy_(torch.from_numpy(layers).view(1, -1, 1, 1, 1).expand_as(rates.blocks))
    rates.head.fill_(problem.head_decay)
    if rates.embedding is not None and problem.embedding_decay is not None:
        rates.embedding.fill_(problem.embedding_decay)
    if variant.bias_decay is not None:
        for part, of_border in ((rates, 0.0), (fixed, 1.0)):
            part.blocks[..., d, :] = of_border
            if len(part.blocks) == 2:
                part.blocks[0, ..., d] = of_border
            if part.embedding is not None:
                part.embedding[..., d, :] = of_border
                part.embedding[..., -1] = of_border
        rates.blocks[-1, ..., :d, d] = variant.bias_decay  # b_l, a column of J_l or of B_l
        rates.head[..., d] = variant.bias_decay
        if len(values.blocks) == 2:
            values.blocks[0, ..., d, d] = 1.0  # A'_l hands the 1 on to that column of B_l
        if values.embedding is not None:
            values.embedding[..., d, -1] = 1.0
    if variant.fixed_head is not None:
        values.head[..., :d] = torch.from_numpy(variant.fixed_head)
        fixed.head[..., :d] = 1.0
    return decay[0], constant[0], untrained[0] == 0.0

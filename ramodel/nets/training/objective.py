"""The objective of training: mean loss plus weight decay with exactly the theory's lam, and its gradient."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ramodel.nets.architectures.network import ResidualNetwork
from ramodel.nets.training.collapsed import CollapsedLoss
from ramodel.nets.training.losses import Loss, mean_loss
from ramodel.optimise import Evaluation

__all__ = ["Decays", "TrainingObjective", "decay_groups"]


class Decays(NamedTuple):
    """Weight decay lam of the weights of each part; biases have none."""

    embedding: float
    blocks: float
    head: float


class TrainingObjective:
    """F(theta) = mean loss + (lam_E/2)||E||^2 + (lam_J/2) sum_l ||block l||^2 + (lam_W/2)||W||^2 on a training set.

    Called with a point [1, n] it is an objective of `ramodel.optimise`. A point lists the trained parameters in the
    order of `network.parameters()`.

    Parameters
    ----------
    network
        Gives the architecture; `move` sets its parameters.
    inputs, labels
        Training set [N, d_in], [N], on the device and in the type of the network.
    loss
        Mean over samples of the cross-entropy or of half the squared error.
    decays
        lam_E, lam_J, lam_W.
    """

    def __init__(self, network: ResidualNetwork, inputs: Tensor, labels: Tensor, loss: Loss, decays: Decays) -> None:
        self.network = network
        self.inputs = inputs
        self.labels = labels
        self.loss: Loss = loss
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        lam = {parameter: lam for group, lam in decay_groups(network, decays) for parameter in group}
        self.decay = torch.cat([p.detach().new_full((p.numel(),), lam[p]) for p in self.parameters])
        self._collapsed = CollapsedLoss(network, inputs, labels, loss) if network.is_collapsible else None

    def point(self) -> Tensor:
        """Return the parameters of the network as a point [1, n]."""
        return parameters_to_vector(self.parameters).detach()[None]

    def move(self, point: Tensor) -> None:
        """Set the parameters of the network to a copy of `point` [1, n]."""
        vector_to_parameters(point[0].clone(), self.parameters)

    def __call__(self, point: Tensor) -> Evaluation:
        """Return F, its gradient, and the scale ||grad loss|| + ||grad decay|| at `point` [1, n]."""
        vector = point[0]
        value, gradient = self._back_propagated(point) if self._collapsed is None else self._collapsed(vector)
        decay_gradient = self.decay * vector
        scale = torch.linalg.vector_norm(gradient) + torch.linalg.vector_norm(decay_gradient)
        value = value + 0.5 * torch.dot(decay_gradient, vector)
        return Evaluation(value[None], gradient.add_(decay_gradient)[None], scale[None])

    def _back_propagated(self, point: Tensor) -> tuple[Tensor, Tensor]:
        self.move(point)
        value = mean_loss(self.loss, self.network(self.inputs), self.labels)
        return value.detach(), parameters_to_vector(torch.autograd.grad(value, self.parameters))


def decay_groups(network: ResidualNetwork, decays: Decays) -> list[tuple[list[torch.nn.Parameter], float]]:
    """Return the trained parameters in groups of equal decay: embedding, blocks, head, and the undecayed biases."""
    groups: list[tuple[list[torch.nn.Parameter], float]] = []
    biases: list[torch.nn.Parameter] = []
    for part, lam in zip((network.embedding, network.blocks, network.head), decays, strict=True):
        trained = [parameter for parameter in part.parameters() if parameter.requires_grad]
        groups.append(([parameter for parameter in trained if parameter.ndim > 1], lam))
        biases += [parameter for parameter in trained if parameter.ndim == 1]
    return [(group, lam) for group, lam in [*groups, (biases, 0.0)] if group]

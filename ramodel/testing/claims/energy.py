"""Statement S19: work and energy in nonlinear residual networks."""

from typing import Literal

import numpy as np
import torch
from hypothesis import reject
from hypothesis import strategies as st

from ramodel.nets import Dataset, NetworkConfig, ResidualNetwork, TrainingConfig, TwoLayerBlock, train
from ramodel.spectra import WorkAndEnergy, work_and_energy
from ramodel.spectra.work import mean_loss
from ramodel.testing.claims.cases import DECAYS, gaussian
from ramodel.testing.claims.claim import Claim
from ramodel.testing.strategies import seeds

__all__ = ["CLAIMS"]

Activation = Literal["factored", "relu", "gelu"]


def work(
    *, kind: Activation, classes: int, width: int, depth: int, bias: bool, seed: int, inner: bool = False
) -> float:
    """Return the departure of the work of each block from -<B_l, dl/dB_l>, in any network, trained or not."""
    network, inputs, labels = _network(kind, classes, width, depth, bias, seed)
    mean_loss(network(inputs), labels, "cross-entropy").backward()  # type: ignore[no-untyped-call]
    along = []
    for block in _blocks(network):
        layer = block.inner if inner else block.outer
        along.append(-sum(float((p.detach() * p.grad).sum()) for p in layer.parameters() if p.grad is not None))
    found = work_and_energy(network, inputs, labels, "cross-entropy")
    return float(np.linalg.norm(found.work - along)) / _size(found)


def euler(*, kind: Activation, classes: int, width: int, depth: int, seed: int, bias: bool = False) -> float:
    """Return how much -<g_l, h_l> varies over l in a network without biases, and its distance to the head's work."""
    network, inputs, labels = _network(kind, classes, width, depth, bias, seed)
    if bias:
        with torch.no_grad():
            for block in _blocks(network):
                for name, parameter in block.named_parameters():
                    if name.endswith("bias"):
                        parameter.fill_(1.0)
    found = work_and_energy(network, inputs, labels, "cross-entropy")
    return float(np.abs(found.euler - found.head_work).max()) / _size(found)


def trained(
    *, classes: int, width: int, depth: int, jacobian_decay: float, head_decay: float, seed: int, twice: bool = False
) -> float:
    """Return the departure of the energy of blocks and head from their work in a GELU network at rest."""
    network, inputs, labels = _network("gelu", classes, width, depth, False, seed)
    data = Dataset(
        train_inputs=inputs.numpy(),
        train_labels=labels.numpy(),
        test_inputs=inputs.numpy(),
        test_labels=labels.numpy(),
        class_names=tuple(map(str, range(classes))),
        image_shape=(inputs.shape[1],),
        name="random",
    )
    training = TrainingConfig(
        jacobian_decay=jacobian_decay,
        head_decay=head_decay,
        embedding_decay=head_decay,
        iterations=2000,
        tolerance=1e-8,
    )
    result = train(network, data, training, progress=False)
    if not result.converged:
        reject()
    found = work_and_energy(network, inputs, labels, "cross-entropy")
    with torch.no_grad():
        energy = [jacobian_decay * float(block.outer.weight.square().sum()) for block in _blocks(network)]
        head = head_decay * float(network.head.weight.square().sum())
    share = 0.5 if twice else 1.0
    departure = np.append(found.work - share * np.array(energy), found.head_work - head)
    return float(np.linalg.norm(departure)) / (head + sum(energy) + 1e-3)


def _network(
    kind: Activation, classes: int, width: int, depth: int, bias: bool, seed: int
) -> tuple[ResidualNetwork, torch.Tensor, torch.Tensor]:
    config = NetworkConfig(
        kind=kind, inputs=width + 1, classes=classes, width=width, depth=depth, bias=bias, block_scale=depth, seed=seed
    )
    labels = np.arange(2 * classes) % classes
    inputs = gaussian(seed, 2 * classes, width + 1)
    return ResidualNetwork(config), torch.tensor(inputs), torch.tensor(labels)


def _blocks(network: ResidualNetwork) -> list[TwoLayerBlock]:
    return [block for block in network.blocks if isinstance(block, TwoLayerBlock)]


def _size(found: WorkAndEnergy) -> float:
    return float(np.abs([*found.work, *found.euler, found.head_work]).max())


SIZES_OF_NETWORKS = {
    "classes": st.integers(2, 3),
    "width": st.integers(1, 4),
    "depth": st.integers(1, 4),
    "seed": seeds,
}

CLAIMS = (
    Claim(
        statement="S19",
        name="work",
        sentence="-<g_l, f_l> = -<B_l, dl/dB_l>, anywhere: lam_J ||B_l||^2 where the gradient of F vanishes",
        cases=st.fixed_dictionaries(
            {"kind": st.sampled_from(["relu", "gelu"]), "bias": st.booleans(), **SIZES_OF_NETWORKS}
        ),
        departure=work,
        tolerance=1e-10,
        reason="rounding of two roads through the network",
        slip={"inner": True},
        mistake="the first matrix of the block in place of the last",
    ),
    Claim(
        statement="S19",
        name="Euler",
        sentence="-<g_l, h_l> is the same for every l in 1-homogeneous networks without biases",
        cases=st.fixed_dictionaries({"kind": st.sampled_from(["relu", "factored"]), **SIZES_OF_NETWORKS}),
        departure=euler,
        tolerance=1e-10,
        reason="rounding of two roads through the network",
        slip={"bias": True},
        mistake="with biases too",
    ),
    Claim(
        statement="S19",
        name="at rest",
        sentence="lam_J ||B_l||^2 = -<g_l, f_l> and lam_W ||W||^2 = -<dl/dz, z> in a trained GELU network",
        cases=st.fixed_dictionaries({"jacobian_decay": DECAYS, "head_decay": DECAYS, **SIZES_OF_NETWORKS}),
        departure=trained,
        tolerance=1e-5,
        reason="training stops at a relative gradient of 1e-8",
        slip={"twice": True},
        mistake="half of the block's energy",
        share=0.05,
    ),
)

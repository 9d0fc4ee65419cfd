"""What the theory predicts for a network of the linear kinds, from its head alone and from its end-to-end map."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from ramodel.nets import ResidualNetwork
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training.objective import Decays
from ramodel.theory import BLOCK_MODELS, ResidualModel, trajectory

__all__ = ["predict_network", "provable_model"]


def provable_model(network: TrainableNetwork, decays: Decays) -> ResidualModel | None:
    """Return the model of which a network with these decays is an instance; None where it is of none.

    Linear and factored blocks with skips and without biases, none of them left out, between a trained embedding and a
    head, everything decayed.
    """
    if not isinstance(network, ResidualNetwork) or not network.is_collapsible or not network.config.skip:
        return None
    if network.config.embedding != "trained" or min(decays.embedding, decays.blocks, decays.head) <= 0.0:
        return None
    return BLOCK_MODELS[network.config.kind](network.config.depth, decays.blocks, decays.head, decays.embedding)


def predict_network(
    network: ResidualNetwork, model: ResidualModel, points: NDArray[np.float64], ranks: int
) -> xr.Dataset:
    """Confront one linear or factored network with `model`.

    Parameters
    ----------
    network
        Of kind "linear" or "factored", with skips and a trained embedding.
    model
        The model that the network is an instance of, with its depth and decays.
    points
        Inputs [n, d_in] whose trajectories are predicted.
    ranks
        Length of the axis rank; the theory predicts zero beyond the rank of the head.

    Returns
    -------
    xarray.Dataset
        Over the axis rank: `predicted_singular_value` (from the head alone: S1, S6), `end_to_end_singular_value` (m_k)
        and `balanced_singular_value` (from m_k: S18). Scalars: `balance_error` (S1b, S6; S18 for the embedding),
        `layer_spread` (S1d), `trajectory_error` (S5), `reduced_cost_error` (S3, S18); NaN where blocks do nothing.
    """
    jacobians = network.jacobians().detach().double().cpu().numpy()
    head = network.head.weight.detach().double().cpu().numpy()
    embedding = network.embedding.weight.detach().double().cpu().numpy()
    rank = min(head.shape)

    end_to_end = head.copy()
    for jacobian in jacobians[::-1]:
        end_to_end = end_to_end + end_to_end @ jacobian
    m = np.linalg.svd(end_to_end @ embedding, compute_uv=False)[:rank]
    _, w, v_rows = np.linalg.svd(head, full_matrices=False)

    start = points @ embedding.T
    predicted_path = trajectory(start, v_rows.T, model.from_head(w), depth=len(jacobians))
    path = _walk(start, jacobians)
    travelled = np.linalg.norm(path[-1] - path[0], axis=-1)
    strayed = np.linalg.norm(path - predicted_path, axis=-1).max(axis=0)

    mean = jacobians.mean(axis=0)
    spread = np.linalg.norm(jacobians - mean, axis=(1, 2)).max()
    moved = travelled > 0.0
    least = float(np.sum(model.cost(m)))
    padding = (0, ranks - rank)
    return xr.Dataset(
        {
            "predicted_singular_value": ("rank", np.pad(model.from_head(w), padding)),
            "end_to_end_singular_value": ("rank", np.pad(m, padding)),
            "balanced_singular_value": ("rank", np.pad(model.jacobian_singular_value(m), padding)),
            "balance_error": model.balance_error(jacobians, head, embedding),
            "layer_spread": spread / np.linalg.norm(mean) if mean.any() else np.nan,
            "trajectory_error": np.median(strayed[moved] / travelled[moved]) if moved.any() else np.nan,
            "reduced_cost_error": abs(_decay_terms(network, model) / least - 1.0) if least > 0.0 else np.nan,
        }
    )


def _decay_terms(network: ResidualNetwork, model: ResidualModel) -> float:
    """Return lam_W |W|^2 + lam_J sum over all block weights + lam_E |E|^2, which S3 and S18 bound from below."""
    assert model.embedding_decay is not None
    blocks = sum(_squared_norm(parameter) for parameter in network.blocks.parameters())
    head, embedding = _squared_norm(network.head.weight), _squared_norm(network.embedding.weight)
    return model.head_decay * head + model.jacobian_decay * blocks + model.embedding_decay * embedding


def _squared_norm(parameter: Tensor) -> float:
    return float(parameter.detach().double().square().sum())


def _walk(start: NDArray[np.float64], jacobians: NDArray[np.float64]) -> NDArray[np.float64]:
    path = [start]
    for jacobian in jacobians:
        path.append(path[-1] + path[-1] @ jacobian.T)
    return np.stack(path)

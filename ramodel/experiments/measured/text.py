"""Networks that read text: Residual Jacobians of a token by itself, across depth and across tokens; its walk."""

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from ramodel import metrics
from ramodel.experiments.measured.objective import measured_objective
from ramodel.experiments.measured.trajectories import measured_trajectories
from ramodel.experiments.measured.variables import put
from ramodel.experiments.measured.walk import Stage, found_stages
from ramodel.experiments.sweeps.config import MeasureSettings
from ramodel.nets import Dataset, Loss, TrainingConfig
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training.objective import Decays
from ramodel.spectra import measure

__all__ = ["RANK", "measure_text_network", "measured_text"]

RANK = 10
"""K, where the settings do not say: singular directions that are compared."""

_TOKENS = 4
"""Tokens of a row at which Jacobians are taken, evenly spaced, the last one among them."""

_Array = NDArray[np.float64]


def measure_text_network(
    network: TrainableNetwork,
    dataset: Dataset,
    *,
    inputs: int,
    decays: Decays,
    loss: Loss = "cross-entropy",
    settings: MeasureSettings | None = None,
    training: TrainingConfig | None = None,
) -> xr.Dataset:
    """Measure a network that reads text, at `inputs` rows of test text and, for S19, on the whole training set.

    Parameters
    ----------
    network
        A transformer, in float64 and evaluation mode.
    dataset
        Rows and labels [N, T].
    inputs
        Number of rows, evenly spaced.
    decays
        lam_E, lam_J, lam_W and that of the norms, which turn squared norms into energies.
    loss
        Loss of the training.
    settings
        `rank` is K (None: `RANK`), `work` asks for S19. Class means, stand-ins and Neural Collapse have no meaning.
    training
        As for `ramodel.experiments.measurement.measure_network`.

    Returns
    -------
    xarray.Dataset
        As that of `measure_network`, with an axis token.
    """
    settings = settings or MeasureSettings()
    rows = np.linspace(0, len(dataset.test_inputs) - 1, min(inputs, len(dataset.test_inputs))).round().astype(int)
    points = torch.as_tensor(dataset.test_inputs[rows]).to(network.head.weight.device)
    stages = found_stages(network, points[:2])
    (stage,) = stages
    kept = min(settings.rank or RANK, stage.shape[-1])
    found = measured_text(network, stage, points, kept)
    singular = np.linalg.svd(network.head.weight.detach().cpu().numpy(), compute_uv=False)[:kept]
    put(
        found, "head_singular_value", ("rank",), np.pad(singular, (0, kept - singular.size)), "w_k, singular value of W"
    )
    depth = len(stage.blocks)
    found = found.assign_coords(
        rank=np.arange(1, kept + 1),
        layer=stage.layers,
        state=np.arange(depth + 1),
        stage=("layer", np.ones(depth, dtype=np.int64)),
        state_stage=("state", np.ones(depth + 1, dtype=np.int64)),
        state_layer=("state", np.arange(depth + 1)),
    )
    if settings.work:
        found = found.merge(measured_objective(network, stages, dataset, loss, decays, training))
    return found


def measured_text(network: TrainableNetwork, stage: Stage, points: Tensor, kept: int) -> xr.Dataset:
    """Return what the blocks J_l[t, t] of the Residual Jacobians show: how a token answers to itself.

    They are taken at a few tokens of every row. Coupling across depth compares blocks at the same token, coupling
    across tokens the same block at two tokens of a row; both are means over the rows, with K = `kept`. All else is of
    the last token, which has the longest text before it.

    Parameters
    ----------
    network
        In float64 and evaluation mode.
    stage
        Its blocks, with states [T, d].
    points
        Rows of tokens [N, T].
    kept
        K, length of the axis rank.
    """
    length, width = stage.shape
    tokens = np.unique(np.linspace(0, length, _TOKENS + 1).round().astype(int)[1:] - 1)
    spectra = measure(
        network,
        points,
        blocks=list(stage.blocks),
        rank=width,
        tokens=[(int(token), int(token)) for token in tokens],
        method="dense",
        keep_jacobians=True,
        progress=False,
    )
    jacobians, values = spectra.jacobian.values, spectra.singular_values.values  # [layer, input, token, ...]
    left, right = (vectors.values[..., :kept, :] for vectors in (spectra.left, spectra.right))
    states = spectra.states.values.reshape(len(stage.blocks) + 1, len(points), length, width)
    found = measured_trajectories(states[:, :, -1])
    found = found.assign_coords(token=tokens)
    _coupling(found, left, jacobians, right, values[..., :kept])
    _last_token(found, left[:, :, -1], jacobians[:, :, -1], right[:, :, -1], values[:, :, -1], kept)
    return found


def _coupling(found: xr.Dataset, left: _Array, jacobians: _Array, right: _Array, values: _Array) -> None:
    """Compare blocks, then tokens; arrays are [layer, input, token, ...]."""
    across_depth = metrics.coupling_error(left, jacobians, right, values).mean(axis=(2, 3))
    meaning = "m_K, mean over rows and tokens of |U_i^T J_m V_i - S_m| / |S_m| at the same token"
    put(found, "coupling_error", ("layer", "other_layer"), across_depth, meaning)
    by_token = [np.moveaxis(array, 2, 0) for array in (left, jacobians, right, values)]
    across_tokens = np.moveaxis(metrics.coupling_error(*by_token).mean(axis=3), 2, 0)
    meaning = "m_K of the same block at two tokens of a row, mean over rows"
    put(found, "token_coupling_error", ("layer", "token", "other_token"), across_tokens, meaning)


def _last_token(found: xr.Dataset, left: _Array, jacobians: _Array, right: _Array, values: _Array, kept: int) -> None:
    axes, pairs = ("layer", "input"), ("layer", "other_layer")
    put(found, "singular_value", (*axes, "rank"), values[..., :kept], "s_k, singular value of the Residual Jacobian")
    put(found, "spectrum", (*axes, "index"), values, "every singular value of the Residual Jacobian")
    put(found, "asymmetry_error", axes, metrics.asymmetry_error(jacobians), "|J - J^T| / |J|")
    put(found, "stable_rank", axes, metrics.stable_rank(values), "stable rank |J|_F^2 / |J|_2^2")
    grid = metrics.alignment_grid(left, jacobians, right).mean(axis=2).astype(np.float32)
    put(found, "alignment_grid", (*pairs, "rank", "other_rank"), grid, "mean over inputs of |u_i^T J_m v_j| / s_1(J_m)")
    affinity = metrics.subspace_affinity_score(right[:, None], right[None, :]).mean(axis=-1)
    put(found, "subspace_affinity", pairs, affinity, "affinity of the top-K right subspaces")

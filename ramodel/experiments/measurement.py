"""What is measured on a network: spectra, alignment, trajectories, work and energy, as one dataset with named axes."""

from typing import cast

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from ramodel import metrics
from ramodel.nets import Dataset, Loss, ResidualNetwork, spread_over_classes
from ramodel.spectra import Spectra, measure, work_and_energy

__all__ = ["EXTRA_RANKS", "measure_network"]

EXTRA_RANKS = 2
"""Singular triplets kept beyond the number of classes, so that the gap after the C-th can be seen."""


def measure_network(
    network: ResidualNetwork,
    dataset: Dataset,
    *,
    inputs: int,
    jacobian_decay: float,
    head_decay: float,
    loss: Loss = "cross-entropy",
) -> xr.Dataset:
    """Measure one network at `inputs` test inputs, at their class means and, for S19, on the whole training set.

    Parameters
    ----------
    network
        Left untouched.
    dataset
        Test inputs for Jacobians and trajectories; training inputs for work and energy (S19).
    inputs
        Number of test inputs, spread evenly over the classes.
    jacobian_decay, head_decay
        lam_J and lam_W, which turn squared norms into energies.
    loss
        Loss of the training.

    Returns
    -------
    xarray.Dataset
        Axes layer (1..L), state (0..L), input, rank, class; every variable says in `long_name` what it is.
    """
    chosen = spread_over_classes(dataset.test_labels, inputs)
    labels = dataset.test_labels[chosen]
    spectra = measure(
        network,
        dataset.test_inputs[chosen],
        rank=network.config.width,
        labels=labels,
        class_means=True,
        method="dense",
        keep_jacobians=True,
        progress=False,
    )
    means = cast(Spectra, spectra.class_means)
    kept = min(dataset.classes + EXTRA_RANKS, network.config.width)
    found = xr.Dataset(
        coords={
            "layer": np.arange(1, network.config.depth + 1),
            "state": np.arange(network.config.depth + 1),
            "rank": np.arange(1, kept + 1),
            "class": means.dataset["label"].values,
            "input_class": ("input", labels),
        }
    )
    _jacobians(found, spectra, dataset.classes, kept)
    _trajectories(found, spectra.states.values)
    head = np.linalg.svd(network.head.weight.detach().double().cpu().numpy(), compute_uv=False)[:kept]
    _put(found, "head_singular_value", ("rank",), np.pad(head, (0, kept - head.size)), "w_k, singular value of W")
    _work(found, network, dataset, jacobian_decay, head_decay, loss)
    return found


def _jacobians(found: xr.Dataset, spectra: Spectra, classes: int, kept: int) -> None:
    jacobians = spectra.jacobian.values
    values = spectra.singular_values.values
    left, right = spectra.left.values[:, :, :kept], spectra.right.values[:, :, :kept]
    axes = ("layer", "input")
    _put(found, "singular_value", (*axes, "rank"), values[..., :kept], "s_k, singular value of the Residual Jacobian")
    _put(found, "spectrum", (*axes, "index"), values, "every singular value of the Residual Jacobian")
    means = cast(Spectra, spectra.class_means).singular_values.values[..., :kept]
    _put(found, "class_mean_singular_value", ("layer", "class", "rank"), means, "s_k at the mean state of a class")
    _put(found, "asymmetry_error", axes, metrics.asymmetry_error(jacobians), "|J - J^T| / |J|")
    grid = metrics.alignment_grid(left, jacobians, right).mean(axis=2).astype(np.float32)
    grid_axes = ("layer", "other_layer", "rank", "other_rank")
    _put(found, "alignment_grid", grid_axes, grid, "mean over inputs of |u_i^T J_m v_j| / s_1(J_m)")
    leading = metrics.leading_directions(right, values[..., :kept], min(classes, kept))
    affinity = metrics.subspace_affinity_score(leading[:, None], leading[None, :]).mean(axis=-1)
    _put(found, "subspace_affinity", ("layer", "other_layer"), affinity, "affinity of the top-C right subspaces")
    _put(found, "stable_rank", axes, metrics.stable_rank(values), "stable rank |J|_F^2 / |J|_2^2")
    outside = metrics.energy_outside_error(values, classes)
    _put(found, "energy_outside_error", axes, outside, "share of |J|_F^2 outside the top C")
    if classes < values.shape[-1]:
        _put(found, "gap", axes, metrics.gap(values, classes), "s_C / s_(C+1)")


def _trajectories(found: xr.Dataset, states: NDArray[np.float64]) -> None:
    _put(found, "step_length", ("layer", "input"), metrics.step_lengths(states), "|h_l - h_(l-1)|")
    _put(found, "line_deviation_error", ("input",), metrics.line_deviation_error(states), "departure from a line")
    _put(found, "line_shape_ratio", ("input",), metrics.line_shape_ratio(states), "L / |sum of unit steps|")
    _put(found, "step_cv", ("input",), metrics.step_cv(states), "coefficient of variation of the step lengths")
    plane = metrics.principal_plane(states).coordinates
    _put(found, "trajectory", ("state", "input", "axis"), plane, "state along the first two principal axes")


def _work(
    found: xr.Dataset,
    network: ResidualNetwork,
    dataset: Dataset,
    jacobian_decay: float,
    head_decay: float,
    loss: Loss,
) -> None:
    done = work_and_energy(network, dataset.train_inputs, dataset.train_labels, loss)
    energy = [
        jacobian_decay * sum(_squared_norm(parameter) for parameter in network.output_parameters(block))
        for block in network.residual_blocks
    ]
    _put(found, "block_work", ("layer",), done.work, "-<g_l, f_l(h_(l-1))>, work against the loss")
    _put(found, "block_energy", ("layer",), energy, "lam_J |B_l|^2, energy of a block's output weights")
    _put(found, "euler_work", ("state",), done.euler, "-<g_l, h_l>")
    _put(found, "head_work", (), done.head_work, "-<dl/dz, z>")
    _put(found, "head_energy", (), head_decay * _squared_norm(network.head.weight), "lam_W |W|^2")


def _squared_norm(weight: Tensor) -> float:
    return float(torch.sum(weight.detach().double() ** 2))


def _put(found: xr.Dataset, name: str, axes: tuple[str, ...], values: object, meaning: str) -> None:
    found[name] = xr.Variable(axes, np.asarray(values), {"long_name": meaning})

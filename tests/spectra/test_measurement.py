"""`measure`: named axes, agreement with its parts, class means, files."""

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import ramodel
from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.spectra import class_mean_jacobians, measure, residual_jacobians, singular_triplets, states
from tests.spectra.networks import CONVENTIONS, Network, inputs
from tests.tolerances import DENSE_FLOAT64

LABELS = [2, 0, 2, 2, 0, 0]


def test_it_is_the_public_function():
    assert ramodel.measure is measure


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_named_axes_hold_what_the_parts_give(convention):
    network = Network(convention, activation=nn.GELU())
    spectra = measure(network, inputs(), rank=2, labels=LABELS, keep_jacobians=True, progress=False)
    jacobians = residual_jacobians(network, inputs())
    assert np.allclose(spectra.jacobian.transpose("layer", "input", "row", "column"), jacobians, rtol=DENSE_FLOAT64)
    assert np.allclose(spectra.states.transpose("state", "input", "coordinate"), states(network, inputs()))
    means = class_mean_jacobians(network, inputs(), LABELS)
    for prefix, axis, matrices in (("", "input", jacobians), ("class_mean_", "class", means)):
        expected = singular_triplets(matrices, 2)
        axes = ("layer", axis, "rank", "coordinate")
        assert np.allclose(spectra[f"{prefix}singular_value"].transpose(*axes[:3]), expected.singular_values)
        assert np.allclose(spectra[f"{prefix}left"].transpose(*axes), expected.left, atol=1e-8)
        assert np.allclose(spectra[f"{prefix}right"].transpose(*axes), expected.right, atol=1e-8)
        assert np.allclose(spectra[f"{prefix}tail_energy"].transpose(*axes[:2]), expected.tail_energy)
    assert spectra.attrs == {"network": "Network", "skip": convention}
    assert spectra.layer.values.tolist() == [1, 2, 3]
    assert spectra.state.values.tolist() == [0, 1, 2, 3]
    assert spectra["rank"].values.tolist() == [1, 2]
    assert spectra["class"].values.tolist() == [0, 2]
    assert spectra.block.values.tolist() == ["blocks.0", "blocks.1", "blocks.2"]


def test_vectors_and_values_make_up_the_jacobian():
    spectra = measure(Network(), inputs(), keep_jacobians=True, progress=False)
    assert spectra.sizes["rank"] == 4  # all there are
    rebuilt = np.einsum("lnk,lnki,lnkj->lnij", spectra.singular_value, spectra.left, spectra.right)
    assert np.allclose(rebuilt, spectra.jacobian, atol=DENSE_FLOAT64)
    assert np.array_equal(spectra.tail_energy, np.zeros((3, 6)))


def test_only_what_is_asked_for():
    spectra = measure(Network(), inputs(), progress=False)
    assert set(spectra.data_vars) == {"states", "singular_value", "left", "right", "tail_energy"}


def test_linear_network_at_class_means_is_the_same_network():
    network = ResidualNetwork(NetworkConfig(kind="factored", inputs=5, classes=3, width=4, depth=3))
    spectra = measure(network, inputs(), labels=LABELS, progress=False)
    expected = torch.linalg.svdvals(network.jacobians().detach())[:, None].expand(3, 6, 4)
    assert np.allclose(spectra.singular_value, expected, rtol=DENSE_FLOAT64)
    assert np.allclose(spectra.class_mean_singular_value, expected[:, :2], rtol=DENSE_FLOAT64)


def test_round_trip_through_a_file(tmp_path):
    spectra = measure(Network(), inputs(), labels=LABELS, keep_jacobians=True, progress=False)
    spectra.to_netcdf(tmp_path / "spectra.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "spectra.nc", engine="h5netcdf") as read:
        assert read.identical(spectra)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"^rank is 0; it must be at least 1"):
        measure(Network(), inputs(), rank=0)
    with pytest.raises(ValueError, match=r"^labels has shape \(1,\)"):
        measure(Network(), inputs(), labels=[0])

"""What cannot be measured is refused in words; what did not converge is told, item by item."""

import numpy as np
import pytest
import torch
from torch import nn

from ramodel import Spectra, measure
from ramodel.spectra import block_results
from tests.spectra.known_truth.explicit import linear_blocks, orthogonal
from tests.spectra.networks import ImageNetwork, Network, images, inputs


class Steps(nn.Module):
    """h + step(h) with a step that goes wrong somewhere."""

    def __init__(self, step):
        super().__init__()
        self.linear, self.step = nn.Linear(100, 100), step

    def forward(self, hidden):
        return hidden + self.step(self.linear(hidden))


def with_third_block(step):
    network = Network(width=100)
    network.blocks[2] = Steps(step).eval()
    return network


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda hidden: torch.log(hidden * 0.0 - 1.0), r"^block 'blocks\.2' returns a state that is not finite"),
        (lambda hidden: torch.exp(hidden * 0.0 + 800.0), r"^block 'blocks\.2' returns a state that is not finite"),
        (lambda hidden: torch.sqrt(torch.relu(hidden * 0.0)), r"^block 'blocks\.2' has a Jacobian"),
    ],
    ids=["nan", "inf", "slope"],
)
def test_numbers_that_stop_being_finite_name_the_block(step, message, method):
    with pytest.raises(ValueError, match=message):
        measure(with_third_block(step), inputs(), rank=2, method=method, progress=False)


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_weights_and_inputs_that_are_not_finite(number):
    network, points = Network(), inputs()
    points[2, 1] = number
    with pytest.raises(ValueError, match=r"^inputs\[2, 1\] is (nan|inf|not finite)"):
        measure(network, points, progress=False)
    with torch.no_grad():
        network.blocks[1].branch.outer.weight[0, 0] = number
    with pytest.raises(ValueError, match=r"'blocks\.1\.branch\.outer\.weight' holds a number that is not finite"):
        measure(network, inputs(), progress=False)


def test_networks_that_are_not_ready():
    with pytest.raises(ValueError, match=r"BatchNorm2d on batch statistics.*Call model\.eval\(\)"):
        measure(ImageNetwork().train(), images(), progress=False)
    dropout = Network(activation=nn.Sequential(nn.Tanh(), nn.Dropout(0.1))).train()
    with pytest.raises(ValueError, match=r"active Dropout: its output is random. Call model\.eval\(\)"):
        measure(dropout, inputs(), progress=False)
    assert dropout.training
    with pytest.raises(TypeError, match=r"DataParallel; pass the network that it wraps, model\.module"):
        measure(nn.DataParallel(Network()), inputs(), progress=False)
    with pytest.raises(ValueError, match="on the meta device, without numbers"):
        measure(Network().to("meta"), inputs(), progress=False)
    with pytest.raises(TypeError, match=r"^model is of type function; it must be a torch\.nn\.Module"):
        measure(lambda points: points, inputs(), progress=False)


@pytest.mark.parametrize(
    ("points", "error", "message"),
    [
        (inputs()[0], ValueError, r"^inputs has shape \(5,\); it must be a batch"),
        (inputs()[:0], ValueError, r"^inputs has shape \(0, 5\); it must be a batch"),
        (torch.ones(2, 7), ValueError, r"^inputs has samples of shape \(7,\); the network refuses them"),
        ({}, ValueError, r"^inputs is an empty mapping"),
        ("cifar", TypeError, r"^inputs"),
        (torch.ones(2, 5, dtype=torch.complex64), TypeError, r"^inputs has entries of type torch\.complex64"),
    ],
)
def test_inputs_that_are_none(points, error, message):
    with pytest.raises(error, match=message):
        measure(Network(), points, progress=False)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises((ValueError, OSError), match=r"output is .*folder"):
        measure(Network(), inputs(), output=tmp_path, progress=False)
    assert list(tmp_path.parent.glob(".*.part")) == []
    with pytest.raises(FileNotFoundError, match=r"^output is .*does not exist"):
        measure(Network(), inputs(), output=tmp_path / "none" / "spectra.nc", progress=False)


def test_what_did_not_converge_is_told_item_by_item(tmp_path, monkeypatch):
    """A few products are enough for the first input of each block, of rank one, and not for the others."""
    solve = block_results.solve
    monkeypatch.setattr(block_results, "solve", lambda *a, **o: solve(*a, max_passes=60, **o))
    frame = orthogonal(300, seed=0)
    easy, hard = (frame[:, :3] * [3.0, 2.0, 1.0]) @ frame[:, :3].T, (frame * np.linspace(1.0, 0.99, 300)) @ frame.T
    with pytest.warns(RuntimeWarning, match=r"^\d+ of 18 triplets have not converged"):
        found = measure(
            linear_blocks([easy, hard, easy]),
            np.ones((2, 300)),
            rank=3,
            output=tmp_path / "s.nc",
            progress=False,
            tolerance=1e-7,
        )
    converged = found.converged.values
    assert converged[[0, 2]].all()
    assert not converged[1].all(axis=-1).any()
    assert (found.residual.values[~converged] > 1e-7).all()
    assert (found.residual.values[converged] <= 1e-7).all()
    assert "not converged: 1 (" in repr(found)
    np.testing.assert_array_equal(Spectra.load(tmp_path / "s.nc").converged, found.converged)

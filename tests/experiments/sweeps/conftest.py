"""A sweep of a few tiny networks, and cells that cost nothing."""

import msgspec
import numpy as np
import pytest
import xarray as xr

from ramodel.experiments.sweeps import Arm, DataSettings, MeasureSettings, SweepConfig, run
from ramodel.nets import TrainingConfig

TINY = SweepConfig(
    law="depth",
    title="How do singular values fall?",
    network={"family": "model", "kind": "linear", "width": 6, "depth": 2},
    data=DataSettings(classes=2, train_size=40, test_size=12),
    training=TrainingConfig(iterations=20, checkpoint_every=5, tolerance=1e-9),
    measure=MeasureSettings(inputs=4),
    arms=(Arm(name="linear"), Arm(name="no skips", control=True, set={"network.skip": False})),
    axes={"network.depth": (2, 3)},
    seeds=2,
)
"""Eight cells."""


def settings(**changes):
    """The tiny sweep with other settings."""
    return msgspec.structs.replace(TINY, **changes)


@pytest.fixture
def counted(monkeypatch):
    """Cells that compute nothing; the names of those that were run, in order."""
    names = []

    def fake(cell, config, *, data_folder, device, folder, stop_after):
        names.append(cell.name)
        depth = cell.axes["network.depth"]
        values = np.random.default_rng([cell.seed, depth]).random((depth, 4))
        return xr.Dataset(
            {"s": (("layer", "rank"), values, {"long_name": "s"}), "seconds": 0.5, "work": ("layer", values[:, 0])},
            {"layer": np.arange(depth), "label": ("rank", list("abcd"))},
            {"arm": cell.arm, "digest": cell.digest, "seed": cell.seed, "axes": '{"network.depth":2}'},
        )

    monkeypatch.setattr(run, "run_sweep_cell", fake)
    return names

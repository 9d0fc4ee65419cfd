import numpy as np
import pytest
import torch

from ramodel.experiments.confrontation.readings import READINGS
from ramodel.experiments.measurement import measure_network
from ramodel.experiments.sweeps.config import MeasureSettings
from ramodel.nets.architectures.transformer import Transformer, TransformerConfig
from ramodel.nets.data.text import text_dataset
from tests import tolerances

RANK = 3


@pytest.fixture(scope="module")
def measured():
    data = text_dataset(8, train_size=6, test_size=4)
    config = TransformerConfig(vocabulary=96, context=8, width=8, depth=3, heads=2, block="parallel")
    network = Transformer(config)
    settings = MeasureSettings(rank=RANK)
    found = measure_network(network, data, inputs=2, jacobian_decay=1e-3, head_decay=1e-3, settings=settings)
    return network.double().eval(), data, found


def test_coupling_equals_that_of_explicit_jacobians(measured):
    network, data, found = measured
    tokens = found["token"].values
    assert tokens.tolist() == [1, 3, 5, 7]
    points = torch.as_tensor(data.test_inputs[[0, 3]])
    jacobians = np.zeros((3, 2, 4, 8, 8))
    hidden = network.token_embedding(points) + network.position_embedding.weight
    for layer, block in enumerate(network.blocks):
        for row in range(2):
            whole = torch.autograd.functional.jacobian(lambda h, b=block: network.branch(b, h[None])[0], hidden[row])
            jacobians[layer, row] = [whole[t, :, t] for t in tokens]
        hidden = block(hidden).detach()

    def coupling(frames, other):
        u, _, vt = np.linalg.svd(frames)
        s = np.linalg.svd(other)[1][:RANK]
        grid = u[:, :RANK].T @ other @ vt[:RANK].T
        return np.linalg.norm(grid - np.diag(s)) / np.linalg.norm(s)

    across_depth = np.mean([coupling(jacobians[0, n, t], jacobians[2, n, t]) for n in range(2) for t in range(4)])
    across_tokens = np.mean([coupling(jacobians[1, n, 0], jacobians[1, n, 3]) for n in range(2)])
    assert found["coupling_error"].values[0, 2] == pytest.approx(across_depth, rel=tolerances.MEASURED)
    assert found["token_coupling_error"].values[1, 0, 3] == pytest.approx(across_tokens, rel=tolerances.MEASURED)


def test_readings_of_transformers(measured):
    *_, found = measured
    for name in ("coupling", "token_coupling", "line_shape", "norm_growth", "subspace_affinity"):
        assert np.isfinite(READINGS[name].function(found))
    grid = found["token_coupling_error"].values
    expected = np.mean([grid[:, i, j] for i in range(4) for j in range(4) if i != j])
    assert READINGS["token_coupling"].function(found) == pytest.approx(expected)
    assert np.isfinite(found["block_energy"].values).all()
    assert found.sizes["layer"] == 3
    assert found.sizes["rank"] == RANK

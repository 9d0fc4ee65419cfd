"""Trained networks against the closed forms: statements S1 and S6 from the head alone, with the embedding of S18."""

import numpy as np
import pytest

from ramodel.nets import TrainingConfig, train
from ramodel.theory import FrobeniusModel, NuclearModel
from tests import tolerances

DECAYS = {"jacobian_decay": 1e-2, "head_decay": 2e-2, "embedding_decay": 5e-3}


@pytest.mark.parametrize(("kind", "model"), [("linear", FrobeniusModel), ("factored", NuclearModel)])
def test_the_head_alone_predicts_every_jacobian(kind, model, new_network, three_digits):
    network = new_network(kind)
    result = train(network, three_digits, TrainingConfig(**DECAYS, tolerance=1e-8), progress=False)
    assert result.converged
    theory = model(depth=4, **DECAYS)
    head = network.head.weight.detach().numpy()
    jacobians = network.jacobians().detach().numpy()
    predicted = theory.predicted_jacobian(head)
    scale = np.linalg.norm(predicted)
    assert scale > 0.1
    for jacobian in jacobians:
        assert np.linalg.norm(jacobian - predicted) <= tolerances.TRAINED * scale
        assert np.linalg.norm(jacobian - jacobian.T) <= tolerances.TRAINED * scale
    measured = np.linalg.svd(network.end_to_end().detach().numpy(), compute_uv=False)
    gains = theory.jacobian_singular_value(measured)
    assert np.linalg.svd(jacobians[0], compute_uv=False)[:3] == pytest.approx(gains, rel=tolerances.TRAINED, abs=1e-6)

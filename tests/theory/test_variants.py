"""S1's extensions: biases and a fixed head, against what the optimiser finds."""

import numpy as np
import pytest

from ramodel.simulate import ProblemVariant, minimise, random_problem
from ramodel.theory import LayerDecayModel, biased_balance_error, biased_jacobians, rank_bound, skew_spread_error
from tests.tolerances import DENSE_FLOAT64, OPTIMISER

DECAYS = {"jacobian_decay": 0.05, "head_decay": 0.03}
LAYERS = np.array([0.02, 0.05, 0.1])


def found(loss="squared", *, embedding_decay=None, **changes):
    problem = random_problem(model="frobenius", classes=3, width=4, depth=3, samples=12, loss=loss, seed=1,
                             embedding_decay=embedding_decay, **DECAYS)  # fmt: skip
    return problem, minimise(ProblemVariant(problem=problem, **changes), progress=False)


@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
@pytest.mark.parametrize("bias_decay", [0.0, 0.04])
@pytest.mark.parametrize("layers", [None, LAYERS])
@pytest.mark.parametrize("embedding_decay", [None, 0.05])
def test_balance_with_biases_and_decays_by_layer(loss, bias_decay, layers, embedding_decay):
    _, optimum = found(loss, embedding_decay=embedding_decay, bias_decay=bias_decay, layer_decays=layers)
    assert optimum.converged
    decays = {**DECAYS, "bias_decay": bias_decay, **({} if layers is None else {"jacobian_decay": layers})}
    assert np.abs(optimum.jacobians - optimum.jacobians.swapaxes(1, 2)).max() < OPTIMISER
    assert biased_balance_error(optimum.jacobians, optimum.head, optimum.biases, **decays) < OPTIMISER
    predicted = biased_jacobians(optimum.head, optimum.biases, **decays)
    np.testing.assert_allclose(optimum.jacobians, predicted, atol=OPTIMISER)
    if bias_decay == 0.0:
        flat = LayerDecayModel(np.broadcast_to(decays["jacobian_decay"], 3), 0.03)
        np.testing.assert_allclose(predicted, flat.predicted_jacobians(optimum.head), atol=DENSE_FLOAT64)


def test_decayed_biases_make_negative_eigenvalues():
    """The positive branch is lost: J_l >= 0 holds without them only."""
    _, optimum = found(bias_decay=0.04)
    assert np.linalg.norm(optimum.biases) > 0.01
    assert np.linalg.eigvalsh(optimum.jacobians).min() < -1e-5
    decays = {**DECAYS, "bias_decay": 0.04}
    assert biased_balance_error(optimum.jacobians, optimum.head, optimum.biases[::-1], **decays) > 1e-4


@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
def test_fixed_head_keeps_the_rank_and_one_skew_part(loss):
    head = np.random.default_rng(0).standard_normal((3, 4))
    problem, optimum = found(loss, fixed_head=head)
    assert optimum.converged
    np.testing.assert_array_equal(optimum.head, head)
    assert skew_spread_error(optimum.jacobians) < OPTIMISER
    skew = optimum.jacobians[0] - optimum.jacobians[0].T
    assert np.linalg.norm(skew) > 0.1  # (a) is lost
    sizes = np.linalg.svd(optimum.jacobians, compute_uv=False)
    assert (sizes[:, rank_bound(problem) :] < OPTIMISER).all()
    assert (sizes[:, rank_bound(problem) - 1] > 1e-3).all()
    gram = head.T @ head / (DECAYS["jacobian_decay"] / DECAYS["head_decay"])
    block = optimum.jacobians[0]
    assert np.linalg.norm(block @ (np.eye(4) + block) - gram) > 0.1  # (b) is lost


def test_an_embedding_gives_a_fixed_head_its_symmetry_back():
    """lam_E E E^T = lam_J A_1^T J_1 takes the place of the head's equation, and the induction runs forwards."""
    head = np.random.default_rng(0).standard_normal((3, 4))
    _, optimum = found(embedding_decay=0.05, fixed_head=head)
    blocks = optimum.jacobians
    assert np.abs(blocks - blocks.swapaxes(1, 2)).max() < OPTIMISER
    gram = 0.05 / 0.05 * optimum.embedding @ optimum.embedding.T
    np.testing.assert_allclose(blocks + blocks @ blocks, np.broadcast_to(gram, blocks.shape), atol=OPTIMISER)


def test_bad_arguments_are_refused():
    blocks, head, biases = np.zeros((2, 3, 3)), np.ones((1, 3)), np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"biases has shape \(1, 3\)"):
        biased_balance_error(blocks, head, biases[:1], bias_decay=0.1, **DECAYS)
    with pytest.raises(ValueError, match="bias_decay is -1"):
        biased_balance_error(blocks, head, biases, bias_decay=-1, **DECAYS)
    with pytest.raises(ValueError, match=r"jacobian_decay has shape \(3,\)"):
        biased_balance_error(blocks, head, biases, jacobian_decay=LAYERS, head_decay=0.1, bias_decay=0.0)
    with pytest.raises(ValueError, match="no critical point has these biases"):
        biased_jacobians(head, biases + 3.0, bias_decay=1.0, **DECAYS)
    with pytest.raises(ValueError, match=r"jacobians has shape \(1, 1, 2\).*square"):
        skew_spread_error([[[1.0, 2.0]]])
    assert skew_spread_error(np.zeros((2, 3, 3))) == 0.0

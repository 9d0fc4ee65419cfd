"""The common interface: validation, shapes, and balance of whole matrices (S1, S6) against their gradients."""

import dataclasses
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.problem import Model
from ramodel.theory import MODELS, FrobeniusModel, KineticModel, NuclearModel, PlainModel, ResidualModel
from tests.reference import theory as reference
from tests.strategies import orthogonal_matrices, seeds
from tests.tolerances import CLOSED_FORM, DENSE_FLOAT64, LAST_DIGITS

KINDS = pytest.mark.parametrize("kind", [FrobeniusModel, NuclearModel])
ALL = pytest.mark.parametrize("kind", MODELS.values())


@st.composite
def heads(draw, classes=3, width=5):
    """Heads [classes, width] whose singular values lie on both sides of 1."""
    rng = np.random.default_rng(draw(seeds))
    left, right = draw(orthogonal_matrices(classes)), draw(orthogonal_matrices(width))
    return (left * rng.uniform(0.2, 2.0, classes)) @ right[:, :classes].T


@ALL
@pytest.mark.parametrize("field", ["depth", "jacobian_decay", "head_decay", "embedding_decay"])
@pytest.mark.parametrize(
    ("bad", "error"), [(0, ValueError), (-1.0, ValueError), (np.nan, ValueError), ("1", TypeError)]
)
def test_bad_fields_are_named(kind, field, bad, error):
    good = {"depth": 8, "jacobian_decay": 0.01, "head_decay": 0.01, "embedding_decay": 0.01}
    with pytest.raises(error, match=rf"^{field} is"):
        kind(**{**good, field: bad})


@pytest.mark.parametrize(
    ("decays", "match"),
    [((1e300, 1e-300), "decay_ratio is inf"), ((1e-300, 1e300), "decay_ratio is 0"), ((1e-200, 1e110), "subnormal")],
)
def test_decays_too_far_apart_are_refused(decays, match):
    with pytest.raises(ValueError, match=f"{match}.*closer together"):
        FrobeniusModel(8, *decays)


@ALL
def test_extreme_decays_that_fit_are_accepted(kind):
    model = kind(8, 1e200, 1e-100, 1e-80)
    assert model.jacobian_singular_value(model.unit * 8.0) > 0.0


@ALL
def test_models_are_frozen_values(kind):
    model = kind(8.0, 0.01, 0.02)
    assert model == kind(8, 0.01, 0.02)
    assert hash(model) == hash(kind(8, 0.01, 0.02))
    assert model != kind(9, 0.01, 0.02)
    assert FrobeniusModel(8, 1, 1) != NuclearModel(8, 1, 1)
    assert repr(model).startswith(f"{kind.__name__}(depth=8, jacobian_decay=0.01")
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.depth = 3
    assert dataclasses.replace(model, depth=2.5).depth == 2.5


def test_interface_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        ResidualModel(8, 0.01, 0.01)


def test_registry_has_the_names_of_problems():
    assert tuple(MODELS) == get_args(Model)
    assert MODELS["plain"] is PlainModel


def test_unit_and_ratio():
    model = FrobeniusModel(8, 0.04, 0.01)
    assert model.decay_ratio == 4.0
    assert (model.ends, model.unit) == (1, 2.0)
    model = NuclearModel(8, 0.04, 0.01, 0.04)
    assert (model.ends, model.unit, model.threshold) == (2, 2.0, 2.0)


@ALL
@pytest.mark.parametrize("embedding_decay", [None, 0.3])
def test_every_method_is_elementwise_in_any_shape(kind, embedding_decay):
    model = kind(8, 0.02, 0.01, embedding_decay)
    values = np.linspace(0.1, 20.0, 24).reshape(2, 3, 4)
    methods = ["jacobian_singular_value", "head_singular_value", "cost", "cost_slope", "log_gain", "depth_exponent"]
    methods += ["end_to_end_singular_value", "from_head", "step_cv"]
    methods += ["embedding_singular_value"] if embedding_decay else []
    if kind is KineticModel and embedding_decay:
        methods.remove("end_to_end_singular_value")  # s does not tell m
    for name in methods:
        method = getattr(model, name)
        whole = method(values)
        assert whole.shape == values.shape
        assert whole.dtype == np.float64
        assert isinstance(method(2), np.float64), name
        np.testing.assert_allclose(whole[1, 2, 3], method(values[1, 2, 3]), rtol=LAST_DIGITS)
        assert method(np.float32(2.0)).dtype == np.float64
        assert method([]).shape == (0,)
    lower, upper = model.bounds(values)
    assert lower.shape == upper.shape == values.shape
    assert isinstance(model.bounds(2.0)[0], np.float64)
    assert isinstance(model.bounds(2.0)[1], np.float64)
    assert model.layer_profile(values).shape == (8, 2, 3, 4)
    assert model.layer_profile(2.0).shape == (8,)


@ALL
def test_layers_need_a_whole_depth(kind):
    with pytest.raises(TypeError, match=r"^depth is 2\.5.*whole depths"):
        kind(2.5, 0.01, 0.01).layer_profile(1.0)


@ALL
def test_embedding_needs_its_decay(kind):
    with pytest.raises(ValueError, match=r"^embedding_decay is None"):
        kind(2, 0.01, 0.01).embedding_singular_value(1.0)


@given(heads())
def test_frobenius_prediction_is_a_critical_point(head):
    """With X = I: once the head is stationary, the gradient of every predicted block cancels its decay."""
    model = FrobeniusModel(3, 0.02, 0.01)
    blocks = np.tile(model.predicted_jacobian(head), (3, 1, 1))
    gradients = reference.block_gradients(blocks, head, model.head_decay)
    np.testing.assert_allclose(gradients, -model.jacobian_decay * blocks, atol=DENSE_FLOAT64)


@given(heads())
def test_nuclear_prediction_is_a_critical_point(head):
    """-gradient / lam_J is a subgradient of the nuclear norm: the identity on the active space, at most 1 off it."""
    model = NuclearModel(3, 0.02, 0.01)
    block = model.predicted_jacobian(head)
    for gradient in reference.block_gradients(np.tile(block, (3, 1, 1)), head, model.head_decay):
        subgradient = -gradient / model.jacobian_decay
        np.testing.assert_allclose(subgradient @ block, block, atol=DENSE_FLOAT64)
        assert np.linalg.norm(subgradient, 2) <= 1.0 + DENSE_FLOAT64


@KINDS
@given(head=heads())
def test_balance_error_is_zero_at_the_prediction_and_counts_departures(kind, head):
    model = kind(4, 0.02, 0.01)
    jacobian = model.predicted_jacobian(head)
    blocks = np.tile(jacobian, (4, 1, 1))
    assert model.balance_error(blocks, head) < DENSE_FLOAT64
    if not jacobian.any():
        return
    spoilt = blocks.copy()
    spoilt[2] *= 1.0 + 1e-3
    assert 1e-4 < model.balance_error(spoilt, head) < 1e-2


def test_balance_error_by_hand():
    assert FrobeniusModel(1, 2.0, 1.0).balance_error([[[1.0]]], [[1.0]]) == pytest.approx(3.0)  # |2 - 1/2| / (1/2)
    assert NuclearModel(1, 2.0, 1.0).balance_error([[[1.0]]], [[2.0]]) < LAST_DIGITS
    assert NuclearModel(1, 2.0, 1.0).balance_error([[[2.0]]], [[2.0]]) == pytest.approx(0.5)


@ALL
def test_balance_error_of_nothing_is_nothing(kind):
    model = kind(2, 1.0, 1.0)
    assert model.balance_error(np.zeros((2, 3, 3)), np.zeros((1, 3))) == 0.0
    assert kind(2, 1.0, 1.0, 1.0).balance_error(np.zeros((2, 3, 3)), np.zeros((1, 3)), np.zeros((3, 4))) == 0.0


def test_balance_error_against_nothing_is_infinite():
    assert FrobeniusModel(1, 1.0, 1.0).balance_error(np.ones((1, 1, 1)), np.zeros((1, 1))) == np.inf
    assert NuclearModel(1, 1.0, 1.0).balance_error(np.zeros((1, 1, 1)), [[2.0]]) == np.inf


@KINDS
@given(head=heads(), turn=orthogonal_matrices(7))
def test_embedding_is_balanced_with_the_head(kind, head, turn):
    """E E^T = (lam_W / lam_E) W^T W, whatever E's right factor."""
    model = kind(2, 0.02, 0.01, 0.03)
    _, w, vh = np.linalg.svd(head, full_matrices=False)
    embedding = (vh.T * w * np.sqrt(model.head_decay / model.embedding_decay)) @ turn[:3]
    blocks = np.tile(model.predicted_jacobian(head), (2, 1, 1))
    assert model.balance_error(blocks, head, embedding) < DENSE_FLOAT64
    assert model.balance_error(blocks, head, 1.1 * embedding) == pytest.approx(0.21, rel=DENSE_FLOAT64)


@KINDS
def test_prediction_is_symmetric_positive_and_of_the_rank_of_the_head(kind):
    head = np.random.default_rng(0).normal(size=(2, 6))
    jacobian = kind(4, 0.001, 0.01).predicted_jacobian(head)
    np.testing.assert_array_equal(jacobian, jacobian.T)
    eigenvalues = np.linalg.eigvalsh(jacobian)
    assert (np.abs(eigenvalues[:4]) < CLOSED_FORM * eigenvalues[-1]).all()
    assert (eigenvalues[4:] > 0.0).all()
    wide = kind(4, 0.001, 0.01).predicted_jacobian(head.T)  # C > d is legal
    assert wide.shape == (2, 2)


@KINDS
def test_bad_matrices_are_named(kind):
    model = kind(2, 0.01, 0.01)
    blocks, head = np.zeros((2, 3, 3)), np.ones((2, 3))
    with pytest.raises(ValueError, match=r"^jacobians has shape"):
        model.balance_error(np.zeros((2, 3, 4)), head)
    with pytest.raises(ValueError, match=r"^jacobians is empty"):
        model.balance_error(np.zeros((0, 3, 3)), head)
    with pytest.raises(ValueError, match=r"^head has shape"):
        model.balance_error(blocks, np.ones(3))
    with pytest.raises(ValueError, match=r"^head\[1, 2\] is nan"):
        model.balance_error(blocks, [[1.0, 1.0, 1.0], [1.0, 1.0, np.nan]])
    with pytest.raises(ValueError, match=r"^embedding is given"):
        model.balance_error(blocks, head, np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"^embedding has shape"):
        kind(2, 0.01, 0.01, 0.01).balance_error(blocks, head, np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"^head has shape"):
        model.predicted_jacobian([1.0, 2.0])


@ALL
def test_depths_beyond_what_was_tested_are_refused(kind):
    assert kind(1e12, 1.0, 1.0).jacobian_singular_value(3.0) > 0.0
    with pytest.raises(ValueError, match=r"^depth is 1e\+50; it must be at most 1e\+12"):
        kind(1e50, 1.0, 1.0)


@ALL
def test_balance_wants_all_blocks(kind):
    with pytest.raises(ValueError, match=r"^jacobians has shape \(2, 3, 3\); it must have shape \(4, 3, 3\)"):
        kind(4, 1.0, 1.0).balance_error(np.zeros((2, 3, 3)), np.ones((2, 3)))

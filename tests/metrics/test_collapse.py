"""Neural Collapse: the reference with d x d covariances, a simplex, few samples, invariances, bad labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel import metrics
from tests.reference import metrics as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, seeds
from tests.tolerances import DENSE_FLOAT64

PAIRED = [metrics.equinorm_error, metrics.equiangle_error, metrics.coherence_error]
ALL = [metrics.variability_error, *PAIRED]


@st.composite
def labelled_states(draw, widths=(2, 7)):
    """States [2, N, d], more or fewer than d of them, and labels of two to four classes of unequal sizes."""
    rng = np.random.default_rng(draw(seeds))
    classes = draw(st.integers(2, 4))
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, size=draw(st.integers(1, 6)))])
    return rng.normal(size=(2, labels.size, draw(st.integers(*widths)))), labels


def simplex(classes, width):
    """Rows e_c - mean: a simplex equiangular tight frame."""
    return np.eye(width)[:classes] - np.eye(width)[:classes].mean(axis=0)


@given(labelled_states())
def test_equal_to_the_reference(drawn):
    states, labels = drawn
    for layer, found in enumerate(metrics.class_centres(states, labels)):
        centres = reference.class_means(states[layer], labels.tolist())
        np.testing.assert_allclose(found, centres, atol=DENSE_FLOAT64)
        lengths, cosines = np.linalg.norm(centres, axis=1), reference.cosines(centres)
        measured = {function.__name__: function(states, labels)[layer] for function in ALL}
        expected = {
            "variability_error": reference.variability_error(states[layer], labels.tolist()),
            "equinorm_error": np.std(lengths) / np.mean(lengths),
            "equiangle_error": np.std(cosines),
            "coherence_error": np.mean(np.abs(cosines + 1 / (len(centres) - 1))),
        }
        assert measured == pytest.approx(expected, rel=1e-6, abs=1e-8)


@given(labelled_states(), st.booleans(), seeds)
def test_nearest_centres_equal_to_the_reference(drawn, leave_one_out, seed):
    states, labels = drawn
    predictions = np.random.default_rng(seed).permutation(labels)
    score = metrics.nearest_centre_score(states, labels, predictions, leave_one_out=leave_one_out)
    for layer in range(2):
        expected = reference.nearest_centre_score(states[layer], labels.tolist(), predictions.tolist(), leave_one_out)
        assert score[layer] == pytest.approx(expected)


@given(labelled_states(), st.data(), powers_of_ten(-120, 120), seeds)
def test_invariances(drawn, data, scale, seed):
    states, labels = drawn
    width = states.shape[-1]
    turn = data.draw(orthogonal_matrices(width))
    rng = np.random.default_rng(seed)
    order = rng.permutation(labels.size)
    moved = scale * (states[:, order] @ turn + rng.normal(size=width))
    for function in ALL:
        assert np.allclose(function(moved, labels[order] * 3 - 5), function(states, labels), rtol=1e-6, atol=1e-8)
    head = rng.normal(size=(4, width))
    duality = metrics.self_duality_error(states, labels, head)
    assert np.allclose(metrics.self_duality_error(moved, labels[order], 7.0 * head @ turn), duality, atol=1e-8)
    assert np.all((duality >= 0.0) & (duality <= 2.0))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_collapsed_network_has_no_error(classes):
    labels = np.tile(np.arange(classes), 3)
    centres = 5.0 * simplex(classes, 12)
    states = (centres + 0.3)[labels]
    for function in ALL:
        assert function(states, labels) == pytest.approx(0.0, abs=1e-7), function
    assert metrics.self_duality_error(states, labels, centres) == pytest.approx(0.0, abs=DENSE_FLOAT64)
    assert metrics.self_duality_error(states, labels, -centres) == pytest.approx(2.0)
    assert metrics.nearest_centre_score(states, labels, labels, leave_one_out=True) == 1.0


def test_unequal_norms_and_angles_are_seen():
    """Opposite pairs on two axes of lengths 3 and 1: cosines -1 twice and 0 four times."""
    states = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    labels = range(4)
    assert metrics.equinorm_error(states, list(labels)) == pytest.approx(0.5)
    assert metrics.equiangle_error(states, list(labels)) == pytest.approx(np.std([-1, -1, 0, 0, 0, 0]))
    assert metrics.coherence_error(states, list(labels)) == pytest.approx((2 * 2 / 3 + 4 / 3) / 6)


def test_more_dimensions_than_samples_need_no_matrix_of_that_size():
    """d x d would be 32 GiB; the answer is that of the space that the states span."""
    rng = np.random.default_rng(0)
    small, labels = rng.normal(size=(12, 5)), np.arange(12) % 3
    large = np.zeros((12, 65536))
    large[:, ::14000] = small
    for function in ALL:
        assert function(large, labels) == pytest.approx(float(function(small, labels)), rel=1e-8)


def test_states_far_from_the_origin_keep_their_c_minus_one_dimensions():
    """The last dimension of the centred means is rounding of the offset, and must not be divided by."""
    rng = np.random.default_rng(0)
    states, labels = rng.normal(size=(12, 5)), np.arange(12) % 3
    error = metrics.variability_error(states, labels)
    assert metrics.variability_error(states + 1e6, labels) == pytest.approx(float(error), rel=1e-6)


def test_class_means_that_coincide_have_documented_values():
    states = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    labels = [0, 0, 1, 1]
    assert metrics.variability_error(states, labels) == np.inf
    assert metrics.variability_error(np.ones((4, 2)), labels) == 0.0
    assert [float(function(states, labels)) for function in PAIRED] == [0.0, 0.0, 1.0]
    assert metrics.self_duality_error(states, labels, np.eye(2)) == pytest.approx(1.0)


def test_an_input_is_drawn_to_the_mean_that_it_is_part_of():
    """Random states in many dimensions: all nearest to their own class, until they are taken out of its mean."""
    rng = np.random.default_rng(0)
    states, labels = rng.normal(size=(40, 2000)), np.arange(40) % 10
    assert metrics.nearest_centre_score(states, labels, labels) == 1.0
    assert metrics.nearest_centre_score(states, labels, labels, leave_one_out=True) < 0.2


@pytest.mark.parametrize("function", ALL)
def test_bad_labels_are_refused(function):
    states = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"^labels has 2 entries for 3 inputs"):
        function(states, [0, 1])
    with pytest.raises(ValueError, match=r"^labels\[1\] is 0.5; labels must be whole numbers"):
        function(states, [0, 0.5, 1])
    with pytest.raises(ValueError, match=r"^labels holds the class 4 alone"):
        function(states, [4, 4, 4])
    with pytest.raises(TypeError, match=r"^labels"):
        function(states, ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"^states\[0, 1\] is not finite"):
        function([[0.0, np.nan]] * 3, [0, 1, 1])


def test_what_one_metric_alone_needs_is_asked_for():
    states, labels = np.eye(2), [0, 1]
    with pytest.raises(ValueError, match=r"^labels has one input for each class"):
        metrics.variability_error(states, labels)
    with pytest.raises(ValueError, match=r"^head has shape \(2, 3\) and states have 2 coordinates"):
        metrics.self_duality_error(states, labels, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^labels holds 0 .. 5; head has rows 0 .. 1"):
        metrics.self_duality_error(states, [0, 5], np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"^head is zero"):
        metrics.self_duality_error(states, labels, np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"^predictions has 3 entries for 2 inputs"):
        metrics.nearest_centre_score(states, labels, [0, 1, 1])

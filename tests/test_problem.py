import numpy as np
import pytest

from ramodel.simulate import Problem, random_problem
from tests.tolerances import DENSE_FLOAT64

GOOD = {
    "model": "frobenius",
    "loss": "cross-entropy",
    "inputs": np.eye(3),
    "targets": [0, 1, 2],
    "depth": 2,
    "jacobian_decay": 0.1,
    "head_decay": 0.1,
}
RANDOM = {
    "model": "frobenius",
    "classes": 3,
    "width": 4,
    "depth": 2,
    "samples": 10,
    "loss": "squared",
    "jacobian_decay": 0.1,
    "head_decay": 0.1,
    "seed": 0,
}


def test_arguments_are_stored_in_plain_form():
    problem = Problem(**GOOD | {"inputs": [[1, 2], [3, 4], [5, 6]], "depth": 2.0})
    assert problem.inputs.dtype == np.float64
    assert problem.targets.dtype == np.int64
    assert (problem.depth, problem.width, problem.classes, problem.samples) == (2, 2, 3, 3)


@pytest.mark.parametrize(
    ("loss", "targets", "classes"),
    [("squared", [0, 1, 4], 5), ("squared", np.ones((3, 2)), 2), ("logistic", [-1, 1, 1], 1)],
)
def test_classes_is_the_number_of_logits(loss, targets, classes):
    assert Problem(**GOOD | {"loss": loss, "targets": targets}).classes == classes


def test_width_is_free_with_an_embedding():
    assert Problem(**GOOD | {"width": 7, "embedding_decay": 0.1}).width == 7


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": "frobenious"}, ValueError, "did you mean 'frobenius'"),
        ({"loss": "hinge"}, ValueError, "loss is 'hinge'"),
        ({"inputs": np.ones(3)}, ValueError, "inputs has shape"),
        ({"inputs": np.empty((0, 3)), "targets": []}, ValueError, "inputs is empty"),
        ({"inputs": [[np.nan, 1, 1]] * 3}, ValueError, r"inputs\[0, 0\] is nan"),
        ({"inputs": "abc"}, TypeError, "inputs has entries of type"),
        ({"targets": [0, 1]}, ValueError, "targets has shape"),
        ({"targets": [0, 1, -1]}, ValueError, "targets hold values that are not whole numbers from 0"),
        ({"targets": [0, 1, 0.5]}, ValueError, "targets hold values that are not whole numbers from 0"),
        ({"targets": [0, 0, 0]}, ValueError, "targets name only class 0"),
        ({"targets": [0, 1, np.nan]}, ValueError, r"targets\[2\] is nan"),
        ({"targets": np.eye(3)}, ValueError, "targets has shape"),
        ({"loss": "logistic", "targets": [0, 1, 1]}, ValueError, "needs exactly these labels"),
        ({"loss": "squared", "targets": np.ones((2, 2))}, ValueError, "targets has shape"),
        ({"depth": 0}, ValueError, "depth is 0"),
        ({"depth": 1.5}, TypeError, "depth is 1.5"),
        ({"jacobian_decay": -0.5}, ValueError, "jacobian_decay is -0.5"),
        ({"head_decay": -1.0}, ValueError, "head_decay is -1.0"),
        ({"embedding_decay": np.inf}, ValueError, "embedding_decay is inf"),
        ({"width": 4}, ValueError, "leave width out or give embedding_decay"),
    ],
)
def test_bad_problem(change, error, message):
    with pytest.raises(error, match=message):
        Problem(**GOOD | change)


@pytest.mark.parametrize("samples", [10, 3])
def test_random_labels_are_balanced(samples):
    counts = np.bincount(random_problem(**RANDOM | {"samples": samples}).targets)
    assert len(counts) == 3
    assert counts.max() - counts.min() <= 1


def test_random_inputs_are_class_mean_plus_noise():
    problem = random_problem(**RANDOM | {"samples": 3000, "width": 50, "classes": 100})
    groups = [problem.inputs[problem.targets == label] for label in range(100)]
    means = np.array([group.mean(axis=0) for group in groups])
    within = np.mean([group.var(axis=0, ddof=1).mean() for group in groups])
    assert within == pytest.approx(1.0, rel=0.05)
    assert means.var() == pytest.approx(4.0 + 1.0 / 30, rel=0.05)


def test_the_seed_decides():
    first, again, other = (random_problem(**RANDOM | {"seed": seed}).inputs for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("classes", [1, 2])
def test_logistic_problems_have_one_logit_and_two_labels(classes):
    problem = random_problem(**RANDOM | {"loss": "logistic", "classes": classes})
    assert problem.classes == 1
    assert set(problem.targets) == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 1}, "classes is 1"),
        ({"loss": "logistic", "classes": 3}, "one logit and two classes"),
        ({"samples": 2}, "samples is 2"),
        ({"width": 0}, "width is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"depth": 0}, "depth is 0"),
        ({"loss": "log"}, "loss is 'log'"),
        ({"jacobian_decay": float("nan")}, "jacobian_decay is nan"),
    ],
)
def test_bad_random_problem(change, message):
    with pytest.raises(ValueError, match=message):
        random_problem(**RANDOM | change)


def test_whitening_keeps_the_span_and_everything_else():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((9, 2)) @ rng.standard_normal((2, 4))
    problem = Problem(**GOOD | {"model": "kinetic", "inputs": inputs, "targets": np.arange(9) % 3})
    white = problem.whitened()
    assert not problem.is_white
    assert white.is_white
    np.testing.assert_allclose(white.second_moment @ white.second_moment, white.second_moment, atol=DENSE_FLOAT64)
    assert np.linalg.matrix_rank(white.second_moment) == 2
    np.testing.assert_allclose(white.inputs @ np.linalg.pinv(inputs) @ inputs, white.inputs, atol=DENSE_FLOAT64)
    np.testing.assert_allclose(white.whitened().inputs, white.inputs, atol=DENSE_FLOAT64)
    assert (white.model, white.depth, white.classes) == (problem.model, problem.depth, problem.classes)


def test_second_moment_is_the_mean_over_samples():
    problem = Problem(**GOOD | {"inputs": [[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]]})
    np.testing.assert_allclose(problem.second_moment, np.array([[10.0, 14.0], [14.0, 21.0]]) / 3, rtol=DENSE_FLOAT64)


def test_white_up_to_scale_is_white():
    assert Problem(**GOOD).is_white
    zero = Problem(**GOOD | {"inputs": np.zeros((3, 2))})
    assert zero.is_white
    assert not zero.whitened().inputs.any()

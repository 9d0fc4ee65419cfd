"""The public strategies: what they draw lies where they say, what is simplest comes out of shrinking."""

import numpy as np
import pytest
import torch
from hypothesis import find, given, settings
from hypothesis import strategies as st

import ramodel
from ramodel.testing import (
    critical_point,
    critical_points,
    haar_matrix,
    networks,
    orthogonal_matrices,
    powers_of_ten,
    problems,
    residual_models,
)
from ramodel.theory import FrobeniusModel, NuclearModel
from tests.reference import simulate as reference
from tests.tolerances import OPTIMISER, UNREDUCED

QUICK = settings(database=None, max_examples=20)


def simplest(strategy, condition=lambda value: True):
    return find(strategy, condition, settings=settings(database=None, max_examples=60))


@given(powers_of_ten(-3, 2))
def test_powers_of_ten_stay_between_their_ends(number):
    assert 1e-3 * (1 - 1e-12) <= number <= 1e2 * (1 + 1e-12)


@given(st.integers(1, 6).flatmap(lambda width: st.tuples(st.just(width), orthogonal_matrices(width))))
def test_orthogonal_matrices_are(case):
    width, turn = case
    assert turn.shape == (width, width)
    np.testing.assert_allclose(turn @ turn.T, np.eye(width), atol=UNREDUCED)


def test_haar_matrices_repeat_with_their_seed_and_have_no_preferred_direction():
    assert (haar_matrix(3, 5) == haar_matrix(3, 5)).all()
    mean = np.mean([haar_matrix(3, seed) for seed in range(1, 3001)], axis=0)
    assert np.abs(mean).max() < 6 * np.sqrt(1 / 3 / 3000)  # six standard errors


@QUICK
@given(problems(models=["kinetic"], losses=["squared", "cross-entropy"], max_width=3, max_depth=2, embedding=False))
def test_problems_keep_to_their_options(problem):
    assert problem.model == "kinetic"
    assert problem.loss in ("squared", "cross-entropy")
    assert problem.width <= 3
    assert problem.depth <= 2
    assert problem.embedding_decay is None
    assert 0.0099 < problem.jacobian_decay < 1.01


def test_problems_reach_every_option():
    for wanted in ("frobenius", "nuclear"):
        assert simplest(problems(), lambda problem, wanted=wanted: problem.model == wanted).depth == 1
    for loss in ("squared", "cross-entropy", "logistic"):
        problem = simplest(problems(), lambda problem, loss=loss: problem.loss == loss)
        assert (problem.width, problem.samples, problem.jacobian_decay) == (1, 2, 1.0)


@QUICK
@given(problems(models=["kinetic"], embedding=True))
def test_kinetic_problems_with_an_embedding_have_a_minimum(problem):
    assert problem.embedding_decay is not None
    assert problem.is_white


@pytest.mark.parametrize("kind", [FrobeniusModel, NuclearModel])
def test_models_shrink_to_depth_and_decays_of_one(kind):
    assert simplest(residual_models(kind)) == kind(1, 1.0, 1.0)
    assert simplest(residual_models(kind, embedding=True)) == kind(1, 1.0, 1.0, 1.0)


@QUICK
@given(networks(skip=None))
def test_networks_run_and_can_be_measured(network):
    config = network.config
    inputs = torch.ones(2, config.inputs, dtype=torch.float64)
    assert network(inputs).shape == (2, config.classes)
    spectra = ramodel.measure(network, inputs, progress=False)
    assert len(spectra.blocks) == config.depth


def test_networks_keep_to_their_options():
    network = simplest(networks(kinds=["gelu"], bias=True, skip=False), lambda network: network.config.depth > 2)
    assert (network.config.kind, network.config.bias, network.config.skip) == ("gelu", True, False)
    assert (network.config.depth, network.config.width) == (3, 1)


def flat(point):
    """The point as one vector, as the reference orders it."""
    parts = [point.jacobians.ravel(), point.head.ravel()]
    parts += [] if point.embedding is None else [point.embedding.ravel()]
    return torch.tensor(np.concatenate(parts))


@QUICK
@given(critical_points(), st.integers(0, 1000))
def test_critical_points_are_critical_by_autograd(point, seed):
    width = point.end_to_end.shape[1]
    problem = point.problem(np.random.default_rng(seed).standard_normal((2 * width + 1, width)))
    scale = max(float(np.abs(point.head).max()) * problem.head_decay, float(np.abs(point.map_gradient).max()))
    # Where s is large rounding errors of M reach the first block enlarged by the others, by a factor of about |M|.
    rounding = np.finfo(float).eps * float(np.abs(point.end_to_end).max()) ** 2
    assert float(reference.gradient(problem, flat(point)).abs().max()) < OPTIMISER * (1.0 + scale) + rounding


@QUICK
@given(critical_points(branches="off", spare=1), critical_points(branches="positive", embedding=False))
def test_branches_are_those_asked_for(off, positive):
    assert not off.on_positive_branch
    assert off.head.shape[1] == off.eigenvalues.shape[1] + 1
    assert positive.on_positive_branch
    assert positive.embedding is None


def test_critical_points_shrink_to_one_block_of_rank_one():
    point = simplest(critical_points())
    assert point.eigenvalues == pytest.approx(np.ones((1, 1)), rel=UNREDUCED)
    assert point.model == FrobeniusModel(1, 1.0, 1.0)


def test_critical_point_takes_what_it_is_given():
    point = critical_point(depth=2, s=[0.5, 2.0], off_branch=[(0, 1)], classes=3, spare=2, seed=4)
    assert point.head.shape == (3, 4)
    np.testing.assert_allclose(point.eigenvalues, [[2.0, -1.5], [2.0, 0.5]], rtol=UNREDUCED)
    np.testing.assert_allclose(np.linalg.svd(point.head, compute_uv=False)[:2] ** 2, [6.0, 0.75], rtol=UNREDUCED)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"s": []}, "s is empty"),
        ({"s": [1.0, 0.0]}, r"^s\[1\] is 0\.0;"),
        ({"s": [1.0], "off_branch": [(0.5, 0)]}, r"off_branch has \(0\.5, 0\); it must hold pairs"),
        ({"s": [1.0], "off_branch": [3]}, "off_branch has 3; it must hold pairs"),
        ({"s": [1.0], "off_branch": [(0, 0, 0)]}, r"off_branch has \(0, 0, 0\); it must hold pairs"),
        ({"s": [1.0], "off_branch": [(1, 0)]}, r"off_branch has \(1, 0\)"),
        ({"s": [1.0], "off_branch": [(0, -1)]}, r"off_branch has \(0, -1\)"),
        ({"s": [1.0, 2.0], "classes": 1}, "classes is 1.*needs a logit"),
        ({"spare": -1}, "spare is -1"),
        ({"depth": 1.5}, "depth is 1.5"),
    ],
)
def test_bad_critical_points_are_named(options, match):
    with pytest.raises((ValueError, TypeError), match=match):
        critical_point(**options)


@pytest.mark.parametrize(
    ("strategy", "match"),
    [
        (lambda: problems(models=["frobenious"]), "did you mean 'frobenius'"),
        (lambda: problems(max_classes=1), "max_classes is 1"),
        (lambda: problems(max_samples=2, max_classes=4), "max_samples is 2"),
        (lambda: networks(max_width=0), "max_width is 0"),
        (lambda: critical_points(branches="both"), "branches is 'both'"),
        (lambda: problems(models=[]), "models is empty"),
        (lambda: problems(decays=(1.0, 0.1)), r"decays is \(1\.0, 0\.1\); its first entry must not exceed"),
        (lambda: problems(decays=(0.0, 1.0)), r"decays\[0\] is 0\.0; it must be greater than zero"),
        (lambda: problems(decays=1.0), "decays is 1.0; it must be a pair"),
        (lambda: critical_points(decays=(-1, 1)), r"decays\[0\] is -1; it must be greater than zero"),
        (lambda: networks(kinds=["rel"]), "did you mean 'relu'"),
        (lambda: powers_of_ten(3, 400), "greatest is 400; it is an exponent of ten"),
        (lambda: powers_of_ten(-400, 3), "least is -400; it is an exponent of ten"),
        (lambda: powers_of_ten(1, 0), "least is 1"),
        (lambda: orthogonal_matrices(0), "width is 0"),
    ],
)
def test_bad_options_are_named(strategy, match):
    with pytest.raises(ValueError, match=match):
        find(strategy(), lambda value: True, settings=settings(database=None, max_examples=5))


@pytest.mark.parametrize(
    ("strategy", "match"),
    [
        (lambda: problems(models="frobenius"), "models is 'frobenius'; it must be a list of names"),
        (lambda: problems(losses="squared"), "losses is 'squared'; it must be a list of names"),
        (lambda: networks(kinds="relu"), "kinds is 'relu'; it must be a list of names"),
    ],
)
def test_a_single_name_is_no_list(strategy, match):
    with pytest.raises(TypeError, match=match):
        find(strategy(), lambda value: True, settings=settings(database=None, max_examples=5))

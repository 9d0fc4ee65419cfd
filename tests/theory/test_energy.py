"""S16: energies that agree at critical points, shares of the decay; S19: energy against gain in the nuclear model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.problem import Problem
from ramodel.simulate import minimise, random_problem
from ramodel.testing import critical_points
from ramodel.theory import (
    MODELS,
    FrobeniusModel,
    NuclearModel,
    block_energy_ratio,
    decay_elasticity,
    energies,
    gain_from_energy,
    loss_from_probability,
    margin_from_probability,
)
from tests.strategies import powers_of_ten, seeds
from tests.tolerances import DENSE_FLOAT64, FINITE_DIFFERENCE, OPTIMISER, ROUNDING


@given(powers_of_ten(0.01, 8))
def test_energy_of_a_block_gives_its_singular_value(u):
    """Rank one: ||B_l||^2 = s and ||W||^2 = w^2, so e / (1 - e) is s with nothing else known."""
    model = NuclearModel(8, 0.02, 0.01)
    m = u * model.threshold
    s, w = model.jacobian_singular_value(m), model.head_singular_value(m)
    energy_ratio = model.jacobian_decay * s / (model.head_decay * w**2)
    assert gain_from_energy(energy_ratio) == pytest.approx(s, rel=ROUNDING / (1 - energy_ratio))


def test_sign_turns_beyond_one():
    np.testing.assert_allclose(gain_from_energy([[0.75, 2.0]]), [[3.0, -2.0]])


@pytest.mark.parametrize(
    ("bad", "match"), [(-0.1, "at least 0"), (np.nan, "finite"), (1.0, "infinite"), ([0.5, 1], "1")]
)
def test_bad_ratios_are_refused(bad, match):
    with pytest.raises(ValueError, match=f"^energy_ratio.*{match}"):
        gain_from_energy(bad)
    with pytest.raises(TypeError, match=r"^energy_ratio"):
        gain_from_energy("half")


@given(critical_points(embedding=False), seeds)
def test_energies_agree_at_every_critical_point(point, seed):
    width = point.head.shape[1]
    inputs = np.random.default_rng(seed).standard_normal((width + 2, width))
    decays = {"jacobian_decay": point.model.jacobian_decay, "head_decay": point.model.head_decay}
    found = energies(point.jacobians, point.head, inputs @ point.end_to_end.T, point.loss_gradient(inputs), **decays)
    assert found.error < DENSE_FLOAT64
    assert found.work == pytest.approx(-np.sum(point.map_gradient * point.end_to_end), rel=DENSE_FLOAT64)


@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
def test_energies_at_what_the_optimiser_finds(loss):
    problem = random_problem(model="frobenius", classes=3, width=5, depth=3, samples=9, loss=loss, jacobian_decay=0.05,
                             head_decay=0.02, seed=0)  # fmt: skip
    optimum = minimise(problem, progress=False)
    logits = problem.inputs @ optimum.end_to_end.T
    wanted = np.eye(3)[problem.targets]
    outputs = logits if loss == "squared" else np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    decays = {"jacobian_decay": 0.05, "head_decay": 0.02}
    found = energies(optimum.jacobians, optimum.head, logits, (outputs - wanted) / 9, **decays)
    assert found.error < OPTIMISER
    assert energies(1.1 * optimum.jacobians, optimum.head, logits, (outputs - wanted) / 9, **decays).error > 0.05


@given(st.sampled_from(sorted(MODELS)), st.integers(1, 20), st.none() | powers_of_ten(-2, 1), powers_of_ten(-1, 4))
def test_shares_of_the_decay(name, depth, embedding_decay, u):
    """Blocks over head by their matrices, and the elasticity by finite differences of the cost."""
    model = MODELS[name](depth, 0.03, 0.02, embedding_decay)
    m = u * model.unit
    s, w = model.layer_profile(m), model.head_singular_value(m)
    blocks = {"frobenius": s**2, "plain": s**2, "nuclear": 2.0 * s}
    if name == "kinetic":
        entering = 1.0 if embedding_decay is None else model.embedding_singular_value(m) ** 2
        total = depth * model.jacobian_decay * (s[0] ** 2) * entering  # equal steps: L of them, each of size t/L
    else:
        total = model.jacobian_decay * blocks[name].sum()
    ratio = block_energy_ratio(model, m)
    assert ratio == pytest.approx(total / (model.head_decay * w**2), rel=DENSE_FLOAT64, abs=DENSE_FLOAT64)
    if abs(u - 1.0) > 1e-3:  # the nuclear cost has a kink in its slope there
        step = 1e-5
        sides = [MODELS[name](depth, 0.03 * np.exp(x), 0.02, embedding_decay).cost(m) for x in (-step, step)]
        slope = np.log(sides[1] / sides[0]) / (2 * step)
        assert decay_elasticity(model, m) == pytest.approx(slope, abs=FINITE_DIFFERENCE)


@given(st.integers(2, 100), powers_of_ten(-3, 1.3))
def test_simplex_reads_off_loss_and_margin(classes, margin):
    p = 1.0 / (np.exp(margin) + classes - 1.0)
    assert margin_from_probability(p, classes) == pytest.approx(margin, rel=DENSE_FLOAT64, abs=DENSE_FLOAT64)
    logits = np.where(np.arange(classes) == 0, margin, 0.0)
    assert loss_from_probability(p, classes) == pytest.approx(np.logaddexp.reduce(logits) - margin, abs=DENSE_FLOAT64)


def test_simplex_optimum_of_s10():
    """C = 6, L = 2, lam = 0.05: the optimum that the optimiser finds is the simplex, p is lam_J s (1 + s) / m."""
    problem = Problem(model="frobenius", loss="cross-entropy", inputs=np.eye(6), targets=np.arange(6), depth=2,
                      jacobian_decay=0.05, head_decay=0.05)  # fmt: skip
    optimum = minimise(problem, progress=False)
    m = np.linalg.svd(optimum.end_to_end, compute_uv=False)[0]
    model = FrobeniusModel(2, 0.05, 0.05)
    s = model.jacobian_singular_value(m)
    p = 0.05 * s * (1.0 + s) / m
    assert margin_from_probability(p, 6) == pytest.approx(m, rel=OPTIMISER)
    decay = 0.5 * 5 * model.cost(m)
    assert loss_from_probability(p, 6) + decay == pytest.approx(optimum.objective, rel=OPTIMISER)


def test_margin_of_the_least_probabilities():
    for p in (1e-320, 1e-308, 1e-20):
        assert margin_from_probability(p, 4) == pytest.approx(-np.log(p), rel=DENSE_FLOAT64)
    assert margin_from_probability(0.25, 4) == pytest.approx(0.0, abs=DENSE_FLOAT64)


def test_energies_that_leave_float64_are_refused():
    ok = {"jacobian_decay": 1.0, "head_decay": 1.0}
    one = [[1.0]]
    for arguments, name in (
        (([one], [[1e200]], one, one), "the energy of the head"),
        (([one], one, [[1e200]], [[1e200]]), "the work"),
        (([[[1e200]]], one, one, one), "the energy of a block"),
    ):
        with pytest.raises(OverflowError, match=f"{name} exceeds the largest float64"):
            energies(*arguments, **ok)


def test_bad_energies_are_refused():
    ok = {"jacobian_decay": 1.0, "head_decay": 1.0}
    with pytest.raises(ValueError, match=r"logits has shape \(1, 2\)"):
        energies([[[1.0]]], [[1.0]], [[1.0, 1.0]], [[1.0]], **ok)
    with pytest.raises(ValueError, match=r"logit_gradient has shape \(2, 1\)"):
        energies([[[1.0]]], [[1.0]], [[1.0]], [[1.0], [1.0]], **ok)
    with pytest.raises(ValueError, match="head_decay is 0"):
        energies([[[1.0]]], [[1.0]], [[1.0]], [[1.0]], jacobian_decay=1.0, head_decay=0.0)
    assert energies([[[0.0]]], [[0.0]], [[0.0]], [[1.0]], **ok).error == 0.0
    assert energies([[[1.0]]], [[0.0]], [[0.0]], [[1.0]], **ok).error == np.inf
    with pytest.raises(ValueError, match=r"p is 0\.5; the probability of a wrong class"):
        loss_from_probability(0.5, 4)
    with pytest.raises(ValueError, match="At p = 0 the margin is infinite"):
        margin_from_probability(0.0, 4)
    with pytest.raises(ValueError, match="classes is 1"):
        margin_from_probability(0.1, 1)

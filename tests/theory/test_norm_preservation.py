"""S9: how far blocks stretch gradients and states, and the two laws over depth."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import gradient_norm_ratio, state_norm_ratio
from ramodel.simulate import minimise, random_problem
from ramodel.theory import (
    FrobeniusModel,
    KineticModel,
    NuclearModel,
    gradient_ratio_bounds,
    inverse_depth_constant,
    logarithmic_law,
    logarithmic_law_constant,
    state_ratio_bounds,
)
from tests.reference import theory as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, residual_models, seeds
from tests.tolerances import DENSE_FLOAT64, OPTIMISER, ROUNDING


@given(orthogonal_matrices(6), st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=4), seeds)
def test_ratios_of_symmetric_blocks_lie_between_the_bounds(frame, s, seed):
    V = frame[:, : len(s)]
    block = np.eye(6) + (V * s) @ V.T
    rng = np.random.default_rng(seed)
    gradients = V @ rng.normal(size=(len(s), 20))  # along active directions
    states = rng.normal(size=(6, 20))  # anywhere
    lower, upper = gradient_ratio_bounds(s)
    backward = gradient_norm_ratio(np.stack([(block @ gradients).T, gradients.T]))
    assert np.all(backward >= lower - DENSE_FLOAT64)
    assert np.all(backward <= upper + DENSE_FLOAT64)
    attained = np.linalg.norm(block @ V, axis=0)
    np.testing.assert_allclose([attained.min(), attained.max()], [lower, upper], atol=DENSE_FLOAT64)
    lower, upper = state_ratio_bounds(s)
    forward = state_norm_ratio(np.stack([states.T, (block @ states).T]))
    assert np.all((forward >= lower - DENSE_FLOAT64) & (forward <= upper + DENSE_FLOAT64))
    assert lower <= 1.0 <= upper


def test_the_optimum_found_without_theory_keeps_to_the_bounds():
    problem = random_problem(
        model="frobenius", classes=3, width=6, depth=4, samples=12, loss="cross-entropy",
        jacobian_decay=0.02, head_decay=0.01, seed=0,
    )  # fmt: skip
    optimum = minimise(problem, starts=2, progress=False)
    w = np.linalg.svd(optimum.head, compute_uv=False)[:2]  # the third is 0: columns of G sum to zero
    model = FrobeniusModel(4, 0.02, 0.01)
    logits = problem.inputs @ optimum.end_to_end.T
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gradients = [(probabilities - np.eye(3)[problem.targets]) @ optimum.head]
    for block in optimum.jacobians[::-1]:
        gradients.insert(0, gradients[0] + gradients[0] @ block)
    ratios = gradient_norm_ratio(np.stack(gradients))
    lower, upper = gradient_ratio_bounds(model.from_head(w))
    assert lower > 1.0
    assert ratios.min() >= lower - OPTIMISER
    assert ratios.max() <= upper + OPTIMISER


@given(residual_models(FrobeniusModel), powers_of_ten(-10, 10))
def test_logarithmic_law_holds_at_every_depth(model, u):
    m = u * model.unit
    c = logarithmic_law_constant(model, m)
    assert c >= 0.5 * model.ends
    assert model.jacobian_singular_value(m) <= logarithmic_law(model.depth, c) * (1.0 + ROUNDING)


@pytest.mark.parametrize("embedding_decay", [None, 1.0])
def test_no_smaller_constant_would_do(embedding_decay):
    """A large m asks for c at L = 1; a small one only in the limit of more blocks than float64 can count."""
    model = FrobeniusModel(1, 1.0, 1.0, embedding_decay)
    large = logarithmic_law_constant(model, 100.0)
    assert model.jacobian_singular_value(100.0) == pytest.approx(logarithmic_law(1, large), rel=ROUNDING)
    with mpmath.workdps(reference.DIGITS):
        depth = mpmath.mpf(10) ** 3000
        s = reference.frobenius_s(1.0, depth, 1.0, 1.0, embedding_decay)
        needed = s * depth / mpmath.log(2 * depth)
    assert logarithmic_law_constant(model, 1e-3) == 0.5 * model.ends
    assert float(needed) == pytest.approx(0.5 * model.ends, rel=2e-3)


@given(residual_models(NuclearModel), powers_of_ten(-2, 8))
def test_inverse_law_holds_at_every_depth_and_is_sharp_at_one(model, u):
    m = u * model.unit
    c, shift = inverse_depth_constant(model, m), 0.5 * model.ends
    assert model.jacobian_singular_value(m) <= c / (model.depth + shift) * (1.0 + 4 * ROUNDING)
    single = replace(model, depth=1).jacobian_singular_value(m)
    assert single == pytest.approx(c / (1.0 + shift), rel=ROUNDING)


def test_kinetic_blocks_stretch_most_at_the_input_and_as_a_power_of_depth():
    """White kinetic model: t (1 + t)^3 = L T, so delta_1 = t/L goes as L^(-3/4), slower than log(L)/L."""
    depths = np.array([10**4, 10**5])
    first = []
    for depth in depths:
        _, upper = gradient_ratio_bounds(KineticModel(int(depth), 0.01, 0.01).layer_profile(np.array([3.0])))
        assert np.all(np.diff(upper) < 0.0)
        first.append(upper[0] - 1.0)
    assert np.log(first[1] / first[0]) / np.log(10.0) == pytest.approx(-0.75, abs=0.05)


def test_logarithmic_law_is_the_formula():
    np.testing.assert_allclose(logarithmic_law([1, 8], [2.0, 3.0]), [2.0 * np.log(2.0), 3.0 * np.log(16.0) / 8.0])


def test_bounds_by_layer():
    s = np.array([[0.5, 0.25], [0.4, 0.1]])
    lower, upper = gradient_ratio_bounds(s)
    np.testing.assert_allclose(lower, [1.25, 1.1])
    np.testing.assert_allclose(upper, [1.5, 1.4])


@pytest.mark.parametrize("function", [gradient_ratio_bounds, state_ratio_bounds])
def test_bad_singular_values_are_refused(function):
    with pytest.raises(ValueError, match=r"^s is the number 0\.5; give the eigenvalues"):
        function(0.5)
    with pytest.raises(ValueError, match=r"^s is empty"):
        function([])
    with pytest.raises(ValueError, match=r"^s\[0\] is nan"):
        function([np.nan])
    with pytest.raises(TypeError, match=r"^s has entries"):
        function(["half"])


def test_bad_laws_are_refused():
    with pytest.raises(ValueError, match=r"^depth is 0\.5; every entry must be at least 1"):
        logarithmic_law(0.5, 1.0)
    with pytest.raises(ValueError, match=r"^constant is -1"):
        logarithmic_law(2, -1.0)
    with pytest.raises(TypeError, match=r"^model is NuclearModel.*must be a FrobeniusModel"):
        logarithmic_law_constant(NuclearModel(2, 1.0, 1.0), 1.0)
    with pytest.raises(TypeError, match=r"^model is FrobeniusModel.*must be a NuclearModel"):
        inverse_depth_constant(FrobeniusModel(2, 1.0, 1.0), 1.0)
    with pytest.raises(ValueError, match=r"^m is -1"):
        logarithmic_law_constant(FrobeniusModel(2, 1.0, 1.0), -1.0)

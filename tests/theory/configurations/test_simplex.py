"""The simplex: its margin, value, Hessian by symmetry type, and where it stops being a minimum."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.theory import FrobeniusModel, KineticModel, NuclearModel
from ramodel.theory.configurations import (
    simplex,
    simplex_margin,
    simplex_stability,
    smallest_unstable_classes,
    stability_depth,
)
from ramodel.theory.configurations.configuration import class_objective
from tests.reference import configurations as reference
from tests.strategies import powers_of_ten
from tests.tolerances import CRITICAL, DENSE_FLOAT64, REDUCED, SECOND_DIFFERENCES


@given(st.integers(2, 60), st.floats(0.5, 50.0), powers_of_ten(-6, 0), powers_of_ten(-2, 2))
def test_simplex_is_stationary_and_its_identities_hold(classes, depth, decay, ratio):
    """S16: loss -ln(1 - (C-1)p) and margin ln(1/p - C + 1), with p = lam_J s (1+s) / m."""
    model = FrobeniusModel(depth, decay, decay / ratio)
    found = simplex(classes, model)
    m = simplex_margin(classes, model)
    s = float(model.jacobian_singular_value(m))
    p = decay * s * (1 + s) / m
    assert found.residual <= CRITICAL
    assert math.exp(m) == pytest.approx(1 / p - classes + 1, rel=DENSE_FLOAT64 * classes)
    loss = found.value - 0.5 * (classes - 1) * float(model.cost(m))
    assert loss == pytest.approx(-math.log1p(-(classes - 1) * p), rel=REDUCED, abs=CRITICAL)


@pytest.mark.parametrize(("decays", "large"), [((50, 4.0, 5.0), True), ((100, 10.0, 5.0), False)])
def test_of_two_margins_the_lower_is_taken(decays, large):
    """Where decays are large: a small margin almost without blocks, or a large one with them."""
    model = FrobeniusModel(*decays)
    line = np.geomspace(1e-4, 10.0, 20_001)
    values = np.log1p(3 * np.exp(-line)) + 1.5 * model.cost(line)
    assert np.count_nonzero((values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])) == 2
    m = simplex_margin(4, model)
    assert (m > 1.0) == large
    assert m == pytest.approx(line[values.argmin()], rel=line[1] / line[0] - 1)


@pytest.mark.parametrize("classes", [2, 3, 4, 6, 7])
@pytest.mark.parametrize(
    "model",
    [
        FrobeniusModel(6, 0.02, 0.01),
        FrobeniusModel(20.5, 0.1, 0.1),
        NuclearModel(3, 0.02, 0.01),
        KineticModel(3, 0.02, 0.01),
    ],
)
def test_levels_are_the_spectrum(classes, model):
    """All C^2 eigenvalues with their multiplicities, among them the block that couples margins and biases."""
    found = simplex_stability(classes, model)
    m = found.margin * (np.eye(classes) - 1 / classes)
    objective = class_objective(classes, model, points=classes**2)
    kept = objective.evaluate(np.tile(m.reshape(-1), (classes**2, 1))).kept
    eigenvalues = np.linalg.eigvalsh(objective.hessian_product(kept, np.eye(classes**2)))
    listed = np.sort(np.concatenate([[level.eigenvalue] * level.multiplicity for level in found.levels]))
    np.testing.assert_allclose(listed, eigenvalues, atol=DENSE_FLOAT64 * eigenvalues.max())
    assert found.smallest_eigenvalue == listed[0]


@pytest.mark.parametrize(("classes", "decays"), [(4, (8, 0.02, 0.01)), (5, (30, 0.1, 0.1))])
def test_levels_against_second_differences(classes, decays):
    found = simplex_stability(classes, FrobeniusModel(*decays))
    m = found.margin * (np.eye(classes) - 1 / classes)
    eigenvalues = np.linalg.eigvalsh(reference.hessian(m, *decays))
    listed = np.sort(np.concatenate([[level.eigenvalue] * level.multiplicity for level in found.levels]))
    np.testing.assert_allclose(listed, eigenvalues, atol=SECOND_DIFFERENCES)


@given(st.integers(4, 300), st.floats(1.0, 60.0), powers_of_ten(-5, -1))
def test_closed_rule(classes, depth, decay):
    """Stable iff m (1 + 2(L+1)s) > C (2(L-1)s - 1), for C >= 4."""
    model = FrobeniusModel(depth, decay, decay)
    m = simplex_margin(classes, model)
    s = float(model.jacobian_singular_value(m))
    assert simplex_stability(classes, model).stable == (
        m * (1 + 2 * (depth + 1) * s) > classes * (2 * (depth - 1) * s - 1)
    )


def test_depths_of_theory():
    assert round(stability_depth(10, 0.1, 0.1), 3) == 6.591
    for classes in (4, 6):
        assert all(stability_depth(classes, decay, decay, deepest=40.0) == math.inf for decay in (1e-3, 1e-2, 1e-1))
    for decay in (1e-5, 1e-4, 1e-3, 1e-2):
        assert stability_depth(100, decay, decay) < 2.0
    assert [smallest_unstable_classes(FrobeniusModel(depth, 0.01, 0.01)) for depth in (2, 4, 8, 16)] == [40, 18, 14, 13]


def test_stability_turns_at_the_depth():
    depth = stability_depth(100, 0.01, 0.02)
    assert simplex_stability(100, FrobeniusModel(depth * (1 - 1e-9), 0.01, 0.02)).stable
    assert not simplex_stability(100, FrobeniusModel(depth * (1 + 1e-9), 0.01, 0.02)).stable


def test_none_where_no_number_of_classes_is_unstable():
    assert smallest_unstable_classes(FrobeniusModel(1, 0.01, 0.01), largest=20) is None


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: simplex(1, FrobeniusModel(8, 0.01, 0.01)), "classes is 1; it must be at least 2"),
        (lambda: simplex(4, FrobeniusModel(8, 1e300, 1e300)), "put the margin of the simplex outside"),
        (lambda: stability_depth(3, 0.1, 0.1), "classes is 3; it must be at least 4"),
        (lambda: stability_depth(4, -0.1, 0.1), "jacobian_decay is -0.1; it must be greater than zero"),
        (lambda: stability_depth(4, 0.1, 0.1, deepest=0.0), "deepest is 0.0; it must be greater than zero"),
        (lambda: smallest_unstable_classes(FrobeniusModel(8, 0.1, 0.1), largest=3), "largest is 3"),
        (lambda: simplex_stability(4, NuclearModel(8, 0.1, 0.1, 0.1)), "embedding_decay is 0.1"),
    ],
)
def test_bad_input(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()

"""Families of S10: values of THEORY.md, critical in the whole problem, seen by a road that knows nothing of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.certified import CertifiedConfigurations
from ramodel.theory import FrobeniusModel, KineticModel, NuclearModel, PlainModel
from ramodel.theory.configurations import (
    Configuration,
    circulant,
    free_search,
    lattice,
    named_families,
    pair,
    polygons,
    simplex,
    triangular,
)
from ramodel.theory.configurations.configuration import describe
from ramodel.theory.configurations.search import partitions
from tests.reference import configurations as reference
from tests.strategies import powers_of_ten
from tests.tolerances import CRITICAL, FINITE_DIFFERENCE, MINIMISER, PRINTED, REDUCED, TWELVE_DECIMALS

# THEORY.md: C, L, lam, best circulant F, its levels.
TABLE = [
    (4, 8, 0.01, 0.022978259292, [(0.432415977882, 2), (0.009004655236, 1)]),
    (10, 4, 0.001, 0.013804679375, [(0.916255138232, 5), (0.016974758826, 4)]),
    (4, 8, 0.1, 0.183445446197, [(0.368840369108, 2), (0.016554699152, 1)]),
    (6, 2, 0.05, 0.437517461239, [(0.800502487891, 5)]),
    (6, 32, 0.03, 0.029944673179, [(0.123811662949, 3), (0.000180304923, 2)]),
]


@pytest.mark.parametrize(("classes", "depth", "decay", "value", "levels"), TABLE)
@pytest.mark.parametrize("family", [circulant, pair])
def test_reference_values(family, classes, depth, decay, value, levels):
    found = family(classes, FrobeniusModel(depth, decay, decay))
    assert found.value == pytest.approx(value, abs=TWELVE_DECIMALS)
    assert [level.multiplicity for level in found.levels] == [multiplicity for _, multiplicity in levels]
    assert [level.s for level in found.levels] == pytest.approx([s for s, _ in levels], abs=TWELVE_DECIMALS)
    assert found.residual <= CRITICAL


def test_families_beyond_the_circulant_one():
    """What the search over all M found (THEORY.md), as families; for ten classes it is the Petersen graph's."""
    found = polygons((2, 2, 1), FrobeniusModel(8, 0.01, 0.01))
    assert found.value == pytest.approx(0.030165797, rel=PRINTED)
    assert circulant(5, FrobeniusModel(8, 0.01, 0.01)).value == pytest.approx(0.031030031, rel=PRINTED)
    gains = [
        ((2, 2, 2, 1), 7, 4, 2.0e-3),
        ((5, 2), 7, 8, 1.8e-3),
    ]
    for sizes, classes, depth, gain in gains:
        model = FrobeniusModel(depth, 0.01, 0.01)
        assert round(circulant(classes, model).value - polygons(sizes, model).value, 4) == gain
    ten = FrobeniusModel(8, 0.01, 0.01)
    assert round(circulant(10, ten).value - triangular(10, ten).value, 5) == 9.5e-4
    assert polygons((5, 5), ten).value > circulant(10, ten).value  # two orthogonal pentagons: THEORY.md's name for it


@pytest.mark.parametrize(
    ("classes", "family"),
    [(4, pair), (5, circulant), (5, lambda _, model: polygons((2, 2, 1), model)), (6, triangular), (9, lattice)],
)
def test_value_and_stationarity_by_the_slow_road(classes, family):
    found = family(classes, FrobeniusModel(6, 0.02, 0.01))
    decays = 6, 0.02, 0.01
    assert found.value == pytest.approx(reference.objective(found.end_to_end, *decays), rel=REDUCED)
    rng = np.random.default_rng(0)
    for _ in range(5):
        step = 1e-3 * rng.standard_normal((classes, classes))
        values = [reference.objective(found.end_to_end + k * step, *decays) for k in (-2, -1, 1, 2)]
        assert abs(np.dot((1, -8, 8, -1), values)) <= FINITE_DIFFERENCE * np.linalg.norm(step)


@settings(max_examples=12)
@given(
    st.integers(2, 6).flatmap(lambda classes: st.sampled_from(partitions(classes))),
    st.sampled_from([FrobeniusModel, NuclearModel, KineticModel]),
    st.floats(0.5, 20.0),
    powers_of_ten(-3, -1),
    powers_of_ten(-1, 1),
)
def test_every_family_is_stationary_and_no_better_than_its_own_descent(sizes, kind, depth, decay, ratio):
    """Stationary over all matrices; columns sum to zero; the free search may only be lower."""
    model = kind(depth, decay, decay / ratio)
    found = polygons(sizes, model)
    assert found.residual <= CRITICAL
    assert np.abs(found.end_to_end.sum(axis=0)).max() <= REDUCED * max(np.abs(found.end_to_end).max(), 1.0)
    free = free_search(sum(sizes), model, starts=1, guesses=[found.end_to_end])
    assert found.value >= free.value * (1.0 - REDUCED)


@given(st.permutations(range(7)))
@settings(max_examples=5)
def test_permuted_classes_are_the_same_configuration(order):
    model = FrobeniusModel(8, 0.01, 0.01)
    found = polygons((5, 2), model)
    turned = describe("turned", model, found.end_to_end[np.ix_(order, order)])
    assert turned.value == pytest.approx(found.value, rel=REDUCED)
    assert turned.residual <= CRITICAL
    assert [level.multiplicity for level in turned.levels] == [level.multiplicity for level in found.levels]


def test_partition_contains_its_refinements_that_are_regular():
    """A square can be two pairs, a hexagon three: the coarser symmetry has no lower point than the finer."""
    model = FrobeniusModel(8, 0.01, 0.01)
    assert polygons((2, 2, 2), model).value == pytest.approx(circulant(6, model).value, rel=REDUCED)
    assert polygons((6,), model).value == pytest.approx(triangular(6, model).value, rel=REDUCED)
    assert polygons((1,) * 6, model).value == pytest.approx(simplex(6, model).value, rel=REDUCED)


def test_large_numbers_of_classes_are_quick_and_stationary():
    found = pair(200, FrobeniusModel(4, 0.001, 0.001))
    assert found.residual <= CRITICAL
    assert [level.multiplicity for level in found.levels] == [100, 99]


def test_effective_rank_counts_above_a_tenth_and_levels_group_equal_values():
    s = np.array([1.0, 1.0 - 1e-8, 0.11, 0.09, 1e-13])
    given = {"family": "", "value": 0.0, "end_to_end": np.eye(5), "residual": 0.0}
    found = Configuration(jacobian_singular_values=s, **given)
    assert found.effective_rank == 3
    assert [level.multiplicity for level in found.levels] == [2, 1, 1]
    nothing = Configuration(jacobian_singular_values=0.0 * s, **given)
    assert (nothing.effective_rank, nothing.levels) == (0, ())


def test_names():
    assert [found.family for found in named_families(9, FrobeniusModel(8, 0.01, 0.01))] == [
        "simplex",
        "circulant",
        "lattice",
    ]
    assert [found.family for found in named_families(2, FrobeniusModel(8, 0.01, 0.01))] == ["simplex"]


MODEL = FrobeniusModel(8, 0.01, 0.01)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: pair(5, MODEL), "classes is 5; it must be even"),
        (lambda: pair(2, MODEL), "classes is 2; it must be at least 4"),
        (lambda: circulant(1, MODEL), "classes is 1; it must be at least 2"),
        (lambda: triangular(7, MODEL), "classes is 7; it must be a number of pairs"),
        (lambda: lattice(10, MODEL), "classes is 10; it must be a square"),
        (lambda: polygons((1,), MODEL), "at least two corners"),
        (lambda: polygons((2, 0), MODEL), r"sizes\[1\] is 0; it must be at least 1"),
        (lambda: pair(4, FrobeniusModel(8, 0.01, 0.01, 0.01)), "embedding_decay is 0.01"),
    ],
)
def test_bad_input(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize("model", [PlainModel(8, 0.01, 0.01), 8])
def test_models_without_a_known_cost_are_refused(model):
    with pytest.raises(TypeError, match="it must be one of FrobeniusModel"):
        circulant(4, model)


@pytest.mark.parametrize("decay", [1e-6, 1e-13, 1e-20, 1e-30])
def test_small_decays_against_proven_values(decay):
    """Where all terms of the gradient are tiny, they must still cancel."""
    found = pair(6, FrobeniusModel(8, decay, decay))
    proven = CertifiedConfigurations(classes=6, jacobian_decay=decay, head_decay=decay).configuration(8, "pair")
    assert found.value == pytest.approx(float(proven.value), rel=MINIMISER)
    assert [level.s for level in found.levels] == pytest.approx([float(s) for s, _ in proven.levels], rel=MINIMISER)
    assert found.residual <= CRITICAL


def test_decays_out_of_range():
    with pytest.raises(ValueError, match=r"head_decay is 1e-60; here it must be at least 1e-30"):
        pair(6, FrobeniusModel(8, 1.0, 1e-60))

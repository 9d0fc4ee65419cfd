"""`ramodel optimum`: the JSON, the table, the families, bad input."""

import numpy as np
import pytest

from ramodel.problem import Problem
from ramodel.simulate import minimise
from tests.tolerances import OPTIMISER, TWELVE_DECIMALS

KEYS = ["value", "levels", "family", "simplex_value", "simplex_stable", "effective_rank"]


def words(**options):
    given = {"classes": "4", "depth": "8", "jacobian-decay": "0.01", "head-decay": "0.01"} | options
    return ["optimum", *(part for name, value in given.items() for part in (f"--{name}", value))]


def test_json_has_exactly_the_agreed_keys_and_the_values_of_theory(ramodel):
    found = ramodel(*words(), "--json").json()
    assert list(found) == KEYS
    assert found["value"] == pytest.approx(0.022978259292, abs=TWELVE_DECIMALS)
    assert [list(level) for level in found["levels"]] == [["s", "multiplicity"]] * 2
    assert [level["multiplicity"] for level in found["levels"]] == [2, 1]
    assert [level["s"] for level in found["levels"]] == pytest.approx(
        [0.432415977882, 0.009004655236], abs=TWELVE_DECIMALS
    )
    assert (found["family"], found["effective_rank"], found["simplex_stable"]) == ("pair", 2, True)
    assert found["simplex_value"] > found["value"]


@pytest.mark.parametrize("family", ["simplex", "pair", "circulant", "free"])
def test_one_family(ramodel, family):
    best = ramodel(*words(), "--json").json()
    found = ramodel(*words(family=family), "--json").json()
    assert found["family"] == family
    expected = best["simplex_value"] if family == "simplex" else best["value"]
    assert found["value"] == pytest.approx(expected, abs=TWELVE_DECIMALS)


def test_nuclear_model(ramodel):
    found = ramodel(*words(model="nuclear", classes="5"), "--json").json()
    assert found["value"] <= found["simplex_value"]
    assert found["effective_rank"] == sum(level["multiplicity"] for level in found["levels"])  # rank is hard (S6)


def test_kinetic_model_is_that_of_the_optimiser(ramodel):
    options = {"model": "kinetic", "classes": "6", "depth": "4", "jacobian-decay": "0.05", "head-decay": "0.02"}
    problem = Problem(
        model="kinetic",
        loss="cross-entropy",
        inputs=np.eye(6),
        targets=np.arange(6),
        depth=4,
        jacobian_decay=0.05,
        head_decay=0.02,
    )
    found = ramodel(*words(**options), "--json").json()
    assert found["value"] == pytest.approx(minimise(problem, progress=False).objective, rel=OPTIMISER)


def test_table(ramodel):
    outcome = ramodel(*words())
    assert (outcome.code, outcome.err) == (0, "")
    for part in (
        "Frobenius model, C = 4, L = 8",
        "pair",
        "0.02297825929",
        "a strict local minimum",
        "2 of at most 3",
    ):
        assert part in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 140


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"classes": "1"}, "--classes is 1; it must be at least 2. Maps are stored as dense matrices."),
        ({"classes": "5", "family": "pair"}, "--classes is 5; it must be even, so that classes can be paired."),
        ({"depth": "0"}, "--depth is 0.0; it must be greater than zero."),
        ({"head-decay": "nan"}, "--head-decay is nan; it must be finite."),
        ({"starts": "0"}, "--starts is 0; it must be at least 1."),
        (
            {"family": "pairs"},
            "--family is 'pairs'; it must be one of best, simplex, pair, circulant, free; did you mean pair?",
        ),
    ],
)
def test_bad_input(ramodel, options, sentence):
    assert ramodel(*words(**options)) == (2, "", f"ramodel optimum: {sentence}\n")

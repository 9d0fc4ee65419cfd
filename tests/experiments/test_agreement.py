"""What was found beside the closed forms: zero at optima, not zero elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from ramodel.experiments.agreement import ERRORS, SCORES, agreement
from ramodel.simulate import minimise, random_problem
from tests.tolerances import OPTIMISER


def problem_of(model, **changes):
    settings = {"classes": 3, "width": 6, "depth": 3, "samples": 12, "loss": "cross-entropy", "seed": 2}
    return random_problem(model=model, jacobian_decay=0.01, head_decay=0.02, **settings | changes)


@pytest.mark.parametrize("model", ["frobenius", "nuclear", "kinetic", "plain"])
def test_errors_vanish_at_an_optimum_and_not_beside_it(model):
    problem = problem_of(model)
    optimum = minimise(problem, starts=2)
    found = agreement(problem, optimum)
    for name in ERRORS:
        assert found.get(name, 0.0) < OPTIMISER
    assert found["predicted"]
    turned = optimum.jacobians.copy()
    turned[1] = 1.2 * np.roll(turned[1], 1, axis=0)
    spoilt = agreement(problem, replace(optimum, jacobians=turned))
    for name in ERRORS:
        assert name not in spoilt or spoilt[name] > 0.01
    if model == "plain":
        assert found["neighbour_alignment"] > 1.0 - OPTIMISER
        assert found["own_alignment"] < 0.9
        assert spoilt["neighbour_alignment"] < 0.9


def test_kinetic_numbers_are_eigenvalues_of_blocks():
    problem = problem_of("kinetic")
    optimum = minimise(problem, starts=2)
    found = agreement(problem, optimum)
    first = np.sort(np.linalg.eigvals(optimum.jacobians[0]).real)[::-1]
    np.testing.assert_allclose(found["eigenvalues"][0], first)
    assert np.shape(found["predicted"]) == np.shape(found["eigenvalues"]) == (3, 6)
    assert found["predicted"][2][0] < found["predicted"][0][0]


def test_zero_optima_agree():
    for model in ("frobenius", "nuclear", "kinetic", "plain"):
        problem = problem_of(model, embedding_decay=5.0).whitened()
        found = agreement(problem, minimise(replace(problem, head_decay=5.0, jacobian_decay=5.0), starts=1))
        assert all(found.get(name, 0.0) == 0.0 for name in ERRORS)
        assert all(found.get(name) is None for name in SCORES)

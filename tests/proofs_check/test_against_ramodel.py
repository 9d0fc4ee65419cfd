"""The only place where proofs and package meet: same statements, and the formulas proved are the ones computed."""

import mpmath
import pytest
from sympy import Expr

from proofs_check import s02_balance, s03_cost, s04_depth_law, s05_trajectories
from proofs_check.evaluation import value
from proofs_check.statements import identifiers, load
from ramodel.statements import STATEMENTS
from ramodel.theory import FrobeniusModel, step_cv
from tests.tolerances import DENSE_FLOAT64

MODEL = FrobeniusModel(depth=8, jacobian_decay=0.02, head_decay=0.005)
GAINS = [0.01, 0.3, 2.0]


@pytest.mark.parametrize("identifier", identifiers())
def test_registry_knows_what_is_proved(identifier: str) -> None:
    assert load(identifier).status.startswith(STATEMENTS[identifier].status)
    assert load(identifier).title == STATEMENTS[identifier].title


@pytest.mark.parametrize("s", GAINS)
def test_formulas_are_the_ones_that_are_computed(s: float) -> None:
    m = MODEL.end_to_end_singular_value(s)

    def proved(expression: Expr) -> float:
        given = {"s": s, "L": MODEL.depth, "lam_J": MODEL.jacobian_decay, "rho": MODEL.decay_ratio, "r": 1 + s}
        return float(value(expression, {symbol: mpmath.mpf(given[symbol.name]) for symbol in expression.free_symbols}))

    near = {"rel": DENSE_FLOAT64}
    assert float(m) ** 2 == pytest.approx(proved(s02_balance.rho * s02_balance.gain), **near)
    assert float(MODEL.cost(m)) == pytest.approx(proved(s03_cost.cost), **near)
    assert float(MODEL.depth_exponent(m)) == pytest.approx(proved(s04_depth_law.exponent), **near)
    squared = s05_trajectories.L * s05_trajectories.second_sum / s05_trajectories.first_sum**2 - 1
    assert float(step_cv(s, MODEL.depth)) ** 2 == pytest.approx(proved(squared), **near)

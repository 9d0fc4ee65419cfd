"""The only place where proofs and package meet: same statements, and the formulas proved are the ones computed."""

import mpmath
import pytest
from sympy import Expr

from proofs_check import (
    s02_balance,
    s03_cost,
    s04_depth_law,
    s05_trajectories,
    s06_two_matrix_blocks,
    s07_transport,
    s11_binary,
    s13_stochastic_depth,
)
from proofs_check.evaluation import value
from proofs_check.statements import identifiers, load
from ramodel.statements import STATEMENTS
from ramodel.theory import (
    FrobeniusModel,
    KineticModel,
    NuclearModel,
    equal_step_profile,
    expected_squared_loss,
    step_cv,
)
from tests.tolerances import DENSE_FLOAT64

MODEL = FrobeniusModel(depth=8, jacobian_decay=0.02, head_decay=0.005)
GAINS = [0.01, 0.3, 2.0]


@pytest.mark.parametrize("identifier", identifiers())
def test_registry_knows_what_is_proved(identifier: str) -> None:
    assert load(identifier).status == STATEMENTS[identifier].status
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


@pytest.mark.parametrize("s", GAINS)
@pytest.mark.parametrize("depth", [1, 3, 8])
def test_formulas_of_the_other_models_are_the_ones_that_are_computed(depth: int, s: float) -> None:
    decays = {"depth": depth, "jacobian_decay": 0.02, "head_decay": 0.005}
    keep, head, target = 0.7, 1.3, 0.4
    given = {
        "lam_J": 0.02,
        "lam_W": 0.005,
        "L": depth,
        "s": s,
        "t": s,
        "l": 2,
        "p": 1 / keep - 1,
        "w": head,
        "y": target,
    }

    def proved(expression: Expr) -> float:
        return float(value(expression, {symbol: mpmath.mpf(given[symbol.name]) for symbol in expression.free_symbols}))

    near = {"rel": DENSE_FLOAT64}
    nuclear, kinetic = NuclearModel(**decays), KineticModel(**decays)
    m = nuclear.end_to_end_singular_value(s)
    assert float(m) ** 2 == pytest.approx(proved(s06_two_matrix_blocks.rho * s06_two_matrix_blocks.gain), **near)
    assert float(nuclear.cost(m)) == pytest.approx(proved(s06_two_matrix_blocks.cost), **near)
    m = kinetic.end_to_end_singular_value(s / depth)
    assert float(kinetic.head_singular_value(m)) ** 2 == pytest.approx(proved(s07_transport.squared_head), **near)
    assert equal_step_profile(s, 2)[1] == pytest.approx(proved(s11_binary.profile), **near)
    kept = (s13_stochastic_depth.kept_mean, s13_stochastic_depth.kept_square)
    scaled = (s13_stochastic_depth.scaled_mean, s13_stochastic_depth.scaled_square)
    for rescaled, moments in ((False, kept), (True, scaled)):
        loss = expected_squared_loss(head, s, target, s13_stochastic_depth.DEPTH, keep, rescaled=rescaled)
        assert float(loss) == pytest.approx(proved(s13_stochastic_depth.closed_loss(*moments)), **near)

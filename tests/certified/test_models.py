"""Enclosures of closed forms: they hold the float64 answers and the 50-digit ones, and nothing that is a little off."""

from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.certified import CertifiedModel
from ramodel.testing.strategies import powers_of_ten
from ramodel.theory import FrobeniusModel, NuclearModel
from tests.tolerances import LAST_DIGITS

KINDS = {"frobenius": FrobeniusModel, "nuclear": NuclearModel}
QUANTITIES = ("jacobian_singular_value", "head_singular_value", "cost")
GOOD = {"depth": 8, "jacobian_decay": 0.01, "head_decay": 0.01}


@given(
    kind=st.sampled_from(sorted(KINDS)),
    depth=powers_of_ten(0, 6),
    jacobian_decay=powers_of_ten(-6, 2),
    head_decay=powers_of_ten(-6, 2),
    embedding_decay=st.none() | powers_of_ten(-6, 2),
    m=powers_of_ten(-12, 12),
    quantity=st.sampled_from(QUANTITIES),
)
def test_float64_answers_lie_in_the_enclosure(kind, m, quantity, **parameters):
    proven = getattr(CertifiedModel(kind=kind, **parameters), quantity)(m)
    computed = float(getattr(KINDS[kind](**parameters), quantity)(m))
    assert computed in proven
    assert proven.lower <= computed <= proven.upper
    if computed > 0.0:
        assert computed * (1 + 1e-12) not in proven


@pytest.mark.parametrize("m", [1e-9, 0.3, 13.94885, 1e20])
@pytest.mark.parametrize("embedding_decay", [None, 0.3])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_proven_error_of_float64_is_the_one_promised(kind, embedding_decay, m):
    sharp = CertifiedModel(kind=kind, **GOOD, embedding_decay=embedding_decay, digits=40).jacobian_singular_value(m)
    s = float(KINDS[kind](**GOOD, embedding_decay=embedding_decay).jacobian_singular_value(m))
    assert sharp.error_of(s) <= LAST_DIGITS * s


@pytest.mark.parametrize("digits", [5, 14, 30, 45])
def test_enclosures_are_as_sharp_as_asked_and_hold_the_root_at_60_digits(digits):
    proven = CertifiedModel(**GOOD, digits=digits).jacobian_singular_value(2.0)
    assert proven.radius == abs(proven.middle) / 10**digits
    with mpmath.workdps(60):
        rho = mpmath.mpf(1)
        root = mpmath.findroot(lambda s: mpmath.log(rho * s * (1 + s) ** 17 / 4), mpmath.mpf("0.1"))
        assert Fraction(str(root)) in proven


def test_decimals_are_taken_as_written_and_floats_as_stored():
    written = CertifiedModel(depth=8, jacobian_decay=Decimal("0.1"), head_decay=1, digits=30).cost(1)
    stored = CertifiedModel(depth=8, jacobian_decay=0.1, head_decay=1, digits=30).cost(1)
    assert written.middle != stored.middle
    assert written.middle not in stored
    assert float(written) == pytest.approx(float(stored), rel=1e-15)


def test_the_threshold_is_exact():
    model = CertifiedModel(kind="nuclear", depth=3, jacobian_decay=4, head_decay=1, digits=20)
    assert model.jacobian_singular_value(2).middle == 0
    assert model.jacobian_singular_value(2).sign == 0
    above = model.jacobian_singular_value(2 + Fraction(1, 10**30))
    assert above.sign == 1
    assert float(above) == pytest.approx(1e-30 / 7, rel=1e-14)
    assert float(CertifiedModel(**GOOD).jacobian_singular_value(0)) == 0.0


@pytest.mark.parametrize(("change", "message"), [
    ({"kind": "plain"}, "kind is 'plain'; it must be one of 'frobenius', 'nuclear'"),
    ({"depth": 0}, "depth is 0; it must be greater than zero"),
    ({"jacobian_decay": -0.1}, "jacobian_decay is -0.1"),
    ({"head_decay": float("nan")}, "head_decay is nan; it must be finite"),
    ({"embedding_decay": 0.0}, "embedding_decay is 0.0"),
    ({"digits": 0}, "digits is 0; it must be at least 1"),
    ({"digits": 1001}, "digits is 1001; it must be at most 1000"),
])  # fmt: skip
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        CertifiedModel(**GOOD | change)


def test_numbers_of_numpy_are_exact_too():
    wanted = CertifiedModel(depth=3, jacobian_decay=2, head_decay=0.5, embedding_decay=1)
    found = CertifiedModel(
        depth=np.int64(3), jacobian_decay=np.int8(2), head_decay=np.float64(0.5), embedding_decay=np.uint32(1)
    )
    for quantity in QUANTITIES:
        assert getattr(found, quantity)(np.int64(7)) == getattr(wanted, quantity)(7)
    s = wanted.jacobian_singular_value(7)
    assert np.int64(1) not in s
    assert s.error_of(np.int64(1)) == s.error_of(1)
    with pytest.raises(TypeError, match=r"depth is .*32.*have exact values"):
        CertifiedModel(**GOOD | {"depth": np.float32(8)})


def test_bad_values():
    model = CertifiedModel(**GOOD)
    with pytest.raises(ValueError, match=r"m is -1; a singular value must not be negative"):
        model.cost(-1)
    with pytest.raises(TypeError, match=r"m is '2'; it must be an int, float, Fraction or Decimal"):
        model.cost("2")
    with pytest.raises(TypeError, match="have exact values"):
        model.cost(np.float32(2))

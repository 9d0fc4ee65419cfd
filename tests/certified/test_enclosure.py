"""Enclosures: outward rounding, text that is true, signs."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.certified import Enclosure

fractions = st.fractions(min_value=Fraction(-(10**6)), max_value=Fraction(10**6))
radii = st.fractions(min_value=Fraction(1, 10**20), max_value=Fraction(1, 10))


@given(fractions, radii)
def test_float_bounds_are_outside_and_adjacent(middle, radius):
    found = Enclosure(middle, radius)
    assert Fraction(found.lower) <= middle - radius < Fraction(math.nextafter(found.lower, math.inf))
    assert Fraction(math.nextafter(found.upper, -math.inf)) < middle + radius <= Fraction(found.upper)


@given(fractions.filter(bool), radii)
def test_the_text_holds_the_bounds(middle, radius):
    shown, size = (Fraction(Decimal(part)) for part in str(Enclosure(middle, radius)).split(" +/- "))
    assert shown - size <= middle - radius
    assert middle + radius <= shown + size


def test_numbers_beyond_float64_stay_bounded():
    huge = Enclosure(Fraction(10) ** 400, Fraction(1))
    assert (huge.lower, huge.upper) == (math.nextafter(math.inf, 0.0), math.inf)
    tiny = Enclosure(Fraction(1, 10**400), Fraction(1, 10**500))
    assert (tiny.lower, tiny.upper) == (0.0, 5e-324)


@pytest.mark.parametrize(("middle", "radius", "sign"), [(2, 1, 1), (-2, 1, -1), (1, 1, None), (0, 1, None), (0, 0, 0)])
def test_sign(middle, radius, sign):
    assert Enclosure(Fraction(middle), Fraction(radius)).sign == sign


def test_membership_and_error():
    half = Enclosure(Fraction(1, 2), Fraction(1, 100))
    assert 0.51 not in half  # the float is a little more than 51/100
    assert Fraction(51, 100) in half
    assert half.error_of(Fraction(3, 4)) == pytest.approx(0.26)
    assert float(half) == 0.5
    assert str(Enclosure(Fraction(1, 2), Fraction(0))) == "0.5 exactly"

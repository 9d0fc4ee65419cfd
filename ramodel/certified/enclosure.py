"""What a certified computation returns: a number known to lie between two bounds."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq

from ramodel.checks import integer

__all__ = ["DEFAULT_DIGITS", "Enclosure", "Number", "ball", "balls_to", "checked_digits", "exact", "exact_positive"]

Number = int | float | np.integer[Any] | Fraction | Decimal
"""What is taken as an exact number: a float (also NumPy's float64) stands for its binary value, a Decimal for its
decimal one."""

DEFAULT_DIGITS = 14
"""Digits of an enclosure where nothing else is asked for; float64 answers of `ramodel.theory` lie within."""

MOST_DIGITS = 1000
GUARD_BITS = 64
MOST_BITS = 1 << 14
"""Working precision at which to give up."""


@dataclass(frozen=True)
class Enclosure:
    """A real number x with |x - middle| <= radius, proven by ball arithmetic.

    ``value in enclosure`` asks whether a number lies between the bounds, ``float(enclosure)`` rounds the middle.

    Parameters
    ----------
    middle, radius
        Exact fractions.

    Examples
    --------
    >>> third = Enclosure(Fraction(1, 3), Fraction(1, 10**14))
    >>> 1 / 3 in third, 0.3333 in third, str(third)
    (True, False, '0.3333333333333333 +/- 1.1e-14')
    """

    middle: Fraction
    radius: Fraction

    @property
    def lower(self) -> float:
        """Largest float64 that is not above x's lower bound."""
        return _outward(self.middle - self.radius, -math.inf)

    @property
    def upper(self) -> float:
        """Smallest float64 that is not below x's upper bound."""
        return _outward(self.middle + self.radius, math.inf)

    @property
    def sign(self) -> int | None:
        """Sign of x: -1, 0 or 1; None where the bounds leave it open."""
        if self.middle == self.radius == 0:
            return 0
        return None if abs(self.middle) <= self.radius else (1 if self.middle > 0 else -1)

    def error_of(self, value: Number) -> float:
        """Largest |value - x| that the bounds allow, rounded up: a proven bound on the error of `value`."""
        return _outward(abs(exact("value", value) - self.middle) + self.radius, math.inf)

    def __contains__(self, value: Number) -> bool:
        """Whether `value` lies between the bounds."""
        return abs(exact("value", value) - self.middle) <= self.radius

    def __float__(self) -> float:
        """Return the float64 nearest to the middle."""
        return self.middle.numerator / self.middle.denominator

    def __str__(self) -> str:
        """Return middle and radius in decimals, rounded so that the text is true as well."""
        if self.radius == 0:
            return f"{float(self):g} exactly"
        ratio = abs(self.middle) / self.radius
        digits = round(math.log10(ratio.numerator) - math.log10(ratio.denominator)) if ratio else 0
        middle = _decimal(self.middle, max(digits + 2, 1), ROUND_HALF_EVEN)
        radius = _decimal(self.radius + abs(Fraction(middle) - self.middle), 2, ROUND_CEILING)
        return f"{middle} +/- {radius:.1e}"


def exact(name: str, value: Number) -> Fraction:
    """Return `value` as a fraction.

    Raises
    ------
    TypeError
        If it is not a number of a kind that stands for one exact value.
    ValueError
        If it is NaN or infinite.
    """
    if isinstance(value, np.integer):
        return Fraction(int(value))
    if isinstance(value, bool) or not isinstance(value, (int, float, Fraction, Decimal)):
        raise TypeError(f"{name} is {value!r}; it must be an int, float, Fraction or Decimal, which have exact values.")
    try:
        return Fraction(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is {value}; it must be finite.") from None


def exact_positive(name: str, value: Number) -> Fraction:
    """Return `value` as a fraction greater than zero; raise as `exact` does, or ValueError if it is not."""
    number = exact(name, value)
    if number <= 0:
        raise ValueError(f"{name} is {value}; it must be greater than zero.")
    return number


def checked_digits(digits: int) -> int:
    """Return a number of digits that an enclosure can have; raise TypeError or ValueError for others."""
    return integer("digits", digits, minimum=1, maximum=MOST_DIGITS)


def balls_to(digits: int, compute: Callable[[], Sequence[Any]]) -> tuple[Enclosure, ...]:
    """Run `compute`, which returns balls, at rising precision until all are `digits` digits sharp, and enclose them.

    Each radius becomes 10^-digits of the middle exactly, at least ten times the proven one: at the default of 14 digits
    wide enough for a float64 answer that is right to a few rounding errors, and for no worse one.

    Raises
    ------
    ArithmeticError
        If the highest working precision does not suffice.
    """
    wanted = checked_digits(digits)
    bits = math.ceil(wanted * math.log2(10)) + GUARD_BITS
    while bits <= MOST_BITS:
        with ctx.workprec(bits):
            found = list(compute())
            if all(x.is_finite() for x in found):
                pairs = [_fractions(x) for x in found]
                # Ten times sharper than asked for, so that widening to a round radius keeps the proof.
                if all(10 * radius <= abs(middle) / 10**wanted for middle, radius in pairs):
                    return tuple(Enclosure(middle, abs(middle) / 10**wanted) for middle, _ in pairs)
        bits *= 2
    raise ArithmeticError(f"{wanted} digits were not reached at {MOST_BITS} bits; ask for fewer.")


def ball(value: Fraction) -> Any:
    """Return a fraction as a ball of the working precision."""
    return arb(fmpq(value.numerator, value.denominator))


def _fractions(value: Any) -> tuple[Fraction, Fraction]:
    """Return middle and radius of a ball, exactly."""
    parts = (part.man_exp() for part in (value.mid(), value.rad()))
    middle, radius = (Fraction(int(mantissa)) * Fraction(2) ** int(exponent) for mantissa, exponent in parts)
    return middle, radius


def _outward(value: Fraction, direction: float) -> float:
    """Return the float64 next to `value` on the side of `direction` (plus or minus infinity)."""
    try:
        nearest = value.numerator / value.denominator
    except OverflowError:
        nearest = math.inf if value > 0 else -math.inf
    if math.isinf(nearest):
        return nearest if nearest == direction else math.nextafter(nearest, 0.0)
    wrong = Fraction(nearest) < value if direction > 0 else Fraction(nearest) > value
    return math.nextafter(nearest, direction) if wrong else nearest


def _decimal(value: Fraction, figures: int, rounding: str) -> Decimal:
    """Return `value` to so many significant figures."""
    context = Context(prec=figures, rounding=rounding, Emax=MAX_EMAX, Emin=MIN_EMIN)
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))

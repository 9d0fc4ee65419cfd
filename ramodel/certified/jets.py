"""Forward-mode differentiation of formulas in ball arithmetic; jets of jets give second derivatives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Jet", "gradient", "jacobian"]

Scalar = Any
"""A ball (`flint.arb`), a jet or a whole number: they share arithmetic and the functions below."""


@dataclass(frozen=True, eq=False)
class Jet:
    """A value with its derivatives in a few variables, each a ball or a jet of a lower level.

    Parameters
    ----------
    value, partials
        The number and its derivatives.
    level
        Of nesting: a jet of a lower level, like a ball, is a constant for this one.
    """

    value: Scalar
    partials: tuple[Scalar, ...]
    level: int

    def _along(self, value: Scalar, slope: Scalar) -> "Jet":
        """Chain rule: `value` of a function of this jet whose derivative there is `slope`."""
        return Jet(value, tuple(p * slope for p in self.partials), self.level)

    def _is_constant(self, other: Scalar) -> bool:
        return not isinstance(other, Jet) or other.level < self.level

    def __add__(self, other: Scalar) -> Any:
        """Sum rule."""
        if self._is_constant(other):
            return Jet(self.value + other, self.partials, self.level)
        if other.level > self.level:
            return other + self
        partials = tuple(p + q for p, q in zip(self.partials, other.partials, strict=True))
        return Jet(self.value + other.value, partials, self.level)

    def __mul__(self, other: Scalar) -> Any:
        """Product rule."""
        if self._is_constant(other):
            return self._along(self.value * other, other)
        if other.level > self.level:
            return other * self
        pairs = zip(self.partials, other.partials, strict=True)
        partials = tuple(p * other.value + self.value * q for p, q in pairs)
        return Jet(self.value * other.value, partials, self.level)

    def __neg__(self) -> Any:
        """Return -x."""
        return self * -1

    def __sub__(self, other: Scalar) -> Any:
        """Return the difference."""
        return self + -other

    def __rsub__(self, other: Scalar) -> Any:
        """Return the difference."""
        return -self + other

    def __truediv__(self, other: Scalar) -> Any:
        """Return the quotient."""
        return self * (other**-1)

    def __rtruediv__(self, other: Scalar) -> Any:
        """Return the quotient."""
        return self**-1 * other

    def __pow__(self, exponent: int) -> "Jet":
        """Return a whole power."""
        return self._along(self.value**exponent, exponent * self.value ** (exponent - 1))

    __radd__ = __add__
    __rmul__ = __mul__

    def exp(self) -> "Jet":
        """Return e^x."""
        value = self.value.exp()
        return self._along(value, value)

    def log(self) -> "Jet":
        """Return ln x."""
        return self._along(self.value.log(), self.value**-1)

    def log1p(self) -> "Jet":
        """Return ln(1 + x)."""
        return self._along(self.value.log1p(), (1 + self.value) ** -1)


def gradient(function: Callable[[Sequence[Scalar]], Scalar], point: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """Return the partial derivatives of `function` at a point of balls or jets.

    Examples
    --------
    >>> from flint import arb
    >>> gradient(lambda x: x[0] ** 2 * x[1].exp(), [arb(3), arb(0)])
    (6.00000000000000, 9.00000000000000)
    """
    value = function(_variables(point))
    return value.partials if isinstance(value, Jet) else tuple(0 * x for x in point)


def jacobian(
    function: Callable[[Sequence[Scalar]], Sequence[Scalar]], point: Sequence[Scalar]
) -> tuple[list[Scalar], list[list[Scalar]]]:
    """Return the values of `function` at a point of balls, and the rows of its Jacobian matrix."""
    values = function(_variables(point))
    return [jet.value for jet in values], [list(jet.partials) for jet in values]


def _variables(point: Sequence[Scalar]) -> list[Jet]:
    """Return jets of the coordinates, one level above those they are made of."""
    level = 1 + max((x.level for x in point if isinstance(x, Jet)), default=0)
    count = len(point)
    return [Jet(x, tuple(x * 0 + int(i == j) for j in range(count)), level) for i, x in enumerate(point)]

"""The numeric road: SymPy expressions at random points, to 50 digits, by mpmath alone.

It shares no algebra with the symbolic road: derivatives are difference quotients, sums are added term by term,
matrix products are products of random matrices.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add, mul
from random import Random
from typing import Any, Protocol

import mpmath
from sympy import Derivative, Expr, Mul, Pow, Sum, Symbol, lambdify, transpose

from proofs_check.algebra import tr

__all__ = ["DIGITS", "Domain", "Integers", "Matrices", "Point", "Reals", "Where", "agree", "sample", "value"]

DIGITS = 50
"""Decimal digits to which both sides of a claim must agree, relative to the larger one."""

WORKING_DIGITS = 75
"""Decimal digits carried: `DIGITS`, and what cancellation inside an expression may cost."""

Point = dict[Symbol, Any]
"""A value (mpf, or mpmath matrix) for every symbol of a claim."""


class Domain(Protocol):
    """Where a symbol takes its values."""

    def draw(self, rng: Random) -> Any:
        """Return a random value."""


@dataclass(frozen=True)
class Reals:
    """Real numbers between `low` and `high`: uniform in the logarithm if both are positive, else uniform."""

    low: float
    high: float

    def draw(self, rng: Random) -> mpmath.mpf:
        """Return a random number with all its digits random."""
        fraction = mpmath.mpf(rng.getrandbits(240)) / 2**240
        if self.low > 0:
            return mpmath.mpf(self.low) * (mpmath.mpf(self.high) / self.low) ** fraction
        return self.low + (mpmath.mpf(self.high) - self.low) * fraction


@dataclass(frozen=True)
class Integers:
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int

    def draw(self, rng: Random) -> mpmath.mpf:
        """Return a random whole number."""
        return mpmath.mpf(rng.randint(self.low, self.high))


@dataclass(frozen=True)
class Matrices:
    """Matrices of the given shape with entries uniform between -1 and 1; a vector has one column."""

    rows: int
    columns: int

    def draw(self, rng: Random) -> mpmath.matrix:
        """Return a random matrix."""
        entry = Reals(-1, 1)
        return mpmath.matrix([[entry.draw(rng) for _ in range(self.columns)] for _ in range(self.rows)])


Where = Mapping[Symbol, Domain]
"""The domain of every symbol of a claim."""


def sample(where: Where, expressions: Iterable[Expr], rng: Random) -> Point:
    """Return a random point of the domain: a value for every symbol that occurs in `expressions`."""
    occurring = set().union(*(expression.free_symbols for expression in expressions))
    return {symbol: domain.draw(rng) for symbol, domain in where.items() if symbol in occurring}


def value(expression: Expr, point: Point) -> Any:
    """Return the value of `expression` at `point`: mpf, or mpmath matrix where matrix symbols occur.

    A number that is added to a matrix stands for that multiple of the identity.

    Raises
    ------
    ValueError
        If a symbol of the expression has no value: the domain of the claim is incomplete.

    Examples
    --------
    >>> from sympy import Derivative, exp, symbols
    >>> s = symbols("s")
    >>> with mpmath.workdps(20):
    ...     print(mpmath.nstr(value(Derivative(exp(2 * s), s), {s: mpmath.mpf(0)}), 12))
    2.0
    """
    missing = sorted(map(str, expression.free_symbols - set(point)))
    if missing:
        raise ValueError(f"no domain is given for {', '.join(missing)}")
    if not expression.is_commutative:
        return _matrix(expression, point)
    numbers: Point = {}
    plain = _without_operations(expression, point, numbers)
    given = {symbol: number for symbol, number in point.items() if symbol in plain.free_symbols} | numbers
    return mpmath.mpmathify(_function(plain, tuple(given))(*given.values()))


def agree(left: Any, right: Any) -> bool:
    """Whether two values (numbers or matrices) agree to `DIGITS` digits, relative to the larger."""
    scale = max(_size(left), _size(right))
    return bool(_size(left - right) <= scale * mpmath.mpf(10) ** -DIGITS)


def _size(number: Any) -> mpmath.mpf:
    return mpmath.norm(number) if isinstance(number, mpmath.matrix) else abs(number)


@lru_cache(maxsize=256)
def _function(expression: Expr, arguments: tuple[Symbol, ...]) -> Callable[..., mpmath.mpf]:
    """Return the expression as a function of its symbols in mpmath numbers."""
    function: Callable[..., mpmath.mpf] = lambdify(arguments, expression, "mpmath")
    return function


def _without_operations(expression: Expr, point: Point, numbers: Point) -> Expr:
    """Replace derivatives, sums and traces by symbols, whose values are added to `numbers`."""
    if isinstance(expression, (Derivative, Sum, tr)):
        symbol = Symbol(f"operation_{len(numbers)}")
        numbers[symbol] = _operation(expression, point)
        return symbol
    if not expression.has(Derivative, Sum, tr):
        return expression
    return expression.func(*(_without_operations(part, point, numbers) for part in expression.args))


def _operation(expression: Expr, point: Point) -> mpmath.mpf:
    if isinstance(expression, tr):
        product = _matrix(expression.args[0], point)
        return mpmath.fsum(product[i, i] for i in range(product.rows))
    if isinstance(expression, Sum):
        index, first, last = expression.limits[0]
        start, end = (int(value(bound, point)) for bound in (first, last))
        return mpmath.fsum(value(expression.function, {**point, index: mpmath.mpf(i)}) for i in range(start, end + 1))
    ((variable, order),) = expression.variable_count
    given = [symbol for symbol in expression.expr.free_symbols if symbol != variable]
    function = _function(expression.expr, (variable, *given))
    others = [point[symbol] for symbol in given]
    return mpmath.diff(lambda number: function(number, *others), point[variable], int(order))


def _matrix(expression: Expr, point: Point) -> Any:
    """Return the value of an expression in which noncommutative symbols stand for matrices."""
    if expression.is_commutative:
        return value(expression, point)
    if isinstance(expression, Symbol):
        return point[expression]
    if isinstance(expression, transpose):
        return _matrix(expression.args[0], point).T
    if isinstance(expression, Pow):
        return _matrix(expression.base, point) ** int(expression.exp)
    parts = [_matrix(part, point) for part in expression.args]
    return reduce(mul, parts) if isinstance(expression, Mul) else _sum(parts)


def _sum(terms: list[Any]) -> mpmath.matrix:
    """Add matrices and numbers, which count as multiples of the identity."""
    like = next(term for term in terms if isinstance(term, mpmath.matrix))
    if like.rows != like.cols and not all(isinstance(term, mpmath.matrix) for term in terms):
        raise ValueError(f"a number is added to a matrix of {like.rows} rows and {like.cols} columns")
    identity = mpmath.eye(like.rows)
    return reduce(add, (term if isinstance(term, mpmath.matrix) else term * identity for term in terms))

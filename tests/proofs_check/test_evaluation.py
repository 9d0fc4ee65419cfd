"""The numeric road against closed forms, and traces against matrices."""

from random import Random

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Derivative, Expr, Integer, LambertW, Mul, Rational, Sum, exp, log, symbols

from proofs_check.algebra import T, matrices, tr, vanishes
from proofs_check.evaluation import DIGITS, WORKING_DIGITS, Integers, Matrices, Reals, agree, sample, value

s = symbols("s", positive=True)
n, l = symbols("n l", integer=True, positive=True)  # noqa: E741
A, B, C, v = matrices("A B C v")
WHERE = {A: Matrices(3, 3), B: Matrices(3, 3), C: Matrices(3, 3), v: Matrices(3, 1)}
LETTERS = [A, B, C, T(A), T(B), T(C)]
words = st.lists(st.sampled_from(LETTERS), min_size=1, max_size=5)


@pytest.fixture(autouse=True)
def _fifty_digits() -> object:
    with mpmath.workdps(WORKING_DIGITS):
        yield


@pytest.mark.parametrize(
    ("expression", "closed"),
    [
        (Derivative(s**3 * exp(s), s), (3 * s**2 + s**3) * exp(s)),
        (Derivative(log(s), s, 2), -1 / s**2),
        (1 + 2 * Derivative(s**2, s), 1 + 4 * s),
        (Sum(s**l, (l, 0, n - 1)), (s**n - 1) / (s - 1)),
        (LambertW(s * exp(s)), s),
        (Rational(1, 3) * s, s / 3),
    ],
)
def test_value_agrees_with_closed_form(expression: Expr, closed: Expr) -> None:
    point = sample({s: Reals(1.1, 3), n: Integers(1, 9)}, [s, n], Random(0))
    assert agree(value(expression, point), value(closed, point))


def test_numbers_among_matrices_are_multiples_of_the_identity() -> None:
    point = sample(WHERE, [A], Random(0))
    assert agree(value(A + 2, point), point[A] + 2 * mpmath.eye(3))
    assert agree(value((1 + A) ** 2, point), value(1 + 2 * A + A**2, point))


def test_a_number_plus_a_vector_is_refused() -> None:
    with pytest.raises(ValueError, match="3 rows and 1 columns"):
        value(v + 1, sample(WHERE, [v], Random(0)))


def test_a_symbol_without_domain_is_named() -> None:
    with pytest.raises(ValueError, match="no domain is given for n, s"):
        value(s + n, {})


def test_agree_tells_the_last_digit() -> None:
    one = mpmath.mpf(1)
    assert agree(one, one + mpmath.mpf(10) ** -(DIGITS + 1))
    assert not agree(one, one + mpmath.mpf(10) ** -(DIGITS - 1))
    assert not agree(mpmath.mpf(0), mpmath.mpf(10) ** -300)
    assert not agree(mpmath.mpf("nan"), mpmath.mpf("nan"))


@given(st.integers(0, 2**32), st.floats(-5, 5), st.floats(1e-3, 5))
def test_samples_lie_in_their_domain(seed: int, low: float, width: float) -> None:
    high = low + width
    number = sample({s: Reals(low, high)}, [s], Random(seed))[s]
    slack = mpmath.mpf(10) ** -DIGITS
    assert low - slack <= number <= high + slack


@given(words, st.integers(0, 5), st.integers(0, 99))
def test_trace_is_blind_to_rotation_and_transpose_and_right(word: list[Expr], shift: int, seed: int) -> None:
    shift %= len(word)
    product = Mul(*word)
    assert tr(product) == tr(Mul(*word[shift:], *word[:shift]))
    assert tr(product) == tr(T(product))
    point = sample(WHERE, [A, B, C], Random(seed))
    matrix = value(product, point)
    assert agree(value(tr(product), point), mpmath.fsum(matrix[i, i] for i in range(3)))


def test_trace_is_linear_and_no_more() -> None:
    assert tr(2 * A + s * B) == 2 * tr(A) + s * tr(B)
    assert tr(A * B * C) != tr(A * C * B)
    assert tr(Integer(0)) == 0


@pytest.mark.parametrize("expression", [A * B - B * A, s**2 - s, exp(s) - 1 - s, A - T(A)])
def test_what_is_not_zero_does_not_vanish(expression: Expr) -> None:
    assert not vanishes(expression)

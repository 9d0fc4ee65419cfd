"""Krawczyk's method: proves roots that exist, and proves nothing where there is none or a double one."""

import math

import pytest
from flint import arb, ctx

from ramodel.certified.jets import gradient, jacobian
from ramodel.certified.newton import enclose_root


def test_a_root_of_two_equations():
    roots, rows = enclose_root(lambda x: [x[0] ** 2 + x[1] ** 2 - 1, x[0] - x[1]], [0.7, 0.7])
    assert all(root.contains((arb(1) / 2).sqrt()) for root in roots)
    assert all(float(root.rad()) < 1e-12 for root in roots)
    assert float(rows[0][0]) == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("equation", [
    lambda x: [x[0] ** 2 + 1],
    lambda x: [x[0] ** 2],
    lambda x: [0 * x[0] + 1],
], ids=["no real root", "double root", "constant"])  # fmt: skip
def test_nothing_is_proven_where_nothing_is_to_be_proven(equation):
    with pytest.raises(ArithmeticError, match=r"no root could be proven near 0\.5"):
        enclose_root(equation, [0.5])


def test_derivatives_of_derivatives():
    def function(x):
        return (x[0] * x[1].exp()).log1p() / x[0] - 2 * x[1].log()

    def differences(f, point, step=1e-5):
        for k in range(len(point)):
            ahead, behind = ([x + sign * step * (i == k) for i, x in enumerate(point)] for sign in (1, -1))
            yield (f(ahead) - f(behind)) / (2 * step)

    point = [0.7, 0.4]
    plain = lambda x: math.log1p(x[0] * math.exp(x[1])) / x[0] - 2 * math.log(x[1])  # noqa: E731
    values, rows = jacobian(lambda x: gradient(function, x), [arb(x) for x in point])
    assert [float(v) for v in values] == pytest.approx(list(differences(plain, point)), abs=1e-8)
    for k, row in enumerate(rows):
        slope = lambda x, k=k: float(gradient(function, [arb(v) for v in x])[k])  # noqa: E731
        assert [float(v) for v in row] == pytest.approx(list(differences(slope, point)), abs=1e-8)


def test_more_precision_gives_a_smaller_ball():
    with ctx.workprec(200):
        (root,), _ = enclose_root(lambda x: [x[0].exp() - 2], [0.7])
        assert root.contains(arb(2).log())
        assert float(root.rad()) < 1e-55

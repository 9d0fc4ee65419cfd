# ruff: noqa: N816 - symbols are named as in the statements
"""Expressions in LaTeX: what is special to matrices, and what GitHub would not show."""

import pytest
from sympy import Derivative, Expr, Integer, LambertW, asinh, log, symbols

from proofs_check.algebra import T, matrices, tr
from proofs_check.latex import latex

A, B, J_l, in_W, dW, ones = matrices("A B J_l in_W dW ones")
u, v = matrices("u v")
s, lam_J, nu, x1 = symbols("s lam_J nu x1", positive=True)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (T(A) * B, r"A^{\top} B"),
        (1 + J_l, r"I + J_{l}"),
        (A * B - 2, r"A B - 2 I"),
        (A + s, "s I + A"),
        (T(v) * v - 1, r"v^{\top} v - 1"),
        (v * T(v) - 1, r"v v^{\top} - I"),
        (v * T(ones), r"v \mathbf{1}^{\top}"),
        (tr(A * T(dW)), r"\mathrm{tr}\left(A \mathrm{d}W^{\top}\right)"),
        (in_W * 2, r"2 \mathrm{in}_{W}"),
        (lam_J * x1, r"\lambda_{J} x_{1}"),
        (LambertW(nu) / nu, r"\frac{W_0\left(\nu\right)}{\nu}"),
        (B - A, "B - A"),
        (Integer(3), "3"),
    ],
)
def test_latex(expression: Expr, expected: str) -> None:
    assert latex(expression) == expected


@pytest.mark.parametrize("expression", [asinh(s), log(1 + s), Derivative(s**2, s), (A + 1) ** 2 * T(A)])
def test_nothing_that_github_forbids_or_changes(expression: Expr) -> None:
    written = latex(expression)
    assert "operatorname" not in written
    assert not [written[i : i + 2] for i in range(len(written)) if written[i] == "\\" and not written[i + 1].isalpha()]

"""Matrices of any size as noncommutative symbols, their traces, and the question whether an expression vanishes.

A matrix is a noncommutative SymPy symbol, the identity is the number 1, and `transpose` turns products round by
itself. Nothing here knows a size, so what is proved holds for every width, number of classes and samples.
"""

from sympy import (
    Add,
    Expr,
    Function,
    Integer,
    Mul,
    Pow,
    S,
    Symbol,
    cancel,
    exp,
    expand,
    log,
    symbols,
    together,
    transpose,
)

__all__ = ["T", "matrices", "tr", "vanishes"]


def matrices(names: str) -> tuple[Symbol, ...]:
    """Return matrix symbols, one for each name.

    Examples
    --------
    >>> A, B = matrices("A B")
    >>> T(A * B + 1)
    1 + transpose(B)*transpose(A)
    """
    return tuple(symbols(names, commutative=False, seq=True))


def T(expression: Expr) -> Expr:
    """Return the transpose."""
    return transpose(expression)


class tr(Function):  # type: ignore[misc]  # noqa: N801 - a SymPy function, named as it is printed
    """Trace of an expression in matrices: linear, and the same for a product, its rotations and its transpose.

    Examples
    --------
    >>> A, B = matrices("A B")
    >>> tr(2 * A * B) - tr(T(A) * T(B)) - tr(B * A)
    0
    """

    is_commutative = True

    @classmethod
    def eval(cls, argument: Expr) -> Expr | None:
        """Return the sum of the traces of the products in `argument`, each written in one way."""
        total: Expr = S.Zero
        for term in Add.make_args(expand(argument)):
            number, word = term.args_cnc()
            letters = _letters(word)
            least = min(_rotations(letters) + _rotations([T(letter) for letter in reversed(letters)]), key=str)
            if argument == Mul(*least):
                return None
            total += Mul(*number) * cls(Mul(*least))
        return total


def _letters(word: list[Expr]) -> list[Expr]:
    """Return the factors of a product, powers written out."""
    letters: list[Expr] = []
    for factor in word:
        letters += [factor.base] * int(factor.exp) if isinstance(factor, Pow) else [factor]
    return letters


def _rotations(letters: list[Expr]) -> list[list[Expr]]:
    return [letters[i:] + letters[:i] for i in range(max(len(letters), 1))]


def vanishes(expression: Expr) -> bool:
    """Whether SymPy brings `expression` to zero: by expanding, over a common denominator, or in exponentials.

    Examples
    --------
    >>> from sympy import sinh, symbols
    >>> x = symbols("x", positive=True)
    >>> vanishes(exp(x) - 1 - 2 * sinh(x / 2) * exp(x / 2))
    True
    """
    expression = expression.doit()
    if not expression.is_commutative:
        return bool(expand(expression) == 0)
    return any(form(expression) == 0 for form in (expand, _common_denominator, _in_exponentials))


def _common_denominator(expression: Expr) -> Expr:
    return cancel(together(expand(expression)))


def _in_exponentials(expression: Expr) -> Expr:
    """Write powers with symbolic exponents and hyperbolic functions as exponentials, then cancel.

    A symbolic power b^e of a positive base becomes exp(e ln b), in which `expand` parts the exponent into terms.
    """

    def as_exponential(base: Expr, exponent: Expr) -> Expr:
        return exp(expand(exponent * log(base)), evaluate=False)

    def is_symbolic(part: Expr) -> bool:
        return bool(part.is_Pow and part.base.is_positive and not isinstance(part.exp, Integer))

    written = expression.rewrite(exp).replace(is_symbolic, lambda part: as_exponential(part.base, part.exp))
    return cancel(together(expand(written)))

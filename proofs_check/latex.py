"""SymPy expressions as LaTeX that GitHub shows: matrices with their transposes and identity, traces, Lambert's W0."""

from sympy import Add, Expr, Mul, Pow, Symbol, transpose
from sympy.core.alphabets import greeks
from sympy.printing.latex import LatexPrinter

__all__ = ["latex"]

GREEK = {*greeks, "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"}
NAMES = {"lam": r"\lambda", "one": r"\mathbf{1}", "ones": r"\mathbf{1}"}
IDENTITY = Symbol("I", commutative=False)


class _Printer(LatexPrinter):  # type: ignore[misc]
    """Prints noncommutative symbols as matrices, and numbers added to them as multiples of the identity."""

    def _print_Symbol(self, symbol: Symbol, style: str = "plain") -> str:
        return _name(symbol.name)

    def _print_transpose(self, expression: Expr, exp: str | None = None) -> str:
        argument = expression.args[0]
        body = self._print(argument)
        power = r"\top" if exp is None else rf"\top {exp}"
        return f"{body}^{{{power}}}" if isinstance(argument, Symbol) else rf"\left({body}\right)^{{{power}}}"

    def _print_tr(self, expression: Expr, exp: str | None = None) -> str:
        body = rf"\mathrm{{tr}}\left({self._print(expression.args[0])}\right)"
        return body if exp is None else f"{body}^{{{exp}}}"

    def _print_LambertW(self, expression: Expr, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"W_0{power}\left({self._print(expression.args[0])}\right)"

    def _as_ordered_terms(self, expression: Expr, order: str | None = None) -> list[Expr]:
        terms = super()._as_ordered_terms(expression, order=order)
        return sorted(terms, key=lambda term: bool(term.could_extract_minus_sign()))

    def _print_Add(self, expression: Expr, order: str | None = None) -> str:
        printed: str = super()._print_Add(_with_identity(expression), order=order)
        return printed


def latex(expression: Expr) -> str:
    r"""Return the expression in LaTeX, with nothing that GitHub's Markdown would change or forbid.

    Examples
    --------
    >>> from proofs_check.algebra import T, matrices
    >>> A, B = matrices("A B")
    >>> print(latex(T(A) * B + 1))
    I + A^{\top} B
    """
    printer = _Printer({"ln_notation": True, "mul_symbol": None})
    text: str = printer.doprint(expression)
    return text.replace(r"\operatorname{", r"\mathrm{").replace(r"\,", " ").replace(r"\ ", " ")


def _name(word: str) -> str:
    """Return a symbol's name: Greek letters as such, words upright, dX as a differential, x_i and x1 with an index."""
    base, _, index = word.partition("_")
    if index:
        return f"{_name(base)}_{{{_name(index)}}}"
    if word in NAMES:
        return NAMES[word]
    if word in GREEK:
        return "\\" + word
    if len(word) == 2 and word[0] == "d" and word[1].isalpha():
        return rf"\mathrm{{d}}{word[1]}"
    if word[1:].isdigit() and not word.isdigit():
        return f"{word[0]}_{{{word[1:]}}}"
    return word if len(word.rstrip("'")) == 1 or word.isdigit() else rf"\mathrm{{{word}}}"


def _with_identity(expression: Expr) -> Expr:
    """Return a sum in which numbers beside matrices are multiples of I; beside v^T v they stay numbers."""
    words = [term for term in expression.args if not term.is_commutative]
    numbers = [term for term in expression.args if term.is_commutative]
    if not words or not numbers or any(_is_number(word) for word in words):
        return expression
    return Add(*words, Add(*numbers) * IDENTITY)


def _is_number(word: Expr) -> bool:
    """Whether a product begins with a transposed vector and ends with a vector; vectors have small letters."""
    letters = [part for part in Mul.make_args(word) if not part.is_commutative]
    first, last = letters[0], letters[-1]
    if isinstance(first, Pow) or isinstance(last, Pow):
        return False
    return isinstance(first, transpose) and _is_vector(first.args[0]) and _is_vector(last)


def _is_vector(letter: Expr) -> bool:
    return isinstance(letter, Symbol) and letter.name[0].islower() and letter.name[:1] != "d"

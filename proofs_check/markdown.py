"""Proofs as pages of GitHub-flavoured Markdown: every step in words and LaTeX, how it is proved, what spoils it."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial, singledispatch
from pathlib import Path

from sympy import Expr, Symbol

from proofs_check.claims import Computed, Equal, Example, Follows, Tends, Tried
from proofs_check.latex import latex
from proofs_check.sign import Argument, Divided, Exceeds, FromZero, Increasing, Through, Written
from proofs_check.statements import setting
from proofs_check.step import Claim, Statement, Step

__all__ = ["index", "page", "write_pages"]

SHOWN = 3
"""Equalities of a claim that are shown; where there are more, the first one stands for all."""


def page(statement: Statement) -> str:
    """Return the proof of a statement as a page.

    Examples
    --------
    >>> from proofs_check.statements import load
    >>> print(page(load("S2")).splitlines()[0])
    # S2: Balance
    """
    lines = [
        f"# {statement.id}: {_text(statement.title)}",
        f"**{_text(statement.claim)}**",
        f"*Assumptions*: {_text(statement.assumptions)}.  \n*Status*: {_text(statement.status)}, in "
        f"{len(statement.steps)} steps{_unproved(statement.steps)}.",
        f"Check it: `python -m proofs_check {statement.id}`. How to read this: [README](README.md).",
        "## Setting",
        *(_text(paragraph) for paragraph in setting(statement.id)),
        _symbols(statement),
    ]
    number = 0
    for heading, steps in statement.sections.items():
        lines.append(f"## {_text(heading)}")
        for step in steps:
            number += 1
            lines += _step(number, step)
    return "\n\n".join(lines) + "\n"


def index(statements: Iterable[Statement]) -> str:
    """Return the page that lists the others and says how to read them."""
    cells = (
        (f"[{one.id}]({one.id}.md)", *map(_text, (one.title, one.claim, one.status)), str(len(one.steps)))
        for one in statements
    )
    rows = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join(
        [
            "# The proofs, step by step",
            "",
            "Written by `python -m proofs_check --format markdown`; checked by `python -m proofs_check`, which takes",
            "every step on two roads. The symbolic road is algebra by SymPy. The numeric one evaluates the claim at",
            "random points with 50 digits, and shares no algebra with the first. Each step has a spoilt twin, a claim",
            "that is wrong in one place; the tests ask that both roads refuse it. Facts quoted from the literature are",
            "tried on random cases.",
            "",
            "A consequence is shown by a certificate. The hypotheses get names (upright, such as",
            r"$\mathrm{in}_{J}$ for the equation of stationarity in $J$), each an expression that vanishes. The",
            "conclusion is then written in these names in such a way that it vanishes with them. Matrices are",
            "noncommutative symbols without a size: what is proved holds for every width and number of samples. $I$ is",
            r"the identity, $\mathbf{1}$ a vector of ones, $W_0$ Lambert's function. In words, `|A|` is the Frobenius",
            "norm and `<A, B>` its inner product.",
            "",
            "| id | statement | claim | status | steps |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def write_pages(statements: Sequence[Statement], folder: Path, *, whole: bool) -> list[Path]:
    """Write one page for each statement, and the index if they are the `whole` theory; return the paths.

    A reader sees an old page or the new one, never a part.
    """
    pages = {f"{statement.id}.md": page(statement) for statement in statements}
    if whole:
        pages["README.md"] = index(statements)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in pages.items():
        temporary = folder / f".{name}.{os.getpid()}.part"
        try:
            temporary.write_text(content, encoding="utf-8")
            temporary.replace(folder / name)
        finally:
            temporary.unlink(missing_ok=True)
        paths.append(folder / name)
    return paths


# --- A step -----------------------------------------------------------------------------------------------------------


def _step(number: int, step: Step) -> Iterator[str]:
    yield f"### {number}. {_text(step.title)}"
    yield from _shown(step.claim)
    yield f"*Proof*: {_proof(step.claim)}"
    yield from _refused(step.spoilt, step.claim)


@singledispatch
def _shown(claim: Claim) -> list[str]:
    """Return the claim as paragraphs."""
    raise TypeError(f"no page is written for a claim of type {type(claim).__name__}")


@singledispatch
def _proof(claim: Claim) -> str:
    """Return how the claim is proved, as one paragraph."""
    raise TypeError(f"no page is written for a claim of type {type(claim).__name__}")


@singledispatch
def _refused(spoilt: Claim, claim: Claim) -> list[str]:
    """Return what is wrong with the spoilt twin, as paragraphs."""
    raise TypeError(f"no page is written for a claim of type {type(spoilt).__name__}")


@_shown.register
def _(claim: Equal) -> list[str]:
    return [
        _formula(latex(left)) if left == right else _formula(f"{latex(left)} = {latex(right)}")
        for left, right in _some(claim)
    ]


@_proof.register
def _(claim: Equal) -> str:
    pairs = len(_pairs(claim))
    more = f" Shown is the first of {pairs} equalities; the others are alike." if pairs > SHOWN else ""
    if all(left == right for left, right in _some(claim)):
        return f"written out, both sides are this same expression.{more}"
    return f"the difference of both sides simplifies to zero.{more}"


@_refused.register
def _(spoilt: Equal, claim: Equal) -> list[str]:
    wrong = next(pair for pair, right in zip(_pairs(spoilt), _pairs(claim), strict=True) if pair != right)
    return ["*Refused*:", _formula(rf"{latex(wrong[0])} \neq {latex(wrong[1])}")]


@_shown.register
def _(claim: Follows) -> list[str]:
    given = [_formula(f"{latex(name)} := {latex(hypothesis)} = 0") for name, hypothesis in claim.hypotheses.items()]
    return ["Given", *given, "it follows that", _formula(f"{latex(claim.conclusion)} = 0.")]


@_proof.register
def _(claim: Follows) -> str:
    return f"the left side equals, once expanded,\n\n{_formula(f'{latex(claim.certificate)}.')}"


@_refused.register
def _(spoilt: Follows, claim: Follows) -> list[str]:
    return ["*Refused*, as it does not follow:", _formula(f"{latex(spoilt.conclusion)} = 0.")]


@_shown.register
def _(claim: Tends) -> list[str]:
    return [_formula(_limit(claim, claim.to))]


@_proof.register
def _(claim: Tends) -> str:
    path = ", ".join(f"${latex(claim.variable)} = {_number(number)}$" for number in claim.approach)
    return f"SymPy's limit; at {path} the distance to it decreases, to less than ${_number(claim.within)}$."


@_refused.register
def _(spoilt: Tends, claim: Tends) -> list[str]:
    return [f"*Refused*: the limit ${latex(spoilt.to)}$."]


@_shown.register
def _(claim: Exceeds) -> list[str]:
    return [_formula(f"{latex(claim.greater)} {'>' if claim.strict else _AT_LEAST} {latex(claim.smaller)}")]


@_proof.register
def _(claim: Exceeds) -> str:
    return _argument(claim.argument)


@_refused.register
def _(spoilt: Exceeds, claim: Exceeds) -> list[str]:
    sign = ">" if spoilt.strict else _AT_LEAST
    return [
        "*Refused*, as it does not hold everywhere:",
        _formula(f"{latex(spoilt.greater)} {sign} {latex(spoilt.smaller)}"),
    ]


@_shown.register
def _(claim: Example) -> list[str]:
    return [f"An example: {_text(claim.description)}."]


@_proof.register
def _(claim: Example) -> str:
    return "built in exact arithmetic, where every residual is zero, and again from random numbers to 50 digits."


@_refused.register
def _(spoilt: Example, claim: Example) -> list[str]:
    wrong = spoilt.description if spoilt.description != claim.description else "the same with one thing wrong in it"
    return [f"*Refused*: {_text(wrong)}."]


@_shown.register
def _(claim: Tried) -> list[str]:
    return [f"{_text(claim.fact)}."]


@_proof.register
def _(claim: Tried) -> str:
    if claim.reference:
        return f"quoted, not proved here: {_text(claim.reference)} (key in `ramodel/refs.bib`); tried on random cases."
    return "it adds up the steps before; tried on random cases."


@_refused.register
def _(spoilt: Tried, claim: Tried) -> list[str]:
    changed = spoilt.margin.keywords if isinstance(spoilt.margin, partial) else {}
    how = " and ".join(f"`{name} = {value}`" for name, value in changed.items())
    return [f"*Refused*: the same with {how or 'something else in its place'}."]


@_shown.register
def _(claim: Computed) -> list[str]:
    return [f"{_text(claim.fact)}: {', '.join(claim.printed)}."]


@_proof.register
def _(claim: Computed) -> str:
    return "none; the numbers are computed with 50 digits and come out as printed."


@_refused.register
def _(spoilt: Computed, claim: Computed) -> list[str]:
    wrong = [digits for digits, right in zip(spoilt.printed, claim.printed, strict=True) if digits != right]
    return [f"*Refused*: {', '.join(wrong)}."]


# --- Arguments about signs --------------------------------------------------------------------------------------------


def _argument(argument: Argument) -> str:
    """Return an argument about the sign of greater - smaller as sentences, the first without its capital."""
    if isinstance(argument, Written):
        return f"the difference is ${latex(argument.form)}$, positive term by term."
    if isinstance(argument, Divided):
        inner = f"{latex(argument.greater)} > {latex(argument.smaller)}"
        return (
            f"the difference is the positive factor ${latex(argument.factor)}$ times that of ${inner}$, where "
            + _argument(argument.then)
        )
    if isinstance(argument, Through):
        return (
            f"between both sides lies ${latex(argument.middle)}$. Above it, {_argument(argument.above)} "
            f"Below it, {_argument(argument.below)}"
        )
    if isinstance(argument, FromZero):
        return _from_zero(argument)
    if isinstance(argument, Increasing):
        y = Symbol("y", positive=True)
        return (
            f"both sides are positive; ${latex(y)} \\mapsto {latex(argument.function(y))}$ increases and keeps their "
            f"order, for which {_argument(argument.then)}"
        )
    return "the difference is positive term by term."


def _from_zero(argument: FromZero) -> str:
    variable, times = latex(argument.variable), len(argument.factors)
    divided = [f"${latex(factor)}$" for factor in argument.factors if factor != 1]
    after = f", divided by the positive {' and '.join(divided)}" if divided else ""
    first = f"the difference is not negative at ${variable} = 0$"
    if times == 1:
        return f"{first}. For its derivative in ${variable}${after}, {_argument(argument.last)}"
    return (
        f"{first}, and so with its derivatives in ${variable}$ up to order {times - 1}{after}. "
        f"For the derivative of order {times}, {_argument(argument.last)}"
    )


# --- The parts of a page ----------------------------------------------------------------------------------------------

_AT_LEAST = r"\geq"


def _symbols(statement: Statement) -> str:
    """Return which symbols are positive, real, whole numbers and matrices, as one paragraph."""
    claims = [claim for step in statement.steps for claim in (step.claim, step.spoilt)]
    symbols = set().union(*(expression.free_symbols for claim in claims for expression in _expressions(claim)))
    names = {name for claim in claims if isinstance(claim, Follows) for name in claim.hypotheses}
    kinds = {
        "matrices and vectors": [one for one in symbols - names if not one.is_commutative],
        "whole numbers": [one for one in symbols if one.is_integer],
        "positive": [one for one in symbols if one.is_positive and not one.is_integer],
        "not negative": [one for one in symbols if one.is_nonnegative and not one.is_positive and not one.is_integer],
        "real": [one for one in symbols if one.is_real and one.is_nonnegative is None],
    }
    listed = [
        f"{kind}: {', '.join(f'${latex(one)}$' for one in sorted(found, key=str))}"
        for kind, found in kinds.items()
        if found
    ]
    return f"*Symbols*: {'; '.join(listed)}."


def _expressions(claim: Claim) -> list[Expr]:
    """Return the expressions of a claim."""
    if isinstance(claim, Equal):
        return [side for pair in _pairs(claim) for side in pair]
    if isinstance(claim, Follows):
        return [claim.conclusion, claim.certificate, *claim.hypotheses.values()]
    if isinstance(claim, Exceeds):
        return [claim.greater, claim.smaller]
    if isinstance(claim, Tends):
        return [claim.expression, claim.to]
    return []


def _pairs(claim: Equal) -> list[tuple[Expr, Expr]]:
    """Return the equalities of a claim."""
    left, right = (side if isinstance(side, tuple) else (side,) for side in (claim.left, claim.right))
    return list(zip(left, right, strict=True))


def _some(claim: Equal) -> list[tuple[Expr, Expr]]:
    """Return all equalities of a claim if they are few, else the first."""
    pairs = _pairs(claim)
    return pairs if len(pairs) <= SHOWN else pairs[:1]


def _limit(claim: Tends, to: Expr) -> str:
    side = "" if claim.at.is_infinite else "^{+}"
    return rf"{latex(claim.expression)} \to {latex(to)} \quad ({latex(claim.variable)} \to {latex(claim.at)}{side})"


def _number(number: float | str) -> str:
    """Return a number as digits, or as a power of ten with its factor."""
    digits, _, power = str(number).partition("e")
    if not power:
        return digits
    factor = "" if digits in {"1", "1.0"} else rf"{digits} \cdot "
    return f"{factor}10^{{{int(power)}}}"


def _unproved(steps: Sequence[Step]) -> str:
    """Say how many steps have no symbolic road."""
    count = sum(isinstance(step.claim, (Tried, Computed)) for step in steps)
    return f", {count} of them quoted, tried or computed" if count else ""


def _formula(formula: str) -> str:
    return f"$$\n{formula}\n$$"


def _text(words: str) -> str:
    """Return words that Markdown leaves as they are."""
    return re.sub(r"([\\`*_<>\[\]|$~])", r"\\\1", words)

"""Claims and arguments in words and LaTeX: what is claimed, how it is proved, what its spoilt twin gets wrong."""

import re
from functools import partial, singledispatch

from sympy import Expr, Symbol

from proofs_check.claims import Computed, Equal, Example, Follows, Tends, Tried
from proofs_check.latex import latex
from proofs_check.sign import Argument, Divided, Exceeds, FromZero, Increasing, Through, Written
from proofs_check.step import Claim

__all__ = ["pairs", "proof", "refused", "shown", "words"]

SHOWN = 3
"""Equalities of a claim that are shown; where there are more, the first one stands for all."""

_AT_LEAST = r"\geq"


def words(text: str) -> str:
    """Return text so that Markdown leaves it as it is."""
    return re.sub(r"([\\`*_<>\[\]|$~])", r"\\\1", text)


def pairs(claim: Equal) -> list[tuple[Expr, Expr]]:
    """Return the equalities of a claim."""
    left, right = (side if isinstance(side, tuple) else (side,) for side in (claim.left, claim.right))
    return list(zip(left, right, strict=True))


@singledispatch
def shown(claim: Claim) -> list[str]:
    """Return the claim as paragraphs."""
    raise TypeError(f"no page is written for a claim of type {type(claim).__name__}")


@singledispatch
def proof(claim: Claim) -> str:
    """Return how the claim is proved, as one paragraph."""
    raise TypeError(f"no page is written for a claim of type {type(claim).__name__}")


@singledispatch
def refused(spoilt: Claim, claim: Claim) -> list[str]:
    """Return what is wrong with the spoilt twin, as paragraphs."""
    raise TypeError(f"no page is written for a claim of type {type(spoilt).__name__}")


@shown.register
def _(claim: Equal) -> list[str]:
    return [
        _formula(latex(left)) if left == right else _formula(f"{latex(left)} = {latex(right)}")
        for left, right in _some(claim)
    ]


@proof.register
def _(claim: Equal) -> str:
    count = len(pairs(claim))
    more = f" Shown is the first of {count} equalities; the others are alike." if count > SHOWN else ""
    if all(left == right for left, right in _some(claim)):
        return f"written out, both sides are this same expression.{more}"
    return f"the difference of both sides simplifies to zero.{more}"


@refused.register
def _(spoilt: Equal, claim: Equal) -> list[str]:
    wrong = next(pair for pair, right in zip(pairs(spoilt), pairs(claim), strict=True) if pair != right)
    return ["*Refused*:", _formula(rf"{latex(wrong[0])} \neq {latex(wrong[1])}")]


@shown.register
def _(claim: Follows) -> list[str]:
    given = [_formula(f"{latex(name)} := {latex(hypothesis)} = 0") for name, hypothesis in claim.hypotheses.items()]
    return ["Given", *given, "it follows that", _formula(f"{latex(claim.conclusion)} = 0.")]


@proof.register
def _(claim: Follows) -> str:
    return f"the left side equals, once expanded,\n\n{_formula(f'{latex(claim.certificate)}.')}"


@refused.register
def _(spoilt: Follows, claim: Follows) -> list[str]:
    return ["*Refused*, as it does not follow:", _formula(f"{latex(spoilt.conclusion)} = 0.")]


@shown.register
def _(claim: Tends) -> list[str]:
    return [_formula(_limit(claim, claim.to))]


@proof.register
def _(claim: Tends) -> str:
    path = ", ".join(f"${latex(claim.variable)} = {_number(number)}$" for number in claim.approach)
    return f"SymPy's limit; at {path} the distance to it decreases, to less than ${_number(claim.within)}$."


@refused.register
def _(spoilt: Tends, claim: Tends) -> list[str]:
    return [f"*Refused*: the limit ${latex(spoilt.to)}$."]


@shown.register
def _(claim: Exceeds) -> list[str]:
    return [_formula(f"{latex(claim.greater)} {'>' if claim.strict else _AT_LEAST} {latex(claim.smaller)}")]


@proof.register
def _(claim: Exceeds) -> str:
    return _argument(claim.argument)


@refused.register
def _(spoilt: Exceeds, claim: Exceeds) -> list[str]:
    sign = ">" if spoilt.strict else _AT_LEAST
    return [
        "*Refused*, as it does not hold everywhere:",
        _formula(f"{latex(spoilt.greater)} {sign} {latex(spoilt.smaller)}"),
    ]


@shown.register
def _(claim: Example) -> list[str]:
    return [f"An example: {words(claim.description)}."]


@proof.register
def _(claim: Example) -> str:
    return "built in exact arithmetic, where every residual is zero, and again from random numbers to 50 digits."


@refused.register
def _(spoilt: Example, claim: Example) -> list[str]:
    wrong = spoilt.description if spoilt.description != claim.description else "the same with one thing wrong in it"
    return [f"*Refused*: {words(wrong)}."]


@shown.register
def _(claim: Tried) -> list[str]:
    return [f"{words(claim.fact)}."]


@proof.register
def _(claim: Tried) -> str:
    if claim.reference:
        return f"quoted, not proved here: {words(claim.reference)} (key in `ramodel/refs.bib`); tried on random cases."
    return "it adds up the steps before; tried on random cases."


@refused.register
def _(spoilt: Tried, claim: Tried) -> list[str]:
    changed = spoilt.margin.keywords if isinstance(spoilt.margin, partial) else {}
    how = " and ".join(f"`{name} = {value}`" for name, value in changed.items())
    return [f"*Refused*: the same with {how or 'something else in its place'}."]


@shown.register
def _(claim: Computed) -> list[str]:
    return [f"{words(claim.fact)}: {', '.join(claim.printed)}."]


@proof.register
def _(claim: Computed) -> str:
    return "none; the numbers are computed with 50 digits and come out as printed."


@refused.register
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


# --- Parts of a claim -------------------------------------------------------------------------------------------------


def _some(claim: Equal) -> list[tuple[Expr, Expr]]:
    """Return all equalities of a claim if they are few, else the first."""
    found = pairs(claim)
    return found if len(found) <= SHOWN else found[:1]


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


def _formula(formula: str) -> str:
    return f"$$\n{formula}\n$$"

"""Proofs as pages of GitHub-flavoured Markdown: every step in words and LaTeX, how it is proved, what spoils it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sympy import Expr

from proofs_check.claims import Computed, Equal, Follows, Tends, Tried
from proofs_check.latex import latex
from proofs_check.sign import Exceeds
from proofs_check.statements import setting
from proofs_check.step import Claim, Statement, Step
from proofs_check.wording import pairs, proof, refused, shown, words

__all__ = ["index", "page", "write_pages"]


def page(statement: Statement) -> str:
    """Return the proof of a statement as a page.

    Examples
    --------
    >>> from proofs_check.statements import load
    >>> print(page(load("S2")).splitlines()[0])
    # S2: Balance
    """
    lines = [
        f"# {statement.id}: {words(statement.title)}",
        f"**{words(statement.claim)}**",
        f"*Assumptions*: {words(statement.assumptions)}.  \n*Status*: {words(statement.status)}, in "
        f"{len(statement.steps)} steps{_unproved(statement.steps)}.",
        f"Check it: `python -m proofs_check {statement.id}`. How to read this: [README](README.md).",
        "## Setting",
        *(words(paragraph) for paragraph in setting(statement.id)),
        _symbols(statement),
    ]
    number = 0
    for heading, steps in statement.sections.items():
        lines.append(f"## {words(heading)}")
        for step in steps:
            number += 1
            lines += _step(number, step)
    return "\n\n".join(lines) + "\n"


def index(statements: Iterable[Statement]) -> str:
    """Return the page that lists the others and says how to read them."""
    cells = (
        (f"[{one.id}]({one.id}.md)", *map(words, (one.title, one.claim, one.status)), str(len(one.steps)))
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
            "tried on random cases; `name = value` beside a refused one is the argument that spoils it in the code.",
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


def _step(number: int, step: Step) -> Iterator[str]:
    yield f"### {number}. {words(step.title)}"
    yield from shown(step.claim)
    yield f"*Proof*: {proof(step.claim)}"
    yield from refused(step.spoilt, step.claim)


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
        return [side for pair in pairs(claim) for side in pair]
    if isinstance(claim, Follows):
        return [claim.conclusion, claim.certificate, *claim.hypotheses.values()]
    if isinstance(claim, Exceeds):
        return [claim.greater, claim.smaller]
    if isinstance(claim, Tends):
        return [claim.expression, claim.to]
    return []


def _unproved(steps: Sequence[Step]) -> str:
    """Say how many steps have no symbolic road."""
    count = sum(isinstance(step.claim, (Tried, Computed)) for step in steps)
    return f", {count} of them quoted, tried or computed" if count else ""

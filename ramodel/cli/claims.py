"""`ramodel test-claims`: the statements as properties, tried on made-up cases."""

import time
from typing import TYPE_CHECKING, Any, ClassVar

from ramodel.cli.command import Command, Ids, Maybe, Switch
from ramodel.cli.output import say, say_json, show

if TYPE_CHECKING:
    from rich.table import Table

    from ramodel.testing.runner import Outcome

__all__ = ["Claims"]


class Claims(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Try the statements S1-S19 on cases that hypothesis makes up, and look for counterexamples.

    Every statement stands there as one property or more, measured by a road that does not use it: products of matrices,
    enumeration, descents over all unreduced variables, networks. A case is a set of plain numbers and seeds. Where a
    property fails, the case is shrunk to the simplest that fails, and printed as a line of Python that tries it again.

    Properties that descend to an optimum take a share of the examples, as the table says: one such case takes as long
    as a hundred others. The same seed gives the same cases, whatever the number of jobs. 500 examples take about
    two minutes on two cores. The exit code is 1 if a property fails.
    """

    EXAMPLE: ClassVar[str] = "ramodel test-claims S1 S6 --examples 500"
    ARGUMENTS: ClassVar[dict[str, str]] = {"statement": "ids"}

    ids: Ids = ()
    """Statements to try, such as S1 or S6; all of them by default."""

    examples: int = 100
    """Cases for each property."""

    seed: int = 0
    """Seed of the cases."""

    jobs: Maybe[int] = None
    """Processes, one thread each; all cores by default."""

    spoilt: Switch = False
    """Try spoilt twins in place of the properties, wrong on purpose: each must be refuted, or the exit code is 1."""

    json: Switch = False
    """Print JSON: whether all is as it should be, and every property with its counterexample, if any."""

    def run(self) -> int:
        """Try the properties and print what became of them."""
        from ramodel.testing.runner import claims_of, try_claims

        began = time.monotonic()
        outcomes = try_claims(
            claims_of(self.ids), examples=self.examples, seed=self.seed, spoilt=self.spoilt, jobs=self.jobs
        )
        seconds = time.monotonic() - began
        passed = all(outcome.as_expected for outcome in outcomes)
        if self.json:
            say_json(
                {
                    "passed": passed,
                    "examples": self.examples,
                    "seed": self.seed,
                    "spoilt": self.spoilt,
                    "seconds": seconds,
                    "claims": [_record(outcome) for outcome in outcomes],
                }
            )
        else:
            show(_table(outcomes))
            _say_reasons([outcome for outcome in outcomes if outcome.reason])
            say(f"\n{_summary(outcomes, spoilt=self.spoilt)}; {seconds:.0f} s, seed {self.seed}.")
        return 0 if passed else 1


def _table(outcomes: "tuple[Outcome, ...]") -> "Table":
    """Return one row for each property."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("id", no_wrap=True)
    table.add_column("property", no_wrap=True)
    table.add_column("claim")
    table.add_column("examples", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    for outcome in outcomes:
        claim = f"SPOILT: {outcome.mistake}" if outcome.spoilt else outcome.sentence
        share = f" ({outcome.share:.0%} share)" if outcome.share < 1.0 else ""
        table.add_row(
            outcome.statement,
            outcome.name,
            Text(claim),
            f"{outcome.examples}{share}",
            f"{outcome.seconds:.1f}",
            Text(outcome.result, style="green" if outcome.as_expected else "bold red"),
        )
    return table


def _say_reasons(outcomes: "list[Outcome]") -> None:
    """Say what was found of each property, under the line that tries it again where there is a counterexample."""
    if any(outcome.reproduction for outcome in outcomes):
        say("\nThe simplest counterexamples found. Try one again in Python, after")
        say("from ramodel.testing.claims import CLAIMS")
    if outcomes:
        say("")
    for outcome in outcomes:
        say(f"{outcome.reproduction or f'{outcome.statement} {outcome.name}'}\n  {outcome.reason}")


def _summary(outcomes: "tuple[Outcome, ...]", *, spoilt: bool) -> str:
    met = sum(outcome.as_expected for outcome in outcomes)
    what = "spoilt twins are refuted" if spoilt else "properties hold"
    return f"{met} of {len(outcomes)} {what}, on {sum(outcome.examples for outcome in outcomes)} examples"


def _record(outcome: "Outcome") -> dict[str, Any]:
    import msgspec

    return {**msgspec.structs.asdict(outcome), "reproduction": outcome.reproduction}

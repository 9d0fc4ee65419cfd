"""The runner: tries claims on cases that hypothesis makes up, and shrinks what refutes one."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import joblib
import msgspec
import torch
from hypothesis import HealthCheck, Phase, Verbosity, configuration, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisException
from threadpoolctl import threadpool_limits

from ramodel.checks import LARGEST_SEED, integer, one_of
from ramodel.progress import progress_bar
from ramodel.statements import STATEMENTS
from ramodel.testing.claims import CLAIMS, Claim

__all__ = ["Outcome", "claims_of", "try_claim", "try_claims"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one claim.

    Parameters
    ----------
    statement, name, sentence
        Of the claim.
    spoilt
        Whether its spoilt twin was tried in its place.
    mistake
        What the twin gets wrong.
    share
        Share of the examples asked for that this claim takes.
    examples
        Cases that were tried before the verdict (not those of the shrinking).
    seconds
        Wall time, shrinking included.
    result
        "holds", "refuted" (by the counterexample), or "error": the case broke the computation, `reason` says how.
    counterexample
        The simplest case found, by name; None where the claim holds.
    reason
        Departure and tolerance, or the error.
    """

    statement: str
    name: str
    sentence: str
    spoilt: bool
    mistake: str
    share: float
    examples: int
    seconds: float
    result: Literal["holds", "refuted", "error"]
    counterexample: dict[str, Any] | None = None
    reason: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether the claim holds; of a twin, whether it was refuted."""
        return self.result == ("refuted" if self.spoilt else "holds")

    @property
    def reproduction(self) -> str:
        """Line of Python that tries the counterexample again; empty where there is none.

        It follows ``from ramodel.testing.claims import CLAIMS``.
        """
        if self.counterexample is None:
            return ""
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.counterexample.items())
        method = "check_spoilt" if self.spoilt else "check"
        return f'CLAIMS["{self.statement} {self.name}"].{method}({arguments})'


def claims_of(ids: Iterable[str] = ()) -> tuple[Claim, ...]:
    """Return the claims of these statements, in order; all claims for none.

    Raises
    ------
    ValueError
        If there is no such statement, or it has no claims that can be tried.

    Examples
    --------
    >>> [claim.id for claim in claims_of(["s4"])]
    ['S4 bracket', 'S4 exponent']
    """
    tested = dict.fromkeys(claim.statement for claim in CLAIMS.values())
    wanted = {id.strip().upper() for id in ids}
    for id in sorted(wanted - set(tested)):
        if id in STATEMENTS:
            raise ValueError(f"statement is {id!r}; it has no claims to try. Choose from {', '.join(tested)}.")
        one_of("statement", id, tested)
    return tuple(claim for claim in CLAIMS.values() if not wanted or claim.statement in wanted)


def try_claims(
    claims: Sequence[Claim],
    *,
    examples: int = 100,
    seed: int = 0,
    spoilt: bool = False,
    jobs: int | None = None,
    progress: bool = True,
) -> tuple[Outcome, ...]:
    """Try every claim on made-up cases and return the outcomes in the same order.

    The same seed gives the same cases, whatever the number of jobs.

    Parameters
    ----------
    claims
        Such as `claims_of` returns.
    examples
        Cases for each claim; those with a `share` below 1 take so much of it, one at least.
    seed
        Of the cases.
    spoilt
        Try the spoilt twins: each must be refuted.
    jobs
        Processes; all cores by default.
    progress
        Show a bar on a terminal.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> [outcome.result for outcome in try_claims(claims_of(["S4"]), examples=20, jobs=1)]
    ['holds', 'holds']
    """
    integer("examples", examples)
    integer("seed", seed, minimum=0, maximum=LARGEST_SEED)
    workers = joblib.cpu_count() if jobs is None else integer("jobs", jobs)
    # Those that descend take longest: they start first, so that the last ones are short.
    order = sorted(claims, key=lambda claim: claim.share)
    pool = joblib.Parallel(n_jobs=max(1, min(workers, len(order))), return_as="generator_unordered", batch_size=1)
    tasks = (joblib.delayed(_try_by_id)(claim.id, examples, seed, spoilt) for claim in order)
    found = {}
    with progress_bar("trying claims", len(order), show=progress) as bar:
        for outcome in pool(tasks):
            found[f"{outcome.statement} {outcome.name}"] = outcome
            bar.advance(status=f"{outcome.statement} {outcome.name}: {outcome.result}")
    return tuple(found[claim.id] for claim in claims)


def try_claim(claim: Claim, *, examples: int = 100, seed: int = 0, spoilt: bool = False) -> Outcome:
    """Try one claim, or its spoilt twin, in this process; see `try_claims`.

    Examples
    --------
    >>> outcome = try_claim(CLAIMS["S4 exponent"], spoilt=True)
    >>> outcome.result, outcome.reproduction
    ('refuted', 'CLAIMS["S4 exponent"].check_spoilt(depth=1.0, jacobian_decay=1.0, head_decay=1.0, m=1.0)')
    """
    check = claim.check_spoilt if spoilt else claim.check
    wanted = max(1, round(integer("examples", examples) * claim.share))
    tried, failing = 0, False
    last: dict[str, Any] = {}

    @seeded(seed)
    @settings(
        max_examples=wanted,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
    )
    @given(claim.cases)
    def property_holds(case: dict[str, Any]) -> None:
        nonlocal tried, failing, last
        last = case
        try:
            check(**case)
        except HypothesisException:  # no example: it was rejected
            raise
        except Exception:
            tried, failing = tried + (not failing), True
            raise
        tried += not failing

    began = time.perf_counter()
    result: Literal["holds", "refuted", "error"] = "holds"
    counterexample, reason = None, ""
    with _no_traces():
        try:
            property_holds()
        except Exception as error:  # noqa: BLE001  (whatever it is, the other claims go on)
            # The last case that hypothesis tries is the simplest that fails.
            result = "refuted" if isinstance(error, AssertionError) else "error"
            counterexample = last if failing else None
            reason = str(error) if result == "refuted" else f"{type(error).__name__}: {error}"
    return Outcome(
        statement=claim.statement,
        name=claim.name,
        sentence=claim.sentence,
        spoilt=spoilt,
        mistake=claim.mistake,
        share=claim.share,
        examples=tried,
        seconds=time.perf_counter() - began,
        result=result,
        counterexample=counterexample,
        reason=reason,
    )


def _try_by_id(id: str, examples: int, seed: int, spoilt: bool) -> Outcome:
    """Try one claim on one thread; claims travel to other processes by their ids."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return try_claim(CLAIMS[id], examples=examples, seed=seed, spoilt=spoilt)
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _no_traces() -> Iterator[None]:
    """Keep hypothesis from leaving files in the working folder: what it stores goes to a folder that vanishes."""
    usual = configuration.storage_directory("examples", intent_to_write=False).home_directory
    with tempfile.TemporaryDirectory() as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(usual)

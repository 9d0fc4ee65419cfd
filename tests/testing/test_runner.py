"""The runner: verdicts, shrunk counterexamples that can be tried again, the same seed the same cases, no traces."""

import json
import subprocess
import sys
from types import SimpleNamespace

import joblib
import pytest
from hypothesis import reject
from hypothesis import strategies as st

from ramodel.testing import runner
from ramodel.testing.claims import CLAIMS, Claim
from ramodel.testing.runner import claims_of, try_claim, try_claims


def claim_of(departure, **options):
    fields = {"sentence": "s", "tolerance": 0.5, "reason": "r", "slip": {"slip": 1.0}, "mistake": "m"}
    cases = st.fixed_dictionaries({"count": st.integers(0, 100), "x": st.floats(0.0, 1.0)})
    return Claim(statement="S1", name="n", cases=cases, departure=departure, **{**fields, **options})


def test_what_holds():
    outcome = try_claim(claim_of(lambda count, x: x / 2), examples=40)
    assert (outcome.result, outcome.examples, outcome.counterexample) == ("holds", 40, None)
    assert outcome.as_expected
    assert outcome.reproduction == ""
    assert outcome.reason == ""


def test_what_fails_is_shrunk():
    outcome = try_claim(claim_of(lambda count, x: float(count > 7)), examples=200)
    assert outcome.result == "refuted"
    assert not outcome.as_expected
    assert outcome.counterexample == {"count": 8, "x": 0.0}
    assert outcome.reproduction == 'CLAIMS["S1 n"].check(count=8, x=0.0)'
    assert outcome.reason == "S1 n: departure 1, allowed 0.5."
    assert 0 < outcome.examples <= 200


def test_twins_are_to_be_refuted():
    claim = claim_of(lambda count, x, slip=0.0: slip * (count >= 3))
    outcome = try_claim(claim, examples=100, spoilt=True)
    assert outcome.as_expected
    assert outcome.reproduction == 'CLAIMS["S1 n"].check_spoilt(count=3, x=0.0)'
    survivor = try_claim(claim_of(lambda count, x, slip=0.0: 0.0), examples=10, spoilt=True)
    assert (survivor.result, survivor.as_expected) == ("holds", False)


def test_what_breaks_is_an_error_with_its_case():
    def departure(count, x):
        return 1.0 / float(count - 5)

    outcome = try_claim(claim_of(departure, tolerance=10.0), examples=500)
    assert outcome.result == "error"
    assert outcome.counterexample == {"count": 5, "x": 0.0}
    assert outcome.reason == "ZeroDivisionError: float division by zero"
    assert not outcome.as_expected


def test_what_has_no_case_at_all_is_an_error():
    outcome = try_claim(claim_of(lambda count, x: reject()), examples=5)
    assert (outcome.result, outcome.examples, outcome.counterexample) == ("error", 0, None)
    assert outcome.reason.startswith("Unsatisfiable")


def test_a_share_is_taken():
    assert try_claim(claim_of(lambda count, x: 0.0, share=0.1), examples=200).examples == 20
    assert try_claim(claim_of(lambda count, x: 0.0, share=0.01), examples=5).examples == 1


def test_interrupts_pass_through():
    def departure(count, x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        try_claim(claim_of(departure))


def cases_of(seed, order):
    seen = {}
    for id in order:
        original = CLAIMS[id]
        cases = seen[id] = []

        def departure(cases=cases, original=original, **case):
            cases.append(case)
            return original.departure(**case)

        watched = Claim(
            **{name: getattr(original, name) for name in original.__dataclass_fields__} | {"departure": departure}
        )
        try_claim(watched, examples=15, seed=seed)
    return seen


def test_the_same_seed_gives_the_same_cases_in_any_order():
    ids = ["S2 balance", "S14 subspaces", "S5 states"]
    first = cases_of(3, ids)
    assert first == cases_of(3, ids[::-1])
    assert first != cases_of(4, ids)


def test_counterexamples_can_be_tried_again():
    (outcome,) = try_claims([CLAIMS["S2 balance"]], examples=5, spoilt=True, jobs=1)
    with pytest.raises(AssertionError, match=outcome.reason.split(":")[0].replace("(", r"\(").split(r"\(")[0]):
        eval(outcome.reproduction, {"CLAIMS": CLAIMS})  # noqa: S307  (the test is that this line runs)


def test_processes_give_what_one_gives_and_leave_no_traces(tmp_path):
    """From a process of its own: what hypothesis knows of the modules it stores once in a process."""
    command = [
        sys.executable,
        "-m",
        "ramodel",
        "test-claims",
        "S14",
        "S13",
        "--examples",
        "10",
        "--jobs",
        "2",
        "--json",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
    shared = json.loads(done.stdout)["claims"]
    alone = try_claims(claims_of(["S13", "S14"]), examples=10, jobs=1)
    for entry, outcome in zip(shared, alone, strict=True):
        assert entry == entry | {name: getattr(outcome, name) for name in ("statement", "name", "result", "examples")}


def test_claims_of_statements():
    assert claims_of() == tuple(CLAIMS.values())
    assert {claim.statement for claim in claims_of(["s19", "S1"])} == {"S1", "S19"}
    with pytest.raises(ValueError, match=r"RA1.*no claims to try"):
        claims_of(["RA1"])
    with pytest.raises(ValueError, match=r"S91.*did you mean") as caught:
        claims_of(["S91"])
    assert "RA" not in str(caught.value)


@pytest.mark.parametrize(("jobs", "cores", "processes"), [(None, 8, 2), (None, 1, 1), (5, 1, 2), (1, 8, 1)])
def test_no_more_processes_than_claims(jobs, cores, processes, monkeypatch):
    asked = []

    def pool(n_jobs, **options):
        asked.append(n_jobs)
        return joblib.Parallel(n_jobs=1, **options)

    monkeypatch.setattr(
        runner, "joblib", SimpleNamespace(Parallel=pool, delayed=joblib.delayed, cpu_count=lambda: cores)
    )
    assert len(try_claims(claims_of(["S4"]), examples=1, jobs=jobs)) == 2
    assert asked == [processes]


def test_no_claims_have_no_outcomes():
    assert try_claims([]) == ()


@pytest.mark.parametrize(
    ("options", "match"), [({"examples": 0}, "examples is 0"), ({"seed": -1}, "seed is -1"), ({"jobs": 0}, "jobs is 0")]
)
def test_bad_arguments_are_named(options, match):
    with pytest.raises(ValueError, match=match):
        try_claims(claims_of(["S4"]), **options)


def test_module_says_what_it_exports():
    assert set(runner.__all__) == {"Outcome", "claims_of", "try_claim", "try_claims"}

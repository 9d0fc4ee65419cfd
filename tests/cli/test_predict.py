"""`ramodel predict`: the numbers, the JSON, the table, bad input."""

import re
import sys
from functools import partial

import mpmath
import pytest

from tests.tolerances import CLOSED_FORM

KEYS = ["end_to_end", "jacobian", "head", "cost", "log_gain", "step_cv", "depth_exponent", "lower", "upper"]


def words(**options):
    given = {"depth": "8", "jacobian-decay": "0.01", "head-decay": "0.02", "end-to-end": "13.94885 0.1024"} | options
    return [part for name, value in given.items() for part in (f"--{name}", *value.split())]


def test_json_has_exactly_the_agreed_keys(ramodel):
    found = ramodel("predict", *words(), "--json").json()
    assert list(found) == ["model", "depth", "rows"]
    assert (found["model"], found["depth"]) == ("frobenius", 8)
    assert all(list(row) == KEYS for row in found["rows"])
    assert [row["end_to_end"] for row in found["rows"]] == [13.94885, 0.1024]


def frobenius_law(s, depth, a, b, e):
    """Return the end-to-end singular value that goes with s, by S2, or S18 where there is an embedding."""
    if e is None:
        return mpmath.sqrt(a / b * s * (1 + s)) * (1 + s) ** depth
    return a / mpmath.sqrt(b * e) * s * (1 + s) ** (depth + 1)


@pytest.mark.parametrize("embedding", [None, 0.03])
def test_frobenius_against_fifty_digits(ramodel, embedding):
    options = {} if embedding is None else {"embedding-decay": str(embedding)}
    rows = ramodel("predict", *words(**options), "--json").json()["rows"]
    with mpmath.workdps(50):
        a, b = mpmath.mpf(0.01), mpmath.mpf(0.02)
        e = None if embedding is None else mpmath.mpf(embedding)
        for row in rows:
            m = row["end_to_end"]
            law = partial(lambda m, s: frobenius_law(s, 8, a, b, e) - m, m)
            s = mpmath.findroot(law, (0, 10), solver="bisect", maxsteps=300, tol=1e-60)
            assert row["jacobian"] == pytest.approx(float(s), rel=CLOSED_FORM)
            assert row["head"] == pytest.approx(float(mpmath.sqrt(a / b * s * (1 + s))), rel=CLOSED_FORM)
            assert row["log_gain"] == pytest.approx(float(8 * mpmath.log1p(s)), rel=CLOSED_FORM)
            assert row["lower"] <= s <= row["upper"]


def test_nuclear_has_a_threshold_and_no_bracket(ramodel):
    above, below = ramodel("predict", "--model", "nuclear", *words(**{"end-to-end": "13.9 0.5"}), "--json").json()[
        "rows"
    ]
    assert (1 + above["jacobian"]) ** 17 == pytest.approx(13.9**2 / 0.5, rel=20 * CLOSED_FORM)
    assert above["lower"] == above["upper"] == above["jacobian"]
    assert below["jacobian"] == 0.0  # sqrt(rho) = 0.71


def test_zero_is_legal_and_what_is_undefined_is_null_or_a_dash(ramodel):
    zero = ["predict", "--model", "nuclear", *words(**{"end-to-end": "0"})]
    row = ramodel(*zero, "--json").json()["rows"][0]
    assert (row["jacobian"], row["depth_exponent"]) == (0.0, None)
    line = ramodel(*zero).out.splitlines()[4].split()
    assert line[KEYS.index("depth_exponent")] == "-"


def test_real_depth(ramodel):
    assert ramodel("predict", *words(depth="2.5"), "--json").json()["depth"] == 2.5


@pytest.mark.parametrize("model", ["frobenius", "nuclear", "kinetic"])
def test_below_depth_one_there_is_no_step_cv(ramodel, model):
    shallow = ["predict", "--model", model, *words(depth="0.5", **{"end-to-end": "13.9"})]
    row = ramodel(*shallow, "--json").json()["rows"][0]
    assert row["step_cv"] is None
    assert row["lower"] <= row["jacobian"] <= row["upper"]
    assert ramodel(*shallow).out.splitlines()[4].split()[list(row).index("step_cv")] == "-"
    deep = ["predict", "--model", model, *words(depth="1", **{"end-to-end": "13.9"}), "--json"]
    assert ramodel(*deep).json()["rows"][0]["step_cv"] == 0.0


@pytest.mark.parametrize(
    ("model", "exponent"), [("frobenius", 0.0), ("kinetic", 0.0), ("nuclear", None), ("plain", None)]
)
def test_exponent_at_zero(ramodel, model, exponent):
    zero = ["predict", "--model", model, *words(**{"end-to-end": "0"})]
    assert ramodel(*zero, "--json").json()["rows"][0]["depth_exponent"] == exponent
    assert "-0" not in ramodel(*zero, "--json").out + ramodel(*zero).out


def test_table(ramodel):
    outcome = ramodel("predict", *words())
    assert (outcome.code, outcome.err) == (0, "")
    rows = ramodel("predict", *words(), "--json").json()["rows"]
    for row in rows:
        assert f"{row['jacobian']:.6g}" in outcome.out
    assert "Frobenius model, L = 8, jacobian decay 0.01, head decay 0.02" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 140


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"depth": "0"}, "--depth is 0.0; it must be greater than zero."),
        ({"depth": "nan"}, "--depth is nan; it must be finite."),
        ({"jacobian-decay": "-0.01"}, "--jacobian-decay is -0.01; it must be greater than zero."),
        ({"head-decay": "0"}, "--head-decay is 0.0; it must be greater than zero."),
        ({"embedding-decay": "inf"}, "--embedding-decay is inf; it must be finite."),
        ({"end-to-end": "1 -2"}, "--end-to-end value 2 is -2.0; every entry must be at least 0."),
        ({"end-to-end": "1e300"}, "m / unit reaches 1.41e+300; it must be at most 1e200 (unit is 0.707)."),
        ({"end-to-end": "inf"}, "--end-to-end value 1 is inf; every entry must be finite."),
        ({"end-to-end": ""}, "--end-to-end is empty (shape (0,)); it must hold at least one number."),
    ],
)
def test_bad_input(ramodel, options, sentence):
    assert ramodel("predict", *words(**options)) == (2, "", f"ramodel predict: {sentence}\n")


def test_certified_bounds_hold_what_is_printed_without(ramodel):
    plain = ramodel("predict", *words(), "--json").json()["rows"]
    proven = ramodel("predict", *words(), "--certified", "--json").json()["rows"]
    for row, bounds in zip(plain, proven, strict=True):
        assert bounds["error"] <= 2e-15 * row["jacobian"]
        assert list(bounds) == ["end_to_end", "jacobian", "head", "cost", "error"]
        for name in ("jacobian", "head", "cost"):
            assert bounds[name]["lower"] <= row[name] <= bounds[name]["upper"]
            assert bounds[name]["upper"] - bounds[name]["lower"] <= 3e-14 * row[name]
    table = ramodel("predict", *words(), "--certified", "--digits", "30")
    assert (table.code, table.err) == (0, "")
    assert re.search(r"0\.\d{32} \+/- \d\.\de-31$", table.out, re.MULTILINE)
    assert proven[0]["jacobian"]["text"][:16] in table.out


@pytest.mark.parametrize(("options", "sentence"), [
    (["--model", "plain"], "--model is 'plain'; only 'frobenius' and 'nuclear' can be certified."),
    (["--digits", "0"], "--digits is 0; it must be at least 1."),
])  # fmt: skip
def test_what_cannot_be_certified(ramodel, options, sentence):
    outcome = ramodel("predict", *words(), "--certified", *options)
    assert outcome == (2, "", f"ramodel predict: {sentence}\n")


def test_digits_need_certified(ramodel):
    assert ramodel("predict", *words(), "--digits", "20") == (
        2,
        "",
        "ramodel predict: --digits is 20; it says how sharp proven bounds are, so it needs --certified.\n",
    )


def test_certified_without_its_extra(ramodel, monkeypatch):
    for module in [name for name in sys.modules if name.startswith(("ramodel.certified", "flint"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "flint", None)
    outcome = ramodel("predict", *words(), "--certified")
    assert outcome.code == 2
    assert "python-flint; install the extra: pip install 'ramodel[certified]'." in outcome.err
    assert outcome.err.count("\n") == 1


def test_kinetic_rows_have_first_and_last_block(ramodel):
    found = ramodel("predict", "--model", "kinetic", *words(), "--json").json()["rows"]
    assert list(found[0]) == [*KEYS[:2], "last", *KEYS[2:]]
    for row in found:
        first, last = row["jacobian"], row["last"]
        assert 1.0 / last == pytest.approx(1.0 / first + 7.0, rel=CLOSED_FORM * 10)
        t = 8.0 * first
        assert 0.5 / 8.0 * t * (1.0 + t) ** 3 == pytest.approx(row["end_to_end"] ** 2, rel=CLOSED_FORM * 10)
        assert row["step_cv"] == 0.0
    assert "last s" in ramodel("predict", "--model", "kinetic", *words()).out


def test_plain_rows_have_no_step_cv(ramodel):
    above, zero = ramodel("predict", "--model", "plain", *words(**{"end-to-end": "13.9 0"}), "--json").json()["rows"]
    assert above["jacobian"] ** 9 == pytest.approx(13.9 / 0.5**0.5, rel=CLOSED_FORM * 20)
    assert (above["step_cv"], zero["log_gain"], zero["depth_exponent"]) == (None, None, None)
    assert "log-gain: L ln s" in ramodel("predict", "--model", "plain", *words()).out

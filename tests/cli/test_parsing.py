"""What the parser refuses, in one sentence that names the option and the way out."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.cli import parsing
from ramodel.cli.errors import UsageError
from ramodel.cli.parsing import parse
from ramodel.cli.predict import Predict

FULL = "--depth 8 --jacobian-decay 0.01 --head-decay 0.01 --end-to-end 1 2"
EXAMPLE = f"for example `{Predict.EXAMPLE}`."


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (f"{FULL} --depht 3", "--depht is not an option; did you mean --depth?"),
        ("--depht 3", "--depht is not an option; did you mean --depth?"),
        (f"{FULL} --head_dekay=3", "--head_dekay is not an option; did you mean --head-decay?"),
        (f"{FULL} --decay 3", "--decay is not an option; did you mean --head-decay?"),
        (f"{FULL} -x", "-x is not an option; see `ramodel predict --help`."),
        (f"{FULL} --json yes", "'yes' is one word too many; see `ramodel predict --help`."),
        ("--depth 8 --jacobian-decay 1 --head-decay 1", f"--end-to-end is missing; {EXAMPLE}"),
        ("--depth 8 --jacobian-decay 1", f"--head-decay and --end-to-end are missing; {EXAMPLE}"),
        ("--depth 8", f"--jacobian-decay, --head-decay and --end-to-end are missing; {EXAMPLE}"),
        (f"{FULL} --depth", f"--depth has no value; {EXAMPLE}"),
        (f"{FULL} --depth eight", "--depth is 'eight'; it must be a number."),
        (f"{FULL} --depth=eight", "--depth is 'eight'; it must be a number."),
        (f"{FULL} 3 four", "--end-to-end is 'four'; it must be a number."),
        (f"{FULL} --embedding_decay None", "--embedding-decay is 'None'; it must be a number."),
        (
            f"{FULL} --model frobenious",
            "--model is 'frobenious'; it must be one of frobenius, nuclear, kinetic, plain; did you mean frobenius?",
        ),
        (f"{FULL} --model q", "--model is 'q'; it must be one of frobenius, nuclear, kinetic, plain."),
    ],
)
def test_refused(words, sentence):
    with pytest.raises(UsageError) as caught:
        parse(Predict, "predict", shlex.split(words))
    assert str(caught.value) == f"ramodel predict: {sentence}"


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.booleans())
def test_numbers_arrive_as_they_are(values, underscores):
    option = "--end_to_end" if underscores else "--end-to-end"
    words = ["--depth", "8", "--jacobian-decay", "1", "--head-decay", "1", option, *map(repr, values)]
    assert parse(Predict, "predict", words).end_to_end == tuple(values)


def test_help_wins_over_what_is_missing(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(Predict, "predict", ["--depth", "--help"])
    assert caught.value.code == 0
    out, err = capsys.readouterr()
    assert "Number of residual blocks" in out
    assert err == ""


def test_without_the_hook_tyro_still_refuses(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "tyro._errors", None)
    with pytest.raises(SystemExit) as caught:
        parsing.parse(Predict, "predict", ["--depht", "3"])
    assert caught.value.code == 2
    assert "--depht" in capsys.readouterr().err

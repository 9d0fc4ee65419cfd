"""Which errors of the library become a sentence, and how it names options."""

import errno
import types

import pytest

from ramodel.checks import integer, positive, writable_folder
from ramodel.cli.errors import CommandError, UsageError, did_you_mean, library_errors
from ramodel.cli.predict import Predict


def sentence(action):
    with pytest.raises(UsageError) as caught, library_errors(Predict, "predict"):
        action()
    return str(caught.value)


def in_ramodel(body):
    """Return a function of a module that passes for one of ramodel's."""
    module = types.ModuleType("ramodel.made_up")
    exec(f"def action():\n    {body}", module.__dict__)  # noqa: S102
    return module.action


def test_suggestion():
    assert did_you_mean("--depht", ["--depth", "--model"]) == "did you mean --depth?"
    assert did_you_mean("--model", ["--depth"]) == ""


def test_argument_becomes_its_option():
    assert (
        sentence(lambda: positive("head_decay", 0))
        == "ramodel predict: --head-decay is 0; it must be greater than zero."
    )
    assert sentence(lambda: integer("depth", "x")).startswith("ramodel predict: --depth is 'x'; it must be a whole")


def test_entry_of_an_array_becomes_a_position():
    assert sentence(in_ramodel('raise ValueError("end_to_end[2] is nan; every entry must be finite.")')) == (
        "ramodel predict: --end-to-end value 3 is nan; every entry must be finite."
    )


def test_short_names_are_replaced_only_where_the_sentence_opens():
    told = sentence(in_ramodel('raise TypeError("depth is 3; the depth and head_decay must agree.\\n  Change one.")'))
    assert told == "ramodel predict: --depth is 3; the depth and --head-decay must agree. Change one."


def test_advice_names_options():
    told = sentence(in_ramodel("raise ValueError(\"model is 'x'; say model='plain' or depth=3.\")"))
    assert told == "ramodel predict: --model is 'x'; say --model plain or depth=3."


@pytest.mark.parametrize(
    "body", ["return int('x')", "a, b = [1]", "return len(3)", "return list(zip('a', '', strict=True))"]
)
def test_operation_that_fails_keeps_its_traceback(body):
    with pytest.raises((ValueError, TypeError)), library_errors(Predict, "predict"):
        in_ramodel(body)()


def test_error_of_another_library_keeps_its_traceback():
    with pytest.raises(ValueError, match="depth"), library_errors(Predict, "predict"):
        raise ValueError("depth is what this test raises")


def test_files(tmp_path):
    (tmp_path / "file").write_text("")
    missing = tmp_path / "missing"
    assert sentence(missing.read_text) == f"ramodel predict: {missing}: No such file or directory."
    assert "must be a folder, not a file" in sentence(lambda: writable_folder("out", tmp_path / "file"))

    def full():
        raise OSError(errno.ENOSPC, "No space left on device", str(missing))

    assert sentence(full) == f"ramodel predict: {missing}: No space left on device."


def test_lack_of_memory_is_a_failure_not_wrong_use():
    lack = in_ramodel('raise MemoryError("block 1 needs 9 GiB for one input; batch_size cannot help.")')
    with (
        pytest.raises(CommandError, match=r"^ramodel predict: block 1 needs 9 GiB") as caught,
        library_errors(Predict, "predict"),
    ):
        lack()
    assert caught.value.code == 1


def test_broken_pipe_is_not_wrong_use():
    def broken():
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError), library_errors(Predict, "predict"):
        broken()

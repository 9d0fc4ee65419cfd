"""Argument checks: what passes is cleaned, what fails names argument, value and rule."""

import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel import checks


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_positive_returns_the_number(value):
    assert checks.positive("jacobian_decay", value) == value
    assert checks.positive("jacobian_decay", np.float64(value)) == value


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, -math.inf])
def test_positive_refuses_numbers(value):
    with pytest.raises(ValueError, match=r"^jacobian_decay is .*; it must"):
        checks.positive("jacobian_decay", value)


@pytest.mark.parametrize("value", ["1", None, True, [1.0], 1j, np.True_])
def test_real_refuses_other_types(value):
    with pytest.raises(TypeError, match=r"^scale is .*; it must be a real number\.$"):
        checks.real("scale", value)


def test_real_refuses_integers_beyond_float64():
    with pytest.raises(ValueError, match=r"^depth is 1000.*; it must be finite"):
        checks.real("depth", 10**400)


def test_nonnegative_includes_zero():
    assert checks.nonnegative("scale", 0) == 0.0
    with pytest.raises(ValueError, match="must not be negative"):
        checks.nonnegative("scale", -1e-300)


@pytest.mark.parametrize(("value", "number"), [(3, 3), (3.0, 3), (np.int64(3), 3)])
def test_integer_accepts_whole_numbers(value, number):
    result = checks.integer("depth", value)
    assert result == number
    assert type(result) is int


@pytest.mark.parametrize(
    ("value", "error", "rule"),
    [
        (0, ValueError, "at least 1"),
        (11, ValueError, "at most 10"),
        (2.5, TypeError, "whole number"),
        (math.nan, TypeError, "whole number"),
        (math.inf, TypeError, "whole number"),
        ("3", TypeError, "whole number"),
        (True, TypeError, "whole number"),
    ],
)
def test_integer_refuses(value, error, rule):
    with pytest.raises(error, match=f"^depth is .*; it must be .*{rule}"):
        checks.integer("depth", value, maximum=10)


def test_hint_is_the_way_out():
    with pytest.raises(ValueError, match=r"depth is 0; it must be at least 1\. Give the number of blocks\.$"):
        checks.integer("depth", 0, hint="Give the number of blocks.")


@pytest.mark.parametrize(
    ("value", "end"), [("nuclaer", "did you mean 'nuclear'\\?$"), ("zzz", "'nuclear'\\.$"), (3, "'nuclear'\\.$")]
)
def test_one_of_suggests_the_nearest(value, end):
    with pytest.raises(ValueError, match=end):
        checks.one_of("model", value, ["frobenius", "nuclear"])


def test_finite_array_converts():
    array = checks.finite_array("m", [[1, 2], [3, 4]], shape=(None, 2), minimum=0.0)
    assert array.dtype == np.float64
    assert array.shape == (2, 2)


@pytest.mark.parametrize(
    ("value", "options", "error", "message"),
    [
        ([1.0, math.nan], {}, ValueError, r"^m\[1\] is nan; every entry must be finite"),
        ([[math.inf], [math.inf]], {}, ValueError, r"^m\[0, 0\] is inf \(and 1 more\)"),
        (math.nan, {}, ValueError, r"^m is nan; every entry must be finite"),
        ([-1.0], {"minimum": 0.0}, ValueError, r"^m\[0\] is -1.0; every entry must be at least 0"),
        ([], {}, ValueError, r"^m is empty"),
        ([1.0], {"shape": (2,)}, ValueError, r"^m has shape \(1,\); it must have shape \(2\)"),
        ([1.0], {"shape": (None, 1)}, ValueError, r"must have shape \(any, 1\)"),
        (["a"], {}, TypeError, r"^m has entries of type"),
        ([True], {}, TypeError, r"^m has entries of type bool"),
        ([1j], {}, TypeError, r"^m has entries of type complex"),
        ([[1.0], [1.0, 2.0]], {}, ValueError, r"^m is not a rectangular array"),
    ],
)
def test_finite_array_refuses(value, options, error, message):
    with pytest.raises(error, match=message):
        checks.finite_array("m", value, **options)


def test_existing_file(tmp_path):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(FileNotFoundError, match=r"^weights is .*must be a file that exists"):
        checks.existing_file("weights", path)
    path.touch()
    assert checks.existing_file("weights", path) == path


def test_replaceable_file(tmp_path):
    path = tmp_path / "w.pt"
    assert checks.replaceable_file("out", path, reads={"weights": None}) == path
    path.touch()
    (tmp_path / "other.pt").symlink_to(path)
    assert checks.replaceable_file("out", path) == path
    with pytest.raises(FileExistsError, match=r"^out is .*; that is the file of weights, which would be lost"):
        checks.replaceable_file("out", path, reads={"weights": tmp_path / "other.pt"})
    for check in (checks.replaceable_file, checks.existing_file, checks.writable_folder):
        with pytest.raises(TypeError, match=r"^out is 3; it must be a path"):
            check("out", 3)
    with pytest.raises(FileNotFoundError, match=r"^out is .*; its folder .* does not exist\. Make it first"):
        checks.replaceable_file("out", tmp_path / "no" / "s.nc")
    assert checks.replaceable_file("out", tmp_path / "no" / "s.nc", in_folder=False) == tmp_path / "no" / "s.nc"
    with pytest.raises(ValueError, match="without null characters"):
        checks.replaceable_file("out", "a\0b")
    with pytest.raises(FileExistsError, match="that is a device or a pipe"):
        checks.replaceable_file("out", os.devnull)


def test_writable_folder_is_made(tmp_path):
    assert checks.writable_folder("out", tmp_path / "a" / "b").is_dir()


def test_writable_folder_refuses_a_file(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError, match=r"^out is .*must be a folder"):
            checks.writable_folder("out", path)


def test_writable_folder_refuses_where_nothing_can_be_made():
    with pytest.raises(PermissionError, match=r"^out is '/proc/nothing/here'; it must be a folder that can be made"):
        checks.writable_folder("out", "/proc/nothing/here")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; runs for ordinary users")
def test_writable_folder_refuses_a_locked_one(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="may write to"):
        checks.writable_folder("out", tmp_path)

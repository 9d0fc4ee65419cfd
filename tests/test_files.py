"""Files appear whole or not at all."""

import errno
import os

import pytest

from ramodel.files import whole_file


def test_it_takes_the_place_of_the_old_one_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.name.startswith(".a.txt.")
        assert temporary.suffix == ".part"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_one_alone(error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_files_are_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path, "a folder"), (tmp_path / "pipe", "a device or a pipe")):
        with (
            pytest.raises(FileExistsError, match=rf"^path is .*; that is {what}\. Give the name of a file"),
            whole_file(path),
        ):
            pytest.fail("the body ran")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_full_disk_is_said_in_one_line(tmp_path):
    said = r"^\[Errno 28\] No space left on device: '.*a\.txt'$"
    with pytest.raises(OSError, match=said), whole_file(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "Can't close file (file write failed: time = now\n, errno = 28)")
    assert list(tmp_path.iterdir()) == []

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ramodel.nets import read_idx
from tests.reference.nets import idx_bytes

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)), compressed=st.booleans())
def test_what_was_written_is_read(array, compressed, tmp_path_factory):
    file = tmp_path_factory.mktemp("idx") / ("data.gz" if compressed else "data")
    content = idx_bytes(array)
    file.write_bytes(gzip.compress(content) if compressed else content)
    found = read_idx(file)
    assert found.shape == array.shape
    assert np.array_equal(found, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx_bytes(IMAGES)[:-1], "is truncated: 23 entries, but its header announces 2 x 3 x 4 = 24"),
        (idx_bytes(IMAGES)[:9], "is truncated: 9 bytes, but its header alone has 16"),
        (idx_bytes(IMAGES) + b"x", "is too long: 25 entries"),
        (idx_bytes(IMAGES, magic=b"\0\0\x0d"), "starts with the bytes 00 00 0d 03"),
        (idx_bytes(IMAGES, magic=b"PK\x08"), "starts with the bytes 50 4b"),
        (b"", "starts with the bytes nothing"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    plain, compressed = tmp_path / "images", tmp_path / "images.gz"
    plain.write_bytes(content)
    compressed.write_bytes(gzip.compress(content))
    for file in (plain, compressed):
        with pytest.raises(ValueError, match=message):
            read_idx(file)


@pytest.mark.parametrize("spoil", [lambda data: data[:-12], lambda data: b"no gzip" + data, lambda data: data[:30]])
def test_damaged_compression_is_refused(tmp_path, spoil):
    file = tmp_path / "images.gz"
    file.write_bytes(spoil(gzip.compress(idx_bytes(IMAGES))))
    with pytest.raises(ValueError, match="is not a complete gzip file"):
        read_idx(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        read_idx(tmp_path / "nothing-here")

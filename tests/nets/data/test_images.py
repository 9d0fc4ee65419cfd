import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from ramodel.nets import load_dataset
from ramodel.nets.data.images import find_images


def picture(seed=0, size=(5, 4), mode="RGB"):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def png(image, kind="PNG"):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def write(place, files):
    """Write files, contents by name, into a folder, or into a zip file where `place` ends in .zip."""
    if place.suffix == ".zip":
        with zipfile.ZipFile(place, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        for name, content in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
    return place


@pytest.fixture(params=["folder", "archive.zip"])
def place(request, tmp_path):
    return tmp_path / request.param


def test_classes_are_folders(place):
    pictures = [picture(seed) for seed in range(4)]
    files = {"dog/2.png": pictures[3], "cat/b.PNG": pictures[1], "cat/a.png": pictures[0], "dog/10.png": pictures[2]}
    write(place, {name: png(image) for name, image in files.items()} | {"cat/notes.txt": b"", ".hidden/x.png": b""})
    parts = find_images(place)
    assert list(parts) == ["train"]
    found = parts["train"]
    assert found.class_names == ("cat", "dog")
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(found.read(), np.stack([np.asarray(image) for image in pictures]))
    assert np.array_equal(found.read([2]), np.asarray(pictures[2])[None])


def test_classes_are_numbered_by_the_alphabet(place):
    write(place, {f"{name}/1.png": png(picture()) for name in "hbfadgce"})
    assert find_images(place)["train"].class_names == tuple("abcdefgh")


def test_parts_share_their_classes(place):
    files = {"data/train/cat/1.png": 0, "data/train/dog/1.png": 1, "data/val/dog/1.png": 2}
    write(place, {name: png(picture(seed)) for name, seed in files.items()})
    parts = find_images(place)
    assert {part: found.labels.tolist() for part, found in parts.items()} == {"train": [0, 1], "test": [1]}
    data = load_dataset(place, normalise="none")
    assert data.class_names == ("cat", "dog")
    assert data.image_shape == (5, 4, 3)
    assert np.array_equal(data.test_inputs[0], np.asarray(picture(2)).ravel())


def test_grey_stays_grey_unless_mixed_with_colour(place):
    grey, colour = picture(0, mode="L"), picture(1)
    write(place, {"a/1.png": png(grey), "a/2.png": png(grey), "b/1.png": png(colour)})
    found = find_images(place)["train"]
    assert np.array_equal(found.read([0, 1])[0], np.asarray(grey))
    assert found.read().shape == (3, 5, 4, 3)
    assert np.array_equal(found.read()[0], np.asarray(grey.convert("RGB")))


def test_sizes_are_changed_on_request_alone(place):
    write(place, {"a/1.png": png(picture(size=(4, 4))), "a/2.png": png(picture(size=(6, 8)))})
    found = find_images(place)["train"]
    with pytest.raises(ValueError, match=r"'a/2\.png' in .* has 8 x 6 pixels and 'a/1\.png' has 4 x 4;.*Give size"):
        found.read()
    assert found.read(size=3).shape == (2, 3, 3, 3)
    with pytest.raises(ValueError, match="size is 0; it must be at least 1"):
        found.read(size=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png(picture(size=(64, 64)))[:-200], "1.png is a damaged image"),
        (b"", "1.png is not an image of the kinds"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "1.png is not an image of the kinds"),
        (png(Image.new("I;16", (3, 3))), "1.png has pixels of mode I;16; they must have 8 bits"),
    ],
)
def test_files_that_are_no_whole_images(place, content, message):
    write(place, {"a/1.png": content})
    with pytest.raises(ValueError, match=message):
        find_images(place)["train"].read()


def test_too_many_pixels(place, monkeypatch):
    write(place, {"a/1.png": png(picture(size=(20, 20)))})
    for limit in (300, 100):  # Pillow warns beyond its limit, and refuses beyond twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ValueError, match="announces too many pixels"):
            find_images(place)["train"].read()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"1.png": b""}, r"'1\.png' in .* lies in no folder"),
        ({"x/a/1.png": b"", "y/a/1.png": b""}, "holds images of classes below 'x' and below 'y'"),
        ({"a/1.png": b"", "x/a/1.png": b""}, r"holds images of classes below '\.' and below 'x'"),
        ({"a/notes.txt": b""}, "holds no images in folders by class"),
    ],
)
def test_other_layouts(place, files, message):
    write(place, files)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        find_images(place)


@pytest.mark.parametrize(
    "name", ["../a/1.png", "/a/1.png", "a/../../b/1.png", r"..\a\1.png", "C:/a/1.png", r"C:\1.png"]
)
def test_names_that_lead_out_of_a_zip_are_refused(tmp_path, name):
    write(tmp_path / "data.zip", {"a/0.png": b"", name: b""})
    with pytest.raises(ValueError, match=r"in .*data\.zip leads out of the archive"):
        find_images(tmp_path / "data.zip")


def test_damaged_zip_files(tmp_path):
    file = write(tmp_path / "data.zip", {"a/1.png": png(picture(size=(40, 40))), "a/2.png": png(picture(1))})
    whole = file.read_bytes()
    for damaged in (whole[:-30], whole[:100], b"", b"no zip"):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"data\.zip is not a whole zip file"):
            find_images(file)
    spoilt = bytearray(whole)
    spoilt[500] ^= 255  # inside the first image: its checksum is wrong
    file.write_bytes(bytes(spoilt))
    with pytest.raises(ValueError, match="Bad CRC-32"):
        find_images(file)["train"].read()


def test_a_file_that_grows_beyond_measure_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("ramodel.nets.data.images._LARGEST_FILE", 100)
    write(tmp_path / "data.zip", {"a/1.png": bytes(101)})
    with pytest.raises(ValueError, match=r"'a/1\.png' in .* is 101 bytes unpacked"):
        find_images(tmp_path / "data.zip")["train"].read()

"""Data sets of torchvision and Hugging Face, by stand-ins for the packages; shuffled labels; the decoded copy."""

import sys
import types
import zipfile

import numpy as np
import pytest

from ramodel.nets import load_dataset
from ramodel.nets.data import cache


class FakeVision:
    """As torchvision's SVHN: channels before pixels, `split`, `labels`."""

    def __init__(self, root, split, download):
        del root, download
        samples = 12 if split == "train" else 6
        self.data = np.random.default_rng(samples).integers(0, 256, (samples, 3, 4, 5)).astype(np.uint8)
        self.labels = np.arange(samples) % 3
        self.classes = ["a", "b", "c"]


@pytest.fixture
def vision(monkeypatch):
    package, module = types.ModuleType("torchvision"), types.ModuleType("torchvision.datasets")
    module.SVHN, module.__all__, package.datasets = FakeVision, ("SVHN",), module
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", module)


@pytest.mark.usefixtures("vision")
def test_torchvision_brings_images_with_channels_last(tmp_path):
    data = load_dataset("torchvision:SVHN", data_folder=tmp_path, normalise="none")
    assert (data.image_shape, len(data.train_labels), len(data.test_labels)) == ((4, 5, 3), 12, 6)
    raw = FakeVision("", "test", download=False).data
    assert np.array_equal(data.test_inputs.reshape(6, 4, 5, 3), raw.transpose(0, 2, 3, 1))
    assert data.class_names == ("a", "b", "c")
    with pytest.raises(ValueError, match="did you mean 'SVHN'"):
        load_dataset("torchvision:SVNH", data_folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("torchvision:X", "torchvision", "vision"), ("hf:x", "datasets", "datasets")]
)
def test_a_missing_package_is_named_with_its_extra(name, package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=rf"needs the package {package}.*ramodel\[{extra}\]"):
        load_dataset(name)


def test_shuffled_labels_are_a_permutation_and_test_labels_stay():
    plain, shuffled = (load_dataset("digits", train_size=200, test_size=50, shuffled_labels=on) for on in (False, True))
    assert np.array_equal(plain.train_inputs, shuffled.train_inputs)
    assert np.array_equal(np.sort(plain.train_labels), np.sort(shuffled.train_labels))
    assert 0.0 < (plain.train_labels == shuffled.train_labels).mean() < 0.25
    assert np.array_equal(plain.test_labels, shuffled.test_labels)


def test_channels_are_normalised_each(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 3))
    np.savez(tmp_path / "c.npz", images=images, labels=np.arange(30) % 3)
    data = load_dataset(tmp_path / "c.npz", normalise="channel")
    pixels = data.train_inputs.reshape(-1, 3)
    assert np.allclose(pixels.mean(axis=0), 0.0)
    assert np.allclose(pixels.std(axis=0), 1.0)


def test_what_took_long_is_decoded_once(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_LONG", 0.0)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for number in range(6):
            Image.new("L", (4, 4), number).save(tmp_path / "one.png")
            archive.write(tmp_path / "one.png", f"{'cat' if number % 2 else 'dog'}/{number}.png")
    first = load_dataset(tmp_path / "pets.zip")
    (copy,) = cache.cache_folder().iterdir()
    with monkeypatch.context() as patch:
        patch.setattr("ramodel.nets.data.sources._read_images", None)
        again = load_dataset(tmp_path / "pets.zip")
    assert np.array_equal(first.train_inputs, again.train_inputs)
    assert again.class_names == ("cat", "dog")
    copy.write_bytes(b"damaged")
    assert np.array_equal(load_dataset(tmp_path / "pets.zip").train_inputs, first.train_inputs)


def test_text_takes_no_classes():
    with pytest.raises(ValueError, match="classes is"):
        load_dataset("python-text", classes=[0, 1])
    with pytest.raises(ValueError, match="context is 8; only 'python-text'"):
        load_dataset("digits", context=8)

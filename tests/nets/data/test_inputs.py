import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from ramodel.nets import DATA_FOLDER_VARIABLE, Inputs, load_inputs, normalised
from tests.nets.data.test_images import png, write
from tests.reference.nets import idx_bytes

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
LABELS = np.array([0, 0, 0, 1, 1, 2])


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv(DATA_FOLDER_VARIABLE, raising=False)


def channels_first(pixels):
    return pixels.transpose(0, 3, 1, 2) / 255.0


@pytest.mark.parametrize("kind", ["npz", "safetensors", "folder", "zip"])
def test_images_of_every_source(tmp_path, kind):
    place = tmp_path / f"data.{kind}"
    arrays = {"images": PIXELS, "labels": LABELS}
    if kind == "npz":
        np.savez(place, **arrays)
    elif kind == "safetensors":
        save_arrays(arrays, place)
    else:
        names = [f"{label}/{row}.png" for row, label in enumerate(LABELS)]
        write(place, {name: png(Image.fromarray(image)) for name, image in zip(names, PIXELS, strict=True)})
    found = load_inputs(place)
    assert found.kind == "images"
    assert np.array_equal(found.values, channels_first(PIXELS))
    assert np.array_equal(found.labels, LABELS)
    some = load_inputs(place, count=4)
    assert some.labels.tolist() == [0, 1, 2, 0]
    assert np.array_equal(some.values, channels_first(PIXELS[[0, 3, 5, 1]]))


def test_npy_of_bytes_are_images_and_others_are_inputs(tmp_path):
    np.save(tmp_path / "bytes.npy", PIXELS)
    np.save(tmp_path / "grey.npy", PIXELS[..., 0])
    np.save(tmp_path / "real.npy", PIXELS.astype(np.float32))
    np.save(tmp_path / "whole.npy", PIXELS.astype(np.int32))
    assert np.array_equal(load_inputs(tmp_path / "bytes.npy").values, channels_first(PIXELS))
    assert np.array_equal(load_inputs(tmp_path / "grey.npy").values[:, 0], PIXELS[..., 0] / 255.0)
    real, whole = load_inputs(tmp_path / "real.npy", count=2), load_inputs(tmp_path / "whole.npy")
    assert (real.kind, real.values.dtype, real.values.shape, real.labels) == ("inputs", np.float64, (2, 4, 5, 3), None)
    assert np.array_equal(real.values, PIXELS[:2])
    assert (whole.values.dtype, whole.kind) == (np.int64, "inputs")


def test_images_with_channels_first_stay(tmp_path):
    images = RNG.random((2, 3, 5, 6))
    np.savez(tmp_path / "data.npz", images=images)
    assert np.array_equal(load_inputs(tmp_path / "data.npz").values, images)


def test_half_precision_tensors(tmp_path):
    save_file({"inputs": torch.full((2, 3), 1.5, dtype=torch.bfloat16)}, tmp_path / "data.safetensors")
    found = load_inputs(tmp_path / "data.safetensors").values
    assert found.dtype == np.float64
    assert (found == 1.5).all()


def test_token_ids_with_their_mask(tmp_path):
    np.savez(tmp_path / "text.npz", input_ids=np.arange(12).reshape(3, 4), attention_mask=np.ones((3, 4), dtype=bool))
    found = load_inputs(tmp_path / "text.npz", count=2)
    assert (found.kind, found.values.dtype) == ("input_ids", np.int64)
    assert found.attention_mask.tolist() == [[1, 1, 1, 1]] * 2


def test_idx_folder_gives_its_test_part(tmp_path):
    for part, shade in (("train", 10), ("t10k", 20)):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(np.full((3, 2, 2), shade)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(3)))
    found = load_inputs(tmp_path)
    assert (found.values == 20 / 255).all()
    assert found.values.shape == (3, 1, 2, 2)


def test_a_path_may_be_a_name():
    assert load_inputs(Path("digits"), count=3).labels.tolist() == [0, 1, 2]


def test_names_are_looked_up_in_the_data_folder(tmp_path):
    np.savez(tmp_path / "some.npz", inputs=np.ones((2, 2)))
    assert load_inputs("some.npz", data_folder=tmp_path).origin == str(tmp_path / "some.npz")
    with pytest.raises(FileNotFoundError, match=r"name_or_path is 'other\.npz'; nothing of this name is in"):
        load_inputs("other.npz", data_folder=tmp_path)


@given(mean=st.lists(st.floats(-2, 2), min_size=3, max_size=3), std=st.floats(0.1, 10))
def test_normalisation_is_by_channel(mean, std):
    inputs = Inputs(values=channels_first(PIXELS), kind="images")
    found = normalised(inputs, mean=mean, std=std).values
    for channel in range(3):
        assert np.array_equal(found[:, channel], (inputs.values[:, channel] - mean[channel]) / std)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": (0.5, 0.5)}, "mean has 2 numbers; give one, or one for each of 3 channels"),
        ({"std": 0.0}, "std is 0.0; every entry must be greater than zero"),
        ({"mean": np.nan}, "mean is nan; every entry must be finite"),
    ],
)
def test_normalisation_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        normalised(Inputs(values=channels_first(PIXELS), kind="images"), **options)


def test_whole_numbers_are_not_normalised():
    with pytest.raises(ValueError, match="mean and std are for pixels"):
        normalised(Inputs(values=np.ones((2, 3), dtype=np.int64), kind="input_ids"), mean=1.0)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": LABELS}, r"holds \['labels'\]; it must hold one of 'images', 'inputs', 'input_ids'"),
        ({"images": PIXELS, "inputs": PIXELS}, r"it must hold one of"),
        ({"inputs": np.ones(3)}, r"inputs of .* are float64 \(3,\); they must be real numbers \[N, ...\]"),
        ({"inputs": np.ones((0, 3))}, "inputs of .* are empty"),
        ({"inputs": np.array([[1.0, np.inf]])}, r"In .* inputs\[0, 1\] is inf; every entry must be finite"),
        ({"inputs": np.ones((2, 2), dtype=complex)}, "inputs of .* are complex128"),
        ({"images": np.ones((2, 3))}, r"images of .* have shape \(2, 3\)"),
        ({"images": PIXELS, "labels": LABELS[:3]}, r"labels of .* are int64 \(3,\)"),
        ({"input_ids": np.ones((2, 3))}, "input_ids of .* are float64; token ids are whole numbers"),
        ({"input_ids": np.ones((2, 3), int), "attention_mask": np.ones((2, 4), int)}, r"attention_mask of .*\(2, 4\)"),
        ({"inputs": np.array([[{}]], dtype=object)}, "or holds pickled objects"),
    ],
)
def test_bad_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load_inputs(tmp_path / "data.npz")


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".safetensors"])
@pytest.mark.parametrize("length", [0, 9, 90, -3])
def test_truncated_files(tmp_path, suffix, length):
    file = tmp_path / f"data{suffix}"
    if suffix == ".safetensors":
        save_arrays({"inputs": np.ones((20, 20))}, file)
    else:
        with file.open("wb") as out:
            (np.savez if suffix == ".npz" else np.save)(out, np.ones((20, 20)))
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ValueError, match=rf"data\{suffix} is not a (readable|whole)") as caught:
        load_inputs(file)
    assert "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("digits", {"count": 0}, "count is 0; it must be at least 1"),
        ("digits", {"size": 16}, "size is 16; only images of a folder by class or of a .zip are resized"),
        ("data.npz", {"size": 16}, "size is 16; only images"),
        ("data.txt", {}, "it must be 'digits', a folder of IDX files"),
        ("digist", {}, "did you mean 'digits'"),
    ],
)
def test_bad_requests(tmp_path, name, options, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", inputs=np.ones((2, 2)))
    (tmp_path / "data.txt").write_text("")
    with pytest.raises(ValueError, match=message):
        load_inputs(name, **options)


DATA = os.environ.get(DATA_FOLDER_VARIABLE)


@pytest.mark.skipif(DATA is None, reason=f"needs the data folder: set {DATA_FOLDER_VARIABLE}")
def test_real_zip_of_images():
    found = load_inputs("cifar10/cifar10-jpeg-test-2k.zip", data_folder=DATA, count=30)
    assert found.values.shape == (30, 3, 32, 32)
    assert np.bincount(found.labels).tolist() == [3] * 10
    assert found.class_names[0] == "airplane"

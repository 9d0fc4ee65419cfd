import gzip
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.nets import DATA_FOLDER_VARIABLE, load_dataset
from tests import tolerances
from tests.reference.nets import idx_bytes


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv(DATA_FOLDER_VARIABLE, raising=False)


def write_idx(folder, part, images, labels):
    folder.mkdir(exist_ok=True)
    (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))


def small_images(samples, classes=3):
    rng = np.random.default_rng(samples)
    return rng.integers(0, 256, (samples, 2, 3)), np.arange(samples) % classes


def test_digits_by_default():
    data = load_dataset()
    assert data.train_inputs.shape == (1438, 64)
    assert data.test_inputs.shape == (359, 64)
    assert data.class_names == tuple("0123456789")
    assert data.image_shape == (8, 8)
    assert (data.classes, data.inputs, data.name) == (10, 64, "digits")


@settings(max_examples=12)
@given(
    train=st.integers(60, 900),
    test=st.integers(0, 800),
    seed=st.integers(0, 1000),
    classes=st.lists(st.integers(0, 9), min_size=5, max_size=10, unique=True),
)
def test_splits_are_stratified_disjoint_and_repeatable(train, test, seed, classes):
    from sklearn.datasets import load_digits

    digits = load_digits()
    available = int(np.isin(digits.target, classes).sum())
    train, test = train * available // 1797, test * available // 1797
    options = {"classes": classes, "train_size": train, "test_size": test, "seed": seed, "normalise": "none"}
    data, again = load_dataset(**options), load_dataset(**options)
    assert (len(data.train_labels), len(data.test_labels)) == (train, test)
    assert np.array_equal(data.train_inputs, again.train_inputs)
    assert np.array_equal(data.test_inputs, again.test_inputs)
    pool = {row.tobytes(): label for row, label in zip(digits.images.reshape(-1, 64), digits.target, strict=True)}
    chosen = np.concatenate([data.train_inputs, data.test_inputs])
    labels = np.concatenate([data.train_labels, data.test_labels])
    assert len({row.tobytes() for row in chosen}) == train + test  # the 1797 digits are all different
    assert all(pool[row.tobytes()] == classes[label] for row, label in zip(chosen, labels, strict=True))
    shares = np.array([(digits.target == k).sum() for k in classes]) / available
    assert np.abs(np.bincount(data.train_labels, minlength=len(classes)) - train * shares).max() < 2.0


def test_another_seed_is_another_split():
    assert not np.array_equal(load_dataset(seed=0).train_inputs, load_dataset(seed=1).train_inputs)


def test_mean_norm():
    data, raw = load_dataset(train_size=300), load_dataset(train_size=300, normalise="none")
    np.testing.assert_allclose(data.train_inputs.mean(axis=0), 0.0, atol=tolerances.DENSE_FLOAT64)
    assert np.linalg.norm(data.train_inputs, axis=1).mean() == pytest.approx(1.0)
    mean = raw.train_inputs.mean(axis=0)
    scale = np.linalg.norm(raw.train_inputs - mean, axis=1).mean()
    np.testing.assert_allclose(data.test_inputs * scale + mean, raw.test_inputs, atol=tolerances.DENSE_FLOAT64)


def test_standard():
    data = load_dataset(train_size=300, normalise="standard").train_inputs
    spread = data.std(axis=0)
    assert set(spread.round(9)) == {0.0, 1.0}  # some pixels of the digits are always off


def test_idx_folder_with_both_parts(tmp_path, monkeypatch):
    (train, train_labels), (test, test_labels) = small_images(12), small_images(6)
    write_idx(tmp_path / "mnist", "train", train, train_labels)
    write_idx(tmp_path / "mnist", "t10k", test, test_labels)
    monkeypatch.setenv(DATA_FOLDER_VARIABLE, str(tmp_path))
    for data in (
        load_dataset("mnist", normalise="none"),
        load_dataset("mnist", data_folder=tmp_path, normalise="none"),
        load_dataset(tmp_path / "mnist", normalise="none"),
    ):
        assert np.array_equal(data.train_inputs, train.reshape(12, 6))
        assert np.array_equal(data.test_inputs, test.reshape(6, 6))
        assert np.array_equal(data.test_labels, test_labels)
        assert data.image_shape == (2, 3)


def test_idx_folder_with_the_test_part_alone_is_split(tmp_path):
    write_idx(tmp_path, "t10k", *small_images(30))
    data = load_dataset(tmp_path)
    assert (len(data.train_labels), len(data.test_labels)) == (24, 6)


def test_npz_with_names_and_colours(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.random((10, 2, 2, 3)), np.arange(10) % 2
    np.savez(tmp_path / "pets.npz", images=images, labels=labels, class_names=["cat", "dog"])
    data = load_dataset("pets.npz", data_folder=tmp_path, classes=[1], normalise="none")
    assert data.class_names == ("dog",)
    assert data.image_shape == (2, 2, 3)
    assert set(data.train_labels) == {0}


def spoilt_npz(tmp_path, **arrays):
    rng = np.random.default_rng(0)
    whole = {"images": rng.random((4, 2, 2)), "labels": np.array([0, 0, 1, 1])}
    np.savez(tmp_path / "data.npz", **{name: value for name, value in (whole | arrays).items() if value is not None})
    return tmp_path / "data.npz"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": None}, r"holds \['images'\]; it must hold 'images' and 'labels'"),
        ({"labels": np.array([0, 1, 0])}, r"labels of .* are int64 \(3,\).*\[4\], one per sample"),
        ({"labels": np.array([0.0, 1.0, 0.0, 1.0])}, "labels of .* are float64"),
        ({"labels": np.array([0, -1, 0, 1])}, "go down to -1"),
        ({"images": np.zeros((0, 2, 2)), "labels": np.zeros(0, dtype=int)}, "are empty"),
        ({"images": np.array([1.0, 2.0, 3.0, 4.0])}, "are float64"),
        ({"images": np.full((4, 2, 2), "x")}, "images of .* are <U1"),
        ({"images": np.where(np.arange(16) == 6, np.nan, 1.0).reshape(4, 2, 2)}, r"In .* images\[1, 1, 0\] is nan"),
        ({"labels": np.array([0, 1, {}, 1], dtype=object)}, "not a readable .npz file of plain arrays"),
    ],
)
def test_damaged_npz_is_refused(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(spoilt_npz(tmp_path, **arrays))


def test_files_that_are_no_npz_are_refused(tmp_path):
    file = spoilt_npz(tmp_path)
    whole = file.read_bytes()
    np.save(tmp_path / "array.npy", np.zeros(3))
    for content in (b"not a zip archive", whole[:-40], (tmp_path / "array.npy").read_bytes(), b""):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="not a readable"):
            load_dataset(file)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name_or_path": "digit"}, "did you mean 'digits'"),
        ({"name_or_path": "mnits"}, "did you mean 'mnist'"),
        ({"name_or_path": "moon"}, "must be one of 'digits', 'mnist', 'fashion-mnist', 'cifar10-jpeg', 'PATH.npz'"),
        ({"classes": [0, 17]}, r"classes has \[17\], of which there are no samples"),
        ({"classes": []}, r"classes is \[\]"),
        ({"classes": [1, 1]}, r"classes is \[1, 1\]"),
        ({"train_size": 0}, "train_size is 0"),
        ({"train_size": 1700, "test_size": 100}, "train_size is 1700; it must be at most 1697"),
        ({"test_size": 1797}, "test_size is 1797"),
        ({"train_size": 5}, r"train_size is 5; it leaves classes \[.*\] without a sample"),
        ({"normalise": "meannorm"}, "did you mean 'mean-norm'"),
        ({"seed": -3}, "seed is -3"),
    ],
)
def test_bad_requests_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(**options)


def test_missing_places_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="set the environment variable RAMODEL_DATA"):
        load_dataset("mnist")
    with pytest.raises(NotADirectoryError, match=r"data_folder is .*nowhere"):
        load_dataset("mnist", data_folder=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="nothing of this name"):
        load_dataset("mnist", data_folder=tmp_path)
    with pytest.raises(FileNotFoundError, match="and no IDX files"):
        load_dataset(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"other\.npz"):
        load_dataset(tmp_path / "other.npz")
    monkeypatch.setenv(DATA_FOLDER_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(NotADirectoryError, match="environment variable RAMODEL_DATA is"):
        load_dataset("mnist")


def test_half_a_pair_of_idx_files_is_refused(tmp_path):
    write_idx(tmp_path, "train", *small_images(6))
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="only one of the two 'train' files"):
        load_dataset(tmp_path)


DATA = os.environ.get(DATA_FOLDER_VARIABLE)


@pytest.mark.skipif(DATA is None, reason=f"needs the data folder: set {DATA_FOLDER_VARIABLE}")
@pytest.mark.parametrize(("name", "sizes"), [("mnist", (60_000, 10_000)), ("fashion-mnist", (8_000, 2_000))])
def test_real_idx_files(name, sizes):
    data = load_dataset(name, data_folder=DATA, normalise="none")
    assert (len(data.train_labels), len(data.test_labels)) == sizes
    assert data.inputs == 784
    assert (data.train_inputs.min(), data.train_inputs.max()) == (0.0, 255.0)


@pytest.mark.skipif(DATA is None, reason=f"needs the data folder: set {DATA_FOLDER_VARIABLE}")
def test_real_npz_file():
    data = load_dataset("cifar10/cifar10-lossless-2k.npz", data_folder=DATA, classes=[3, 5])
    assert data.class_names == ("cat", "dog")
    assert data.image_shape == (32, 32, 3)


def test_a_training_set_larger_than_the_data_is_blamed_on_its_size():
    with pytest.raises(ValueError, match=r"^train_size is 100000; it must be at most 1797\. There are 1797 samples\."):
        load_dataset("digits", train_size=100_000)


def test_no_one_is_told_to_allow_pickles(tmp_path):
    (tmp_path / "data.npz").write_text("x")
    with pytest.raises(ValueError, match=r"data\.npz is not a readable .* Write it with numpy\.savez") as caught:
        load_dataset(tmp_path / "data.npz")
    assert "allow_pickle" not in str(caught.value)

"""`ramodel measure`: every source of a network on tiny things, every source of inputs, and what goes wrong."""

import os
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from ramodel.nets import CIFAR_RESNETS, DATA_FOLDER_VARIABLE, CifarResNet, load_checkpoint, load_dataset
from ramodel.spectra import Spectra, measure
from tests.nets.data.test_images import png, write
from tests.tolerances import DENSE_FLOAT64, FLOAT32_STATE

SMALL = ["--width", "8", "--depth", "3", "--train-size", "80", "--test-size", "20", "--labels", "0", "1", "2"]

MODEL = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, hidden):
        return hidden + torch.tanh(self.linear(hidden))


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Sequential(Block(4), Block(4)), nn.Linear(4, 2))


def fails():
    return undefined


def wrong():
    return 3
"""


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv(DATA_FOLDER_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a network that was trained once for all tests."""
    from ramodel.cli import main

    folder = tmp_path_factory.mktemp("measure") / "net"
    assert main(["train", *SMALL, "--out", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return a working folder with a model file, its weights and inputs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text(MODEL)
    namespace = {"__name__": "my"}
    exec(MODEL, namespace)  # noqa: S102
    torch.manual_seed(3)
    save_file(namespace["build"]().state_dict(), "w.safetensors")
    rng = np.random.default_rng(0)
    np.savez("x.npz", images=rng.integers(0, 256, (6, 2, 2, 3), dtype=np.uint8), labels=[0, 0, 0, 1, 1, 1])
    return tmp_path


OWN = ["measure", "--model-file", "my.py:build", "--weights", "w.safetensors"]


def test_checkpoint_gives_what_numpy_finds(ramodel, folder, tmp_path):
    target = tmp_path / "made" / "spectra.nc"
    outcome = ramodel("measure", "--checkpoint", str(folder), "--out", str(target), "--inputs", "9", "--rank", "4")
    assert (outcome.code, outcome.err) == (0, "")
    assert str(target) in outcome.out
    assert [file.name for file in target.parent.iterdir()] == ["spectra.nc"]
    found = Spectra.load(target)
    jacobians = load_checkpoint(folder).network.jacobians().detach().numpy()
    expected = np.linalg.svd(jacobians, compute_uv=False)[:, None, :4]
    values = found.singular_values.values
    assert values.shape == (3, 9, 4)
    assert np.abs(values - expected).max() <= DENSE_FLOAT64 * expected.max()
    data = load_dataset("digits", classes=[0, 1, 2], train_size=80, test_size=20)
    start = load_checkpoint(folder).network.embedding.weight.detach().numpy() @ data.test_inputs.T
    nearest = np.abs(found.states.values[0][:, None] - start.T[None]).max(axis=2).min(axis=1)
    assert nearest.max() < FLOAT32_STATE


def test_json_of_a_stationary_network_shows_s1(ramodel, folder, tmp_path):
    words = ["measure", "--checkpoint", str(folder), "--out", str(tmp_path / "s.nc"), "--untrained", "--json"]
    found = ramodel(*words).json()
    assert list(found) == ["network", "inputs", "written", "notes", "converged", "blocks", "readings"]
    assert found["written"] == [str(tmp_path / "s.nc"), str(tmp_path / "s-untrained.nc")]
    assert [row["block"] for row in found["blocks"]] == ["blocks.0", "blocks.1", "blocks.2"]
    assert found["converged"]
    assert {row["k"] for row in found["blocks"]} == {5}  # two more than there are classes
    readings = {(row["metric"], row["over"]): row for row in found["readings"]}
    assert {"RA1", "RA2", "RA3", "RA4", "NC1", "NC3"} <= {row["property"] for row in found["readings"]}
    asymmetry = readings["asymmetry_error", "blocks and inputs"]
    assert asymmetry["median"] < 1e-4 < 0.1 < asymmetry["untrained"]  # stationary to 1e-6: S1 holds
    assert readings["right_affinity_score", "all pairs of blocks"]["median"] > 1.0 - 1e-6
    for row in found["readings"]:
        if row["median"] is not None and row["over"] != "95 % interval":
            assert row["lower_quartile"] <= row["median"] <= row["upper_quartile"]


def test_tables_name_blocks_and_properties(ramodel, folder, tmp_path):
    outcome = ramodel("measure", "--checkpoint", str(folder), "--out", str(tmp_path / "s.nc"), "--rank", "2")
    for words in ("blocks.2   inside", "converged", "RA1", "RA4", "if it holds", "3 blocks (LinearBlock)"):
        assert words in outcome.out
    assert "measure with --rank 5 to see" in outcome.out


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_model_file(ramodel, here, suffix):
    if suffix == ".pt":
        torch.save(load_file("w.safetensors"), "w.pt")
    words = ["--weights", f"w{suffix}", "--inputs-file", "x.npz", "--inputs", "4", "--untrained", "--json"]
    found = ramodel("measure", "--model-file", "my.py:build", *words, "--out", "s.nc").json()
    assert found["inputs"]["count"] == 4
    assert found["network"] == "Sequential of my.py:build"
    spectra, control = Spectra.load("s.nc"), Spectra.load("s-untrained.nc")
    assert spectra.blocks == control.blocks == ("2.0", "2.1")
    assert spectra.dataset["label"].values.tolist() == [0, 1, 0, 1]
    assert not np.allclose(spectra.singular_values, control.singular_values)


def test_model_file_leaves_the_global_generator_alone(ramodel, here):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    assert ramodel(*OWN, "--inputs-file", "x.npz", "--out", "s.nc", "--untrained").code == 0
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("place", ["pictures", "pictures.zip"])
def test_images_by_class_with_their_normalisation(ramodel, here, place):
    pixels = np.random.default_rng(1).integers(0, 256, (4, 2, 2, 3), dtype=np.uint8)
    names = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"]
    write(here / place, {name: png(Image.fromarray(image)) for name, image in zip(names, pixels, strict=True)})
    words = ["--mean", "0.5", "0.4", "0.3", "--std", "0.2", "--vectors", "full", "--json"]
    found = ramodel(*OWN, "--data", place, *words, "--out", "s.nc").json()
    assert found["inputs"] == {"count": 4, "from": place}
    images = ((pixels / 255.0 - [0.5, 0.4, 0.3]) / 0.2).transpose(0, 3, 1, 2).reshape(4, 12)
    weights = load_file("w.safetensors")
    expected = images @ weights["1.weight"].double().numpy().T + weights["1.bias"].double().numpy()
    np.testing.assert_allclose(Spectra.load("s.nc").states.values[0], expected, atol=DENSE_FLOAT64)


@pytest.fixture(scope="module")
def huggingface(tmp_path_factory):
    """Return a folder of small networks as transformers saves them."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("hf")
    config = transformers.GPT2Config(
        n_layer=2, n_embd=8, n_head=2, vocab_size=20, n_positions=16, bos_token_id=0, eos_token_id=0
    )
    level = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    transformers.GPT2LMHeadModel(config).save_pretrained(folder / "text")
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    config = transformers.ViTConfig(**sizes, image_size=4, patch_size=2, num_labels=2)
    transformers.ViTForImageClassification(config).save_pretrained(folder / "images")
    settings = '{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}'
    (folder / "images" / "preprocessor_config.json").write_text(settings)
    transformers.utils.logging.set_verbosity(level)
    return folder


def test_hugging_face_text_at_random_tokens(ramodel, huggingface, tmp_path):
    words = ["--inputs", "2", "--sequence-length", "4", "--tokens", "3:1", "2:2", "--json", "--untrained"]
    outcome = ramodel("measure", "--model", str(huggingface / "text"), *words, "--out", str(tmp_path / "s.nc"))
    assert outcome.err == ""
    found = outcome.json()
    assert found["inputs"] == {"count": 2, "from": "random token ids of seed 0"}
    spectra = Spectra.load(tmp_path / "s.nc")
    assert spectra.blocks == ("transformer.h.0", "transformer.h.1")
    assert spectra.dataset["pair"].values.tolist() == ["3<-1", "2<-2"]


def test_hugging_face_text_of_a_file(ramodel, huggingface, tmp_path):
    np.save(tmp_path / "ids.npy", np.arange(8).reshape(2, 4))
    words = ["measure", "--model", str(huggingface / "text"), "--out", str(tmp_path / "s.nc"), "--json", "--rank", "2"]
    found = ramodel(*words, "--inputs-file", str(tmp_path / "ids.npy")).json()
    assert found["inputs"] == {"count": 2, "from": str(tmp_path / "ids.npy")}
    np.save(tmp_path / "ids.npy", np.full((2, 4), 20))
    outcome = ramodel(*words, "--inputs-file", str(tmp_path / "ids.npy"))
    assert outcome.code == 2
    assert "token ids of this network go from 0 to 19" in outcome.err


def test_hugging_face_images(ramodel, huggingface, tmp_path):
    images = np.full((2, 4, 4, 3), 255, dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=images)
    words = ["measure", "--model", str(huggingface / "images"), "--inputs-file", str(tmp_path / "x.npz"), "--rank", "2"]
    found = ramodel(*words, "--json", "--out", str(tmp_path / "s.nc")).json()
    assert len(found["blocks"]) == 2
    np.savez(tmp_path / "x.npz", images=images[:, :3, :3])
    outcome = ramodel(*words, "--out", str(tmp_path / "s.nc"))
    assert outcome.code == 2
    assert outcome.err.endswith("It wants images of 4 x 4.\n")
    assert outcome.err.count("\n") == 1


def test_built_in_network_with_a_data_folder_made_up(ramodel, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "cifar10").mkdir()
    save_file(CifarResNet(8, seed=1).state_dict(), tmp_path / CIFAR_RESNETS["cifar10-resnet20"])
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "cifar10" / "cifar10-lossless-2k.npz", images=pixels, labels=[0, 1, 2, 3])
    words = [
        "measure",
        "--model",
        "cifar10-resnet20",
        "--data",
        str(tmp_path),
        "--inputs",
        "2",
        "--rank",
        "2",
        "--json",
    ]
    found = ramodel(*words, "--untrained", "--out", str(tmp_path / "s.nc")).json()
    assert [(row["block"], row["skip"]) for row in found["blocks"]] == [("layer1.0", "masked")]
    assert Spectra.load(tmp_path / "s.nc").state_shape == (16, 8, 8)


def test_what_did_not_converge_is_told_by_the_exit_code(ramodel, here, monkeypatch):
    def measured(*arguments, output, **options):
        spectra = measure(*arguments, output=output, **options)
        spectra.dataset["converged"][0, 0, 0] = output.name != "s.nc"
        warnings.warn("1 of 48 triplets have not converged: see `converged`.", RuntimeWarning, stacklevel=2)
        return spectra

    monkeypatch.setattr("ramodel.spectra.measure", measured)
    outcome = ramodel(*OWN, "--inputs-file", "x.npz", "--out", "s.nc", "--untrained")
    assert (outcome.code, outcome.err) == (1, "")
    assert "23 of 24" in outcome.out
    assert not ramodel(*OWN, "--inputs-file", "x.npz", "--out", "s.nc", "--json").json()["converged"]


ERRORS = [
    (["measure"], "give one network: --checkpoint, --model or --model-file; for example `ramodel measure"),
    ([*OWN, "--model", "x"], "give one network"),
    (["measure", "--checkpoint", "missing"], "--checkpoint is 'missing/summary.json'; it must be a file that exists"),
    (["measure", "--checkpoint", ".", "--weights", "w.safetensors"], "--weights is 'w.safetensors'; it is for"),
    (["measure", "--model", "cifar10-resnet21"], "--model is 'cifar10-resnet21'; it must be one of 'cifar10-resnet20'"),
    (["measure", "--model", "cifar10-resnet20"], "--model is 'cifar10-resnet20'; it is read from the data folder, but"),
    (["measure", "--model", "."], "--model is 'config.json'; it must be a file that exists. A Hugging Face folder has"),
    (["measure", "--model-file", "my.py"], "--model-file is 'my.py'; it must be FILE.py:FUNCTION, such as my.py:build"),
    (["measure", "--model-file", "no.py:build"], "--model-file is 'no.py'; it must be a file that exists"),
    (["measure", "--model-file", "my.py:buidl"], "--model-file's function is 'buidl'; it must be one of"),
    (
        ["measure", "--model-file", "my.py:fails"],
        "--model-file is 'my.py:fails'; running it raised NameError: name 'und",
    ),
    (["measure", "--model-file", "my.py:wrong"], "--model-file is 'my.py:wrong'; wrong() returned int; it must return"),
    (["measure", "--model-file", "broken.py:build"], "--model-file is 'broken.py'; running it raised SyntaxError"),
    (["measure", "--model-file", "my.py:build"], "--data is missing; Sequential of my.py:build does not say what"),
    ([*OWN[:-1], "other.safetensors"], "--weights is 'other.safetensors'; it must be a file that exists"),
    ([*OWN[:-1], "x.npz"], "--weights is 'x.npz'; its name must end in .safetensors, .pt or .pth"),
    ([*OWN, "--inputs-file", "x.npz", "--data", "."], "--inputs-file is 'x.npz'; give it or data, not both"),
    ([*OWN, "--inputs-file", "y.npz"], "--inputs-file is 'y.npz'; it must be a file that exists"),
    (["measure", "--model", "cifar10-resnet20", "--data", "x.npz"], "--model is 'cifar10-resnet20'; it is read from"),
    (["measure", "--model", "cifar10-resnet20", "--data", "."], "--model is 'cifar10-resnet20'; the data folder '.'"),
    ([*OWN, "--data", "y.zip"], "--data is 'y.zip'; nothing of this name is in"),
    ([*OWN, "--inputs-file", "x.npz", "--mean", "1", "2"], "--mean has 2 numbers; give one, or one for each of 3"),
    ([*OWN, "--inputs-file", "x.npz", "--size", "8"], "--size is 8; only images of a folder by class or of a .zip"),
    ([*OWN, "--inputs-file", "x.npz", "--sequence-length", "8"], "--sequence-length is 8; it is for random token ids"),
    ([*OWN, "--inputs-file", "x.npz", "--inputs", "0"], "--inputs is 0; it must be at least 1"),
    ([*OWN, "--inputs-file", "x.npz", "--rank", "0"], "--rank is 0; it must be at least 1"),
    ([*OWN, "--inputs-file", "x.npz", "--tokens", "5-3"], "--tokens is '5-3'; it must be 'sequence', 'diagonal' or"),
    ([*OWN, "--inputs-file", "x.npz", "--device", "abacus"], "--device is 'abacus'; torch cannot use it here"),
    ([*OWN, "--inputs-file", "x.npz", "--blocks", "layer9"], "--blocks "),
    ([*OWN, "--inputs-file", "big.npz"], "Sequential of my.py:build refuses inputs of "),
    (
        ["measure", "--model-file", "my.py:build", "--inputs-file", "x.npz", "--untrained"],
        "--untrained is asked for, but nothing says how to make Sequential of my.py:build",
    ),
]


@pytest.mark.parametrize(("words", "start"), ERRORS)
def test_errors_are_one_sentence_and_leave_nothing(ramodel, here, words, start):
    (here / "broken.py").write_text("def build(:\n")
    np.savez("big.npz", images=np.zeros((2, 9, 9, 3), dtype=np.uint8))
    outcome = ramodel(*words, "--out", "out/s.nc")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ramodel measure: {start}")
    assert outcome.err.count("\n") == 1
    assert not (here / "out").exists() or not list((here / "out").iterdir())


@pytest.mark.parametrize("content", [b"", b"{}", b'{"data": {"dataset": 3}}'])
def test_a_foreign_summary_is_refused(ramodel, folder, tmp_path, content):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "summary.json").write_bytes(content)
    outcome = ramodel("measure", "--checkpoint", str(tmp_path), "--out", str(tmp_path / "s.nc"))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(
        f"ramodel measure: --checkpoint is '{tmp_path / 'summary.json'}'; it is not a summary"
    )


def test_damaged_weights_of_a_checkpoint(ramodel, folder, tmp_path):
    for path in folder.iterdir():
        content = path.read_bytes()
        (tmp_path / path.name).write_bytes(content[:100] if path.suffix == ".safetensors" else content)
    outcome = ramodel("measure", "--checkpoint", str(tmp_path), "--out", str(tmp_path / "s.nc"))
    assert (outcome.code, outcome.out) == (2, "")
    assert "does not hold the tensors of its network" in outcome.err
    assert outcome.err.count("\n") == 1


def test_out_that_is_a_folder(ramodel, here):
    outcome = ramodel(*OWN, "--inputs-file", "x.npz", "--out", ".")
    assert outcome.code == 2
    assert outcome.err.startswith("ramodel measure: --out is '.'; that is a folder. Give the name of a file.")


@pytest.mark.parametrize(
    ("file", "option"), [("my.py", "model_file"), ("w.safetensors", "weights"), ("x.npz", "inputs_file")]
)
def test_what_is_read_is_not_written_over(ramodel, here, file, option):
    before = (here / file).read_bytes()
    outcome = ramodel(*OWN, "--inputs-file", "x.npz", "--out", f"./{file}")
    assert outcome.code == 2
    name = "--" + option.replace("_", "-") if "_" in option else option
    assert outcome.err == (
        f"ramodel measure: --out is '{file}'; that is the file of {name}, which would be lost. Give another name.\n"
    )
    assert (here / file).read_bytes() == before


def test_a_report_that_cannot_be_written_is_told_before_measuring(ramodel, here):
    outcome = ramodel(*OWN, "--inputs-file", "x.npz", "--out", "s.nc", "--report", "my.py")
    assert outcome.code == 2
    assert outcome.err.startswith("ramodel measure: --report is 'my.py'; it must be a folder, not a file")
    assert not (here / "s.nc").exists()


def test_images_of_a_single_class(ramodel, here):
    pixels = np.random.default_rng(1).integers(0, 256, (2, 2, 2, 3), dtype=np.uint8)
    write(here / "pictures", {f"cat/{i}.png": png(Image.fromarray(image)) for i, image in enumerate(pixels)})
    outcome = ramodel(*OWN, "--data", "pictures", "--out", "s.nc")
    assert (outcome.code, outcome.err) == (0, "")
    for words in ("Without classes or labels of at least two", "Without labels of at least two classes"):
        assert words in outcome.out


DATA = os.environ.get(DATA_FOLDER_VARIABLE)


@pytest.mark.skipif(DATA is None, reason=f"needs the data folder: set {DATA_FOLDER_VARIABLE}")
def test_built_in_network_of_the_data_folder(ramodel, tmp_path):
    words = ["--blocks", "layer3.1", "layer3.2", "--inputs", "2", "--rank", "2", "--dtype", "float32", "--json"]
    found = ramodel("measure", "--model", "cifar10-resnet20", "--data", DATA, *words, "--out", str(tmp_path / "s.nc"))
    rows = found.json()["blocks"]
    assert [(row["block"], row["skip"], row["converged"]) for row in rows] == [
        ("layer3.1", "masked", 4),
        ("layer3.2", "masked", 4),
    ]

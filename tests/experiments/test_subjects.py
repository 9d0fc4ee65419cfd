"""What the command line does not show of `ramodel.experiments.subjects`."""

import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ramodel.experiments.subjects import Subject, load_subject, subject_inputs
from ramodel.nets import Inputs
from tests import tolerances

CONVOLUTION = """
from torch import nn


def build():
    return nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(2))
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Return the folder of a tiny GPT-2."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("hf")
    sizes = {"n_layer": 1, "n_embd": 4, "n_head": 1, "vocab_size": 10, "n_positions": 6}
    network = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))
    save_file(
        {name: tensor.clone() for name, tensor in network.state_dict().items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    network.config.architectures = ["GPT2LMHeadModel"]
    network.config.save_pretrained(folder)
    return folder


@pytest.fixture
def copied(text, tmp_path):
    """Return a copy of that folder that may be spoilt."""
    for file in text.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_hugging_face_folder_says_what_it_takes(text):
    subject = load_subject(model=text)
    assert (subject.keyword, subject.vocabulary, subject.longest, subject.classes) == ("input_ids", 10, 6, None)
    assert not subject.network.training
    inputs = subject_inputs(subject, count=3, sequence_length=5, seed=1)
    assert inputs.values.shape == (3, 5)
    assert subject_inputs(subject).values.shape == (1, 6)
    assert np.array_equal(inputs.values, subject_inputs(subject, count=3, sequence_length=5, seed=1).values)
    assert list(subject.arguments(inputs)) == ["input_ids"]
    first, again, other = (subject.untrained(inputs, seed=seed) for seed in (0, 0, 1))
    weights = [network.transformer.h[0].mlp.c_fc.weight for network in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence_length": 7}, "sequence_length is 7; it must be at most 6"),
        ({"count": 0}, "count is 0"),
        ({"mean": 0.5}, "mean is 0.5; it is for images"),
        ({"size": 3}, "size is 3; it is for images"),
    ],
)
def test_random_tokens_refuse(text, options, message):
    with pytest.raises(ValueError, match=message):
        subject_inputs(load_subject(model=text), **options)


def test_attention_masks_reach_the_network(text, tmp_path):
    np.savez(tmp_path / "x.npz", input_ids=np.ones((2, 4), int), attention_mask=np.array([[1, 1, 1, 0]] * 2))
    subject = load_subject(model=text)
    arguments = subject.arguments(subject_inputs(subject, inputs_file=tmp_path / "x.npz"))
    assert arguments["attention_mask"].tolist() == [[1, 1, 1, 0]] * 2


def test_real_numbers_are_no_tokens(text, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 4)))
    with pytest.raises(ValueError, match="are float64; a network that reads text takes whole numbers"):
        subject_inputs(load_subject(model=text), inputs_file=tmp_path / "x.npy")


def test_transformers_may_be_missing(text, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs transformers: pip install 'ramodel\[hf\]'"):
        load_subject(model=text)


def drop_weight(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["transformer.ln_f.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def truncate(folder):
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:200])


def pickle_weights(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def run_code(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('the file was executed')\n")


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), FileNotFoundError, "A Hugging Face folder has config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), ValueError, "transformers cannot load it"),
        (pickle_weights, FileNotFoundError, "holds no model.safetensors, and files of pickled weights are not read"),
        (truncate, ValueError, "transformers cannot load it"),
        (drop_weight, ValueError, r"its weights lack 'transformer\.ln_f\.weight' of a GPT2LMHeadModel"),
        (run_code, ValueError, "transformers cannot load it"),
        (lambda folder: (folder / "preprocessor_config.json").write_text("{"), ValueError, "is not JSON"),
    ],
)
def test_spoilt_hugging_face_folders(copied, spoil, error, message):
    spoil(copied)
    with pytest.raises(error, match=message):
        load_subject(model=copied)


def test_modules_beside_a_model_file_can_be_imported(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (tmp_path / "parts_of_it.py").write_text("from torch import nn\nlayer = nn.Linear(2, 2)\n")
    (tmp_path / "net.py").write_text("def build():\n    import parts_of_it\n    return parts_of_it.layer\n")
    assert isinstance(load_subject(model_file=f"{tmp_path}/net.py:build").network, nn.Linear)


def test_a_model_file_that_exits_is_an_error(tmp_path):
    (tmp_path / "net.py").write_text("import sys\n\nsys.exit(3)\n")
    with pytest.raises(ValueError, match=r"running it raised SystemExit: 3 \(net\.py, line 3\)"):
        load_subject(model_file=f"{tmp_path}/net.py:build")


def test_exactly_one_network():
    with pytest.raises(ValueError, match="Exactly one of checkpoint, model and model_file must be given; none given"):
        load_subject()
    with pytest.raises(ValueError, match="checkpoint and model given"):
        load_subject(checkpoint="a", model="b")


@pytest.fixture
def convolution(tmp_path):
    """Return a network with BatchNorm, and inputs."""
    file = tmp_path / "conv.py"
    file.write_text(CONVOLUTION)
    save_file(load_subject(model_file=f"{file}:build").network.state_dict(), tmp_path / "w.safetensors")
    values = np.random.default_rng(0).random((6, 3, 4, 4))
    subject = load_subject(model_file=f"{file}:build", weights=tmp_path / "w.safetensors")
    return subject, Inputs(values=values, kind="images", origin="here")


def test_untrained_batch_norm_takes_the_statistics_of_the_inputs(convolution):
    subject, inputs = convolution
    network = subject.untrained(inputs, seed=4)
    assert not any(module.training for module in network.modules())
    with torch.no_grad():
        states = network(torch.tensor(inputs.values, dtype=torch.float32)).transpose(0, 1).flatten(1)
    assert states.mean(dim=1).abs().max() < tolerances.FLOAT32_STATISTICS
    assert (states.var(dim=1) - 1.0).abs().max() < tolerances.FLOAT32_STATISTICS
    assert network[1].momentum == nn.BatchNorm2d(2).momentum


def test_statistics_of_one_number_are_refused():
    subject = Subject(name="it", network=nn.BatchNorm1d(2).eval(), fresh=lambda _: nn.BatchNorm1d(2))
    with pytest.raises(ValueError, match="inputs is 1; an untrained network with BatchNorm needs more"):
        subject.untrained(Inputs(values=np.ones((1, 2)), kind="inputs"))


def test_a_network_whose_making_is_unknown_has_no_control():
    subject = Subject(name="it", network=nn.Linear(2, 2))
    with pytest.raises(ValueError, match="nothing says how to make it without its training"):
        subject.untrained(Inputs(values=np.ones((1, 2)), kind="inputs"))


MASKED = """
from torch import nn


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 2)

    def forward(self, words{argument}):
        return self.embedding(words)
"""


def test_attention_masks_reach_one_s_own_network_or_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", input_ids=np.ones((2, 4), int), attention_mask=np.array([[1, 1, 1, 0]] * 2))
    for argument in (", attention_mask=None", ""):
        file = tmp_path / f"my{len(argument)}.py"
        file.write_text(MASKED.format(argument=argument))
        subject = load_subject(model_file=f"{file}:Reader")
        inputs = subject_inputs(subject, inputs_file=tmp_path / "x.npz")
        if argument:
            assert sorted(subject.arguments(inputs)) == ["attention_mask", "words"]
        else:
            with pytest.raises(ValueError, match=r"takes no attention_mask, but .*x\.npz holds one"):
                subject.arguments(inputs)


def test_files_of_inputs_have_a_known_ending(tmp_path):
    (tmp_path / "x.txt").touch()
    with pytest.raises(ValueError, match=r"^inputs_file is .*x\.txt'; its name must end in \.npy, \.npz"):
        subject_inputs(Subject(name="n", network=torch.nn.Identity()), inputs_file=tmp_path / "x.txt")

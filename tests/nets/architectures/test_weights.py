import pickle

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from ramodel.nets import load_weights, read_weights


class Evil:
    """What a hostile pickle does when it is opened by pickle alone."""

    def __reduce__(self):
        return (pytest.fail, ("the file was executed",))


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def weights():
    torch.manual_seed(0)
    return network().state_dict()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tensors: tensors,
        lambda tensors: {"state_dict": tensors, "epoch": 3},
        lambda tensors: {"model": tensors, "optimiser": {"step": torch.ones(1)}},
        lambda tensors: {f"module.{name}": tensor for name, tensor in tensors.items()},
        lambda tensors: {"state_dict": {f"_orig_mod.module.{name}"[10:]: tensor for name, tensor in tensors.items()}},
    ],
)
def test_torch_files_in_their_usual_wrappings(tmp_path, wrap):
    tensors = weights()
    torch.save(wrap(dict(tensors)), tmp_path / "net.pt")
    net = network()
    load_weights(net, tmp_path / "net.pt")
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in net.state_dict().items())


def test_a_file_without_counts_of_batches_is_whole(tmp_path):
    tensors = weights()
    del tensors["1.num_batches_tracked"]
    save_file(tensors, tmp_path / "net.safetensors")
    net = network()
    load_weights(net, tmp_path / "net.safetensors")
    assert torch.equal(net[0].weight, tensors["0.weight"])


def test_weights_that_do_not_fit_leave_the_network_alone(tmp_path):
    tensors = {"0.weight": torch.ones(4, 3), "0.bias": torch.ones(5)}
    save_file(tensors, tmp_path / "net.safetensors")
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(ValueError, match=r"'0\.bias' has shape \(5,\) in place of \(4,\); it lacks '1\.weight'"):
        load_weights(net, tmp_path / "net.safetensors")
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_pickled_objects_are_not_opened(tmp_path):
    (tmp_path / "net.pth").write_bytes(pickle.dumps({"weight": Evil()}))
    with pytest.raises(ValueError, match=r"net\.pth holds more than tensors, or is damaged"):
        read_weights(tmp_path / "net.pth")
    torch.save({"weight": Evil()}, tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"net\.pt holds more than tensors.*torch\.save\(network\.state_dict\(\)"):
        read_weights(tmp_path / "net.pt")


def test_whole_networks_are_not_opened(tmp_path):
    torch.save(network(), tmp_path / "net.pt")
    with pytest.raises(ValueError, match="holds more than tensors"):
        read_weights(tmp_path / "net.pt")


@pytest.mark.parametrize("content", [[1, 2], {"weight": 3.0}, {}, torch.ones(2)])
def test_other_things_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"is not a table of named tensors|holds no tensors"):
        read_weights(tmp_path / "net.pt")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_truncated_files_are_refused(tmp_path, suffix, length):
    file = tmp_path / f"net{suffix}"
    save_file(weights(), file) if suffix == ".safetensors" else torch.save(weights(), file)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"net\.(safetensors is not a whole|pt is not a whole|pt holds more)"):
        read_weights(file)


def test_names_and_places(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"weights is '.*missing\.pt'; it must be a file that exists"):
        read_weights(tmp_path / "missing.pt")
    (tmp_path / "net.pkl").write_bytes(b"")
    with pytest.raises(ValueError, match=r"its name must end in \.safetensors, \.pt or \.pth"):
        read_weights(tmp_path / "net.pkl")
    save_file({"weight": torch.tensor([1.0, torch.inf])}, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"'weight' in .*net\.safetensors holds a number that is not finite"):
        read_weights(tmp_path / "net.safetensors")


def test_one_name_of_shared_weights_is_enough(tmp_path):
    network = nn.ModuleDict({"embedding": nn.Embedding(3, 2), "head": nn.Linear(2, 3, bias=False)})
    network["head"].weight = network["embedding"].weight
    save_model(network, tmp_path / "net.safetensors")
    expected = network["head"].weight.detach().clone()
    with torch.no_grad():
        network["head"].weight.zero_()
    load_weights(network, tmp_path / "net.safetensors")
    assert torch.equal(network["embedding"].weight, expected)
    assert network["head"].weight is network["embedding"].weight
    apart = nn.ModuleDict({"embedding": nn.Embedding(3, 2), "head": nn.Linear(2, 3, bias=False)})
    with pytest.raises(ValueError, match=r"it lacks '(embedding|head)\.weight'"):
        load_weights(apart, tmp_path / "net.safetensors")

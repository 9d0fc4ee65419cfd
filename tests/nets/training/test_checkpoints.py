import msgspec
import pytest
import torch

from ramodel.nets import (
    Checkpoint,
    ResidualNetwork,
    TrainingConfig,
    load_checkpoint,
    load_dataset,
    save_checkpoint,
    train,
)

SGD = {"optimiser": "sgd", "batch_size": 40, "learning_rate": 0.1, "schedule": "cosine"}
RUNS = {
    "sgd": SGD | {"iterations": 12, "checkpoint_every": 3},
    "adam": SGD | {"optimiser": "adam", "learning_rate": 1e-3, "iterations": 12, "checkpoint_every": 3},
    "adamw": SGD | {"optimiser": "adamw", "learning_rate": 1e-3, "iterations": 12, "checkpoint_every": 3},
    "lbfgs": {"iterations": 60, "checkpoint_every": 15, "tolerance": 1e-12},
    "warm-up": {"iterations": 60, "checkpoint_every": 15, "warmup": 20, "learning_rate": 1e-3, "tolerance": 1e-12},
}


class InterruptionError(Exception):
    pass


def quiet(network, data, folder=None, *, resume=True, **options):
    return train(network, data, TrainingConfig(**options), folder=folder, resume=resume, progress=False)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("calls", [20, 75])
def test_an_interrupted_run_equals_the_uninterrupted_one_bit_for_bit(
    run, calls, new_network, three_digits, tmp_path, monkeypatch
):
    whole_network = new_network("gelu")
    whole = quiet(whole_network, three_digits, **RUNS[run])

    forward, left = ResidualNetwork.forward, [calls if "optimiser" not in RUNS[run] else calls // 2]

    def dying(self, inputs):
        left[0] -= 1
        if left[0] < 0:
            raise InterruptionError
        return forward(self, inputs)

    with monkeypatch.context() as patch:
        patch.setattr(ResidualNetwork, "forward", dying)
        with pytest.raises(InterruptionError):
            quiet(new_network("gelu"), three_digits, tmp_path, **RUNS[run])
    assert 0 <= load_checkpoint(tmp_path).iteration < whole.iterations

    network = new_network("gelu")
    resumed = quiet(network, three_digits, tmp_path, **RUNS[run])
    assert msgspec.structs.replace(resumed, seconds=0.0) == msgspec.structs.replace(whole, seconds=0.0)
    for a, b in zip(network.parameters(), whole_network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_finished_run_is_not_run_again(new_network, three_digits, tmp_path, monkeypatch):
    first = quiet(new_network(), three_digits, tmp_path, iterations=20)
    monkeypatch.setattr("ramodel.nets.training.quasi_newton.minimise_lbfgs", None)
    again = quiet(new_network(), three_digits, tmp_path, iterations=20)
    assert msgspec.structs.replace(again, seconds=0.0) == msgspec.structs.replace(first, seconds=0.0)
    assert again.seconds >= load_checkpoint(tmp_path).seconds > 0.0


def test_a_non_finite_loss_keeps_the_last_good_checkpoint(new_network, three_digits, tmp_path, monkeypatch):
    forward, calls = ResidualNetwork.forward, [0]

    def spoilt(self, inputs):
        calls[0] += 1
        return forward(self, inputs) * (torch.nan if calls[0] > 10 else 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(ResidualNetwork, "forward", spoilt)
        with pytest.raises(FloatingPointError, match=r"checkpoint of iteration 6 in .* is kept"):
            quiet(new_network("relu"), three_digits, tmp_path, optimiser="sgd", iterations=50, checkpoint_every=3)
    kept = load_checkpoint(tmp_path)
    assert kept.iteration == 6
    assert all(bool(p.isfinite().all()) for p in kept.network.parameters())


def test_everything_comes_back(new_network, tmp_path):
    network = new_network("gelu", skip=False, embedding="fixed", hidden=5).float()
    state = {"0.step": torch.tensor(3.0), "0.momentum_buffer": torch.ones(2, 3)}
    saved = Checkpoint(
        network=network, training=TrainingConfig(memory=7), data_digest="abc", optimiser=state, seconds=2.0
    )
    save_checkpoint(tmp_path / "new" / "folder", saved)
    found = load_checkpoint(tmp_path / "new" / "folder")
    assert found.network.config == network.config
    assert found.training == saved.training
    assert (found.data_digest, found.seconds, found.history) == ("abc", 2.0, ())
    assert found.network.head.weight.dtype == torch.float32
    for name, tensor in network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], tensor)
    assert all(torch.equal(found.optimiser[name], tensor) for name, tensor in state.items())
    assert not found.network.embedding.weight.requires_grad


def test_a_crash_while_writing_leaves_the_previous_checkpoint(new_network, tmp_path, monkeypatch):
    old, new = new_network(seed=1), new_network(seed=2)
    save_checkpoint(tmp_path, Checkpoint(network=old))
    for broken in (
        "ramodel.nets.training.checkpoints.save_file",
        "ramodel.nets.training.checkpoints.msgspec.json.format",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(broken, lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
            with pytest.raises(OSError, match="disk full"):
                save_checkpoint(tmp_path, Checkpoint(network=new, history=load_checkpoint(tmp_path).history))
        assert load_checkpoint(tmp_path).network.config.seed == 1


def test_old_tensors_are_removed(new_network, three_digits, tmp_path):
    quiet(new_network(), three_digits, tmp_path, iterations=20, checkpoint_every=5, tolerance=1e-12)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["checkpoint.json", "iteration-000020.safetensors"]


def test_a_checkpoint_of_another_run_is_refused(new_network, three_digits, tmp_path):
    quiet(new_network(), three_digits, tmp_path, iterations=2)
    with pytest.raises(ValueError, match=r"another network \(width: 8, not 9; depth: 4, not 5\).*resume=False"):
        quiet(new_network(width=9, depth=5), three_digits, tmp_path, iterations=2)
    with pytest.raises(ValueError, match=r"another training \(iterations: 2, not 3\)"):
        quiet(new_network(), three_digits, tmp_path, iterations=3)
    other = load_dataset("digits", classes=[0, 1, 7], train_size=150, seed=1)
    with pytest.raises(ValueError, match="another data set"):
        quiet(new_network(), other, tmp_path, iterations=2)
    assert quiet(new_network(), other, tmp_path, iterations=3, resume=False).iterations == 3
    save_checkpoint(tmp_path, Checkpoint(network=new_network()))
    with pytest.raises(ValueError, match="a checkpoint without its training"):
        quiet(new_network(), three_digits, tmp_path, iterations=2)


def test_damaged_checkpoints_are_refused(new_network, tmp_path):
    with pytest.raises(FileNotFoundError, match="Is it the folder of a checkpoint"):
        load_checkpoint(tmp_path)
    index = save_checkpoint(tmp_path, Checkpoint(network=new_network()))
    tensors = tmp_path / "iteration-000000.safetensors"
    whole = tensors.read_bytes()
    tensors.write_bytes(whole[:100])
    with pytest.raises(ValueError, match="does not hold the tensors of its network"):
        load_checkpoint(tmp_path)
    tensors.unlink()
    with pytest.raises(FileNotFoundError, match="iteration-000000"):
        load_checkpoint(tmp_path)
    tensors.write_bytes(whole)
    index.write_text(index.read_text().replace('"width": 8', '"width": 9'))
    with pytest.raises(ValueError, match="does not hold the tensors of its network"):
        load_checkpoint(tmp_path)
    index.write_text('{"tensors": 3}')
    with pytest.raises(ValueError, match="not a checkpoint of this version"):
        load_checkpoint(tmp_path)


def test_weights_that_are_not_finite_are_not_written(new_network, tmp_path):
    network = new_network()
    with torch.no_grad():
        network.head.weight[0, 0] = torch.inf
    with pytest.raises(ValueError, match=r"network\.head\.weight holds a number that is not finite"):
        save_checkpoint(tmp_path, Checkpoint(network=network))


def test_folders_that_cannot_be_written_are_refused(new_network, three_digits, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"folder is .*file"):
        quiet(new_network(), three_digits, tmp_path / "file", iterations=1)

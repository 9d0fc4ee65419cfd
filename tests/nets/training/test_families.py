"""The training loop on networks with BatchNorm, convolutions, stochastic depth, and on text."""

import os
import signal
import subprocess
import sys

import msgspec
import pytest
import torch

from ramodel.nets import Dataset, TrainingConfig, build_network, load_checkpoint, load_dataset, network_config, train
from ramodel.nets.training.arithmetic import step_products
from ramodel.nets.training.batches import side_by_side
from ramodel.nets.training.checkpoints import TrainingRecord
from ramodel.nets.training.first_order import descend_first_order
from ramodel.nets.training.losses import mean_losses
from ramodel.nets.training.objective import Decays, TrainingObjective, batch_norms, decay_groups, normalised_by_batch
from ramodel.nets.training.stacked import StackedNetworks
from ramodel.nets.training.train import new_run
from ramodel.progress import progress_bar
from tests import tolerances

CONV = {"family": "paper", "stem": "convolutional", "width": 4, "depth": 2, "keep_probability": 0.7}
FLAT = {"family": "paper", "stem": "fully-connected", "width": 8, "depth": 3}
EVERYTHING = TrainingConfig(
    optimiser="sgd",
    batch_size=20,
    learning_rate=0.02,
    iterations=6,
    checkpoint_every=4,
    schedule="step",
    precision="float32",
    augmentation="crop-flip",
    decay_norms=True,
    gradient_smoothing=0.3,
)
FULL_BATCH = TrainingConfig(iterations=9, checkpoint_every=3, tolerance=1e-12)


@pytest.fixture(scope="module")
def digits():
    """Sixty digits of three classes, of which batches of twenty leave one over."""
    return load_dataset("digits", classes=[0, 1, 7], train_size=61, test_size=30)


def new(settings, data, seed=0):
    return build_network(network_config(settings, data, seed))


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def timeless(result):
    return msgspec.structs.replace(result, seconds=0.0)


@pytest.mark.parametrize(
    ("settings", "config"),
    [
        (CONV, EVERYTHING),
        (FLAT, msgspec.structs.replace(EVERYTHING, coupling_weight=0.1, optimiser="adam", learning_rate=1e-3)),
        ({**FLAT, "normalisation": "none"}, FULL_BATCH),
    ],
    ids=["everything", "coupled", "lbfgs"],
)
def test_a_run_in_slices_equals_the_whole_run_bit_for_bit(settings, config, digits, tmp_path):
    whole = new(settings, digits)
    expected = train(whole, digits, config, progress=False)
    stops = []
    while not stops or stops[-1] == "stop after":
        sliced = new(settings, digits)
        found = train(sliced, digits, config, folder=tmp_path, progress=False, stop_after=1e-9)
        stops.append(found.stopped_by)
    assert stops[0] == "stop after"
    assert timeless(found) == timeless(expected)
    assert same(sliced, whole)
    again = new(settings, digits)
    assert timeless(train(again, digits, config, folder=tmp_path, progress=False)) == timeless(expected)
    assert same(again, whole)
    assert not again.training


def test_a_kill_costs_no_more_than_what_came_after_the_last_checkpoint(digits, tmp_path):
    config = msgspec.structs.replace(EVERYTHING, iterations=4, checkpoint_every=1)
    whole = new(CONV, digits)
    expected = train(whole, digits, config, progress=False)
    code = (
        "import msgspec, sys; from ramodel.nets import *\n"
        "config = msgspec.json.decode(sys.argv[2], type=TrainingConfig)\n"
        "data = load_dataset('digits', classes=[0, 1, 7], train_size=61, test_size=30)\n"
        "network = build_network(network_config(msgspec.json.decode(sys.argv[3]), data, 0))\n"
        "def wait(network, iteration):\n"
        "    if iteration == 3:\n"
        "        print(flush=True); import time; time.sleep(60)\n"
        "train(network, data, config, folder=sys.argv[1], progress=False, callback=wait)\n"
    )
    arguments = [str(tmp_path), msgspec.json.encode(config).decode(), msgspec.json.encode(CONV).decode()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, env=environment) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert load_checkpoint(tmp_path).iteration == 2
    network = new(CONV, digits)
    assert timeless(train(network, digits, config, folder=tmp_path, progress=False)) == timeless(expected)
    assert same(network, whole)


@pytest.mark.parametrize("config", [EVERYTHING, FULL_BATCH], ids=["sgd", "lbfgs"])
def test_a_callback_changes_nothing(config, digits):
    class Recorder:
        iterations = (1, 4, 5)

        def __init__(self):
            self.seen = []

        def __call__(self, network, iteration):
            self.seen.append((iteration, network.training))
            with torch.no_grad():
                network(torch.as_tensor(digits.test_inputs).to(network.head.weight))

    settings = {**CONV, "keep_probability": 1.0} if config is FULL_BATCH else CONV
    plain, watched, recorder, looks = new(settings, digits), new(settings, digits), Recorder(), []
    expected = train(plain, digits, config, progress=False)
    found = train(watched, digits, config, progress=False, callback=recorder)
    assert timeless(found) == timeless(expected)
    assert same(watched, plain)
    assert recorder.seen == [(0, False), (1, False), (4, False), (5, False)]
    train(new(settings, digits), digits, config, progress=False, callback=lambda _, iteration: looks.append(iteration))
    assert looks == [record.iteration for record in expected.history]


def test_one_step_equals_the_step_by_hand(digits):
    config = TrainingConfig(
        optimiser="sgd", iterations=1, learning_rate=0.3, jacobian_decay=0.2, head_decay=0.1, embedding_decay=0.05
    )
    for decay_norms in (False, True):
        network, twin = new(FLAT, digits), new(FLAT, digits).double().train()
        train(network, digits, msgspec.structs.replace(config, decay_norms=decay_norms), progress=False)
        logits = twin(torch.from_numpy(digits.train_inputs))
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(digits.train_labels)).backward()
        lam = {}
        for name, parameter in twin.named_parameters():
            in_block = any(parameter is p for block in twin.residual_blocks for p in block.parameters())
            if parameter.ndim > 1:
                lam[name] = 0.2 if in_block else 0.1 if parameter is twin.head.weight else 0.05
            else:
                lam[name] = (0.2 if in_block else 0.05) if decay_norms else 0.0
        assert set(lam.values()) == {0.2, 0.1, 0.05} | (set() if decay_norms else {0.0})
        found = dict(network.named_parameters())
        for name, parameter in twin.named_parameters():
            expected = parameter - 0.3 * (parameter.grad + lam[name] * parameter)
            torch.testing.assert_close(found[name], expected, rtol=tolerances.DENSE_FLOAT64, atol=1e-13)


def test_a_look_is_the_objective_of_training_mode_over_the_first_mini_batches(digits):
    network = new(FLAT, digits).double()
    inputs, labels = torch.from_numpy(digits.train_inputs), torch.from_numpy(digits.train_labels)
    rows = list(torch.arange(61).split([30, 31]))
    decays = Decays(0.1, 0.2, 0.3, 0.4)
    objective = TrainingObjective(network, inputs, labels, "cross-entropy", decays, batches=rows)
    with normalised_by_batch(network, statistics="anew"):
        found = objective.here()
    twin = new(FLAT, digits).double().train()
    value = sum(
        torch.nn.functional.cross_entropy(twin(inputs[batch]), labels[batch]) * (len(batch) / 61) for batch in rows
    ) + sum(0.5 * lam * p.square().sum() for group, lam in decay_groups(twin, decays) for p in group)
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(value, list(twin.parameters()))])
    assert float(found.value) == pytest.approx(float(value.detach()), rel=tolerances.DENSE_FLOAT64)
    torch.testing.assert_close(found.gradient[0], gradient, rtol=tolerances.DENSE_FLOAT64, atol=1e-13)
    assert not network.training
    assert all(norm.track_running_stats and norm.momentum == 0.1 for norm in batch_norms(network))
    assert int(batch_norms(network)[0].num_batches_tracked) == 2


def test_statistics_are_those_of_the_final_weights(digits):
    config = TrainingConfig(optimiser="sgd", batch_size=20, iterations=3, learning_rate=0.05)
    network = new(FLAT, digits)
    result = train(network, digits, config, progress=False)
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    assert not network.training
    assert all(not torch.equal(norm.running_var, torch.ones_like(norm.running_var)) for norm in batch_norms(network))
    again = train(network, digits, msgspec.structs.replace(config, iterations=0), progress=False)
    assert (again.test_loss, again.train_accuracy) == (result.test_loss, result.train_accuracy)
    assert all(torch.equal(buffer, before[name]) for name, buffer in network.named_buffers())


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_precisions_train_alike(precision, digits):
    config = TrainingConfig(optimiser="sgd", batch_size=30, iterations=4, learning_rate=0.02)
    exact = train(new(FLAT, digits), digits, config, progress=False)
    network = new(FLAT, digits)
    found = train(network, digits, msgspec.structs.replace(config, precision=precision), progress=False)
    assert network.head.weight.dtype == torch.float32
    assert found.objective == pytest.approx(exact.objective, rel=0.05 if precision == "bf16" else 1e-3)


def test_tensor_float_32_is_for_the_steps_that_ask_for_it():
    """On CUDA torch takes it in convolutions by itself; all ways to ask for it agree, as compiling needs."""
    matrices, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matrices.allow_tf32, convolutions.allow_tf32
    with step_products("float32", torch.device("cuda")):
        assert (matrices.allow_tf32, convolutions.allow_tf32) == (False, False)
        with step_products("tf32", torch.device("cuda")):
            assert (matrices.allow_tf32, convolutions.allow_tf32) == (True, True)
            assert torch.get_float32_matmul_precision() == "high"
        assert (matrices.allow_tf32, convolutions.allow_tf32) == (False, False)
    assert (matrices.allow_tf32, convolutions.allow_tf32) == before


def test_a_step_never_waits_for_the_device(digits):
    """Tensors without numbers stand in for those of a GPU: whoever reads one, or mixes devices, raises."""
    config = msgspec.structs.replace(EVERYTHING, precision="float32")
    for settings in (CONV, {**FLAT, "keep_probability": 0.5}):
        with progress_bar("", None, show=False) as bar:
            runs = [new_run(new(settings, digits), digits, config, device="meta", progress=bar) for _ in range(2)]
        with normalised_by_batch(runs[0].network, statistics="anew"):
            runs[0].objective.here()
        steps = []
        runs[0].network.after_step = steps.append
        runs[0].history.append(TrainingRecord(0, 1.0, 1.0))
        with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta"):  # the loss, at the end
            descend_first_order(runs[0], "sgd", 1)
        assert len(steps) == 3
        stacked = StackedNetworks([run.network for run in runs])
        for step, (inputs, labels) in enumerate(side_by_side([run.batches for run in runs], 0)):
            stacked.set_step(0, step)
            mean_losses("cross-entropy", stacked(inputs), labels).sum().backward()
        assert step == 2


def test_deterministic_algorithms_are_asked_for_inside_only(digits):
    asked = []
    config = TrainingConfig(optimiser="sgd", iterations=1, deterministic=True)
    train(
        new(FLAT, digits),
        digits,
        config,
        progress=False,
        callback=lambda *_: asked.append(torch.are_deterministic_algorithms_enabled()),
    )
    assert asked == [True, True]
    assert not torch.are_deterministic_algorithms_enabled()


def test_text_is_learnt():
    data = load_dataset("python-text", context=8, train_size=40, test_size=10)
    network = new({"family": "transformer", "width": 16, "depth": 1, "heads": 2}, data)
    config = TrainingConfig(optimiser="adamw", batch_size=20, iterations=5, learning_rate=3e-3, precision="float32")
    result = train(network, data, config, progress=False)
    assert result.objective < result.history[0].objective
    assert result.test_loss > 0.0
    assert 0.0 <= result.test_accuracy <= 1.0


def test_requests_that_cannot_be_met_are_refused(digits):
    vectors = Dataset(**{name: getattr(digits, name) for name in digits.__struct_fields__} | {"image_shape": (64,)})
    network = build_network(network_config({"family": "model", "kind": "linear", "width": 4, "depth": 2}, digits, 0))
    with pytest.raises(ValueError, match="augmentation is 'flip'; the samples are no images"):
        train(network, vectors, TrainingConfig(optimiser="sgd", augmentation="flip"), progress=False)
    with pytest.raises(ValueError, match=r"keep_probability of the network is 0\.7; 'lbfgs'"):
        train(new(CONV, digits), digits, TrainingConfig(), progress=False)
    with pytest.raises(ValueError, match="batch_size is 1; BatchNorm"):
        train(new(FLAT, digits), digits, TrainingConfig(optimiser="sgd", batch_size=1), progress=False)
    with pytest.raises(ValueError, match="image_shape of the network is"):
        train(new(CONV, digits), vectors, EVERYTHING, progress=False)
    with pytest.raises(ValueError, match="stop_after is 0"):
        train(network, digits, TrainingConfig(), progress=False, stop_after=0.0)


def test_samples_that_no_network_can_learn_are_refused(digits):
    fields = {name: getattr(digits, name) for name in digits.__struct_fields__}
    spoilt, wrong, below = digits.train_inputs.copy(), digits.train_labels.copy(), digits.test_labels.copy()
    spoilt[3, 4], wrong[0], below[0] = float("nan"), 3, -1
    for changes, message in (
        ({"train_inputs": spoilt}, "train_inputs of data set 'digits' hold a number that is not finite"),
        ({"train_labels": wrong}, r"train_labels of data set 'digits' hold 3; they must lie in 0 \.\. 2"),
        ({"test_labels": below}, "test_labels of data set 'digits' hold -1"),
        ({"train_inputs": spoilt[:1], "train_labels": wrong[:1]}, "has 1 training samples; BatchNorm needs at least"),
    ):
        with pytest.raises(ValueError, match=message):
            train(new(FLAT, digits), Dataset(**fields | changes), EVERYTHING, progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float16"}, "precision is 'float16'"),
        ({"augmentation": "crops"}, "did you mean 'crop'"),
        ({"compile": "yes"}, "compile is 'yes'"),
        ({"coupling_weight": -1.0, "optimiser": "sgd"}, "coupling_weight is -1.0"),
        ({"gradient_smoothing": 1.5, "optimiser": "sgd"}, "gradient_smoothing is 1.5; it must be at most 1"),
        ({"augmentation": "flip"}, "augmentation is 'flip'; 'lbfgs' descends the objective as it is"),
        ({"coupling_weight": 0.1}, "coupling_weight is 0.1; 'lbfgs'"),
        ({"precision": "bf16"}, "precision is 'bf16'; 'lbfgs' needs more digits"),
    ],
)
def test_bad_configurations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**options)

import msgspec
import numpy as np
import pytest
import torch

from ramodel.nets import NetworkConfig, ResidualNetwork, TrainingConfig, load_dataset, train
from ramodel.nets.training.first_order import learning_rate
from tests import tolerances


def quiet(network, data, folder=None, *, resume=True, **options):
    return train(network, data, TrainingConfig(**options), folder=folder, resume=resume, progress=False)


@pytest.mark.parametrize("kind", ["linear", "factored", "gelu"])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
def test_lbfgs_reaches_stationarity(kind, loss, new_network, three_digits):
    network = new_network(kind)
    result = quiet(network, three_digits, loss=loss, tolerance=1e-7)
    assert result.converged
    assert result.stopped_by == "tolerance"
    assert result.gradient_norm <= 1e-7
    assert result.train_accuracy > 0.95
    assert result.test_accuracy > 0.9
    # The reported stationarity, once more, by automatic differentiation of the definition.
    data = torch.from_numpy(three_digits.train_inputs)
    labels = torch.from_numpy(three_digits.train_labels)
    logits = network.head(network.states(data)[-1])
    one_hot = torch.nn.functional.one_hot(labels).double()
    value = (
        torch.nn.functional.cross_entropy(logits, labels)
        if loss == "cross-entropy"
        else (logits - one_hot).square().sum() / (2 * len(labels))
    )
    parameters = list(network.parameters())
    loss_gradient = torch.cat([g.flatten() for g in torch.autograd.grad(value, parameters)])
    decay_gradient = 1e-2 * torch.cat([p.detach().flatten() for p in parameters])
    relative = (loss_gradient + decay_gradient).norm() / (loss_gradient.norm() + decay_gradient.norm())
    assert float(relative) <= 1.1e-7
    assert result.train_loss == pytest.approx(float(value.detach()))
    decay = 0.5e-2 * sum(float(p.detach().square().sum()) for p in parameters)
    assert result.objective == pytest.approx(result.train_loss + decay)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_first_order_optimisers_find_the_stationary_point_of_the_same_objective(optimiser, new_network, three_digits):
    exact = quiet(new_network(depth=2), three_digits, tolerance=1e-9)
    rate = 0.2 if optimiser == "sgd" else 3e-3
    found = quiet(
        new_network(depth=2),
        three_digits,
        optimiser=optimiser,
        learning_rate=rate,
        iterations=4000,
        tolerance=1e-4,
        schedule="constant",
    )
    assert found.converged
    assert found.objective == pytest.approx(exact.objective, rel=tolerances.TRAINED)


def test_adamw_rests_elsewhere(new_network, three_digits):
    options = {"iterations": 1500, "learning_rate": 3e-3, "tolerance": 1e-4}
    adamw = quiet(new_network(depth=2), three_digits, optimiser="adamw", **options)
    assert not adamw.converged
    assert adamw.gradient_norm > 0.1


def test_one_step_of_sgd_adds_lam_times_the_weights(new_network, three_digits):
    network = new_network(depth=2)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    logits = network(torch.from_numpy(three_digits.train_inputs))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(three_digits.train_labels))
    gradients = dict(zip(before, torch.autograd.grad(loss, list(network.parameters())), strict=True))
    decays = {"embedding": 0.3, "blocks": 0.2, "head": 0.1}
    quiet(
        network,
        three_digits,
        optimiser="sgd",
        iterations=1,
        learning_rate=0.5,
        embedding_decay=0.3,
        jacobian_decay=0.2,
        head_decay=0.1,
    )
    for name, parameter in network.named_parameters():
        lam = decays[name.split(".")[0]]
        expected = before[name] - 0.5 * (gradients[name] + lam * before[name])
        torch.testing.assert_close(parameter.detach(), expected, rtol=tolerances.DENSE_FLOAT64, atol=1e-15)


def test_the_cosine_schedule_starts_at_the_learning_rate():
    config = TrainingConfig(optimiser="sgd", learning_rate=2.0, schedule="cosine")
    rates = [learning_rate(config, epoch, 4) for epoch in range(5)]
    assert rates == pytest.approx([2.0, 1.0 + 0.5**0.5, 1.0, 1.0 - 0.5**0.5, 0.0], abs=1e-15)


def test_the_cosine_schedule_ends_near_zero(new_network, three_digits):
    network = new_network()
    options = {"optimiser": "sgd", "batch_size": 50, "checkpoint_every": 1, "iterations": 40}
    steps = {}
    for schedule in ("constant", "cosine"):
        network = new_network()
        history = quiet(network, three_digits, schedule=schedule, **options).history
        steps[schedule] = abs(history[-1].objective - history[-2].objective)
    assert steps["cosine"] < 0.2 * steps["constant"]


@pytest.mark.parametrize("kind", ["linear", "gelu"])
def test_zero_iterations_leave_the_network_alone(kind, new_network, three_digits):
    network = new_network(kind)
    weights = [p.detach().clone() for p in network.parameters()]
    result = quiet(network, three_digits, iterations=0)
    assert all(torch.equal(a, b.detach()) for a, b in zip(weights, network.parameters(), strict=True))
    assert (result.iterations, result.converged, len(result.history)) == (0, False, 1)


def test_fixed_embeddings_stay(new_network, three_digits):
    network = new_network(embedding="fixed")
    before = network.embedding.weight.clone()
    assert quiet(network, three_digits).converged
    assert torch.equal(network.embedding.weight, before)


@pytest.mark.parametrize("kind", ["linear", "relu"])
def test_biases_are_trained(kind, new_network, three_digits):
    network = new_network(kind, bias=True)
    result = quiet(network, three_digits, iterations=50)
    assert result.objective < result.history[0].objective
    assert float(network.head.bias.detach().abs().max()) > 0.0


def test_the_deep_linear_control_without_skip_trains_from_orthogonal_layers(three_digits):
    sizes = {"inputs": three_digits.inputs, "classes": three_digits.classes, "width": 8, "depth": 16}
    results, maps = {}, {}
    for name, options in (("orthogonal", {}), ("small", {"initial_orthogonal": 0.0})):
        network = ResidualNetwork(NetworkConfig(kind="linear", skip=False, **sizes, **options))
        results[name] = quiet(network, three_digits, iterations=500)
        maps[name] = float(network.end_to_end().detach().norm())
    assert results["orthogonal"].train_accuracy > 0.9
    assert maps["orthogonal"] > 1.0
    assert results["small"].converged
    assert maps["small"] < 1e-6


def test_runs_are_repeatable(new_network, three_digits):
    options = {"optimiser": "sgd", "batch_size": 32, "iterations": 5, "learning_rate": 0.1}
    first, second = (quiet(new_network(), three_digits, **options) for _ in range(2))
    assert msgspec.structs.replace(first, seconds=0.0) == msgspec.structs.replace(second, seconds=0.0)
    other = quiet(new_network(), three_digits, **options, seed=1)
    assert other.objective != first.objective


def test_every_epoch_visits_each_sample_once_in_an_order_of_its_own(new_network, three_digits, monkeypatch):
    batches = []

    def spy(self, inputs, forward=ResidualNetwork.forward):
        batches.append(inputs.numpy())
        return forward(self, inputs)

    monkeypatch.setattr(ResidualNetwork, "forward", spy)
    quiet(new_network(), three_digits, optimiser="sgd", batch_size=50, iterations=2)
    small = [batch for batch in batches if len(batch) == 50]
    epochs = [np.concatenate(small[:3]), np.concatenate(small[3:])]
    assert not np.array_equal(*epochs)
    for epoch in epochs:
        assert np.array_equal(np.unique(epoch, axis=0), np.unique(three_digits.train_inputs, axis=0))


def test_float32_networks_train_in_float32(new_network, three_digits):
    network = new_network()
    quiet(network, three_digits, iterations=20, precision="float32")
    assert network.head.weight.dtype == torch.float32


def test_the_time_budget_ends_a_run(new_network, three_digits):
    for options in ({"optimiser": "sgd", "learning_rate": 1e-3}, {"optimiser": "lbfgs"}):
        result = quiet(
            new_network("gelu", depth=6), three_digits, time_budget=0.2, iterations=10**6, tolerance=1e-15, **options
        )
        assert result.stopped_by == "time budget"
        assert result.seconds < 5.0


def test_denormals_are_flushed_inside_only(new_network, three_digits, monkeypatch):
    seen = []
    tiny = torch.tensor(np.finfo(np.float64).tiny)

    def spy(self, inputs, forward=ResidualNetwork.forward):
        seen.append(bool(tiny * 0.5 == 0.0))
        return forward(self, inputs)

    monkeypatch.setattr(ResidualNetwork, "forward", spy)
    quiet(new_network("relu"), three_digits, iterations=2)
    assert all(seen)
    assert bool(tiny * 0.5 != 0.0)


def test_data_that_do_not_fit_are_refused(new_network, three_digits):
    with pytest.raises(ValueError, match="inputs of the network is 5, but data set 'digits' has 64"):
        quiet(new_network(inputs=5), three_digits)
    with pytest.raises(ValueError, match="classes of the network is 2"):
        quiet(new_network(classes=2), three_digits)


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_devices_that_are_not_there_are_refused(device, new_network, three_digits):
    with pytest.raises(ValueError, match=f"device is '{device}'; torch cannot use it here"):
        train(new_network(), three_digits, TrainingConfig(), device=device, progress=False)


def test_a_diverging_run_stops_and_names_the_way_out(new_network, three_digits):
    with pytest.raises(FloatingPointError, match=r"objective is (nan|inf) .*No checkpoint was written.*learning_rate"):
        quiet(new_network(), three_digits, optimiser="sgd", learning_rate=1e6, iterations=50)


def test_a_network_that_is_not_finite_is_refused(new_network, three_digits):
    network = new_network()
    with torch.no_grad():
        network.head.weight[0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match="objective is nan at iteration 0"):
        quiet(network, three_digits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimiser": "adma"}, "did you mean 'adam'"),
        ({"loss": "hinge"}, "loss is 'hinge'"),
        ({"schedule": "linear"}, "schedule is 'linear'"),
        ({"jacobian_decay": -1.0}, "jacobian_decay is -1.0"),
        ({"head_decay": float("nan")}, "head_decay is nan"),
        ({"iterations": -1}, "iterations is -1"),
        ({"warmup": 10, "optimiser": "sgd"}, "warmup is 10; it belongs to optimiser 'lbfgs'"),
        ({"warmup": 10, "iterations": 5}, "warmup is 10; it must be at most 5"),
        ({"batch_size": 10}, "batch_size is 10; 'lbfgs' takes the full training set"),
        ({"batch_size": 0, "optimiser": "sgd"}, "batch_size is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"momentum": 1.0}, "momentum is 1.0; it must be less than 1"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"time_budget": 0.0}, "time_budget is 0.0"),
        ({"checkpoint_every": 0}, "checkpoint_every is 0"),
        ({"memory": 0}, "memory is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_configurations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_a_gpu_reaches_the_same_optimum(new_network, three_digits):
    networks = [new_network(), new_network()]
    found = [
        train(network, three_digits, TrainingConfig(tolerance=1e-7), device=device, progress=False)
        for network, device in zip(networks, ("cpu", "cuda"), strict=True)
    ]
    assert found[0].objective == pytest.approx(found[1].objective, rel=tolerances.OPTIMISER)


def test_no_test_samples_are_no_error(new_network):
    data = load_dataset("digits", classes=[0, 1, 7], train_size=100, test_size=0)
    assert np.isnan(quiet(new_network(), data, iterations=3).test_accuracy)

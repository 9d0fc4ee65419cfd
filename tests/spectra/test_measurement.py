"""`measure`: the whole instrument against explicit Jacobians, and what must not change its numbers."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import ramodel
from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.spectra import (
    Spectra,
    block_results,
    class_mean_jacobians,
    measure,
    residual_jacobians,
    run,
    singular_triplets,
    states,
)
from tests.spectra.networks import CONVENTIONS, Network, inputs
from tests.tolerances import DENSE_FLOAT64

LABELS = [2, 0, 2, 2, 0, 0]
CONVERGED = 1e-8
"""Values at tolerance 1e-4: their errors are of the order of its square."""


def wide(**options):
    """Return a network whose states are too large for the dense way at rank 3."""
    return Network(width=100, activation=nn.GELU(), **options)


def test_it_is_the_public_function():
    assert ramodel.measure is measure


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_small_states_give_what_the_parts_give(convention):
    network = Network(convention, activation=nn.GELU())
    spectra = measure(network, inputs(), rank=2, labels=LABELS, class_means=True, keep_jacobians=True, progress=False)
    jacobians = residual_jacobians(network, inputs())
    assert np.allclose(spectra.jacobian, jacobians, rtol=DENSE_FLOAT64)
    assert np.allclose(spectra.states, states(network, inputs()))
    means = class_mean_jacobians(network, inputs(), LABELS)
    for found, matrices in ((spectra, jacobians), (spectra.class_means, means)):
        expected = singular_triplets(matrices, 2)
        assert np.allclose(found.singular_values, expected.singular_values)
        assert np.allclose(found.left, expected.left, atol=1e-8)
        assert np.allclose(found.right, expected.right, atol=1e-8)
        assert np.allclose(found.dataset["tail_energy"], expected.tail_energy)
    assert spectra.dataset["skip"].values.tolist() == [convention] * 3
    assert spectra.blocks == ("blocks.0", "blocks.1", "blocks.2")
    assert spectra.dataset["label"].values.tolist() == LABELS
    assert spectra.class_means.dataset["label"].values.tolist() == [0, 2]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_large_states_agree_with_explicit_jacobians(convention):
    network = wide(convention=convention)
    spectra = measure(network, inputs(), rank=3, tolerance=1e-6, method="lanczos", progress=False)
    expected = torch.linalg.svdvals(residual_jacobians(network, inputs()))
    assert np.allclose(spectra.singular_values, expected[..., :3], rtol=CONVERGED)
    assert np.allclose(spectra.gap, expected[..., 2] / expected[..., 3], rtol=1e-2)
    assert float(spectra.residual.max()) <= 1e-6
    assert bool(spectra.converged.all())


def test_vectors_and_values_make_up_the_jacobian():
    spectra = measure(Network(), inputs(), keep_jacobians=True, progress=False)
    assert spectra.singular_values.sizes["rank"] == 4  # all there are
    rebuilt = np.einsum("lnk,lnki,lnkj->lnij", spectra.singular_values, spectra.left, spectra.right)
    assert np.allclose(rebuilt, spectra.jacobian, atol=DENSE_FLOAT64)
    assert np.array_equal(spectra.dataset["tail_energy"], np.zeros((3, 6)))


def test_linear_network_at_class_means_is_the_same_network():
    network = ResidualNetwork(NetworkConfig(kind="factored", inputs=5, classes=3, width=4, depth=3))
    spectra = measure(network, inputs(), labels=LABELS, class_means=True, progress=False)
    expected = torch.linalg.svdvals(network.jacobians().detach())[:, None].expand(3, 6, 4)
    assert np.allclose(spectra.singular_values, expected, rtol=DENSE_FLOAT64)
    assert np.allclose(spectra.class_means.singular_values, expected[:, :2], rtol=DENSE_FLOAT64)


def test_order_and_company_of_the_inputs_change_nothing():
    network, order = wide(), [3, 0, 5, 1]
    whole = measure(network, inputs(), rank=3, tolerance=1e-6, progress=False)
    for batch_size in (1, 2, 4):
        part = measure(
            network, inputs()[order], rank=3, tolerance=1e-6, batch_size=batch_size, seed=batch_size, progress=False
        )
        assert np.allclose(part.singular_values, whole.singular_values[:, order], rtol=CONVERGED)
        cosines = (part.right.values * whole.right.values[:, order]).sum(-1)
        assert np.allclose(cosines, 1.0, atol=1e-6)  # the signs agree too


@pytest.mark.parametrize("options", [{}, {"labels": LABELS, "class_means": True, "batch_size": 4}, {"vectors": "none"}])
def test_a_streamed_file_holds_what_memory_would(options, tmp_path):
    kept = measure(wide(), inputs(), rank=3, progress=False, **options)
    streamed = measure(wide(), inputs(), rank=3, progress=False, output=tmp_path / "spectra.nc", **options)
    assert streamed.identical(kept)
    assert Spectra.load(tmp_path / "spectra.nc").identical(kept)
    assert [path.name for path in tmp_path.iterdir()] == ["spectra.nc"]


def test_memory_that_runs_out_halves_the_batch(monkeypatch):
    expected = measure(wide(), inputs(), rank=3, labels=LABELS, class_means=True, progress=False)
    sizes, solve = [], block_results.solve

    def short_of_memory(operator, *arguments, **options):
        sizes.append(operator.problems)
        if operator.problems > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return solve(operator, *arguments, **options)

    monkeypatch.setattr(block_results, "solve", short_of_memory)
    found = measure(wide(), inputs(), rank=3, labels=LABELS, class_means=True, progress=False)
    assert np.allclose(found.singular_values, expected.singular_values, rtol=CONVERGED)
    assert np.allclose(found.class_means.singular_values, expected.class_means.singular_values, rtol=CONVERGED)
    assert max(sizes) > 2
    assert "Memory ran out; inputs at once were cut to 1." in found.notes


def test_memory_too_short_for_one_input_says_so(monkeypatch):
    def no_memory(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.")

    monkeypatch.setattr(run, "block_results", no_memory)
    with pytest.raises(MemoryError, match=r"^memory ran out with one input at once .* vectors='none'"):
        measure(wide(), inputs(), progress=False)


def test_what_has_not_converged_is_told(monkeypatch):
    solve = block_results.solve
    monkeypatch.setattr(block_results, "solve", lambda *a, **o: solve(*a, max_passes=40, **o))
    with pytest.warns(RuntimeWarning, match=r"triplets have not converged: see `converged` and `residual`"):
        spectra = measure(wide(), inputs(), rank=6, tolerance=1e-9, progress=False)
    late = ~spectra.converged.values
    assert late.any()
    assert (spectra.residual.values[late] > 1e-9).all()
    assert "converged" in repr(spectra)


def test_float32_agrees_to_single_precision():
    exact = measure(wide(), inputs(), rank=3, progress=False)
    single = measure(wide(), inputs(), rank=3, dtype="float32", progress=False)
    assert single.right.dtype == np.float32
    assert np.allclose(single.singular_values, exact.singular_values, rtol=1e-5)


def test_alignment_is_that_of_the_jacobians():
    network = wide()
    spectra = measure(network, inputs(), rank=3, tolerance=1e-6, alignment=True, keep_jacobians=True, progress=False)
    left, right, jacobians = spectra.left.values, spectra.right.values, spectra.jacobian.values
    expected = np.einsum("inka,jnab,inmb->ijnkm", left, jacobians, right)
    assert np.allclose(spectra.alignment_left_right, expected, atol=1e-10)
    expected = np.einsum("inka,jnab,inmb->ijnkm", right, jacobians, left)
    assert np.allclose(spectra.alignment_right_left, expected, atol=1e-10)


def test_statistics_do_not_depend_on_the_way(monkeypatch):
    wanted = ["trace", "frobenius", "asymmetry", "normality"]
    formed = measure(wide(), inputs(), rank=3, statistics=wanted, keep_jacobians=True, progress=False)
    jacobians = formed.jacobian.values
    assert np.allclose(formed.dataset["trace"], np.trace(jacobians, axis1=-2, axis2=-1))
    assert np.allclose(formed.dataset["frobenius"], np.linalg.norm(jacobians, axis=(-2, -1)))
    found = measure(wide(), inputs(), rank=3, statistics=wanted, batch_size=4, progress=False)
    for name in ("trace", "frobenius", "asymmetry_error", "normality_error"):
        assert np.allclose(found.dataset[name], formed.dataset[name], rtol=1e-9)


def test_files_that_cannot_be_are_refused_before_any_work(tmp_path):
    network = wide()
    network.forward = pytest.fail
    with pytest.raises(FileExistsError, match=r"^output is .*; that is a folder\. Give the name of a file"):
        measure(network, inputs(), output=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"^output is .*its folder .* does not exist\. Make it first"):
        measure(network, inputs(), output=tmp_path / "none" / "spectra.nc")
    assert not list(tmp_path.iterdir())


def test_a_layer_that_fails_leaves_network_and_file_as_they_were(tmp_path):
    network = wide()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    (tmp_path / "spectra.nc").write_text("precious")
    with torch.no_grad():
        network.blocks[1].branch.inner.weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"'blocks\.1\.branch\.inner\.weight' holds a number that is not finite"):
        measure(network, inputs(), output=tmp_path / "spectra.nc", progress=False)
    with torch.no_grad():
        network.blocks[1].branch.inner.weight[0, 0] = before["blocks.1.branch.inner.weight"][0, 0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert [path.name for path in tmp_path.iterdir()] == ["spectra.nc"]
    assert (tmp_path / "spectra.nc").read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, r"^rank is 0; it must be at least 1"),
        ({"labels": [0]}, r"^labels has shape \(1,\)"),
        ({"class_means": True}, r"^class_means is True without labels"),
        ({"tolerance": 2.0}, r"^tolerance is 2\.0; .* below 1"),
        ({"dtype": "float16"}, r"^dtype is 'float16'"),
        ({"method": "svd"}, r"^method is 'svd'"),
        ({"vectors": "some"}, r"^vectors is 'some'"),
        ({"statistics": ["norm"]}, r"^statistics is 'norm'"),
        ({"batch_size": 0}, r"^batch_size is 0"),
        ({"block_size": 9}, r"^block_size is 9; it must be at most 8"),
        ({"skip": "outside"}, r"^skip is 'outside'"),
        ({"tokens": "diagonal"}, r"^tokens asks for Jacobians between tokens"),
        ({"blocks": ["blocks.7"]}, r"^blocks has 'blocks\.7'"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        measure(Network(), inputs(), progress=False, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistics": "trace"}, r"^statistics is 'trace'; it must be a list of names, such as \['trace'\]"),
        ({"statistics": None}, r"^statistics is None; it must be a list of names"),
        ({"tokens": 3}, r"^tokens is 3; it must be 'sequence', 'diagonal' or a list of pairs"),
        ({"alignment": "yes"}, r"^alignment is 'yes'; it must be True or False"),
        ({"keep_jacobians": 1}, r"^keep_jacobians is 1; it must be True or False"),
        ({"output": 3}, r"^output is 3; it must be a path"),
    ],
)
def test_arguments_of_another_type_are_refused(options, message):
    with pytest.raises(TypeError, match=message):
        measure(Network(), inputs(), progress=False, **options)


def test_a_batch_is_no_larger_than_the_inputs():
    network = nn.Sequential(nn.Linear(4, 4))
    spectra = measure(network, torch.ones(1, 4), blocks=["0"], skip="none", batch_size=10**9, progress=False)
    assert re.search(r"^1 input at once; predicted memory 1 MiB\.$", "\n".join(spectra.notes), re.MULTILINE)

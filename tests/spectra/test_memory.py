"""Memory foretold: what is counted, what is available, what fits, what an exhausted allocator says."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from ramodel.spectra import memory
from ramodel.spectra.memory import (
    activation_bytes,
    available_memory,
    batch_size,
    is_out_of_memory,
    solver_bytes,
)
from ramodel.spectra.network import BlockCall


def call(width, module=None):
    state = torch.ones(2, width, dtype=torch.float64)
    module = (module or nn.Linear(width, width)).double()
    weights = {name: tensor.detach() for name, tensor in module.named_parameters()}
    return BlockCall("block", module, "none", state, state, weights, (None,))


def test_activations_are_what_automatic_differentiation_keeps():
    width, steps = 50, 4
    linear = activation_bytes(call(width))
    assert linear < 6 * width * 8  # the weights do not count
    deep = activation_bytes(call(width, nn.Sequential(*(nn.Tanh() for _ in range(steps)))))
    assert deep - linear >= (steps - 1) * width * 8
    assert activation_bytes(call(width, nn.Sequential(*(nn.Tanh() for _ in range(2 * steps))))) > 1.5 * deep - linear


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, state):
        return 2.0 * state

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return 2.0 * gradient


class Odd(nn.Module):
    """A sparse buffer, and a step without second derivative."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mixing", torch.eye(50).to_sparse())

    def forward(self, hidden):
        return torch.tanh(Once.apply(torch.sparse.mm(self.mixing, hidden.T).T))


def test_odd_weights_and_steps_are_counted_as_far_as_they_go():
    module = Odd()
    found = call(50, module)
    found = replace(found, weights={"mixing": module.mixing.double()})
    assert activation_bytes(found) > 50 * 8


def test_a_solver_needs_its_basis_or_its_matrix():
    n = 1000
    assert solver_bytes(n, n, 12, itemsize=8, method="lanczos") == 2 * solver_bytes(
        n, n, 12, itemsize=4, method="lanczos"
    )
    assert solver_bytes(n, n, 12, itemsize=8, method="lanczos") > 2 * 32 * n * 8
    assert solver_bytes(n, n, 12, itemsize=4, method="dense") > 3 * n * n * 8 // 2
    assert solver_bytes(n, n, 30, itemsize=8, method="lanczos") > solver_bytes(n, n, 12, itemsize=8, method="lanczos")
    assert solver_bytes(4, 4, 12, itemsize=8, method="dense") == solver_bytes(4, 4, 4, itemsize=8, method="dense")


@pytest.mark.parametrize(("items", "available", "expected"), [(10, 10**9, 10), (10, 1800, 5), (7, 1000, 4), (3, 0, 1)])
def test_batches_are_even(items, available, expected):
    assert batch_size(100, items=items, available=available) == expected


@pytest.mark.parametrize("version", [1, 2])
def test_containers_limit_what_is_available(version, tmp_path, monkeypatch):
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if version == 1 else ("memory.max", "memory.current")
    root = tmp_path / "sys/fs/cgroup" / ("memory" if version == 1 else "")
    for folder, limit in ((root / "job/step", 2**30), (root / "job", 2**26), (root, 2**63)):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / names[0]).write_text(f"{'max' if limit == 2**63 and version == 2 else limit}\n")
        (folder / names[1]).write_text(f"{2**25}\n")
        (folder / "memory.stat").write_text("anon 5\ninactive_file 4096\n")
    proc = tmp_path / "proc/self"
    proc.mkdir(parents=True)
    (proc / "cgroup").write_text("3:cpu:/other\n4:memory:/job/step\n" if version == 1 else "0::/job/step\n")
    (proc.parent / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable: 8000000 kB\n")
    monkeypatch.setattr(memory, "Path", lambda first, *rest: tmp_path.joinpath(str(first).lstrip("/"), *rest))
    assert available_memory() == 2**26 - 2**25 + 4096
    (proc.parent / "meminfo").write_text("MemAvailable: 7 kB\n")
    assert available_memory("cpu") == 7 * 1024


def test_this_machine_has_memory(monkeypatch):
    assert 2**20 < available_memory() < 2**50
    monkeypatch.setattr(memory, "Path", lambda *_: _Nowhere())
    assert 2**20 < available_memory() < 2**50  # without /proc


class _Nowhere:
    def exists(self):
        return False


def test_exhausted_memory_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"))
    wrapped = ValueError("block 'a' failed")
    wrapped.__cause__ = caught.value
    assert is_out_of_memory(wrapped)
    for other in (
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("out of memory lane"),
        OSError(),
    ):
        assert not is_out_of_memory(other)


REAL = """
import torch
from ramodel.spectra.memory import solver_bytes
from ramodel.spectra.operators import DenseOperator
from ramodel.spectra.solver import solve
torch.set_num_threads(1)
def resident(kind):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(kind)))
class Diagonal(DenseOperator):
    def __init__(self, values):
        self.values, self.problems, self.input_size = values, *values.shape
        self.output_size, self.dtype, self.device = self.input_size, values.dtype, values.device
    def matvec(self, vectors):
        return vectors * self.values[:, None]
    rmatvec = matvec
    def select(self, problems):
        return Diagonal(self.values[problems])
values = torch.linspace(9.0, 0.0, 30000).pow(6).expand(8, -1)
solve(Diagonal(values[:1]), 8, tolerance=0.5)
before = resident("VmRSS")
solve(Diagonal(values), 8, tolerance=0.5)
real = resident("VmHWM") - before  # ru_maxrss would be that of the process that started this one
print(8 * solver_bytes(30000, 30000, 8, itemsize=4, method="lanczos") / real)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_what_is_foretold_comes_true():
    found = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=True)
    assert abs(math.log2(float(found.stdout))) < 0.7


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"method is 'denze'.*did you mean 'dense'"):
        solver_bytes(4, 4, 2, itemsize=8, method="denze")
    with pytest.raises(ValueError, match="items is 0"):
        batch_size(100, items=0, available=10)
    with pytest.raises(ValueError, match="needed is 0"):
        batch_size(0, items=1, available=10)

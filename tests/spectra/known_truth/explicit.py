"""Blocks with given Jacobians, and explicit Jacobians of any block of any network."""

import copy

import numpy as np
import torch
from torch import nn

from ramodel import measure
from tests.tolerances import DENSE_FLOAT64, MEASURED


class AddsTo(nn.Module):
    """h + f(h), through `last` where there is one (the ReLU of a post-activation block)."""

    def __init__(self, branch, last=None):
        super().__init__()
        self.branch, self.last = branch, last or nn.Identity()

    def forward(self, hidden):
        return self.last(hidden + self.branch(hidden))


def linear_blocks(jacobians):
    """Return a float64 network of blocks h + J_l h with the Jacobians given, [L, d, d]."""
    layers = []
    for jacobian in torch.as_tensor(np.asarray(jacobians), dtype=torch.float64):
        layer = nn.utils.skip_init(nn.Linear, *jacobian.shape, bias=False, dtype=torch.float64)
        layer.weight.data.copy_(jacobian)
        layers.append(AddsTo(layer))
    return nn.Sequential(*layers).eval()


def orthogonal(size, seed):
    """Return a random orthogonal matrix."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def explicit_jacobian(model, inputs, name, skip):
    """Return J [N, n, n] of the block called `name`, by the convention `skip`, from a float64 copy of the network.

    All rows in one backward pass: the block is called with n copies of its state, of which each gives one row.
    """
    model = copy.deepcopy(model).double().eval()
    block, seen = model.get_submodule(name), []
    handle = block.register_forward_pre_hook(lambda _, *call: seen.append(call), with_kwargs=True)
    with torch.no_grad():
        _called(model, inputs)
    handle.remove()
    ((arguments, keywords),) = seen
    entries = dict(enumerate(arguments)) | {key: value for key, value in keywords.items() if key != "use_cache"}
    place = next(key for key, value in entries.items() if isinstance(value, torch.Tensor) and value.is_floating_point())
    samples, size = len(entries[place]), entries[place][0].numel()
    entries = {key: _repeated(value, samples, size) for key, value in entries.items()}
    state = entries[place].detach().requires_grad_()
    entries[place] = state.clone()  # the block may write to it
    output = block(
        *(value for key, value in entries.items() if isinstance(key, int)),
        **{key: value for key, value in entries.items() if isinstance(key, str)},
    )
    if not isinstance(output, torch.Tensor):
        output = next(iter(output.values())) if isinstance(output, dict) else output[0]
    output, identity = output.flatten(1), torch.eye(size, dtype=torch.float64)
    (rows,) = torch.autograd.grad(output, state, identity.repeat_interleave(samples, dim=0))
    jacobian = rows.reshape(size, samples, size).transpose(0, 1).clone()
    if skip == "inside":
        jacobian -= identity
    if skip == "masked":
        jacobian -= torch.diag_embed((output[:samples] > 0.0).double())
    return jacobian.detach().numpy()


def assert_measured_right(model, inputs, *, convention="inside", rank=4, rtol=MEASURED, tolerance=1e-5, **options):
    """Assert the convention, and values and subspaces of explicit Jacobians, at every block; return the spectra.

    `rtol` is relative to s_1.
    """
    found = measure(model, inputs, rank=rank, tolerance=tolerance, progress=False, **options)
    assert bool(found.converged.all()), found
    for stage, part in found.stages.items():
        for block in part.blocks:
            assert part.dataset["skip"].sel(block=block).item() == convention, block
            truth = explicit_jacobian(model, inputs, block, convention)
            left, right = (vectors.sel(block=block).values for vectors in (part.left, part.right))
            assert_triplets(
                truth,
                part.singular_values.sel(block=block).values,
                left,
                right,
                rtol=rtol,
                tolerance=tolerance,
                what=f"{stage}: {block}",
            )
    return found


def assert_triplets(jacobians, values, left, right, *, rtol, tolerance, what=""):
    """Assert values to `rtol` of s_1, orthonormal vectors, and that they span what they must.

    Vectors inside a cluster are arbitrary: they are compared by the projectors on the spaces of all values that stand
    clear of the others (S14): the sine of the angle is at most the residual over the gap.
    """
    columns, expected, rows = np.linalg.svd(jacobians)
    rank = values.shape[-1]
    largest = expected[:, :1]
    np.testing.assert_allclose(values, expected[:, :rank], rtol=0.0, atol=rtol * largest.max(), err_msg=what)
    for mine, theirs in ((left, np.swapaxes(columns, 1, 2)), (right, rows)):
        gram = mine @ np.swapaxes(mine, 1, 2)
        np.testing.assert_allclose(gram, np.broadcast_to(np.eye(rank), gram.shape), atol=DENSE_FLOAT64, err_msg=what)
        for item in range(len(expected)):
            for stop in range(1, min(rank, expected.shape[1] - 1) + 1):
                gap = expected[item, stop - 1] - expected[item, stop]
                if gap < 1e-2 * largest[item, 0]:
                    continue
                outside = mine[item, :stop] - mine[item, :stop] @ theirs[item, :stop].T @ theirs[item, :stop]
                sine = np.linalg.norm(outside, 2)
                assert sine <= 2.0 * stop * tolerance * largest[item, 0] / gap, (what, item, stop, sine)


def _called(model, inputs):
    def doubled(tensor):
        return tensor.double() if tensor.is_floating_point() else tensor

    if isinstance(inputs, dict):
        return model(**{name: doubled(tensor) for name, tensor in inputs.items()})
    return model(doubled(inputs))


def _repeated(value, samples, times):
    """Return `times` copies of what runs over the samples (or their heads); no cache: a second call would fill it."""
    if isinstance(value, torch.Tensor) and value.ndim and len(value) % samples == 0:
        return value.repeat(times, *[1] * (value.ndim - 1))
    if isinstance(value, tuple):
        return tuple(_repeated(part, samples, times) for part in value)
    return None if "Cache" in type(value).__name__ else value

"""The linear map that stands for a nonlinear block over many samples: the least-squares secant."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ramodel.checks import positive
from ramodel.spectra.network import Batch, BlockCall, Inputs, Skip, record, untouched
from ramodel.spectra.trajectory import inspect_one_stage

__all__ = ["secant_jacobians"]

_CHUNK = 2**24
"""Numbers in the states of one chunk of samples (128 MiB)."""


def secant_jacobians(
    model: nn.Module,
    inputs: Inputs,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    skip: Skip = "auto",
    tolerance: float = 1e-10,
) -> Tensor:
    """Return the linear map of every block that is nearest to its branch over the samples.

    ``J_l = argmin_J sum_n |f_l(h_n) - J h_n|^2`` over the states h_n = h_{l-1} of all samples, the one of least norm.
    A Jacobian is the branch's slope at one state; where ReLU units are one-sided it may show a single direction where
    the secant, the chord from 0 that fits all samples, shows one for every class. A linear branch is its own secant, as
    far as the states span the space: J is zero on what is orthogonal to all of them. f_l is what is not the skip, as in
    the Residual Jacobian: with skip "masked" it is ``1[h + f > 0] f``, without skip the block itself. Least squares by
    an orthogonal triangularisation that is updated chunk by chunk, so that nothing is squared, and by singular values.

    Parameters
    ----------
    model, inputs, blocks, skip
        As in `states`.
    tolerance
        Directions in which the states have a singular value below this share of the largest count as not spanned. In
        directions that the states hardly reach J is what their smallest coordinates say: raise it to leave them out.

    Returns
    -------
    Tensor
        ``[L, d, d]``, float64, on the device of the model; d numbers in a state.

    Raises
    ------
    TypeError, ValueError
        As `states` does; also if `tolerance` is not positive.

    Examples
    --------
    >>> network = nn.Sequential(nn.ReLU(), nn.Linear(2, 2, bias=False))
    >>> inputs = torch.tensor([[1.0, 2.0], [3.0, 0.5], [0.1, 1.0]])
    >>> found = secant_jacobians(network, inputs, blocks=["0", "1"], skip="none")
    >>> bool(torch.allclose(found[0], torch.eye(2).double()))  # positive states: a ReLU is the identity there
    True
    >>> bool(torch.allclose(found[1], network[1].weight.double()))
    True
    """
    share = positive("tolerance", tolerance)
    with untouched(model):
        batch = Batch.of(inputs)
        inspection = inspect_one_stage(model, batch, blocks, skip)
        step = max(1, _CHUNK // sum(math.prod(stage.shape) * (len(stage.blocks) + 1) for stage in inspection.stages))
        triangles: list[Tensor | None] = [None] * len(inspection.blocks)
        for start in range(0, len(batch), step):
            calls = record(model, batch.rows(slice(start, start + step)), inspection)
            triangles = [_triangular(call, before) for call, before in zip(calls, triangles, strict=True)]
        return torch.stack([_least_squares(triangle, share) for triangle in triangles if triangle is not None])


def _triangular(call: BlockCall, before: Tensor | None) -> Tensor:
    """Return R of the QR decomposition of rows (h, f(h)), those before included: all that least squares needs."""
    state, branch = call.state, call.output - call.identity * call.state
    rows = torch.cat([state.flatten(1), branch.flatten(1)], dim=1)
    triangle: Tensor = torch.linalg.qr(rows if before is None else torch.cat([before, rows]), mode="r").R
    return triangle


def _least_squares(triangle: Tensor, tolerance: float) -> Tensor:
    """Return the J of least norm for which the rows (h, f) of `triangle` have ``J h`` nearest to f."""
    size = triangle.shape[1] // 2
    left, values, right = torch.linalg.svd(triangle[:, :size], full_matrices=False)
    spanned = values > tolerance * values[:1]
    inverse = torch.where(spanned, 1.0 / torch.where(spanned, values, 1.0), 0.0)
    found: Tensor = triangle[:, size:].T @ (left * inverse) @ right
    return found

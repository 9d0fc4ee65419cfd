"""`measure`: the singular triplets of every Residual Jacobian of a network at many inputs, with named axes."""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ramodel.checks import integer
from ramodel.progress import progress_bar
from ramodel.spectra.blocks import Skip
from ramodel.spectra.class_means import class_means
from ramodel.spectra.jacobian import block_jacobians
from ramodel.spectra.trajectory import exact_autograd, follow
from ramodel.spectra.solver.triplets import Triplets, singular_triplets

__all__ = ["measure"]

_Variables = dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]


def measure(
    model: nn.Module,
    inputs: ArrayLike | Tensor,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    rank: int = 12,
    skip: Skip = "auto",
    labels: ArrayLike | Tensor | None = None,
    keep_jacobians: bool = False,
    progress: bool = True,
) -> xr.Dataset:
    """Return the top singular triplets of the Residual Jacobian of every block at every input.

    Exact Jacobians (`residual_jacobians`), then a full SVD of each, all in float64; block after block, so that memory
    is that of the result and one block.

    Parameters
    ----------
    model, inputs, blocks, skip
        As in `states`.
    rank
        Number K of triplets to keep; all d of them if it is larger.
    labels
        ``[N]`` whole numbers; given, the triplets at the class means are measured too (see `class_mean_jacobians`).
    keep_jacobians
        Whether to keep the matrices (L N d^2 numbers), which `ramodel.metrics.alignment_grid` needs.
    progress
        Whether to show a bar.

    Returns
    -------
    xarray.Dataset
        ``singular_value [layer, input, rank]``, ``left`` and ``right [layer, input, rank, coordinate]`` (rows; signs
        fixed so that the entry of `right` of largest size is positive), ``tail_energy [layer, input]`` (sum of the
        squares of the other singular values), ``states [state, input, coordinate]``; with labels also
        ``class_mean_singular_value``, ``class_mean_left``, ``class_mean_right``, ``class_mean_tail_energy``
        ``[layer, class, ...]``; with `keep_jacobians` also ``jacobian [layer, input, row, column]``. Layers count
        from 1, states from 0; the coordinate `block` holds the blocks' names, the attribute `skip` what was taken.

    Raises
    ------
    TypeError, ValueError
        As `residual_jacobians` does; also where `rank` or `labels` is out of range.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    >>> spectra = measure(network, np.ones((3, 4)), blocks=["0", "1", "2"], skip="none", rank=2)
    >>> dict(spectra.singular_value.sizes)
    {'layer': 3, 'input': 3, 'rank': 2}
    """
    integer("rank", rank)
    with exact_autograd():
        with torch.no_grad():
            trajectory = follow(model, inputs, blocks=blocks, skip=skip)
        states = trajectory.states
        depth, samples = states.shape[0] - 1, states.shape[1]
        # Inputs and class means are rows of one batch: a block is differentiated and decomposed once for both.
        classes, means = (None, states[:, :0]) if labels is None else class_means(states, labels)
        points = torch.cat([states[:-1], means[:-1]], dim=1)
        triplets, kept = [], []
        with progress_bar("measuring", depth, show=progress) as bar:
            for layer, block in enumerate(trajectory.blocks):
                jacobians = block_jacobians(trajectory, layer, points[layer])
                triplets.append(singular_triplets(jacobians, rank))
                if keep_jacobians:
                    kept.append(jacobians[:samples].cpu())
                bar.advance(status=block.name)
    found = Triplets(*(torch.stack(parts).cpu() for parts in zip(*triplets, strict=True)))

    data: _Variables = {"states": (("state", "input", "coordinate"), states.cpu().numpy())}
    data |= _variables("", "input", Triplets(*(part[:, :samples] for part in found)))
    coordinates = {
        "layer": np.arange(1, depth + 1),
        "state": np.arange(depth + 1),
        "rank": np.arange(1, found.singular_values.shape[-1] + 1),
        "block": ("layer", [block.name for block in trajectory.blocks]),
    }
    if classes is not None:
        data |= _variables("class_mean_", "class", Triplets(*(part[:, samples:] for part in found)))
        coordinates["class"] = classes.cpu().numpy()
    if keep_jacobians:
        data["jacobian"] = (("layer", "input", "row", "column"), torch.stack(kept).numpy())
    return xr.Dataset(data, coordinates, {"network": type(model).__name__, "skip": trajectory.skip})


def _variables(prefix: str, item: str, triplets: Triplets) -> _Variables:
    axes: dict[str, tuple[str, ...]] = {
        "singular_value": ("rank",),
        "left": ("rank", "coordinate"),
        "right": ("rank", "coordinate"),
        "tail_energy": (),
    }
    return {
        prefix + name: (("layer", item, *inner), part.numpy())
        for (name, inner), part in zip(axes.items(), triplets, strict=True)
    }

"""`measure`: the top singular triplets of every Residual Jacobian of a network at many inputs."""

import os
import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ramodel.checks import replaceable_file
from ramodel.progress import progress_bar
from ramodel.spectra.class_means import whole_labels
from ramodel.spectra.collector import SpectraCollector
from ramodel.spectra.network import Batch, Inputs, Skip, inspect, untouched
from ramodel.spectra.network.evaluation import exact_autograd
from ramodel.spectra.operators import Tokens
from ramodel.spectra.precision import full_precision
from ramodel.spectra.request import Method, Request, Statistic, Vectors
from ramodel.spectra.run import MeasurementRun
from ramodel.spectra.spectra import Spectra

__all__ = ["measure"]


def measure(
    model: nn.Module,
    inputs: Inputs,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    rank: int = 12,
    output: str | os.PathLike[str] | None = None,
    skip: Skip = "auto",
    tolerance: float = 1e-4,
    method: Method = "auto",
    dtype: torch.dtype | str = torch.float64,
    batch_size: int | Literal["auto"] = "auto",
    seed: int = 0,
    progress: bool = True,
    tokens: Tokens = "sequence",
    labels: ArrayLike | Tensor | None = None,
    class_means: bool = False,
    vectors: Vectors = "full",
    statistics: Sequence[Statistic] = (),
    alignment: bool = False,
    keep_jacobians: bool = False,
    block_size: int = 1,
) -> Spectra:
    """Return the top singular triplets of the Residual Jacobian of every block of a network at every input.

    ``J_l v_k = s_k u_k``, ``J_l^T u_k = s_k v_k`` for ``J_l = d f_l / d h`` at the input's own state h_{l-1}. Small
    states are decomposed whole; for others only products J v and J^T u are made, for all inputs of a block at once, by
    a thick-restarted Golub-Kahan-Lanczos iteration. Every triplet comes with its residuals, computed anew at the end:
    the certificate. What has not converged says so in `converged`, in `notes` and in a warning.

    The network is left as it was: modes, weights, gradients, hooks.

    Parameters
    ----------
    model
        Any residual network in eval mode, on any device.
    inputs
        Samples first: an array or tensor [N, ...], or a mapping of them by the names of the forward's arguments
        (``{"input_ids": ..., "attention_mask": ...}`` for a Hugging Face model).
    blocks
        Modules or their names, in order. None finds them: the members of the network's lists of modules that keep the
        shape of the state and show a skip. `Spectra.notes` says what was found, and what was left out and why.
    rank
        Number K of triplets; all of them where a Jacobian has fewer.
    output
        A file to which vectors and states are written as they are found, so that memory stays that of one block; it
        becomes whole or not at all. None keeps them in memory (`Spectra.save` writes them later).
    skip
        What J is. "inside": a block contains its skip, ``J = D(block) - I``. "branch": the modules are the branches
        that the network adds, ``J = D f``. "masked": post-activation blocks ``relu(h + f(h))``,
        ``J = 1[h + f > 0] D f``. "none": there is no skip, ``J = D(block)``. "auto" reads it off the network, or
        raises an error that shows what to say.
    tolerance
        Largest residual relative to ``max(s_k, 1e-3 s_1)``. Errors of the values are of the order of its square over
        the distance to the next value, in units of s_k; values that lie within the tolerance of one another are not
        told apart.
    method
        "dense": full SVDs of the Jacobians; "lanczos": products alone; "auto": what is faster at their size.
    dtype
        float64 or float32, whatever that of the network; float32 takes half the time and memory, and gives values to
        about 1e-6.
    batch_size
        Inputs at once; "auto" takes as many as half of the free memory holds. Where memory runs out nevertheless the
        batch is halved.
    seed
        Of the starting vectors and random probes.
    progress
        Whether to show a bar.
    tokens
        For states [N, T, d]: "sequence" takes the state as one vector of T d numbers; "diagonal" gives ``J[t, t]`` for
        every token, a list of pairs (t_out, t_in) those ``J[t_out, t_in]``; results have the axis `pair` then.
    labels
        [N] whole numbers, kept beside the results.
    class_means
        Whether to measure at the class means of the states too (`Spectra.class_means`): the states of each class are
        averaged layer by layer. Needs `labels`.
    vectors
        Keep vectors and states as they are ("full"), in "float32", or drop the vectors ("none").
    statistics
        Any of "trace", "frobenius", "asymmetry", "normality", "eigenvalues": exact up to 512 numbers, else estimated
        with standard errors (eigenvalues: only up to there).
    alignment
        Whether to compute the signed grids ``U_i^T J_j V_i`` and ``V_i^T J_j U_i`` for all pairs of blocks of a stage.
    keep_jacobians
        Whether to keep the matrices, n^2 numbers each.
    block_size
        Vectors added in one Lanczos step, 8 at most; 2 finds double singular values at once, for symmetric data.

    Returns
    -------
    Spectra
        ``singular_values [block, input, rank]`` and the rest of it.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, the blocks or their skip cannot be told, the network cannot be measured as it
        stands (training mode, autocast, quantised), or a weight, an input, a state or a Jacobian is not finite: the
        message names the block where that begins.
    MemoryError
        If one input alone does not fit.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    >>> spectra = measure(network, torch.ones(3, 4), blocks=["0", "1", "2"], skip="none", rank=2)
    >>> dict(spectra.singular_values.sizes), bool(spectra.converged.all())
    ({'block': 3, 'input': 3, 'rank': 2}, True)
    """
    request = Request.checked(
        rank=rank,
        tolerance=tolerance,
        method=method,
        dtype=dtype,
        batch_size=batch_size,
        seed=seed,
        tokens=tokens,
        vectors=vectors,
        statistics=statistics,
        alignment=alignment,
        keep_jacobians=keep_jacobians,
        block_size=block_size,
    )
    if output is not None:
        replaceable_file("output", output)
    if class_means and labels is None:
        raise ValueError("class_means is True without labels; give the class of each input: labels=[...].")
    with untouched(model), full_precision(), exact_autograd():
        batch = Batch.of(inputs)
        known = None if labels is None else whole_labels("labels", labels, len(batch))
        inspection = inspect(model, batch, blocks=blocks, skip=skip, dtype=request.dtype)
        run = MeasurementRun(batch, inspection, request, known, streamed=output is not None)
        means = run.class_means_layout() if class_means else None
        with (
            SpectraCollector(run.layout(), class_means=means, output=output) as collector,
            progress_bar("measuring", run.steps(class_means=class_means), show=progress) as bar,
        ):
            run.measure_inputs(collector, bar)
            if class_means:
                run.measure_class_means(collector, bar)
            spectra = collector.finish(notes=run.notes)
    unfinished = int((~spectra.converged).sum())
    if unfinished:
        warnings.warn(
            f"{unfinished} of {spectra.converged.size} triplets have not converged: see `converged` and `residual`. "
            "Ask for fewer (rank), or allow a larger tolerance.",
            RuntimeWarning,
            stacklevel=2,
        )
    return spectra

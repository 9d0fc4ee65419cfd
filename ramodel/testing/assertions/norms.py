"""Norm preservation: no block changes a gradient much."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ramodel.checks import positive
from ramodel.metrics import gradient_norm_ratio, state_norm_ratio
from ramodel.testing.assertions.findings import Array, has_inputs, stacked

if TYPE_CHECKING:
    from torch import nn

    from ramodel.spectra.network import Skip
    from ramodel.spectra.work import Loss

__all__ = ["assert_norm_preserving"]


def assert_norm_preserving(
    subject: Any,
    inputs: Any = None,
    targets: Any = None,
    *,
    delta: float,
    loss: "Loss" = "cross-entropy",
    blocks: "Sequence[str | nn.Module] | None" = None,
    skip: "Skip" = "auto",
) -> None:
    """Assert that no block changes the norm of a gradient, or of a state, by more than a factor 1 +- delta (S9).

    Backward ``1 - delta <= ||g_{l-1}|| / ||g_l|| <= 1 + delta`` with ``g_l = d(mean loss)/d h_l``, the norm
    preservation of Zaeemzadeh, Rahnavard & Shah (arXiv 1805.07477); for a network also forward, with
    ``||h_l|| / ||h_{l-1}||``. At a critical point of the provable model on its positive branch both hold with
    delta = s_1 (statement S9). Vectors that are exactly zero before and behind a block have no ratio and are left out.

    Parameters
    ----------
    subject
        Gradients g_0 .. g_L, ``[L + 1, d]`` or ``[L + 1, N, d]``, or a torch network to take them from.
    inputs, targets, loss, blocks, skip
        For a network: as in `ramodel.spectra.work_and_energy`.
    delta
        Greatest relative change of a norm at a block, greater than 0.

    Raises
    ------
    AssertionError
        If a ratio is outside; the message names layer and input.
    TypeError, ValueError
        If an argument is missing, or has the wrong kind, shape or range.

    Examples
    --------
    >>> assert_norm_preserving([[1.3, 0.0], [1.1, 0.0], [1.0, 0.0]], delta=0.2)
    >>> assert_norm_preserving([[2.2, 0.0], [1.1, 0.0], [1.0, 0.0]], delta=0.2)
    Traceback (most recent call last):
    ...
    AssertionError: Norms are not preserved.
      backward ||g_(l-1)|| / ||g_l|| is 2 at layer 1; allowed is 0.8 .. 1.2 (1 of 2 are outside).
    """
    __tracebackhide__ = True
    delta = positive("delta", delta)
    path = None
    if callable(getattr(subject, "named_modules", None)):
        from ramodel.spectra import state_gradients, states

        for name, value in (("inputs", inputs), ("targets", targets)):
            if value is None:
                raise TypeError(f"{name} is missing; a network needs inputs and targets to have gradients.")
        gradients = state_gradients(subject, inputs, targets, loss, blocks=blocks, skip=skip)
        path = stacked("states", states(subject, inputs, blocks=blocks, skip=skip), 3)
    else:
        if inputs is not None or targets is not None:
            raise TypeError("inputs and targets are for a network; gradients stand alone.")
        gradients = subject
    with np.errstate(over="ignore"):  # a ratio that leaves float64 is infinite, and fails
        backward = gradient_norm_ratio(stacked("gradients", gradients, 3))
        forward = None if path is None else state_norm_ratio(path)
    named = has_inputs(gradients, 3)
    lines = _ratio_lines("backward ||g_(l-1)|| / ||g_l||", backward, delta, inputs=named)
    if forward is not None:
        lines += _ratio_lines("forward ||h_l|| / ||h_(l-1)||", forward, delta, inputs=named)
    if lines:
        raise AssertionError("\n  ".join(["Norms are not preserved.", *lines]))


def _ratio_lines(what: str, ratios: Array, delta: float, *, inputs: bool) -> list[str]:
    """Return a line that names the worst ratio if any is outside 1 - delta .. 1 + delta, else none."""
    departures = np.abs(ratios - 1.0)
    outside = ~(departures <= delta * (1.0 + 1e-9))  # a ratio on the bound may be rounded to beyond it
    if not outside.any():
        return []
    layer, sample = (int(place) for place in np.unravel_index(departures.argmax(), ratios.shape))
    where = f"layer {layer + 1}" + (f", input {sample}" if inputs else "")
    allowed = f"{1.0 - delta:.4g} .. {1.0 + delta:.4g}"
    count = f"({int(outside.sum())} of {ratios.size} are outside)"
    return [f"{what} is {ratios[layer, sample]:.4g} at {where}; allowed is {allowed} {count}."]

"""RA1-RA4 of measured states and Residual Jacobians."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ramodel.checks import integer, nonnegative, real
from ramodel.metrics import (
    asymmetry_error,
    energy_outside_error,
    inverse_line,
    leading_directions,
    line_shape_ratio,
    step_cv,
    step_lengths,
    subspace_affinity_score,
)
from ramodel.testing.assertions.findings import Array, Finding, has_inputs, stacked

__all__ = ["assert_residual_alignment"]


def assert_residual_alignment(
    jacobians: Any = None,
    states: Any = None,
    *,
    classes: int | None = None,
    line_tolerance: float | None = 0.10,
    step_tolerance: float | None = 0.50,
    symmetry_tolerance: float | None = 0.50,
    alignment_tolerance: float | None = 0.40,
    rank_tolerance: float | None = 0.01,
    slope_tolerance: float | None = 0.50,
    inverse_slope: float | Sequence[float] = (0.0, 1.0),
) -> None:
    """Assert the properties RA1-RA4 of measured states and Residual Jacobians.

    ==== ============================ ================================================= ======================
    id   property                     departure                                         tolerance
    ==== ============================ ================================================= ======================
    RA1  states on a line             L / ||sum of unit steps|| - 1, each input         `line_tolerance`
    RA1  steps of equal length        their coefficient of variation, each input        `step_tolerance`
    RA2  left = right vectors         ||J - J^T|| / ||J||, each layer and input         `symmetry_tolerance`
    RA2  aligned across depth         1 - affinity of top-C subspaces, pairs of layers  `alignment_tolerance`
    RA3  rank at most C               share of ||J||^2 outside its top C                `rank_tolerance`
    RA4  1/s_1 grows by 0 .. 1 a layer distance of its slope over layers to that range  `slope_tolerance`
    ==== ============================ ================================================= ======================

    The defaults are the bands of `ramodel reproduce` for real networks. There they apply to medians and means, here to
    the worst layer and input; a stationary network of the provable model meets far smaller ones. A tolerance of None
    leaves its property out. RA1 needs `states`, the others `jacobians` and `classes`; RA4 is about three layers or
    more. It is the reading of RA4 within one network: slope 1 means equal steps (statements S7, S11), slope 0 equal
    blocks (S1, S6); both are laws of a penalty. For 1/L across networks see `ramodel.metrics.depth_exponent`.

    Parameters
    ----------
    jacobians
        ``[L, d, d]``, or ``[L, N, d, d]`` for N inputs: NumPy, torch, xarray, lists.
    states
        h_0 .. h_L, ``[L + 1, d]`` or ``[L + 1, N, d]``.
    classes
        C; at least 1.
    inverse_slope
        Slope asked of 1/s_1 against the layer, or (least, greatest).

    Raises
    ------
    AssertionError
        If a property fails: the message lists all that do, and what held.
    TypeError, ValueError
        If nothing is given to check, or an argument has the wrong kind, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> jacobians = np.array([np.diag([0.2, 0.0]), [[0.0, 0.2], [-0.2, 0.0]], np.diag([0.2, 0.0])])
    >>> assert_residual_alignment(jacobians, classes=1, rank_tolerance=None, slope_tolerance=None)
    Traceback (most recent call last):
    ...
    AssertionError: Residual Alignment fails in 2 of 2 checks.
      RA2 left = right singular vectors: ||J - J^T|| / ||J|| is 2 at layer 2; allowed is 0.5 (1 of 3 are larger).
      RA2 aligned across depth: 1 - affinity of the top-1 subspaces is 1 at layers ...
    """
    __tracebackhide__ = True
    if jacobians is None and states is None:
        raise TypeError("jacobians and states are both missing; give at least one, such as ramodel.measure returns.")
    tolerances = {
        "line": line_tolerance,
        "step": step_tolerance,
        "symmetry": symmetry_tolerance,
        "alignment": alignment_tolerance,
        "rank": rank_tolerance,
        "slope": slope_tolerance,
    }
    allowed = {
        name: nonnegative(f"{name}_tolerance", tolerance)
        for name, tolerance in tolerances.items()
        if tolerance is not None
    }
    checks: list[Finding] = []
    if states is not None and jacobians is not None:
        _check_same_network(jacobians, states)
    if states is not None:
        checks += _line_findings(states, allowed)
    if jacobians is not None:
        if classes is None:
            raise TypeError("classes is missing; RA2 and RA3 speak of the top C singular values.")
        checks += _jacobian_findings(jacobians, integer("classes", classes), allowed, _range(inverse_slope))
    if not checks:
        raise ValueError("every tolerance is None; leave at least one property in.")
    failed = [check for check in checks if not check.holds]
    if not failed:
        return
    inputs = any(has_inputs(value, axes) for value, axes in ((jacobians, 4), (states, 3)))
    lines = [f"Residual Alignment fails in {len(failed)} of {len(checks)} checks."]
    lines += [f"  {check.sentence(inputs=inputs)}" for check in failed]
    held = "; ".join(f"{check.title} {check.worst:.3g} <= {check.allowed:.3g}" for check in checks if check.holds)
    raise AssertionError("\n".join([*lines, *([f"  Held: {held}."] if held else [])]))


def _check_same_network(jacobians: Any, states: Any) -> None:
    """Raise ValueError unless states are those between blocks with these Jacobians, for the same inputs."""
    blocks, path = stacked("jacobians", jacobians, 4), stacked("states", states, 3)
    layers, inputs, width = blocks.shape[:3]
    if not has_inputs(jacobians, 4):  # one Jacobian for all inputs, as in a linear network
        inputs = path.shape[1]
    wanted = (layers + 1, inputs, width)
    if path.shape != wanted:
        raise ValueError(
            f"states has {len(path)} layers of {path.shape[1]} inputs and width {path.shape[2]}; with jacobians of "
            f"shape {blocks.shape if has_inputs(jacobians, 4) else (layers, *blocks.shape[2:])} it must have "
            f"{layers + 1}, {inputs} and {width}: h_0 .. h_L of the same network."
        )


def _line_findings(states: Any, allowed: Mapping[str, float]) -> list[Finding]:
    path = stacked("states", states, 3)
    steps, lengths = np.diff(path, axis=0), step_lengths(path)
    checks = []
    if "line" in allowed:
        directions = steps / _nonzero(lengths)[..., None]
        turned = -np.einsum("lnd,nd->ln", directions, directions.sum(axis=0))
        departures = line_shape_ratio(path) - 1.0
        checks.append(Finding("RA1 states on a line", "line-shape ratio - 1", departures, allowed["line"], turned))
    if "step" in allowed:
        uneven = np.abs(lengths - lengths.mean(axis=0))
        checks.append(Finding("RA1 equal steps", "variation of step lengths", step_cv(path), allowed["step"], uneven))
    return checks


def _jacobian_findings(
    jacobians: Any, classes: int, allowed: Mapping[str, float], slopes: tuple[float, float]
) -> list[Finding]:
    blocks = stacked("jacobians", jacobians, 4)
    if blocks.shape[-1] != blocks.shape[-2]:
        raise ValueError(f"jacobians has shape {np.shape(jacobians)}; its last two axes must be of equal length.")
    left, values, right = np.linalg.svd(blocks)
    top = min(classes, blocks.shape[-1])
    checks = []
    if "symmetry" in allowed:
        measure = "||J - J^T|| / ||J||"
        checks.append(
            Finding("RA2 left = right singular vectors", measure, asymmetry_error(blocks), allowed["symmetry"])
        )
    if "alignment" in allowed:
        sides = [leading_directions(side, values, top) for side in (left.swapaxes(-1, -2), right)]
        affinity = np.minimum(*(subspace_affinity_score(side[:, None], side[None]) for side in sides))
        still = values[..., 0] == 0.0
        pairs = np.triu(np.ones((len(blocks), len(blocks)), dtype=bool), 1)[..., None]
        misaligned = np.where(pairs & ~(still[:, None] & still[None]), 1.0 - affinity, 0.0)
        measure = f"1 - affinity of the top-{top} subspaces"
        checks.append(Finding("RA2 aligned across depth", measure, misaligned, allowed["alignment"]))
    if "rank" in allowed:
        outside = energy_outside_error(values, top)
        measure = f"share of energy outside the top {top}"
        checks.append(Finding(f"RA3 rank at most {classes}", measure, outside, allowed["rank"]))
    if "slope" in allowed and len(blocks) >= 3:
        checks.append(_slope_finding(values[..., 0], slopes, allowed["slope"]))
    return checks


def _slope_finding(largest: Array, slopes: tuple[float, float], allowed: float) -> Finding:
    low, high = slopes
    title, measure = "RA4 scale with depth", f"distance of the slope of 1/s_1 over layers to {low:g} .. {high:g}"
    if not largest.all():
        # Blocks that are all zero have nothing to scale; a zero block among others has no 1/s.
        departures = np.where(largest.any(axis=0) & ~largest.all(axis=0), np.inf, 0.0)
        return Finding(title, measure, departures, allowed, (largest == 0.0).astype(np.float64))
    found = inverse_line(largest).slope
    growth = np.diff(1.0 / largest, axis=0)
    outside = np.maximum(np.maximum(low - growth, growth - high), 0.0)
    suspects = np.concatenate([np.zeros_like(outside[:1]), outside])
    return Finding(title, measure, np.maximum(np.maximum(low - found, found - high), 0.0), allowed, suspects)


def _range(inverse_slope: Any) -> tuple[float, float]:
    ends = [inverse_slope, inverse_slope] if np.ndim(inverse_slope) == 0 else list(inverse_slope)
    if len(ends) != 2:
        raise ValueError(f"inverse_slope is {inverse_slope!r}; it must be a slope or (least, greatest).")
    low, high = (real("inverse_slope", end) for end in ends)
    if low > high:
        raise ValueError(f"inverse_slope is {inverse_slope!r}; its first entry must not exceed its second.")
    return low, high


def _nonzero(array: Array) -> Array:
    """Return `array` with 1 in place of 0, to divide by."""
    return np.where(array == 0.0, 1.0, array)

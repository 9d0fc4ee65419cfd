"""What a `Spectra` says of itself in print."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

__all__ = ["described"]


def described(dataset: xr.Dataset, stages: Mapping[str, xr.Dataset], residual: xr.DataArray) -> list[str]:
    """Return lines: how much was measured, a line for each stage, and the certificate."""
    return [_heading(dataset), *_stage_lines(dataset, stages), _certificate(dataset, residual)]


def _heading(dataset: xr.Dataset) -> str:
    sizes = dataset.sizes
    parts = [_count(sizes["block"], "block"), "at", _count(sizes["input"], "input")]
    if "pair" in sizes:
        parts += ["and", _count(sizes["pair"], "pair"), "of tokens"]
    network = dataset.attrs.get("network")
    return f"Spectra{f' of {network}' if network else ''}: {' '.join(parts)}, {_count(sizes['rank'], 'triplet')} each"


def _stage_lines(dataset: xr.Dataset, stages: Mapping[str, xr.Dataset]) -> list[str]:
    lines = []
    for name, stage in stages.items():
        members = dataset["stage"] == name
        blocks = dataset["block"].values[members].tolist()
        skips = dict.fromkeys(dataset["skip"].values[members].tolist())
        names = blocks[0] if len(blocks) == 1 else f"{blocks[0]} ... {blocks[-1]}"
        shape = stage.attrs.get("state_shape")
        state = "" if shape is None else f", state {' x '.join(map(str, shape))}"
        vectors = "" if "right" in stage else ", without vectors"
        lines.append(f"{name}: {names}{state}, skip {' or '.join(skips)}{vectors}")
    return lines


def _certificate(dataset: xr.Dataset, residual: xr.DataArray) -> str:
    residual = residual.transpose("block", "input", ...)
    block, item, *_ = np.unravel_index(np.nanargmax(residual), residual.shape)
    name, number = str(dataset["block"].values[block]), int(dataset["input"][item])
    worst = f"largest residual {float(residual.max()):.1e} ({name}, input {number})"
    total = int(residual.count())
    converged = dataset["converged"]
    failed = (~converged).sum([axis for axis in converged.dims if axis != "block"]).to_series()
    failed = failed[failed > 0]
    if failed.empty:
        return f"{worst}; all {total} triplets converged"
    where = ", ".join(f"{name} ({count})" for name, count in failed.items())
    return f"{worst}; {failed.sum()} of {total} triplets not converged: {where}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

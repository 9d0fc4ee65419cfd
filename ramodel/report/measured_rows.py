"""A measured network as rows: of its blocks, and of what it says of RA1-RA4."""

from typing import Any

import numpy as np

from ramodel import metrics
from ramodel.spectra import Spectra
from ramodel.spectra.properties import ResidualAlignment

__all__ = ["block_rows", "reading_rows"]


def block_rows(spectra: Spectra) -> list[dict[str, Any]]:
    """Return a row for each block: medians over inputs, the largest residual, how many triplets converged.

    Examples
    --------
    >>> import torch, ramodel
    >>> network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh())
    >>> rows = block_rows(ramodel.measure(network, torch.ones(2, 3), blocks=["1"], skip="none", rank=2))
    >>> rows[0]["block"], rows[0]["k"], rows[0]["converged"], rows[0]["triplets"]
    ('1', 2, 4, 4)
    """
    rows = []
    for name, stage in spectra.stages.items():
        for block in stage.blocks:
            part = stage.sel(block=block)
            values = part.singular_values.transpose(..., "rank").values
            rows.append(
                {
                    "block": block,
                    "stage": name,
                    "skip": str(part.dataset["skip"].values.item()),
                    "s_1": float(np.median(values[..., 0])),
                    "s_k": float(np.median(values[..., -1])),
                    "k": values.shape[-1],
                    "effective_number": float(np.median(metrics.effective_rank(values))),
                    "residual": float(part.residual.max()),
                    "converged": int(part.converged.sum()),
                    "triplets": part.converged.size,
                }
            )
    return rows


def reading_rows(alignment: ResidualAlignment) -> list[dict[str, Any]]:
    """Return the readings of a measurement as rows."""
    return [
        {
            "stage": reading.stage,
            "property": reading.property,
            "metric": reading.metric,
            "label": reading.label,
            "over": reading.where,
            "median": reading.median,
            "lower_quartile": reading.lower,
            "upper_quartile": reading.upper,
            "if_it_holds": reading.ideal,
            "no_structure": reading.baseline,
            "untrained": reading.untrained,
        }
        for reading in alignment.readings
    ]

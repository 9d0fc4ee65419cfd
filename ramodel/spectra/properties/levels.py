"""What every metric would be without any structure, from the sizes and the singular values of a stage."""

import numpy as np
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.metrics import baselines
from ramodel.spectra.properties.kept import kept, ordered, tail_energies
from ramodel.spectra.spectra import Spectra

__all__ = ["structureless_levels"]


def structureless_levels(stage: Spectra, top: int, labels: NDArray[np.int64] | None) -> dict[str, float]:
    """Return `ramodel.metrics.baselines` by name of the metric; medians where it depends on the singular values.

    Independent random singular vectors with the measured singular values, steps in random directions, states drawn from
    one normal distribution: see there.
    """
    found: dict[str, float] = {}
    states, left = kept(stage, "states"), kept(stage, "left")
    depth = stage.singular_values.sizes["block"]
    if states is not None:
        for function in (baselines.line_deviation_error, baselines.line_shape_ratio, baselines.geodesic_ratio):
            found[function.__name__] = function(depth)
    if left is not None:
        found |= _random_frames(stage, left.sizes["coordinate"], top)
    if states is not None and labels is not None and len(np.unique(labels)) > 1:
        found |= _random_states(labels, states.sizes["coordinate"])
    return found


def _random_frames(stage: Spectra, width: int, top: int) -> dict[str, float]:
    values, tail = ordered(stage.singular_values), tail_energies(stage)
    beyond = np.sum(values[..., top:] ** 2, axis=-1)
    if kept(stage, "jacobian") is not None or kept(stage, "alignment_left_right") is not None:
        beyond = beyond + (0.0 if tail is None else tail)  # grids of whole Jacobians, not of their rank-K parts
    coupling = float(np.median(baselines.coupling_error(values[..., :top], width, tail_energy=beyond)))
    # Subspaces have as many dimensions as there are singular values that count.
    dimension = max(1, int(np.median(metrics.numerical_rank(values[..., :top]))))
    affinity, diagonal = baselines.subspace_affinity_score(dimension, width), baselines.diagonal_energy_score(top)
    spectrum = _spectrum_of_normality(stage, values, width)
    normality = {} if spectrum is None else {"normality_error": baselines.normality_error(spectrum, width)}
    return {name: float(np.median(levels)) for name, levels in normality.items()} | {
        "asymmetry_error": baselines.asymmetry_error(width),
        "symmetry_score": baselines.absolute_cosine(width),
        "symmetry_cosine": 0.0,
        "left_right_affinity_score": affinity,
        "left_affinity_score": affinity,
        "right_affinity_score": affinity,
        "jacobian_cosine": 0.0,
        "diagonal_energy_score": diagonal,
        "exchanged_diagonal_energy_score": diagonal,
        "sign_consistency_score": baselines.sign_consistency_score(),
        "exchanged_sign_consistency_score": baselines.sign_consistency_score(),
        "coupling_error": coupling,
        "exchanged_coupling_error": coupling,
    }


def _spectrum_of_normality(stage: Spectra, values: NDArray[np.float64], width: int) -> NDArray[np.float64] | None:
    """Return the singular values of what the departure from normality was measured on, None where not all are known."""
    jacobians = kept(stage, "jacobian")
    if "normality_error" not in stage.dataset and jacobians is None:
        return values  # the rank-K part
    if jacobians is not None:
        return np.linalg.svdvals(ordered(jacobians))
    return values if values.shape[-1] == width else None


def _random_states(labels: NDArray[np.int64], width: int) -> dict[str, float]:
    counts = np.unique(labels, return_counts=True)[1]
    classes = len(counts)
    found = {"self_duality_error": baselines.self_duality_error(), "nearest_centre_score": 1.0 / classes}
    if counts.min() == counts.max():  # the others are known for classes of equal size
        found["variability_error"] = baselines.variability_error(classes, int(counts[0]), width)
        found["equinorm_error"] = baselines.equinorm_error(classes, width)
        found["equiangle_error"] = baselines.equiangle_error(classes, width)
        found["coherence_error"] = baselines.coherence_error(classes, width)
    return found

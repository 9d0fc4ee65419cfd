"""Numbers that theory predicts for one network from its own weights, with nothing fitted, and what was measured."""

import math
from functools import reduce
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel import metrics, theory
from ramodel.experiments.confrontation.network_facts import Facts
from ramodel.experiments.confrontation.predictions import STAND_INS, Pairs, gain_pairs, stand_in_values
from ramodel.experiments.readings import PREDICTED_SHARE
from ramodel.theory import FrobeniusModel, NuclearModel

__all__ = ["Measured"]

Array = NDArray[np.float64]


class Measured(NamedTuple):
    """One network: what was measured, what is known of it, and the model that its blocks are an instance of, if any."""

    cell: xr.Dataset
    facts: Facts
    model: FrobeniusModel | NuclearModel

    def value(self, variable: str) -> float:
        """Return a scalar variable; NaN where it was not measured."""
        return float(self.cell[variable]) if variable in self.cell else math.nan

    def head_pairs(self, stand_in: str = "input") -> Pairs:
        """Return s_k from the head alone (S1, S6), and s_k of a stand-in of every block."""
        if STAND_INS[stand_in][0] not in self.cell:
            return Pairs(np.empty(0), np.empty(0))
        return self._pairs(self._from_head(), stand_in)

    def balance_pairs(self) -> Pairs:
        """Return s_k from the singular values of W P_L of linear blocks (S2, S6), and s_k of every block."""
        assert self.facts.jacobians is not None
        identity = np.eye(self.facts.size)
        end_to_end = reduce(lambda product, jacobian: (identity + jacobian) @ product, self.facts.jacobians, identity)
        m = np.linalg.svd(self.facts.head @ end_to_end, compute_uv=False)
        without_embedding = type(self.model)(self.facts.depth, self.model.jacobian_decay, self.model.head_decay)
        return self._pairs(without_embedding.jacobian_singular_value(m), "input")

    def gain_pairs(self) -> Pairs:
        """Return s_k from the gain of the class means (S2, S6), and s_k of every block; none where not measured."""
        if "gain_predicted" not in self.cell:
            return Pairs(np.empty(0), np.empty(0))
        return gain_pairs(self.cell, "frobenius" if isinstance(self.model, FrobeniusModel) else "nuclear")

    def law_error(self) -> float:
        """Return the largest relative departure of a block from the matrix that its head predicts (S1, S6)."""
        assert self.facts.jacobians is not None
        return self.model.balance_error(self.facts.jacobians, self.facts.head)

    def asymmetry(self) -> float:
        """Return the largest ``|J - J^T| / |J|`` over linear blocks (S1)."""
        assert self.facts.jacobians is not None
        return float(metrics.asymmetry_error(self.facts.jacobians).max())

    def layer_spread(self) -> float:
        """Return the largest ``|J_l - mean J| / |mean J|`` over linear blocks (S1)."""
        assert self.facts.jacobians is not None
        mean = self.facts.jacobians.mean(axis=0)
        spread = np.linalg.norm(self.facts.jacobians - mean, axis=(1, 2)).max()
        return float(spread / np.linalg.norm(mean)) if mean.any() else math.nan

    def energy_error(self) -> float:
        """Return the largest ``|lam_J (tr J_l + |J_l|^2) / (lam_W |W|^2) - 1|`` over linear blocks (S16)."""
        assert self.facts.jacobians is not None
        traces = np.trace(self.facts.jacobians, axis1=1, axis2=2)
        norms = np.linalg.norm(self.facts.jacobians, axis=(1, 2))
        head = float(np.sum(self.facts.head**2)) / self.model.decay_ratio
        return float(metrics.energy_identity_error(traces, norms, head_energy=head).max()) if head > 0.0 else math.nan

    def embedding_error(self) -> float:
        """Return ``|lam_E |E|^2 / (lam_W |W|^2) - 1|`` (S18, S19)."""
        assert self.facts.embedding is not None
        assert self.model.embedding_decay is not None
        head = self.model.head_decay * float(np.sum(self.facts.head**2))
        return abs(self.model.embedding_decay * float(np.sum(self.facts.embedding**2)) / head - 1.0)

    def trajectory_error(self) -> float:
        """Return the departure of states from S5 with J from the head alone, over their way, median over inputs."""
        measured, predicted = self._paths()
        way = np.linalg.norm(measured[-1] - measured[0], axis=-1)
        strayed = np.linalg.norm(measured - predicted, axis=-1).max(axis=0)
        return float(np.median(strayed[way > 0.0] / way[way > 0.0])) if (way > 0.0).any() else math.nan

    def step_cv_error(self) -> float:
        """Return ``|CV of steps - CV by S5 with J from the head alone|``, median over inputs."""
        measured, predicted = self._paths()
        moved = np.linalg.norm(predicted[-1] - predicted[0], axis=-1) > 0.0
        if not moved.any():
            return math.nan
        gap = metrics.step_cv(measured[:, moved]) - metrics.step_cv(predicted[:, moved])
        return float(np.median(np.abs(gap)))

    def head_work_error(self) -> float:
        """Return ``|head work / head energy - 1|`` (S19)."""
        energy = self.value("head_energy")
        return abs(self.value("head_work") / energy - 1.0) if energy > 0.0 else math.nan

    def _from_head(self) -> Array:
        predicted: Array = self.model.from_head(np.linalg.svd(self.facts.head, compute_uv=False))
        return predicted

    def _pairs(self, predicted: Array, stand_in: str) -> Pairs:
        measured = stand_in_values(self.cell, stand_in)
        shared = min(predicted.size, measured.shape[1])
        here, there = np.broadcast_arrays(predicted[:shared], measured[:, :shared])
        used = (here > PREDICTED_SHARE * here.max(initial=0.0)) & np.isfinite(there)
        return Pairs(here[used], there[used])

    def _paths(self) -> tuple[Array, Array]:
        assert self.facts.states is not None
        _, w, rows = np.linalg.svd(self.facts.head, full_matrices=False)
        start = self.facts.states[0]
        return self.facts.states, theory.trajectory(start, rows.T, self.model.from_head(w), depth=self.facts.depth)

"""The measuring instrument: networks in, Residual Jacobians and singular triplets out."""

from ramodel.spectra.jacobian import class_mean_jacobians, residual_jacobians
from ramodel.spectra.measurement import measure
from ramodel.spectra.properties import Reading, ResidualAlignment, residual_alignment
from ramodel.spectra.secant import secant_jacobians
from ramodel.spectra.solver.triplets import Triplets, singular_triplets
from ramodel.spectra.spectra import Spectra
from ramodel.spectra.trajectory import states
from ramodel.spectra.work import WorkAndEnergy, state_gradients, work_and_energy

__all__ = [
    "Reading",
    "ResidualAlignment",
    "Spectra",
    "Triplets",
    "WorkAndEnergy",
    "class_mean_jacobians",
    "measure",
    "residual_alignment",
    "residual_jacobians",
    "secant_jacobians",
    "singular_triplets",
    "state_gradients",
    "states",
    "work_and_energy",
]

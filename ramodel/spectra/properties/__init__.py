"""RA1-RA4, Neural Collapse and the measures beside them, read off a measurement, each with its levels."""

from ramodel.spectra.properties.residual_alignment import residual_alignment
from ramodel.spectra.properties.result import Reading, ResidualAlignment

__all__ = ["Reading", "ResidualAlignment", "residual_alignment"]

"""What each ATen operation does to a perturbation of its arguments."""

from typing import Any

from ramodel.spectra.operators.linearised.recorder import Rule
from ramodel.spectra.operators.linearised.rules.attending import ATTENDING
from ramodel.spectra.operators.linearised.rules.convolving import CONVOLVING
from ramodel.spectra.operators.linearised.rules.multiplying import MULTIPLYING
from ramodel.spectra.operators.linearised.rules.normalising import NORMALISING
from ramodel.spectra.operators.linearised.rules.pointwise import POINTWISE, pointwise
from ramodel.spectra.operators.linearised.rules.rearranging import REARRANGING

__all__ = ["RULES", "pointwise"]

RULES: dict[Any, Rule] = {**POINTWISE, **REARRANGING, **MULTIPLYING, **CONVOLVING, **NORMALISING, **ATTENDING}
"""Rules by operation; elementwise operations without an entry go by `pointwise`."""

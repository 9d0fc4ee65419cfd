"""Looking at a network: where its residual blocks are, what they are called with, and where the skip is."""

from ramodel.spectra.network.call import BlockCall, TakenSkip
from ramodel.spectra.network.convention import Skip
from ramodel.spectra.network.evaluation import exact_autograd
from ramodel.spectra.network.find import Stage
from ramodel.spectra.network.guard import refuse_unmeasurable, untouched
from ramodel.spectra.network.inputs import Batch, Inputs
from ramodel.spectra.network.inspection import Inspection, inspect, record
from ramodel.spectra.network.observation import NamedBlock

__all__ = [
    "Batch",
    "BlockCall",
    "Inputs",
    "Inspection",
    "NamedBlock",
    "Skip",
    "Stage",
    "TakenSkip",
    "exact_autograd",
    "inspect",
    "record",
    "refuse_unmeasurable",
    "untouched",
]

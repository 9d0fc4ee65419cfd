"""What is measured: someone's trained network, however it is stored, and the inputs that it takes."""

from ramodel.experiments.subjects.inputs import subject_inputs
from ramodel.experiments.subjects.load import load_subject
from ramodel.experiments.subjects.subject import Subject

__all__ = ["Subject", "load_subject", "subject_inputs"]

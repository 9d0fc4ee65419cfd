"""What a check of one network needs: conditions, each of which says in words why it is not met."""

import math
from collections.abc import Callable

import numpy as np

from ramodel.experiments.confrontation.network_facts import Facts
from ramodel.experiments.confrontation.network_numbers import Measured

__all__ = [
    "SETTLED",
    "STATIONARY",
    "Condition",
    "all_of",
    "decayed_embedding",
    "embedded",
    "few",
    "head_unbiased",
    "homogeneous",
    "homogeneous_end",
    "labels",
    "linear",
    "matrices",
    "norm_ends",
    "one_matrix",
    "one_stage",
    "plain",
    "positive",
    "settled",
    "stationary",
    "two_matrices",
    "unbiased",
    "whole_head",
    "works",
]

STATIONARY = 1e-2
"""Relative gradient norm above which a network is at no stationary point: S19 is off by about twice as much."""

SETTLED = 1e-4
"""The same for S1 to S6 and S16, where asymmetries relax so slowly that they are far greater than the gradient."""

Condition = Callable[[Measured], str]
"""Says why a check does not apply, or is not exact; "" where it does."""


def all_of(*reasons: Condition) -> Condition:
    """Return the reasons, joined, that are not empty."""
    return lambda net: "; ".join(filter(None, (reason(net) for reason in reasons)))


def _of_facts(what: str, unless: Callable[[Facts], bool]) -> Condition:
    return lambda net: "" if unless(net.facts) else what


linear = _of_facts("blocks are not linear", lambda facts: facts.linear)
matrices = _of_facts("blocks are not linear maps of vectors in one stage", lambda facts: facts.jacobians is not None)
plain = _of_facts("there are norms inside the blocks", lambda facts: not facts.normed)
few = _of_facts("blocks have more than two weight matrices", lambda facts: facts.matrices <= 2)
one_matrix = _of_facts("blocks have more than one weight matrix", lambda facts: facts.matrices == 1)
two_matrices = _of_facts("blocks have no two weight matrices", lambda facts: facts.matrices == 2)
one_stage = _of_facts("there are several stages", lambda facts: facts.stages == 1)
whole_head = _of_facts(
    "the head does not read the last state as it is", lambda facts: facts.head_reads == "the last state"
)
labels = _of_facts("labels are not known", lambda facts: facts.labelled)
homogeneous = _of_facts("blocks are not 1-homogeneous", lambda facts: facts.homogeneous)
head_unbiased = _of_facts("the head has a bias, whose decay is not known", lambda facts: not facts.head_biased)
unbiased = _of_facts("blocks have biases, whose decay is not known", lambda facts: not facts.biased)
homogeneous_end = _of_facts(
    "between the last state and the head lies something unknown",
    lambda facts: facts.head_reads != "something made of the last state",
)
norm_ends = _of_facts("no norm ends the branch, so decay is no transport cost", lambda facts: facts.norm_ends_branch)
embedded = _of_facts("no linear layer makes the first state", lambda facts: facts.embedding is not None)


def stationary(net: Measured) -> str:
    """Ask for a stationary point, as near as S19 needs it."""
    return _reached(net, STATIONARY)


def settled(net: Measured) -> str:
    """Ask for a stationary point, as near as the laws of single blocks need it."""
    return _reached(net, SETTLED)


def _reached(net: Measured, gradient_needed: float) -> str:
    gradient = net.value("gradient_error")
    if math.isnan(gradient):
        return "without labels nothing says whether it is a stationary point"
    if gradient <= gradient_needed:
        return ""
    return f"relative gradient norm {gradient:.2g}: not a stationary point of this loss with these decays"


def positive(net: Measured) -> str:
    """Ask for the branch of critical points of which S1(d) and S6 speak."""
    jacobians = net.facts.jacobians
    if jacobians is None:
        return ""
    least = np.linalg.eigvalsh((jacobians + jacobians.swapaxes(1, 2)) / 2.0).min()
    return "" if least > -1.0 else "I + J is not positive definite in every block: another branch of critical points"


def decayed_embedding(net: Measured) -> str:
    """Ask for lam_E."""
    return "" if net.model.embedding_decay is not None else "the decay of the embedding was not given"


def works(net: Measured) -> str:
    """Ask for blocks whose last operation was found, and is decayed."""
    if "block_energy" not in net.cell:
        return ""
    if not bool(net.cell["block_energy"].notnull().any()):
        return "no block ends with a layer whose result it adds"
    return "" if bool((net.cell["block_energy"] > 0.0).any()) else "no decay falls on what ends the blocks"

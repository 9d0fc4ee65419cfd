"""Every parameter-free check of a trained network: what it asks, what it needs, what the number means."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from ramodel.comparison import Comparison
from ramodel.experiments.confrontation.network_facts import Facts
from ramodel.experiments.confrontation.network_numbers import Measured
from ramodel.experiments.confrontation.network_result import Check
from ramodel.experiments.confrontation.predictions import STAND_INS, Pairs, median_error
from ramodel.experiments.confrontation.readings import READINGS
from ramodel.theory import FrobeniusModel

__all__ = ["STATIONARY", "checks"]

STATIONARY = 1e-2
"""Relative gradient norm above which a network is at no stationary point, of which the exact statements speak."""

Number = Callable[[Measured], float]
Reason = Callable[[Measured], str]
"""Says why a check does not apply, or is not exact; "" where it does."""


class _Rule(NamedTuple):
    """One check."""

    statement: str
    question: str
    assumes: str
    meaning: str
    number: Number
    theory: float = 0.0
    tolerance: float = 1e-3
    """Where the statement is exact."""
    band: tuple[float | None, float | None] = (None, 0.1)
    """Where it is not, but its number can be found."""
    applies: Reason = lambda _: ""
    exact: Reason = lambda _: ""
    bound: bool = False
    """Whether the statement is an upper bound."""
    controlled: bool = True
    """Whether an untrained network must miss it."""


def checks(trained: Measured, untrained: Measured | None) -> Iterator[Check]:
    """Yield every check of a network, with the untrained one as its control where there is one."""
    for rule in _RULES:
        named = rule.statement
        if named == "S1/S6":
            named = "S1" if isinstance(trained.model, FrobeniusModel) else "S6"
        reason = rule.applies(trained)
        fields: dict[str, Any] = {
            "statement": named,
            "question": rule.question,
            "assumes": rule.assumes,
            "meaning": rule.meaning,
        }
        if reason:
            yield Check(**fields, reason=reason)
            continue
        number = rule.number(trained)
        if math.isnan(number):
            yield Check(**fields, reason="the number it needs could not be measured")
            continue
        control = rule.number(untrained) if untrained is not None and rule.controlled else math.nan
        why_not_exact = rule.exact(trained)
        yield Check(
            **fields,
            comparison=_comparison(rule, named, number, control, trained, exact=not why_not_exact),
            reason=why_not_exact,
        )


def _comparison(
    rule: _Rule, statement: str, number: float, control: float, trained: Measured, *, exact: bool
) -> Comparison:
    gradient = trained.value("gradient_error")
    return Comparison(
        statement=statement,
        claim=rule.question,
        subject="network",
        kind=("upper_bound" if rule.bound else "exact") if exact else "empirical",
        numeric=number,
        theory=rule.theory if exact else None,
        tolerance=rule.tolerance if exact else 0.0,
        band=None if exact else rule.band,
        control=None if math.isnan(control) else control,
        control_name=None if math.isnan(control) else "untrained",
        stationarity=None if math.isnan(gradient) else gradient,
    )


def _reading(name: str) -> Number:
    return lambda net: READINGS[name].function(net.cell)


def _median(pairs: Callable[[Measured], Pairs]) -> Number:
    return lambda net: median_error(pairs(net))


def _none(*reasons: Reason) -> Reason:
    """Return the reasons, joined, that are not empty."""
    return lambda net: "; ".join(filter(None, (reason(net) for reason in reasons)))


def _of_facts(what: str, unless: Callable[[Facts], bool]) -> Reason:
    return lambda net: "" if unless(net.facts) else what


_linear = _of_facts("blocks are not linear", lambda facts: facts.linear)
_matrices = _of_facts("blocks are not linear maps of vectors in one stage", lambda facts: facts.jacobians is not None)
_plain = _of_facts("there are norms inside the blocks", lambda facts: not facts.normed)
_few = _of_facts("blocks have more than two weight matrices", lambda facts: facts.matrices <= 2)
_one_matrix = _of_facts("blocks have more than one weight matrix", lambda facts: facts.matrices == 1)
_two_matrices = _of_facts("blocks have no two weight matrices", lambda facts: facts.matrices == 2)
_one_stage = _of_facts("there are several stages", lambda facts: facts.stages == 1)
_whole_head = _of_facts(
    "the head does not read the last state as it is", lambda facts: facts.head_reads == "the last state"
)
_labels = _of_facts("labels are not known", lambda facts: facts.labelled)
_homogeneous = _of_facts("blocks are not 1-homogeneous", lambda facts: facts.homogeneous)
_embedded = _of_facts("no linear layer makes the first state", lambda facts: facts.embedding is not None)


def _stationary(net: Measured) -> str:
    gradient = net.value("gradient_error")
    if math.isnan(gradient):
        return "without labels nothing says whether it is a stationary point"
    if gradient <= STATIONARY:
        return ""
    return f"relative gradient norm {gradient:.2g}: not a stationary point of this loss with these decays"


def _decayed_embedding(net: Measured) -> str:
    return "" if net.model.embedding_decay is not None else "the decay of the embedding was not given"


def _works(net: Measured) -> str:
    if "block_energy" in net.cell and bool(net.cell["block_energy"].notnull().any()):
        return ""
    return "no block ends with a layer whose result it adds"


_model = _none(_linear, _few, _plain, _one_stage, _whole_head, _stationary)
_head = _none(_one_stage, _whole_head)

_STAND_IN_WORDS = {
    "input": "the Jacobian at an input",
    "class_mean": "the Jacobian at a class mean",
    "mean": "the Jacobian averaged over inputs",
    "secant": "the least-squares secant",
}

_RULES: tuple[_Rule, ...] = (
    *(
        _Rule(
            "S1/S6",
            f"s_k from the head alone against {_STAND_IN_WORDS[stand_in]}, median error",
            "linear blocks of one or two decayed matrices, a head that reads the last state, a stationary point",
            "0: every singular value of every block follows from the weights of the head, with nothing fitted",
            _median(partial(Measured.head_pairs, stand_in=stand_in)),
            applies=_head,
            exact=_model,
        )
        for stand_in in STAND_INS
    ),
    _Rule(
        "S1/S6",
        "blocks symmetric, largest |J - J^T|/|J|",
        "as above",
        "0: left and right singular vectors coincide",
        Measured.asymmetry,
        applies=_matrices,
        exact=_model,
    ),
    _Rule(
        "S1/S6",
        "whole blocks from the head, largest error",
        "as above",
        "0: J_l(I + J_l) = W^T W/rho (one matrix), J_l = (W^T W/rho - I)_+ (two)",
        Measured.law_error,
        applies=_none(_matrices, _whole_head),
        exact=_model,
    ),
    _Rule(
        "S1/S6",
        "all blocks equal, largest departure from their mean",
        "as above",
        "0: one matrix, L times",
        Measured.layer_spread,
        applies=_matrices,
        exact=_model,
    ),
    _Rule(
        "S2",
        "s_k from the map of all blocks and head, median error",
        "as above",
        "0: m^2 = rho s(1+s)^(2L+1) (one matrix), rho (1+s)^(2L+1) (two, S6)",
        _median(Measured.balance_pairs),
        applies=_none(_matrices, _whole_head),
        exact=_model,
    ),
    _Rule(
        "S2",
        "s_k from the gain of the class means, median error",
        "labels, and as above",
        "0: how much classes are stretched says how, block by block",
        _median(Measured.gain_pairs),
        applies=_labels,
        exact=_model,
    ),
    _Rule(
        "S5",
        "trajectories from the head alone, over their length",
        "as S1",
        "0: h_l = x + sum ((1+s_k)^l - 1) v_k v_k^T x, w_k and v_k of the head",
        Measured.trajectory_error,
        applies=_head,
        exact=_model,
    ),
    _Rule(
        "S5",
        "CV of step lengths against that of S5, difference",
        "as S1",
        "0: steps are as uneven as their growth by 1 + s makes them",
        Measured.step_cv_error,
        applies=_head,
        exact=_model,
    ),
    _Rule(
        "S6",
        "rank found minus number of w_k^2 > rho",
        "blocks of two linear matrices, a head that reads the last state, a stationary point",
        "0: directions of the head below the threshold get no block",
        _reading("rank_error"),
        tolerance=0.0,
        band=(None, 1.0),
        applies=_none(_two_matrices, _head),
        exact=_model,
    ),
    _Rule(
        "S1/S6",
        "slope of 1/s_l against l is 0",
        "decay acts on the weights of blocks without norms",
        "0: all blocks alike, weight decay acts (S1, S6); 1: transport cost acts (S7)",
        _reading("inverse_slope"),
        tolerance=1e-2,
        band=(-0.25, 0.25),
        exact=_model,
        controlled=False,
    ),
    _Rule(
        "S7",
        "slope of 1/s_l against l is 1",
        "the penalty is transport cost, such as decay of a norm that ends the branch",
        "1: equal steps on a line; 0: weight decay acts (S1, S6)",
        _reading("inverse_slope"),
        band=(0.5, 1.5),
        applies=lambda net: "" if net.facts.normed else "no norm ends the branch, so decay is no transport cost",
        exact=lambda _: "singular values, not eigenvalues; which penalty acts is the question",
    ),
    _Rule(
        "S7",
        "slope of 1/eig_l against l is 1, mean Jacobian",
        "as above",
        "as above, for the numbers of which S7 speaks",
        _reading("inverse_slope_eigen"),
        band=(0.5, 1.5),
        applies=lambda net: "" if net.facts.normed else "no norm ends the branch, so decay is no transport cost",
        exact=lambda _: "which penalty acts is the question",
    ),
    _Rule(
        "S9",
        "gradient norm ratio above 1 + s_1, largest over blocks",
        "linear blocks; S1 makes s_1 small",
        "0 or less: no block stretches a gradient by more than 1 + s_1",
        _reading("gradient_bound_excess"),
        tolerance=1e-6,
        band=(None, 0.05),
        applies=_labels,
        exact=_linear,
        bound=True,
        controlled=False,
    ),
    _Rule(
        "S9",
        "largest |ln| of the gradient norm ratio",
        "a stationary point; small where s_1 is",
        "0: blocks preserve the norm of gradients",
        _reading("gradient_norm_spread"),
        band=(None, 0.5),
        applies=_labels,
        exact=lambda _: "the theory bounds it by ln(1 + s_1), it does not say how small that is",
        controlled=False,
    ),
    _Rule(
        "S16",
        "energy of a block against that of the head, largest error",
        "linear blocks of one matrix, a stationary point",
        "0: lam_J(tr J + |J|^2) = lam_W |W|^2 for every block, without any singular vector",
        Measured.energy_error,
        applies=_none(_matrices, _one_matrix, _whole_head),
        exact=_model,
    ),
    _Rule(
        "S17",
        "coupling m_K across depth, mean over pairs of blocks",
        "as S1",
        "0: the singular vectors of one block diagonalise the others",
        _reading("coupling"),
        band=(None, 0.5),
        exact=_model,
        tolerance=1e-2,
    ),
    _Rule(
        "S18",
        "energy of the embedding against that of the head",
        "1-homogeneous blocks without biases, a stationary point",
        "0: lam_E |E|^2 = lam_W |W|^2",
        Measured.embedding_error,
        applies=_none(_embedded, _decayed_embedding),
        exact=_none(_homogeneous, _stationary, _of_facts("the head has a bias", lambda facts: not facts.head_biased)),
    ),
    _Rule(
        "S19",
        "energy of a block against its work, median error",
        "the last operation of a block is linear in decayed parameters, a stationary point; any architecture",
        "0: each block's weights cost what they gain against the loss",
        _reading("work_scatter"),
        tolerance=2e-2,
        applies=_none(_labels, _works),
        exact=_stationary,
    ),
    _Rule(
        "S19",
        "energy of the head against its work",
        "a decayed head, a stationary point; any architecture",
        "0: lam_W |W|^2 = -<dl/dz, z>",
        Measured.head_work_error,
        tolerance=2e-2,
        applies=_labels,
        exact=_none(_stationary, _of_facts("the head has a bias", lambda facts: not facts.head_biased)),
    ),
    _Rule(
        "S19",
        "-<g_l, h_l> the same at every layer, spread",
        "1-homogeneous blocks (linear or ReLU, no biases), trained or not",
        "0: Euler's identity",
        _reading("euler_spread"),
        tolerance=1e-6,
        applies=_none(_labels, _homogeneous, _one_stage),
        controlled=False,
    ),
    _Rule(
        "S19",
        "-<g_l, h_l> against the energy of the head, largest error",
        "as above, and a stationary point",
        "0: what is left of the loss is what the head costs",
        _reading("euler_error"),
        tolerance=2e-2,
        applies=_none(_labels, _homogeneous, _one_stage),
        exact=_none(_stationary, _of_facts("the head has a bias", lambda facts: not facts.head_biased)),
    ),
)

"""The table of parameter-free checks of a trained network: what each asks, what it needs, what its number means."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ramodel.experiments.confrontation import network_conditions as given
from ramodel.experiments.confrontation.network_numbers import Measured
from ramodel.experiments.confrontation.predictions import STAND_INS, Pairs, median_error
from ramodel.experiments.confrontation.readings import READINGS

__all__ = ["RULES", "Rule"]

Number = Callable[[Measured], float]


class Rule(NamedTuple):
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
    applies: given.Condition = lambda _: ""
    exact: given.Condition = lambda _: ""
    bound: bool = False
    """Whether the statement is an upper bound."""
    controlled: bool = True
    """Whether an untrained network must miss it."""
    missing: str = "the number it needs could not be measured"
    """Why there is no number, where the check applies."""


def _reading(name: str) -> Number:
    return lambda net: READINGS[name].function(net.cell)


def _median(pairs: Callable[[Measured], Pairs]) -> Number:
    return lambda net: median_error(pairs(net))


_model = given.all_of(
    given.linear,
    given.few,
    given.plain,
    given.unbiased,
    given.one_stage,
    given.whole_head,
    given.settled,
    given.positive,
)
_head = given.all_of(given.one_stage, given.whole_head)

_STAND_IN_WORDS = {
    "input": "the Jacobian at an input",
    "class_mean": "the Jacobian at a class mean",
    "mean": "the Jacobian averaged over inputs",
    "secant": "the least-squares secant",
}

_NOTHING = "the head predicts zero for every singular value"

RULES: tuple[Rule, ...] = (
    *(
        Rule(
            "S1/S6",
            f"s_k from the head alone against {_STAND_IN_WORDS[stand_in]}, median error",
            "linear blocks of one or two decayed matrices, a head that reads the last state, a stationary point",
            "0: every singular value of every block follows from the weights of the head, with nothing fitted",
            _median(partial(Measured.head_pairs, stand_in=stand_in)),
            applies=_head,
            exact=_model,
            missing=_NOTHING,
        )
        for stand_in in STAND_INS
    ),
    Rule(
        "S1/S6",
        "blocks symmetric, largest |J - J^T|/|J|",
        "as above",
        "0: left and right singular vectors coincide",
        Measured.asymmetry,
        applies=given.matrices,
        exact=_model,
    ),
    Rule(
        "S1/S6",
        "whole blocks from the head, largest error",
        "as above",
        "0: J_l(I + J_l) = W^T W/rho (one matrix), J_l = (W^T W/rho - I)_+ (two)",
        Measured.law_error,
        applies=given.all_of(given.matrices, given.whole_head),
        exact=_model,
    ),
    Rule(
        "S1/S6",
        "all blocks equal, largest departure from their mean",
        "as above",
        "0: one matrix, L times",
        Measured.layer_spread,
        applies=given.matrices,
        exact=_model,
    ),
    Rule(
        "S2",
        "s_k from the map of all blocks and head, median error",
        "as above",
        "0: m^2 = rho s(1+s)^(2L+1) (one matrix), rho (1+s)^(2L+1) (two, S6)",
        _median(Measured.balance_pairs),
        applies=given.all_of(given.matrices, given.whole_head),
        exact=_model,
    ),
    Rule(
        "S2",
        "s_k from the gain of the class means, median error",
        "labels, and as above",
        "0: how much classes are stretched says how, block by block",
        _median(Measured.gain_pairs),
        applies=given.all_of(given.labels, _head),
        exact=_model,
        missing="the gain of the class means predicts zero for every singular value",
    ),
    Rule(
        "S5",
        "trajectories from the head alone, over their length",
        "as S1",
        "0: h_l = x + sum ((1+s_k)^l - 1) v_k v_k^T x, w_k and v_k of the head",
        Measured.trajectory_error,
        applies=_head,
        exact=_model,
    ),
    Rule(
        "S5",
        "CV of step lengths against that of S5, difference",
        "as S1",
        "0: steps are as uneven as their growth by 1 + s makes them",
        Measured.step_cv_error,
        applies=_head,
        exact=_model,
        missing=_NOTHING,
    ),
    Rule(
        "S6",
        "rank found minus number of w_k^2 > rho",
        "blocks of two linear matrices, a head that reads the last state, a stationary point",
        "0: directions of the head below the threshold get no block",
        _reading("rank_error"),
        tolerance=0.0,
        band=(None, 1.0),
        applies=given.all_of(given.two_matrices, _head),
        exact=_model,
    ),
    Rule(
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
    Rule(
        "S7",
        "slope of 1/s_l against l is 1",
        "the penalty is transport cost, such as decay of a norm that ends the branch",
        "1: equal steps on a line; 0: weight decay acts (S1, S6)",
        _reading("inverse_slope"),
        band=(0.5, 1.5),
        applies=given.norm_ends,
        exact=lambda _: "singular values, not eigenvalues; which penalty acts is the question",
    ),
    Rule(
        "S7",
        "slope of 1/eig_l against l is 1, mean Jacobian",
        "as above",
        "as above, for the numbers of which S7 speaks",
        _reading("inverse_slope_eigen"),
        band=(0.5, 1.5),
        applies=given.norm_ends,
        exact=lambda _: "which penalty acts is the question",
        missing="a block has no positive eigenvalue, or no stage has three blocks",
    ),
    Rule(
        "S9",
        "gradient norm ratio above 1 + s_1, largest over blocks",
        "linear blocks; S1 makes s_1 small",
        "0 or less: no block stretches a gradient by more than 1 + s_1",
        _reading("gradient_bound_excess"),
        tolerance=1e-6,
        band=(None, 0.05),
        applies=given.labels,
        exact=given.all_of(given.linear, given.plain),
        bound=True,
        controlled=False,
    ),
    Rule(
        "S9",
        "largest |ln| of the gradient norm ratio",
        "a stationary point; small where s_1 is",
        "0: blocks preserve the norm of gradients",
        _reading("gradient_norm_spread"),
        band=(None, 0.5),
        applies=given.labels,
        exact=lambda _: "the theory bounds it by ln(1 + s_1), it does not say how small that is",
        controlled=False,
    ),
    Rule(
        "S16",
        "energy of a block against that of the head, largest error",
        "linear blocks of one matrix, a stationary point",
        "0: lam_J(tr J + |J|^2) = lam_W |W|^2 for every block, without any singular vector",
        Measured.energy_error,
        applies=given.all_of(given.matrices, given.one_matrix, given.whole_head),
        exact=_model,
    ),
    Rule(
        "S17",
        "coupling m_K across depth, mean over pairs of blocks",
        "as S1",
        "0: the singular vectors of one block diagonalise the others",
        _reading("coupling"),
        band=(None, 0.5),
        exact=_model,
        tolerance=1e-2,
    ),
    Rule(
        "S18",
        "energy of the embedding against that of the head",
        "1-homogeneous blocks without biases, a stationary point",
        "0: lam_E |E|^2 = lam_W |W|^2",
        Measured.embedding_error,
        applies=given.all_of(given.embedded, given.decayed_embedding),
        exact=given.all_of(
            given.homogeneous, given.homogeneous_end, given.one_stage, given.stationary, given.head_unbiased
        ),
    ),
    Rule(
        "S19",
        "energy of a block against its work, median error",
        "the last operation of a block is linear in decayed parameters, a stationary point; any architecture",
        "0: each block's weights cost what they gain against the loss",
        _reading("work_scatter"),
        tolerance=2e-2,
        applies=given.all_of(given.labels, given.works),
        exact=given.stationary,
    ),
    Rule(
        "S19",
        "energy of the head against its work",
        "a decayed head, a stationary point; any architecture",
        "0: lam_W |W|^2 = -<dl/dz, z>",
        Measured.head_work_error,
        tolerance=2e-2,
        applies=given.labels,
        exact=given.all_of(given.stationary, given.head_unbiased),
    ),
    Rule(
        "S19",
        "-<g_l, h_l> the same at every layer, spread",
        "1-homogeneous blocks (linear or ReLU, no biases), trained or not",
        "0: Euler's identity",
        _reading("euler_spread"),
        tolerance=1e-6,
        applies=given.all_of(given.labels, given.homogeneous, given.one_stage),
        controlled=False,
    ),
    Rule(
        "S19",
        "-<g_l, h_l> against the energy of the head, largest error",
        "as above, and a stationary point",
        "0: what is left of the loss is what the head costs",
        _reading("euler_error"),
        tolerance=2e-2,
        applies=given.all_of(given.labels, given.homogeneous, given.one_stage),
        exact=given.all_of(given.homogeneous_end, given.stationary, given.head_unbiased),
    ),
)
"""In the order of the statements; "S1/S6" is the one that speaks of the network's blocks."""

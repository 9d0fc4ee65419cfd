"""The claims of the main job, with every tolerance and band, written before the run; CHANGELOG.md lists later changes.

To add a claim, add an entry: a reading (or a regression across depth), the kinds it speaks of, what the theory says,
and the control that must miss it.
"""

import math
from typing import Literal

import msgspec

from ramodel.comparison import Kind
from ramodel.experiments import readings
from ramodel.experiments.readings import Reading

__all__ = ["CLAIMS", "DEPTH_CLAIMS", "LEARNT", "Arm", "Claim", "DepthClaim", "NetworkKind"]

NetworkKind = Literal["linear", "factored", "gelu", "relu"]
Arm = Literal["trained", "sgd", "untrained", "no-skip"]


LEARNT = 0.5
"""Training accuracy below which a network has not learnt, and cannot serve as a trained control."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim about single networks: a reading, summed up over depths and seeds.

    Parameters
    ----------
    statement, claim, kind
        As in `Comparison`.
    kinds
        Kinds of network it speaks of, a row each.
    reading
        The number of one network.
    worst
        True: the largest reading over all networks is judged (exact claims). False: their mean, with its interval.
    theory, tolerance, band
        As in `Comparison`.
    control
        Arm, or kind of trained network, that must miss it; None where there is none.
    stationary
        Judge only networks that reached this relative gradient norm; the others are counted in the note.
    reason
        Where tolerance or band comes from.
    """

    statement: str
    claim: str
    kind: Kind
    kinds: tuple[NetworkKind, ...]
    reading: Reading
    worst: bool = False
    theory: float | None = None
    tolerance: float = 0.0
    band: tuple[float | None, float | None] | None = None
    control: Arm | NetworkKind | None = "untrained"
    stationary: float = math.inf
    reason: str


class DepthClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim about the exponent of s_1 across depth: the slope of ln s_1 against ln L over all trained networks.

    With `band` None the theory predicts s_1 of each network from its own end-to-end map, and the same regression on
    these predictions gives the predicted exponent.
    """

    statement: str
    claim: str
    kind: Kind
    kinds: tuple[NetworkKind, ...]
    tolerance: float = 0.0
    band: tuple[float | None, float | None] | None = None
    control: tuple[NetworkKind, Arm] = ("linear", "no-skip")
    reason: str


_MODEL: tuple[NetworkKind, ...] = ("linear", "factored")
_NONLINEAR: tuple[NetworkKind, ...] = ("gelu", "relu")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        statement="S1",
        claim="blocks symmetric",
        kind="exact",
        kinds=_MODEL,
        reading=readings.asymmetry,
        worst=True,
        theory=0.0,
        tolerance=1e-3,
        reason="error is first order in the relative gradient (1e-6) times the condition of the problem (up to 1e3)",
    ),
    Claim(
        statement="S1",
        claim="s_k from the head alone, median error",
        kind="exact",
        kinds=_MODEL,
        reading=readings.head_only_error,
        worst=True,
        theory=0.0,
        tolerance=1e-4,
        reason="aim of the project at the stationarity of the recipe",
    ),
    Claim(
        statement="S1",
        claim="largest s_k / s_1 where 0 is predicted",
        kind="exact",
        kinds=_MODEL,
        reading=readings.unpredicted_share,
        worst=True,
        theory=0.0,
        tolerance=1e-2,
        reason="directions at a threshold relax slowest: their curvature vanishes there",
    ),
    Claim(
        statement="S1",
        claim="block from the head, whole matrix",
        kind="exact",
        kinds=_MODEL,
        reading=readings.balance_error,
        worst=True,
        theory=0.0,
        tolerance=1e-3,
        reason="as for symmetry",
    ),
    Claim(
        statement="S1",
        claim="all blocks equal",
        kind="exact",
        kinds=_MODEL,
        reading=readings.layer_spread,
        worst=True,
        theory=0.0,
        tolerance=1e-3,
        reason="as for symmetry",
    ),
    Claim(
        statement="S18",
        claim="s_k from the end-to-end map, median error",
        kind="exact",
        kinds=_MODEL,
        reading=readings.end_to_end_error,
        worst=True,
        theory=0.0,
        tolerance=1e-4,
        reason="aim of the project at the stationarity of the recipe",
    ),
    Claim(
        statement="S18",
        claim="decay terms at their least for this map",
        kind="exact",
        kinds=_MODEL,
        reading=readings.reduced_cost_error,
        worst=True,
        theory=0.0,
        tolerance=1e-4,
        reason="second order in the relative gradient",
    ),
    Claim(
        statement="S5",
        claim="trajectories from the head alone",
        kind="exact",
        kinds=_MODEL,
        reading=readings.trajectory_error,
        worst=True,
        theory=0.0,
        tolerance=1e-3,
        reason="the error of the block is carried through L blocks",
    ),
    Claim(
        statement="S19",
        claim="block energy = work, largest error",
        kind="exact",
        kinds=("linear", "factored", "gelu"),
        reading=readings.work_energy_error,
        worst=True,
        theory=0.0,
        tolerance=1e-3,
        stationary=1e-4,
        reason="the statement is about stationary points; blocks differ tenfold in energy",
    ),
    Claim(
        statement="S19",
        claim="block energy = work, largest error",
        kind="exact",
        kinds=("relu",),
        reading=readings.work_energy_error,
        worst=True,
        theory=0.0,
        tolerance=5e-2,
        stationary=0.1,
        reason="a ReLU network stalls at kinks, near a relative gradient of 0.05 (limit set after the first run)",
    ),
    Claim(
        statement="S19",
        claim="-<g_l, h_l> = head energy in every layer",
        kind="exact",
        kinds=("linear", "factored"),
        reading=readings.euler_error,
        worst=True,
        theory=0.0,
        tolerance=1e-3,
        control="gelu",
        reason="Euler's identity needs 1-homogeneous blocks: GELU is not, and must miss it",
    ),
    Claim(
        statement="S19",
        claim="-<g_l, h_l> = head energy in every layer",
        kind="exact",
        kinds=("relu",),
        reading=readings.euler_error,
        worst=True,
        theory=0.0,
        tolerance=5e-2,
        control="gelu",
        stationary=0.1,
        reason="Euler's identity, at the stationarity a ReLU network reaches (limit set after the first run)",
    ),
    Claim(
        statement="RA1",
        claim="on a line: line-shape ratio",
        kind="empirical",
        kinds=_NONLINEAR,
        reading=readings.line_shape,
        band=(None, 1.10),
        control="no-skip",
        reason="1 is a line; at 1.10 the steps turn by less than 25 degrees about their mean direction",
    ),
    Claim(
        statement="RA1",
        claim="equispaced: CV of step lengths",
        kind="empirical",
        kinds=_NONLINEAR,
        reading=readings.step_variation,
        band=(None, 0.50),
        control="no-skip",
        reason="the paper says equispaced; S5 allows balanced networks a defect of up to a/sqrt(12), a the log-gain",
    ),
    Claim(
        statement="RA2",
        claim="affinity of top-C subspaces, all pairs",
        kind="empirical",
        kinds=_NONLINEAR,
        reading=readings.subspace_affinity,
        band=(0.60, None),
        control="no-skip",
        reason="random subspaces have C/d; 0.6 is half way to 1 and beyond",
    ),
    Claim(
        statement="RA2",
        claim="left = right: asymmetry of J",
        kind="empirical",
        kinds=_NONLINEAR,
        reading=readings.asymmetry,
        band=(None, 0.50),
        control="no-skip",
        reason="random matrices have sqrt(2); at 0.5 the antisymmetric part holds 6 % of the energy",
    ),
    Claim(
        statement="RA3",
        claim="energy of J outside its top C",
        kind="empirical",
        kinds=_NONLINEAR,
        reading=readings.energy_outside,
        band=(None, 0.01),
        reason="rank at most C, up to one per cent of the energy",
    ),
    Claim(
        statement="RA4",
        claim="1/s_l against l within a net, slope",
        kind="empirical",
        kinds=_NONLINEAR,
        reading=readings.inverse_slope,
        band=(0.5, 1.5),
        control="no-skip",
        reason="1 by S7 (transport cost), 0 by S1 and S6 (weight decay): the band is the paper's reading of RA4",
    ),
)

DEPTH_CLAIMS: tuple[DepthClaim, ...] = (
    DepthClaim(
        statement="S4",
        claim="exponent of s_1 across depth",
        kind="asymptotic",
        kinds=_MODEL,
        tolerance=0.01,
        reason="s_1 of every net is predicted from its own end-to-end map",
    ),
    DepthClaim(
        statement="RA4",
        claim="exponent of s_1 across depth",
        kind="empirical",
        kinds=_NONLINEAR,
        band=(-1.25, -0.50),
        reason="1/L is -1; the logarithm of S4 flattens it, to about -0.7 at these depths",
    ),
)

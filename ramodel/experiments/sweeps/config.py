"""A sweep as it is written in a TOML file: what is trained, what is varied, what is measured, what is claimed."""

import math
from typing import Any, Literal

import msgspec

from ramodel.comparison import Kind
from ramodel.nets.data.datasets import Normalisation
from ramodel.nets.training.config import TrainingConfig

__all__ = ["Arm", "Claim", "DataSettings", "MeasureSettings", "Summary", "SweepConfig"]

Summary = Literal["mean", "worst", "exponent", "slope", "scatter", "difference"]


class DataSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which samples a cell is trained and measured on; the seed of the cell is that of the split.

    Parameters
    ----------
    dataset
        As `name_or_path` of `ramodel.nets.load_dataset`; "python-text" is the character corpus of transformers.
    classes
        Number of classes, the first ones; or None for all, or where `labels` names them.
    labels
        Labels to keep.
    train_size, test_size, normalise
        As in `ramodel.nets.load_dataset`.
    shuffled_labels
        Whether training labels are permuted at random: nothing is left to generalise from. Test labels stay.
    context
        Characters in a row, of text.
    """

    dataset: str = "digits"
    classes: int | None = None
    labels: tuple[int, ...] | None = None
    train_size: int | None = None
    test_size: int | None = None
    normalise: Normalisation = "mean-norm"
    shuffled_labels: bool = False
    context: int | None = None


class MeasureSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a trained network is measured.

    Parameters
    ----------
    inputs
        Test inputs at which Jacobians are taken, spread evenly over the classes.
    rank
        Singular triplets of each; None for the number of classes + 2.
    stand_ins
        Whether the linear stand-ins of a nonlinear block are compared: its Jacobian at an input, at the class means,
        averaged over inputs, and the least-squares secant.
    work
        Whether work and energy (S19) and gradient norms (S9) are measured, over the training set.
    collapse
        Whether the Neural Collapse metrics are measured at every state.
    during
        Readings, by name, taken along the training.
    looks
        How often they are taken: at the start, and then at iterations in geometric progression to the end.
    """

    inputs: int = 20
    rank: int | None = None
    stand_ins: bool = False
    work: bool = True
    collapse: bool = True
    during: tuple[str, ...] = ()
    looks: int = 12


class Arm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to depart from the common settings.

    Parameters
    ----------
    name
        What it is called in tables.
    control
        Whether it is where a claim must fail.
    set
        Settings by dotted name, such as {"network.skip" = false}.
    axes
        Axes that replace those of the sweep, for this arm alone.
    seeds
        Number of seeds, where it is not that of the sweep.
    """

    name: str
    control: bool = False
    set: dict[str, Any] = {}
    axes: dict[str, tuple[Any, ...]] | None = None
    seeds: int | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One claim, with its band, written before the run.

    Parameters
    ----------
    statement, claim, kind
        As in `ramodel.comparison.Comparison`.
    reading
        Name in `ramodel.experiments.confrontation.READINGS`: the number of one network.
    summary
        "mean" of the readings over networks, with its 95 % interval over seeds; "worst", the one that is farthest from
        meeting the claim; the "exponent" of the reading across `axis` (slope of logarithms), or its "slope"; the
        "scatter" of many predicted against measured numbers (slope, R^2, median relative error: the last is judged);
        the "difference" between an arm and the `control`, paired by seed.
    arms
        Arms that it speaks of, a row each; empty for all that are no controls.
    control
        Arm in which it must fail; None where there is none.
    axis
        Dotted name of the axis of "exponent" and "slope"; for the others a row is made for each of its values.
    theory
        Predicted number, or the name of a reading that predicts it from other measurements of the same network.
    tolerance
        Allowed departure.
    at_least, at_most
        Band of an empirical claim.
    stationary
        Only networks that reached this relative gradient norm are judged.
    learnt
        Only networks of at least this training accuracy are judged.
    reason
        Where band or tolerance come from.
    """

    statement: str
    claim: str
    kind: Kind = "empirical"
    reading: str
    summary: Summary = "mean"
    arms: tuple[str, ...] = ()
    control: str | None = None
    axis: str | None = None
    theory: float | str | None = None
    tolerance: float = 0.0
    at_least: float = -math.inf
    at_most: float = math.inf
    stationary: float = math.inf
    learnt: float = 0.0
    reason: str = ""


class SweepConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sweep: every arm, at every point of the axes, with every seed, is a cell.

    Parameters
    ----------
    law
        Which law it tries; a key of `ramodel.experiments.sweeps.LAWS`.
    title
        The question, in a line.
    size
        "cpu" (minutes on two cores) or "gpu" (under ten minutes on a large GPU, or resumable in such slices).
    network
        Fields of a family's configuration, `family` among them; what follows from the data is filled in.
    data, training, measure
        Common settings.
    arms
        At least one.
    axes
        Settings by dotted name and the values they run through; every combination is a cell.
    seeds, seed
        Number of networks of each kind, and the first seed.
    claims
        What is judged afterwards.
    """

    law: str
    title: str
    size: Literal["cpu", "gpu"] = "cpu"
    network: dict[str, Any]
    data: DataSettings = DataSettings()
    training: TrainingConfig = TrainingConfig()
    measure: MeasureSettings = MeasureSettings()
    arms: tuple[Arm, ...] = (Arm(name="trained"),)
    axes: dict[str, tuple[Any, ...]] = {}
    seeds: int = 2
    seed: int = 0
    claims: tuple[Claim, ...] = ()

"""Finding the blocks of a network and their convention, and recording what the blocks are called with."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ramodel.checks import one_of
from ramodel.spectra.network.call import BlockCall, TakenSkip
from ramodel.spectra.network.convention import Graph, continues, seen_skip
from ramodel.spectra.network.evaluation import CastWeights, exact_autograd
from ramodel.spectra.network.find import Stage, found_stages, given_blocks, given_stages, scope
from ramodel.spectra.network.guard import refuse_unmeasurable
from ramodel.spectra.network.inputs import Batch, Inputs
from ramodel.spectra.network.recording import NamedBlock, Observation, Visit, checked_visits, observe, recorded_calls

__all__ = ["Inspection", "Skip", "inspect", "record"]

Skip = Literal["auto", "inside", "branch", "masked", "none"]
"""Where the skip connection is: in the block module, around it, in it below a ReLU, nowhere; "auto" finds out."""


@dataclass(frozen=True)
class Inspection:
    """What is to be measured of a network, and how."""

    model: nn.Module
    stages: tuple[Stage, ...]
    skips: tuple[TakenSkip, ...]
    """Of each block."""
    notes: tuple[str, ...]
    """What was found and taken, and what was left out and why, in sentences."""
    weights: CastWeights

    @property
    def blocks(self) -> tuple[NamedBlock, ...]:
        """Return the blocks of all stages in order."""
        return tuple(block for stage in self.stages for block in stage.blocks)


def inspect(
    model: nn.Module,
    inputs: Inputs | Batch,
    *,
    blocks: Sequence[str | nn.Module] | None = None,
    skip: Skip = "auto",
    dtype: torch.dtype = torch.float64,
) -> Inspection:
    """Return which blocks of `model` there are to measure, and where the skip of each is.

    Two samples are sent through the network with gradients on; the graph shows which modules add to their input.

    Parameters
    ----------
    model
        Any network in eval mode. It is left as it was.
    inputs
        Samples first: an array or tensor, or a mapping of them by the names of the forward's arguments (Hugging Face).
    blocks
        Modules or names, in order; None finds them: the members of the network's lists that keep the shape of their
        state and show a skip.
    skip
        "inside": a block contains its skip and returns the next state. "masked": so it does, with a ReLU above the
        addition. "branch": it is f_l alone, and the network adds its input. "none": there is no skip. "auto" reads it
        off the graph and, where that shows nothing, off an attribute `skip` (True or False) of the blocks or the model.
    dtype
        Of the measurement.

    Raises
    ------
    TypeError, ValueError
        If the blocks cannot be found, do not follow one another or do not tell their skip; if `skip` contradicts what
        the network does; if the network cannot be measured as it stands (`refuse_unmeasurable`).

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Tanh())
    >>> inspect(network, torch.ones(5, 3), blocks=["1", "2"], skip="none").skips
    ('none', 'none')
    """
    one_of("skip", skip, ["auto", "inside", "branch", "masked", "none"])
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    refuse_unmeasurable(model)
    listed = None if blocks is None else given_blocks(model, blocks)
    few = Batch.of(inputs).rows(slice(2)).on(model, dtype)
    weights = CastWeights(dtype)
    watched = listed or [NamedBlock(name, module) for name, module in model.named_modules() if name]
    with exact_autograd():
        observation = observe(model, few, watched, weights, needed=_needed(model, listed))
        graph = Graph(observation.result)
        if listed is not None:
            visits = {visit.name: visit for visit in checked_visits(observation, listed, len(few))}
            stages, left_out = given_stages(listed, visits), ()
        else:
            visits = _called_once(observation, len(few))
            stages, left_out = found_stages(model, visits, graph)
        skips: list[TakenSkip] = []
        notes = []
        for stage in stages:
            taken = _skips_of(model, stage, visits, graph, skip)
            notes.append(_taken_note(stage, taken, skip))
            skips += taken
    return Inspection(model, stages, tuple(skips), (*notes, *left_out, *_surroundings(few)), weights)


def record(
    model: nn.Module, inputs: Inputs | Batch, inspection: Inspection, dtype: torch.dtype = torch.float64
) -> list[BlockCall]:
    """Return what every block of an inspected network is called with at `inputs`, in the order of the blocks.

    Raises
    ------
    TypeError, ValueError
        If a block is not called once, a state is not finite (the message names the block where that begins), or the
        output of a sample depends on the others.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Tanh())
    >>> inspection = inspect(network, torch.ones(5, 3), blocks=["1", "2"], skip="none")
    >>> first, second = record(network, torch.ones(5, 3), inspection)
    >>> torch.equal(first.output, second.state), torch.equal(second(second.state), second.output)
    (True, True)
    """
    model = inspection.model
    weights = inspection.weights if inspection.weights.dtype == dtype else CastWeights(dtype)
    batch = Batch.of(inputs).on(model, dtype)
    blocks = inspection.blocks
    names = {block.name for block in blocks}

    def seen(some: Batch) -> Observation:
        return observe(model, some, blocks, weights, needed=names)

    with exact_autograd(), torch.no_grad():
        one_more = torch.arange(len(batch) + 1) % len(batch)
        return recorded_calls(
            seen(batch), lambda: seen(batch.rows(one_more)), blocks, inspection.skips, len(batch), weights
        )


def _needed(model: nn.Module, listed: Sequence[NamedBlock] | None) -> set[str]:
    """Return the names of which at least one must be called, else the network is walked block by block."""
    if listed is not None:
        return {block.name for block in listed}
    own = scope(model)
    return {f"{own}.{name}" for name, _ in model.get_submodule(own).named_children()} if own else set()


def _called_once(observation: Observation, samples: int) -> dict[str, Visit]:
    times = Counter(visit.name for visit in observation.visits)
    return {
        visit.name: visit
        for visit in observation.visits
        if times[visit.name] == 1 and (visit.state is None or len(visit.state) == samples)
    }


def _skips_of(model: nn.Module, stage: Stage, visits: Mapping[str, Visit], graph: Graph, skip: Skip) -> list[TakenSkip]:
    names = f"{stage.blocks[0].name!r} .. {stage.blocks[-1].name!r}"
    seen = [visits[block.name] for block in stage.blocks]
    taken: list[TakenSkip] = []
    for visit in seen:
        shown: TakenSkip | None = seen_skip(visit).skip
        if shown is None and graph.adds(visit):
            shown = "branch"
        if skip == "auto":
            taken.append(shown or _declared(model, visit, names))
        else:
            _refuse_contradiction(skip, shown, names)
            taken.append(skip)
    for (visit, following), kind in zip(zip(seen, seen[1:], strict=False), taken, strict=False):
        step = continues(visit, following)
        if skip == "branch" and step == "returned":
            raise ValueError(f"skip is 'branch', but the states of blocks {names} fit skip='inside' or 'none'.")
        blind = visit.exit is None or following.entry is None
        if not blind and skip != "branch" and step != ("added" if kind == "branch" else "returned"):
            raise ValueError(
                f"blocks {names} do not follow one another: the state that {following.name!r} receives is neither what "
                f"{visit.name!r} returned nor the sum of that and its input. Name the blocks of one stage, in order."
            )
    return taken


def _declared(model: nn.Module, visit: Visit, names: str) -> TakenSkip:
    declared = getattr(visit.module, "skip", getattr(model, "skip", None))
    if isinstance(declared, bool):
        return "inside" if declared else "none"
    raise ValueError(
        f"skip is 'auto', and blocks {names} do not tell whether they contain a skip: the last step of {visit.name!r} "
        f"({type(visit.module).__name__}) is {seen_skip(visit).last_step}, below which no addition alone leads to its "
        "input (a norm after the addition, as in post-norm transformers, is no skip in this sense). "
        "Say skip='inside' if J is to be D(block) - I, skip='none' if it is to be D(block), skip='masked' if a ReLU is "
        "the last step, or skip='branch' if they are what the network adds to its state."
    )


def _refuse_contradiction(skip: Skip, shown: TakenSkip | None, names: str) -> None:
    if shown is not None and (skip == "branch") != (shown == "branch"):
        raise ValueError(f"skip is {skip!r}, but the states of blocks {names} fit skip={shown!r}.")


_MEANING: dict[TakenSkip, str] = {
    "inside": "J = D(block) - I",
    "branch": "J = D(block), which the network adds",
    "masked": "J = D(block) - diag(1[output > 0])",
    "none": "J = D(block)",
}


def _taken_note(stage: Stage, taken: Sequence[TakenSkip], skip: Skip) -> str:
    kinds = ", ".join(dict.fromkeys(type(block.module).__name__ for block in stage.blocks))
    first, last = stage.blocks[0].name, stage.blocks[-1].name
    which = first if len(stage.blocks) == 1 else f"{first} .. {last}"
    count = f"{len(taken)} block" + ("s" if len(taken) > 1 else "")
    how = "as seen in the network" if skip == "auto" else "as given"
    conventions = " and ".join(f"{kind!r} ({_MEANING[kind]})" for kind in dict.fromkeys(taken))
    return f"{stage.name}: {count} ({kinds}), {which}, states of shape {stage.shape}; skip {conventions}, {how}."


def _surroundings(batch: Batch) -> list[str]:
    device = next(iter((*batch.arguments, *batch.keywords.values()))).device.type
    if torch.is_autocast_enabled(device):
        return [f"autocast is on for {device}; it is ignored, and everything is computed in the dtype asked for."]
    return []

"""Finding the blocks of a network and their convention, and recording what the blocks are called with."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from ramodel.checks import one_of
from ramodel.spectra.network.call import BlockCall, TakenSkip
from ramodel.spectra.network.convention import Skip, taken_skips
from ramodel.spectra.network.evaluation import CastWeights, exact_autograd
from ramodel.spectra.network.explanations import called_twice, other_samples
from ramodel.spectra.network.find import Stage, found_stages, given_blocks, given_stages, scope
from ramodel.spectra.network.graph import Graph, settled
from ramodel.spectra.network.guard import refuse_unmeasurable
from ramodel.spectra.network.inputs import Batch, Inputs
from ramodel.spectra.network.observation import NamedBlock, Observation, Visit, observe
from ramodel.spectra.network.recording import checked_visits, recorded_calls

__all__ = ["Inspection", "Skip", "inspect", "record"]


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
    places: Mapping[str, int | str] = field(default_factory=dict)
    """Position or keyword of the state of each block."""

    @property
    def blocks(self) -> tuple[NamedBlock, ...]:
        """Return the blocks of all stages in order."""
        return tuple(block for stage in self.stages for block in stage.blocks)

    def observe(self, batch: Batch) -> Observation:
        """Return what the blocks see of a batch that is on the network's device and in the dtype of the weights."""
        blocks = self.blocks
        needed = {block.name for block in blocks}
        return observe(self.model, batch, blocks, self.weights, needed=needed, places=self.places)


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
    weights = CastWeights(dtype)
    watched = listed or [NamedBlock(name, module) for name, module in model.named_modules() if name]
    with exact_autograd():
        few = Batch.of(inputs).rows(slice(2)).on(model, dtype)
        seen = observe(model, few, watched, weights, needed=_needed(model, listed))
        observation = Observation(tuple(settled(visit) for visit in seen.visits), seen.result)
        graph = Graph(observation.result)
        if listed is not None:
            visits = {visit.name: visit for visit in checked_visits(observation, listed, len(few))}
            stages, left_out = given_stages(listed, visits)
        else:
            visits, unfit = _called_once(observation, len(few), _needed(model, listed))
            stages, left_out = found_stages(model, visits, graph, unfit)
        skips: list[TakenSkip] = []
        notes = []
        for stage in stages:
            taken = taken_skips(model, stage, visits, graph, skip)
            notes.append(_taken_note(stage, taken, skip))
            skips += taken
    taken_visits = [visits[block.name] for stage in stages for block in stage.blocks]
    notes += [*left_out, *_several_places(taken_visits), *_surroundings(few)]
    places = {visit.name: visit.places[0] for visit in taken_visits}
    return Inspection(model, stages, tuple(skips), tuple(notes), weights, places)


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
    if inspection.weights.dtype != dtype:
        inspection = replace(inspection, weights=CastWeights(dtype))
    with exact_autograd(), torch.no_grad():
        batch = Batch.of(inputs).on(inspection.model, dtype)
        one_more = torch.arange(len(batch) + 1) % len(batch)
        return recorded_calls(
            inspection.observe(batch),
            lambda: inspection.observe(batch.rows(one_more)),
            inspection.blocks,
            inspection.skips,
            len(batch),
            inspection.weights,
        )


def _needed(model: nn.Module, listed: Sequence[NamedBlock] | None) -> set[str]:
    """Return the names of which at least one must be called, else the network is walked block by block."""
    if listed is not None:
        return {block.name for block in listed}
    own = scope(model)
    return {f"{own}.{name}" for name, _ in model.get_submodule(own).named_children()} if own else set()


def _called_once(
    observation: Observation, samples: int, own: Collection[str]
) -> tuple[dict[str, Visit], dict[str, str]]:
    """Return the visits of modules that can be blocks, and of the others what is wrong with them."""
    times = Counter(visit.name for visit in observation.visits)
    visits, unfit = {}, {}
    for visit in observation.visits:
        if times[visit.name] > 1:
            unfit[visit.name] = called_twice(visit.name)
        elif visit.state is not None and len(visit.state) != samples:
            unfit[visit.name] = other_samples(visit.name, visit.state, samples)
        else:
            visits[visit.name] = visit
    for name in own:
        if times[name] > 1:
            raise ValueError(unfit[name])
    return visits, unfit


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


def _several_places(visits: Sequence[Visit]) -> list[str]:
    """Return which blocks are called with their state in several places, such as query, key and value."""
    return [
        f"{visit.name} is called with its state in {len(visit.places)} places "
        f"({', '.join(map(repr, visit.places))}), and depends on it through all of them."
        for visit in visits
        if len(visit.places) > 1
    ]


def _surroundings(batch: Batch) -> list[str]:
    device = next(iter((*batch.arguments, *batch.keywords.values()))).device.type
    if torch.is_autocast_enabled(device):
        return [f"autocast is on for {device}; it is ignored, and everything is computed in the dtype asked for."]
    return []

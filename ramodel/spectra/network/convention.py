"""Where the skip of each block is: as seen in the network, as the network declares, or as the user says."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from torch import nn

from ramodel.spectra.network.call import TakenSkip
from ramodel.spectra.network.find import Stage
from ramodel.spectra.network.graph import Graph, continues, seen_skip
from ramodel.spectra.network.observation import Visit

__all__ = ["Skip", "taken_skips"]

Skip = Literal["auto", "inside", "branch", "masked", "none"]
"""Where the skip connection is: in the block module, around it, in it below a ReLU, nowhere; "auto" finds out."""


def taken_skips(
    model: nn.Module, stage: Stage, visits: Mapping[str, Visit], graph: Graph, skip: Skip
) -> list[TakenSkip]:
    """Return the convention of each block of a stage.

    Raises
    ------
    ValueError
        If `skip` is "auto" and neither the graph nor an attribute `skip` tells, if it contradicts what the graph
        shows, or if the blocks do not follow one another.
    """
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
    for (visit, following), kind in zip(pairwise(seen), taken, strict=False):
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
    if visit.changed:
        raise ValueError(
            f"skip is 'auto', and block {visit.name!r} changes its input in place, so that what is added to is not the "
            "state that it was given. Build it with inplace=False, or say skip='inside', 'masked' or 'none'."
        )
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

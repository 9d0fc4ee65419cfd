"""Which modules of a network are its residual blocks."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import nn

from ramodel.spectra.network.explanations import without_state
from ramodel.spectra.network.graph import Graph, continues, leads_to, same_tensor, seen_skip
from ramodel.spectra.network.observation import NamedBlock, Visit

__all__ = ["Stage", "found_stages", "given_blocks", "given_stages", "scope"]

_LISTS = (nn.ModuleList, nn.Sequential, nn.ModuleDict)


class Stage(NamedTuple):
    """Blocks one after another with states of one shape."""

    name: str
    blocks: tuple[NamedBlock, ...]
    shape: tuple[int, ...]
    """Of the state of one sample."""


def given_blocks(model: nn.Module, blocks: Sequence[str | nn.Module]) -> tuple[NamedBlock, ...]:
    """Return the blocks that the user lists, as names or modules.

    Raises
    ------
    TypeError
        If `blocks` is no list, or holds something that is neither a name nor a module.
    ValueError
        If there are no blocks, or one is unknown or listed twice.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2))
    >>> [block.name for block in given_blocks(network, ["2", network[1]])]
    ['2', '1']
    """
    if isinstance(blocks, nn.ModuleDict):
        blocks = list(blocks.values())
    if isinstance(blocks, str) or not isinstance(blocks, Iterable):
        raise TypeError(f"blocks is {blocks!r}; it must be a list of names or modules.")
    modules = dict(model.named_modules())
    names = {module: name for name, module in modules.items()}
    found = []
    for block in blocks:
        if isinstance(block, str):
            if block not in modules:
                raise ValueError(_unknown(block, model, modules))
            found.append(NamedBlock(block, modules[block]))
        elif isinstance(block, nn.Module):
            if block not in names:
                raise ValueError(f"blocks has a {type(block).__name__} that is not part of {type(model).__name__}.")
            found.append(NamedBlock(names[block], block))
        else:
            raise TypeError(f"blocks has an entry of type {type(block).__name__}; it must hold names or modules.")
    if not found:
        raise ValueError("blocks is empty; there must be at least one block to measure.")
    for name, times in Counter(names[block.module] for block in found).items():
        if times > 1:
            raise ValueError(f"blocks has {name!r} {times} times; list every module once.")
    return tuple(found)


def given_stages(
    blocks: Sequence[NamedBlock], visits: Mapping[str, Visit]
) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    """Return the listed blocks as stages, neighbours in one list with states of one shape; nothing is left out."""
    runs: list[list[NamedBlock]] = []
    for block in blocks:
        before = runs[-1][-1].name if runs else None
        if before and _kind(before) == _kind(block.name) and _shape(visits[before]) == _shape(visits[block.name]):
            runs[-1].append(block)
        else:
            runs.append([block])
    return _stages([(_kind(run[0].name), run) for run in runs], visits), ()


def scope(model: nn.Module) -> str:
    """Return the name below which blocks are looked for: "blocks" where the network has a list of that name."""
    return "blocks" if isinstance(getattr(model, "blocks", None), _LISTS) else ""


def found_stages(
    model: nn.Module, visits: Mapping[str, Visit], graph: Graph, unfit: Mapping[str, str]
) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    """Return the stages found in an observed network, and in sentences what was left out.

    The members of a ModuleList or Sequential that keep the shape of the state are blocks where the graph shows their
    skip: inside them, or around them. Failing that, those with an attribute `skip` (True or False) are; failing that,
    the members of a single such list are blocks without a skip that can be seen. A member that is itself a row of
    blocks (a stage) is looked into.

    Parameters
    ----------
    visits
        Of every module of `model` that may be a block: it was called once.
    unfit
        What is wrong with the modules that may not, by their names.

    Raises
    ------
    ValueError
        If there are no such lists, or several that do not follow one another.
    """
    own = scope(model)
    lists = {
        name: [f"{name}.{child}".lstrip(".") for child, _ in module.named_children()]
        for name, module in model.named_modules()
        if isinstance(module, _LISTS) and (not own or f"{name}.".startswith(f"{own}."))
    }
    keeping = {
        name: [member for member in members if member in visits and visits[member].keeps_shape]
        for name, members in lists.items()
    }
    inside = {name: [m for m in members if seen_skip(visits[m]).skip] for name, members in keeping.items()}
    candidates = _outermost({name: _blocks_of(name, inside, visits) for name in lists})
    if not candidates:
        candidates = _outermost({name: [m for m in keeping[name] if graph.adds(visits[m])] for name in lists})
    if not candidates:
        candidates = _outermost({name: [m for m in keeping[name] if _declares(visits[m])] for name in lists})
    residual = [name for name, visit in visits.items() if name and seen_skip(visit).skip]
    if not candidates and not residual:
        candidates = _outermost({name: _plain(keeping[name], lists, visits) for name in lists})
        given_none = [name for name in _members(model) if name in visits and visits[name].state is None]
        if any(f"{name}.".startswith(f"{block}.") for name in candidates for block in given_none):
            candidates = {}  # they are parts of what the user takes for blocks
        if len(candidates) > 1:
            raise ValueError(_cannot_choose(model, candidates, visits, "no list of blocks whose skip can be seen"))
    if not candidates:
        raise ValueError(_none_found(model, visits, residual, unfit))
    ordered = sorted(candidates, key=lambda name: list(visits).index(candidates[name][0]))
    for first, second in pairwise(ordered):
        if not leads_to(visits[candidates[second][0]], visits[candidates[first][-1]]):
            raise ValueError(_cannot_choose(model, candidates, visits, "several lists of blocks, not in a row"))
    runs, notes = [], []
    for name in ordered:
        blocks = [NamedBlock(member, visits[member].module) for member in candidates[name]]
        runs += [(name, run) for run in _runs(blocks, visits)]
        notes += [_left_out(member, visits) for member in lists[name] if member not in candidates[name]]
    return _stages(runs, visits), tuple(notes)


def _blocks_of(name: str, inside: Mapping[str, list[str]], visits: Mapping[str, Visit]) -> list[str]:
    """Return the members of a list that contain their skip, without those that are rows of blocks themselves."""
    members = inside[name]
    return [
        member
        for member in members
        if not inside.get(member)
        and not (len(members) == 1 and any(_row(visits[member], inner, visits) for inner in _below(member, inside)))
    ]


def _declares(visit: Visit) -> bool:
    return visit.exit is not None and isinstance(getattr(visit.module, "skip", None), bool)


def _below(member: str, inside: Mapping[str, list[str]]) -> list[list[str]]:
    return [members for name, members in inside.items() if name.startswith(f"{member}.") and members]


def _row(whole: Visit, members: Sequence[str], visits: Mapping[str, Visit]) -> bool:
    """Return whether a module does nothing but call the members one after another."""
    first, last = visits[members[0]], visits[members[-1]]
    return same_tensor(whole.entry, first.entry) and same_tensor(whole.exit, last.exit)


def _plain(members: list[str], lists: Mapping[str, list[str]], visits: Mapping[str, Visit]) -> list[str]:
    """Return the members if each returns the state of the next one."""
    if any(member in lists and len(members) == 1 for member in members):
        return []
    follows = all(continues(visits[first], visits[second]) == "returned" for first, second in pairwise(members))
    return members if follows else []


def _outermost(candidates: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the lists that have blocks and are in no block of another list."""
    found: dict[str, list[str]] = {}
    for name, members in candidates.items():  # an outer list comes before the lists in it
        taken = [block for blocks in found.values() for block in blocks]
        if members and not any(f"{name}.".startswith(f"{block}.") for block in taken):
            found[name] = members
    return found


def _runs(blocks: Sequence[NamedBlock], visits: Mapping[str, Visit]) -> list[list[NamedBlock]]:
    runs = [[blocks[0]]]
    for before, block in pairwise(blocks):
        first, second = visits[before.name], visits[block.name]
        if _shape(first) == _shape(second) and continues(first, second):
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs


def _stages(runs: Sequence[tuple[str, list[NamedBlock]]], visits: Mapping[str, Visit]) -> tuple[Stage, ...]:
    names = [name for name, _ in runs]
    stages = []
    for name, run in runs:
        label = name or "model"
        if names.count(name) > 1:
            label = run[0].name if len(run) == 1 else f"{run[0].name} .. {run[-1].name}"
        stages.append(Stage(label, tuple(run), _shape(visits[run[0].name])))
    return tuple(stages)


def _kind(name: str) -> str:
    """Return a block's name with a star for its number: that of its list where the number is the end.

    >>> _kind("layer3.2"), _kind("layer3.2.branch"), _kind("stem")
    ('layer3', 'layer3.*.branch', '')
    """
    parts = name.split(".")
    numbers = [place for place, part in enumerate(parts) if part.isdigit()]
    if not numbers or numbers[-1] == len(parts) - 1:
        return ".".join(parts[:-1])
    return ".".join("*" if place == numbers[-1] else part for place, part in enumerate(parts))


def _shape(visit: Visit) -> tuple[int, ...]:
    return () if visit.state is None else tuple(visit.state.shape[1:])


def _left_out(member: str, visits: Mapping[str, Visit]) -> str:
    visit = visits.get(member)
    if visit is None:
        return f"{member} is left out: it is not called exactly once."
    if visit.state is None or visit.output is None:
        return f"{member} ({type(visit.module).__name__}) is left out: it does not map one state to another."
    if not visit.keeps_shape:
        return (
            f"{member} ({type(visit.module).__name__}) is left out: it maps states of shape {_shape(visit)} to "
            f"{tuple(visit.output.shape[1:])}, so that it has no Residual Jacobian."
        )
    return f"{member} ({type(visit.module).__name__}) is left out: it shows no skip of its own."


def _unknown(name: str, model: nn.Module, modules: Mapping[str, nn.Module]) -> str:
    near = difflib.get_close_matches(name, modules, n=1)
    listed = ", ".join(repr(child) for child, _ in model.named_children())
    end = f"did you mean {near[0]!r}?" if near else f"it has {listed or 'none'}."
    return f"blocks has {name!r}; {type(model).__name__} has no module of that name; {end}"


def _cannot_choose(
    model: nn.Module, candidates: Mapping[str, list[str]], visits: Mapping[str, Visit], what: str
) -> str:
    lines = []
    for name, members in candidates.items():
        kind, shape = type(visits[members[0]].module).__name__, _shape(visits[members[0]])
        lines.append(f"  {_line(model, name, members)}  # {len(members)} x {kind}, state {shape}")
    return f"blocks is None and {type(model).__name__} has {what}. Say which to measure:\n" + "\n".join(lines)


def _line(model: nn.Module, name: str, members: Sequence[str]) -> str:
    """Return what to type for the members of a list."""
    if len(members) < len(list(model.get_submodule(name).children())):
        return f"blocks={list(members)!r}"
    if not name:
        return "blocks=model"
    plain = not any(part.isdigit() for part in name.split("."))
    return f"blocks=model.{name}" if plain else f"blocks=model.get_submodule({name!r})"


def _none_found(
    model: nn.Module, visits: Mapping[str, Visit], residual: Sequence[str], unfit: Mapping[str, str]
) -> str:
    start = (
        f"blocks is None and {type(model).__name__} has no ModuleList or Sequential of modules that keep the shape of "
        "the state"
    )
    changing = [name for name, visit in visits.items() if visit.changed and visit.keeps_shape]
    if changing:
        start += f". Modules that change their input in place ({changing[0]!r}) hide what is added: use inplace=False"
    if residual:
        return f"{start}. These modules add to their input: say blocks={residual!r}, or some of them."
    members = _members(model)
    if not members:
        return f"{start}. Pass the blocks, as modules or names."
    for name in members:
        if name in unfit:
            return f"{start}: {unfit[name]}"
        if name in visits and visits[name].state is None:
            return f"{start}: {without_state(name)}"
        if name in visits and visits[name].keeps_shape and visits[name].exit is None:
            return f"{start} and have a derivative: {name!r} computes under torch.no_grad, or outside of torch."
    lists = dict.fromkeys(name.rpartition(".")[0] for name in members)
    return (
        f"{start}; it has {', '.join(map(repr, lists))}. Pass the blocks, as modules or names, such as "
        f"blocks=[{members[0]!r}]."
    )


def _members(model: nn.Module) -> list[str]:
    """Return the members of the outermost lists of a network, but for the network itself."""
    lists = [name for name, module in model.named_modules() if name and isinstance(module, _LISTS)]
    outer = [name for name in lists if not any(name.startswith(f"{other}.") for other in lists)]
    return [f"{name}.{child}" for name in outer for child, _ in model.get_submodule(name).named_children()]

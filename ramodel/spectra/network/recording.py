"""From what was seen of the blocks of a network to calls that can be replayed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ramodel.spectra.network.call import BlockCall, Place, TakenSkip
from ramodel.spectra.network.evaluation import CastWeights
from ramodel.spectra.network.explanations import called_twice, other_samples, without_state
from ramodel.spectra.network.observation import NamedBlock, Observation, Visit, same_numbers

__all__ = ["checked_visits", "recorded_calls"]

_CACHES = ("past_key_values", "past_key_value", "layer_past", "cache_params")
"""Names under which Hugging Face layers are given a cache."""


def recorded_calls(
    observation: Observation,
    again: Callable[[], Observation],
    blocks: Sequence[NamedBlock],
    skips: Sequence[TakenSkip],
    samples: int,
    weights: CastWeights,
) -> list[BlockCall]:
    """Return the call of every block of an observed forward of `samples` samples.

    Parameters
    ----------
    again
        Observes one sample more; asked only where an argument besides the state may run over the samples.

    Raises
    ------
    TypeError, ValueError
        If a block was not called once with a state that it returns in the same shape, a state is not finite, or the
        output of a sample depends on the others.
    """
    visits = {visit.name: visit for visit in checked_visits(observation, blocks, samples)}
    others = {name: _tensor_places(visit) for name, visit in visits.items()}
    doubtful = any(_rows_of_each(tensor, samples) for places in others.values() for tensor in places.values())
    longer = {visit.name: _tensor_places(visit) for visit in again().visits} if doubtful else {}
    calls = []
    for block, skip in zip(blocks, skips, strict=True):
        visit = visits[block.name]
        assert visit.state is not None  # as checked
        assert visit.output is not None
        rows = {place: _rows_of_each(tensor, samples) for place, tensor in others[block.name].items()}
        per_sample = {
            place: each
            for place, each in rows.items()
            if each and _rows_of_each(longer[block.name][place], samples + 1) == each
        }
        arguments = tuple(_kept(value, weights.dtype) for value in visit.arguments)
        keywords = {
            name: None if name in _CACHES else _kept(value, weights.dtype) for name, value in visit.keywords.items()
        }
        if "use_cache" in keywords:
            keywords["use_cache"] = False
        call = BlockCall(
            name=block.name,
            module=block.module,
            skip=skip,
            state=visit.state,
            output=visit.output,
            weights=weights.of(block.module),
            arguments=tuple(None if place in visit.places else value for place, value in enumerate(arguments)),
            keywords={name: None if name in visit.places else value for name, value in keywords.items()},
            places=visit.places,
            per_sample=per_sample,
        )
        _check_replay(call, others[block.name], changed=visit.changed)
        calls.append(call)
    return calls


def checked_visits(observation: Observation, blocks: Sequence[NamedBlock], samples: int) -> list[Visit]:
    """Return the visits of `blocks`; raise where there is not exactly one of each, through which states can be told."""
    called = {visit.name for visit in observation.visits}
    for block in blocks:
        if block.name not in called:
            raise ValueError(f"block {block.name!r} was not called by the network's forward; leave it out of blocks.")
    seen = set()
    for visit in observation.visits:
        if visit.name in seen:
            raise ValueError(called_twice(visit.name))
        seen.add(visit.name)
        if visit.state is None:
            raise ValueError(without_state(visit.name))
        if visit.output is None:
            raise TypeError(
                f"block {visit.name!r} returns a {visit.returned} that does not begin with a floating tensor; it must "
                "return its state first."
            )
        if len(visit.state) != samples:
            raise ValueError(other_samples(visit.name, visit.state, samples))
        if not visit.keeps_shape:
            raise ValueError(
                f"block {visit.name!r} maps {tuple(visit.state.shape)} to {tuple(visit.output.shape)}; a Residual "
                "Jacobian needs a block that keeps the shape of the state. Leave it out of blocks."
            )
        for what, state in (("receives", visit.state), ("returns", visit.output)):
            if not bool(torch.isfinite(state).all()):
                raise ValueError(f"block {visit.name!r} {what} a state that is not finite; the first where it appears.")
    return list(observation.visits)


def _tensor_places(visit: Visit) -> dict[Place, Tensor]:
    """Return the tensors besides the state that a module was called with."""
    found: dict[Place, Tensor] = {}
    everything: list[tuple[int | str, Any]] = [*enumerate(visit.arguments), *visit.keywords.items()]
    for place, value in everything:
        if isinstance(value, Tensor) and place not in visit.places:
            found[place] = value
        elif isinstance(value, (tuple, list)):
            found |= {(place, index): part for index, part in enumerate(value) if isinstance(part, Tensor)}
    return found


def _rows_of_each(tensor: Tensor, samples: int) -> int:
    """Return how many rows of its first axis a tensor has for each sample; 0 where they do not come out even."""
    rows = tensor.shape[0] if tensor.ndim else 0
    return 0 if rows % samples else rows // samples


def _kept(value: Any, dtype: torch.dtype) -> Any:
    """Return an argument as a replay needs it: floating tensors in `dtype`, no caches, which a replay would fill."""
    if isinstance(value, Tensor):
        return value.detach().to(dtype) if value.is_floating_point() else value.detach()
    if isinstance(value, (tuple, list)):
        return tuple(_kept(part, dtype) for part in value)
    return None if "Cache" in type(value).__name__ else value


def _check_replay(call: BlockCall, places: Mapping[Place, Tensor], *, changed: bool) -> None:
    """Raise where the first sample alone does not give what it gave in the batch."""
    first = torch.zeros(1, dtype=torch.int64, device=call.state.device)
    others = "; ".join(f"{place!r}: {tuple(tensor.shape)}" for place, tensor in places.items()) or "nothing else"
    axes = (
        f"The first axis of its state, and of what else it has for each sample ({others}), must run over the samples "
        "(batch_first=True in torch's transformers)."
    )
    try:
        with torch.no_grad():
            alone = call(call.state[:1], first)
    except (RuntimeError, IndexError) as error:
        raise ValueError(
            f"block {call.name!r} fails when it is called for the first sample alone ({error}). {axes}"
        ) from error
    if changed and call.skip == "branch":
        raise ValueError(
            f"block {call.name!r} changes its input in place, and the network adds what is left of it; build it with "
            "inplace=False."
        )
    if not same_numbers(alone, call.output[:1]):
        raise ValueError(
            f"block {call.name!r} gives another output for the same sample alone: it is random or mixes samples. "
            f"Call model.eval(), or replace what does it. {axes}"
        )
    if call.skip == "masked" and bool((call.output < 0).any()):
        raise ValueError(
            f"skip is 'masked', but block {call.name!r} returns negative numbers, so that no ReLU is its last step. "
            "Say skip='inside' if it contains its skip."
        )

"""One measurement: chunks of inputs, stages, blocks."""

import gc
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ramodel.progress import Progress
from ramodel.spectra.block_results import EIGENVALUES, Results, block_results, stage_alignment
from ramodel.spectra.class_means import class_shares
from ramodel.spectra.collector import SpectraCollector
from ramodel.spectra.layout import SpectraLayout, StageLayout
from ramodel.spectra.memory import in_words, is_out_of_memory
from ramodel.spectra.network import Batch, BlockCall, Inspection, Stage, record
from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.operators.tokens import token_pairs
from ramodel.spectra.plan import Plan, planned
from ramodel.spectra.request import Request
from ramodel.spectra.trajectory import stacked_states

__all__ = ["MeasurementRun"]

Put = Callable[..., None]


class MeasurementRun:
    """Measures the blocks of an inspected network and hands what it finds to a collector.

    Parameters
    ----------
    batch
        All inputs.
    inspection
        The network, its blocks and their convention.
    request
        What is wanted.
    labels
        [N] int64, or None.
    streamed
        Whether vectors and states go to a file and not into memory.
    """

    def __init__(
        self, batch: Batch, inspection: Inspection, request: Request, labels: Tensor | None, *, streamed: bool
    ) -> None:
        self._batch, self._inspection, self._request, self._labels = batch, inspection, request, labels
        self._pairs = self._token_pairs()
        self._result_bytes = 0 if streamed else self.layout().nbytes
        self._plan = self._planned()
        self._kinds: dict[str, str] = {}
        self._class_states: dict[str, Tensor] = {}
        self._last_calls: list[BlockCall] = []

    def steps(self, *, class_means: bool) -> int:
        """Return the number of pairs of a block and an input, those of class means among them."""
        points = len(self._batch) + (len(self._classes()[0]) if class_means else 0)
        return points * len(self._inspection.blocks)

    @property
    def notes(self) -> list[str]:
        """What was found and taken, and how the products were made."""
        nbytes = in_words(max(2**20, self._plan.nbytes + self._result_bytes))  # what is less is not worth a thought
        count = self._plan.inputs
        memory = f"{count} input{'' if count == 1 else 's'} at once; predicted memory {nbytes}."
        return [*self._inspection.notes, memory, *self._kinds.values()]

    def layout(self) -> SpectraLayout:
        """Return what the measurement will hold."""
        return self._layout(len(self._batch), self._labels)

    def class_means_layout(self) -> SpectraLayout:
        """Return what the measurement at the class means will hold; its labels are the classes."""
        classes, _ = self._classes()
        return self._layout(len(classes), classes)

    def measure_inputs(self, collector: SpectraCollector, progress: Progress) -> None:
        """Measure all inputs, as many at once as memory holds."""
        size, start = self._plan.inputs, 0
        while start < len(self._batch):
            rows = slice(start, min(start + size, len(self._batch)))
            try:
                self._measure_rows(rows, collector, progress)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                size = (rows.stop - rows.start) // 2
                if size == 0:
                    raise MemoryError(
                        f"memory ran out with one input at once ({error}). Choose a smaller rank, dtype='float32', "
                        "vectors='none', fewer blocks, or output=FILE."
                    ) from error
                self._plan = self._plan._replace(blocks=(1,) * len(self._plan.blocks))
                self._kinds["memory"] = f"Memory ran out; inputs at once were cut to {size}."
                _release_memory()
                continue
            start = rows.stop

    def measure_class_means(self, collector: SpectraCollector, progress: Progress) -> None:
        """Measure at the class means of the states, which `measure_inputs` has added up."""
        assert collector.class_means is not None
        for stage, calls in self._by_stage(self._last_calls):
            states = self._class_states[stage.name]
            with torch.no_grad():
                at_means = [call.at(state) for call, state in zip(calls, states, strict=False)]
            collector.class_means.put(stage.name, slice(0, states.shape[1]), states=states)
            self._measure_stage(stage, at_means, slice(0, states.shape[1]), collector.class_means.put, progress)

    def _measure_rows(self, rows: slice, collector: SpectraCollector, progress: Progress) -> None:
        inspection = self._inspection
        self._last_calls = record(inspection.model, self._batch.rows(rows), inspection, self._request.dtype)
        found = {}
        for stage, calls in self._by_stage(self._last_calls):
            found[stage.name] = stacked_states(calls)
            collector.put(stage.name, rows, states=found[stage.name])
            self._measure_stage(stage, calls, rows, collector.put, progress)
        if collector.class_means is not None:  # only now: a batch that memory cuts short comes again
            self._add_to_means(found, rows)

    def _measure_stage(
        self, stage: Stage, calls: Sequence[BlockCall], rows: slice, put: Put, progress: Progress
    ) -> None:
        operators: list[JacobianOperator] = []
        found: list[Results] = []
        together = self._plan.blocks[self._inspection.stages.index(stage)]
        steps = block_results(calls, self._request, first_input=rows.start, together=together, progress=progress)
        for position, operator, results in steps:
            self._note_kind(calls[position].name, operator)
            kept = results if self._request.vectors != "none" else _without_vectors(results)
            put(stage.name, rows, block=position, **kept)
            if self._request.alignment:
                operators.append(operator)
                found.append(results)
        if self._request.alignment:
            put(stage.name, rows, **stage_alignment(operators, found, self._request))

    def _by_stage(self, calls: Sequence[BlockCall]) -> list[tuple[Stage, list[BlockCall]]]:
        named = {call.name: call for call in calls}
        return [(stage, [named[block.name] for block in stage.blocks]) for stage in self._inspection.stages]

    def _planned(self) -> Plan:
        inspection = self._inspection
        calls = record(inspection.model, self._batch.rows(slice(1)), inspection, self._request.dtype)
        stages = [stage_calls for _, stage_calls in self._by_stage(calls)]
        pairs = max(1, len(self._pairs))
        return planned(stages, len(self._batch), pairs, self._request, result_bytes=self._result_bytes)

    def _token_pairs(self) -> tuple[str, ...]:
        """Return the names of the pairs of tokens; raise where stages have not the same tokens."""
        if self._request.tokens == "sequence":
            return ()
        first, *others = self._inspection.stages
        pairs = token_pairs(self._request.tokens, first.shape)
        for stage in others:
            if token_pairs(self._request.tokens, stage.shape) != pairs:
                raise ValueError(
                    f"tokens asks for pairs of tokens, but stage {first.name!r} has states {first.shape} and "
                    f"{stage.name!r} {stage.shape}. Measure them apart: blocks=[...]."
                )
        return tuple(f"{to_token}<-{from_token}" for to_token, from_token in pairs)

    def _layout(self, inputs: int, labels: Tensor | None) -> SpectraLayout:
        request, inspection = self._request, self._inspection
        skips = dict(zip((block.name for block in inspection.blocks), inspection.skips, strict=True))
        stages = tuple(
            StageLayout(
                stage.name,
                stage.shape,
                tuple(block.name for block in stage.blocks),
                tuple(skips[block.name] for block in stage.blocks),
            )
            for stage in inspection.stages
        )
        largest = max(stage.shape[-1] if self._pairs else math.prod(stage.shape) for stage in inspection.stages)
        return SpectraLayout(
            stages,
            inputs=inputs,
            rank=request.rank,
            dtype=str(request.stored_dtype).removeprefix("torch."),
            vectors=request.vectors != "none",
            pairs=self._pairs,
            labels=None if labels is None else labels.cpu().numpy(),
            statistics=request.statistics,
            eigenvalues=min(largest, EIGENVALUES) if "eigenvalues" in request.statistics else 0,
            alignment=request.alignment,
            jacobians=request.keep_jacobians,
            attributes={
                "network": type(inspection.model).__name__,
                "tolerance": request.tolerance,
                "dtype": str(request.dtype).removeprefix("torch."),
                "seed": request.seed,
            },
        )

    def _classes(self) -> tuple[Tensor, Tensor]:
        """Return the classes in increasing order, [C], and the share of each sample in the mean of each, [N, C]."""
        assert self._labels is not None
        return class_shares(self._labels, self._request.dtype)

    def _add_to_means(self, found: dict[str, Tensor], rows: slice) -> None:
        _, shares = self._classes()
        for name, states in found.items():
            part = torch.einsum("ln...,nc->lc...", states, shares[rows].to(states.device))
            self._class_states[name] = self._class_states[name] + part if name in self._class_states else part

    def _note_kind(self, name: str, operator: JacobianOperator) -> None:
        if operator.kind == "generic":
            self._kinds.setdefault(
                operator.reason, f"{name} and blocks like it are differentiated automatically: {operator.reason}."
            )


def _release_memory() -> None:
    """Give back what an interrupted computation still holds."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _without_vectors(results: Results) -> Results:
    return {name: part for name, part in results.items() if name not in ("left", "right")}

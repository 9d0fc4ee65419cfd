"""What a measurement will hold, told before it runs: names, axes, types and size of everything."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

__all__ = ["SpectraLayout", "StageLayout"]


class _Variable(NamedTuple):
    axes: tuple[str, ...]
    """After block, input and, where there are pairs of tokens, pair."""
    kind: str
    meaning: str


_ALWAYS = {
    "singular_values": _Variable(("rank",), "f8", "s_k, singular value of the Residual Jacobian"),
    "residual_forward": _Variable(("rank",), "f8", "|J v_k - s_k u_k| / max(s_k, 1e-3 s_1)"),
    "residual_adjoint": _Variable(("rank",), "f8", "|J^T u_k - s_k v_k| / max(s_k, 1e-3 s_1)"),
    "converged": _Variable(("rank",), "?", "whether the triplet meets the tolerance"),
    "gap": _Variable((), "f8", "s_K / s_(K+1)"),
    "tail_energy": _Variable((), "f8", "sum of s_k^2 over k > K; NaN where not known"),
    "passes": _Variable((), "i4", "products with J or J^T that it took"),
}

_STATISTICS = {
    "trace": {
        "trace": _Variable((), "f8", "tr J"),
        "trace_error": _Variable((), "f8", "standard error of the trace; 0 where it is exact"),
    },
    "frobenius": {
        "frobenius": _Variable((), "f8", "|J|_F"),
        "frobenius_error": _Variable((), "f8", "standard error of the Frobenius norm; 0 where it is exact"),
    },
    "asymmetry": {
        "asymmetry_error": _Variable((), "f8", "|J - J^T|_F / |J|_F"),
        "asymmetry_standard_error": _Variable((), "f8", "standard error of the asymmetry; 0 where it is exact"),
    },
    "normality": {
        "normality_error": _Variable((), "f8", "|J J^T - J^T J|_F / |J|_F^2"),
        "normality_standard_error": _Variable((), "f8", "standard error of the normality; 0 where it is exact"),
    },
    "eigenvalues": {
        "eigenvalues_real": _Variable(("index",), "f8", "real part of the eigenvalues, largest modulus first"),
        "eigenvalues_imag": _Variable(("index",), "f8", "imaginary part of the eigenvalues"),
    },
}


@dataclass(frozen=True)
class StageLayout:
    """The blocks whose states share a shape, in their order in the network."""

    name: str
    shape: tuple[int, ...]
    """Of the state of one input."""
    blocks: tuple[str, ...]
    skips: tuple[str, ...]
    """What was taken for each block: "inside", "branch", "masked" or "none"."""


@dataclass(frozen=True)
class SpectraLayout:
    """What the `Spectra` of a measurement will hold.

    Examples
    --------
    >>> stage = StageLayout("layers", (4,), ("layers.0", "layers.1"), ("inside", "inside"))
    >>> layout = SpectraLayout((stage,), inputs=3, rank=2)
    >>> dict(layout.summary().sizes), dict(layout.vectors_of(stage).sizes)
    ({'block': 2, 'input': 3, 'rank': 2}, {'block': 2, 'input': 3, 'rank': 2, 'coordinate': 4, 'state': 3})
    >>> layout.nbytes
    1476
    """

    stages: tuple[StageLayout, ...]
    inputs: int
    rank: int
    """Triplets asked for; a stage of fewer numbers has as many as it has numbers."""
    dtype: DTypeLike = np.float64
    """Of vectors, states, Jacobians and alignments."""
    vectors: bool = True
    """Whether left and right vectors are kept."""
    pairs: tuple[str, ...] = ()
    """Pairs of tokens, "t_out<-t_in"; empty for Jacobians of whole states. With pairs a state is [token, coordinate]
    and a Jacobian that of one token by one token."""
    labels: NDArray[np.int64] | None = None
    """One for each input."""
    statistics: tuple[str, ...] = ()
    """Of "trace", "frobenius", "asymmetry", "normality", "eigenvalues"."""
    eigenvalues: int = 0
    """How many are kept for each Jacobian, at most (one more where that would part a conjugate pair; NaN fills up)."""
    alignment: bool = False
    jacobians: bool = False
    order: tuple[str, ...] = ()
    """Names of all blocks in their order in the network; stage after stage if it is empty."""
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of all blocks, in the order of the result."""
        return self.order or tuple(name for stage in self.stages for name in stage.blocks)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole result."""
        parts = (self.summary(), *map(self.vectors_of, self.stages))
        return sum(variable.nbytes for part in parts for variable in part.data_vars.values())

    def vector_size(self, stage: StageLayout) -> int:
        """Return n, the number of coordinates of a singular vector in `stage`."""
        return stage.shape[-1] if self.pairs else math.prod(stage.shape)

    def rank_of(self, stage: StageLayout) -> int:
        """Return the number of triplets that the Jacobians of `stage` have."""
        return min(self.rank, self.vector_size(stage))

    def eigenvalues_of(self, stage: StageLayout) -> int:
        """Return the length of the axis of eigenvalues in `stage`: those asked for and one, or all there are."""
        return min(self.eigenvalues + 1, self.vector_size(stage))

    def summary(self) -> xr.Dataset:
        """Return the numbers of all blocks as a dataset without memory: one value broadcast to every shape.

        A stage with fewer triplets or eigenvalues than others has NaN beyond its own (True in `converged`).
        """
        sizes = {"rank": max(map(self.rank_of, self.stages)), "index": max(map(self.eigenvalues_of, self.stages))}
        lead = self._lead
        of_block = {name: (stage.name, skip) for stage in self.stages for name, skip in _skips(stage)}
        coordinates = self._coordinates(self.blocks, sizes["rank"]) | {
            "stage": ("block", [of_block[name][0] for name in self.blocks]),
            "skip": ("block", [of_block[name][1] for name in self.blocks]),
        }
        wanted = _ALWAYS | {name: one for group in self.statistics for name, one in _STATISTICS[group].items()}
        variables = {}
        for name, (axes, kind, meaning) in wanted.items():
            shape = (len(self.blocks), *lead.values(), *(sizes[axis] for axis in axes))
            variables[name] = _blank(("block", *lead, *axes), shape, kind, meaning)
        return xr.Dataset(variables, coordinates, dict(self.attributes))

    def vectors_of(self, stage: StageLayout) -> xr.Dataset:
        """Return vectors, states and whatever else has a size of its own in `stage`, without memory as `summary`."""
        blocks, rank, size = len(stage.blocks), self.rank_of(stage), self.vector_size(stage)
        lead = self._lead
        coordinates = self._coordinates(stage.blocks, rank)
        found = {}

        def add(name: str, axes: tuple[str, ...], shape: tuple[int, ...], meaning: str) -> None:
            found[name] = _blank(axes, shape, self.dtype, meaning)

        if self.vectors:
            for name, meaning in (("left", "u_k, left singular vector"), ("right", "v_k, right singular vector")):
                axes = ("block", *lead, "rank", "coordinate")
                add(name, axes, (blocks, *lead.values(), rank, size), meaning)
        tokens = {"token": math.prod(stage.shape[:-1])} if self.pairs else {}
        axes = ("state", "input", *tokens, "coordinate")
        add("states", axes, (blocks + 1, self.inputs, *tokens.values(), size), "h_l, state before block l + 1")
        if self.jacobians:
            axes = ("block", *lead, "row", "column")
            add("jacobian", axes, (blocks, *lead.values(), size, size), "J, the Residual Jacobian")
        if self.alignment:
            coordinates |= {"other_block": list(stage.blocks), "other_rank": np.arange(1, rank + 1)}
            axes = ("block", "other_block", *lead, "rank", "other_rank")
            shape = (blocks, blocks, *lead.values(), rank, rank)
            add("alignment_left_right", axes, shape, "u_k^T J v_m, vectors of block, J of other_block")
            add("alignment_right_left", axes, shape, "v_k^T J u_m, vectors of block, J of other_block")
        return xr.Dataset(found, coordinates, {"state_shape": np.array(stage.shape)})

    @property
    def _lead(self) -> dict[str, int]:
        return {"input": self.inputs} | ({"pair": len(self.pairs)} if self.pairs else {})

    def _coordinates(self, blocks: tuple[str, ...], rank: int) -> dict[str, object]:
        found: dict[str, object] = {
            "block": list(blocks),
            "input": np.arange(self.inputs),
            "rank": np.arange(1, rank + 1),
        }
        if self.pairs:
            found["pair"] = list(self.pairs)
        if self.labels is not None:
            found["label"] = ("input", self.labels)
        return found


def _skips(stage: StageLayout) -> Iterator[tuple[str, str]]:
    return zip(stage.blocks, stage.skips, strict=True)


def _blank(axes: tuple[str, ...], shape: tuple[int, ...], kind: DTypeLike, meaning: str) -> xr.Variable:
    value = np.array({"f": np.nan, "b": True, "i": 0}[np.dtype(kind).kind], kind)
    return xr.Variable(axes, np.broadcast_to(value, shape), {"long_name": meaning})

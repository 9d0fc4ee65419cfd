"""What a measurement is asked for, checked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch

from ramodel.checks import LARGEST_SEED, integer, one_of, positive
from ramodel.spectra.operators import Tokens

__all__ = ["Method", "Request", "Statistic", "Vectors"]

Method = Literal["auto", "dense", "lanczos"]
"""Full SVDs of the Jacobians, or products alone; "auto" takes what is faster at their size."""

Vectors = Literal["full", "float32", "none"]
"""Keep singular vectors and states in the dtype of the measurement, in float32; or drop the vectors."""

Statistic = Literal["trace", "frobenius", "asymmetry", "normality", "eigenvalues"]

_LARGEST_BLOCK = 8
"""Vectors in one step of the iteration, which a restart of its basis still has room for."""

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class Request:
    """The options of `ramodel.measure` that speak of the numbers, not of the network."""

    rank: int
    tolerance: float
    method: Method
    dtype: torch.dtype
    batch_size: int | None
    seed: int
    tokens: Tokens
    vectors: Vectors
    statistics: tuple[Statistic, ...]
    alignment: bool
    keep_jacobians: bool
    block_size: int

    @classmethod
    def checked(
        cls,
        *,
        rank: int,
        tolerance: float,
        method: Method,
        dtype: torch.dtype | str,
        batch_size: int | Literal["auto"],
        seed: int,
        tokens: Tokens,
        vectors: Vectors,
        statistics: Sequence[Statistic],
        alignment: bool,
        keep_jacobians: bool,
        block_size: int,
    ) -> "Request":
        """Return the request; raise TypeError or ValueError where an option has the wrong type or range."""
        if isinstance(statistics, str):
            raise TypeError(f"statistics is {statistics!r}; it must be a list of names, such as [{statistics!r}].")
        _many("statistics", statistics, "a list of names, such as ['trace']")
        _many("tokens", tokens, "'sequence', 'diagonal' or a list of pairs (t_out, t_in)")
        for name in statistics:
            one_of("statistics", name, list(get_args(Statistic)))
        return cls(
            rank=integer("rank", rank),
            tolerance=_below_one("tolerance", tolerance),
            method=one_of("method", method, list(get_args(Method))),
            dtype=_dtype(dtype),
            batch_size=None if batch_size == "auto" else integer("batch_size", batch_size, hint="Or 'auto'."),
            seed=integer("seed", seed, minimum=0, maximum=LARGEST_SEED),
            tokens=tokens if isinstance(tokens, str) else list(tokens),
            vectors=one_of("vectors", vectors, list(get_args(Vectors))),
            statistics=tuple(dict.fromkeys(statistics)),
            alignment=_switch("alignment", alignment),
            keep_jacobians=_switch("keep_jacobians", keep_jacobians),
            block_size=integer("block_size", block_size, maximum=_LARGEST_BLOCK, hint="More at once only cost more."),
        )

    @property
    def stored_dtype(self) -> torch.dtype:
        """Of vectors and states in the result."""
        return torch.float32 if self.vectors == "float32" else self.dtype


def _many(name: str, value: object, rule: str) -> None:
    if not isinstance(value, Iterable):
        raise TypeError(f"{name} is {value!r}; it must be {rule}.")


def _switch(name: str, value: bool) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {value!r}; it must be True or False.")
    return bool(value)


def _below_one(name: str, value: float) -> float:
    number = positive(name, value)
    if number >= 1.0:
        raise ValueError(f"{name} is {value!r}; residuals are relative to the singular values, so it must be below 1.")
    return number


def _dtype(dtype: torch.dtype | str) -> torch.dtype:
    if isinstance(dtype, torch.dtype):
        dtype = str(dtype).removeprefix("torch.")
    return _DTYPES[one_of("dtype", dtype, list(_DTYPES))]

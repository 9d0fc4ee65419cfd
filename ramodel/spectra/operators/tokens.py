"""Jacobians between tokens: how the output at one token answers to the state at another."""

import copy
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from ramodel.checks import integer
from ramodel.spectra.operators.operator import JacobianOperator

__all__ = ["TokenPairOperator", "Tokens", "token_pairs"]

Tokens = Literal["sequence", "diagonal"] | Sequence[tuple[int, int]]
"""The state as one vector; every token with itself; or chosen pairs (t_out, t_in)."""

_CHUNK = 2**24
"""Numbers in the sequences of one product."""


class TokenPairOperator(JacobianOperator):
    """Blocks ``J[t_out, t_in]``, d x d, of the Jacobians of whole sequences [T, d].

    Problems are input-major: (input 0, pair 0), (input 0, pair 1), ... A product is one of the sequence operator with
    vectors that are zero but at one token. That works for every block and costs a whole sequence for each pair.

    Parameters
    ----------
    operator
        Of the whole sequences, with its coordinates in any order.
    state_shape
        (T, d), the shape of the state of one input.
    pairs
        (t_out, t_in), tokens counted from 0; "diagonal" for every token with itself.

    Raises
    ------
    TypeError, ValueError
        If the state has another shape than (T, d) or does not fit the operator, or as `token_pairs` does.
    """

    def __init__(
        self,
        operator: JacobianOperator,
        state_shape: Sequence[int],
        pairs: Literal["diagonal"] | Sequence[tuple[int, int]],
    ) -> None:
        wanted = token_pairs(pairs, state_shape)
        tokens, width = state_shape
        if {operator.input_size, operator.output_size} != {tokens * width}:
            raise ValueError(
                f"state_shape is {tuple(state_shape)}, and the operator is of Jacobians {operator.output_size} x "
                f"{operator.input_size}; it must map sequences of {tokens * width} numbers to such sequences."
            )
        self.operator = operator
        self.kind, self.reason = operator.kind, operator.reason
        self.problems = operator.problems * len(wanted)
        self.input_size = self.output_size = width
        self.dtype, self.device = operator.dtype, operator.device
        inputs = torch.arange(operator.problems, device=self.device)
        to_token, from_token = torch.tensor(wanted, device=self.device).repeat(operator.problems, 1).T
        numbers = torch.arange(tokens * width, dtype=self.dtype, device=self.device).expand(operator.problems, 1, -1)
        # Coordinate i of the flattened state is number order[i] of the operator's vectors.
        self._written = operator.in_input_order(numbers)[0, 0].long().reshape(tokens, width)[from_token]
        self._read = operator.in_output_order(numbers)[0, 0].long().reshape(tokens, width)[to_token]
        self._place(inputs.repeat_interleave(len(wanted)))

    def matvec(self, vectors: Tensor) -> Tensor:
        """Return ``J[t_out, t_in] v`` for p vectors of each problem: [N, p, d] to [N, p, d]."""
        return self._through(vectors, self._written, self._read, transposed=False)

    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return ``J[t_out, t_in]^T u`` for p vectors of each problem: [N, p, d] to [N, p, d]."""
        return self._through(vectors, self._read, self._written, transposed=True)

    def select(self, problems: Tensor) -> "TokenPairOperator":
        """Return the operator of some problems only, given as increasing indices [M]; inputs without any drop out."""
        chosen = copy.copy(self)
        chosen.problems = len(problems)
        chosen._written, chosen._read = self._written[problems], self._read[problems]
        inputs, rows = torch.unique(self._row[problems], return_inverse=True)
        chosen.operator = self.operator.select(inputs)
        chosen._place(rows)
        return chosen

    @property
    def flops(self) -> float | None:
        """Floating-point operations of one product for one problem: those for a whole sequence."""
        return self.operator.flops

    def _place(self, rows: Tensor) -> None:
        """Say which input each problem belongs to, and give the problems of each input the slots 0, 1, ..."""
        counts = torch.bincount(rows, minlength=self.operator.problems)
        self._row = rows
        self._slot = torch.arange(len(rows), device=self.device) - (counts.cumsum(0) - counts)[rows]
        self._slots = int(counts.max())

    def _through(self, vectors: Tensor, written: Tensor, read: Tensor, *, transposed: bool) -> Tensor:
        probes, product = vectors.shape[1], torch.empty_like(vectors)
        size = self.operator.input_size
        for first, last, chunk in self._chunks(probes):
            row, slot = self._row[chunk, None], self._slot[chunk, None] - first
            sequences = vectors.new_zeros(self.operator.problems, last - first, probes, size)
            sequences[row, slot, :, written[chunk]] = vectors[chunk].mT
            flat = sequences.reshape(self.operator.problems, -1, size)
            images = self.operator.rmatvec(flat) if transposed else self.operator.matvec(flat)
            product[chunk] = images.reshape(sequences.shape)[row, slot, :, read[chunk]].mT
        return product

    def _chunks(self, probes: int) -> Iterator[tuple[int, int, Tensor]]:
        """Yield ranges of slots and the problems in them, so that the sequences of one product stay bounded."""
        step = max(1, _CHUNK // (self.operator.problems * probes * self.operator.input_size))
        for first in range(0, self._slots, step):
            last = min(first + step, self._slots)
            yield first, last, ((self._slot >= first) & (self._slot < last)).nonzero()[:, 0]


def token_pairs(
    tokens: Literal["diagonal"] | Sequence[tuple[int, int]], state_shape: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the pairs (t_out, t_in) that `tokens` means for a state of shape (T, d).

    Raises
    ------
    TypeError
        If `tokens` is neither "diagonal" nor pairs of whole numbers.
    ValueError
        If the state is not (T, d), there is no pair, one is listed twice, or a token is not one of 0 .. T-1.

    Examples
    --------
    >>> token_pairs("diagonal", (2, 8))
    [(0, 0), (1, 1)]
    >>> token_pairs([(0, 2)], (2, 8))
    Traceback (most recent call last):
    ...
    ValueError: tokens[0] is (0, 2); the state has 2 tokens, counted from 0, so each must lie in 0 .. 1.
    """
    if len(state_shape) != 2:
        shape = ", ".join(map(str, ("N", *state_shape)))
        raise ValueError(
            f"tokens asks for Jacobians between tokens, but the states have shape [{shape}]; tokens are those of "
            "states [N, T, d]. Use tokens='sequence'."
        )
    count = state_shape[0]
    if isinstance(tokens, str):
        if tokens != "diagonal":
            raise ValueError(f"tokens is {tokens!r}; it must be 'sequence', 'diagonal' or pairs (t_out, t_in).")
        return [(token, token) for token in range(count)]
    try:
        listed = [tuple(pair) for pair in tokens]
    except TypeError:
        listed = []
    if not listed or any(len(pair) != 2 for pair in listed):
        raise TypeError(f"tokens is {tokens!r}; it must be 'sequence', 'diagonal' or a list of pairs (t_out, t_in).")
    pairs: list[tuple[int, int]] = []
    for index, pair in enumerate(listed):
        to_token, from_token = (integer(f"tokens[{index}][{i}]", pair[i], minimum=-count) for i in (0, 1))
        if not (0 <= to_token < count and 0 <= from_token < count):
            raise ValueError(
                f"tokens[{index}] is {pair}; the state has {count} tokens, counted from 0, so each must lie in "
                f"0 .. {count - 1}."
            )
        if (to_token, from_token) in pairs:
            raise ValueError(f"tokens lists the pair {pair} twice.")
        pairs.append((to_token, from_token))
    return pairs

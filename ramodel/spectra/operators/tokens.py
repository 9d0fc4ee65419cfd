"""Jacobians between tokens: how the output at one token answers to the state at another."""

import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from ramodel.checks import integer
from ramodel.spectra.operators.operator import JacobianOperator
from ramodel.spectra.operators.state_order import StateOrder

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
        self._to, self._from = torch.tensor(wanted, device=self.device).repeat(operator.problems, 1).T
        self._place(inputs.repeat_interleave(len(wanted)))

    def matvec(self, vectors: Tensor) -> Tensor:
        """Return ``J[t_out, t_in] v`` for p vectors of each problem: [N, p, d] to [N, p, d]."""
        return self._through(self._sequences.matvec, vectors, self._from, self._to)

    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return ``J[t_out, t_in]^T u`` for p vectors of each problem: [N, p, d] to [N, p, d]."""
        return self._through(self._sequences.rmatvec, vectors, self._to, self._from)

    def select(self, problems: Tensor) -> "TokenPairOperator":
        """Return the operator of some problems only, given as increasing indices [M]; inputs without any drop out."""
        chosen = copy.copy(self)
        chosen.problems = len(problems)
        chosen._to, chosen._from = self._to[problems], self._from[problems]
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
        self._sequences = StateOrder(self.operator)

    def _through(self, product: Callable[[Tensor], Tensor], vectors: Tensor, written: Tensor, read: Tensor) -> Tensor:
        """Return the product with sequences that hold `vectors` at the tokens `written`, at the tokens `read`."""
        images, probes = torch.empty_like(vectors), vectors.shape[1]
        inputs, size, width = self.operator.problems, self.operator.input_size, self.input_size
        for first, last in self._ranges(probes):
            chunk = ((self._slot >= first) & (self._slot < last)).nonzero()[:, 0]
            row, slot = self._row[chunk], self._slot[chunk] - first
            sequences = vectors.new_zeros(inputs, last - first, probes, size // width, width)
            sequences[row, slot, :, written[chunk]] = vectors[chunk]
            answers = product(sequences.reshape(inputs, -1, size)).reshape(sequences.shape)
            images[chunk] = answers[row, slot, :, read[chunk]]
        return images

    def _ranges(self, probes: int) -> Iterator[tuple[int, int]]:
        """Yield ranges of slots, so that the sequences of one product stay bounded."""
        step = max(1, _CHUNK // (self.operator.problems * probes * self.operator.input_size))
        for first in range(0, self._slots, step):
            yield first, min(first + step, self._slots)


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
        to_token, from_token = (integer(f"tokens[{index}][{i}]", pair[i], minimum=-sys.maxsize) for i in (0, 1))
        if not (0 <= to_token < count and 0 <= from_token < count):
            raise ValueError(
                f"tokens[{index}] is {pair}; the state has {count} tokens, counted from 0, so each must lie in "
                f"0 .. {count - 1}."
            )
        if (to_token, from_token) in pairs:
            raise ValueError(f"tokens lists the pair {pair} twice.")
        pairs.append((to_token, from_token))
    return pairs

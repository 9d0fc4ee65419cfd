"""Truth in float64 and the errors against it."""

from typing import NamedTuple

import numpy as np
import torch
from measure.cases import RANK, Case, cache_folder
from measure.peers import Answer, ProblemProducts, dense_jacobians, scipy_triplets
from numpy.typing import NDArray

__all__ = ["Errors", "Truth", "errors", "truth"]

Array = NDArray[np.float64]

DENSE_SIZE = 1024
"""Largest n for which every Jacobian is formed and decomposed in full."""

LARGE_DENSE_SIZE = 4096
"""Largest n for which that is done for one problem, to check the iterative truth: minutes, kept on disk."""

EXTRA = 5
"""Triplets beyond the tenth that the iterative truth asks for, so that none of the ten can be missed unnoticed."""


class Truth(NamedTuple):
    """The leading triplets of the first problems, from float64."""

    values: Array
    """[P, K + 1]: one more, for the gap."""
    right: Array
    """[P, K, n]."""
    how: str


class Errors(NamedTuple):
    """Over problems: the largest relative error of s_1..s_K and the sine of the largest angle between subspaces."""

    value: Array
    sine: Array


def truth(case: Case, count: int) -> Truth:
    """Return the truth of the first `count` problems, from disk if it was found before."""
    file = cache_folder() / f"truth-{case.name}-{case.fingerprint}-{count}.npz"
    if not file.exists():
        exact = case.to(dtype=torch.float64)
        found = _dense(exact, count) if case.size <= DENSE_SIZE else _iterative(exact, count)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, values=found.values, right=found.right, how=np.array(found.how))
    stored = np.load(file)
    return Truth(stored["values"], stored["right"], str(stored["how"]))


def _dense(case: Case, count: int) -> Truth:
    values, right = [], []
    for first in range(0, count, 8):
        jacobians = dense_jacobians(case, first, min(first + 8, count))
        _, s, rows = torch.linalg.svd(jacobians)
        values.append(s[:, : RANK + 1])
        right.append(rows[:, :RANK])
    return Truth(torch.cat(values).numpy(), torch.cat(right).numpy(), "float64 Jacobian, full SVD")


def _iterative(case: Case, count: int) -> Truth:
    answer = scipy_triplets(case, count, rank=RANK + EXTRA, solver="arpack", ncv=80)
    worst = float(max(_residuals(case, answer)))
    how = f"float64 ARPACK, residuals below {worst:.0e} of s_k"
    if case.size <= LARGE_DENSE_SIZE:
        single = _dense(case, 1)
        found = Answer(answer.values[:1, :RANK], answer.right[:1, :RANK])
        against = errors(found, single)
        how += f"; one full SVD agrees to {against.value[0]:.0e}, subspace {against.sine[0]:.0e}"
    return Truth(answer.values[:, : RANK + 1].numpy(), answer.right[:, :RANK].numpy(), how)


def _residuals(case: Case, answer: Answer) -> list[float]:
    """``|J^T J v - s^2 v| / s^2`` of the K leading triplets."""
    found = []
    for problem, (values, right) in enumerate(zip(answer.values, answer.right, strict=True)):
        products = ProblemProducts(case, problem)
        for value, vector in zip(values[:RANK].tolist(), right[:RANK].numpy(), strict=True):
            twice = products.backwards(products.forwards(vector))
            found.append(float(np.linalg.norm(twice - value**2 * vector) / value**2))
    return found


def errors(answer: Answer, exact: Truth) -> Errors:
    """Return the errors of an answer for the first problems of the truth."""
    values = answer.values.double().cpu().numpy()
    reference = exact.values[: len(values), :RANK]
    value = np.abs(values / reference - 1).max(-1)
    basis = torch.linalg.qr(answer.right.double().cpu().mT).Q
    target = torch.from_numpy(exact.right[: len(values)]).mT
    sine = torch.linalg.matrix_norm(target - basis @ (basis.mT @ target), 2)
    return Errors(value, sine.numpy())

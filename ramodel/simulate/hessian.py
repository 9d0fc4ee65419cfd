"""The smallest eigenvalue of the Hessian over all unreduced variables: saddle, flat, or a strict minimum."""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from ramodel.simulate.objective import UnreducedObjective
from ramodel.simulate.variant import VariantObjective

__all__ = ["smallest_eigenvalue"]

DENSE_SIZE = 1000  # variables up to which the whole Hessian is built
LANCZOS_VECTORS = 60  # the bottom of the spectrum is crowded (every decay is there), a wide space pays
LANCZOS_RESTARTS = 100
LANCZOS_TOLERANCE = 1e-8  # residual, relative to the largest eigenvalue; the eigenvalue itself is better


def smallest_eigenvalue(objective: UnreducedObjective | VariantObjective, point: Tensor) -> float:
    """Return the smallest Hessian eigenvalue at a flat `point` [1, n]; NaN where Lanczos did not converge.

    Up to `DENSE_SIZE` variables the Hessian is built by one batched product; beyond, restarted Lanczos (ARPACK) on
    Hessian-vector products finds the largest eigenvalue of ``c I - H`` with c about the largest one of H, so that its
    tolerance has a scale where the smallest eigenvalue is 0.
    """
    size = objective.size
    if size <= DENSE_SIZE:
        unit = torch.eye(size, dtype=point.dtype, device=point.device)
        dense = objective.hessian(point.expand(size, size))(unit)
        return float(torch.linalg.eigvalsh((dense + dense.mT) / 2)[0])
    product = objective.hessian(point)

    def hessian_vector(vector: np.ndarray) -> np.ndarray:
        column = torch.from_numpy(vector.reshape(1, -1)).to(point.device)
        return product(column)[0].cpu().numpy()

    try:
        top = _largest_eigenvalue(hessian_vector, size, tolerance=0.1)
        below_top = _largest_eigenvalue(
            lambda vector: top * vector - hessian_vector(vector), size, tolerance=LANCZOS_TOLERANCE
        )
    except ArpackNoConvergence:
        return math.nan
    return top - below_top


def _largest_eigenvalue(product: Callable[[np.ndarray], np.ndarray], size: int, *, tolerance: float) -> float:
    operator = LinearOperator((size, size), matvec=lambda vector: product(vector.ravel()), dtype=np.float64)
    values = eigsh(
        operator,
        k=1,
        which="LA",
        v0=np.random.default_rng(0).standard_normal(size),
        ncv=LANCZOS_VECTORS,
        maxiter=LANCZOS_RESTARTS,
        tol=tolerance,
        return_eigenvectors=False,
    )
    return float(values[0])

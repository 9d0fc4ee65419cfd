"""The smallest eigenvalue of the Hessian over all unreduced variables: saddle, flat, or a strict minimum."""

import math

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from ramodel.simulate.objective import UnreducedObjective

__all__ = ["smallest_eigenvalue"]

DENSE_SIZE = 300  # variables up to which the whole Hessian is built
LANCZOS_VECTORS = 60  # the bottom of the spectrum is crowded (every decay is there), a wide space pays
LANCZOS_TOLERANCE = 1e-9  # relative to the eigenvalue


def smallest_eigenvalue(objective: UnreducedObjective, point: Tensor) -> float:
    """Return the smallest Hessian eigenvalue at a flat `point` [1, n]; NaN where Lanczos did not converge.

    Up to `DENSE_SIZE` variables the Hessian is built by one batched product; beyond, implicitly restarted Lanczos
    (ARPACK) on Hessian-vector products.
    """
    size = objective.size
    if size <= DENSE_SIZE:
        unit = torch.eye(size, dtype=point.dtype, device=point.device)
        dense = objective.hessian(point.expand(size, size))(unit)
        return float(torch.linalg.eigvalsh((dense + dense.mT) / 2)[0])
    product = objective.hessian(point)

    def apply(vector: np.ndarray) -> np.ndarray:
        return product(torch.from_numpy(vector.reshape(1, -1)).to(point.device))[0].cpu().numpy()

    operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)
    begin = np.random.default_rng(0).standard_normal(size)
    try:
        values = eigsh(
            operator,
            k=1,
            which="SA",
            v0=begin,
            ncv=LANCZOS_VECTORS,
            tol=LANCZOS_TOLERANCE,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence:
        return math.nan
    return float(values[0])

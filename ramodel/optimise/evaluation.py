"""What a minimiser is given (an objective evaluated row by row) and what it hands back."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ramodel.checks import positive

__all__ = [
    "VALUE_NOISE",
    "ZERO_SCALE",
    "Callback",
    "Clock",
    "Descent",
    "Evaluation",
    "Hessian",
    "Objective",
    "Recorder",
    "checked_start",
    "dot",
]

ZERO_SCALE = 1e-14
"""Absolute floor: where ``scale`` is not above it every term of the gradient vanishes, as at a zero optimum."""

VALUE_NOISE = 8 * torch.finfo(torch.float64).eps
"""Relative rounding of a value; two values closer than this are told apart by their gradients only."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """An objective and its gradient at B points, row by row.

    Parameters
    ----------
    value : Tensor [B]
        Objective F of each row.
    gradient : Tensor [B, n]
        Gradient of F.
    scale : Tensor [B]
        What the gradient norm is measured against: the sum of the norms of the terms that must cancel,
        ``||grad ell|| + ||grad decay||``. Never less than the gradient norm.
    """

    value: Float[Tensor, " B"]
    gradient: Float[Tensor, "B n"]
    scale: Float[Tensor, " B"]

    def relative_gradient(self) -> Float[Tensor, " B"]:
        """``||gradient|| / scale``, or ``||gradient||`` itself where the scale is at most `ZERO_SCALE`.

        Examples
        --------
        >>> import torch
        >>> tensor = lambda *numbers: torch.tensor(numbers, dtype=torch.float64)
        >>> rows = Evaluation(tensor(1, 1), tensor([3e-9, 4e-9], [0, 5e-15]), tensor(5, 5e-15))
        >>> rows.relative_gradient().tolist()
        [1e-09, 5e-15]
        """
        norm = torch.linalg.vector_norm(self.gradient, dim=1)
        return torch.where(self.scale > ZERO_SCALE, norm / self.scale, norm)

    def rows(self, index: Tensor) -> "Evaluation":
        """Keep the rows in `index` only."""
        return Evaluation(self.value[index], self.gradient[index], self.scale[index])

    def replace_rows(self, index: Tensor, new: "Evaluation") -> None:
        """Overwrite the rows in `index` by those of `new`, in place."""
        self.value[index] = new.value
        self.gradient[index] = new.gradient
        self.scale[index] = new.scale


Objective = Callable[[Tensor], Evaluation]
"""Points [B, n] to an `Evaluation` of B rows; it must accept any number of rows and treat each by itself."""

Hessian = Callable[[Tensor], Callable[[Tensor], Tensor]]
"""Points [B, n] to an operator, which takes vectors [B, n] to Hessian-vector products [B, n], row by row.

It is used only while the points stay as they are."""

Callback = Callable[[int, Tensor, Tensor], None]
"""(iteration, values [b], relative gradients [b]) of the rows that still move, after every step."""


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a minimiser stopped, row by row.

    Parameters
    ----------
    point : Tensor [B, n]
    value : Tensor [B]
    gradient_norm : Tensor [B]
        Relative: `Evaluation.relative_gradient`.
    iterations : Tensor [B]
        Steps taken.
    evaluations : int
        Calls of the objective (of Hessian-vector products too, in `polish`), whatever the number of rows in each.
    converged : Tensor [B]
        Whether ``gradient_norm <= tolerance``. False is no error: time, iterations or digits ran out.
    """

    point: Float[Tensor, "B n"]
    value: Float[Tensor, " B"]
    gradient_norm: Float[Tensor, " B"]
    iterations: Int[Tensor, " B"]
    evaluations: int
    converged: Bool[Tensor, " B"]


class Recorder:
    """Keeps the final state of every row while the working batch shrinks to the rows that still move."""

    def __init__(self, start: Tensor, first: Evaluation) -> None:
        self.point = start.clone()
        self.value = first.value.clone()
        self.gradient_norm = first.relative_gradient()
        self.iterations = torch.zeros(len(start), dtype=torch.int64, device=start.device)

    def store(self, rows: Tensor, point: Tensor, state: Evaluation, iteration: int) -> None:
        """Write the working rows back to their places."""
        self.point[rows] = point
        self.value[rows] = state.value
        self.gradient_norm[rows] = state.relative_gradient()
        self.iterations[rows] = iteration

    def descent(self, evaluations: int, tolerance: float) -> Descent:
        """Return the result."""
        converged = self.gradient_norm <= tolerance
        return Descent(self.point, self.value, self.gradient_norm, self.iterations, evaluations, converged)


class Clock:
    """A time budget in seconds (None: no end)."""

    def __init__(self, budget: float | None) -> None:
        self._end = None if budget is None else time.monotonic() + budget

    def expired(self) -> bool:
        """Whether the budget is used up."""
        return self._end is not None and time.monotonic() >= self._end


def checked_start(objective: Objective, start: Tensor, tolerance: float) -> Evaluation:
    """Evaluate the start and refuse what no minimiser can work with."""
    positive("tolerance", tolerance)
    if start.ndim != 2 or start.numel() == 0:
        raise ValueError(f"start has shape {tuple(start.shape)}; it must be [rows, variables], neither of them 0.")
    if not start.is_floating_point():
        raise TypeError(f"start has dtype {start.dtype}; it must be a floating-point tensor, best torch.float64.")
    first = objective(start)
    bad = ~(first.value.isfinite() & first.gradient.isfinite().all(dim=1))
    if bad.any():
        row = int(bad.nonzero()[0])
        raise ValueError(
            f"start[{row}] has objective {float(first.value[row])} or a gradient that is not finite; "
            "start from a smaller point."
        )
    return first


def dot(a: Float[Tensor, "B n"], b: Float[Tensor, "B n"]) -> Float[Tensor, " B"]:
    """Inner product of each row of `a` with the same row of `b`."""
    return torch.bmm(a.unsqueeze(1), b.unsqueeze(2)).view(-1)

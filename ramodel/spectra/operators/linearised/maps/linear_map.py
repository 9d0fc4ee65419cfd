"""A linear map between tangents: what one step of a linearised block does to p perturbations at once."""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar

from torch import Tensor

from ramodel.spectra.operators.linearised.layout import Rows

__all__ = ["Identity", "LinearMap", "composed"]


class LinearMap(ABC):
    """A linear map of tangents [p, *shape]: the shape of the value behind an axis of probes.

    Constants are stored in the shape of the value and broadcast over the probes. They are detached: the block may go on
    to write to the tensor that was handed over, which then gets new memory.
    """

    owns_result: ClassVar[bool] = True
    """Whether `apply` returns memory of its own."""
    is_view: ClassVar[bool] = False
    """Whether the image may be written to wherever the argument may."""

    @abstractmethod
    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""

    @abstractmethod
    def transpose(self) -> "LinearMap":
        """Return the transposed map."""

    @cached_property
    def transposed(self) -> "LinearMap":
        """The transposed map, made once."""
        return self.transpose()

    @property
    def flops(self) -> float:
        """Multiplications and additions of matrix products and convolutions, for one problem and one probe."""
        return 0.0

    def overwrite(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent whose memory may be used."""
        return self.apply(tangent)

    def accumulate(self, tangent: Tensor, total: Tensor) -> None:
        """Add the image to `total`."""
        total.add_(self.apply(tangent))

    def take(self, rows: Rows) -> "LinearMap":
        """Return the map of the kept rows."""
        return self

    def after(self, first: "LinearMap") -> "LinearMap | None":
        """Return `self` after `first` as one cheaper map, or None."""
        return None

    def before(self, second: "LinearMap") -> "LinearMap | None":
        """Return `self` followed by `second` as one cheaper map, or None."""
        return None


class Identity(LinearMap):
    """The map that does nothing."""

    owns_result = False
    is_view = True

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return tangent

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return self


def composed(first: LinearMap, second: LinearMap) -> LinearMap | None:
    """Return `second` after `first` as one cheaper map, or None where there is none."""
    if isinstance(first, Identity):
        return second
    if isinstance(second, Identity):
        return first
    return second.after(first) or first.before(second)

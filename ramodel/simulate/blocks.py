"""What a block is made of: one free matrix (Frobenius, plain), two factors (nuclear), or one in other units (kinetic).

A parametrisation maps the variables [K, L, starts, d, d] to the Jacobians [L, starts, d, d]; K matrices per block.
"""

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Factored", "Free", "Parametrisation", "Scaled"]

Variables = Float[Tensor, "matrices layers starts d d"]
Jacobians = Float[Tensor, "layers starts d d"]


class Parametrisation(Protocol):
    """How the variables of the blocks make their Jacobians."""

    matrices: int

    def jacobians(self, variables: Variables) -> Jacobians:
        """Return J_l."""

    def tangent(self, variables: Variables, change: Variables) -> Jacobians:
        """Return the change of J_l."""

    def pull_back(self, variables: Variables, gradient: Jacobians) -> Variables:
        """Return the gradient in the variables, given that in J_l."""

    def pull_back_tangent(
        self, variables: Variables, change: Variables, gradient: Jacobians, gradient_change: Jacobians
    ) -> Variables:
        """Return the change of `pull_back` when the variables and the gradient in J_l change."""


class Free:
    """``J_l`` itself is the variable."""

    matrices = 1

    def jacobians(self, variables: Variables) -> Jacobians:
        """Return J_l."""
        return variables[0]

    def tangent(self, variables: Variables, change: Variables) -> Jacobians:
        """Return the change of J_l."""
        return change[0]

    def pull_back(self, variables: Variables, gradient: Jacobians) -> Variables:
        """Return the gradient in the variables."""
        return gradient[None]

    def pull_back_tangent(
        self, variables: Variables, change: Variables, gradient: Jacobians, gradient_change: Jacobians
    ) -> Variables:
        """Return the change of `pull_back`."""
        return gradient_change[None]


class Factored:
    """``J_l = B_l A'_l`` with the variables (A', B)."""

    matrices = 2

    def jacobians(self, variables: Variables) -> Jacobians:
        """Return J_l."""
        inner, outer = variables
        return torch.matmul(outer, inner)

    def tangent(self, variables: Variables, change: Variables) -> Jacobians:
        """Return the change of J_l."""
        inner, outer = variables
        return torch.matmul(change[1], inner) + torch.matmul(outer, change[0])

    def pull_back(self, variables: Variables, gradient: Jacobians) -> Variables:
        """Return the gradient in the variables."""
        inner, outer = variables
        return torch.stack([outer.mT @ gradient, gradient @ inner.mT])

    def pull_back_tangent(
        self, variables: Variables, change: Variables, gradient: Jacobians, gradient_change: Jacobians
    ) -> Variables:
        """Return the change of `pull_back`, which is linear in either argument."""
        return self.pull_back(change, gradient) + self.pull_back(variables, gradient_change)


class Scaled:
    """``J_l = K_l C`` with a fixed invertible C: the same minima, better conditioned.

    Parameters
    ----------
    units : Tensor [d, d]
        C.
    """

    matrices = 1

    def __init__(self, units: Float[Tensor, "d d"]) -> None:
        self._units = units

    def variables(self, jacobians: Jacobians) -> Variables:
        """Return K_l; the inverse of `jacobians`."""
        solved: Tensor = torch.linalg.solve(self._units, jacobians, left=False)
        return solved[None]

    def jacobians(self, variables: Variables) -> Jacobians:
        """Return J_l."""
        return variables[0] @ self._units

    def tangent(self, variables: Variables, change: Variables) -> Jacobians:
        """Return the change of J_l."""
        return change[0] @ self._units

    def pull_back(self, variables: Variables, gradient: Jacobians) -> Variables:
        """Return the gradient in the variables."""
        return (gradient @ self._units.mT)[None]

    def pull_back_tangent(
        self, variables: Variables, change: Variables, gradient: Jacobians, gradient_change: Jacobians
    ) -> Variables:
        """Return the change of `pull_back`."""
        return self.pull_back(variables, gradient_change)

"""Certified values of statement S10: simplex and pair family, the threshold between them, stability of the simplex.

Mean cross-entropy with orthonormal class inputs, Frobenius model. The unknowns are ln s of every level, in which m and
the cost are explicit: ``m = sqrt(rho s (1+s)) (1+s)^L``, ``c = lam_J (s + (L+1) s^2)``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import numpy as np
from scipy.optimize import brentq

from ramodel.certified.enclosure import (
    DEFAULT_DIGITS,
    Enclosure,
    Number,
    ball,
    balls_to,
    checked_digits,
    exact_positive,
)
from ramodel.certified.families import Family, FamilyObjective
from ramodel.certified.jets import gradient
from ramodel.certified.newton import enclose_root
from ramodel.checks import integer, one_of

__all__ = ["CertifiedConfigurations", "Configuration", "Threshold"]

SHALLOWEST, DEEPEST = 0.25, 1e4
"""Depths between which thresholds are looked for."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A stationary point of a family, proven to exist and to be the only one close by.

    Parameters
    ----------
    value
        Objective F.
    levels
        Singular value s of the blocks and how often it occurs, largest first.
    end_to_end
        m of every level, in the same order.
    local_minimum
        Whether it is proven to be a strict local minimum within the family. That no better point of the family exists
        elsewhere is searched for, not proven.
    """

    value: Enclosure
    levels: tuple[tuple[Enclosure, int], ...]
    end_to_end: tuple[Enclosure, ...]
    local_minimum: bool


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A real depth at which something is proven to change.

    Parameters
    ----------
    depth
        L.
    value
        Objective F there.
    """

    depth: Enclosure
    value: Enclosure


@dataclass(frozen=True, kw_only=True)
class CertifiedConfigurations:
    """Enclosures of S10's values, proven by ball arithmetic, without anything from `ramodel.theory`.

    Parameters
    ----------
    classes
        C, at least 2; even and at least 4 for what concerns the pair family.
    jacobian_decay, head_decay
        lam_J, lam_W > 0.
    digits
        Relative radius of the enclosures, 10^-digits; 1 to 1000.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> found = CertifiedConfigurations(classes=6, jacobian_decay=0.01, head_decay=0.01, digits=8).threshold()
    >>> print(found.depth, "and", found.value)
    3.529971490 +/- 3.6e-8 and 0.07528385543 +/- 7.6e-10
    """

    classes: int
    jacobian_decay: Number
    head_decay: Number
    digits: int = DEFAULT_DIGITS

    def __post_init__(self) -> None:
        """Check every argument."""
        object.__setattr__(self, "classes", integer("classes", self.classes, minimum=2))
        checked_digits(self.digits)
        for name in ("jacobian_decay", "head_decay"):
            exact_positive(name, getattr(self, name))

    def configuration(self, depth: Number, family: Family = "simplex") -> Configuration:
        """Enclose the best stationary point found of a family at a real depth (S10; own).

        Raises
        ------
        TypeError, ValueError
            If the depth is not positive, or the family unknown or without a member for this number of classes.
        ArithmeticError
            If nothing could be proven.
        """
        self._check_family(family)
        L = exact_positive("depth", depth)
        guess, _ = self._families.search(family, float(L))
        minimum = False

        def compute() -> list[Any]:
            nonlocal minimum
            depth_ball = ball(L)

            def objective(unknowns: Sequence[Any]) -> Any:
                return self._families.value(family, unknowns, depth_ball)

            roots, hessian = enclose_root(lambda unknowns: gradient(objective, unknowns), guess)
            minimum = _is_positive_definite(hessian)
            return [
                objective(roots),
                *(y.exp() for y in roots),
                *(self._families.end_to_end(y, depth_ball) for y in roots),
            ]

        value, *rest = balls_to(self.digits, compute)
        levels, end_to_end = rest[: len(guess)], rest[len(guess) :]
        order = sorted(range(len(guess)), key=lambda k: -float(levels[k]))
        multiplicities = self._families.multiplicities(family)
        return Configuration(
            value=value,
            levels=tuple((levels[k], multiplicities[k]) for k in order),
            end_to_end=tuple(end_to_end[k] for k in order),
            local_minimum=minimum,
        )

    def threshold(self) -> Threshold:
        """Enclose the depth at which the pair family's value falls below the simplex's (S10; own).

        Proven: at this depth there are a simplex and a pair, both stationary in their family, of the same value. That
        they are the best of their families, and that the depth is the first, is searched for.

        Raises
        ------
        ValueError
            If the number of classes is odd or less than 4.
        ArithmeticError
            If there is no threshold between depths 1/4 and 10^4, or nothing could be proven.
        """
        self._check_family("pair")

        def advantage(log_depth: float) -> float:
            depth = math.exp(log_depth)
            pair = self._families.search("pair", depth)[1] - self._families.search("simplex", depth)[1]
            return min(pair, 1.0)

        log_depth = _crossing(advantage, "pair and simplex")
        simplex, _ = self._families.search("simplex", math.exp(log_depth))
        pair, _ = self._families.search("pair", math.exp(log_depth))

        def equations(unknowns: Sequence[Any]) -> list[Any]:
            L = unknowns[0].exp()
            values: list[Any] = []
            slopes: list[Any] = []
            places: dict[Family, Sequence[Any]] = {"simplex": unknowns[1:2], "pair": unknowns[2:]}
            for family, place in places.items():
                objective = partial(self._families.value, family, depth=L)
                values.append(objective(place))
                slopes += gradient(objective, place)
            return [values[0] - values[1], *slopes]

        def compute() -> list[Any]:
            roots, _ = enclose_root(equations, [log_depth, *simplex, *pair])
            L = roots[0].exp()
            return [L, self._families.value("simplex", roots[1:2], L)]

        depth, value = balls_to(self.digits, compute)
        return Threshold(depth=depth, value=value)

    def stability_margin(self, depth: Number) -> Enclosure:
        """Enclose m (1 + 2(L+1)s) - C (2(L-1)s - 1) at the simplex: it is stable iff this is positive (S10; own).

        Its sign is a proof where the enclosure does not hold 0. For C >= 4.

        Raises
        ------
        TypeError, ValueError
            If the depth is not positive, or there are fewer than 4 classes.
        ArithmeticError
            If nothing could be proven.
        """
        self._check_stability()
        L = exact_positive("depth", depth)
        guess, _ = self._families.search("simplex", float(L))

        def compute() -> list[Any]:
            depth_ball = ball(L)
            roots, _ = enclose_root(
                lambda x: gradient(lambda y: self._families.value("simplex", y, depth_ball), x), guess
            )
            return [self._families.margin(roots[0], depth_ball)]

        return balls_to(self.digits, compute)[0]

    def stability_threshold(self) -> Threshold:
        """Enclose the depth from which on the simplex is no local minimum (S10; own). For C >= 4.

        Raises
        ------
        ValueError
            If there are fewer than 4 classes.
        ArithmeticError
            If the margin does not change sign between depths 1/4 and 10^4, or nothing could be proven.
        """
        self._check_stability()

        def margin(log_depth: float) -> float:
            depth = math.exp(log_depth)
            (y,), _ = self._families.search("simplex", depth)
            return float(self._families.margin(y, depth))

        log_depth = _crossing(margin, "the sides of the stability rule")
        guess, _ = self._families.search("simplex", math.exp(log_depth))

        def equations(unknowns: Sequence[Any]) -> list[Any]:
            L = unknowns[0].exp()
            slopes = gradient(lambda y: self._families.value("simplex", y, L), unknowns[1:])
            return [self._families.margin(unknowns[1], L), *slopes]

        def compute() -> list[Any]:
            roots, _ = enclose_root(equations, [log_depth, *guess])
            L = roots[0].exp()
            return [L, self._families.value("simplex", roots[1:], L)]

        depth, value = balls_to(self.digits, compute)
        return Threshold(depth=depth, value=value)

    @property
    def _families(self) -> FamilyObjective:
        decays = (exact_positive(name, getattr(self, name)) for name in ("jacobian_decay", "head_decay"))
        return FamilyObjective(self.classes, *decays)

    def _check_family(self, family: str) -> None:
        one_of("family", family, get_args(Family))
        if family == "pair" and (self.classes % 2 or self.classes < 4):
            raise ValueError(f"classes is {self.classes}; the pair family needs an even number of at least 4.")

    def _check_stability(self) -> None:
        if self.classes < 4:
            raise ValueError(f"classes is {self.classes}; the stability rule is for at least 4.")


def _crossing(difference: Callable[[float], float], what: str) -> float:
    """Return ln L where `difference` first falls from positive to negative."""
    grid = np.linspace(math.log(SHALLOWEST), math.log(DEEPEST), 60)
    before = None
    for log_depth in map(float, grid):
        value = difference(log_depth)
        if before is not None and value < 0.0:
            root: float = brentq(difference, before, log_depth, xtol=1e-10)
            return root
        before = log_depth if value > 0.0 else None
    raise ArithmeticError(f"{what} do not change places between depths {SHALLOWEST} and {DEEPEST:g}.")


def _is_positive_definite(matrix: Sequence[Sequence[Any]]) -> bool:
    """Whether a symmetric matrix of balls, 1 x 1 or 2 x 2, is proven to be positive definite."""
    first = matrix[0][0] > 0
    return bool(first if len(matrix) == 1 else first and matrix[0][0] * matrix[1][1] > matrix[0][1] * matrix[1][0])

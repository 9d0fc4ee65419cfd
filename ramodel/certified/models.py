"""Certified closed forms of the Frobenius and the nuclear model (S2, S3, S6, S18), one singular value at a time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args

from ramodel.certified.enclosure import (
    DEFAULT_DIGITS,
    Enclosure,
    Number,
    ball,
    balls_to,
    checked_digits,
    exact,
    exact_positive,
)
from ramodel.certified.newton import enclose_root
from ramodel.checks import one_of

__all__ = ["CertifiedModel"]

Kind = Literal["frobenius", "nuclear"]


@dataclass(frozen=True, kw_only=True)
class CertifiedModel:
    """Enclosures of the closed forms of a model, proven by ball arithmetic, without anything from `ramodel.theory`.

    Parameters
    ----------
    kind
        "frobenius" (S2, S3) or "nuclear" (S6).
    depth
        L > 0, not necessarily whole.
    jacobian_decay, head_decay
        lam_J, lam_W > 0.
    embedding_decay
        lam_E > 0 of a trained embedding (S18); None where there is none.
    digits
        Relative radius of the enclosures, 10^-digits; 1 to 1000.

    Raises
    ------
    TypeError
        If an argument is not a number with an exact value.
    ValueError
        If it is out of range.

    Examples
    --------
    >>> model = CertifiedModel(kind="frobenius", depth=8, jacobian_decay=0.01, head_decay=0.01)
    >>> print(model.jacobian_singular_value(13.94885))
    0.4324158822948992 +/- 4.4e-15
    """

    kind: Kind = "frobenius"
    depth: Number
    jacobian_decay: Number
    head_decay: Number
    embedding_decay: Number | None = None
    digits: int = DEFAULT_DIGITS

    def __post_init__(self) -> None:
        """Check every argument."""
        one_of("kind", self.kind, get_args(Kind))
        checked_digits(self.digits)
        for name in ("depth", "jacobian_decay", "head_decay", "embedding_decay"):
            if name != "embedding_decay" or self.embedding_decay is not None:
                exact_positive(name, getattr(self, name))

    def jacobian_singular_value(self, m: Number) -> Enclosure:
        """Enclose s of every Residual Jacobian, from m of the end-to-end map (S2, S6, S18; own).

        Raises
        ------
        TypeError, ValueError
            If `m` is not a finite number of at least zero.
        ArithmeticError
            If nothing could be proven.
        """
        return self._enclosed(m, lambda s, _: s)

    def head_singular_value(self, m: Number) -> Enclosure:
        """Enclose w of the head, from m of the end-to-end map (S1, S6, S18; own); raises as above."""
        if self.kind == "frobenius":
            return self._enclosed(m, lambda s, _: (ball(self._rho) * s * (1 + s)).sqrt())
        # Below the threshold w^2 = rho (m / unit)^(2/k), above it rho (1 + s).
        return self._enclosed(m, lambda s, bare: (ball(self._rho) * bare * (1 + s)).sqrt())

    def cost(self, m: Number) -> Enclosure:
        """Enclose the least decay that realises m (S3, S6, S18; own); raises as above."""
        lam_J, L, k = self._parameters
        if self.kind == "frobenius":
            return self._enclosed(m, lambda s, _: ball(lam_J) * s * (k + ball(L + k) * s))
        return self._enclosed(m, lambda s, bare: ball(lam_J) * (k * bare + ball(2 * L + k) * s))

    def _enclosed(self, m: Number, formula: Callable[[Any, Any], Any]) -> Enclosure:
        """Enclose formula(s, (m / unit)^(2/k) or 1 if that is greater)."""
        value = exact("m", m)
        if value < 0:
            raise ValueError(f"m is {m}; a singular value must not be negative.")
        square = value**2 / self._unit_squared
        above = self._frobenius if self.kind == "frobenius" else self._nuclear

        def compute() -> list[Any]:
            bare = ball(min(square, Fraction(1)))
            return [formula(above(square), bare if self._ends == 1 else bare.sqrt())]

        return balls_to(self.digits, compute)[0]

    def _frobenius(self, square: Fraction) -> Any:
        """Solve k (ln s + ln(1+s)) + 2 L ln(1+s) = ln((m / unit)^2) in y = ln s, where the left side increases."""
        if square == 0:
            return ball(square)
        _, L, k = self._parameters
        target = ball(square).log()
        depth = ball(L)

        def equation(unknowns: Sequence[Any]) -> list[Any]:
            y = unknowns[0]
            gain = y.exp().log1p()
            return [k * (y + gain) + 2 * depth * gain - target]

        roots, _ = enclose_root(equation, [_log_root(float(target), float(L), k)])
        return roots[0].exp()

    def _nuclear(self, square: Fraction) -> Any:
        """Return (m / unit)^(2/(2L+k)) - 1 above the threshold, 0 below."""
        _, L, k = self._parameters
        return (ball(max(square, Fraction(1))).log() / ball(2 * L + k)).expm1()

    @property
    def _parameters(self) -> tuple[Fraction, Fraction, int]:
        return exact("jacobian_decay", self.jacobian_decay), exact("depth", self.depth), self._ends

    @property
    def _ends(self) -> int:
        return 1 if self.embedding_decay is None else 2

    @property
    def _rho(self) -> Fraction:
        return exact("jacobian_decay", self.jacobian_decay) / exact("head_decay", self.head_decay)

    @property
    def _unit_squared(self) -> Fraction:
        if self.embedding_decay is None:
            return self._rho
        ratio = exact("jacobian_decay", self.jacobian_decay) / exact("embedding_decay", self.embedding_decay)
        return self._rho * ratio


def _log_root(target: float, depth: float, ends: int) -> float:
    """Solve the same equation in float64: Newton from the right, where a convex function cannot overshoot."""
    y = target / ends
    for _ in range(200):
        gain = max(y, 0.0) + math.log1p(math.exp(-abs(y)))
        share = 1.0 / (1.0 + math.exp(-y)) if y > -700.0 else 0.0
        step = (ends * (y + gain) + 2.0 * depth * gain - target) / (ends * (1.0 + share) + 2.0 * depth * share)
        y -= step
        if abs(step) <= 1e-14 * max(abs(y), 1.0):
            break
    return y

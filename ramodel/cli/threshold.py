"""`ramodel threshold`: the depth from which opposite pairs are better than the simplex."""

from typing import TYPE_CHECKING, ClassVar

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.output import SHARP_DIGITS, bounds, pairs, proven_digits, say, say_json, show

if TYPE_CHECKING:
    from ramodel.certified import Threshold as CertifiedThreshold

__all__ = ["Threshold"]


class Threshold(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Find the depth from which classes in opposite pairs are better than the simplex (S10).

    Orthonormal class inputs, mean cross-entropy, Frobenius model, the same decay on blocks and head. At the threshold,
    a real number, simplex and pairs have the same objective; deeper networks have the lower rank. Other families can
    be better still: see `ramodel optimum`.

    JSON: depth, value (the objective of both there). With --certified both come between bounds that are proven by ball
    arithmetic, as text, lower and upper: at that depth a simplex and a pair, each stationary in its family, have the
    same value. `error` is then a proven bound on that of the depth printed without it.
    """

    EXAMPLE: ClassVar[str] = "ramodel threshold --classes 6 --decay 0.01"
    ARGUMENTS: ClassVar[dict[str, str]] = {"jacobian_decay": "decay", "head_decay": "decay"}

    classes: int
    """Number of classes C, even and at least 4."""

    decay: float
    """Weight decay lam_J = lam_W of blocks and head, greater than zero."""

    certified: Switch = False
    """Print proven bounds (needs the extra `certified`); the decay stands for its float64 value."""

    digits: Maybe[int] = None
    """With --certified: relative radius of the bounds, 10^-digits; 1 to 1000, by default 14."""

    json: Switch = False
    """Print JSON instead of a table."""

    def run(self) -> int:
        """Find the root and print it."""
        from ramodel.theory.configurations import stability_depth, threshold_depth

        digits = proven_digits(self.digits, certified=self.certified)
        found = threshold_depth(self.classes, self.decay, self.decay)
        if self.certified:
            self._show_certified(found.depth, digits)
            return 0
        if self.json:
            say_json({"depth": found.depth, "value": found.value})
            return 0
        saddle = stability_depth(self.classes, self.decay, self.decay)
        facts = {
            "threshold depth": f"{found.depth:.12g}",
            "objective F": f"{found.value:.12g}, of simplex and pairs",
            "simplex": f"{self.classes - 1} singular values {found.margin:.8g} of the end-to-end map",
            "pairs": f"{self.classes // 2} singular values {found.within:.8g} and {self.classes // 2 - 1} of "
            f"{found.between:.8g}",
            "simplex a saddle": f"from depth {saddle:.8g} on" if saddle < float("inf") else "at no depth up to 10000",
        }
        show(pairs(facts, title=f"Pairs against simplex, C = {self.classes}, decay {self.decay:g}"))
        return 0

    def _show_certified(self, depth: float, digits: int) -> None:
        """Print enclosures of the depth and of the objective there."""
        from ramodel.certified import CertifiedConfigurations

        def proven(wanted: int) -> "CertifiedThreshold":
            decays = {"jacobian_decay": self.decay, "head_decay": self.decay}
            return CertifiedConfigurations(classes=self.classes, **decays, digits=wanted).threshold()

        found, error = proven(digits), proven(max(digits, SHARP_DIGITS)).depth.error_of(depth)
        if self.json:
            say_json({"depth": bounds(found.depth), "value": bounds(found.value), "error": error})
            return
        say(f"Pairs against simplex, C = {self.classes}, decay {self.decay:g}\nproven by ball arithmetic\n")
        say(f"  threshold depth  {found.depth}\n  objective F      {found.value}")
        say(f"  error of depth   at most {error:.1e} in float64")

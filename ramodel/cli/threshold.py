"""`ramodel threshold`: the depth from which opposite pairs are better than the simplex."""

from typing import ClassVar

from ramodel.cli.command import Command, Switch
from ramodel.cli.output import pairs, say_json, show

__all__ = ["Threshold"]


class Threshold(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Find the depth from which classes in opposite pairs are better than the simplex (S10).

    Orthonormal class inputs, mean cross-entropy, Frobenius model, the same decay on blocks and head. At the threshold,
    a real number, simplex and pairs have the same objective; deeper networks have the lower rank. Other families can
    be better still: see `ramodel optimum`.

    JSON: depth, value (the objective of both there).
    """

    EXAMPLE: ClassVar[str] = "ramodel threshold --classes 6 --decay 0.01"
    ARGUMENTS: ClassVar[dict[str, str]] = {"jacobian_decay": "decay", "head_decay": "decay"}

    classes: int
    """Number of classes C, even and at least 4."""

    decay: float
    """Weight decay lam_J = lam_W of blocks and head, greater than zero."""

    json: Switch = False
    """Print JSON instead of a table."""

    def run(self) -> int:
        """Find the root and print it."""
        from ramodel.theory.configurations import stability_depth, threshold_depth

        found = threshold_depth(self.classes, self.decay, self.decay)
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

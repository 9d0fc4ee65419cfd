"""`ramodel predict`: the closed forms."""

from typing import ClassVar, Literal

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.output import columns, number, say_json, show

__all__ = ["Predict"]


class Predict(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Predict the singular values of every residual block from those of the end-to-end map (S2, S4, S6, S18).

    For each end-to-end singular value m it prints the singular value s of every block's Jacobian, that of the head,
    the cost of m, the total log-gain L ln(1+s), the step CV on a line, the local exponent d ln s / d ln L, and a
    bracket on s (the two ends are equal for the nuclear model, whose law is exact).

    JSON: model, depth and rows, each with end_to_end, jacobian, head, cost, log_gain, step_cv, depth_exponent, lower,
    upper; what is not defined, such as the exponent at m = 0, is null.
    """

    EXAMPLE: ClassVar[str] = (
        "ramodel predict --depth 8 --jacobian-decay 0.01 --head-decay 0.01 --end-to-end 13.94885 0.1024"
    )

    model: Literal["frobenius", "nuclear"] = "frobenius"
    """What a block costs: `frobenius` is one decayed matrix, `nuclear` two decayed factors."""

    depth: float
    """Number of residual blocks L, any positive number."""

    jacobian_decay: float
    """Weight decay lam_J of the blocks, greater than zero; the penalty is (lam_J/2) times squared norms."""

    head_decay: float
    """Weight decay lam_W of the head, greater than zero."""

    end_to_end: tuple[float, ...]
    """Singular values m of the end-to-end map (head times blocks), zero or more each; one row for each."""

    embedding_decay: Maybe[float] = None
    """Weight decay lam_E of a trained input embedding, greater than zero; leave out where there is none."""

    json: Switch = False
    """Print JSON instead of a table."""

    def run(self) -> int:
        """Print one row for each end-to-end singular value."""
        import numpy as np

        from ramodel.checks import finite_array
        from ramodel.theory import FrobeniusModel, NuclearModel

        kind = FrobeniusModel if self.model == "frobenius" else NuclearModel
        model = kind(self.depth, self.jacobian_decay, self.head_decay, embedding_decay=self.embedding_decay)
        m = finite_array("end_to_end", self.end_to_end, minimum=0.0)
        s = model.jacobian_singular_value(m)
        lower, upper = model.bounds(m)
        quantities = {
            "end_to_end": m,
            "jacobian": s,
            "head": model.head_singular_value(m),
            "cost": model.cost(m),
            "log_gain": self.depth * np.log1p(s),
            "step_cv": model.step_cv(s),
            "depth_exponent": model.depth_exponent(m),
            "lower": lower,
            "upper": upper,
        }
        rows = [dict(zip(quantities, map(float, row), strict=True)) for row in zip(*quantities.values(), strict=True)]
        depth = int(self.depth) if self.depth.is_integer() else self.depth
        if self.json:
            say_json({"model": self.model, "depth": depth, "rows": rows})
            return 0
        headings = ("m", "jacobian s", "head w", "cost", "log-gain", "step CV", "exponent", "lower", "upper")
        embedded = "" if self.embedding_decay is None else f", embedding decay {self.embedding_decay:g}"
        show(
            columns(
                ([number(value) for value in row.values()] for row in rows),
                headings,
                title=f"{self.model.capitalize()} model, L = {depth:g}, jacobian decay {self.jacobian_decay:g}, "
                f"head decay {self.head_decay:g}{embedded}",
                note="log-gain: L ln(1+s); exponent: d ln s / d ln L; lower, upper: bracket on s",
            )
        )
        return 0

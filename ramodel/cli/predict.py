"""`ramodel predict`: the closed forms."""

from functools import partial
from typing import ClassVar

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.output import SHARP_DIGITS, bounds, columns, number, proven_digits, say, say_json, show
from ramodel.problem import Model

__all__ = ["Predict"]

_GAINS: dict[Model, str] = {
    "frobenius": "L ln(1+s)",
    "nuclear": "L ln(1+s)",
    "kinetic": "ln(1+Ls)",
    "plain": "L ln s",
}

_SYMBOLS = {"jacobian": "jacobian s", "head": "head w", "cost": "cost"}


class Predict(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Predict the singular values of every block from those of the end-to-end map (S2, S4, S6, S7, S8, S18).

    For each end-to-end singular value m it prints the singular value s of every block's Jacobian, that of the head,
    the cost of m, the total log-gain (the sum of ln(1+s) over blocks), the step CV on a line, the local exponent d ln s
    / d ln L, and a bracket on s (the two ends are equal where the law is explicit).

    In the kinetic model, for white inputs, blocks differ: s is that of the first and `last` that of the last; 1/s grows
    by 1 from block to block. In the plain model s is the singular value of A_l itself, without a skip, the log-gain is
    L ln s, and there is no step CV: rotations of the layers change the steps and nothing else.

    JSON: model, depth and rows, each with end_to_end, jacobian (kinetic: then last), head, cost, log_gain, step_cv,
    depth_exponent, lower, upper. What is not defined is null: the step CV below depth 1 and in the plain model, the
    log-gain of the plain model at m = 0, and the exponent where s has no logarithm to follow (nuclear up to its
    threshold, plain and kinetic with an embedding at m = 0; elsewhere it is 0 at m = 0).

    With --certified, for the models `frobenius` and `nuclear`, it prints instead s, w and the cost between bounds that
    are proven by ball arithmetic, whatever was rounded, and a proven bound on the error of the s printed without it.
    Every number given stands for its float64 value. The JSON rows then hold end_to_end; jacobian, head and cost, each
    with text, lower and upper; and error, of s in float64.
    """

    EXAMPLE: ClassVar[str] = (
        "ramodel predict --depth 8 --jacobian-decay 0.01 --head-decay 0.01 --end-to-end 13.94885 0.1024"
    )

    model: Model = "frobenius"
    """What a block costs: `frobenius` one decayed matrix, `nuclear` two decayed factors, `kinetic` how far it moves its
    inputs; `plain` is a decayed matrix without a skip."""

    depth: float
    """Number of residual blocks L, any positive number."""

    jacobian_decay: float
    """Weight decay lam_J of the blocks, greater than zero; the penalty is (lam_J/2) times squared norms (kinetic: of
    the steps)."""

    head_decay: float
    """Weight decay lam_W of the head, greater than zero."""

    end_to_end: tuple[float, ...]
    """Singular values m of the end-to-end map (head times blocks), zero or more each; one row for each."""

    embedding_decay: Maybe[float] = None
    """Weight decay lam_E of a trained input embedding, greater than zero; leave out where there is none."""

    certified: Switch = False
    """Print proven bounds (needs the extra `certified`)."""

    digits: Maybe[int] = None
    """With --certified: relative radius of the bounds, 10^-digits; 1 to 1000, by default 14."""

    json: Switch = False
    """Print JSON instead of a table."""

    def run(self) -> int:
        """Print one row for each end-to-end singular value."""
        digits = proven_digits(self.digits, certified=self.certified)
        if self.certified:
            self._show_certified(digits)
            return 0
        import numpy as np

        from ramodel.checks import finite_array
        from ramodel.theory import MODELS

        model = MODELS[self.model](
            self.depth, self.jacobian_decay, self.head_decay, embedding_decay=self.embedding_decay
        )
        m = finite_array("end_to_end", self.end_to_end, minimum=0.0)
        s = model.jacobian_singular_value(m)
        lower, upper = model.bounds(m)
        last = {"last": s / (1.0 + (model.depth - 1.0) * s)} if self.model == "kinetic" else {}
        quantities = {
            "end_to_end": m,
            "jacobian": s,
            **last,
            "head": model.head_singular_value(m),
            "cost": model.cost(m),
            "log_gain": model.log_gain(m),
            "step_cv": model.step_cv(s) if model.depth >= 1.0 else np.full_like(s, np.nan),
            "depth_exponent": model.depth_exponent(m) + 0.0,  # no -0
            "lower": lower,
            "upper": upper,
        }
        rows = [dict(zip(quantities, map(float, row), strict=True)) for row in zip(*quantities.values(), strict=True)]
        if self.json:
            say_json({"model": self.model, "depth": self._depth, "rows": rows})
            return 0
        jacobian = {"kinetic": ("first s", "last s"), "plain": ("layer s",)}.get(self.model, ("jacobian s",))
        headings = ("m", *jacobian, "head w", "cost", "log-gain", "step CV", "exponent", "lower", "upper")
        show(
            columns(
                ([number(value) for value in row.values()] for row in rows),
                headings,
                title=self._title,
                note=f"log-gain: {_GAINS[self.model]}; exponent: d ln s / d ln L; lower, upper: bracket on s",
            )
        )
        return 0

    def _show_certified(self, digits: int) -> None:
        """Print enclosures in place of numbers."""
        from ramodel.certified import CertifiedModel
        from ramodel.checks import finite_array
        from ramodel.theory import MODELS

        if self.model not in ("frobenius", "nuclear"):
            raise ValueError(f"model is {self.model!r}; only 'frobenius' and 'nuclear' can be certified.")
        model = MODELS[self.model](self.depth, self.jacobian_decay, self.head_decay, self.embedding_decay)
        enclosing = partial(
            CertifiedModel,
            kind=self.model,
            depth=self.depth,
            jacobian_decay=self.jacobian_decay,
            head_decay=self.head_decay,
            embedding_decay=self.embedding_decay,
        )
        proven, sharp = enclosing(digits=digits), enclosing(digits=max(digits, SHARP_DIGITS))
        rows = []
        for m in map(float, finite_array("end_to_end", self.end_to_end, minimum=0.0)):
            found = {
                "jacobian": proven.jacobian_singular_value(m),
                "head": proven.head_singular_value(m),
                "cost": proven.cost(m),
            }
            error = sharp.jacobian_singular_value(m).error_of(float(model.jacobian_singular_value(m)))
            rows.append((m, found, error))
        if self.json:
            proofs = [
                {
                    "end_to_end": m,
                    **{name: bounds(x) for name, x in found.items()},
                    "error": error,
                }
                for m, found, error in rows
            ]
            say_json({"model": self.model, "depth": self._depth, "rows": proofs})
            return
        say(f"{self._title}\nproven by ball arithmetic; the error is that of the s of the float64 closed form")
        for m, found, error in rows:
            say(f"\nm = {m!r}")
            for name, x in found.items():
                say(f"  {_SYMBOLS[name]:10}  {x}")
            say(f"  {'error of s':10}  at most {error:.1e}" if error else f"  {'error of s':10}  none")

    @property
    def _depth(self) -> float:
        return int(self.depth) if self.depth.is_integer() else self.depth

    @property
    def _title(self) -> str:
        embedded = "" if self.embedding_decay is None else f", embedding decay {self.embedding_decay:g}"
        return (
            f"{self.model.capitalize()} model, L = {self.depth:g}, jacobian decay {self.jacobian_decay:g}, "
            f"head decay {self.head_decay:g}{embedded}"
        )

"""`ramodel simulate`: the optimiser that does not know the closed forms, then the comparison with them."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.output import columns, number, say, say_json, show, warn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ramodel.simulate import Optimum

__all__ = ["Simulate"]

_ROUNDING = 1e-12
"""Size below which a Jacobian, beside the identity that it is added to, counts as zero."""


class Simulate(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Minimise a random problem over all its matrices, without the closed forms, then compare with them.

    The problem: balanced labels, inputs x = class mean + noise (class means 2 N(0,I), noise N(0,I)), loss averaged
    over samples, plus decay. It prints what was found and how far it is from theory: `asymmetry` is the largest
    ||J - J^T||/||J|| over blocks, `balance_error` the departure from J(I+J) = W^T W/rho (S1; nuclear model: from
    J = (W^T W/rho - I)_+, S6), `layer_spread` the largest ||J_l - mean||/||mean||. `predicted` are the singular
    values of a block that S2 (nuclear: S6; with an embedding: S18) gives for the end-to-end map found, and
    `max_relative_error` the largest |s - predicted|/predicted over all blocks and the predicted values above one
    hundredth of the largest. Each is 0 where the blocks found are zero.

    JSON: objective, gradient_norm (relative), asymmetry, balance_error, layer_spread, singular_values (a list for
    each block), predicted, max_relative_error.

    The exit code is 1 where the optimiser did not converge within --time-budget; standard error then says how far
    it came.
    """

    EXAMPLE: ClassVar[str] = "ramodel simulate --model nuclear --classes 10 --width 16 --depth 16 --samples 100"

    model: Literal["frobenius", "nuclear"] = "frobenius"
    """What a block costs: `frobenius` is one decayed matrix, `nuclear` two decayed factors of hidden width d."""

    classes: int = 4
    """Number of classes C, at least 2; exactly 2 with --loss logistic."""

    width: int = 8
    """Width d of the blocks."""

    depth: int = 8
    """Number of residual blocks L."""

    samples: int = 40
    """Number of inputs N."""

    loss: Literal["squared", "cross-entropy", "logistic"] = "cross-entropy"
    """Loss, a mean over samples; `squared` has a factor 1/2 and one-hot targets, `logistic` labels of +1 and -1."""

    jacobian_decay: float = 0.01
    """Weight decay lam_J of the blocks, greater than zero; the penalty is (lam_J/2) times squared norms."""

    head_decay: float = 0.01
    """Weight decay lam_W of the head, greater than zero."""

    embedding_decay: Maybe[float] = None
    """Weight decay lam_E of an input embedding, trained as well; leave out for none."""

    seed: int = 0
    """Seed of the problem and of the starting points."""

    starts: int = 4
    """Number of starting points; the best critical point found is reported."""

    tolerance: float = 1e-10
    """Relative gradient norm at which a start has converged: ||grad F|| / (||grad loss|| + ||grad decay||)."""

    time_budget: float = 60.0
    """Seconds after which to stop, converged or not."""

    device: str = "cpu"
    """Where to compute: `cpu`, or `cuda` for a GPU."""

    json: Switch = False
    """Print JSON instead of tables."""

    def run(self) -> int:
        """Minimise, compare, print; 1 where it did not converge."""
        from ramodel.simulate import minimise, random_problem

        problem = random_problem(
            model=self.model,
            classes=self.classes,
            width=self.width,
            depth=self.depth,
            samples=self.samples,
            loss=self.loss,
            jacobian_decay=self.jacobian_decay,
            head_decay=self.head_decay,
            embedding_decay=self.embedding_decay,
            seed=self.seed,
        )
        optimum = minimise(
            problem,
            starts=self.starts,
            seed=self.seed,
            device=self.device,
            tolerance=self.tolerance,
            time_budget=self.time_budget,
        )
        found = self._compare(optimum)
        if self.json:
            say_json(found)
        else:
            self._show(found, optimum)
        if not optimum.converged:
            warn(
                f"ramodel simulate: not converged: relative gradient norm {optimum.gradient_norm:.1e} after "
                f"{optimum.seconds:.0f} s, wanted {self.tolerance:g}; raise --time-budget."
            )
        return 0 if optimum.converged else 1

    def _compare(self, optimum: "Optimum") -> dict[str, Any]:
        """Return the numbers of the JSON: what the optimiser found beside what the closed forms say."""
        import numpy as np

        from ramodel.theory import FrobeniusModel, NuclearModel

        kind = FrobeniusModel if self.model == "frobenius" else NuclearModel
        theory = kind(self.depth, self.jacobian_decay, self.head_decay, embedding_decay=self.embedding_decay)
        jacobians = _without_rounding(optimum.jacobians)
        mean = jacobians.mean(axis=0)
        singular_values = np.linalg.svd(optimum.jacobians, compute_uv=False)
        predicted = np.zeros(singular_values.shape[1])
        end_to_end = np.linalg.svd(optimum.end_to_end, compute_uv=False)[: predicted.size]
        predicted[: end_to_end.size] = theory.jacobian_singular_value(end_to_end)
        compared = predicted > max(0.01 * predicted.max(), _ROUNDING)
        departure = np.abs(singular_values[:, compared] / predicted[compared] - 1.0)
        head = optimum.head
        if np.linalg.norm(head) ** 2 <= _ROUNDING * theory.decay_ratio:
            head = np.zeros_like(head)
        return {
            "objective": float(optimum.objective),
            "gradient_norm": float(optimum.gradient_norm),
            "asymmetry": max(_ratio(jacobian - jacobian.T, jacobian) for jacobian in jacobians),
            "balance_error": theory.balance_error(jacobians, head),
            "layer_spread": max(_ratio(jacobian - mean, mean) for jacobian in jacobians),
            "singular_values": singular_values.tolist(),
            "predicted": predicted.tolist(),
            "max_relative_error": float(departure.max(initial=0.0)),
        }

    def _show(self, found: dict[str, Any], optimum: "Optimum") -> None:
        layers = list(zip(*found["singular_values"], strict=True))
        rows = [
            [str(rank + 1), number(predicted), number(min(values)), number(max(values))]
            for rank, (predicted, values) in enumerate(zip(found["predicted"], layers, strict=True))
        ]
        headings = ("k", "predicted s_k", "found, least layer", "found, greatest layer")
        show(columns(rows, headings, title=f"{self.model.capitalize()} model, {self.loss}, L = {self.depth}"))
        say(f"\n{'objective':20} {found['objective']:.12g} (relative spread of the starts: {optimum.spread:.1e})")
        for key in ("gradient_norm", "asymmetry", "balance_error", "layer_spread", "max_relative_error"):
            say(f"{key:20} {found[key]:.1e}")


def _without_rounding(jacobians: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return the Jacobians, zero in place of those that are rounding errors beside the identity of the skip."""
    import numpy as np

    sizes = np.linalg.norm(jacobians, axis=(1, 2), keepdims=True)
    return np.where(sizes > _ROUNDING, jacobians, 0.0)


def _ratio(departure: "NDArray[np.float64]", reference: "NDArray[np.float64]") -> float:
    """Return ||departure|| / ||reference||; 0 where the departure is zero."""
    import numpy as np

    size = float(np.linalg.norm(departure))
    return size / float(np.linalg.norm(reference)) if size > 0.0 else 0.0

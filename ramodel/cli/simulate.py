"""`ramodel simulate`: the optimiser that does not know the closed forms, then the comparison with them."""

from typing import TYPE_CHECKING, Any, ClassVar

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.output import columns, number, say, say_json, show, warn
from ramodel.problem import Loss, Model

if TYPE_CHECKING:
    from ramodel.simulate import Optimum

__all__ = ["Simulate"]


class Simulate(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Minimise a random problem over all its matrices, without the closed forms, then compare with them.

    The problem: balanced labels, inputs x = class mean + noise (class means 2 N(0,I), noise N(0,I)), loss averaged
    over samples, plus decay. It prints what was found and how far it is from theory: `asymmetry` is the largest
    ||J - J^T||/||J|| over blocks, `balance_error` the departure from J(I+J) = W^T W/rho (S1; nuclear model: from
    J = (W^T W/rho - I)_+, S6), `layer_spread` the largest ||J_l - mean||/||mean||. `predicted` are the singular
    values of a block that S2 (nuclear: S6; with an embedding: S18) gives for the end-to-end map found, and
    `max_relative_error` the largest |s - predicted|/predicted over all blocks and the predicted values above one
    hundredth of the largest. Each is 0 where the blocks found are zero.

    Kinetic model (S7): blocks have eigenvalues with 1/s_{l+1} = 1/s_l + 1, `slope_error` is the largest departure from
    that, `predicted` the eigenvalues of every block from the head found and Sigma = mean x x^T, `balance_error` the
    departure of the blocks from those with these eigenvalues, and `asymmetry` that of J Sigma.

    Plain model (S8): `singular_values` are those of A_l, without a skip, `balance_error` the departure from A_{l+1}^T
    A_{l+1} = A_l A_l^T, `neighbour_alignment` the least mean squared cosine between left singular vectors of a layer
    and right ones of the next (1: aligned), `own_alignment` the mean one within a layer (rank/d: by chance).

    JSON: objective, gradient_norm (relative), then asymmetry, balance_error, layer_spread, singular_values (a list for
    each block), predicted, max_relative_error; kinetic: slope_error for layer_spread, eigenvalues (a list for each
    block) for singular_values, predicted likewise; plain: neighbour_alignment and own_alignment for asymmetry and
    layer_spread.

    The exit code is 1 where the optimiser did not converge within --time-budget; standard error then says how far
    it came.
    """

    EXAMPLE: ClassVar[str] = "ramodel simulate --model nuclear --classes 10 --width 16 --depth 16 --samples 100"

    model: Model = "frobenius"
    """What a block costs: `frobenius` one decayed matrix, `nuclear` two decayed factors of hidden width d, `kinetic`
    how far it moves its inputs; `plain` is a decayed matrix without a skip."""

    classes: int = 4
    """Number of classes C, at least 2; exactly 2 with --loss logistic."""

    width: int = 8
    """Width d of the blocks."""

    depth: int = 8
    """Number of residual blocks L."""

    samples: int = 40
    """Number of inputs N."""

    loss: Loss = "cross-entropy"
    """Loss, a mean over samples; `squared` has a factor 1/2 and one-hot targets, `logistic` labels of +1 and -1."""

    jacobian_decay: float = 0.01
    """Weight decay lam_J of the blocks, greater than zero; the penalty is (lam_J/2) times squared norms (kinetic: of
    the steps)."""

    head_decay: float = 0.01
    """Weight decay lam_W of the head, greater than zero."""

    embedding_decay: Maybe[float] = None
    """Weight decay lam_E of an input embedding, trained as well; leave out for none. Kinetic: with --white only."""

    white: Switch = False
    """Whiten the inputs: mean x x^T = I."""

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
        from ramodel.experiments.agreement import agreement
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
        if self.white:
            problem = problem.whitened()
        optimum = minimise(
            problem,
            starts=self.starts,
            seed=self.seed,
            device=self.device,
            tolerance=self.tolerance,
            time_budget=self.time_budget,
        )
        found = {
            "objective": optimum.objective,
            "gradient_norm": optimum.gradient_norm,
            **agreement(problem, optimum),
        }
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

    def _show(self, found: dict[str, Any], optimum: "Optimum") -> None:
        from ramodel.experiments.agreement import ERRORS, SCORES

        title = f"{self.model.capitalize()} model, {self.loss}, L = {self.depth}"
        show(columns(*(_by_layer(found) if self.model == "kinetic" else _by_rank(found)), title=title))
        say(f"\n{'objective':20} {found['objective']:.12g} (relative spread of the starts: {optimum.spread:.1e})")
        for key in ("gradient_norm", *ERRORS):
            if key in found:
                say(f"{key:20} {found[key]:.1e}")
        for key in SCORES:
            if found.get(key) is not None:
                say(f"{key:20} {found[key]:.6f}")


def _by_rank(found: dict[str, Any]) -> tuple[list[list[str]], list[str]]:
    """Return rows and headings, a row for each singular value that all layers should share."""
    layers = list(zip(*found["singular_values"], strict=True))
    rows = [
        [str(rank + 1), number(predicted), number(min(values)), number(max(values))]
        for rank, (predicted, values) in enumerate(zip(found["predicted"], layers, strict=True))
    ]
    return rows, ["k", "predicted s_k", "found, least layer", "found, greatest layer"]


def _by_layer(found: dict[str, Any]) -> tuple[list[list[str]], list[str]]:
    """Return rows and headings, a row for each block with its two largest eigenvalues and the inverse of the first."""
    shown = min(2, len(found["predicted"][0]))
    rows = []
    for layer, (predicted, values) in enumerate(zip(found["predicted"], found["eigenvalues"], strict=True)):
        pairs = [number(value) for rank in range(shown) for value in (predicted[rank], values[rank])]
        rows.append([str(layer + 1), *pairs, number(1.0 / values[0]) if predicted[0] > 0.0 else "-"])
    pairs = [heading for rank in range(shown) for heading in (f"predicted s_{rank + 1}", "found")]
    return rows, ["l", *pairs, "1/s_1 found"]

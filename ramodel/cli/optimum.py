"""`ramodel optimum`: which configuration of the logits is best."""

from typing import TYPE_CHECKING, ClassVar, Literal

from ramodel.cli.command import Command, Switch
from ramodel.cli.output import columns, pairs, say_json, show

if TYPE_CHECKING:
    from ramodel.theory import ResidualModel
    from ramodel.theory.configurations import Configuration

__all__ = ["Optimum"]


class Optimum(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Find the best configuration of the logits for orthonormal class inputs and mean cross-entropy (S10).

    By S3 the global problem is one over the end-to-end map M, whose column c holds the logits of class c. Known
    families are tried, and a free search over all maps from many starts. What is printed is a critical point of the
    whole problem, with its value to the last digits; that none is lower is searched, not proved.

    Families: `simplex` (Neural Collapse: all directions alike), `pair` (classes in opposite pairs), `circulant`
    (corners of a regular polygon), `free` (any map). By default the lowest of all, named after the simplest family that
    reaches it; beside those above: `triangular` (classes are the pairs of n points; for 10 classes the Petersen graph),
    `lattice` (squares of a board), `polygons 5+2` (a pentagon and a pair) and the like.

    JSON: value, levels (s and multiplicity of each singular value of the blocks), family, simplex_value,
    simplex_stable (whether the simplex is a strict local minimum), effective_rank (singular values above a tenth of
    the largest).
    """

    EXAMPLE: ClassVar[str] = (
        "ramodel optimum --model frobenius --classes 10 --depth 4 --jacobian-decay 1e-3 --head-decay 1e-3"
    )

    model: Literal["frobenius", "nuclear", "kinetic"] = "frobenius"
    """What a block costs: `frobenius` one decayed matrix, `nuclear` two decayed factors, `kinetic` how far it moves its
    inputs."""

    classes: int
    """Number of classes C, at least 2. Beyond about 16 the free search takes minutes: name a family."""

    depth: float
    """Number of residual blocks L, any positive number."""

    jacobian_decay: float
    """Weight decay lam_J of the blocks, greater than zero."""

    head_decay: float
    """Weight decay lam_W of the head, greater than zero."""

    family: Literal["best", "simplex", "pair", "circulant", "free"] = "best"
    """The best of all, or only this family."""

    starts: int = 6
    """Random starts of the free search for each possible rank."""

    seed: int = 0
    """Seed of the random starts."""

    json: Switch = False
    """Print JSON instead of tables."""

    def run(self) -> int:
        """Search and print."""
        from ramodel.checks import integer
        from ramodel.theory import MODELS
        from ramodel.theory.configurations import simplex, simplex_stability

        # Orthonormal inputs have second moments I/C, in which the kinetic model measures its steps.
        share = 1.0 / integer("classes", self.classes, minimum=2) if self.model == "kinetic" else 1.0
        model = MODELS[self.model](self.depth, self.jacobian_decay * share, self.head_decay)
        reference = simplex(self.classes, model)
        stable = simplex_stability(self.classes, model).stable
        best = self._search(model)
        if self.json:
            say_json(
                {
                    "value": best.value,
                    "levels": [{"s": level.s, "multiplicity": level.multiplicity} for level in best.levels],
                    "family": best.family,
                    "simplex_value": reference.value,
                    "simplex_stable": stable,
                    "effective_rank": best.effective_rank,
                }
            )
            return 0
        facts = {
            "family": best.family,
            "objective F": f"{best.value:.12g}",
            "simplex": f"{reference.value:.12g}, {'a strict local minimum' if stable else 'a saddle'}",
            "difference": f"{best.value - reference.value:+.4g} from the simplex",
            "effective rank": f"{best.effective_rank} of at most {self.classes - 1}",
            "residual": f"{best.residual:.0e}, gradient relative to its terms",
        }
        rows = [(f"{level.s:.12g}", str(level.multiplicity)) for level in best.levels]
        show(
            pairs(
                facts,
                title=f"{self.model.capitalize()} model, C = {self.classes}, L = {self.depth:g}, jacobian decay "
                f"{self.jacobian_decay:g}, head decay {self.head_decay:g}",
            ),
            columns(rows, ("singular value s of every block", "directions")),
            gap=True,
        )
        return 0

    def _search(self, model: "ResidualModel") -> "Configuration":
        from ramodel.progress import progress_bar
        from ramodel.theory import configurations

        named = {"simplex": configurations.simplex, "pair": configurations.pair, "circulant": configurations.circulant}
        if self.family in named:
            return named[self.family](self.classes, model)
        search = configurations.free_search if self.family == "free" else configurations.best_configuration
        with progress_bar("searching", None) as bar:
            return search(
                self.classes,
                model,
                starts=self.starts,
                seed=self.seed,
                callback=lambda values, _: bar.advance(status=f"{len(values)} starts still move"),
            )

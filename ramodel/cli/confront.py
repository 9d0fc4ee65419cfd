"""`ramodel confront`: theory against sweeps, or against your own trained network."""

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from ramodel.cli.command import Command, Ids, Maybe, Switch
from ramodel.cli.errors import UsageError
from ramodel.cli.output import columns, pairs, say_json, show, warn

if TYPE_CHECKING:
    from ramodel.experiments.confrontation import Confrontation, NetworkResult
    from ramodel.experiments.subjects import Subject
    from ramodel.nets import Inputs

__all__ = ["Confront"]

_SAMPLES = 2000
"""Most samples over which work and energy are taken, unless told."""


class Confront(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Set the theory against sweeps (folders or packed files of `ramodel sweep`), or against your own trained network.

    Sweeps: every claim that stood in the configuration before the run, with what was predicted, what was measured with
    its 95 % interval, what the control gave, and the verdict. A network: give one of --checkpoint (of `ramodel
    train`), --model (built in, or a Hugging Face folder on disk), --model-file (your own; that Python file is
    EXECUTED), with the weight decays it was trained with. Every check that needs no fitted parameter is made: singular
    values from the head alone, work and energy, profiles, ranks, RA1-RA4; those that do not apply are listed with the
    reason.

    Writes into --out: confrontation.json (everything), README.md, figures/ and index.html, one page that can be sent
    to a colleague.

    JSON: the content of confrontation.json. The exit code is 1 if a claim that the theory proves does not hold, or a
    cell failed; an empirical property that does not hold is a result like any other.
    """

    EXAMPLE: ClassVar[str] = (
        "ramodel confront --model-file my.py:build --weights w.safetensors --data FOLDER --jacobian-decay 5e-4 "
        "--head-decay 5e-4 --out runs/mine"
    )
    ARGUMENTS: ClassVar[dict[str, str]] = {
        "folder": "checkpoint",
        "data_folder": "data",
        "name_or_path": "data",
        "paths": "sweeps",
        "count": "inputs",
    }

    sweeps: Ids = ()
    """Folders of `ramodel sweep`, or files that `ramodel sweep --merge` packed."""

    out: Path
    """Folder to write; made where it is missing."""

    checkpoint: Maybe[Path] = None
    """Folder that `ramodel train` wrote; decays and loss are read from it."""

    model: Maybe[str] = None
    """Either `cifar10-resnet20` or `cifar10-resnet44` (of the data folder), or a Hugging Face folder on disk."""

    model_file: Maybe[str] = None
    """FILE.py:FUNCTION. The file is EXECUTED; the function, called without arguments, returns the network."""

    weights: Maybe[Path] = None
    """Weights for --model-file: .safetensors, or .pt or .pth of tensors alone."""

    data: Maybe[Path] = None
    """Training data with labels: the data folder, a folder of images by class, or a zip of one."""

    inputs_file: Maybe[Path] = None
    """Samples in a file instead: .npz, .npy or .safetensors (images or inputs; labels)."""

    jacobian_decay: Maybe[float] = None
    """Weight decay lam_J of the blocks, as in F = mean loss + (lam/2)|weights|^2 (weight_decay of torch's SGD)."""

    head_decay: Maybe[float] = None
    """Weight decay lam_W of the head."""

    embedding_decay: Maybe[float] = None
    """Weight decay lam_E of what lies before the blocks; unknown by default."""

    decay_norms: Switch = False
    """Scales and shifts of norms were decayed like the weights, as torch does unless told otherwise."""

    loss: Literal["cross-entropy", "squared"] = "cross-entropy"
    """Loss of the training; `squared` has a factor 1/2 and one-hot targets."""

    inputs: int = 20
    """Inputs at which Jacobians are measured, spread evenly over the classes where labels are known."""

    samples: int = _SAMPLES
    """Most samples over which work and energy are taken; a checkpoint takes its whole training set."""

    mean: Maybe[tuple[float, ...]] = None
    """Mean of each channel, to be subtracted from pixels between 0 and 1; by default that of the network, if known."""

    std: Maybe[tuple[float, ...]] = None
    """Standard deviation of each channel, by which to divide then."""

    size: Maybe[int] = None
    """Bring images of a folder or zip to this height and width; by default they stay."""

    blocks: Maybe[tuple[str, ...]] = None
    """Names of the blocks, such as layer3.1 layer3.2; found by default."""

    skip: Literal["auto", "inside", "branch", "masked", "none"] = "auto"
    """Where the skip is: in the block, around it, before a last ReLU, nowhere; `auto` finds out."""

    untrained: Switch = True
    """Do without the network as it was before training, the control."""

    seed: int = 0
    """Seed of the untrained network."""

    device: str = "cpu"
    """Where to compute: `cpu`, or `cuda` for a GPU."""

    json: Switch = False
    """Print JSON instead of the table."""

    def run(self) -> int:
        """Confront, write, print."""
        from ramodel.checks import writable_folder
        from ramodel.experiments.confrontation import confront_sweeps, write_confrontation_json

        named = [one for one in (self.checkpoint, self.model, self.model_file) if one is not None]
        if bool(self.sweeps) == bool(named) or len(named) > 1:
            raise UsageError(
                "ramodel confront: give sweeps, or one network: --checkpoint, --model or --model-file; for example "
                f"`ramodel confront runs/depth --out runs/confronted`, or `{self.EXAMPLE}`."
            )
        self._refuse_options_of_the_other_kind()
        is_new = not self.out.exists()
        folder = writable_folder("out", self.out)
        try:
            confrontation = self._network() if named else confront_sweeps(self.sweeps)
        except BaseException:
            if is_new:
                with contextlib.suppress(OSError):  # something is in it after all
                    folder.rmdir()
            raise
        written = [write_confrontation_json(folder, confrontation)]
        written += _report(folder, confrontation, self._again())
        if self.json:
            say_json(confrontation.builtins())
        else:
            _print(confrontation, folder, written)
        for name, reason in confrontation.failures.items():
            warn(f"ramodel confront: {name} failed: {reason}")
        return confrontation.exit_code

    def _network(self) -> "Confrontation":
        from ramodel.checks import integer
        from ramodel.experiments.confrontation.own_network import confront_network
        from ramodel.experiments.subjects import load_subject, subject_inputs
        from ramodel.nets import usable_device

        integer("inputs", self.inputs)
        integer("samples", self.samples)
        device = usable_device(self.device)
        subject = load_subject(
            checkpoint=self.checkpoint,
            model=self.model,
            model_file=self.model_file,
            weights=self.weights,
            data=self.data,
        )
        settings = self._training()
        where: dict[str, Any] = {"data": self.data, "inputs_file": self.inputs_file}
        where |= {"mean": self.mean, "std": self.std, "size": self.size}
        inputs = subject_inputs(subject, count=self.inputs, **where)
        training = self._training_inputs(subject) or subject_inputs(subject, count=self.samples, **where)
        subject.network.to(device)
        return confront_network(
            subject,
            inputs,
            training_inputs=training,
            blocks=self.blocks,
            skip=self.skip,
            untrained=self.untrained,
            seed=self.seed,
            **settings,
        )

    def _training(self) -> dict[str, Any]:
        """Return decays and loss: as given, or those of the checkpoint."""
        found: dict[str, Any] = {"loss": self.loss, "decay_norms": self.decay_norms}
        names = ("jacobian_decay", "head_decay", "embedding_decay")
        if self.checkpoint is not None:
            from ramodel.nets import load_checkpoint

            trained = load_checkpoint(self.checkpoint).training
            if trained is not None:
                found = {name: getattr(trained, name) for name in (*names, "loss", "decay_norms")}
        found |= {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        for name in names[:2]:
            if found.get(name) is None:
                raise UsageError(
                    f"ramodel confront: {self.flag(name)} is missing; give the weight decay of the training."
                )
        return found

    def _training_inputs(self, subject: "Subject") -> "Inputs | None":
        """Return the training set of a checkpoint, None of other networks."""
        from ramodel.nets import Inputs

        if subject.data is None or self.inputs_file is not None:
            return None
        dataset = subject.data.load(self.data)
        origin = f"the training part of {dataset.name}"
        return Inputs(values=dataset.train_inputs, labels=dataset.train_labels, kind="inputs", origin=origin)

    def _refuse_options_of_the_other_kind(self) -> None:
        if not self.sweeps:
            return
        for option in msgspec.structs.fields(self):
            if option.name not in ("sweeps", "out", "json") and getattr(self, option.name) != option.default:
                raise UsageError(f"ramodel confront: {self.flag(option.name)} is for a network, and sweeps are given.")

    def _again(self) -> str:
        """Return the command line that makes the same: every option that is not at its default."""
        words = ["ramodel", "confront", *self.sweeps]
        for option in msgspec.structs.fields(self):
            value = getattr(self, option.name)
            if option.name not in ("sweeps", "json") and value != option.default:
                values = value if isinstance(value, tuple) else () if isinstance(value, bool) else (value,)
                words += [self.flag(option.name), *map(str, values)]
        return shlex.join(words)


def _report(folder: Path, confrontation: "Confrontation", command: str) -> list[Path]:
    from ramodel.report.confrontation import write_confrontation

    written: list[Path] = write_confrontation(folder, confrontation, command=command)
    return written


def _print(confrontation: "Confrontation", folder: Path, written: list[Path]) -> None:
    from ramodel.report import verdict_table

    items: list[Any] = []
    for law in confrontation.laws:
        items += [f"{law.config.law}: {law.config.title}", verdict_table(law.comparisons)]
    if confrontation.network is not None:
        items += _network_tables(confrontation.network)
    items.append(f"{len(written)} files; everything is in {folder}")
    show(*items, gap=True)


def _network_tables(result: "NetworkResult") -> list[Any]:
    from ramodel.report import verdict_table

    items: list[Any] = [
        pairs({"inputs": result.inputs, **result.facts}, title=result.name),
        verdict_table(result.comparisons),
    ]
    observed: dict[str, dict[str, None]] = {}
    for check in result.checks:
        if check.comparison is not None and check.reason:
            observed.setdefault(check.reason, {})[check.statement] = None
    if observed:
        lines = [(", ".join(statements), reason) for reason, statements in observed.items()]
        items.append(columns(lines, ("id", "reason"), title="Observed and not exact, because", left=2, folding=1))
    unasked = [(check.statement, check.question, check.reason) for check in result.checks if check.comparison is None]
    if unasked:
        title = "Not asked of this network"
        items.append(columns(unasked, ("id", "check", "reason"), title=title, left=3, folding=2))
    return [*items, *result.notes]

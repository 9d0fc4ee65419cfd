"""`ramodel measure`: the instrument on anyone's network."""

import shlex
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.errors import UsageError

if TYPE_CHECKING:
    from ramodel.experiments.subjects import Subject
    from ramodel.nets import Inputs
    from ramodel.spectra import Spectra

__all__ = ["Measure"]

_MOST_BY_DEFAULT = 12
"""Triplets that are kept where there are many classes, unless told."""


class Measure(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Measure the Residual Jacobians of a trained network: singular triplets of every block at every input.

    The network is one of: --checkpoint (of `ramodel train`), --model (built in, or a Hugging Face folder on disk),
    --model-file (your own; that Python file is EXECUTED, so give only files that you trust).

    Writes one netCDF file with named axes: singular_values [block, input, rank], the vectors left and right, residuals,
    states; `ramodel.spectra.Spectra.load` reads it. Prints what was found to be the blocks, a line for each of them,
    and the properties RA1-RA4: the median over inputs and blocks, between which values the middle half lies, and the
    value of Jacobians without structure.

    JSON: network, inputs, written, notes, converged, blocks, readings (RA1-RA4, and coupling S17, norms S9, energies
    S16, Neural Collapse NC1-NC4); null where a number is not defined or infinite. Exit code 1: not all triplets
    converged; what was found is written all the same, and says which.
    """

    EXAMPLE: ClassVar[str] = "ramodel measure --model-file my.py:build --weights w.safetensors --data FOLDER --out s.nc"
    ARGUMENTS: ClassVar[dict[str, str]] = {
        "folder": "checkpoint",
        "data_folder": "data",
        "name_or_path": "data",
        "output": "out",
    }

    out: Path
    """File to write, such as spectra.nc; its folder is made where it is missing."""

    checkpoint: Maybe[Path] = None
    """Folder that `ramodel train` wrote."""

    model: Maybe[str] = None
    """Either `cifar10-resnet20` or `cifar10-resnet44` (of the data folder), or a folder with config.json and
    model.safetensors as Hugging Face's transformers saves them. Nothing is downloaded."""

    model_file: Maybe[str] = None
    """FILE.py:FUNCTION. The file is EXECUTED; the function, called without arguments, returns the network."""

    weights: Maybe[Path] = None
    """Weights for --model-file: .safetensors, or .pt or .pth of tensors alone (no other pickles are opened)."""

    data: Maybe[Path] = None
    """The data folder, a folder of images by class, or a zip of one; by default what the network was trained on, if
    known, in the data folder that the environment variable RAMODEL_DATA names; random token ids for text."""

    inputs_file: Maybe[Path] = None
    """Inputs in a file instead: .npz, .npy or .safetensors (images, inputs or input_ids; labels)."""

    inputs: int = 50
    """Most inputs, spread evenly over the classes where labels are known."""

    mean: Maybe[tuple[float, ...]] = None
    """Mean of each channel, to be subtracted from pixels between 0 and 1; by default that of the network, if known."""

    std: Maybe[tuple[float, ...]] = None
    """Standard deviation of each channel, by which to divide then."""

    size: Maybe[int] = None
    """Bring images of a folder or zip to this height and width; by default they stay."""

    sequence_length: Maybe[int] = None
    """Random token ids in a row; 32 by default."""

    blocks: Maybe[tuple[str, ...]] = None
    """Names of the blocks, such as layer3.1 layer3.2; found by default."""

    skip: Literal["auto", "inside", "branch", "masked", "none"] = "auto"
    """Where the skip is: in the block (J = D - I), around it (J = D), before a last ReLU, nowhere; `auto` finds out."""

    rank: Maybe[int] = None
    """Number of singular triplets; by default two more than there are classes, at most 12."""

    tolerance: float = 1e-4
    """Largest residual of a triplet; singular values are good to about its square."""

    method: Literal["auto", "dense", "lanczos"] = "auto"
    """Whole Jacobians, or products with them alone; `auto` takes what is faster."""

    dtype: Literal["float64", "float32"] = "float64"
    """Precision of the measurement, whatever that of the network; float32 takes half the time."""

    batch_size: Maybe[int] = None
    """Inputs at once; by default as many as half of the free memory holds."""

    tokens: tuple[str, ...] = ("sequence",)
    """Of transformers: `sequence` takes the state as one vector, `diagonal` each token with itself, OUT:IN (such as
    5:3) the Jacobian of token 5 with respect to token 3."""

    vectors: Literal["full", "float32", "none"] = "float32"
    """How to keep singular vectors and states: in --dtype, in float32; `none` drops the vectors (and with them RA2)."""

    statistics: tuple[Literal["trace", "frobenius", "asymmetry", "normality", "eigenvalues"], ...] = ()
    """Numbers of whole Jacobians: exact for states of up to 512 numbers, else estimated with standard errors."""

    alignment: Switch = False
    """Compute the grids U_i^T J_j V_i and V_i^T J_j U_i of all pairs of blocks: RA2 of whole Jacobians."""

    untrained: Switch = False
    """Measure the network as it was before training too, the control, into a second file beside --out."""

    report: Maybe[Path] = None
    """Folder for a report: README.md with the tables, and pictures of RA1-RA4; made where it is missing."""

    seed: int = 0
    """Seed of starting vectors, of random token ids and of the untrained network."""

    device: str = "cpu"
    """Where to compute: `cpu`, or `cuda` for a GPU."""

    json: Switch = False
    """Print JSON instead of tables."""

    def run(self) -> int:
        """Measure, write, print."""
        from ramodel.checks import integer, writable_folder
        from ramodel.cli.spectra_tables import print_measurement
        from ramodel.experiments.subjects import load_subject, subject_inputs
        from ramodel.nets import usable_device
        from ramodel.spectra.properties import residual_alignment

        if sum(source is not None for source in (self.checkpoint, self.model, self.model_file)) != 1:
            raise UsageError(
                "ramodel measure: give one network: --checkpoint, --model or --model-file; for example "
                f"`{self.EXAMPLE}`."
            )
        integer("inputs", self.inputs)
        tokens = _tokens(self.tokens)
        device = usable_device(self.device)
        target, control = self._targets()
        if self.report is not None:
            writable_folder("report", self.report)
        subject = load_subject(
            checkpoint=self.checkpoint,
            model=self.model,
            model_file=self.model_file,
            weights=self.weights,
            data=self.data,
        )
        inputs = subject_inputs(
            subject,
            data=self.data,
            inputs_file=self.inputs_file,
            count=self.inputs,
            mean=self.mean,
            std=self.std,
            size=self.size,
            sequence_length=self.sequence_length,
            seed=self.seed,
        )
        options: dict[str, Any] = {
            "blocks": self.blocks,
            "rank": self.rank if self.rank is not None else _default_rank(subject, inputs),
            "skip": self.skip,
            "tolerance": self.tolerance,
            "method": self.method,
            "dtype": self.dtype,
            "batch_size": "auto" if self.batch_size is None else self.batch_size,
            "seed": self.seed,
            "tokens": tokens,
            "labels": inputs.labels,
            "vectors": self.vectors,
            "statistics": self.statistics,
            "alignment": self.alignment,
        }
        networks = {target: subject.network}
        if self.untrained:
            networks[control] = subject.untrained(inputs, seed=self.seed)
        arguments = subject.arguments(inputs)
        measured = [_measure(network.to(device), arguments, file, options) for file, network in networks.items()]
        found = residual_alignment(*measured, classes=_classes(subject, inputs), head=subject.head)
        written = [*networks]
        if self.report is not None:
            from ramodel.report import write_network_report

            written += write_network_report(
                self.report,
                measured[0],
                found,
                untrained=measured[1] if self.untrained else None,
                title=f"{subject.name}, {inputs.origin}",
                command=self._again(),
            )
        print_measurement(subject, inputs, measured[0], found, written, as_json=self.json)
        return 0 if all(bool(spectra.converged.all()) for spectra in measured) else 1

    def _targets(self) -> tuple[Path, Path]:
        """Return the file to write and that of the control, neither of them a file that is read."""
        from ramodel.checks import replaceable_file, writable_folder

        others = {
            "model_file": None if self.model_file is None else self.model_file.rpartition(":")[0],
            "weights": self.weights,
            "inputs_file": self.inputs_file,
            "data": self.data,
            "report": None if self.report is None else self.report / "README.md",
        }
        target = replaceable_file("out", self.out, reads=others, in_folder=False)
        control = target.with_stem(f"{target.stem}-untrained")
        if self.untrained:
            replaceable_file("out", control, reads=others, in_folder=False)
        writable_folder("out", target.parent)
        return target, control

    def _again(self) -> str:
        """Return the command line that measures the same: every option that is not at its default."""
        words = ["ramodel", "measure"]
        for option in msgspec.structs.fields(self):
            value = getattr(self, option.name)
            if value != option.default:
                values = value if isinstance(value, tuple) else () if value is True else (value,)
                words += [self.flag(option.name), *map(str, values)]
        return shlex.join(words)


def _measure(network: Any, arguments: Any, file: Path, options: dict[str, Any]) -> "Spectra":
    from ramodel.spectra import measure

    with warnings.catch_warnings():
        # The table says it, block by block, and so does the exit code.
        warnings.filterwarnings("ignore", ".* have not converged", RuntimeWarning)
        return measure(network, arguments, output=file, **options)


def _classes(subject: "Subject", inputs: "Inputs") -> int | None:
    if subject.classes is not None:
        return subject.classes
    names = inputs.class_names
    return None if names is None or len(names) < 2 else len(names)  # a single folder of images names no classes


def _default_rank(subject: "Subject", inputs: "Inputs") -> int:
    classes = _classes(subject, inputs)
    return _MOST_BY_DEFAULT if classes is None else min(classes + 2, _MOST_BY_DEFAULT)


def _tokens(words: tuple[str, ...]) -> str | list[tuple[int, int]]:
    if words in (("sequence",), ("diagonal",)):
        return words[0]
    pairs = []
    for word in words:
        out, colon, into = word.partition(":")
        if not (colon and out.isdecimal() and into.isdecimal()):
            raise ValueError(f"tokens is {word!r}; it must be 'sequence', 'diagonal' or pairs OUT:IN, such as 5:3 0:0.")
        pairs.append((int(out), int(into)))
    return pairs

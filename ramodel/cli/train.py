"""`ramodel train`: one network, trained and saved."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.durations import seconds_in
from ramodel.cli.errors import UsageError
from ramodel.cli.output import number, pairs, say_json, show

if TYPE_CHECKING:
    from ramodel.nets import AnyNetworkConfig, DataChoice, Dataset, TrainingConfig

__all__ = ["Train"]

_BESIDE_A_FILE = ("out", "config", "data", "seed", "device", "resume", "stop_after", "json")
"""Options that say nothing about the network, its samples or its training but the seed."""


class Train(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Train one residual network z = W h_L, h_l = h_{l-1} + f_l(h_{l-1}), h_0 = E x, and save it.

    What is minimised is the mean loss plus (lam_E/2)||E||^2 + (lam_J/2) sum ||block weights||^2 + (lam_W/2)||W||^2,
    with full-batch L-BFGS in float64 by default, to a stationary point: that is where the exact statements hold, and
    the relative gradient norm reached is printed with the result. ReLU networks do not reach one: their
    optimum sits on kinks.

    The options make the fully connected networks of the theory. Every other family (convolutional ResNets,
    transformers, ...) is described in a TOML file: --config, with the tables [network], [data] and [training].

    Writes checkpoint.json, the weights (safetensors) and summary.json into --out. Interrupted, the same command
    continues from the last checkpoint and ends with the same numbers. Measure the network with `ramodel measure`.
    """

    EXAMPLE: ClassVar[str] = "ramodel train --kind linear --depth 8 --out runs/linear-8"
    ARGUMENTS: ClassVar[dict[str, str]] = {
        "name_or_path": "dataset",
        "data_folder": "data",
        "classes": "labels",
        "folder": "out",
    }
    AFTER_INTERRUPT: ClassVar[str] = "The same command continues from the last checkpoint."

    out: Path
    """Folder for checkpoint and summary; made where it is missing."""

    config: Maybe[Path] = None
    """TOML file in place of the options: tables [network] (family = "paper" and its fields), [data], [training]."""

    kind: Literal["linear", "factored", "relu", "gelu"] = "linear"
    """Branch of a block: `linear` J h (Frobenius model), `factored` B A h (nuclear model), else B phi(A h)."""

    width: int = 32
    """Width d of the hidden states."""

    depth: int = 8
    """Number of residual blocks L."""

    hidden: Maybe[int] = None
    """Rows of A, for blocks of two matrices; the width by default."""

    skip: Switch = True
    """Leave out the skip connections: the control that must not align."""

    bias: Switch = False
    """Give embedding, blocks and head biases, which are not decayed."""

    embedding: Literal["trained", "fixed", "identity"] = "trained"
    """Input embedding E: trained, fixed at its random start, or the identity (needs inputs as wide as the network)."""

    embedding_scale: float = 1.0
    """Initial E has entries of variance scale^2 / fan-in."""

    head_scale: float = 1.0
    """Initial W has entries of variance scale^2 / fan-in."""

    block_scale: float = 1.0
    """Initial branches have size scale / depth."""

    initial_orthogonal: Maybe[float] = None
    """Multiple of a random orthogonal matrix in the initial branches; by default 0, and 1.2 with --no-skip."""

    keep_probability: float = 1.0
    """Stochastic depth: the probability that a whole branch is kept in a step of training (not for lbfgs)."""

    rescale_kept: Switch = False
    """Count branches that are kept 1/q times in training, and all of them once in evaluation (q times by default)."""

    optimiser: Literal["lbfgs", "sgd", "adam", "adamw"] = "lbfgs"
    """Optimiser; `lbfgs` is full-batch and reaches stationarity, `adamw` does not aim at it (decoupled decay)."""

    loss: Literal["cross-entropy", "squared"] = "cross-entropy"
    """Loss, a mean over samples; `squared` has a factor 1/2 and one-hot targets."""

    jacobian_decay: float = 0.01
    """Weight decay lam_J of the blocks."""

    head_decay: float = 0.01
    """Weight decay lam_W of the head."""

    embedding_decay: float = 0.01
    """Weight decay lam_E of a trained embedding."""

    decay_norms: Switch = False
    """Let lam_J fall on scales and shifts of normalisation layers in the blocks too."""

    iterations: int = 5000
    """Most epochs, or steps of L-BFGS."""

    warmup: int = 0
    """Epochs of full-batch Adam before L-BFGS."""

    memory: int = 10
    """Correction pairs of L-BFGS."""

    batch_size: Maybe[int] = None
    """Samples in a mini-batch (not for lbfgs); the full training set by default."""

    learning_rate: float = 0.05
    """Step size of sgd, adam, adamw and of the warm-up."""

    momentum: float = 0.9
    """Momentum of sgd, from 0 to below 1."""

    schedule: Literal["constant", "cosine", "step"] = "constant"
    """Step size over time; `cosine` ends at zero, `step` falls to a tenth at 1/3 and at 2/3 of the epochs."""

    precision: Literal["float64", "float32", "tf32", "bf16"] = "float64"
    """Arithmetic of the training; measurements are in float64 whatever it was."""

    augmentation: Literal["none", "flip", "crop", "crop-flip"] = "none"
    """Images of a mini-batch mirrored at random, shifted by up to an eighth of their sides, or both (not for lbfgs)."""

    tolerance: float = 1e-6
    """Relative gradient norm at which to stop: ||grad F|| / (||grad loss|| + ||grad decay||)."""

    time_budget: Maybe[float] = None
    """Seconds after which to stop; no limit by default. A run cut by the clock is not repeatable to the digit."""

    checkpoint_every: int = 500
    """Iterations between checkpoints."""

    coupling_weight: float = 0.0
    """Weight of a penalty on blocks whose Jacobians differ from those of their neighbours."""

    gradient_smoothing: float = 0.0
    """From 0 to 1: pull the gradient of every block towards those of its neighbours."""

    compile: Literal["none", "auto"] = "none"
    """`auto` compiles the network where it is trained on a GPU."""

    deterministic: Switch = False
    """Ask for deterministic algorithms: equal runs on a GPU are then equal bit for bit."""

    dataset: str = "digits"
    """`digits` (bundled), a folder of MNIST-family IDX files such as `mnist`, an .npz file (images, labels), a folder
    or a .zip of images by class, `cifar10-jpeg`, `torchvision:NAME`, `hf:NAME`, or `python-text`."""

    data: Maybe[Path] = None
    """Data folder, where data sets other than digits are looked for; else the environment variable RAMODEL_DATA."""

    labels: Maybe[tuple[int, ...]] = None
    """Labels to keep, such as 3 5 8; all by default."""

    train_size: Maybe[int] = None
    """Number of training samples; all by default."""

    test_size: Maybe[int] = None
    """Number of test samples; all by default, a fifth where one pool must be split."""

    normalise: Literal["mean-norm", "standard", "channel", "none"] = "mean-norm"
    """Inputs: centred with mean norm 1, each pixel standardised, each colour standardised, or as they are."""

    shuffled_labels: Switch = False
    """Permute the training labels at random: the control that cannot generalise."""

    context: Maybe[int] = None
    """Characters in a row of `python-text`; 64 by default."""

    seed: int = 0
    """Seed of split, initial weights and mini-batches."""

    stop_after: Maybe[str] = None
    """Time after which to write a checkpoint and stop, such as 9m or 90s; the same command goes on from there."""

    device: str = "cpu"
    """Where to compute: `cpu`, or `cuda` for a GPU."""

    resume: Switch = True
    """Start afresh and overwrite the checkpoint in --out."""

    json: Switch = False
    """Print the summary as JSON instead of a table."""

    def run(self) -> int:
        """Train, save, print what was reached."""
        from ramodel.checks import writable_folder
        from ramodel.nets import SUMMARY, build_network, train

        stop_after = None if self.stop_after is None else seconds_in("stop_after", self.stop_after)
        network, choice, training, dataset = self._chosen()
        folder = writable_folder("out", self.out)
        result = train(
            build_network(network),
            dataset,
            training,
            device=self.device,
            folder=folder,
            resume=self.resume,
            stop_after=stop_after,
        )
        reached = {name: getattr(result, name) for name in result.__struct_fields__ if name != "history"}
        summary = {"data": choice, "network": network, "training": training, "result": reached}
        _write(folder / SUMMARY, summary)
        if self.json:
            say_json(summary)
        else:
            title = f"{_kind(network)} network, L = {network.depth}, d = {network.width}, on {choice.dataset}"
            lines = {name: value if isinstance(value, str) else _text(value) for name, value in reached.items()}
            show(pairs({**lines, "saved in": str(folder)}, title=title))
        return 0

    def _chosen(self) -> "tuple[AnyNetworkConfig, DataChoice, TrainingConfig, Dataset]":
        """Return network, samples and training, from the options or from the file."""
        from ramodel.cli.training_file import read_training_file
        from ramodel.nets import DataChoice, NetworkConfig, TrainingConfig, network_config

        if self.config is None:
            choice = DataChoice(**self._shared_with(DataChoice))
            training = TrainingConfig(**self._shared_with(TrainingConfig))
            dataset = choice.load(self.data)
            sizes: dict[str, Any] = {"inputs": dataset.inputs, "classes": dataset.classes}
            return NetworkConfig(**self._shared_with(NetworkConfig), **sizes), choice, training, dataset
        for field in msgspec.structs.fields(type(self)):
            if field.name not in _BESIDE_A_FILE and getattr(self, field.name) != field.default:
                raise UsageError(
                    f"ramodel train: {self.flag(field.name)} is given beside --config; write it into {self.config}."
                )
        found = read_training_file(self.config, seed=self.seed)
        dataset = found.data.load(self.data)
        return network_config(found.network, dataset, self.seed), found.data, found.training, dataset

    def _shared_with(self, config: type[msgspec.Struct]) -> dict[str, Any]:
        """Return the options that are fields of `config` as well."""
        return {name: getattr(self, name) for name in config.__struct_fields__ if name in self.__struct_fields__}


def _write(path: Path, summary: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=1))
    partial.replace(path)


def _kind(network: "AnyNetworkConfig") -> str:
    return str(getattr(network, "kind", type(network).__struct_config__.tag))


def _text(value: float | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else number(value)

"""What is minimised, by which optimiser, and when it stops."""

from typing import Literal

import msgspec

from ramodel.checks import LARGEST_SEED, integer, nonnegative, one_of, positive
from ramodel.nets.training.losses import Loss
from ramodel.nets.training.objective import Decays

__all__ = ["Augmentation", "Compilation", "Optimiser", "Precision", "Schedule", "TrainingConfig"]

Optimiser = Literal["lbfgs", "sgd", "adam", "adamw"]
Schedule = Literal["constant", "cosine", "step"]
Precision = Literal["float64", "float32", "tf32", "bf16"]
Augmentation = Literal["none", "flip", "crop", "crop-flip"]
Compilation = Literal["none", "auto"]

_OF_MINI_BATCHES = {"augmentation": "none", "coupling_weight": 0.0, "gradient_smoothing": 0.0}
"""Fields that only optimisers of noisy gradients can follow, and what leaves them out."""


class TrainingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Objective, optimiser and end of a training run.

    The objective is F = mean loss + (lam_E/2)||E||^2 + (lam_J/2) sum_l ||block l||^2 + (lam_W/2)||W||^2 with the lam of
    the theory, of the training set as it is: what augmentation and interventions add to a step is no part of F. A
    network with BatchNorm has the loss of its training mode, over the mini-batches of epoch 0; one with stochastic
    depth that of its expectation, h + q f(h).

    Optimisers that decay the weights themselves are given exactly these lam: the `weight_decay` of SGD and Adam adds
    lam theta to the gradient, which is the gradient of (lam/2)||theta||^2, whatever the learning rate. Only "adamw"
    differs: it shrinks the weights apart from Adam's rescaled step, so the points where it rests are not stationary
    points of F. Use it to imitate common practice, not to confront exact statements.

    Parameters
    ----------
    optimiser
        "lbfgs" (full batch, to stationarity), "sgd" (with momentum), "adam" (decay in the gradient) or "adamw".
    loss
        Mean "cross-entropy", or "squared" error (1/2N) ||Z - Y||_F^2 with one-hot Y.
    jacobian_decay, head_decay, embedding_decay
        lam_J, lam_W, lam_E. A fixed embedding has none.
    decay_norms
        Whether scales and shifts of normalisation layers are decayed too, in the residual blocks by lam_J and elsewhere
        by lam_E, as common practice does. Where BatchNorm ends a branch this is the transport cost of S7; and where the
        first norm is free, the network can scale up h_0 instead of using its blocks.
    iterations
        Most passes over the training set: epochs, or steps of L-BFGS. Warm-up epochs count. 0 trains nothing and
        only looks.
    warmup
        Epochs of full-batch Adam, at `learning_rate`, before L-BFGS: ReLU networks need them.
    memory
        Correction pairs of L-BFGS.
    batch_size
        Samples per step of a first-order optimiser; None for the full training set.
    learning_rate, momentum, schedule
        Step size of the first-order optimisers and how it falls from epoch to epoch: "constant", "cosine" (to zero), or
        "step" (to a tenth at a third, and again at two thirds, of all epochs); momentum of SGD.
    precision
        Type of weights and arithmetic: "float64"; "float32"; "tf32", float32 with products in TensorFloat-32 on CUDA;
        "bf16", float32 with the products of training steps in bfloat16 (autocast). The objective is looked at without
        either shortcut. L-BFGS wants float64: in float32 it stalls near a relative gradient of 5e-6.
    augmentation
        What happens to the images of a mini-batch: "flip" mirrors every second one, on average, left to right; "crop"
        shifts each one by up to an eighth of its sides (4 pixels of 32), zeros moving in; "crop-flip" does both.
    tolerance
        Stop where ||grad F|| / (||grad loss|| + ||grad decay||), on the full training set, is at most this.
    time_budget
        Stop after so many seconds; None for no end. A run that it cuts is not repeatable to the digit: where that
        matters, limit `iterations`.
    checkpoint_every
        Iterations between looks at the full training set and checkpoints. L-BFGS forgets its correction pairs there,
        so that an interrupted run repeats the uninterrupted one.
    coupling_weight, gradient_smoothing
        Interventions: weight of `coupling_penalty` in the loss of a step, strength of `smooth_gradients`.
    compile
        "auto" compiles the network (torch.compile) on CUDA; its numbers are then those of the eager network up to
        rounding.
    deterministic
        Ask torch for deterministic algorithms: on CUDA too, equal runs are then equal bit for bit.
    seed
        Seed of the order of mini-batches and of the augmentation.
    """

    optimiser: Optimiser = "lbfgs"
    loss: Loss = "cross-entropy"
    jacobian_decay: float = 1e-2
    head_decay: float = 1e-2
    embedding_decay: float = 1e-2
    decay_norms: bool = False
    iterations: int = 5000
    warmup: int = 0
    memory: int = 10
    batch_size: int | None = None
    learning_rate: float = 0.05
    momentum: float = 0.9
    schedule: Schedule = "constant"
    precision: Precision = "float64"
    augmentation: Augmentation = "none"
    tolerance: float = 1e-6
    time_budget: float | None = None
    checkpoint_every: int = 500
    coupling_weight: float = 0.0
    gradient_smoothing: float = 0.0
    compile: Compilation = "none"
    deterministic: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        one_of("optimiser", self.optimiser, ["lbfgs", "sgd", "adam", "adamw"])
        one_of("loss", self.loss, ["cross-entropy", "squared"])
        one_of("schedule", self.schedule, ["constant", "cosine", "step"])
        one_of("precision", self.precision, ["float64", "float32", "tf32", "bf16"])
        one_of("augmentation", self.augmentation, ["none", "flip", "crop", "crop-flip"])
        one_of("compile", self.compile, ["none", "auto"])
        for name in ("jacobian_decay", "head_decay", "embedding_decay", "coupling_weight"):
            nonnegative(name, getattr(self, name))
        for name in ("memory", "checkpoint_every"):
            integer(name, getattr(self, name))
        integer("iterations", self.iterations, minimum=0)
        integer("warmup", self.warmup, minimum=0, maximum=self.iterations)
        integer("seed", self.seed, minimum=0, maximum=LARGEST_SEED)
        if self.warmup and self.optimiser != "lbfgs":
            raise ValueError(f"warmup is {self.warmup}; it belongs to optimiser 'lbfgs', not {self.optimiser!r}.")
        if self.batch_size is not None:
            integer("batch_size", self.batch_size)
            if self.optimiser == "lbfgs":
                raise ValueError(f"batch_size is {self.batch_size}; 'lbfgs' takes the full training set. Leave it out.")
        positive("learning_rate", self.learning_rate)
        if nonnegative("momentum", self.momentum) >= 1.0:
            raise ValueError(f"momentum is {self.momentum}; it must be less than 1.")
        if nonnegative("gradient_smoothing", self.gradient_smoothing) > 1.0:
            raise ValueError(f"gradient_smoothing is {self.gradient_smoothing}; it must be at most 1.")
        self._check_full_batch()
        positive("tolerance", self.tolerance)
        if self.time_budget is not None:
            positive("time_budget", self.time_budget)

    def _check_full_batch(self) -> None:
        if self.optimiser != "lbfgs":
            return
        for name, without in _OF_MINI_BATCHES.items():
            if (value := getattr(self, name)) != without:
                raise ValueError(f"{name} is {value!r}; 'lbfgs' descends the objective as it is. Use 'sgd' or 'adam'.")
        if self.precision == "bf16":
            raise ValueError("precision is 'bf16'; 'lbfgs' needs more digits. Use 'float64', or another optimiser.")

    @property
    def decays(self) -> Decays:
        """lam_E, lam_J, lam_W, and lam_J and lam_E for the norms where these are decayed."""
        weights = (self.embedding_decay, self.jacobian_decay, self.head_decay)
        return Decays(*weights, self.jacobian_decay, self.embedding_decay) if self.decay_norms else Decays(*weights)

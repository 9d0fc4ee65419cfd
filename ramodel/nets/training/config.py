"""What is minimised, by which optimiser, and when it stops."""

from typing import Literal

import msgspec

from ramodel.checks import LARGEST_SEED, integer, nonnegative, one_of, positive
from ramodel.nets.training.losses import Loss
from ramodel.nets.training.objective import Decays

__all__ = ["Optimiser", "Schedule", "TrainingConfig"]

Optimiser = Literal["lbfgs", "sgd", "adam", "adamw"]
Schedule = Literal["constant", "cosine"]


class TrainingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Objective, optimiser and end of a training run.

    The objective is F = mean loss + (lam_E/2)||E||^2 + (lam_J/2) sum_l ||block l||^2 + (lam_W/2)||W||^2 with the lam of
    the theory. Optimisers that decay the weights themselves are given exactly these: the `weight_decay` of SGD and
    Adam adds lam theta to the gradient, which is the gradient of (lam/2)||theta||^2, whatever the learning rate. Only
    "adamw" differs: it shrinks the weights apart from Adam's rescaled step, so the points where it rests are not
    stationary points of F. Use it to imitate common practice, not to confront exact statements.

    Parameters
    ----------
    optimiser
        "lbfgs" (full batch, to stationarity), "sgd" (with momentum), "adam" (decay in the gradient) or "adamw".
    loss
        Mean "cross-entropy", or "squared" error (1/2N) ||Z - Y||_F^2 with one-hot Y.
    jacobian_decay, head_decay, embedding_decay
        lam_J, lam_W, lam_E. A fixed embedding has none.
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
        Step size of the first-order optimisers (its start, for "cosine", which ends at zero), momentum of SGD.
    tolerance
        Stop where ||grad F|| / (||grad loss|| + ||grad decay||), on the full training set, is at most this.
    time_budget
        Stop after so many seconds; None for no end. A run that it cuts is not repeatable to the digit: where that
        matters, limit `iterations`.
    checkpoint_every
        Iterations between looks at the full training set and checkpoints. L-BFGS forgets its correction pairs there,
        so that an interrupted run repeats the uninterrupted one.
    seed
        Seed of the order of mini-batches.
    """

    optimiser: Optimiser = "lbfgs"
    loss: Loss = "cross-entropy"
    jacobian_decay: float = 1e-2
    head_decay: float = 1e-2
    embedding_decay: float = 1e-2
    iterations: int = 5000
    warmup: int = 0
    memory: int = 10
    batch_size: int | None = None
    learning_rate: float = 0.05
    momentum: float = 0.9
    schedule: Schedule = "constant"
    tolerance: float = 1e-6
    time_budget: float | None = None
    checkpoint_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        one_of("optimiser", self.optimiser, ["lbfgs", "sgd", "adam", "adamw"])
        one_of("loss", self.loss, ["cross-entropy", "squared"])
        one_of("schedule", self.schedule, ["constant", "cosine"])
        for name in ("jacobian_decay", "head_decay", "embedding_decay"):
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
        positive("tolerance", self.tolerance)
        if self.time_budget is not None:
            positive("time_budget", self.time_budget)

    @property
    def decays(self) -> Decays:
        """lam_E, lam_J, lam_W."""
        return Decays(self.embedding_decay, self.jacobian_decay, self.head_decay)

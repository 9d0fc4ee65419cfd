"""What decides the numbers of one cell: one network, trained or not, and how it is measured."""

import msgspec

from ramodel.checks import integer, positive
from ramodel.experiments.claims import Arm, NetworkKind

__all__ = ["Cell"]


class Cell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides the numbers of one cell.

    Parameters
    ----------
    kind
        Block: "linear" (h + J h), "factored" (h + B A h), "gelu" or "relu" (h + B phi(A h)).
    arm
        "trained" (full batch, to stationarity), "sgd" (mini-batches), and the controls "untrained" and "no-skip".
    depth, width, seed
        Number of blocks, width of the state, seed of weights, split and mini-batches.
    dataset, train_size, test_size
        Name or path of the data and how much of it is used.
    jacobian_decay, head_decay, embedding_decay
        lam_J, lam_W, lam_E of THEORY.md.
    tolerance, iterations
        Relative gradient norm to stop at, and the most iterations (epochs of "sgd").
    inputs
        Number of test inputs at which Jacobians are measured, spread evenly over the classes.
    """

    kind: NetworkKind
    arm: Arm
    depth: int
    seed: int
    width: int = 32
    dataset: str = "digits"
    train_size: int = 1000
    test_size: int = 500
    jacobian_decay: float = 1e-2
    head_decay: float = 1e-2
    embedding_decay: float = 1e-2
    tolerance: float = 1e-7
    iterations: int = 2000
    inputs: int = 20

    def __post_init__(self) -> None:
        """Check what the network and the training do not check themselves."""
        integer("depth", self.depth)
        integer("width", self.width)
        integer("inputs", self.inputs)
        positive("tolerance", self.tolerance)

    @property
    def name(self) -> str:
        """Name of the cell, of its file and of its group."""
        return f"{self.kind}-{self.arm}-L{self.depth:02d}-seed{self.seed}"

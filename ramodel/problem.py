"""A problem of the provable model: which model, which loss, which data, which decays."""

from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ramodel.checks import LARGEST_SEED, finite_array, integer, nonnegative, one_of

__all__ = ["Loss", "Model", "Problem", "ProblemVariant", "random_problem"]

Model = Literal["frobenius", "nuclear", "kinetic", "plain"]
Loss = Literal["squared", "cross-entropy", "logistic"]

RANK = 1e-8  # relative size of singular values of the inputs below which they count as zero, and as equal
CLASS_MEAN_SCALE = 2.0  # x = class mean, 2 N(0, I), plus N(0, I)


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """Data, loss and decays of one minimisation over the unreduced variables J_1..J_L, W (and E).

    ``F = ell(Z) + (lam_W/2) ||W||_F^2 + (lam_J/2) sum_l ||J_l||_F^2 [+ (lam_E/2) ||E||_F^2]`` with the logits
    ``Z = X E^T (I + J_1)^T .. (I + J_L)^T W^T`` (samples are rows). In the nuclear model ``J_l = B_l A'_l`` and the
    factors are decayed: ``(lam_J/2) sum_l (||A'_l||_F^2 + ||B_l||_F^2)``. In the kinetic model blocks pay for what they
    move: ``(lam_J/2) sum_l mean_n ||h_l - h_{l-1}||^2``. In the plain model A_l without a skip stands in place of I +
    J_l, and in place of J_l in the decay.

    Parameters
    ----------
    model
        "frobenius" (one free matrix per block), "nuclear" (two factors, hidden width d), "kinetic" or "plain".
    loss
        All are means over the N samples: "squared" ``(1/2N) ||Z - Y||_F^2``; "cross-entropy"; "logistic"
        ``mean ln(1 + exp(-y z))`` with one logit.
    inputs : array [N, d_in]
        Samples as rows.
    targets : array [N] or [N, C]
        Labels 0..C-1 for "cross-entropy" and for "squared" (then Y is one-hot); real targets [N, C] for "squared";
        -1 and +1 for "logistic".
    depth
        L, the number of blocks.
    jacobian_decay, head_decay, embedding_decay
        lam_J, lam_W, lam_E, not negative. Zero is for gradient flow (S12): a minimum needs all of them positive.
        Without `embedding_decay` there is no embedding: h_0 = x.
    width
        d. Without an embedding it is the input dimension; with one it is free and defaults to it.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> problem = Problem(model="frobenius", loss="cross-entropy", inputs=np.eye(4), targets=np.arange(4), depth=8,
    ...                   jacobian_decay=0.01, head_decay=0.01)
    >>> problem.classes, problem.width, problem.samples
    (4, 4, 4)
    """

    model: Model
    loss: Loss
    inputs: NDArray[np.float64]
    targets: NDArray[np.float64] | NDArray[np.int64]
    depth: int
    jacobian_decay: float
    head_decay: float
    embedding_decay: float | None = None
    width: int | None = None

    def __post_init__(self) -> None:
        """Check every argument and store it in its plain form."""
        inputs = finite_array("inputs", self.inputs, shape=(None, None))
        width = inputs.shape[1] if self.width is None else integer("width", self.width)
        if self.embedding_decay is None and width != inputs.shape[1]:
            raise ValueError(
                f"width is {width} and inputs have {inputs.shape[1]} columns; without an embedding they must agree: "
                "leave width out or give embedding_decay."
            )
        loss = one_of("loss", self.loss, get_args(Loss))
        plain: dict[str, Any] = {
            "model": one_of("model", self.model, get_args(Model)),
            "loss": loss,
            "inputs": inputs,
            "targets": _checked_targets(self.targets, loss, len(inputs)),
            "depth": integer("depth", self.depth),
            "jacobian_decay": nonnegative("jacobian_decay", self.jacobian_decay),
            "head_decay": nonnegative("head_decay", self.head_decay),
            "width": width,
        }
        if self.embedding_decay is not None:
            plain["embedding_decay"] = nonnegative("embedding_decay", self.embedding_decay)
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def samples(self) -> int:
        """N."""
        return len(self.inputs)

    @property
    def second_moment(self) -> NDArray[np.float64]:
        """Mean x x^T of the inputs, [d_in, d_in]."""
        moment: NDArray[np.float64] = self.inputs.T @ self.inputs / self.samples
        return moment

    @property
    def is_white(self) -> bool:
        """Whether mean x x^T is a multiple of the identity on the span of the inputs."""
        sizes = np.linalg.svd(self.inputs, compute_uv=False)
        used = sizes[sizes > RANK * sizes[0]]
        return bool(used.size == 0 or used[-1] >= (1.0 - RANK) * used[0])

    def whitened(self) -> "Problem":
        """Return the same problem with mean x x^T made the identity on the span of the inputs.

        Examples
        --------
        >>> import numpy as np
        >>> problem = Problem(model="kinetic", loss="squared", inputs=np.array([[3.0, 0.0], [0.0, 1.0]]),
        ...                   targets=np.arange(2), depth=4, jacobian_decay=0.01, head_decay=0.01)
        >>> problem.is_white, problem.whitened().is_white
        (False, True)
        """
        left, sizes, right = np.linalg.svd(self.inputs, full_matrices=False)
        used = sizes > RANK * sizes[0]
        return replace(self, inputs=np.sqrt(self.samples) * left[:, used] @ right[used])

    @property
    def classes(self) -> int:
        """C, the number of logits and of rows of W: 1 for the logistic loss."""
        if self.loss == "logistic":
            return 1
        return int(self.targets.max()) + 1 if self.targets.ndim == 1 else self.targets.shape[1]


@dataclass(frozen=True, eq=False, kw_only=True)
class ProblemVariant:
    """A problem with decays by layer, with biases, or with a head that is not trained: S1's extensions.

    A type of its own, so that nothing takes it for the problem that it changes.

    Parameters
    ----------
    problem
        All the rest. Its `jacobian_decay` is not used where `layer_decays` are given.
    layer_decays : array [L] or None
        lam_l of every block, first block first. Not in the kinetic model.
    bias_decay
        lam_b of the biases b_l of the blocks, ``h_l = h_{l-1} + J_l h_{l-1} + b_l``, and of the head's: 0 for biases
        that are not decayed, None for no biases. In the frobenius and nuclear models.
    fixed_head : array [C, d] or None
        W, where it is not trained; its decay then is a constant of F. Its bias, if any, is trained.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, shape or range, or the model does not know it.

    Examples
    --------
    >>> problem = random_problem(model="frobenius", classes=3, width=5, depth=2, samples=9, loss="squared",
    ...                          jacobian_decay=0.01, head_decay=0.02, seed=0)
    >>> ProblemVariant(problem=problem, layer_decays=[0.01, 0.02]).layer_decays
    array([0.01, 0.02])
    """

    problem: Problem
    layer_decays: NDArray[np.float64] | None = None
    bias_decay: float | None = None
    fixed_head: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Check every argument and store it in its plain form."""
        if not isinstance(self.problem, Problem):
            raise TypeError(f"problem is {self.problem!r}; it must be a Problem, such as random_problem(...) makes.")
        model = self.problem.model
        if self.layer_decays is not None:
            if model == "kinetic":
                raise ValueError("layer_decays are given, but the model is 'kinetic'; its blocks share one decay.")
            decays = finite_array("layer_decays", self.layer_decays, shape=(self.problem.depth,), minimum=0.0)
            object.__setattr__(self, "layer_decays", decays)
        if self.bias_decay is not None:
            if model not in ("frobenius", "nuclear"):
                raise ValueError(f"bias_decay is given, but the model is {model!r}; leave biases out of it.")
            object.__setattr__(self, "bias_decay", nonnegative("bias_decay", self.bias_decay))
        if self.fixed_head is not None:
            head = finite_array("fixed_head", self.fixed_head, shape=(self.problem.classes, self.problem.width))
            object.__setattr__(self, "fixed_head", head)


def random_problem(
    *,
    model: Model,
    classes: int,
    width: int,
    depth: int,
    samples: int,
    loss: Loss,
    jacobian_decay: float,
    head_decay: float,
    seed: int,
    embedding_decay: float | None = None,
) -> Problem:
    """Draw a problem with balanced labels and ``x = class mean + N(0, I)``, the class means from ``2 N(0, I)``.

    Parameters
    ----------
    model, depth, loss, jacobian_decay, head_decay, embedding_decay
        As in `Problem`.
    classes
        Number of classes, at least 2. The logistic loss has two, and one logit: there both 2 and 1 are accepted and
        mean the same, labels -1 and +1.
    width
        d, also the dimension of the inputs.
    samples
        N, at least the number of classes, so that every class is seen. Class sizes differ by at most one.
    seed
        Same seed, same problem.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> problem = random_problem(model="frobenius", classes=3, width=5, depth=4, samples=9, loss="squared",
    ...                          jacobian_decay=0.01, head_decay=0.02, seed=0)
    >>> problem.inputs.shape, problem.targets.tolist()
    ((9, 5), [0, 1, 2, 0, 1, 2, 0, 1, 2])
    """
    if one_of("loss", loss, get_args(Loss)) == "logistic":
        integer("classes", classes, minimum=1, maximum=2, hint="The logistic loss has one logit and two classes.")
        classes = 2
    classes = integer("classes", classes, minimum=2)
    samples = integer("samples", samples, minimum=classes, hint="Every class needs a sample.")
    width = integer("width", width)
    rng = np.random.default_rng(integer("seed", seed, minimum=0, maximum=LARGEST_SEED))
    labels = np.arange(samples) % classes
    means = CLASS_MEAN_SCALE * rng.standard_normal((classes, width))
    inputs = means[labels] + rng.standard_normal((samples, width))
    return Problem(
        model=model,
        loss=loss,
        inputs=inputs,
        targets=2 * labels - 1 if loss == "logistic" else labels,
        depth=depth,
        jacobian_decay=jacobian_decay,
        head_decay=head_decay,
        embedding_decay=embedding_decay,
    )


def _checked_targets(targets: Any, loss: Loss, samples: int) -> NDArray[np.float64] | NDArray[np.int64]:
    values = finite_array("targets", targets)
    if loss == "squared" and values.ndim == 2:
        return finite_array("targets", values, shape=(samples, None))
    values = finite_array("targets", values, shape=(samples,))
    if loss == "logistic":
        if not np.isin(values, (-1.0, 1.0)).all():
            raise ValueError("targets hold values other than -1 and +1; the logistic loss needs exactly these labels.")
        return values
    if (values != np.floor(values)).any() or values.min() < 0:
        raise ValueError(
            "targets hold values that are not whole numbers from 0; give class labels 0..C-1"
            + (", or real targets of shape [samples, classes]." if loss == "squared" else ".")
        )
    if loss == "cross-entropy" and values.max() < 1:
        raise ValueError("targets name only class 0; the cross-entropy needs at least two classes.")
    return cast("NDArray[np.int64]", values.astype(np.int64))

"""Hypothesis strategies: problems, models, matrices and networks for property tests of your own.

All of them shrink: sizes towards the smallest, decays and scales towards 1, seeds towards 0, options towards the first
one listed. What is drawn is determined by the numbers that hypothesis prints; random matrices come from a seed.

Examples
--------
>>> from hypothesis import given, settings
>>> from ramodel.testing import problems
>>> @settings(max_examples=5, database=None)
... @given(problems(losses=["cross-entropy"]))
... def test_every_class_has_a_sample(problem):
...     assert set(problem.targets) == set(range(problem.classes))
>>> test_every_class_has_a_sample()
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar, get_args

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from ramodel.checks import integer, one_of, positive, real
from ramodel.problem import Loss, Model, Problem, random_problem
from ramodel.theory import FrobeniusModel, ResidualModel

if TYPE_CHECKING:
    from ramodel.nets import NetworkKind, ResidualNetwork

__all__ = [
    "decays_between",
    "haar_matrix",
    "networks",
    "one_among",
    "optional",
    "orthogonal_matrices",
    "powers_of_ten",
    "problems",
    "residual_models",
    "seeds",
]

M = TypeVar("M", bound=ResidualModel)
T = TypeVar("T", bound=str)

LEAST_EXPONENT, GREATEST_EXPONENT = -307, 308  # the powers of ten that float64 holds to all its digits

seeds: st.SearchStrategy[int] = st.integers(0, 2**32 - 1)
"""Seeds of `numpy.random.default_rng`; they shrink to 0."""


def powers_of_ten(least: float, greatest: float) -> st.SearchStrategy[float]:
    """Positive floats 10^e, e uniform between the two exponents; they shrink towards 1.

    Raises
    ------
    TypeError, ValueError
        If an exponent is not a number from -307 to 308, or `least` exceeds `greatest`.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> find(powers_of_ten(-3, 3), lambda x: x > 5, settings=settings(database=None))
    10.0
    """
    low, high = real("least", least), real("greatest", greatest)
    for name, exponent in (("least", low), ("greatest", high)):
        if not LEAST_EXPONENT <= exponent <= GREATEST_EXPONENT:
            raise ValueError(
                f"{name} is {exponent:g}; it is an exponent of ten, and must lie in "
                f"{LEAST_EXPONENT} .. {GREATEST_EXPONENT} for float64."
            )
    if low > high:
        raise ValueError(f"least is {least}; it must not exceed greatest ({greatest}).")
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


def haar_matrix(width: int, seed: int) -> NDArray[np.float64]:
    """Orthogonal matrix [width, width] drawn from the Haar measure, reflections included; seed 0 is the identity.

    Raises
    ------
    TypeError, ValueError
        If `width` is not a whole number of at least 1, or `seed` not one of at least 0.

    Examples
    --------
    >>> haar_matrix(2, seed=0)
    array([[1., 0.],
           [0., 1.]])
    >>> turn = haar_matrix(3, seed=1)
    >>> bool(np.allclose(turn @ turn.T, np.eye(3)))
    True
    """
    width = integer("width", width)
    if integer("seed", seed, minimum=0) == 0:
        return np.eye(width)
    turn, triangle = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, width)))
    return turn * np.sign(np.diag(triangle))


def orthogonal_matrices(width: int) -> st.SearchStrategy[NDArray[np.float64]]:
    """Haar-distributed orthogonal matrices [width, width], reflections included; they shrink to the identity.

    Raises
    ------
    TypeError, ValueError
        If `width` is not a whole number of at least 1.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> find(orthogonal_matrices(2), lambda turn: True, settings=settings(database=None))
    array([[1., 0.],
           [0., 1.]])
    """
    integer("width", width)
    return seeds.map(lambda seed: haar_matrix(width, seed))


@st.composite
def residual_models(
    draw: st.DrawFn,
    kind: type[M] = FrobeniusModel,  # type: ignore[assignment]
    *,
    depths: st.SearchStrategy[float] | None = None,
    embedding: bool | None = None,
) -> M:
    """Models of class `kind` over the whole range of their closed forms; they shrink to depth 1 and decays 1.

    Parameters
    ----------
    kind
        `FrobeniusModel`, `NuclearModel`, or another `ResidualModel`.
    depths
        Strategy of the depth L; by default 1 .. 10^6, whole and not.
    embedding
        Whether there is an embedding with a decay of its own; None for both.

    Returns
    -------
    Strategy of models with head decays 10^-6 .. 10^2 and decay ratios 10^-12 .. 10^12.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> find(residual_models(embedding=False), lambda model: model.depth > 3, settings=settings(database=None))
    FrobeniusModel(depth=4, jacobian_decay=1.0, head_decay=1.0, embedding_decay=None)
    """
    depth = draw(st.integers(1, 10**6) | powers_of_ten(0, 6) if depths is None else depths)
    head_decay = draw(powers_of_ten(-6, 2))
    jacobian_decay = head_decay * draw(powers_of_ten(-12, 12))
    return kind(depth, jacobian_decay, head_decay, draw(optional(powers_of_ten(-6, 2), embedding)))


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    models: Sequence[Model] = ("frobenius", "nuclear"),
    losses: Sequence[Loss] = ("squared", "cross-entropy", "logistic"),
    max_classes: int = 5,
    max_width: int = 5,
    max_depth: int = 4,
    max_samples: int = 9,
    decays: tuple[float, float] = (1e-2, 1.0),
    embedding: bool | None = None,
) -> Problem:
    """Small problems of the provable model: C and N above and below d; they shrink to two classes, d = L = 1.

    Parameters
    ----------
    models, losses
        What to choose from, see `ramodel.Problem`; the first one is the simplest.
    max_classes, max_width, max_depth, max_samples
        Greatest C, d, L, N. The logistic loss has one logit and two classes.
    decays
        Least and greatest weight decay, all drawn apart.
    embedding
        Whether there is a trained embedding; None for both.

    Returns
    -------
    Strategy of `ramodel.Problem`, as `ramodel.random_problem` makes them; all have a minimum: the inputs of kinetic
    problems with an embedding are whitened, as it needs (S7).

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong kind or range (when the first example is drawn).

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> problem = find(problems(), lambda problem: problem.depth > 1, settings=settings(database=None))
    >>> problem.model, problem.loss, problem.classes, problem.width, problem.depth, problem.samples
    ('frobenius', 'squared', 2, 1, 2, 2)
    """
    model = draw(one_among("models", models, get_args(Model)))
    loss = draw(one_among("losses", losses, get_args(Loss)))
    greatest = 2 if loss == "logistic" else integer("max_classes", max_classes, minimum=2)
    classes = draw(st.integers(2, greatest))
    rates = decays_between(decays)
    problem = random_problem(
        model=model,
        loss=loss,
        classes=classes,
        width=draw(st.integers(1, integer("max_width", max_width))),
        depth=draw(st.integers(1, integer("max_depth", max_depth))),
        samples=draw(st.integers(classes, integer("max_samples", max_samples, minimum=greatest))),
        jacobian_decay=draw(rates),
        head_decay=draw(rates),
        embedding_decay=draw(optional(rates, embedding)),
        seed=draw(seeds),
    )
    return problem.whitened() if model == "kinetic" and problem.embedding_decay is not None else problem


@st.composite
def networks(
    draw: st.DrawFn,
    *,
    kinds: "Sequence[NetworkKind]" = ("linear", "factored", "relu", "gelu"),
    max_width: int = 5,
    max_depth: int = 4,
    max_classes: int = 4,
    skip: bool | None = True,
    bias: bool | None = None,
) -> "ResidualNetwork":
    """Small untrained networks, `ramodel.nets.ResidualNetwork`; they shrink to one linear block of width 1.

    Feed them batches of ``network.config.inputs`` columns. Blocks are of order one, not of order 1/L, so that a wrong
    formula shows.

    Parameters
    ----------
    kinds
        Branches to choose from, see `ramodel.nets.NetworkConfig`; the first one is the simplest.
    max_width, max_depth, max_classes
        Greatest d, L, C. The input dimension differs from d.
    skip, bias
        Whether there are skips and biases; None for both.

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong kind or range (when the first example is drawn).

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> network = find(networks(kinds=["relu"]), lambda network: len(network.blocks) > 1,
    ...                settings=settings(database=None))
    >>> network.config.kind, network.config.depth, network.config.width, network.config.bias
    ('relu', 2, 1, False)
    """
    from ramodel.nets import NetworkConfig, NetworkKind, ResidualNetwork

    width = draw(st.integers(1, integer("max_width", max_width)))
    depth = draw(st.integers(1, integer("max_depth", max_depth)))
    config = NetworkConfig(
        kind=draw(one_among("kinds", kinds, get_args(NetworkKind))),
        inputs=width + 1,
        classes=draw(st.integers(1, integer("max_classes", max_classes))),
        width=width,
        depth=depth,
        skip=draw(st.booleans() if skip is None else st.just(skip)),
        bias=draw(st.booleans() if bias is None else st.just(bias)),
        block_scale=float(depth),
        seed=draw(seeds),
    )
    return ResidualNetwork(config)


def one_among(name: str, wanted: Sequence[T], options: Iterable[T]) -> st.SearchStrategy[T]:
    """Return what draws one of the `wanted` names, the first one being the simplest; all must be among `options`."""
    if isinstance(wanted, str):
        raise TypeError(f"{name} is {wanted!r}; it must be a list of names, such as [{wanted!r}].")
    names = [one_of(name, entry, options) for entry in wanted]
    if not names:
        raise ValueError(f"{name} is empty; give at least one of {', '.join(map(repr, options))}.")
    return st.sampled_from(names)


def decays_between(decays: Sequence[float]) -> st.SearchStrategy[float]:
    """Return what draws weight decays, uniform in their logarithm, between the least and the greatest."""
    if np.ndim(decays) == 0 or len(decays) != 2:
        raise ValueError(f"decays is {decays!r}; it must be a pair, the least and the greatest decay.")
    least, greatest = (positive(f"decays[{place}]", decay) for place, decay in enumerate(decays))
    if least > greatest:
        raise ValueError(f"decays is {decays!r}; its first entry must not exceed its second.")
    return powers_of_ten(math.log10(least), math.log10(greatest))


def optional(rates: st.SearchStrategy[float], wanted: bool | None) -> st.SearchStrategy[float | None]:
    """Return decays, None, or both, None first."""
    return st.none() | rates if wanted is None else (rates if wanted else st.none())

"""Exact critical points of the Frobenius model, on any branch: from plain numbers, and as a hypothesis strategy."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from ramodel.checks import finite_array, integer, one_of, positive
from ramodel.testing.strategies import decays_between, haar_matrix, optional, powers_of_ten, seeds
from ramodel.theory import CriticalPoint, FrobeniusModel, construct_critical_point

__all__ = ["Branches", "critical_point", "critical_point_numbers", "critical_points"]

Branches = Literal["any", "positive", "off"]
"""Which eigenvalues: any of s_k and -(1 + s_k), only s_k, or at least one -(1 + s_k)."""


def critical_point(
    *,
    depth: int = 1,
    jacobian_decay: float = 1.0,
    head_decay: float = 1.0,
    embedding_decay: float | None = None,
    s: Sequence[float] = (1.0,),
    off_branch: Sequence[tuple[int, int]] = (),
    classes: int | None = None,
    spare: int = 1,
    seed: int = 0,
) -> CriticalPoint:
    """Return the critical point with these singular values (statement S1; own; exact).

    Its width is ``len(s) + spare``; the head has the singular values ``sqrt(rho s (1 + s))``. Use
    ``point.problem(inputs)`` for a squared loss of which it is a critical point, ``point.jacobians``, ``point.head``.

    Parameters
    ----------
    depth, jacobian_decay, head_decay, embedding_decay
        As for `ramodel.FrobeniusModel`.
    s
        s_k > 0, one for each direction.
    off_branch
        Pairs (layer, direction), counted from 0, directions by decreasing s, where the eigenvalue is -(1 + s_k).
    classes
        C, at least ``len(s)``, which is the default.
    spare
        d - rank W; statement S15 needs at least 1.
    seed
        Of the singular vectors; 0 takes axes of coordinates.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, shape or range.

    Examples
    --------
    >>> point = critical_point(depth=2, s=[1.0], off_branch=[(1, 0)])
    >>> point.jacobians[1]
    array([[-2.,  0.],
           [ 0.,  0.]])
    """
    values = finite_array("s", s, shape=(None,))
    for place, value in enumerate(values.tolist()):
        positive(f"s[{place}]", value)
    rank = len(values)
    rows = integer("classes", rank if classes is None else classes, minimum=rank, hint="Each s needs a logit.")
    width = rank + integer("spare", spare, minimum=0)
    model = FrobeniusModel(depth, jacobian_decay, head_decay, embedding_decay)
    branches = np.ones((integer("depth", depth), rank))
    for pair in off_branch:
        branches[_place(pair, *branches.shape)] = -1.0
    decreasing = np.sort(values)[::-1]
    left, right, start = (_frame(size, seed, stream)[:, :rank] for stream, size in enumerate((rows, width, width)))
    head = (left * np.sqrt(model.decay_ratio * decreasing * (1.0 + decreasing))) @ right.T
    return construct_critical_point(model, head, branches, input_vectors=None if embedding_decay is None else start)


@st.composite
def critical_point_numbers(
    draw: st.DrawFn,
    *,
    branches: Branches = "any",
    spare: int | None = None,
    embedding: bool | None = None,
    max_depth: int = 4,
    max_rank: int = 3,
    decays: tuple[float, float] = (1e-2, 1.0),
) -> dict[str, Any]:
    """Arguments of `critical_point`, for tests that print them; see `critical_points`."""
    one_of("branches", branches, get_args(Branches))
    depth = draw(st.integers(1, integer("max_depth", max_depth)))
    rank = draw(st.integers(1, integer("max_rank", max_rank)))
    places = st.tuples(st.integers(0, depth - 1), st.integers(0, rank - 1))
    least = 1 if branches == "off" else 0
    off_branch = st.just([]) if branches == "positive" else st.lists(places, min_size=least, max_size=3, unique=True)
    rates = decays_between(decays)
    return {
        "depth": depth,
        "jacobian_decay": draw(rates),
        "head_decay": draw(rates),
        "embedding_decay": draw(optional(rates, embedding)),
        "s": draw(st.lists(powers_of_ten(-1, 0.5), min_size=rank, max_size=rank)),
        "off_branch": draw(off_branch),
        "classes": rank + draw(st.integers(0, 1)),
        "spare": draw(st.integers(0, 2)) if spare is None else integer("spare", spare, minimum=0),
        "seed": draw(seeds),
    }


def critical_points(
    *,
    branches: Branches = "any",
    spare: int | None = None,
    embedding: bool | None = None,
    max_depth: int = 4,
    max_rank: int = 3,
    decays: tuple[float, float] = (1e-2, 1.0),
) -> st.SearchStrategy[CriticalPoint]:
    """Exact critical points of the Frobenius model, with s_k from 0.1 to 3.2 (statement S1).

    They shrink to one block of rank one on the positive branch with s = 1, decays 1 and axes of coordinates.

    Parameters
    ----------
    branches
        "any" eigenvalues of S1, "positive" for s_k only, "off" for points with at least one -(1 + s_k).
    spare
        d - rank W; None for 0 to 2.
    embedding
        Whether there is a trained embedding; None for both.
    max_depth, max_rank
        Greatest L and rank W.
    decays
        Least and greatest weight decay, all drawn apart.

    Returns
    -------
    Strategy of `ramodel.theory.CriticalPoint`.

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong kind or range (when the first example is drawn).

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> point = find(critical_points(branches="off"), lambda point: True, settings=settings(database=None))
    >>> point.eigenvalues
    array([[-2.]])
    """
    return critical_point_numbers(
        branches=branches, spare=spare, embedding=embedding, max_depth=max_depth, max_rank=max_rank, decays=decays
    ).map(lambda numbers: critical_point(**numbers))


def _place(pair: Any, depth: int, rank: int) -> tuple[int, int]:
    """Return an entry of `off_branch` as indices."""
    try:
        layer, direction = (integer("off_branch", number, minimum=0) for number in pair)
    except (TypeError, ValueError):
        layer, direction = depth, rank  # outside
    if not (layer < depth and direction < rank):
        raise ValueError(
            f"off_branch has {pair!r}; it must hold pairs (layer, direction) of whole numbers, layers 0..{depth - 1} "
            f"and directions 0..{rank - 1} here."
        )
    return layer, direction


def _frame(width: int, seed: int, stream: int) -> NDArray[np.float64]:
    """Return one of several independent frames of one seed; the axes for seed 0."""
    return haar_matrix(width, seed + stream if seed else 0)

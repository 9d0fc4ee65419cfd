"""Statements S5 and S9: how states and gradients move through equal symmetric blocks."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from ramodel import metrics
from ramodel.testing.claims.cases import DECAYS, SIZES, Array, blocks_with, gaussian, relative
from ramodel.testing.claims.claim import Claim
from ramodel.testing.strategies import powers_of_ten, seeds
from ramodel.theory import (
    FrobeniusModel,
    deep_step_cv,
    gradient_ratio_bounds,
    logarithmic_law,
    logarithmic_law_constant,
    state_ratio_bounds,
    step_cv,
    trajectory,
)

__all__ = ["CLAIMS"]

LAYERS = st.integers(2, 12)


def states(*, s: Sequence[float], spare: int, depth: int, seed: int, straight: bool = False) -> float:
    """Return the error of the states of two inputs, against a walk block by block."""
    width = len(s) + spare
    blocks, vectors = blocks_with(s, width, depth, seed)
    inputs = gaussian(seed, 2, width)
    if straight:
        growth = np.multiply.outer(np.arange(depth + 1), s)
        claimed = inputs + growth[:, None, :] * (inputs @ vectors) @ vectors.T
    else:
        claimed = trajectory(inputs, vectors, s, depth)
    return relative(claimed, _walk(blocks, inputs))


def variation(*, s: float, depth: int, seed: int, limit: bool = False) -> float:
    """Return the error of the variation of the steps on a line, against a walk block by block."""
    blocks, vectors = blocks_with([s], 2, depth, seed)
    measured = float(metrics.step_cv(_walk(blocks, vectors.T))[0])
    return abs(measured - float(deep_step_cv(depth * np.log1p(s)) if limit else step_cv(s, depth)))


def line(*, s: float, multiplicity: int, depth: int, seed: int, unequal: bool = False) -> float:
    """Return how far the states are from a line if all s_k are equal."""
    values = [s * (1.0 + unequal * k) for k in range(multiplicity)]
    blocks, _ = blocks_with(values, multiplicity + 1, depth, seed)
    return float(np.max(metrics.line_deviation_error(_walk(blocks, gaussian(seed, 2, multiplicity + 1)))))


def gradient_norms(*, s: Sequence[float], spare: int, depth: int, seed: int, part: float = 1.0) -> float:
    """Return how far norms of gradients and states leave their bounds at a block."""
    width = len(s) + spare
    blocks, vectors = blocks_with(s, width, depth, seed)
    last = gaussian(seed + 1, 3, len(s)) @ vectors.T  # g_L = W^T dl/dz lies in the row space of W
    backward = np.linalg.norm(_walk(blocks[::-1], last), axis=-1)  # symmetric blocks: the walk back is one of states
    forward = np.linalg.norm(_walk(blocks, gaussian(seed, 3, width)), axis=-1)
    shrunk = part * np.asarray(s)
    departures = []
    for norms, bounds in ((backward, gradient_ratio_bounds(shrunk)), (forward, state_ratio_bounds(shrunk))):
        ratios = norms[1:] / norms[:-1]
        departures += [float(bounds[0]) - ratios.min(), ratios.max() - float(bounds[1])]
    return float(max(*departures, 0.0))


def logarithmic(*, depth: float, jacobian_decay: float, head_decay: float, m: float, part: float = 1.0) -> float:
    """Return by how much s_1 exceeds c log(2L)/L with the least c."""
    model = FrobeniusModel(depth, jacobian_decay, head_decay)
    law = float(logarithmic_law(depth, part * logarithmic_law_constant(model, m)))
    return max(float(model.jacobian_singular_value(m)) / law - 1.0, 0.0)


def _walk(blocks: Array, inputs: Array) -> Array:
    """Return h_0 .. h_L, [L + 1, N, d]."""
    path = [inputs]
    for block in blocks:
        path.append(path[-1] + path[-1] @ block.T)
    return np.array(path)


SPECTRA = st.lists(SIZES | SIZES.map(lambda s: -1.0 - s), min_size=1, max_size=3)
CASES = st.fixed_dictionaries({"s": SPECTRA, "spare": st.integers(0, 2), "depth": st.integers(1, 8), "seed": seeds})

CLAIMS = (
    Claim(
        statement="S5",
        name="states",
        sentence="h_l = x + sum_k ((1 + s_k)^l - 1) v_k v_k^T x, on any branch",
        cases=CASES,
        departure=states,
        tolerance=1e-10,
        reason="rounding of eight blocks",
        slip={"straight": True},
        mistake="equal steps: l s_k in place of (1 + s_k)^l - 1",
    ),
    Claim(
        statement="S5",
        name="step variation",
        sentence="step CV^2 = L tanh(a/2L) coth(a/2) - 1 on a line",
        cases=st.fixed_dictionaries({"s": SIZES, "depth": LAYERS, "seed": seeds}),
        departure=variation,
        tolerance=1e-7,
        reason="equal steps have a CV of the square root of rounding",
        slip={"limit": True},
        mistake="the limit of many blocks",
    ),
    Claim(
        statement="S5",
        name="line",
        sentence="all states of an input lie on a line if all s_k are equal",
        cases=st.fixed_dictionaries({"s": SIZES, "multiplicity": st.integers(1, 3), "depth": LAYERS, "seed": seeds}),
        departure=line,
        tolerance=1e-10,
        reason="rounding",
        slip={"unequal": True},
        mistake="if they are s, 2s, 3s",
    ),
    Claim(
        statement="S9",
        name="norm ratios",
        sentence="1 + s_min <= |g_(l-1)|/|g_l| <= 1 + s_1 and 1 <= |h_l|/|h_(l-1)| <= 1 + s_1",
        cases=CASES,
        departure=gradient_norms,
        tolerance=1e-12,
        reason="rounding: the bounds are attained",
        slip={"part": 0.5},
        mistake="s_1/2 in place of s_1",
    ),
    Claim(
        statement="S9",
        name="log law",
        sentence="s_1 <= c log(2L)/L for every L with c = max(1/2, s(L=1)/ln 2)",
        cases=st.fixed_dictionaries(
            {
                "depth": powers_of_ten(0, 5),
                "jacobian_decay": DECAYS,
                "head_decay": DECAYS,
                "m": powers_of_ten(-2, 3),
            }
        ),
        departure=logarithmic,
        tolerance=1e-12,
        reason="rounding: L = 1 attains it",
        slip={"part": 0.9},
        mistake="c a tenth smaller",
    ),
)

"""Statement S10: which optimum, for the mean cross-entropy of orthonormal class inputs."""

import numpy as np
from hypothesis import assume, reject
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from ramodel.problem import Problem
from ramodel.testing.claims.cases import (
    DESCENT_SHARE,
    Array,
    least_curvature,
    relative,
    relative_gradient,
    unreduced_value,
)
from ramodel.testing.claims.claim import Claim
from ramodel.testing.strategies import powers_of_ten
from ramodel.theory import FrobeniusModel
from ramodel.theory.configurations import Threshold, simplex_margin, threshold_depth

__all__ = ["CLAIMS"]


def circulant(*, classes: int, depth: int, decay: float, levels: list[float], doubled: bool = False) -> float:
    """Return the departure of F over all matrices from S10's formula, at circulant logits."""
    model = FrobeniusModel(depth, decay, decay)
    modes = np.arange(1, classes // 2 + 1)
    a = np.resize(levels, modes.size)
    multiplicity = np.where((2 * modes == classes) & (not doubled), 1, 2)
    angle = 2.0 * np.pi * np.outer(np.arange(classes), modes) / classes
    logits = np.cos(angle) @ (a * multiplicity) / classes
    claimed = np.log(np.sum(np.exp(logits - logits[0]))) + 0.5 * np.sum(multiplicity * model.cost(a))
    exact = np.where(2 * modes == classes, 1, 2)
    corners = (np.arange(classes)[:, None] - np.arange(classes)) % classes
    end_to_end = (np.cos(angle) @ (a * exact) / classes)[corners]
    return relative(_value(model, end_to_end), float(claimed))


def pair(*, half: int, depth: int, decay: float, within: float, between: float, extra: int = 0) -> float:
    """Return the departure of F over all matrices from the formula of the pair family."""
    classes = 2 * half
    model = FrobeniusModel(depth, decay, decay)
    a, b = within, between
    value = _pair_value(model, half, a, b) + 0.5 * extra * float(model.cost(b))
    partner = np.kron(np.eye(half), [[0.0, 1.0], [1.0, 0.0]])
    odd, even = (np.eye(classes) - partner) / 2, (np.eye(classes) + partner) / 2 - 1.0 / classes
    return relative(_value(model, a * odd + b * even), value)


def curvature(*, classes: int, depth: int, decay: float, margin: float, shift: float = 0.0) -> float:
    """Return the error of the simplex's Hessian eigenvalue along a - b, against a second difference of F."""
    model = FrobeniusModel(depth, decay, decay)
    s = float(model.jacobian_singular_value(margin))
    simplex = margin * (np.eye(classes) - 1.0 / classes)
    cycle = np.zeros((classes, classes))
    cycle[[0, 1, 2, 3], [1, 0, 3, 2]], cycle[[1, 2, 0, 3], [2, 1, 3, 0]] = 1.0, -1.0
    direction = cycle / np.linalg.norm(cycle)
    step = 1e-3 * margin
    values = [_value(model, simplex + side * step * direction) for side in (-1.0, 0.0, 1.0)]
    found = (values[0] - 2.0 * values[1] + values[2]) / step**2
    p = 1.0 / (np.exp(margin) + classes - 1)
    slope = decay * s * (1.0 + s) / margin
    bend = slope / margin * (1.0 - 2.0 * (depth - 1 + shift) * s) / (1.0 + 2.0 * (depth + 1) * s)
    return float(abs(found - (p / classes + bend)) / (p / classes + abs(slope / margin)))


def stationary(*, classes: int, depth: int, decay: float, more: int = 0) -> float:
    """Return the relative gradient of F over all variables at the simplex of the margin claimed."""
    model = FrobeniusModel(depth, decay, decay)
    margin = simplex_margin(classes + more, model)
    return relative_gradient(*_aligned(model, margin * (np.eye(classes) - 1.0 / classes)))


def stability(*, classes: int, depth: int, jacobian_decay: float, head_decay: float, power: float = 1.0) -> float:
    """Return how far S10's rule and the least eigenvalue of the Hessian of F over all variables differ in sign."""
    model = FrobeniusModel(depth, jacobian_decay, head_decay)
    m = simplex_margin(classes, model)
    s = float(model.jacobian_singular_value(m))
    bowl, saddle = m * (1.0 + 2.0 * (depth + 1) * s), classes**power * (2.0 * (depth - 1) * s - 1.0)
    rule = (bowl - saddle) / (abs(bowl) + abs(saddle))
    least = least_curvature(*_aligned(model, m * (np.eye(classes) - 1.0 / classes)))
    return 0.0 if rule * least > 0.0 else min(abs(rule), abs(least) / min(jacobian_decay, head_decay))


def crossing(*, half: int, jacobian_decay: float, head_decay: float, factor: float = 1.0) -> float:
    """Return by what share of F pairs and simplex differ at L*, or lie the wrong way round one per cent beside it."""
    try:
        found = threshold_depth(2 * half, jacobian_decay, head_decay)
    except ValueError:  # the simplex is better at any depth
        reject()

    def gap(depth: float) -> float:
        return _gap(FrobeniusModel(depth * factor, jacobian_decay, head_decay), half, found)

    return max(abs(gap(found.depth)), gap(1.01 * found.depth), -gap(0.99 * found.depth))


def _gap(model: FrobeniusModel, half: int, start: Threshold) -> float:
    """Return by what share of F the nearest minimum of the pair family lies above the nearest simplex."""
    options = {"xatol": 1e-7, "fatol": 1e-15, "maxiter": 400}
    pairs = minimize(
        lambda x: _pair_value(model, half, *np.exp(x)),
        np.log([start.within, start.between]),
        method="Nelder-Mead",
        options=options,
    )
    simplex = minimize_scalar(
        lambda x: _pair_value(model, half, np.exp(x), np.exp(x)), bracket=np.log(start.margin) + np.array([-0.01, 0.01])
    )
    return float((pairs.fun - simplex.fun) / simplex.fun)


def _pair_value(model: FrobeniusModel, half: int, a: float, b: float) -> float:
    """Return F of pairs with singular values a (C/2 of them) and b (C/2 - 1); the simplex has a = b."""
    loss = np.log(1.0 + np.exp(-a) + (2 * half - 2) * np.exp(-(a + b) / 2))
    return float(loss + 0.5 * (half * model.cost(a) + (half - 1) * model.cost(b)))


def _value(model: FrobeniusModel, end_to_end: Array) -> float:
    """Return F of the unreduced problem at the aligned factorisation of a map."""
    return unreduced_value(*_aligned(model, end_to_end))


def _aligned(model: FrobeniusModel, end_to_end: Array) -> tuple[Problem, Array, Array]:
    """Return problem, J_l and W of the aligned factorisation of a symmetric map with eigenvalues of at least 0."""
    classes, depth = len(end_to_end), int(model.depth)
    problem = Problem(
        model="frobenius",
        loss="cross-entropy",
        inputs=np.eye(classes),
        targets=np.arange(classes),
        depth=depth,
        jacobian_decay=model.jacobian_decay,
        head_decay=model.head_decay,
    )
    m, vectors = np.linalg.eigh(end_to_end)
    assume(m.min() > -1e-9)
    m = np.maximum(m, 0.0)
    jacobian = (vectors * model.jacobian_singular_value(m)) @ vectors.T
    return problem, np.tile(jacobian, (depth, 1, 1)), (vectors * model.head_singular_value(m)) @ vectors.T


SETTING = {"depth": st.integers(1, 12), "decay": powers_of_ten(-4, -1)}
LEVELS = powers_of_ten(-1, 1.2)

CLAIMS = (
    Claim(
        statement="S10",
        name="circulant",
        sentence="F = ln sum_j exp(z_j - z_0) + (1/2) sum_k mu_k c_L(a_k) at circulant logits",
        cases=st.fixed_dictionaries(
            {"classes": st.integers(2, 10), "levels": st.lists(LEVELS, min_size=1, max_size=5), **SETTING}
        ),
        departure=circulant,
        tolerance=1e-10,
        reason="rounding",
        slip={"doubled": True},
        mistake="multiplicity 2 at the last mode too",
    ),
    Claim(
        statement="S10",
        name="pairs",
        sentence="F = ln(1 + e^-a + (C-2) e^(-(a+b)/2)) + (1/2) ((C/2) c_L(a) + (C/2 - 1) c_L(b)) at pairs",
        cases=st.fixed_dictionaries({"half": st.integers(2, 5), "within": LEVELS, "between": LEVELS, **SETTING}),
        departure=pair,
        tolerance=1e-10,
        reason="rounding",
        slip={"extra": 1},
        mistake="C/2 directions between pairs",
    ),
    Claim(
        statement="S10",
        name="simplex",
        sentence="the simplex is stationary at lam_J s (1 + s) = m / (e^m + C - 1)",
        cases=st.fixed_dictionaries({"classes": st.integers(2, 10), **SETTING}),
        departure=stationary,
        tolerance=1e-8,
        reason="rounding, where e^-m cancels against small decays",
        slip={"more": 1},
        mistake="C in place of C - 1",
    ),
    Claim(
        statement="S10",
        name="curvature",
        sentence="the simplex's Hessian along a - b is p/C + phi''",
        cases=st.fixed_dictionaries({"classes": st.integers(4, 8), "margin": powers_of_ten(-0.3, 1), **SETTING}),
        departure=curvature,
        tolerance=1e-3,
        reason="a second difference of step m/1000: rounding over its square",
        slip={"shift": 1.0},
        mistake="L in place of L - 1",
    ),
    Claim(
        statement="S10",
        name="stability",
        sentence="the simplex is a minimum over all variables if m (1 + 2(L+1)s) > C (2(L-1)s - 1), else a saddle",
        cases=st.fixed_dictionaries(
            {
                "classes": st.integers(8, 11),
                "depth": st.integers(1, 7),
                "jacobian_decay": powers_of_ten(-1.5, -0.5),
                "head_decay": powers_of_ten(-1, -0.5),
            }
        ),
        departure=stability,
        tolerance=1e-6,
        reason="rounding of the eigenvalue and of m, where both are about zero",
        slip={"power": 0.0},
        mistake="without the factor C",
        share=0.3,
    ),
    Claim(
        statement="S10",
        name="crossing",
        sentence="at the threshold depth L* pairs and simplex have the same F; pairs are better beyond",
        cases=st.fixed_dictionaries(
            {"half": st.integers(2, 5), "jacobian_decay": powers_of_ten(-4, -1), "head_decay": powers_of_ten(-3, -1)}
        ),
        departure=crossing,
        tolerance=1e-9,
        reason="minima found by comparing values, to their rounding",
        slip={"factor": 1.05},
        mistake="L* five per cent deeper",
        share=DESCENT_SHARE,
    ),
)

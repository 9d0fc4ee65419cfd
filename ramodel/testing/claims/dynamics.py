"""Statements S12 and S13: gradient flow and stochastic depth."""

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ramodel.problem import random_problem
from ramodel.simulate import gradient_flow
from ramodel.testing.claims.cases import (
    DECAYS,
    DEPTHS,
    DESCENT_SHARE,
    SIZES,
    descents,
    gaussian,
    relative,
    unreduced_gradient,
)
from ramodel.testing.claims.claim import Claim
from ramodel.testing.strategies import powers_of_ten
from ramodel.theory import (
    expected_squared_loss,
    gain_mean,
    gain_variance,
    imbalance,
    imbalance_rate,
    least_stretch,
    stochastic_depth_optimum,
)

__all__ = ["CLAIMS"]


def rate(*, seed: int, decay_only: bool = False, **numbers: Any) -> float:
    """Return the departure of dD_l/dt from its claimed rate, anywhere, D_l moved along -grad F."""
    problem = random_problem(model="frobenius", seed=seed, **numbers)
    decays = {"jacobian_decay": problem.jacobian_decay, "head_decay": problem.head_decay}
    assert problem.width is not None
    jacobians = 0.5 * gaussian(seed, problem.depth, problem.width, problem.width)
    head = gaussian(seed + 1, problem.classes, problem.width)
    jacobian_gradient, head_gradient = unreduced_gradient(problem, jacobians, head)
    # D is quadratic in (J, W), so that a central difference along the flow is its derivative.
    ahead, behind = (
        imbalance(jacobians - step * jacobian_gradient, head - step * head_gradient) for step in (0.5, -0.5)
    )
    if decay_only:
        claimed = -2.0 * problem.jacobian_decay * imbalance(jacobians, head)
    else:
        claimed = imbalance_rate(jacobians, head, **decays)
    size = float(np.linalg.norm(jacobian_gradient)) + float(np.linalg.norm(head_gradient))
    return float(np.linalg.norm(ahead - behind - claimed)) / (float(np.linalg.norm(claimed)) + size**2)


def conserved(*, seed: int, jacobian_decay: float, head_decay: float, decay: float = 0.0, **numbers: Any) -> float:
    """Return the change of D_l along the flow without decay, and how far a singular value falls below its bound."""
    problem = random_problem(
        model="frobenius", seed=seed, jacobian_decay=decay * jacobian_decay, head_decay=decay * head_decay, **numbers
    )
    flow = gradient_flow(problem, [0.0, 1.0, 4.0], seed=seed, progress=False)
    invariant = imbalance(flow.jacobians, flow.heads)
    stretch = np.linalg.svd(np.eye(problem.inputs.shape[1]) + flow.jacobians, compute_uv=False).min()
    short = max(float(least_stretch(flow.heads[0])) - float(stretch), 0.0)
    return max(relative(invariant[-1], invariant[0]), short)


def enumerated(
    *, w: float, s: float, target: float, depth: int, keep: float, rescaled: bool, exchanged: bool = False
) -> float:
    """Return the error of mean, variance and expected loss, against all 2^L ways to drop blocks."""
    kept = np.array(list(itertools.product((0.0, 1.0), repeat=depth)))
    chance = np.prod(np.where(kept > 0.0, keep, 1.0 - keep), axis=1)
    gain = np.prod(1.0 + kept * (s / keep if rescaled else s), axis=1)
    mean = float(chance @ gain)
    convention = rescaled != exchanged
    exact = [mean, float(chance @ (gain - mean) ** 2), float(chance @ (w * gain - target) ** 2)]
    claimed = [
        float(gain_mean(s, depth, keep, rescaled=convention)),
        float(gain_variance(s, depth, keep, rescaled=convention)),
        float(expected_squared_loss(w, s, target, depth, keep, rescaled=convention)),
    ]
    return relative(claimed, exact)


def best(
    *,
    w: float,
    s: float,
    target: float,
    depth: int,
    keep: float,
    rescaled: bool,
    jacobian_decay: float,
    head_decay: float,
    certain: bool = False,
) -> float:
    """Return by how much any w and s do better than the optimum."""
    decays = {"jacobian_decay": jacobian_decay, "head_decay": head_decay}
    found = stochastic_depth_optimum(target, depth, 1.0 if certain else keep, rescaled=rescaled, **decays)

    def objective(w: float, s: float) -> float:
        loss = float(expected_squared_loss(w, s, target, depth, keep, rescaled=rescaled))
        return 0.5 * (loss + head_decay * w**2 + jacobian_decay * depth * s**2)

    # Beside any competitor, two close ones: the optimum is to be no worse than its neighbours.
    rivals = [(w, s), (found.w * (1.0 + 1e-3 * w), found.s), (found.w, found.s * (1.0 + 1e-3 * s))]
    reached = objective(found.w, found.s)
    return max(*(reached - objective(*rival) for rival in rivals), 0.0) / reached


KEEP = st.floats(0.1, 1.0)
SIGNED = powers_of_ten(-1, 1) | powers_of_ten(-1, 1).map(lambda x: -x)

CLAIMS = (
    Claim(
        statement="S12",
        name="rate",
        sentence="dD_l/dt = -2 lam_J D_l + lam_J [(A_l + A_l^T) - (A_(l+1) + A_(l+1)^T)] along gradient flow",
        cases=descents(losses=("squared", "cross-entropy", "logistic")),
        departure=rate,
        tolerance=1e-10,
        reason="rounding, relative to the square of the gradient, which cancels in D",
        slip={"decay_only": True},
        mistake="-2 lam_J D_l alone",
    ),
    Claim(
        statement="S12",
        name="conserved",
        sentence="without decay D_l stays, and sigma_min(A_l)^2 >= 1 - ||W_0||^2 from J = 0",
        cases=descents(),
        departure=conserved,
        tolerance=1e-6,
        reason="the solver's tolerance is 1e-9 for each step",
        slip={"decay": 1.0},
        mistake="with decay too",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S13",
        name="moments",
        sentence="E prod(1 + b_l s) = (1 + q s)^L, E prod^2 = (1 + q (2s + s^2))^L, in both conventions",
        cases=st.fixed_dictionaries(
            {"w": SIGNED, "s": SIZES, "target": SIGNED, "depth": DEPTHS, "keep": KEEP, "rescaled": st.booleans()}
        ),
        departure=enumerated,
        tolerance=1e-10,
        reason="rounding of sums of 64 terms",
        slip={"exchanged": True},
        mistake="conventions exchanged",
    ),
    Claim(
        statement="S13",
        name="optimum",
        sentence="no w and s do better than the optimum of the expected loss with decay",
        cases=st.fixed_dictionaries(
            {
                "w": SIGNED,
                "s": SIZES,
                "target": SIGNED,
                "depth": DEPTHS,
                "keep": KEEP,
                "rescaled": st.booleans(),
                "jacobian_decay": DECAYS,
                "head_decay": DECAYS,
            }
        ),
        departure=best,
        tolerance=1e-10,
        reason="rounding of the objective",
        slip={"certain": True},
        mistake="the optimum of the full network",
        share=0.5,
    ),
)

"""Speed and accuracy of the S2 solver: `FrobeniusModel.jacobian_singular_value`.

    OMP_NUM_THREADS=1 python benchmarks/bench_theory.py

Prints million solves per second of processor time (median and best of the rounds, argument checks included), next to
what is at hand otherwise: SciPy's Lambert function, which gives but the upper bound of S4, and a bracketing root finder
called once a value. Then the worst relative error against 50 digits over the promised domain.
"""

import time
from collections.abc import Callable
from statistics import median

import mpmath
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import lambertw

from ramodel.theory import FrobeniusModel

Array = NDArray[np.float64]
ROUNDS = 31
RANGES = {"m = 1e-3 .. 1e4": (-3, 4), "m = 1e-150 .. 1e150": (-150, 150)}


def lambert_bound(model: FrobeniusModel, m: Array) -> Array:
    nu = 2 * model.depth + 1.5
    return np.expm1(lambertw(nu * (m / model.unit) ** 2).real / nu)


def bracketing(model: FrobeniusModel, m: Array) -> list[float]:
    power = 2 * model.depth + 1
    log_t = 2 * np.log(m / model.unit)
    return [brentq(lambda x, y=y: x + power * np.logaddexp(0.0, x) - y, y / (power + 1) - 800, y + 1) for y in log_t]


def rates(count: int, rounds: int, *calls: Callable[[], object]) -> list[tuple[float, float]]:
    """Median and best million values per second of each call, rounds interleaved."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for taken, call in zip(times, calls, strict=True):
            start = time.process_time()
            call()
            taken.append(time.process_time() - start)
    return [(1e-6 * count / median(taken), 1e-6 * count / min(taken)) for taken in times]


def exact(model: FrobeniusModel, m: float) -> mpmath.mpf:
    """Newton's method in ln s at 50 digits, from the right: convex, hence safe."""
    log_t = 2 * mpmath.log(m) + mpmath.log(model.head_decay) - mpmath.log(model.jacobian_decay)
    power = 2 * mpmath.mpf(model.depth) + 1
    x, step = log_t, mpmath.mpf(1)
    while abs(step) > mpmath.mpf(10) ** -40:
        s = mpmath.exp(x)
        step = (x + power * mpmath.log1p(s) - log_t) / (1 + power * s / (1 + s))
        x -= step
    return mpmath.exp(x)


def worst_error(samples: int, rng: np.random.Generator) -> float:
    mpmath.mp.dps = 50
    worst = 0.0
    for _ in range(samples):
        depth, ratio, m = 10.0 ** rng.uniform([0, -12, -150], [6, 12, 150])
        m = rng.choice([m, np.sqrt(ratio) * 10.0 ** rng.uniform(-3, 9)])
        model = FrobeniusModel(depth, ratio, 1.0)
        reference = exact(model, m)
        if reference > np.finfo(np.float64).tiny:
            worst = max(worst, float(abs(model.jacobian_singular_value(m) / reference - 1)))
    return worst


def main() -> None:
    rng = np.random.default_rng(0)
    print("values   range                depth    solver: median  best    Lambert bound   brentq   (million/s)")
    for name, (low, high) in RANGES.items():
        for count in (10_000, 1_000_000):
            m = 10.0 ** rng.uniform(low, high, count)
            for depth in (1, 8, 1_000_000):
                model = FrobeniusModel(depth, 0.01, 0.01)
                ours, lambert = rates(
                    count,
                    ROUNDS if count < 100_000 else 5,
                    lambda k=model, x=m: k.jacobian_singular_value(x),
                    lambda k=model, x=m[:10_000]: lambert_bound(k, x),
                )
                (one_by_one,) = rates(300, 3, lambda k=model, x=m[:300]: bracketing(k, x))
                scale = 10_000 / count
                print(
                    f"{count:8d} {name:20} {depth:8d} {ours[0]:11.1f} {ours[1]:9.1f}"
                    f" {scale * lambert[0]:13.1f} {one_by_one[0]:11.3f}"
                )
    print(f"worst relative error, 5000 samples: {worst_error(5000, rng):.2e}")


if __name__ == "__main__":
    main()

"""The numbers of S10 as steps: thresholds, values of the best configurations, and where the simplex is unstable."""

from functools import partial

import mpmath

from proofs_check import configurations
from proofs_check.writing import computed

__all__ = ["OPTIMA", "STABILITIES", "THRESHOLDS"]


def crossing(classes: int, decay: str, near: float) -> list[mpmath.mpf]:
    """Return the threshold depth, the value there, m of the simplex, a and b of the pair."""
    depth, simplex, pair = configurations.threshold(classes, decay, near)
    return [depth, simplex.value, *simplex.m, *pair.m]


def optimum(family: str, classes: int, depth: int, decay: str) -> list[mpmath.mpf]:
    """Return value and s of the best simplex or pair."""
    found = {"simplex": configurations.simplex, "pair": configurations.pair}[family](classes, depth, decay)
    return [found.value, *found.s]


def least_margin(classes: int, *decays: str) -> list[mpmath.mpf]:
    """Return the least stability margin over depths 1 to 40 and the decays."""
    return [min(configurations.stability_margin(classes, depth, lam) for depth in range(1, 41) for lam in decays)]


def largest_margin(classes: int, *decays: str) -> list[mpmath.mpf]:
    """Return the largest stability margin over depths 2 to 40 and the decays."""
    return [max(configurations.stability_margin(classes, depth, lam) for depth in range(2, 41) for lam in decays)]


THRESHOLDS = tuple(
    computed(
        f"threshold at lam = {decay}, C = {classes}",
        "depth, F, m of the simplex, a and b of the pair",
        partial(crossing, classes, decay, near),
        printed,
        spoilt=(printed[0] + "9", *printed[1:]),
    )
    for classes, decay, near, printed in (
        (4, "0.01", 7, ("6.9536", "0.02607742", "7.1936", "13.5423", "0.1296")),
        (6, "0.01", 3.5, ("3.5300", "0.07528386", "6.3441", "12.0292", "0.3153")),
        (10, "0.01", 2.5, ("2.4150", "0.18273987", "5.8503", "10.9333", "0.6234")),
        (4, "0.001", 6, ("6.3604", "0.00333879", "9.5376", "18.2589", "0.1189")),
        (6, "0.001", 3, ("3.2446", "0.01016828", "8.6547", "16.6741", "0.2972")),
        (10, "0.001", 2, ("2.2272", "0.02568322", "8.1445", "15.5348", "0.6104")),
        (4, "0.1", 8, ("7.6845", "0.18936327", "4.7730", "8.6389", "0.1596")),
        (6, "0.1", 4, ("4.0065", "0.49112543", "3.9427", "7.1642", "0.3723")),
        (10, "0.1", 3, ("2.8082", "1.08590750", "3.3499", "5.8742", "0.6976")),
    )
)
OPTIMA = tuple(
    computed(
        f"best circulant found, C = {classes}, L = {depth}, lam = {decay}: the {family}",
        "F and s",
        partial(optimum, family, classes, depth, decay),
        printed,
        spoilt=(printed[0], *(digits + "5" for digits in printed[1:])),
    )
    for family, classes, depth, decay, printed in (
        ("pair", 4, 8, "0.01", ("0.022978259292", "0.432415977882", "0.009004655236")),
        ("pair", 10, 4, "0.001", ("0.013804679375", "0.916255138232", "0.016974758826")),
        ("pair", 4, 8, "0.1", ("0.183445446197", "0.368840369108", "0.016554699152")),
        ("simplex", 6, 2, "0.05", ("0.437517461239", "0.800502487891")),
        ("pair", 6, 32, "0.03", ("0.029944673179", "0.123811662949", "0.000180304923")),
    )
)
STABILITIES = (
    computed(
        "C = 10, lam = 0.1: the simplex is unstable from this depth on",
        "the real depth at which the margin of stability is zero",
        lambda: [configurations.instability_depth(10, "0.1", (6, 7))],
        ("6.591",),
        spoilt=("6.592",),
    ),
    computed(
        "least C >= 4 with an unstable simplex at lam = 0.01",
        "for L = 2, 4, 8, 16",
        lambda: [mpmath.mpf(configurations.smallest_unstable(depth, "0.01")) for depth in (2, 4, 8, 16)],
        ("40", "18", "14", "13"),
        spoilt=("40", "18", "14", "12"),
    ),
    computed(
        "C = 100: unstable at L = 2 .. 40, lam = 1e-5 .. 1e-2: the largest margin is negative",
        "m (1 + 2(L+1) s) - C (2(L-1) s - 1)",
        partial(largest_margin, 100, "1e-5", "1e-4", "1e-3", "1e-2"),
        ("-55.56",),
        spoilt=("55.56",),
    ),
    *(
        computed(
            f"C = {classes}: stable at L = 1 .. 40, lam = 1e-3, 1e-2, 0.1: the least margin is positive",
            "m (1 + 2(L+1) s) - C (2(L-1) s - 1)",
            partial(least_margin, classes, "1e-3", "1e-2", "0.1"),
            (printed,),
            spoilt=("-" + printed,),
        )
        for classes, printed in ((4, "14.822"), (6, "11.280"))
    ),
)

"""Hypothesis strategies shared by the tests."""

import numpy as np
from hypothesis import strategies as st

seeds = st.integers(0, 2**32 - 1)
"""Seeds of numpy.random.default_rng."""


@st.composite
def orthogonal_matrices(draw, width):
    """Haar-distributed orthogonal matrices [width, width], reflections included."""
    rng = np.random.default_rng(draw(seeds))
    turn, triangle = np.linalg.qr(rng.normal(size=(width, width)))
    return turn * np.sign(np.diag(triangle))


def powers_of_ten(least, greatest):
    """Positive floats 10^e, e uniform between the two exponents."""
    return st.floats(least, greatest).map(lambda exponent: 10.0**exponent)


@st.composite
def residual_models(draw, kind, *, depths=None):
    """Models of class `kind`: decay ratios 1e-12..1e12, depths 1..10^6, whole and not, with or without embedding."""
    depth = draw(powers_of_ten(0, 6) | powers_of_ten(0, 6).map(round) if depths is None else depths)
    head_decay = draw(powers_of_ten(-6, 2))
    embedding_decay = draw(st.none() | powers_of_ten(-6, 2))
    return kind(depth, head_decay * draw(powers_of_ten(-12, 12)), head_decay, embedding_decay)


@st.composite
def problems(draw, *, models=("frobenius", "nuclear"), losses=("squared", "cross-entropy", "logistic")):
    """Small random `ramodel.simulate` problems: C and N above and below d, with and without embedding."""
    from ramodel.simulate import random_problem

    loss = draw(st.sampled_from(losses))
    classes = 2 if loss == "logistic" else draw(st.integers(2, 5))
    return random_problem(
        model=draw(st.sampled_from(models)),
        classes=classes,
        width=draw(st.integers(1, 5)),
        depth=draw(st.integers(1, 4)),
        samples=draw(st.integers(classes, 9)),
        loss=loss,
        jacobian_decay=draw(powers_of_ten(-2, 0)),
        head_decay=draw(powers_of_ten(-2, 0)),
        embedding_decay=draw(st.none() | powers_of_ten(-2, 0)),
        seed=draw(st.integers(0, 1000)),
    )

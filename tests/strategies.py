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

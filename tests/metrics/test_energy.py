"""S16: critical points made by hand, the mean as reference, bad input."""

import numpy as np
import pytest
from hypothesis import given

from ramodel.metrics import energy_identity_error
from tests.strategies import orthogonal_matrices
from tests.tolerances import DENSE_FLOAT64


@given(orthogonal_matrices(4))
def test_aligned_blocks_have_the_energy_of_the_head(frame):
    """S1(d): J with J(I + J) = W^T W / rho, and one block off the positive branch, -(I + J) on one direction."""
    s, rho = np.array([0.7, 0.2, 0.0, 0.0]), 3.0
    head = np.sqrt(rho * s * (1 + s)) * frame[:, :4]
    blocks = [frame * s @ frame.T, frame * np.array([-1.7, 0.2, 0.0, 0.0]) @ frame.T]
    traces, norms = [np.trace(block) for block in blocks], [np.linalg.norm(block) for block in blocks]
    energy = np.sum(head**2) / rho
    assert energy_identity_error(traces, norms, head_energy=energy) == pytest.approx([0.0, 0.0], abs=DENSE_FLOAT64)
    assert energy_identity_error(traces, norms) == pytest.approx([0.0, 0.0], abs=DENSE_FLOAT64)


def test_departures_are_relative():
    assert energy_identity_error([[1.0], [2.0]], [[1.0], [2.0]]).tolist() == [[0.5], [0.5]]
    assert energy_identity_error([1.0], [1.0], head_energy=4.0).tolist() == [0.5]


def test_bad_energies_are_refused():
    with pytest.raises(ValueError, match=r"^frobenius_norms has shape \(2,\) and traces \(1,\)"):
        energy_identity_error([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"^frobenius_norms holds -1"):
        energy_identity_error([1.0], [-1.0])
    with pytest.raises(ValueError, match=r"no positive mean energy"):
        energy_identity_error([-1.0], [0.5])
    with pytest.raises(ValueError, match=r"^head_energy is 0"):
        energy_identity_error([1.0], [1.0], head_energy=0)

"""S19: energy of the weights against the gain in the linear nuclear model."""

import numpy as np
import pytest
from hypothesis import given

from ramodel.theory import NuclearModel, gain_from_energy
from tests.strategies import powers_of_ten
from tests.tolerances import ROUNDING


@given(powers_of_ten(0.01, 8))
def test_energy_of_a_block_gives_its_singular_value(u):
    """Rank one: ||B_l||^2 = s and ||W||^2 = w^2, so e / (1 - e) is s with nothing else known."""
    model = NuclearModel(8, 0.02, 0.01)
    m = u * model.threshold
    s, w = model.jacobian_singular_value(m), model.head_singular_value(m)
    energy_ratio = model.jacobian_decay * s / (model.head_decay * w**2)
    assert gain_from_energy(energy_ratio) == pytest.approx(s, rel=ROUNDING / (1 - energy_ratio))


def test_sign_turns_beyond_one():
    np.testing.assert_allclose(gain_from_energy([[0.75, 2.0]]), [[3.0, -2.0]])


@pytest.mark.parametrize(
    ("bad", "match"), [(-0.1, "at least 0"), (np.nan, "finite"), (1.0, "infinite"), ([0.5, 1], "1")]
)
def test_bad_ratios_are_refused(bad, match):
    with pytest.raises(ValueError, match=f"^energy_ratio.*{match}"):
        gain_from_energy(bad)
    with pytest.raises(TypeError, match=r"^energy_ratio"):
        gain_from_energy("half")

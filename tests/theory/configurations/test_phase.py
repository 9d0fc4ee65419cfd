"""The phase diagram agrees with the search point by point, and with its boundaries."""

import numpy as np
import pytest

from ramodel.theory import FrobeniusModel
from ramodel.theory.configurations import (
    best_configuration,
    boundaries,
    phase_diagram,
    simplex,
    simplex_stability,
    stability_depth,
    threshold_depth,
)
from tests.tolerances import PRINTED

DEPTHS, DECAYS = [3.0, 6.0, 8.0, 20.0], [0.001, 0.02, 0.1]


@pytest.fixture(scope="module")
def diagram():
    return phase_diagram(5, DEPTHS, DECAYS, starts=2, progress=False)


def test_every_point_is_the_best_known(diagram):
    for i, j in np.ndindex(len(DEPTHS), len(DECAYS)):
        model = FrobeniusModel(DEPTHS[i], DECAYS[j], DECAYS[j])
        best = best_configuration(5, model)
        assert diagram.value[i, j] == pytest.approx(best.value, rel=PRINTED)
        assert diagram.effective_rank[i, j] == best.effective_rank
        assert diagram.simplex_value[i, j] == simplex(5, model).value
        assert diagram.simplex_stable[i, j] == simplex_stability(5, model).stable
    assert len(np.unique(diagram.effective_rank)) > 1


def test_boundaries():
    found = boundaries(10, [0.05, 0.1], decay_ratio=0.5)
    assert found.threshold_depth.tolist() == [threshold_depth(10, x, 2 * x).depth for x in (0.05, 0.1)]
    assert found.stability_depth.tolist() == [stability_depth(10, x, 2 * x) for x in (0.05, 0.1)]
    odd = boundaries(3, [0.1])
    assert np.isnan(odd.threshold_depth).all()
    assert np.isinf(odd.stability_depth).all()


def test_ranks_change_at_the_threshold():
    depth = threshold_depth(4, 0.01, 0.01).depth
    ranks = phase_diagram(4, [depth * 0.999, depth * 1.001], [0.01], starts=1, progress=False).effective_rank
    assert ranks.tolist() == [[3], [2]]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"classes": 1}, "classes is 1; it must be at least 2"),
        ({"depths": [4.0, 2.0]}, "depths is .* it must be ascending"),
        ({"depths": [0.0]}, r"depths\[0\] is 0.0; it must be greater than zero"),
        ({"decays": []}, "decays is empty"),
        ({"decay_ratio": -1.0}, "decay_ratio is -1.0; it must be greater than zero"),
        ({"starts": 0}, "starts is 0; it must be at least 1"),
    ],
)
def test_bad_input(options, sentence):
    given = {"classes": 4, "depths": [2.0], "decays": [0.1], "progress": False} | options
    with pytest.raises(ValueError, match=sentence):
        phase_diagram(**given)

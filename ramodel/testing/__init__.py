"""For tests of your own: hypothesis strategies, and assertions that say what failed, by how much and where.

With pytest and a network of yours that keeps its blocks in ``blocks`` (or names them):

>>> import ramodel
>>> from hypothesis import given, settings
>>> from ramodel.testing import assert_norm_preserving, assert_residual_alignment, critical_points, networks
>>> @settings(max_examples=5, database=None)
... @given(networks(kinds=["linear", "relu"]))
... def test_fresh_blocks_are_not_aligned_yet(network):
...     inputs = [[1.0] * network.config.inputs]
...     spectra = ramodel.measure(network, inputs, keep_jacobians=True)
...     try:
...         assert_residual_alignment(spectra.jacobian, spectra.states, classes=1, rank_tolerance=None)
...     except AssertionError as failure:
...         assert "layer" in str(failure)
>>> test_fresh_blocks_are_not_aligned_yet()

The provable model as a source of exact answers for a metric of yours, here one that S1 says is 0:

>>> @settings(max_examples=20, database=None)
... @given(critical_points(branches="any"))
... def test_jacobians_are_symmetric(point):
...     assert abs(point.jacobians - point.jacobians.swapaxes(1, 2)).max() < 1e-12
>>> test_jacobians_are_symmetric()

`ramodel.testing.claims` holds the statements S1-S19 as properties; `ramodel test-claims` tries them all.
"""

from ramodel.testing.assertions import assert_balanced, assert_norm_preserving, assert_residual_alignment
from ramodel.testing.critical_points import critical_point, critical_points
from ramodel.testing.strategies import (
    haar_matrix,
    networks,
    orthogonal_matrices,
    powers_of_ten,
    problems,
    residual_models,
    seeds,
)

__all__ = [
    "assert_balanced",
    "assert_norm_preserving",
    "assert_residual_alignment",
    "critical_point",
    "critical_points",
    "haar_matrix",
    "networks",
    "orthogonal_matrices",
    "powers_of_ten",
    "problems",
    "residual_models",
    "seeds",
]

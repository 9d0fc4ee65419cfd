"""S10 demonstrated: pictures show the configurations that the theory names."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations import s10_configurations
from ramodel.experiments.demonstrations.s10_configurations import demonstrate
from ramodel.theory import FrobeniusModel
from ramodel.theory.configurations import pair, triangular
from tests.tolerances import REDUCED


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


def test_shown_are_the_best_known(dataset):
    np.testing.assert_allclose(dataset.value, dataset.best_value, rtol=REDUCED)
    octahedron = pair(6, FrobeniusModel(8, 0.01, 0.01))
    np.testing.assert_allclose(
        dataset.singular_value.sel(picture="opposite pairs"), octahedron.jacobian_singular_values, atol=REDUCED
    )
    assert dataset.effective_rank.values.tolist() == [3, 3, 2]


@pytest.mark.parametrize(("picture", "edges"), [("simplex", 6), ("opposite pairs", 12), ("pentagon", 5)])
def test_edges_are_those_of_the_solid(dataset, picture, edges):
    shown = dataset.sel(picture=picture)
    lines = shown.edge.values[shown.edge.values[:, 0] >= 0]
    assert len({tuple(sorted(line)) for line in lines}) == edges
    points = shown.position.values
    lengths = np.linalg.norm(points[lines[:, 0]] - points[lines[:, 1]], axis=1)
    np.testing.assert_allclose(lengths, lengths[0], rtol=REDUCED)
    np.testing.assert_allclose(np.nansum(points, axis=0), 0.0, atol=REDUCED)


def test_petersen_graph_joins_the_classes_that_are_most_apart():
    """Its drawing: three lines at each class, to those with the lowest logits, with fivefold symmetry."""
    m = triangular(10, FrobeniusModel(8, 0.01, 0.01)).end_to_end
    points, edges = s10_configurations._layout("petersen", m)
    lowest = {(i, j) for i, j in zip(*np.nonzero(m < 0.5 * m.min()), strict=True) if i < j}
    assert {tuple(map(int, edge)) for edge in edges} == lowest
    turn = 2 * np.pi / 5
    turned = points @ np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    nearest = np.linalg.norm(turned[:, None] - points, axis=2).argmin(axis=1)
    assert sorted(nearest) == list(range(10))
    assert {tuple(sorted((int(nearest[i]), int(nearest[j])))) for i, j in edges} == lowest

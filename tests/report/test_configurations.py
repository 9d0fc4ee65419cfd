"""The pictures of configurations show the numbers they were given."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations.s10_configurations import demonstrate
from ramodel.report.configurations import draw_configurations


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


def test_points_and_bars_are_the_numbers(dataset):
    panels = draw_configurations(dataset).axes
    count = dataset.sizes["picture"]
    for place in range(count):
        picture = dataset.isel(picture=place)
        classes = int(picture.classes)
        points, bars = panels[place], panels[count + place]
        assert len(points.collections[0].get_offsets()) == classes
        np.testing.assert_array_equal([bar.get_height() for bar in bars.patches], picture.singular_value[:classes])
        assert picture.picture.item() in points.get_title()
        assert f"rank {int(picture.effective_rank)}, best known" in bars.get_xlabel()
    pentagon = panels[2].collections[0].get_offsets()
    np.testing.assert_array_equal(pentagon, dataset.position.sel(picture="pentagon")[:5, :2])  # flat: seen from above


def test_views_keep_lengths(dataset):
    """A projection is a turn: distance to the viewer apart, nothing is stretched."""
    picture = dataset.sel(picture="simplex")
    seen = draw_configurations(dataset).axes[0].collections[0].get_offsets()
    assert (np.linalg.norm(seen, axis=1) <= np.linalg.norm(picture.position[:4], axis=1) + 1e-12).all()


def test_what_is_not_best_says_so(dataset):
    worse = dataset.assign(value=dataset.value * 1.05)
    assert "5.0 % worse" in draw_configurations(worse).axes[3].get_xlabel()

"""The figure of S8 shows the numbers it was given."""

import numpy as np

from ramodel.experiments.demonstrations.s08_orbit import demonstrate
from ramodel.report.gauge_orbit import draw_gauge_orbit


def test_points_and_pictures_are_the_numbers():
    dataset = demonstrate(quick=True, progress=False)
    objective, alignment, cosines, *pictures = draw_gauge_orbit(dataset).axes
    for container, model in zip(objective.containers, ("plain", "frobenius"), strict=True):
        drawn = container.lines[0].get_ydata()
        np.testing.assert_array_equal(drawn, dataset.objective.sel(model=model).mean("draw"))
    neighbour, own = (container.lines[0].get_ydata() for container in alignment.containers)
    np.testing.assert_array_equal(neighbour, dataset.neighbour.mean("draw"))
    np.testing.assert_array_equal(own, dataset.own.mean("draw"))
    assert f"{float(dataset.squared_cosine.mean()):.4f}" in cosines.get_title()
    for panel, values in zip(pictures[:3], dataset.affinity.values, strict=True):
        np.testing.assert_array_equal(panel.images[0].get_array(), values)
    assert all(panel.get_xlabel() and panel.get_ylabel() for panel in (objective, alignment, cosines))

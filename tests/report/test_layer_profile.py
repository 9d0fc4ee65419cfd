"""The figure of S7 shows the numbers it was given."""

import numpy as np

from ramodel.experiments.demonstrations.s07_layers import demonstrate
from ramodel.report.layer_profile import draw_layer_profile


def test_points_and_lines_are_the_numbers():
    dataset = demonstrate(quick=True, progress=False)
    inverses, slopes, steps = draw_layer_profile(dataset).axes
    drawn = {line.get_label(): line.get_ydata() for line in inverses.lines}
    for model, name in (("kinetic", "kinetic"), ("frobenius", "Frobenius"), ("nuclear", "nuclear")):
        part = dataset.sel(model=model)
        np.testing.assert_array_equal(drawn[f"optimiser, {name}"], 1.0 / part.eigenvalue[:, 0])
        line = next(values for label, values in drawn.items() if label.endswith(f"{name} model"))
        np.testing.assert_array_equal(line, 1.0 / part.predicted[:, 0])
    eigenvalues, singular_values = (container.lines[0].get_ydata() for container in slopes.containers)
    np.testing.assert_allclose(eigenvalues, 1.0, atol=1e-6)
    assert np.abs(singular_values - 1.0).max() > 0.05
    medians = [container.lines[0].get_ydata() for container in steps.containers]
    np.testing.assert_array_equal(medians, dataset.step.median("sample"))
    assert all(panel.get_xlabel() and panel.get_ylabel() for panel in (inverses, slopes, steps))

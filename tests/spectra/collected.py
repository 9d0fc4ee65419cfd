"""A measurement made up for tests: two stages of different shapes, class means, everything that can be kept."""

import numpy as np

from ramodel.spectra.collector import SpectraCollector
from ramodel.spectra.layout import SpectraLayout, StageLayout

STAGES = (
    StageLayout("late", (3,), ("z.0", "z.1"), ("masked", "masked")),
    StageLayout("early", (2, 2, 2), ("a.0", "a.1", "a.2"), ("inside", "inside", "branch")),
)
ORDER = ("a.0", "a.1", "z.0", "a.2", "z.1")
EVERYTHING = {
    "statistics": ("trace", "frobenius", "asymmetry", "normality", "eigenvalues"),
    "eigenvalues": 4,
    "alignment": True,
    "jacobians": True,
}


def layout(inputs=4, **options):
    options = {
        "rank": 5,
        "order": ORDER,
        "labels": np.arange(inputs) % 2,
        "attributes": {"network": "Net", "tolerance": 1e-4},
    } | options
    return SpectraLayout(STAGES, inputs=inputs, **options)


def numbers(plan, stage, block, inputs, rng):
    """What a measurement finds for one block at some inputs."""
    found = {}
    sizes = {"rank": plan.rank_of(stage), "index": plan.eigenvalues_of(stage)}
    for part in (plan.summary(), plan.vectors_of(stage)):
        for name, variable in part.data_vars.items():
            if name != "states":
                shape = [
                    min(size, sizes.get(axis, size))
                    for axis, size in variable.variable.isel(block=block, input=inputs).sizes.items()
                ]
                values = rng.random(shape)
                found[name] = values < 0.9 if variable.dtype == bool else (8 * values).astype(variable.dtype)
    return found


def fill(target, plan, rng, chunk=3):
    for stage in plan.stages:
        states = rng.normal(size=(len(stage.blocks) + 1, plan.inputs, *stage.shape))
        target.put(stage.name, slice(0, plan.inputs), states=states)
        for block in range(len(stage.blocks)):
            for start in range(0, plan.inputs, chunk):
                rows = slice(start, min(start + chunk, plan.inputs))
                target.put(stage.name, rows, block=block, **numbers(plan, stage, block, rows, rng))


def collected(output=None, *, means=True, **options):
    """The same Spectra every time, in memory or through a file."""
    rng = np.random.default_rng(0)
    own, classes = layout(**options), layout(**options | {"inputs": 2, "labels": np.arange(2)})
    with SpectraCollector(own, class_means=classes if means else None, output=output) as collector:
        fill(collector, own, rng)
        if means:
            fill(collector.class_means, classes, rng)
        return collector.finish(notes=["5 blocks found", "stem  left\nout"], seconds=1.5)

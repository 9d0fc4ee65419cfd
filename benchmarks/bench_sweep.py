"""What the engine of sweeps costs for each cell, in CPU time: python benchmarks/bench_sweep.py.

A cell that trains nothing, 30 times: data, network, measurement (`run_sweep_cell`); and writing its result, reading it
back, and its share of a packed file.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from ramodel.experiments.sweeps import DataSettings, SweepConfig, SweepFolder, cells, merge_sweeps, run_sweep_cell
from ramodel.nets import TrainingConfig

CONFIG = SweepConfig(
    law="untrained",
    title="",
    network={"family": "model", "kind": "linear", "width": 8, "depth": 2},
    data=DataSettings(classes=2, train_size=40, test_size=12),
    training=TrainingConfig(iterations=0),
    seeds=30,
)


def milliseconds(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return 1e3 * (time.process_time() - began)


def main() -> None:
    every = cells(CONFIG)
    results = {cell.name: run_sweep_cell(cell, CONFIG) for cell in every}
    with tempfile.TemporaryDirectory() as scratch:
        folder = SweepFolder.begin(Path(scratch) / "sweep", "bench", CONFIG)
        computed = median(milliseconds(lambda cell=cell: run_sweep_cell(cell, CONFIG)) for cell in every)
        written = median(milliseconds(lambda item=item: folder.finish(*item)) for item in results.items())
        read = median(milliseconds(lambda name=name: folder.result(name)) for name in results)
        packed = Path(scratch) / "sweep.nc"
        merge_sweeps(packed, [folder.path])
        size = packed.stat().st_size / len(every) / 1e3
    print(f"compute {computed:.0f} ms, write {written:.1f} ms, read {read:.1f} ms, {size:.1f} kB packed, a cell")


if __name__ == "__main__":
    main()

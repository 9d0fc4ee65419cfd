"""Measurements gathered piece by piece: the same in memory and through a file, whole or not at all."""

import tracemalloc
from collections import namedtuple

import numpy as np
import pytest
import torch

from ramodel.spectra import storage
from ramodel.spectra.collector import SpectraCollector
from ramodel.spectra.layout import SpectraLayout, StageLayout
from ramodel.spectra.spectra import Spectra
from tests.spectra.collected import EVERYTHING, STAGES, collected, fill, layout, numbers


@pytest.mark.parametrize("options", [{}, EVERYTHING, {"pairs": ("0<-0", "1<-0")}, {"dtype": "float32"}])
def test_a_file_holds_what_memory_does(options, tmp_path):
    streamed = collected(tmp_path / "s.nc", **options)
    assert streamed.identical(collected(**options))
    assert Spectra.load(tmp_path / "s.nc").identical(streamed)
    assert [path.name for path in tmp_path.iterdir()] == ["s.nc"]


def test_every_number_lies_where_it_was_put():
    plan = layout(order=(), **EVERYTHING)
    rng = np.random.default_rng(1)
    first, second = slice(0, 3), slice(3, 4)
    with SpectraCollector(plan) as collector:
        fill(collector, plan, rng)
        states = rng.normal(size=(3, 4, 3))
        collector.put("late", slice(0, 4), states=torch.from_numpy(states))
        again = {part: numbers(plan, STAGES[0], 1, rows, rng) for part, rows in enumerate((first, second))}
        collector.put("late", first, block=1, **again[0])
        collector.put(
            "late", second, block=1, **{name: torch.from_numpy(np.array(one)) for name, one in again[1].items()}
        )
        spectra = collector.finish()
    late = spectra.stages["late"]
    assert np.array_equal(late.states, states)
    for name in again[0]:
        variable = late.dataset[name] if name in late.dataset else getattr(late, name)
        expected = np.concatenate([again[0][name], again[1][name]], axis=1 if name.startswith("alignment") else 0)
        found = variable.isel(block=1)
        if "index" in found.dims:  # the other stage has more eigenvalues
            found = found.isel(index=slice(expected.shape[-1]))
        assert np.array_equal(found, expected), name


def test_several_blocks_at_once():
    plan = layout(vectors=False)
    rng = np.random.default_rng(1)
    with SpectraCollector(plan) as collector:
        fill(collector, plan, rng)
        gaps = rng.random((3, 2))
        collector.put("early", slice(1, 3), gap=gaps)
        spectra = collector.finish()
    assert np.array_equal(spectra.stages["early"].gap.isel(input=slice(1, 3)), gaps)


def test_layouts_tell_sizes_before_anything_is_measured():
    plan = layout(**EVERYTHING)
    spectra = collected(means=False, **EVERYTHING)
    actual = sum(variable.nbytes for variable in spectra.dataset.data_vars.values()) + sum(
        variable.nbytes for stage in spectra._stages.values() for variable in stage.data_vars.values()
    )
    assert plan.nbytes == actual
    huge = SpectraLayout((StageLayout("s", (64, 32, 32), ("b",), ("inside",)),), inputs=10**6, rank=12)
    assert huge.nbytes > 10**13  # and took no memory


def test_memory_is_that_of_one_piece(tmp_path, monkeypatch):
    monkeypatch.setattr("ramodel.netcdf._PIECE", 2**20)
    monkeypatch.setattr(storage, "_EAGER", 0)
    stage = StageLayout("s", (4096,), tuple(map(str, range(8))), ("inside",) * 8)
    plan = SpectraLayout((stage,), inputs=16, rank=4)  # 32 MiB of vectors
    piece = numbers(plan, stage, 0, slice(0, 16), np.random.default_rng(0))
    tracemalloc.start()
    try:
        with SpectraCollector(plan, output=tmp_path / "s.nc") as collector:
            collector.put("s", slice(0, 16), states=np.zeros((9, 16, 4096)))
            for block in range(8):
                collector.put("s", slice(0, 16), block=block, **piece)
            collector.finish().save(tmp_path / "copy.nc")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < plan.nbytes / 3


@pytest.mark.parametrize("before", [None, b"precious"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, None])
def test_nothing_is_left_of_what_is_not_finished(before, error, tmp_path):
    output = tmp_path / "s.nc"
    if before is not None:
        output.write_bytes(before)

    def measure():
        with SpectraCollector(layout(), output=output) as collector:
            collector.put("late", slice(0, 4), states=np.zeros((3, 4, 3)))
            assert len(list(tmp_path.glob(".*.part"))) == 1
            if error is not None:
                raise error("stopped")

    if error is None:
        measure()
    else:
        with pytest.raises(error, match="stopped"):
            measure()
    assert list(tmp_path.iterdir()) == ([] if before is None else [output])
    assert before is None or output.read_bytes() == before


def test_a_gap_in_what_was_put_is_seen(tmp_path):
    def part(plan, output):
        with SpectraCollector(plan, output=output) as collector:
            rng = np.random.default_rng(0)
            for stage in plan.stages:
                collector.put(stage.name, slice(0, 4), states=np.zeros((len(stage.blocks) + 1, 4, *stage.shape)))
                for block in range(len(stage.blocks)):
                    rows = slice(0, 3 if stage.blocks[block] == "a.2" else 4)
                    collector.put(stage.name, rows, block=block, **numbers(plan, stage, block, rows, rng))
            collector.finish()

    for output in (None, tmp_path / "s.nc"):
        with pytest.raises(ValueError, match=r"was never put for 'a.2' at input 3"):
            part(layout(), output)
    assert list(tmp_path.iterdir()) == []


def test_bad_pieces():
    values = np.ones((2, 5))
    with SpectraCollector(layout()) as collector:
        with pytest.raises(ValueError, match="'singular_value' is not in the layout of 'early'"):
            collector.put("early", slice(0, 2), block=0, singular_value=values)
        with pytest.raises(ValueError, match="'jacobian' is not in the layout of 'early'; leave it out or ask for it"):
            collector.put("early", slice(0, 2), block=0, jacobian=np.ones((2, 8, 8)))
        with pytest.raises(
            ValueError, match=r"singular_values of block '.*' has shape \(2, 4\); it must have shape \(2, 5\)"
        ):
            collector.put("early", slice(0, 2), block=0, singular_values=values[:, :4])
        with pytest.raises(
            ValueError, match=r"singular_values of block '.*' has shape \(2, 5\); it must have shape \(2, 3\)"
        ):
            collector.put("late", slice(0, 2), block=0, singular_values=values)
        with pytest.raises(ValueError, match=r"left of block 'a.1' holds a number that is not finite"):
            collector.put("early", slice(0, 1), block=1, left=np.full((1, 5, 8), np.nan))
        with pytest.raises(ValueError, match=r"states of stage 'late' holds a number that is not finite"):
            collector.put("late", slice(0, 4), states=np.full((3, 4, 3), np.inf))
        collector.put("early", slice(0, 2), block=0, gap=[np.inf, 2.0], tail_energy=[np.nan, 0.0])


def test_bad_outputs(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"its folder .* does not exist. Make it first"):
        SpectraCollector(layout(), output=tmp_path / "nowhere" / "s.nc")
    usage = namedtuple("usage", "total used free")(10, 0, 10)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"the result needs \d+ KiB, 1 KiB are left. Choose fewer inputs"):
        SpectraCollector(layout(), output=tmp_path / "s.nc")
    assert list(tmp_path.iterdir()) == []

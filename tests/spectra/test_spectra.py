"""`Spectra`: views, selections, text, files."""

import numpy as np
import pytest
import xarray as xr

from ramodel.netcdf import TreeWriter, open_tree
from ramodel.spectra import storage
from ramodel.spectra.spectra import Spectra
from tests.spectra.collected import EVERYTHING, ORDER, collected


@pytest.fixture
def spectra():
    return collected(**EVERYTHING)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_views_of_the_whole(spectra):
    assert spectra.blocks == ORDER
    assert spectra.singular_values.dims == spectra.residual.dims == spectra.converged.dims == ("block", "input", "rank")
    assert spectra.gap.dims == ("block", "input")
    larger = np.maximum(spectra.dataset.residual_forward, spectra.dataset.residual_adjoint)
    assert np.array_equal(spectra.residual, larger, equal_nan=True)
    assert spectra.dataset["stage"].sel(block="z.1").item() == "late"
    assert spectra.dataset["skip"].sel(block="a.2").item() == "branch"
    assert spectra.notes == ("5 blocks found", "stem left out")
    assert list(spectra.stages) == ["late", "early"]


def test_a_stage_with_fewer_triplets_is_filled_with_nan(spectra):
    late = spectra.singular_values.sel(block=["z.0", "z.1"])
    assert late.isel(rank=slice(3, None)).isnull().all()
    assert late.isel(rank=slice(0, 3)).notnull().all()
    assert spectra.converged.sel(block="z.0", rank=[4, 5]).all()
    assert (
        spectra.dataset.eigenvalues_real.sel(block="z.1").notnull().all("input").values.tolist()
        == [True] * 3 + [False] * 2
    )
    stage = spectra.stages["late"]
    assert stage.singular_values.shape == (2, 4, 3)
    assert np.array_equal(stage.singular_values, late.isel(rank=slice(0, 3)))


def test_views_of_a_stage(spectra):
    early = spectra.stages["early"]
    assert early.left.sizes == early.right.sizes == {"block": 3, "input": 4, "rank": 5, "coordinate": 8}
    assert early.states.sizes == {"state": 4, "input": 4, "coordinate": 8}
    assert early.state_shape == (2, 2, 2)
    assert early.jacobian.sizes == {"block": 3, "input": 4, "row": 8, "column": 8}
    grid = {"block": 3, "other_block": 3, "input": 4, "rank": 5, "other_rank": 5}
    assert early.alignment_left_right.sizes == early.alignment_right_left.sizes == grid
    assert early.left.block.values.tolist() == list(early.blocks) == ["a.0", "a.1", "a.2"]
    assert early.class_means.left.sizes["input"] == 2
    assert list(early.stages) == ["early"]


def test_pairs_of_tokens():
    spectra = collected(pairs=("0<-0", "1<-0"), **EVERYTHING)
    early = spectra.stages["early"]
    assert early.singular_values.sizes == {"block": 3, "input": 4, "pair": 2, "rank": 2}
    assert early.left.dims == ("block", "input", "pair", "rank", "coordinate")
    assert early.states.sizes == {"state": 4, "input": 4, "token": 4, "coordinate": 2}
    assert early.jacobian.sizes == {"block": 3, "input": 4, "pair": 2, "row": 2, "column": 2}
    assert "at 4 inputs and 2 pairs of tokens" in repr(spectra)
    assert spectra.sel(pair="1<-0").gap.sizes["pair"] == 1


def test_what_is_not_there_says_how_to_get_it(spectra):
    with pytest.raises(AttributeError, match=r"take that of one, such as spectra.stages\['late'\].left"):
        _ = spectra.left
    with pytest.raises(AttributeError, match=r"spectra.stages\['late'\].state_shape"):
        _ = spectra.state_shape
    bare = collected(vectors=False).stages["late"]
    with pytest.raises(AttributeError, match="left was not kept; to have it, measure with vectors='full'"):
        _ = bare.left
    with pytest.raises(AttributeError, match="jacobian was not kept; to have it, measure with keep_jacobians=True"):
        _ = bare.jacobian
    with pytest.raises(AttributeError, match="alignment=True"):
        _ = bare.alignment_left_right


def test_selection_by_label_and_by_position(spectra):
    part = spectra.sel(block=["a.1", "a.2"], rank=slice(2, 4), input=2)
    assert part.blocks == ("a.1", "a.2")
    assert list(part.stages) == ["early"]
    assert part.singular_values.sizes == {"block": 2, "input": 1, "rank": 3}
    whole = spectra.stages["early"]
    assert part.left.equals(whole.left.isel(block=[1, 2], input=[2], rank=[1, 2, 3]))
    assert part.states.equals(whole.states.isel(state=[1, 2, 3], input=[2]))
    grid = whole.alignment_left_right.isel(
        block=[1, 2], other_block=[1, 2], input=[2], rank=[1, 2, 3], other_rank=[1, 2, 3]
    )
    assert part.alignment_left_right.equals(grid)
    assert part.class_means.singular_values.sizes == {"block": 2, "input": 2, "rank": 3}
    assert part.identical(spectra.isel(block=[1, 3], rank=[1, 2, 3], input=slice(2, 3)))


def test_selection_by_mask_and_of_few_triplets(spectra):
    assert spectra.isel(input=spectra.dataset["label"] == 1).singular_values.input.values.tolist() == [1, 3]
    late = spectra.isel(rank=[0, 4]).stages["late"]
    assert late.singular_values["rank"].values.tolist() == [1]
    assert late.left.sizes["rank"] == 1


def test_states_go_where_blocks_are_skipped(spectra):
    with pytest.raises(AttributeError, match="states was not kept; to have it, choose blocks that follow one another"):
        _ = spectra.sel(block=["a.0", "a.2"]).states


def test_bad_selections(spectra):
    with pytest.raises(ValueError, match=r"axis is 'inputs'.*did you mean 'input'"):
        spectra.isel(inputs=0)
    with pytest.raises(ValueError, match="axis is 'pair'; it must be one of 'block', 'input', 'rank'"):
        spectra.sel(pair="0<-0")
    with pytest.raises(ValueError, match=r"input is \[\], which chooses nothing"):
        spectra.isel(input=[])
    with pytest.raises(KeyError, match=r"block is '.*'; it must be of '"):
        spectra.sel(block="b.0")
    with pytest.raises(IndexError, match=r"is .*; there are \d+ of it"):
        spectra.isel(input=4)


def test_what_it_says_of_itself(spectra):
    text = repr(spectra)
    assert text.startswith(
        "Spectra of Net: 5 blocks at 4 inputs, 5 triplets each\n  late: z.0 ... z.1, state 3, skip masked"
    )
    assert "early: a.0 ... a.2, state 2 x 2 x 2, skip inside or branch\n" in text
    failed = (~spectra.converged).sum(["input", "rank"]).to_series()
    listed = ", ".join(f"{name} ({count})" for name, count in failed[failed > 0].items())
    total = 4 * (3 * 5 + 2 * 3)
    assert f"{failed.sum()} of {total} triplets not converged: {listed}" in text
    worst = spectra.residual.where(spectra.residual == spectra.residual.max(), drop=True)
    assert f"largest residual {worst.max():.1e} ({worst.block.item()}, input {worst.input.item()})" in text
    assert "without vectors" in repr(collected(vectors=False))
    assert "<pre>Spectra of Net" in spectra._repr_html_()
    assert "&lt;-" not in text


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip(dtype, tmp_path):
    spectra = collected(dtype=dtype, **EVERYTHING)
    spectra.save(tmp_path / "s.nc")
    found = Spectra.load(tmp_path / "s.nc")
    assert found.identical(spectra)
    assert found.stages["early"].left.dtype == dtype
    assert list(found.stages) == list(spectra.stages)
    assert found.stages["late"].state_shape == (3,)
    assert files(tmp_path) == ["s.nc"]


def test_round_trip_without_extras(tmp_path):
    spectra = collected(means=False, vectors=False, labels=None)
    spectra.save(tmp_path / "s.nc")
    found = Spectra.load(tmp_path / "s.nc")
    assert found.identical(spectra)
    assert found.class_means is None
    assert not found.identical(collected(means=True, vectors=False, labels=None))
    assert not found.identical(spectra.isel(rank=[0]))


def test_a_difference_is_seen(spectra):
    other = collected(**EVERYTHING)
    assert other.identical(spectra)
    other.stages["late"].left[0, 0, 0, 0] += 1
    assert not other.identical(spectra)


def test_large_files_are_read_where_they_are_used(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "_EAGER", 0)
    collected().save(tmp_path / "s.nc")
    found = Spectra.load(tmp_path / "s.nc")
    left = found.stages["early"].left
    assert not left.variable._in_memory
    assert found.singular_values.variable._in_memory
    assert np.array_equal(left.isel(input=[2, 0]), collected().stages["early"].left.isel(input=[2, 0]))
    assert left.values.size == 3 * 4 * 5 * 8
    assert not left.variable._in_memory
    found.save(tmp_path / "s.nc")  # onto the file that it is read from
    assert found.identical(collected())
    assert Spectra.load(tmp_path / "s.nc").identical(found)


def test_everybody_can_read_the_file(tmp_path):
    spectra = collected()
    spectra.save(tmp_path / "s.nc")
    with xr.open_datatree(tmp_path / "s.nc", engine="h5netcdf") as tree:
        assert set(tree.children) == {"spectra", "stage:late", "stage:early"} | {
            f"class_means{end}" for end in ("", ":late", ":early")
        }
        assert tree["stage:early"].to_dataset()["right"].equals(spectra.stages["early"].right)


def test_a_failed_save_leaves_what_was_there(spectra, tmp_path, monkeypatch):
    spectra.save(tmp_path / "s.nc")
    before = (tmp_path / "s.nc").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("ramodel.spectra.spectra.write_summaries", fail)
    with pytest.raises(OSError, match="disk full"):
        collected().save(tmp_path / "s.nc")
    assert (tmp_path / "s.nc").read_bytes() == before
    assert files(tmp_path) == ["s.nc"]


def test_bad_files(spectra, tmp_path):
    path = tmp_path / "s.nc"
    with pytest.raises(FileNotFoundError, match="must be a file that exists"):
        Spectra.load(path)
    path.write_text("hello")
    with pytest.raises(ValueError, match="cannot be read: it is damaged or not netCDF-4"):
        Spectra.load(path)
    spectra.save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="cannot be read: it is damaged"):
        Spectra.load(path)
    xr.Dataset({"x": ("i", [1.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ValueError, match=r"holds no Spectra; it must be a file that Spectra.save or measure wrote"):
        Spectra.load(path)
    with TreeWriter(path) as writer:
        writer.add("spectra", xr.Dataset())
        writer.add("/", xr.Dataset(attrs={"format": "ramodel spectra", "format_version": 0}))
    with pytest.raises(ValueError, match=r"has version 0 of the format; this ramodel reads version 1. Measure again"):
        Spectra.load(path)


def test_bad_datasets(spectra):
    with pytest.raises(ValueError, match="dataset has no variable 'singular_values'"):
        Spectra(xr.Dataset(), {})
    with pytest.raises(ValueError, match="stages has no 'early', which dataset names"):
        Spectra(spectra.dataset, {"late": xr.Dataset()})


def test_an_opened_file_is_the_one_that_was_there(tmp_path, monkeypatch):
    """A measurement that is written again does not change the numbers of one that is being read."""
    monkeypatch.setattr(storage, "_EAGER", 0)
    path = tmp_path / "s.nc"
    collected().save(path)
    first = Spectra.load(path)
    other = collected()
    other.stages["late"].left[:] = 7.0
    other.save(path)
    assert first.identical(collected())
    assert (open_tree(path)["stage:late"]["left"] == 7.0).all()

"""`ramodel phase`: numbers and pictures, made once, and bad input."""

import pytest
import xarray as xr

from ramodel.experiments.demonstrations import s10_phase
from ramodel.netcdf import read_tree, write_tree

SMALL = ["--depths", "4", "16", "--decays", "0.001", "0.1", "--grid", "2", "2", "--starts", "1"]


@pytest.fixture
def phase(ramodel, tmp_path):
    """Return a function that runs `ramodel phase` on a tiny grid."""
    return lambda *more: ramodel("phase", "--out", str(tmp_path), *SMALL, *more)


def test_files_and_json(phase, tmp_path):
    found = phase("--classes", "4", "--json").json()
    assert list(found) == [
        "depths",
        "decays",
        "effective_rank",
        "value",
        "curve_decays",
        "threshold_depth",
        "stability_depth",
        "files",
    ]
    assert found["effective_rank"] == [[3, 3], [2, 2]]
    assert found["depths"] == pytest.approx([4, 16])
    assert found["stability_depth"] == [None] * len(found["curve_decays"])
    assert found["files"] == [str(tmp_path / f"phase_4.{ending}") for ending in ("nc", "png", "svg")]
    stored = read_tree(tmp_path / "phase_4.nc").to_dataset()
    assert stored["value"].isel(classes=0).values.tolist() == found["value"]


def test_stored_numbers_are_drawn_again_and_damaged_ones_made_anew(phase, tmp_path, monkeypatch):
    table = phase("--classes", "3").out
    assert "Effective rank, C = 3" in table
    (tmp_path / "phase_3.png").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(s10_phase, "phase_dataset", lambda *_, **__: pytest.fail("computed again"))
        assert phase("--classes", "3").out == table
    assert (tmp_path / "phase_3.png").exists()
    (tmp_path / "phase_3.nc").write_bytes(b"damaged")
    assert phase("--classes", "3").out == table
    other = phase("--classes", "3", "--seed", "1", "--json").json()  # other options: other numbers
    assert read_tree(tmp_path / "phase_3.nc").to_dataset().attrs["seed"] == 1
    assert len(other["value"]) == 2


def test_numbers_of_other_classes_or_without_axes_are_not_drawn(phase, tmp_path):
    phase("--classes", "3")
    (tmp_path / "phase_3.nc").rename(tmp_path / "phase_4.nc")
    assert "Effective rank, C = 4" in phase("--classes", "4").out
    stored = read_tree(tmp_path / "phase_4.nc").to_dataset()
    assert stored["classes"].values.tolist() == [4]
    write_tree(tmp_path / "phase_4.nc", xr.Dataset(attrs=stored.attrs))
    assert "Effective rank, C = 4" in phase("--classes", "4").out


def test_many_classes_have_boundaries_only(phase):
    found = phase("--classes", "41", "--json").json()
    assert found["effective_rank"] == [[None, None], [None, None]]
    assert found["threshold_depth"] == [None] * len(found["curve_decays"])  # odd: no pairs
    assert all(depth > 1 for depth in found["stability_depth"][:3])
    assert "Effective rank" not in phase("--classes", "41").out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--classes", "1"], "--classes is 1; it must be at least 2."),
        (["--depths", "4", "2"], "--depths is 4 2; the second must be greater than the first."),
        (["--decays", "0", "2"], "--decays value 1 is 0.0; it must be greater than zero."),
        (["--grid", "1", "2"], "--grid value 1 is 1; it must be at least 2."),
        (["--starts", "0"], "--starts is 0; it must be at least 1."),
    ],
)
def test_bad_input(ramodel, tmp_path, options, sentence):
    words = ["phase", "--classes", "4", "--out", str(tmp_path), *options]
    assert ramodel(*words) == (2, "", f"ramodel phase: {sentence}\n")


def test_a_range_that_is_refused_leaves_no_folder(ramodel, tmp_path):
    outcome = ramodel("phase", "--classes", "4", "--depths", "8", "2", "--out", str(tmp_path / "new"))
    assert outcome == (2, "", "ramodel phase: --depths is 8 2; the second must be greater than the first.\n")
    assert list(tmp_path.iterdir()) == []

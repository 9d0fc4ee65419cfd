"""Files of sweeps: the shipped ones can be read, text and settings are two forms of one thing, mistakes are named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.experiments.confrontation.readings import READINGS
from ramodel.experiments.sweeps import LAWS, Arm, Claim, cells, load_sweep
from ramodel.experiments.sweeps.toml import from_toml, to_toml
from ramodel.statements import STATEMENTS
from tests.experiments.sweeps.conftest import TINY, settings

SHIPPED = sorted((Path(__file__).parents[3] / "configs").glob("*/*.toml"))

FILE = """
law = "depth"
title = "How deep?"
[network]
family = "model"
kind = "linear"
width = 6
depth = 2
[training]
iterations = 20
[axes]
"network.depth" = [2, 3]
[[arms]]
name = "trained"
[[claims]]
statement = "RA4"
claim = "exponent"
reading = "line_shape"
at_least = 0.5
"""


@pytest.fixture
def write(tmp_path):
    def file(text):
        path = tmp_path / "sweep.toml"
        path.write_text(text)
        return path

    return file


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_shipped_sweeps(path):
    config = load_sweep(path)
    assert config.size == path.parent.name
    assert config.claims
    assert from_toml(to_toml(config)) == config
    assert len(cells(config)) == len({cell.name for cell in cells(config)})


def test_every_law_has_known_statements():
    assert all(name in STATEMENTS for law in LAWS.values() for name in law.statements)


@given(
    title=st.text(st.characters(exclude_categories=["Cs"])),
    value=st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text('a"\\\n\x7fé')),
)
def test_text_round_trip(title, value):
    claim = Claim(statement="S1", claim=title, reading="x", at_most=2.5)
    arms = (Arm(name=title, set={"network.kind": value, "a b": [value, {"c": value}]}, axes={"data.classes": (2,)}),)
    config = settings(title=title, arms=arms, claims=(claim,))
    assert from_toml(to_toml(config)) == config


def test_overrides(write):
    config = load_sweep(write(FILE), overrides={"seeds": 1, "training.iterations": 3, "network.width": 8})
    axes = load_sweep(write(FILE), overrides={"axes.network.depth": [5], "training.decay": 0.5})
    assert (axes.axes, axes.training.head_decay) == ({"network.depth": (5,)}, 0.5)
    assert (config.seeds, config.training.iterations, config.network["width"]) == (1, 3, 8)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('law = "depth"', 'law = "dept"', "law is 'dept', which is unknown; did you mean 'depth'"),
        ('law = "depth"', "law = ", "is not TOML"),
        ('law = "depth"\n', "", "key 'law' of a sweep is missing; give it"),
        ("[network]", "sedes = 3\n[network]", "key 'sedes' of a sweep is unknown; did you mean 'seeds'"),
        ("[network]", "seeds = 0\n[network]", "seeds is 0; it must be at least 1"),
        ("[network]", "seed = -1\n[network]", "seed is -1; it must be at least 0"),
        ('family = "model"', 'family = "modle"', r"family of \[network\] is 'modle'; .*did you mean 'model'"),
        ("width = 6", "widht = 6", r"key 'widht' of \[network\] is unknown; did you mean 'width'"),
        ("iterations = 20", "iteration = 20", r"key 'iteration' of .training. is unknown; did you mean 'iterations'"),
        ("iterations = 20", 'iterations = "many"', r"training.iterations is 'many'; it must be a whole number\.$"),
        ("iterations = 20", "iterations = -1", r"training: iterations is -1; it must be at least 0\.$"),
        ('"network.depth" =', '"network.deep" =', "'network.deep' is unknown; did you mean 'network.depth'"),
        ('"network.depth" =', '"nets.depth" =', "'nets.depth'; settings are called 'network.NAME', 'data.NAME'"),
        ('"network.depth" =', '"training.seed" =', "seeds come from `seed` and `seeds` of the sweep"),
        ("width = 6", "width = -6", "arm 'trained': network of family 'model': width is -6; it must be at least 1"),
        ("[2, 3]", "[2, 2.5]", "arm 'trained': network of family 'model': depth is 2.5; it must be a whole number"),
        ("[2, 3]", "3", r"axis 'network.depth' is 3; it must be a list, its name in quotes"),
        ('"network.depth" =', "network.depth =", r"axis 'network' is .*; it must be a list, its name in quotes"),
        ("[axes]", "[measure]\ninputs = 0\n[axes]", "measure.inputs is 0; it must be at least 1"),
        ("[axes]", "[data]\nclasses = 1\n[axes]", "data.classes is 1; it must be at least 2"),
        ("[axes]", "[training.optimiser]\n[axes]", "training.optimiser is {}; it must be text in quotes"),
        ("iterations = 20", 'optimiser = "sgdd"', "training.optimiser is 'sgdd'; it must be one of .*'lbfgs'"),
        ("[network]", 'size = "tpu"\n[network]', "size is 'tpu'; it must be one of 'cpu', 'gpu'"),
        ("[network]", "seeds = 1000000000\n[network]", "make 2000000000 cells; at most 20000 can be. Lower seeds"),
        ("[2, 3]", "[]", "axis 'network.depth' of arm 'trained' has no values"),
        ("[2, 3]", "[2, 2]", "two cells the name"),
        ('name = "trained"', 'name = "trained"\nseeds = 0', "seeds of arm 'trained' is 0"),
        ('name = "trained"', 'name = "trained"\nset = {"network.depth" = 3}', "its axes run through"),
        (
            'name = "trained"',
            'name = "trained"\nset = {network = 3}',
            "network of arm 'trained' is 3; it must be a table",
        ),
        (
            'name = "trained"',
            'name = "trained"\nset = {"network.family" = "paper"}',
            "key 'kind' of .*'paper' one, is unknown",
        ),
        ('name = "trained"', 'name = "trained"\n[[arms]]\nname = "trained"', "arms has 'trained' twice"),
        ('statement = "RA4"', 'statement = "RA5"', r"statement of claim 1 \('exponent'\) is 'RA5'"),
        (
            'reading = "line_shape"',
            'reading = "lineshape"',
            "reading of .* is 'lineshape', .*did you mean 'line_shape'",
        ),
        ("at_least = 0.5", 'arms = ["untrained"]', "arms of .* is 'untrained'; it must be one of 'trained'"),
        ("at_least = 0.5", 'control = "untrained"', "control of .* is 'untrained'"),
        ("at_least = 0.5", 'summary = "difference"', "control of .* is missing; a difference is taken to it"),
        (
            "at_least = 0.5",
            'summary = "exponent"',
            "axis of .* is missing; the exponent is taken along one of 'network",
        ),
        (
            "at_least = 0.5",
            'axis = "network.width"',
            "axis of .* is 'network.width'; it must be one of 'network.depth'",
        ),
        ("at_least = 0.5", "at_least = 2.0\nat_most = 1.0", "at_least of .* is 2, above its at_most 1"),
        ("at_least = 0.5", "tolerance = -1.0", "tolerance of .* is -1; it must not be negative"),
        ("at_least = 0.5", 'theory = "nothing"', "theory of .* is 'nothing'; it must be one of"),
    ],
)
def test_mistakes_are_named(write, old, new, message):
    assert FILE.count(old) == 1
    path = write(FILE.replace(old, new))
    with pytest.raises(ValueError, match=message) as caught:
        load_sweep(path)
    assert str(caught.value).startswith(str(path))


def test_readings_of_the_measurement_are_checked(write):
    path = write(FILE.replace("[axes]", '[measure]\nduring = ["line_shap"]\n[axes]'))
    with pytest.raises(ValueError, match=r"during of .* is 'line_shap', .*did you mean 'line_shape'"):
        load_sweep(path)
    assert "line_shape" in READINGS


def test_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"config is 'depth'; it must be a file that exists\.$"):
        load_sweep("depth")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "depth.toml").write_text(FILE)
    with pytest.raises(FileNotFoundError, match=r"Did you mean configs/depth.toml\?"):
        load_sweep("depth")
    with pytest.raises(FileNotFoundError, match=r"In ./configs there are configs/depth.toml\."):
        load_sweep("xyz")


def test_overrides_that_do_not_fit(write):
    with pytest.raises(ValueError, match=r"override .law\.x. does not fit: 'law' is no table"):
        load_sweep(write(FILE), overrides={"law.x": 1})


def test_tiny_is_valid(write):
    assert load_sweep(write(to_toml(TINY))) == TINY

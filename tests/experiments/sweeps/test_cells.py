"""Cells: one for every arm, point and seed, with the settings that the file asks for, under names of their own."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.experiments.sweeps import Arm, cells
from tests.experiments.sweeps.conftest import TINY, settings


def test_every_arm_point_and_seed():
    found = cells(TINY)
    assert [cell.name for cell in found] == [
        f"{arm}-depth{depth:02d}-seed{seed}" for arm in ("linear", "no-skips") for depth in (2, 3) for seed in (0, 1)
    ]
    cell = found[-1]
    assert cell.network == {"family": "model", "kind": "linear", "width": 6, "depth": 3, "skip": False}
    assert (cell.control, cell.seed, cell.training.seed, cell.axes) == (True, 1, 1, {"network.depth": 3})
    assert len({cell.digest for cell in found}) == len(found)


def test_arms_replace_axes_seeds_networks_and_all_decays():
    whole = {"network": {"family": "model", "kind": "relu"}, "network.width": 9, "measure.inputs": 3}
    arms = (
        Arm(name="own axes", axes={"training.decay": (1e-3, 0.1)}, seeds=1),
        Arm(name="whole", set=whole, axes={}, seeds=1),
    )
    found = cells(settings(arms=arms, seed=7))
    assert [cell.name for cell in found] == ["own-axes-decay0.001-seed7", "own-axes-decay0.1-seed7", "whole-seed7"]
    training = found[1].training
    assert (training.jacobian_decay, training.head_decay, training.embedding_decay) == (0.1, 0.1, 0.1)
    assert found[2].network == {"family": "model", "kind": "relu", "width": 9}
    assert found[2].measure.inputs == 3


def test_a_setting_can_be_taken_back():
    sgd = msgspec.structs.replace(TINY.training, optimiser="sgd", batch_size=10)
    full = {"training.optimiser": "lbfgs", "training.batch_size": "default", "network.width": "default"}
    found = cells(settings(training=sgd, arms=(Arm(name="mini"), Arm(name="full", set=full))))
    assert (found[0].training.batch_size, found[-1].training.batch_size) == (10, None)
    assert "width" not in found[-1].network


def test_the_digest_is_that_of_the_settings():
    one, other = cells(TINY), cells(settings(title="Else", arms=TINY.arms[::-1]))
    assert {cell.digest for cell in one} == {cell.digest for cell in other}
    training = msgspec.structs.replace(TINY.training, iterations=21)
    assert {cell.digest for cell in one}.isdisjoint(cell.digest for cell in cells(settings(training=training)))


@given(depths=st.lists(st.integers(1, 2000), min_size=1, max_size=5, unique=True))
def test_names_sort_as_values_do(depths):
    found = cells(settings(axes={"network.depth": tuple(depths)}, arms=(Arm(name="a"),), seeds=1))
    assert [cell.axes["network.depth"] for cell in sorted(found, key=lambda cell: cell.name)] == sorted(depths)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": (Arm(name="no skips"), Arm(name="no-skips"))}, "two cells the name 'no-skips-depth02-seed0'"),
        (
            {"axes": {"training.loss": ("sqared",)}},
            r"arm 'linear' do not fit \[training\]: Invalid enum value 'sqared'",
        ),
        ({"axes": {"training.learning_rate": (-1.0,)}}, "learning_rate is -1.0; it must be greater than zero"),
    ],
)
def test_bad_input(changes, message):
    with pytest.raises(ValueError, match=message):
        cells(settings(**changes))

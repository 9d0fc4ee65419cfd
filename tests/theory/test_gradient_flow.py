"""S12: exact rates against velocities by complex steps, and the rates of alignment against the whole Hessian."""

import re

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from ramodel.simulate import Problem, UnreducedObjective
from ramodel.simulate.objective import Variables
from ramodel.theory import (
    FrobeniusModel,
    alignment_rate,
    alignment_residual,
    imbalance,
    imbalance_rate,
    layer_spread_rate,
    least_stretch,
    relaxation_rates,
    twist_rate,
)
from tests.reference import theory as reference
from tests.strategies import powers_of_ten, seeds
from tests.tolerances import DENSE_FLOAT64, EPS, FLAT_EIGENVALUE, STIFF


def transposed(matrices):
    return np.swapaxes(matrices, -1, -2)


@st.composite
def networks(draw):
    """A network of width 3 anywhere, its decays (also zero) and its velocity under gradient flow."""
    rng, depth = np.random.default_rng(draw(seeds)), draw(st.integers(1, 3))
    blocks, head = rng.normal(size=(depth, 3, 3)), rng.normal(size=(2, 3))
    decays = draw(st.tuples(*[st.just(0.0) | powers_of_ten(-2, 1)] * 2))
    inputs, targets = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    return blocks, head, decays, reference.flow_velocity(blocks, head, inputs, targets, *decays)


@given(networks())
def test_rate_of_the_imbalance(network):
    """The product rule on the true velocities gives what S12 says of D, R and their parts."""
    blocks, head, (jacobian_decay, head_decay), (velocity, head_velocity) = network
    maps = blocks + np.eye(3)
    grams = np.concatenate([transposed(maps[1:]) @ velocity[1:], (head.T @ head_velocity)[None]])
    change = maps @ transposed(velocity) - grams
    change += transposed(change)
    scale = 1.0 + np.abs(maps).max() ** 2 * np.abs(velocity).max()
    rate = imbalance_rate(blocks, head, jacobian_decay=jacobian_decay, head_decay=head_decay)
    np.testing.assert_allclose(rate, change, atol=DENSE_FLOAT64 * scale)
    D = imbalance(blocks, head)
    np.testing.assert_allclose(D, transposed(D), atol=DENSE_FLOAT64)
    np.testing.assert_allclose(D[-1], maps[-1] @ maps[-1].T - head.T @ head, atol=DENSE_FLOAT64 * scale)
    both = maps + transposed(maps)
    if jacobian_decay > 0.0 and head_decay > 0.0:
        residual = alignment_residual(blocks, head, decay_ratio=jacobian_decay / head_decay)
        np.testing.assert_allclose(rate, -jacobian_decay * (residual + transposed(residual)), atol=1e-8 * scale)
        residual_change = -jacobian_decay * residual[:-1] + blocks[:-1] @ transposed(velocity[:-1])
        residual_change -= transposed(velocity[1:]) @ blocks[1:]
        by_parts = velocity[:-1] @ transposed(maps[:-1]) + blocks[:-1] @ transposed(velocity[:-1])
        by_parts -= transposed(velocity[1:]) @ blocks[1:] + transposed(maps[1:]) @ velocity[1:]
        np.testing.assert_allclose(residual_change, by_parts, atol=DENSE_FLOAT64 * scale)
    as_written = jacobian_decay * (-2 * D[:-1] + both[:-1] - both[1:])
    np.testing.assert_allclose(rate[:-1], as_written, atol=DENSE_FLOAT64 * scale)


def test_times_in_front():
    rng = np.random.default_rng(0)
    blocks, heads = rng.normal(size=(4, 2, 3, 3)), rng.normal(size=(4, 1, 3))
    for t in range(4):
        np.testing.assert_allclose(imbalance(blocks, heads)[t], imbalance(blocks[t], heads[t]))
        residual = alignment_residual(blocks, heads, decay_ratio=2.0)[t]
        np.testing.assert_allclose(residual, alignment_residual(blocks[t], heads[t], decay_ratio=2.0))
    assert least_stretch(heads).shape == (4,)


def whole_hessian(s, depth, rho, decay, width):
    """Eigenvalues, in units of lam_J, at the aligned optimum of a squared loss with white inputs that has these s."""
    s = np.asarray(s)
    head_decay, rank = decay / rho, len(s)
    w = np.sqrt(rho * s * (1 + s))
    blocks, head = np.zeros((depth, width, width)), np.zeros((rank, width))
    blocks[:, range(rank), range(rank)], head[range(rank), range(rank)] = s, w
    end_to_end = head * (1 + np.append(s, np.zeros(width - rank))) ** depth
    inputs = np.sqrt(width) * np.eye(width)
    pull = np.zeros_like(head)
    pull[range(rank), range(rank)] = head_decay * w / (1 + s) ** depth  # lam_W W = (Y - M) A^L
    problem = Problem(
        model="frobenius", loss="squared", inputs=inputs, targets=inputs @ (end_to_end + pull).T, depth=depth,
        jacobian_decay=decay, head_decay=head_decay,
    )  # fmt: skip
    objective = UnreducedObjective(problem, torch.device("cpu"))
    parts = Variables(torch.from_numpy(blocks)[None, :, None], torch.from_numpy(head)[None], None)
    point = objective.join(parts)
    assert float(objective(point).gradient.norm()) < 1e-12
    unit = torch.eye(objective.size, dtype=torch.float64)
    hessian = objective.hessian(point.expand_as(unit))(unit).numpy()
    return np.linalg.eigvalsh((hessian + hessian.T) / 2) / decay


@pytest.mark.parametrize(
    ("s", "depth", "rho", "width"),
    [
        ([0.5, 0.3], 3, 1.0, 4),
        ([0.8, 0.2], 4, 0.3, 3),
        ([0.3, 0.3], 5, 2.0, 2),
        ([1.5, 0.01], 2, 1.0, 3),
        ([0.4], 1, 1.0, 2),
    ],
)
def test_rates_are_the_small_eigenvalues_of_the_hessian(s, depth, rho, width):
    spare = width - len(s)
    rates = [relaxation_rates(first, second, depth, rho) for i, first in enumerate(s) for second in s[:i]]
    rates += [relaxation_rates(first, 0.0, depth, rho) for first in s] * spare
    rates += [np.ones(depth)] * spare**2
    rates += [np.full(depth - 1, layer_spread_rate(first)) for first in s]
    rates = np.sort(np.concatenate(rates))
    found = whole_hessian(s, depth, rho, 1e-6, width)
    for rate in rates:
        assert np.abs(found - rate).min() < STIFF * rate
    slow = found[found < 1e3]
    assert len(slow) == len(rates) + len(s)  # and, in each direction, all blocks against the head
    assert alignment_rate([*s, 0.0] if spare else s, depth, rho) == pytest.approx(found[0], rel=STIFF)


@given(powers_of_ten(-3, 0.5), st.integers(1, 12), powers_of_ten(-2, 2))
def test_closed_rates_inside_a_cluster(s, depth, rho):
    """Equal s: a common twist, and layer differences of the symmetric and of the antisymmetric part."""
    rates = relaxation_rates(s, s, depth, rho)
    for closed, count in (
        (twist_rate(s, depth, rho), 1),
        (1.0 / (1.0 + s), depth - 1),
        (layer_spread_rate(s), depth - 1),
    ):
        assert np.sum(np.isclose(rates, closed, rtol=1e-7)) >= count
    assert rates[0] <= twist_rate(s, depth, rho) * (1.0 + 1e-9)


@given(powers_of_ten(-3, 0.5), powers_of_ten(-3, 0.5), st.integers(1, 12), powers_of_ten(-2, 2))
def test_the_order_of_the_pair_does_not_matter(first, second, depth, rho):
    rates = relaxation_rates(first, second, depth, rho)
    np.testing.assert_allclose(rates, relaxation_rates(second, first, depth, rho), atol=1e-9 * rates[-1])
    assert rates[0] > 0.0


@pytest.mark.parametrize(
    ("first", "second", "depth", "decay_ratio"),
    [
        (0.5, 0.0, 3, 1.0),
        (0.3, 0.3, 4, 2.0),
        (0.0, 0.0, 3, 3.0),
        (50.0, 0.1, 8, 1.0),
        (0.1, 50.0, 8, 100.0),
        (50.0, 0.1, 8, 0.01),
        (1e4, 1e-3, 6, 1.0),
        (1e4, 1e4, 5, 1e-4),
    ],
)
def test_rates_against_120_digits(first, second, depth, decay_ratio):
    """Also where ((1 + s)/(1 + t))^L exceeds the reciprocal of a rounding error."""
    wanted = reference.relaxation_rates(first, second, depth, decay_ratio)
    found = relaxation_rates(first, second, depth, decay_ratio)
    np.testing.assert_allclose(found, wanted, rtol=0.0, atol=4 * depth * EPS * found[-1])


@given(powers_of_ten(-6, 3), powers_of_ten(-6, 3) | st.just(0.0), st.integers(1, 60), powers_of_ten(-3, 3))
@example(0.5, 0.25, 200, 1.0)
@example(0.3, 0.1, 300, 1.0)
def test_rates_are_positive_and_with_small_heads_below_two(first, second, depth, decay_ratio):
    rates = relaxation_rates(first, second, depth, decay_ratio)
    assert 0.0 < rates[0] < 1.0
    if decay_ratio >= 1.0:
        assert rates[-1] < 2.0
    if decay_ratio == 1.0:  # p and -q: rate and 2 - rate
        np.testing.assert_allclose(rates + rates[::-1], 2.0, rtol=DENSE_FLOAT64)
    assert alignment_rate([first, second], depth, decay_ratio) == rates[0]


def test_what_leaves_float64_is_refused():
    for arguments in ((1e300, 1.0, 5, 1.0), (0.5, 0.2, 5, 1e308), (1e308, 1e308, 2, 1.0)):
        with pytest.raises(OverflowError, match=rf"first is {re.escape(str(arguments[0]))}, second .*, depth \d"):
            relaxation_rates(*arguments)
    with pytest.raises(OverflowError, match="the imbalance exceeds"):
        imbalance([[[1e200]]], [[1.0]])
    with pytest.raises(OverflowError, match="the rate of the imbalance exceeds"):
        imbalance_rate([[[1e200]]], [[1.0]], jacobian_decay=1.0, head_decay=1.0)
    with pytest.raises(OverflowError, match="the alignment residual exceeds"):
        alignment_residual([[[1.0]]], [[1.0]], decay_ratio=1e-320)
    assert alignment_residual([[[1.0]]], [[0.0]], decay_ratio=1e-320)[0, 0, 0] == 2.0
    assert layer_spread_rate(1e308) == 2.0
    assert twist_rate([0.0, 1.0], 10, 1e308).tolist() == [1.0, 0.0]
    assert least_stretch([[1e300]]) == 0.0


def test_inactive_directions_follow_the_decay_alone():
    np.testing.assert_allclose(relaxation_rates(0.0, 0.0, 4, 3.0), 1.0, rtol=FLAT_EIGENVALUE)
    assert alignment_rate([0.0, 0.0], 4, 3.0) == pytest.approx(1.0)


def test_alignment_slows_down_with_depth():
    """At fixed m; where s goes as 1/L, without S4's logarithm, the rate tends to a constant."""
    s = [float(FrobeniusModel(depth, 1.0, 1.0).jacobian_singular_value(3.0)) for depth in (2, 8, 32, 128)]
    rates = [alignment_rate([top, 0.0], depth, 1.0) for top, depth in zip(s, (2, 8, 32, 128), strict=True)]
    assert np.all(np.diff(rates) < -0.03)
    assert rates[0] < 0.5
    rates = [alignment_rate([0.7 / depth, 0.0], depth, 1.0) for depth in (32, 128)]
    assert rates[0] == pytest.approx(rates[1], rel=0.01)


def test_least_stretch_says_nothing_of_large_heads():
    assert least_stretch([[0.0, 0.0]]) == 1.0
    assert least_stretch([[2.0, 0.0]]) == 0.0
    assert least_stretch([[1.0 - EPS, 0.0]]) > 0.0


def test_bad_arguments_are_refused():
    blocks, head = np.zeros((2, 3, 3)), np.zeros((1, 3))
    for function in (
        imbalance,
        lambda J, W: imbalance_rate(J, W, jacobian_decay=1.0, head_decay=1.0),
        lambda J, W: alignment_residual(J, W, decay_ratio=1.0),
    ):
        with pytest.raises(ValueError, match=r"^head has shape \(1, 2\).*must have shape \(any, 3\)"):
            function(blocks, head[:, :2])
        with pytest.raises(ValueError, match=r"^jacobians has shape \(3, 3\); its axes must be"):
            function(blocks[0], head)
        with pytest.raises(ValueError, match=r"^jacobians\[0, 0, 0\] is inf"):
            function(np.full((2, 3, 3), np.inf), head)
    with pytest.raises(ValueError, match=r"^jacobian_decay is -1"):
        imbalance_rate(blocks, head, jacobian_decay=-1.0, head_decay=0.0)
    with pytest.raises(ValueError, match=r"^decay_ratio is 0"):
        alignment_residual(blocks, head, decay_ratio=0.0)
    with pytest.raises(ValueError, match=r"^head has shape \(3,\)"):
        least_stretch(np.zeros(3))
    with pytest.raises(ValueError, match=r"^s is -1"):
        layer_spread_rate(-1.0)
    with pytest.raises(ValueError, match=r"^depth is 0"):
        twist_rate(0.5, 0, 1.0)
    with pytest.raises(ValueError, match=r"^second is -1"):
        relaxation_rates(0.5, -1.0, 2, 1.0)
    with pytest.raises(TypeError, match=r"^depth is 2\.5"):
        relaxation_rates(0.5, 0.1, 2.5, 1.0)
    with pytest.raises(ValueError, match=r"^s has one entry; alignment is between two directions"):
        alignment_rate([0.5], 2, 1.0)

"""S12 along simulated flows: the invariant and its error, the bound, the rate of alignment; what is refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.metrics import asymmetry_error
from ramodel.simulate import Problem, flow, gradient_flow, random_problem
from ramodel.theory import alignment_rate, imbalance, imbalance_rate, least_stretch
from tests.reference import theory as reference
from tests.strategies import seeds
from tests.tolerances import DENSE_FLOAT64


def white_problem(decay, depth=3):
    inputs = np.sqrt(3.0) * np.eye(3)
    return Problem(
        model="frobenius", loss="squared", inputs=inputs, targets=inputs @ np.diag([3.0, 2.0, 0.0])[:, :2],
        depth=depth, jacobian_decay=decay, head_decay=decay,
    )  # fmt: skip


def start(depth=3, seed=0):
    rng = np.random.default_rng(seed)
    return {"jacobians": 0.15 * rng.normal(size=(depth, 3, 3)), "head": 0.15 * rng.normal(size=(2, 3))}


def test_velocity_is_minus_the_gradient():
    problem, begin = white_problem(0.1), start()
    step = 1e-4
    course = gradient_flow(problem, [0.0, step], **begin)
    np.testing.assert_array_equal(course.jacobians[0], begin["jacobians"])
    np.testing.assert_array_equal(course.heads[0], begin["head"])
    velocities = reference.flow_velocity(begin["jacobians"], begin["head"], problem.inputs, problem.targets, 0.1, 0.1)
    for moved, velocity in zip((course.jacobians, course.heads), velocities, strict=True):
        np.testing.assert_allclose((moved[1] - moved[0]) / step, velocity, atol=100 * step)


@settings(max_examples=5)
@given(seeds, st.sampled_from(["squared", "cross-entropy", "logistic"]), st.booleans())
def test_imbalance_is_conserved_without_decay_whatever_the_loss(seed, loss, zero):
    problem = random_problem(
        model="frobenius", classes=2, width=3, depth=2, samples=4, loss=loss, jacobian_decay=1.0, head_decay=1.0,
        seed=seed % 1000,
    )  # fmt: skip
    problem = dataclasses.replace(problem, jacobian_decay=0.0, head_decay=0.0)
    rng = np.random.default_rng(seed)
    course = gradient_flow(
        problem, [0.0, 0.3, 2.0], jacobians=None if zero else 0.2 * rng.normal(size=(2, 3, 3)), seed=seed % 1000
    )
    D = imbalance(course.jacobians, course.heads)
    np.testing.assert_allclose(D, np.broadcast_to(D[0], D.shape), atol=1e-7)
    assert np.all(np.diff(course.objectives) < 0.0)
    if zero:
        stretch = np.linalg.svd(course.jacobians + np.eye(3), compute_uv=False)[..., -1]
        assert least_stretch(course.heads[0]) > 0.0
        assert np.all(stretch >= least_stretch(course.heads[0]) - 1e-7)


def test_least_stretch_is_reached_where_the_head_is_given_up():
    """Targets of zero: the head shrinks to nothing, and the blocks pay for it."""
    problem = Problem(
        model="frobenius", loss="squared", inputs=np.eye(1), targets=np.zeros((1, 1)), depth=2, jacobian_decay=0.0,
        head_decay=0.0,
    )  # fmt: skip
    course = gradient_flow(problem, [0.0, 100.0], head=[[0.6]])
    assert 1.0 + course.jacobians[1, 0, 0, 0] == pytest.approx(0.8)
    assert least_stretch(course.heads[0]) == pytest.approx(0.8)


def test_error_of_the_invariant_follows_the_tolerance():
    errors = []
    for tolerance in (1e-4, 1e-7, 1e-10):
        course = gradient_flow(
            white_problem(0.0), [0.0, 5.0], **start(), relative_tolerance=tolerance,
            absolute_tolerance=1e-3 * tolerance,
        )  # fmt: skip
        D = imbalance(course.jacobians, course.heads)
        errors.append(np.abs(D[1] - D[0]).max())
        assert errors[-1] < tolerance
    assert errors[2] < 1e-2 * errors[1] < 1e-4 * errors[0]


def test_imbalance_moves_at_its_rate_with_decay():
    problem = dataclasses.replace(white_problem(0.3), head_decay=0.1)
    step = 1e-3
    course = gradient_flow(problem, [0.5 - step, 0.5, 0.5 + step], **start(), relative_tolerance=1e-12)
    D = imbalance(course.jacobians, course.heads)
    rate = imbalance_rate(course.jacobians[1], course.heads[1], jacobian_decay=0.3, head_decay=0.1)
    np.testing.assert_allclose((D[2] - D[0]) / (2 * step), rate, atol=1e-5)


def test_both_solvers_reach_the_same_state():
    options = {**start(), "relative_tolerance": 1e-8, "absolute_tolerance": 1e-11}
    first = gradient_flow(white_problem(0.05), [2.0], **options)
    second = gradient_flow(white_problem(0.05), [1.0, 2.0], method="Radau", **options)
    np.testing.assert_allclose(second.jacobians[1], first.jacobians[0], atol=1e-7)
    assert second.steps < second.evaluations


def test_asymmetry_decays_at_the_predicted_rate():
    decay, times = 0.01, np.array([30.0, 40.0])
    course = gradient_flow(
        white_problem(decay), times / decay, **start(), method="Radau", relative_tolerance=1e-6,
        absolute_tolerance=1e-10,
    )  # fmt: skip
    size = np.sqrt(np.mean(asymmetry_error(course.jacobians) ** 2, axis=-1))
    s = np.linalg.svd(course.jacobians[-1, 0], compute_uv=False)
    measured = np.log(size[0] / size[1]) / np.diff(times)[0]
    assert measured == pytest.approx(alignment_rate([*s[:2], 0.0], 3, 1.0), rel=0.02)
    assert size[1] < 1e-4


def test_without_decay_there_is_no_alignment():
    course = gradient_flow(white_problem(0.0), [10.0, 60.0], **start())
    size = np.sqrt(np.mean(asymmetry_error(course.jacobians) ** 2, axis=-1))
    assert course.objectives[-1] < DENSE_FLOAT64
    assert size[1] == pytest.approx(size[0], rel=1e-3)
    assert size[1] > 0.3


def test_a_solver_that_fails_says_when(monkeypatch):
    class Failing(flow.DOP853):
        def step(self):
            if self.t > 0.5:
                self.status = "failed"
                return "Required step size is less than spacing between numbers."
            return super().step()

    monkeypatch.setitem(flow.SOLVERS, "DOP853", Failing)
    with pytest.raises(RuntimeError, match=r"^gradient flow stopped at time 0\.\d+ of 5: Required step size"):
        gradient_flow(white_problem(0.1), [5.0], **start())


def test_numbers_beyond_float64_are_an_error():
    with pytest.raises(FloatingPointError, match=r"^the gradient is not finite at time 0"):
        gradient_flow(white_problem(0.1), [1.0], jacobians=np.full((3, 3, 3), 1e150), head=np.ones((2, 3)))


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"times": [1.0, 1.0]}, ValueError, "^times do not increase"),
        ({"times": []}, ValueError, "^times is empty"),
        ({"times": [-1.0]}, ValueError, r"^times\[0\] is -1"),
        ({"head": np.zeros((3, 3))}, ValueError, r"^head has shape \(3, 3\); it must have shape \(2, 3\)"),
        ({"jacobians": np.zeros((2, 3, 3))}, ValueError, r"^jacobians has shape"),
        ({"method": "radau"}, ValueError, "^method is 'radau'.*did you mean 'Radau'"),
        ({"relative_tolerance": 1e-15}, ValueError, "^relative_tolerance is 1e-15; it must be at least 1e-13"),
        ({"absolute_tolerance": 0.0}, ValueError, "^absolute_tolerance is 0"),
        ({"seed": -1}, ValueError, "^seed is -1"),
        ({"problem": None}, TypeError, "^problem is None"),
    ],
)
def test_bad_arguments_are_refused(change, error, match):
    arguments = {"problem": white_problem(0.1), "times": [1.0], **change}
    with pytest.raises(error, match=match):
        gradient_flow(arguments.pop("problem"), arguments.pop("times"), **arguments)


@pytest.mark.parametrize("change", [{"model": "nuclear"}, {"embedding_decay": 0.1}])
def test_other_models_are_refused(change):
    with pytest.raises(ValueError, match=r"^problem is of the .*Frobenius model without embedding"):
        gradient_flow(dataclasses.replace(white_problem(0.1), **change), [1.0])

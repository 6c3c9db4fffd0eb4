"""What holds for every method alike: the lecture's iterates, by whichever route."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf.descent import METHODS, Problem, StateError, descend
from catclf.logistic import (
    CLASS_WEIGHTS,
    ClassWeight,
    LossName,
    cost,
    forward,
)
from catclf.training import Settings, Training
from conftest import ColumnsMaker, Recorder
from descent.problems import (
    any_class_weight,
    any_loss,
    both_losses,
    every_method,
    gradient_lipschitz,
    half_and_half,
    problems,
    run,
    same_stand,
    state_of,
)

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
# How far a method's numbers may lie from the reference's, by rounding alone (float32 or float64).
TOLERANCE = dict.fromkeys(METHODS, 1e-10) | {"streaming": 1e-6}


@every_method
@given(
    problem=problems(),
    loss=any_loss,
    l2=st.sampled_from([0.0, 0.3]),
    rate=st.sampled_from([0.01, 0.5]),
    class_weight=any_class_weight,
)
def test_iterates_equal_the_iterative_ones(
    method: str,
    problem: tuple[Pixels, Array],
    loss: LossName,
    l2: float,
    rate: float,
    class_weight: ClassWeight,
) -> None:
    """The lecture's explicit loops and every other method give the same costs, w and b."""
    settings = Settings(rate, 6, l2, loss, class_weight=class_weight)
    stepper = METHODS[method](Problem(*problem, settings), None)
    reference = METHODS["iterative"](Problem(*problem, settings), None)
    near = TOLERANCE[method]
    for _ in range(settings.iterations):
        expected = reference.step(with_cost=True)
        assert stepper.step(with_cost=True) == pytest.approx(expected, rel=near, abs=near)
    (w, b), (expected_w, expected_b) = stepper.parameters(), reference.parameters()
    assert w.shape == expected_w.shape
    assert w == pytest.approx(expected_w, rel=near, abs=near)
    assert b == pytest.approx(expected_b, rel=near, abs=near)
    assert stepper.cost() == pytest.approx(reference.cost(), rel=near, abs=near)


@every_method
@both_losses
@pytest.mark.parametrize("l2", [0.0, 0.7])
def test_a_step_goes_down_the_slope_of_the_cost(
    method: str, loss: LossName, l2: float, make_columns: ColumnsMaker
) -> None:
    """An update, divided by the rate, is the cost's gradient by central differences."""
    columns, Y, rate, h = make_columns(5, 7), half_and_half(5), 0.5, 1e-5
    X = columns.T / 255
    stepper = METHODS[method](
        Problem(columns, labels_of(Y), Settings(rate, l2=l2, loss=loss)), None
    )
    for _ in range(3):  # away from zero, where the penalty has no slope
        stepper.step(with_cost=False)
    w, b = stepper.parameters()
    w = w.copy()
    stepper.step(with_cost=False)
    after_w, after_b = stepper.parameters()

    def J(w: Array, b: float) -> float:
        return cost(forward(w, b, X), Y, loss, l2 / 2 * float(np.vdot(w, w)))

    axes = np.eye(7)[:, :, np.newaxis]
    slopes = [(J(w + h * axis, b) - J(w - h * axis, b)) / (2 * h) for axis in axes]
    near = 1e-9 + 10 * TOLERANCE[method]
    assert ((w - after_w) / rate)[:, 0] == pytest.approx(np.array(slopes), rel=0, abs=near)
    slope_b = (J(w, b + h) - J(w, b - h)) / (2 * h)
    assert (b - after_b) / rate == pytest.approx(slope_b, rel=0, abs=near)


@every_method
@both_losses
def test_the_first_cost_is_that_of_knowing_nothing(
    method: str, loss: LossName, make_columns: ColumnsMaker
) -> None:
    """From w = 0, b = 0 every probability is 1/2, whatever the pictures and the penalty."""
    stepper = METHODS[method](
        Problem(make_columns(6, 9), labels_of(half_and_half(6)), Settings(l2=3, loss=loss)), None
    )
    expected = {"cross-entropy": math.log(2), "squared-error": 1 / 8}[loss]
    assert stepper.cost() == pytest.approx(expected, rel=1e-12)
    assert stepper.step(with_cost=True) == pytest.approx(expected, rel=1e-12)


@every_method
def test_a_step_computes_no_cost_unasked(method: str, make_columns: ColumnsMaker) -> None:
    """A cost is given where it is asked for, and asking changes no iterate."""
    columns, Y = make_columns(6, 9), half_and_half(6)
    asked, unasked = (
        METHODS[method](Problem(columns, labels_of(Y), Settings()), None) for _ in range(2)
    )
    for _ in range(4):
        assert asked.step(with_cost=True) is not None
        assert unasked.step(with_cost=False) is None
    assert np.array_equal(asked.parameters()[0], unasked.parameters()[0])
    assert asked.parameters()[1] == unasked.parameters()[1]


@every_method
@both_losses
@pytest.mark.parametrize("cut", [1, 7, 19])
def test_a_resumed_descent_is_the_uninterrupted_one(
    method: str, loss: LossName, cut: int, make_columns: ColumnsMaker
) -> None:
    """Stopped after any iteration and resumed, it ends bit for bit where it would have."""
    columns, Y, settings = make_columns(9, 27), half_and_half(9), Settings(0.02, 20, 0.1, loss, 4)
    whole = run(method, columns, Y, settings)

    part = run(method, columns, Y, settings, observer=Recorder(stop_after=cut))
    assert part.training.iterations == cut
    assert same_stand(run(method, columns, Y, settings, part), whole)


@every_method
def test_a_state_of_another_problem_is_refused(method: str, make_columns: ColumnsMaker) -> None:
    """A method judges for itself what it was given to resume from."""
    problem = Problem(make_columns(6, 9), labels_of(half_and_half(6)), Settings(iterations=3))
    for m, n_x in ((6, 12), (5, 9)):
        began = run(method, make_columns(m, n_x), half_and_half(m), Settings(iterations=2))
        if n_x != 9 or method == "gram":  # the others need nothing that depends on m
            with pytest.raises(StateError):
                METHODS[method](problem, state_of(began))


@every_method
def test_the_starting_point_is_left_alone(method: str, make_columns: ColumnsMaker) -> None:
    """Neither the columns, the labels nor the w a descent begins from are written to."""
    columns, Y = make_columns(6, 9), half_and_half(6)
    state = state_of(run(method, columns, Y, Settings(iterations=5)))
    given: dict[str, NDArray[Any]] = {"columns": columns, "Y": Y, **state}
    kept = {name: array.copy() for name, array in given.items()}
    METHODS[method](Problem(columns, labels_of(Y), Settings()), state).step(with_cost=True)
    assert all(np.array_equal(given[name], kept[name]) for name in given)


@every_method
@both_losses
def test_repeating_the_rarer_class_is_balancing_it(method: str, loss: LossName) -> None:
    """Of 2 and 4 examples, the 2 given twice: the iterates of balanced weights, by every method."""
    rng = np.random.default_rng(3)
    columns = rng.integers(0, 256, (6, 12), dtype=np.uint8)
    Y = np.array([[1.0, 1, 0, 0, 0, 0]])
    balanced = run(method, columns, Y, Settings(0.1, 30, 0.1, loss, class_weight="balanced"))
    twice = np.concatenate([columns[:2], columns])
    Y_twice = np.concatenate([Y[:, :2], Y], axis=1)
    repeated = run(method, twice, Y_twice, Settings(0.1, 30, 0.1, loss))
    near = TOLERANCE[method]
    assert balanced.w == pytest.approx(repeated.w, rel=near, abs=near)
    assert balanced.b == pytest.approx(repeated.b, rel=near, abs=near)
    expected = repeated.training.costs
    assert balanced.training.costs == pytest.approx(expected, rel=near)


@every_method
@both_losses
@pytest.mark.parametrize("class_weight", CLASS_WEIGHTS)
def test_test_log_losses_are_those_of_w_and_b_on_the_test_split(
    method: str, loss: LossName, class_weight: ClassWeight, make_columns: ColumnsMaker
) -> None:
    """The mean cross-entropy on the test split, whatever the cost, by every method alike."""
    settings = Settings(0.1, 9, 0.2, loss, every=4, class_weight=class_weight)
    test_columns, Y_test = make_columns(5, 12, seed=9), np.array([[0.0, 1, 1, 1, 1]])
    test = Problem(test_columns, Y_test, Settings())
    problem = Problem(make_columns(7, 12), labels_of(half_and_half(7)), settings, test)
    training = descend(METHODS[method](problem, None), Training(settings)).training
    near = TOLERANCE[method]
    X_test = test_columns.T / 255
    assert list(training.test_log_losses) == list(training.costs) == [0, 4, 8]
    for iterations, found in [*training.test_log_losses.items(), (9, training.test_log_loss)]:
        w, b = np.zeros((12, 1)), 0.0
        if iterations:
            shorter = replace(settings, iterations=iterations)
            w, b, _ = run("vectorized", problem.columns[:], problem.Y, shorter)
        expected = cost(forward(w, b, X_test), Y_test)
        assert found == pytest.approx(expected, rel=10 * near, abs=near)


@every_method
@both_losses
@pytest.mark.parametrize("class_weight", CLASS_WEIGHTS)
def test_every_method_knows_the_safe_rate(
    method: str, loss: LossName, class_weight: ClassWeight, make_columns: ColumnsMaker
) -> None:
    """2 / L of the weighted data, by whatever way is cheap; a cost at it never rises."""
    columns, Y = make_columns(9, 12), np.array([[1.0, 1, 0, 0, 0, 0, 0, 0, 0]])
    settings = Settings(0.1, 200, 0.1, loss, 1, class_weight)
    problem = Problem(columns, labels_of(Y), settings)
    L = gradient_lipschitz(columns, loss, 0.1, problem.example_weights)
    rate = METHODS[method](problem, None).safe_rate()
    assert rate is not None
    assert rate == pytest.approx(0.99 * 2 / L, rel=1e-3)
    safe = replace(settings, learning_rate=rate)
    costs = list(run(method, columns, Y, safe).training.costs.values())
    near = 1e-12 + TOLERANCE[method]
    assert all(after <= before + near for before, after in pairwise(costs))

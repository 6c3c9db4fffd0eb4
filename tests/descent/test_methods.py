"""What holds for every method alike: the lecture's iterates, by whichever route."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from catclf.descent import METHODS, Problem, StateError
from catclf.logistic import (
    CLASS_WEIGHTS,
    ClassWeight,
    LossName,
    cost,
    forward,
)
from catclf.training import Settings
from conftest import ColumnsMaker, Recorder
from descent.problems import (
    by_turns,
    every_cost,
    every_loss,
    every_method,
    gradient_lipschitz,
    problems,
    run,
    same_stand,
    state_of,
    with_settings,
)

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
# How far a method's numbers may lie from the reference's, by rounding alone (float32 or float64).
TOLERANCE = dict.fromkeys(METHODS, 1e-10) | {"streaming": 1e-6}


@every_method
@given(problem=problems(CLASS_WEIGHTS))
def test_iterates_equal_the_iterative_ones(method: str, problem: Problem) -> None:
    """The lecture's explicit loops and every other method give the same costs, w and b."""
    stepper, reference = METHODS[method](problem, None), METHODS["iterative"](problem, None)
    near = TOLERANCE[method]
    for _ in range(6):
        expected = reference.step(with_cost=True)
        assert stepper.step(with_cost=True) == pytest.approx(expected, rel=near, abs=near)
    (w, b), (expected_w, expected_b) = stepper.parameters(), reference.parameters()
    assert (w.shape, b.shape) == (expected_w.shape, expected_b.shape)
    assert w == pytest.approx(expected_w, rel=near, abs=near)
    assert b == pytest.approx(expected_b, rel=near, abs=near)
    assert stepper.cost() == pytest.approx(reference.cost(), rel=near, abs=near)


@every_method
@every_loss
@pytest.mark.parametrize("l2", [0.0, 0.7])
def test_a_step_goes_down_the_slope_of_the_cost(
    method: str, loss: LossName, n_classes: int, l2: float, make_columns: ColumnsMaker
) -> None:
    """An update, divided by the rate, is the cost's gradient by central differences."""
    columns, rate, h = make_columns(5, 7), 0.5, 1e-5
    X = columns.T / 255
    settings = Settings(rate, l2=l2, loss=loss)
    problem = Problem(columns, by_turns(5, n_classes), settings, None, n_classes)
    stepper = METHODS[method](problem, None)
    for _ in range(3):  # away from zero, where the penalty has no slope
        stepper.step(with_cost=False)
    w, b = (each.copy() for each in stepper.parameters())
    stepper.step(with_cost=False)
    after_w, after_b = stepper.parameters()

    def J(w: Array, b: Array) -> float:
        return cost(forward(w, b, X), problem.Y, loss, l2 / 2 * float(np.vdot(w, w)))

    near = 1e-9 + 10 * TOLERANCE[method]
    for at in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[at] = h
        slope = (J(w + step, b) - J(w - step, b)) / (2 * h)
        assert (w - after_w)[at] / rate == pytest.approx(slope, rel=0, abs=near)
    for at in np.ndindex(b.shape):
        step = np.zeros_like(b)
        step[at] = h
        slope = (J(w, b + step) - J(w, b - step)) / (2 * h)
        assert (b - after_b)[at] / rate == pytest.approx(slope, rel=0, abs=near)


@every_method
@every_loss
def test_the_first_cost_is_that_of_knowing_nothing(
    method: str, loss: LossName, n_classes: int, make_columns: ColumnsMaker
) -> None:
    """From w = 0, b = 0 all classes are as probable, whatever the pictures and the penalty."""
    labels, settings = by_turns(6, n_classes), Settings(l2=3, loss=loss)
    problem = Problem(make_columns(6, 9), labels, settings, None, n_classes)
    stepper = METHODS[method](problem, None)
    expected = {"cross-entropy": math.log(n_classes), "squared-error": 1 / 8}[loss]
    assert stepper.cost() == pytest.approx(expected, rel=1e-12)
    assert stepper.step(with_cost=True) == pytest.approx(expected, rel=1e-12)


@every_method
def test_the_order_of_the_classes_is_that_of_the_neurons(
    method: str, make_columns: ColumnsMaker
) -> None:
    """Other labels for the same classes: w and b in that order, and the costs they were."""
    order = np.array([2, 0, 3, 1], np.uint8)
    settings = Settings(0.1, 9, 0.1, every=1, class_weight="balanced")
    problem = Problem(make_columns(7, 12), by_turns(7, 4), settings, None, 4)
    found, other = (
        run(method, replace(problem, labels=labels))
        for labels in (problem.labels, order[problem.labels])
    )
    near = TOLERANCE[method]
    assert other.w[:, order] == pytest.approx(found.w, rel=near, abs=near)
    assert other.b[order] == pytest.approx(found.b, rel=near, abs=near)
    costs = found.training.costs
    assert list(other.training.costs.values()) == pytest.approx(list(costs.values()), rel=near)


@every_method
def test_two_neurons_with_a_softmax_are_one_with_a_sigmoid(
    method: str, make_columns: ColumnsMaker
) -> None:
    """At twice the rate and half the penalty, whose neuron is the difference of the two.

    softmax's A_1 is sigmoid(z_1 - z_0), and dZ_0 is -dZ_1, so that an update of w_1 - w_0 is
    ``- lr (dw_1 - dw_0) = - 2 lr dw_1``; with w_0 = -w_1 a penalty shrinks both by lr l2.
    Of three classes of which one has no example, and no say, two are left.
    """
    columns, rate, l2 = make_columns(7, 12), 0.05, 0.2
    one = run(method, Problem(columns, by_turns(7), Settings(2 * rate, 30, l2 / 2)))
    absent = {"w": np.zeros((12, 3)), "b": np.array([[0.0], [0.0], [-800.0]])}  # exp(-800) is 0
    problem = Problem(columns, by_turns(7), Settings(rate, 30, l2), None, 3)
    if method == "gram":
        absent |= {"u": np.zeros(3 * 7), "c": np.zeros(3 * 7)}
    several = METHODS[method](problem, absent)
    for _ in range(30):
        several.step(with_cost=False)
    w, b = several.parameters()
    near = 10 * TOLERANCE[method]
    assert w[:, 1:2] - w[:, 0:1] == pytest.approx(one.w, rel=near, abs=near)
    assert b[1] - b[0] == pytest.approx(one.b[0], rel=near, abs=near)
    assert not w[:, 2].any()


@every_method
def test_a_step_computes_no_cost_unasked(method: str, make_columns: ColumnsMaker) -> None:
    """A cost is given where it is asked for, and asking changes no iterate."""
    problem = Problem(make_columns(6, 9), by_turns(6), Settings())
    asked, unasked = (METHODS[method](problem, None) for _ in range(2))
    for _ in range(4):
        assert asked.step(with_cost=True) is not None
        assert unasked.step(with_cost=False) is None
    assert np.array_equal(asked.parameters()[0], unasked.parameters()[0])
    assert asked.parameters()[1] == unasked.parameters()[1]


@every_method
@every_loss
@pytest.mark.parametrize("cut", [1, 7, 19])
def test_a_resumed_descent_is_the_uninterrupted_one(
    method: str, loss: LossName, n_classes: int, cut: int, make_columns: ColumnsMaker
) -> None:
    """Stopped after any iteration and resumed, it ends bit for bit where it would have."""
    settings = Settings(0.02, 20, 0.1, loss, 4)
    problem = Problem(make_columns(9, 27), by_turns(9, n_classes), settings, None, n_classes)
    whole = run(method, problem)

    part = run(method, problem, observer=Recorder(stop_after=cut))
    assert part.training.iterations == cut
    assert same_stand(run(method, problem, part), whole)


@every_method
def test_a_state_of_another_problem_is_refused(method: str, make_columns: ColumnsMaker) -> None:
    """A method judges for itself what it was given to resume from: features, classes, pictures."""

    def problem_of(m: int, n_x: int, n_classes: int) -> Problem:
        labels = by_turns(m, n_classes)
        return Problem(make_columns(m, n_x), labels, Settings(iterations=2), None, n_classes)

    for m, n_x, n_classes in ((6, 12, 2), (6, 9, 3), (5, 9, 2)):
        began = run(method, problem_of(m, n_x, n_classes))
        if m == 6 or method == "gram":  # the others need nothing that depends on m
            with pytest.raises(StateError):
                METHODS[method](problem_of(6, 9, 2), state_of(began))


@every_method
def test_the_starting_point_is_left_alone(method: str, make_columns: ColumnsMaker) -> None:
    """Neither the columns, the labels nor the w a descent begins from are written to."""
    problem = Problem(make_columns(6, 9), by_turns(6), Settings(iterations=5))
    state = state_of(run(method, problem))
    given: dict[str, NDArray[Any]] = {
        "columns": problem.columns[:],
        "labels": problem.labels,
        "Y": problem.Y,
        **state,
    }
    kept = {name: array.copy() for name, array in given.items()}
    METHODS[method](problem, state).step(with_cost=True)
    assert all(np.array_equal(given[name], kept[name]) for name in given)


@every_method
@every_loss
def test_repeating_the_rarer_class_is_balancing_it(
    method: str, loss: LossName, n_classes: int
) -> None:
    """Of 2 and 4 examples, the 2 given twice: the iterates of balanced weights, by every method."""
    rng = np.random.default_rng(3)
    labels = np.array([1, 1, *[label for label in range(n_classes) if label != 1] * 4], np.uint8)
    columns = rng.integers(0, 256, (labels.size, 12), dtype=np.uint8)
    settings = Settings(0.1, 30, 0.1, loss)
    problem = Problem(columns, labels, settings, None, n_classes)
    balanced = run(method, with_settings(problem, class_weight="balanced"))
    twice = np.concatenate([columns[:2], columns]), np.concatenate([labels[:2], labels])
    repeated = run(method, Problem(*twice, settings, None, n_classes))
    near = TOLERANCE[method]
    assert balanced.w == pytest.approx(repeated.w, rel=near, abs=near)
    assert balanced.b == pytest.approx(repeated.b, rel=near, abs=near)
    expected = repeated.training.costs
    assert balanced.training.costs == pytest.approx(expected, rel=near)


@every_method
@every_cost
def test_test_log_losses_are_those_of_w_and_b_on_the_test_split(
    method: str,
    loss: LossName,
    n_classes: int,
    class_weight: ClassWeight,
    make_columns: ColumnsMaker,
) -> None:
    """The mean cross-entropy on the test split, whatever the cost, by every method alike."""
    settings = Settings(0.1, 9, 0.2, loss, every=4, class_weight=class_weight)
    test_columns, test_labels = make_columns(5, 12, seed=9), np.array([0, 1, 1, 1, 1], np.uint8)
    test = Problem(test_columns, test_labels, Settings(), None, n_classes)
    labels = by_turns(7, n_classes)
    problem = Problem(make_columns(7, 12), labels, settings, test, n_classes)
    training = run(method, problem).training
    near = TOLERANCE[method]
    X_test = test_columns.T / 255
    assert list(training.test_log_losses) == list(training.costs) == [0, 4, 8]
    for iterations, found in [*training.test_log_losses.items(), (9, training.test_log_loss)]:
        w, b = problem.start(None)
        if iterations:
            w, b, _ = run("vectorized", with_settings(problem, iterations=iterations))
        expected = cost(forward(w, b, X_test), test.Y)
        assert found == pytest.approx(expected, rel=10 * near, abs=near)


@every_method
@every_cost
def test_every_method_knows_the_safe_rate(
    method: str,
    loss: LossName,
    n_classes: int,
    class_weight: ClassWeight,
    make_columns: ColumnsMaker,
) -> None:
    """2 / L of the weighted data, by whatever way is cheap; a cost at it never rises."""
    labels = np.array([1, 1, 0, 0, 0, 0, 0, n_classes // 4 * 2, n_classes // 4 * 3], np.uint8)
    settings = Settings(0.1, 200, 0.1, loss, 1, class_weight)
    problem = Problem(make_columns(9, 12), labels, settings, None, n_classes)
    rate = METHODS[method](problem, None).safe_rate()
    assert rate is not None
    assert rate == pytest.approx(0.99 * 2 / gradient_lipschitz(problem), rel=1e-3)
    costs = list(run(method, with_settings(problem, learning_rate=rate)).training.costs.values())
    near = 1e-12 + TOLERANCE[method]
    assert all(after <= before + near for before, after in pairwise(costs))


def test_the_optimum_of_several_classes_is_scikit_learns(make_columns: ColumnsMaker) -> None:
    """A long descent ends at its multinomial optimum: w, and b up to a constant for all classes.

    Its objective is ``C sum(L) + |w|^2 / 2``, ours ``sum(L) / m + l2 / 2 |w|^2``, so that C is
    ``1 / (m l2)``; neither penalizes the biases.
    """
    linear_model = pytest.importorskip("sklearn.linear_model")
    columns, labels, l2 = make_columns(40, 12), by_turns(40, 3), 0.2
    theirs = linear_model.LogisticRegression(C=1 / (40 * l2), tol=1e-10, max_iter=10_000)
    theirs.fit(columns / 255, labels)
    problem = Problem(columns, labels, Settings(0.5, 3000, l2), None, 3)
    w, b, _ = run("gram", problem)
    assert w == pytest.approx(theirs.coef_.T, rel=0, abs=1e-6)
    assert b[:, 0] - b.mean() == pytest.approx(
        theirs.intercept_ - theirs.intercept_.mean(), rel=0, abs=1e-6
    )

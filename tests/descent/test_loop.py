"""The loop around an iteration: which costs it records, when it stops, and when it gives up."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from catclf.descent import (
    METHODS,
    Descent,
    History,
    Method,
    Problem,
    Settings,
    StateError,
    descend,
    divergence_factor,
    loop,
)
from catclf.descent.streaming import Streaming, sums_by
from catclf.descent.sums import Sum, Sums
from catclf.errors import DatasetError, DivergenceError
from conftest import ColumnsMaker, Recorder
from descent.problems import every_method, gradient_lipschitz, half_and_half, run

Array = NDArray[np.float64]


@pytest.mark.parametrize("iterations", [1, 10, 11, 25])
def test_costs_are_those_before_each_every_th_update(
    iterations: int, make_columns: ColumnsMaker
) -> None:
    """The observer hears 0, every, 2 * every, ...; what it hears is what is recorded."""
    columns, Y = make_columns(6, 9), half_and_half(6)
    settings = Settings(0.01, iterations, every=5)
    heard = Recorder()
    descent = run("vectorized", columns, Y, settings, observer=heard)
    assert list(heard.costs) == list(range(0, iterations, 5))
    assert descent.history.costs == heard.costs

    stepper = METHODS["vectorized"](Problem(columns, Y, settings), None)
    for iteration in range(iterations):
        before = stepper.cost()
        stepper.step(with_cost=False)
        assert descent.history.costs.get(iteration, before) == before
    assert descent.final_cost == stepper.cost()
    assert descent.history.iterations == iterations


def test_progress_counts_the_updates_made(make_columns: ColumnsMaker) -> None:
    """The observer hears 1, 2, ... up to the iterations asked for."""
    heard = Recorder()
    columns, Y = make_columns(4, 3), half_and_half(4)
    run("vectorized", columns, Y, Settings(iterations=7), observer=heard)
    assert heard.calls == [(done, 7) for done in range(1, 8)]


@every_method
@pytest.mark.parametrize("after", [1, 3, 10])
def test_stop_ends_the_loop_after_the_iteration(
    method: str, after: int, make_columns: ColumnsMaker
) -> None:
    """Stopped after some iteration, w and b are what so many iterations give, never half of one."""
    columns, Y = make_columns(6, 9), half_and_half(6)
    stopped = run(method, columns, Y, Settings(0.01, 100), observer=Recorder(stop_after=after))
    short = run(method, columns, Y, Settings(0.01, after))
    assert stopped.history.iterations == after
    assert np.array_equal(stopped.w, short.w)
    assert (stopped.b, stopped.final_cost) == (short.b, short.final_cost)


class Told:
    """A method that makes no iteration: its cost is `first` at first, and then `later`."""

    def __init__(self, first: float, later: float) -> None:
        self.now, self.later = first, later

    def step(self, with_cost: bool) -> float | None:
        before, self.now = self.now, self.later
        return before if with_cost else None

    def cost(self) -> float:
        return self.now

    def test_cost(self) -> float | None:
        return None

    def safe_rate(self) -> float | None:
        return None

    def parameters(self) -> tuple[Array, float]:
        return np.zeros((3, 1)), 0.0

    def state(self) -> dict[str, Array]:
        return {}


@pytest.mark.parametrize(
    ("later", "iterations", "how"),
    [
        (0.51, 1000, "to 0.510000 in 1000 iterations"),
        (1.01, 999, "to 1.010000 in 999 iterations"),
        (math.inf, 100, "beyond all bounds in 10 iterations"),
        (math.nan, 100, "beyond all bounds in 10 iterations"),
        (math.nan, 10, "beyond all bounds in 10 iterations"),
    ],
)
def test_a_cost_that_rose_is_an_error(later: float, iterations: int, how: str) -> None:
    """A descent that ends above its beginning, or beyond all bounds, says so and names the rate.

    Below a thousand iterations, above twice its beginning.
    """
    with pytest.raises(DivergenceError) as raised:
        descend(Told(0.5, later), Settings(0.25, iterations, every=10))
    message = f"the cost rose from 0.500000 {how}: the learning rate 0.25 is too high"
    assert str(raised.value) == message


@pytest.mark.parametrize(("later", "iterations"), [(0.5, 100), (0.99, 99)])
def test_a_low_hill_is_no_error(later: float, iterations: int) -> None:
    """A cost that only stayed, or that had under a hundred iterations to come down, is let be."""
    assert descend(Told(0.5, later), Settings(0.25, iterations)).final_cost == later


def test_a_descent_stopped_on_a_hill_is_no_error() -> None:
    """Stopped by its user while the cost is high, it keeps what it has: it may yet come down."""
    descent = descend(Told(0.5, 9.0), Settings(0.25, 200), observer=Recorder(stop_after=1))
    assert (descent.history.iterations, descent.final_cost) == (1, 9.0)


def test_a_resumed_descent_is_held_against_its_true_beginning() -> None:
    """A resumed run has failed if it ends above where the first run began, not where it did."""
    settings, before = Settings(0.25, 1300), {0: 0.5, 100: 0.1}
    assert descend(Told(0.1, 0.2), settings, history=History(1200, before)).final_cost == 0.2
    with pytest.raises(DivergenceError, match=r"from 0\.500000 to 0\.600000 in 1300 iterations"):
        descend(Told(0.1, 0.6), settings, history=History(1200, before))


def test_told_is_a_method() -> None:
    """The stand-in of the tests above has the methods' interface, as mypy checks."""
    method: Method = Told(0.0, 0.0)
    assert method.cost() == 0


@every_method
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_an_overflowing_descent_is_our_error(
    method: str, l2: float, make_columns: ColumnsMaker
) -> None:
    """A rate without measure ends in DivergenceError: no numpy warning, no OverflowError."""
    columns, Y = make_columns(5, 12), np.array([[0.0, 1.0, 1.0, 0.0, 0.0]])
    with pytest.raises(DivergenceError, match="is too high"):
        run(method, columns, Y, Settings(1e308, 50, l2))


def test_a_cost_that_cannot_fall_is_no_divergence(make_columns: ColumnsMaker) -> None:
    """At a safe rate, pictures that all stand in both classes leave the cost at log 2: no error.

    The cost then moves by its rounding alone, and not always down.
    """
    columns, Y = make_columns(20, 192), np.zeros((1, 20))
    columns, Y = np.concatenate([columns, columns]), np.concatenate([Y, 1 - Y], axis=1)
    settings = Settings()
    assert settings.learning_rate < 2 / gradient_lipschitz(columns, settings.loss, 0)
    descent = run("vectorized", columns, Y, settings)
    assert descent.final_cost == pytest.approx(math.log(2), rel=1e-12)


@every_method
def test_a_long_run_is_handed_out_to_be_saved(
    method: str, make_columns: ColumnsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `checkpoint` gets is a descent that ends there; a cost above the first is not saved."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    columns, Y, settings = make_columns(6, 12), half_and_half(6), Settings(0.01, 4)
    saved: list[Descent] = []
    run(method, columns, Y, settings, checkpoint=saved.append)
    alone = run(method, columns, Y, Settings(0.01, 1))
    assert saved[0].history.iterations == 1
    assert np.array_equal(saved[0].w, alone.w)
    assert saved[0].final_cost == alone.final_cost
    above: list[Descent] = []
    alike, most = np.full((6, 12), 200, np.uint8), np.array([[0.0, 0, 1, 1, 1, 1]])
    with pytest.raises(DivergenceError):
        run(method, alike, most, Settings(50.0, 1), checkpoint=above.append)
    assert above == []


def test_divergence_factor_lets_a_thousand_iterations_rise() -> None:
    """Twice the first cost below a thousand iterations; from there on, its rounding alone."""
    assert [divergence_factor(iterations) for iterations in (0, 1, 999)] == [2, 2, 2]
    assert [divergence_factor(iterations) for iterations in (1000, 10**6)] == [1 + 1e-6, 1 + 1e-6]


def failing_after(calls: int, sums: Sum) -> Sum:
    """Return sums that cannot be had after so many calls, as when a process is killed."""
    left = [calls]

    def failing(w: Array, b: float) -> Sums:
        left[0] -= 1
        if left[0] < 0:
            raise DatasetError("is gone", fix="Bring it back.")
        return sums(w, b)

    return failing


@pytest.mark.parametrize("stop_after", [None, 6])
def test_an_iteration_that_fails_leaves_the_last_whole_one(
    make_columns: ColumnsMaker, stop_after: int | None
) -> None:
    """With the costs recorded before it; it is returned where the user wanted to stop anyway."""
    columns, Y = make_columns(6, 9), half_and_half(6)
    problem = Problem(columns, Y, Settings(0.01, 20, every=3))
    sums, _ = sums_by("numpy", problem)
    method = Streaming(problem, None, failing_after(6, sums))
    saved: list[Descent] = []
    stopped = Recorder(stop_after=stop_after)
    if stop_after is None:
        with pytest.raises(DatasetError, match="is gone"):
            descend(method, problem.settings, observer=stopped, checkpoint=saved.append)
        [last] = saved
    else:
        last = descend(method, problem.settings, observer=stopped, checkpoint=saved.append)
        assert not saved
    expected = run("streaming", columns, Y, Settings(0.01, 5, every=3))
    assert (last.w.tolist(), last.b) == (expected.w.tolist(), expected.b)
    assert last.final_cost == expected.final_cost
    assert last.history == expected.history


@pytest.mark.parametrize("calls", [0, 1])
def test_an_iteration_that_fails_at_once_leaves_nothing(
    make_columns: ColumnsMaker, calls: int
) -> None:
    """There is nothing new to be saved."""
    problem = Problem(make_columns(6, 9), half_and_half(6), Settings(0.01, 20))
    sums, _ = sums_by("numpy", problem)
    saved: list[Descent] = []
    with pytest.raises(DatasetError, match="is gone"):
        descend(
            Streaming(problem, None, failing_after(calls, sums)),
            problem.settings,
            checkpoint=saved.append,
        )
    assert not saved


def test_a_finished_descent_resumed_makes_no_step() -> None:
    """It ends where it stands, with the costs it was given: there is nothing left to do."""
    heard, before = Recorder(), {0: 0.5, 10: 0.3}
    ended = descend(Told(0.3, 9.0), Settings(0.25, 20), history=History(20, before), observer=heard)
    assert (ended.history.iterations, ended.final_cost, ended.history.costs) == (20, 0.3, before)
    assert heard.calls == []


@pytest.mark.parametrize(
    ("seconds_to_save", "saved_after"),
    [(0, [10, 20, 30, 40, 50, 60, 70]), (2, [10, 50])],  # 2 s of saving: 40 s to the next
    ids=["fast", "slow"],
)
def test_saving_stays_a_twentieth_of_the_time(
    seconds_to_save: int, saved_after: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints are so many seconds apart, and farther apart where one takes long."""
    now = 0.0

    class Second(Told):
        """Takes a second an iteration."""

        def step(self, with_cost: bool) -> float | None:
            nonlocal now
            now += 1
            return super().step(with_cost)

    saved: list[int] = []

    def save(descent: Descent) -> None:
        nonlocal now
        now += seconds_to_save
        saved.append(descent.history.iterations)

    monkeypatch.setattr(loop, "monotonic", lambda: now)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 10)
    settings = Settings(0.25, 79)
    descend(Second(0.5, 0.4), settings, checkpoint=save)
    assert saved == saved_after


def test_a_problem_tells_its_sizes(make_columns: ColumnsMaker) -> None:
    """Columns of X stand as rows: m is their number, n_x their length."""
    problem = Problem(make_columns(5, 12), half_and_half(5), Settings())
    assert (problem.m, problem.n_x) == (5, 12)


def test_without_a_state_a_descent_begins_from_zeros(make_columns: ColumnsMaker) -> None:
    """W is a column of n_x zeros, and b is 0."""
    w, b = Problem(make_columns(5, 12), half_and_half(5), Settings()).start(None)
    assert np.array_equal(w, np.zeros((12, 1)))
    assert w.dtype == np.float64
    assert b == 0


def test_with_a_state_a_descent_begins_from_its_w_and_b(make_columns: ColumnsMaker) -> None:
    """What else a method keeps in a state is not looked at here."""
    given_w = np.linspace(-1, 1, 12).reshape(12, 1)
    state = {"w": given_w, "b": np.array(0.25), "u": np.zeros(99)}
    w, b = Problem(make_columns(5, 12), half_and_half(5), Settings()).start(state)
    assert np.array_equal(w, given_w)
    assert (b, type(b)) == (0.25, float)


@pytest.mark.parametrize("shape", [(12,), (1, 12), (11, 1), (13, 1), (12, 2), (0, 1), ()])
def test_a_w_of_another_shape_is_refused(
    shape: tuple[int, ...], make_columns: ColumnsMaker
) -> None:
    """StateError tells the shape required, then the shape given."""
    problem = Problem(make_columns(5, 12), half_and_half(5), Settings())
    message = f"w must be (12, 1), got {shape}"
    with pytest.raises(StateError, match=f"^{re.escape(message)}$"):
        problem.start({"w": np.zeros(shape), "b": np.array(0.0)})

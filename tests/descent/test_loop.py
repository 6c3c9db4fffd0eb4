"""The loop around an iteration: which costs it records, when it stops, and when it gives up."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from catclf.descent import (
    METHODS,
    Problem,
    Stand,
    StateError,
    descend,
    loop,
)
from catclf.descent.streaming import Streaming, sums_by
from catclf.descent.sums import Sum, Sums
from catclf.errors import DatasetError, DivergenceError
from catclf.logistic import Array
from catclf.training import Settings, Training
from conftest import ColumnsMaker, Recorder
from descent.problems import (
    by_turns,
    every_method,
    gradient_lipschitz,
    run,
    same_stand,
    with_settings,
)


class Told:
    """A method that makes no iteration: its costs are told, and that 0.375 is a safe rate."""

    def __init__(self, *costs: float) -> None:
        self.costs = list(costs)

    def step(self, with_cost: bool) -> float | None:
        before = self.costs.pop(0) if len(self.costs) > 1 else self.costs[0]
        return before if with_cost else None

    def cost(self) -> float:
        return self.costs[0]

    def test_log_loss(self) -> float | None:
        return None

    def safe_rate(self) -> float | None:
        return 0.375

    def parameters(self) -> tuple[Array, Array]:
        return np.zeros((3, 1)), np.zeros((1, 1))

    def state(self) -> dict[str, Array]:
        return {}


def told(*costs: float, iterations: int, every: int = 100, **options: object) -> Stand:
    """Descend by what is told, at the rate 0.25."""
    training = Training(Settings(0.25, iterations, every=every))
    return descend(Told(*costs), training, **options)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- what it records


@pytest.mark.parametrize("iterations", [1, 10, 11, 25])
def test_costs_are_those_before_each_every_th_update(
    iterations: int, make_columns: ColumnsMaker
) -> None:
    """The observer hears 0, every, 2 * every, ...; what it hears is what is recorded."""
    problem = Problem(make_columns(6, 9), by_turns(6), Settings(0.01, iterations, every=5))
    heard = Recorder()
    training = run("vectorized", problem, observer=heard).training
    assert list(heard.costs) == list(range(0, iterations, 5))
    assert training.costs == heard.costs
    assert heard.calls == [(done, iterations) for done in range(1, iterations + 1)]

    stepper = METHODS["vectorized"](problem, None)
    for iteration in range(iterations):
        before = stepper.cost()
        stepper.step(with_cost=False)
        assert training.costs.get(iteration, before) == before
    assert training.cost == stepper.cost()
    assert training.iterations == iterations
    assert not training.interrupted


@every_method
@pytest.mark.parametrize("after", [1, 3, 10])
def test_stop_ends_the_loop_after_the_iteration(
    method: str, after: int, make_columns: ColumnsMaker
) -> None:
    """Stopped after some iteration, w and b are what so many iterations give, never half of one."""
    problem = Problem(make_columns(6, 9), by_turns(6), Settings(0.01, 100))
    stopped = run(method, problem, observer=Recorder(stop_after=after))
    short = run(method, with_settings(problem, iterations=after))
    assert stopped.training.interrupted
    asked = replace(short.training, settings=stopped.training.settings)
    assert same_stand(stopped, short._replace(training=asked))


def test_a_finished_descent_resumed_makes_no_step() -> None:
    """It ends where it stands, with the costs it was given: there is nothing left to do."""
    heard, before = Recorder(), {0: 0.5, 10: 0.3}
    training = Training(Settings(0.25, 20), iterations=20, costs=before)
    ended = descend(Told(0.3), training, observer=heard).training
    assert (ended.iterations, ended.cost, ended.costs) == (20, 0.3, before)
    assert heard.calls == []


# -------------------------------------------------------------------- costs that rise


@pytest.mark.parametrize(
    ("later", "iterations", "how"),
    [
        (0.51, 1000, "to 0.510000 in 1000 iterations"),
        (1.01, 999, "to 1.010000 in 999 iterations"),
        (math.inf, 100, "beyond all bounds in 10 iterations"),
        (math.nan, 10, "beyond all bounds in 10 iterations"),
    ],
)
def test_a_cost_that_rose_is_an_error(later: float, iterations: int, how: str) -> None:
    """One that ends above its beginning, below 1000 iterations above its double, names the rate."""
    with pytest.raises(DivergenceError) as raised:
        told(0.5, later, iterations=iterations, every=10)
    message = f"the cost rose from 0.500000 {how}: the learning rate 0.25 is too high"
    assert str(raised.value) == message


@pytest.mark.parametrize(("later", "iterations"), [(0.5, 100), (0.99, 99)])
def test_a_low_hill_is_no_error(later: float, iterations: int) -> None:
    """A cost that only stayed, or that had under a hundred iterations to come down, is let be."""
    assert told(0.5, later, iterations=iterations).training.cost == later


@pytest.mark.parametrize(
    ("iterations", "every", "ends"), [(2000, 100, 1000), (2000, 1999, 1000), (5000, 7, 2500)]
)
def test_a_cost_that_stays_above_its_first_ends_early(
    iterations: int, every: int, ends: int
) -> None:
    """After half of the iterations, a thousand at least, however seldom costs are recorded."""
    heard = Recorder()
    with pytest.raises(DivergenceError, match=rf"to 0\.510000 in {ends} iterations"):
        told(0.5, 0.51, iterations=iterations, every=every, observer=heard)
    assert heard.calls[-1] == (ends, iterations)
    assert list(heard.costs) == list(range(0, ends, every))
    hill = [0.5, *[9.0] * (ends - 1), 0.5]
    assert told(*hill, iterations=iterations, every=every).training.cost == 0.5


@pytest.mark.parametrize(
    ("settings", "ends"), [(Settings(None, 9000), 1000), (Settings(0.25, 9000), 4500)]
)
def test_the_default_rate_ends_after_a_thousand(settings: Settings, ends: int) -> None:
    """Another rate follows it; one that is given has half of its iterations to come down."""
    with pytest.raises(DivergenceError, match=rf"in {ends} iterations"):
        descend(Told(0.5, 0.51), Training(settings))


def test_a_rise_is_not_told_beside_the_error() -> None:
    """Nor before the end: what comes of it is known then."""
    heard = Recorder()
    with pytest.raises(DivergenceError):
        told(0.5, 9.0, iterations=1200, observer=heard)
    assert heard.warnings == []


def test_a_descent_stopped_on_a_hill_is_no_error() -> None:
    """Stopped by its user while the cost is high, it keeps what it has: it may yet come down."""
    stand = told(0.5, 9.0, iterations=200, observer=Recorder(stop_after=1))
    assert (stand.training.iterations, stand.training.cost) == (1, 9.0)


def test_a_resumed_descent_is_held_against_its_true_beginning() -> None:
    """A resumed run has failed if it ends above where the first run began, not where it did."""
    begun = Training(Settings(0.25, 1300), iterations=1200, costs={0: 0.5, 100: 0.1})
    assert descend(Told(0.1, 0.2), begun).training.cost == 0.2
    with pytest.raises(DivergenceError, match=r"from 0\.500000 to 0\.600000 in 1300 iterations"):
        descend(Told(0.1, 0.6), begun)


@pytest.mark.parametrize(
    ("costs", "warned"),
    [
        ((0.5, 0.4, 0.3, 0.2), None),
        ((0.5, 0.5 * (1 + 1e-7), 0.4, 0.3), None),  # float32's rounding
        ((0.5, 0.6, 0.4, 0.3), "to 0.600000 after 1 iteration"),
        ((0.5, 0.4, 0.45, 0.46), "to 0.450000 after 2 iterations"),  # once
        ((0.5, 0.4, 0.3, 0.35), "to 0.350000 after 3 iterations"),  # the final one
    ],
)
def test_a_recorded_cost_above_the_one_before_is_warned_of(
    costs: tuple[float, ...], warned: str | None
) -> None:
    """Once, with the rate at which that cannot be; a cost that never rises is not spoken of."""
    heard = Recorder()
    told(*costs, iterations=3, every=1, observer=heard)
    expected = (
        f"the cost rose, {warned}\nWith `learning_rate` 0.37 or less it never rises on this data."
    )
    assert heard.warnings == ([] if warned is None else [expected])


def test_a_resumed_descent_warns_of_a_rise_since_the_last_cost() -> None:
    """What was recorded before is what the first new cost is held against."""
    heard = Recorder()
    begun = Training(Settings(0.25, 6, every=1), iterations=5, costs={4: 0.3})
    descend(Told(0.4, 0.2), begun, observer=heard)
    assert [text.splitlines()[0] for text in heard.warnings] == [
        "the cost rose, to 0.400000 after 5 iterations"
    ]


@every_method
@pytest.mark.parametrize("l2", [0.0, 0.5])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_an_overflowing_descent_is_our_error(
    method: str, l2: float, n_classes: int, make_columns: ColumnsMaker
) -> None:
    """A rate without measure ends in DivergenceError: no numpy warning, no OverflowError."""
    labels, settings = np.array([0, 1, 1, 0, 0], np.uint8), Settings(1e308, 50, l2)
    problem = Problem(make_columns(5, 12), labels, settings, None, n_classes)
    with pytest.raises(DivergenceError, match="is too high"):
        run(method, problem)


def test_a_cost_that_cannot_fall_is_no_divergence(make_columns: ColumnsMaker) -> None:
    """Of pictures that all stand in both classes it moves by rounding alone, not always down."""
    columns = np.concatenate([make_columns(20, 192)] * 2)
    problem = Problem(columns, np.repeat([0, 1], 20).astype(np.uint8), Settings())
    assert problem.settings.rate < 2 / gradient_lipschitz(problem)
    stand = run("vectorized", problem)
    assert stand.training.cost == pytest.approx(math.log(2), rel=1e-12)


# -------------------------------------------------------------------------- checkpoints


@every_method
def test_a_long_run_is_handed_out_to_be_saved(
    method: str, make_columns: ColumnsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `checkpoint` gets is a descent that ends there; a cost above the first is not saved."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    problem = Problem(make_columns(6, 12), by_turns(6), Settings(0.01, 4))
    saved: list[Stand] = []
    run(method, problem, checkpoint=saved.append)
    alone = run(method, problem, observer=Recorder(stop_after=1))
    assert same_stand(saved[0], alone)
    above: list[Stand] = []
    alike, most = np.full((6, 12), 200, np.uint8), np.array([0, 0, 1, 1, 1, 1], np.uint8)
    with pytest.raises(DivergenceError):
        run(method, Problem(alike, most, Settings(50.0, 1)), checkpoint=above.append)
    assert above == []


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

    def save(stand: Stand) -> None:
        nonlocal now
        now += seconds_to_save
        saved.append(stand.training.iterations)

    monkeypatch.setattr(loop, "monotonic", lambda: now)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 10)
    descend(Second(0.5, 0.4), Training(Settings(0.25, 79)), checkpoint=save)
    assert saved == saved_after


def failing_after(calls: int, problem: Problem) -> Streaming:
    """Return a method whose sums cannot be had after so many calls, as when a process is killed."""
    left, (sums, _) = [calls], sums_by("numpy", problem)

    def failing(w: Array, b: Array) -> Sums:
        left[0] -= 1
        if left[0] < 0:
            raise DatasetError("is gone", fix="Bring it back.")
        return sums(w, b)

    summed: Sum = failing
    return Streaming(problem, None, summed)


@pytest.mark.parametrize("stop_after", [None, 6])
def test_an_iteration_that_fails_leaves_the_last_whole_one(
    make_columns: ColumnsMaker, stop_after: int | None
) -> None:
    """With the costs recorded before it; it is returned where the user wanted to stop anyway."""
    problem = Problem(make_columns(6, 9), by_turns(6), Settings(0.01, 20, every=3))
    training, method = Training(problem.settings), failing_after(6, problem)
    saved: list[Stand] = []
    stopped = Recorder(stop_after=stop_after)
    if stop_after is None:
        with pytest.raises(DatasetError, match="is gone"):
            descend(method, training, observer=stopped, checkpoint=saved.append)
        [last] = saved
    else:
        last = descend(method, training, observer=stopped, checkpoint=saved.append)
        assert not saved
    expected = run("streaming", problem, observer=Recorder(stop_after=5))
    assert same_stand(last, expected)


@pytest.mark.parametrize("calls", [0, 1])
def test_an_iteration_that_fails_at_once_leaves_nothing(
    make_columns: ColumnsMaker, calls: int
) -> None:
    """There is nothing new to be saved."""
    training, saved = Training(Settings(0.01, 20)), list[Stand]()
    method = failing_after(calls, Problem(make_columns(6, 9), by_turns(6), training.settings))
    with pytest.raises(DatasetError, match="is gone"):
        descend(method, training, checkpoint=saved.append)
    assert not saved


@pytest.mark.parametrize(
    ("n_classes", "k", "shape"), [(2, 1, (12,)), (2, 1, (13, 1)), (2, 1, ()), (3, 3, (12, 1))]
)
def test_a_w_of_another_shape_is_refused(
    n_classes: int, k: int, shape: tuple[int, ...], make_columns: ColumnsMaker
) -> None:
    """StateError tells the shape required, then the shape given; of b too."""
    problem = Problem(make_columns(5, 12), by_turns(5, n_classes), Settings(), None, n_classes)
    w, b = problem.start(None)
    message = f"w must be (12, {k}), got {shape}"
    with pytest.raises(StateError, match=f"^{re.escape(message)}$"):
        problem.start({"w": np.zeros(shape), "b": b})
    message = f"b must be ({k}, 1), got ({k},)"
    with pytest.raises(StateError, match=f"^{re.escape(message)}$"):
        problem.start({"w": w, "b": b[:, 0]})

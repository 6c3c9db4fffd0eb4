"""Every method computes the lecture's iterates, and the loop around them keeps its word."""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from catclf.descent import (
    METHODS,
    Descent,
    Method,
    Problem,
    Settings,
    StateError,
    descend,
    rates,
    round_down,
    safe_rate,
)
from catclf.errors import DivergenceError
from catclf.logistic import LOSSES, LossName, cost, forward
from conftest import ColumnsMaker, Recorder

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
# How far a method's numbers may lie from the reference's, by rounding alone (float32 or float64).
TOLERANCE = dict.fromkeys(METHODS, 1e-10) | {"streaming": 1e-6}
every_method = pytest.mark.parametrize("method", METHODS)
both_losses = pytest.mark.parametrize("loss", LOSSES)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Pixels, Array]:
    """Draw columns as rows, (m, n_x) uint8, and labels (1, m)."""
    m, n_x = draw(st.integers(1, 8)), draw(st.integers(1, 12))
    columns = draw(hnp.arrays(np.uint8, (m, n_x)))
    return columns, draw(hnp.arrays(np.float64, (1, m), elements=st.sampled_from([0.0, 1.0])))


def half_and_half(m: int) -> Array:
    """Return labels (1, m), 0 and 1 by turns."""
    return (np.arange(m) % 2).astype(np.float64).reshape(1, m)


def run(
    method: str,
    columns: Pixels,
    Y: Array,
    settings: Settings,
    state: Mapping[str, Array] | None = None,
    **options: Any,
) -> Descent:
    """Descend by a method's name."""
    return descend(METHODS[method](Problem(columns, Y, settings), state), settings, **options)


def gradient_lipschitz(columns: Pixels, loss: LossName, l2: float) -> float:
    """Return L, from the singular values of X with a row of ones, by numpy."""
    m = len(columns)
    X = np.vstack([columns.T / 255, np.ones(m)])  # (n_x + 1, m)
    return LOSSES[loss].curvature * float(np.linalg.norm(X, 2)) ** 2 / m + l2


# ------------------------------------------------------------------------------- the methods


@every_method
@both_losses
@given(problem=problems(), l2=st.sampled_from([0.0, 0.3]), rate=st.sampled_from([0.01, 0.5]))
def test_iterates_equal_the_iterative_ones(
    method: str, loss: LossName, problem: tuple[Pixels, Array], l2: float, rate: float
) -> None:
    """The lecture's explicit loops and every other method give the same costs, w and b."""
    settings = Settings(rate, 6, l2, loss)
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
    stepper = METHODS[method](Problem(columns, Y, Settings(rate, l2=l2, loss=loss)), None)
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
        Problem(make_columns(6, 9), half_and_half(6), Settings(l2=3, loss=loss)), None
    )
    expected = {"cross-entropy": math.log(2), "squared-error": 1 / 8}[loss]
    assert stepper.cost() == pytest.approx(expected, rel=1e-12)
    assert stepper.step(with_cost=True) == pytest.approx(expected, rel=1e-12)


@every_method
def test_a_step_computes_no_cost_unasked(method: str, make_columns: ColumnsMaker) -> None:
    """A cost is given where it is asked for, and asking changes no iterate."""
    columns, Y = make_columns(6, 9), half_and_half(6)
    asked, unasked = (METHODS[method](Problem(columns, Y, Settings()), None) for _ in range(2))
    for _ in range(4):
        assert asked.step(with_cost=True) is not None
        assert unasked.step(with_cost=False) is None
    assert np.array_equal(asked.parameters()[0], unasked.parameters()[0])
    assert asked.parameters()[1] == unasked.parameters()[1]


@every_method
@given(problem=problems(), data=st.data())
def test_permuting_columns_leaves_the_descent_unchanged(
    method: str, problem: tuple[Pixels, Array], data: st.DataObject
) -> None:
    """The order of the examples changes w and b by rounding alone."""
    columns, Y = problem
    order = data.draw(st.permutations(range(len(columns))))
    settings = Settings(0.1, 5)
    straight = METHODS[method](Problem(columns, Y, settings), None)
    permuted = METHODS[method](Problem(columns[order], Y[:, order], settings), None)
    for _ in range(5):
        straight.step(with_cost=False)
        permuted.step(with_cost=False)
    near = 10 * TOLERANCE[method]
    assert permuted.parameters()[0] == pytest.approx(straight.parameters()[0], abs=near)
    assert permuted.parameters()[1] == pytest.approx(straight.parameters()[1], abs=near)


@every_method
@both_losses
@pytest.mark.parametrize("cut", [1, 7, 19])
def test_a_resumed_descent_is_the_uninterrupted_one(
    method: str, loss: LossName, cut: int, make_columns: ColumnsMaker
) -> None:
    """Stopped after any iteration and gone on with, it ends bit for bit where it would have."""
    columns, Y, settings = make_columns(9, 27), half_and_half(9), Settings(0.02, 20, 0.1, loss, 4)
    whole = run(method, columns, Y, settings)

    part = run(method, columns, Y, settings, observer=Recorder(stop_after=cut))
    assert part.iterations == cut
    state = {"w": part.w.copy(), "b": np.array(part.b), **part.state}
    rest = run(method, columns, Y, settings, state, costs=part.costs, start=part.iterations)

    assert np.array_equal(rest.w, whole.w)
    assert (rest.b, rest.iterations) == (whole.b, whole.iterations)
    assert rest.costs == whole.costs
    assert rest.final_cost == whole.final_cost


@every_method
def test_a_state_of_another_problem_is_refused(method: str, make_columns: ColumnsMaker) -> None:
    """A method judges for itself what it was given to go on from."""
    problem = Problem(make_columns(6, 9), half_and_half(6), Settings(iterations=3))
    for m, n_x in ((6, 12), (5, 9)):
        began = run(method, make_columns(m, n_x), half_and_half(m), Settings(iterations=2))
        state = {"w": began.w, "b": np.array(began.b), **began.state}
        if n_x != 9 or method == "gram":  # the others need nothing that depends on m
            with pytest.raises(StateError):
                METHODS[method](problem, state)


@every_method
def test_the_starting_point_is_left_alone(method: str, make_columns: ColumnsMaker) -> None:
    """Neither the columns, the labels nor the w a descent begins from are written to."""
    columns, Y, settings = make_columns(6, 9), half_and_half(6), Settings(iterations=5)
    began = run(method, columns, Y, settings)
    given_w = began.w.copy()
    kept_columns, kept_Y, kept_w = columns.copy(), Y.copy(), given_w.copy()
    run(method, columns, Y, settings, {"w": given_w, "b": np.array(began.b), **began.state})
    assert np.array_equal(columns, kept_columns)
    assert np.array_equal(Y, kept_Y)
    assert np.array_equal(given_w, kept_w)


# --------------------------------------------------------------------------------- the loop


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
    assert descent.costs == heard.costs

    stepper = METHODS["vectorized"](Problem(columns, Y, settings), None)
    for iteration in range(iterations):
        before = stepper.cost()
        stepper.step(with_cost=False)
        assert descent.costs.get(iteration, before) == before
    assert descent.final_cost == stepper.cost()
    assert descent.iterations == iterations


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
    assert stopped.iterations == after
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

    def parameters(self) -> tuple[Array, float]:
        return np.zeros((3, 1)), 0.0

    def state(self) -> dict[str, Array]:
        return {}


@pytest.mark.parametrize(
    ("later", "iterations", "how"),
    [
        (0.51, 100, "to 0.510000 in 100 iterations"),
        (1.01, 99, "to 1.010000 in 99 iterations"),
        (math.inf, 100, "beyond all bounds in 10 iterations"),
        (math.nan, 100, "beyond all bounds in 10 iterations"),
        (math.nan, 10, "beyond all bounds in 10 iterations"),
    ],
)
def test_a_cost_that_rose_is_an_error(later: float, iterations: int, how: str) -> None:
    """A descent that ends above its beginning, or beyond all bounds, says so and names the rate.

    Below a hundred iterations, above twice its beginning.
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
    assert (descent.iterations, descent.final_cost) == (1, 9.0)


def test_a_resumed_descent_is_held_against_its_true_beginning() -> None:
    """A resumed run has failed if it ends above where the first run began, not where it did."""
    settings, before = Settings(0.25, 300), {0: 0.5, 100: 0.1}
    assert descend(Told(0.1, 0.2), settings, costs=before, start=200).final_cost == 0.2
    with pytest.raises(DivergenceError, match=r"from 0\.500000 to 0\.600000 in 300 iterations"):
        descend(Told(0.1, 0.6), settings, costs=before, start=200)


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
def test_a_long_run_is_handed_out_to_be_saved(method: str, make_columns: ColumnsMaker) -> None:
    """What `checkpoint` gets is a descent that ends there; a cost above the first is not saved."""
    columns, Y, settings = make_columns(6, 12), half_and_half(6), Settings(0.01, 4)
    saved: list[Descent] = []
    run(method, columns, Y, settings, checkpoint=saved.append, checkpoint_seconds=0)
    alone = run(method, columns, Y, Settings(0.01, 1))
    assert saved[0].iterations == 1
    assert np.array_equal(saved[0].w, alone.w)
    assert saved[0].final_cost == alone.final_cost
    above: list[Descent] = []
    alike, most = np.full((6, 12), 200, np.uint8), np.array([[0.0, 0, 1, 1, 1, 1]])
    with pytest.raises(DivergenceError):
        run(method, alike, most, Settings(50.0, 1), checkpoint=above.append, checkpoint_seconds=0)
    assert above == []


# --------------------------------------------------------------------------------- the rate


@both_losses
@given(problem=problems(), l2=st.sampled_from([0.0, 0.1, 10.0]), block=st.integers(1, 9))
def test_safe_rate_is_just_below_two_over_L(
    loss: LossName, problem: tuple[Pixels, Array], l2: float, block: int
) -> None:
    """It is at most 2 / L by numpy's singular values, at most 1 % below, in blocks of any size."""
    columns, Y = problem
    bound = 2 / gradient_lipschitz(columns, loss, l2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rates, "BLOCK_EXAMPLES", block)
        rate = safe_rate(Problem(columns, Y, Settings(loss=loss, l2=l2)))
    assert 0.9899 * bound <= rate <= bound


def test_safe_rate_of_bright_pictures(make_columns: ColumnsMaker) -> None:
    """It is as close for pictures of the usual size, in more than one block."""
    columns = make_columns(300, 12288)
    bound = 2 / gradient_lipschitz(columns, "cross-entropy", 0)
    assert 0.9899 * bound <= safe_rate(Problem(columns, half_and_half(300), Settings())) <= bound


def test_safe_rate_of_pictures_that_are_mostly_black() -> None:
    """It is safe where the largest singular vector is far from the bright one it is sought from.

    263 black pictures with 47 white values, and two gray ones that are bright all over.
    """
    columns = np.zeros((265, 12288), np.uint8)
    columns[:263, :47] = 255
    columns[263:, 47:] = 177
    bound = 2 / gradient_lipschitz(columns, "cross-entropy", 0)
    assert safe_rate(Problem(columns, half_and_half(265), Settings())) <= bound


@both_losses
@given(problem=problems(), l2=st.sampled_from([0.0, 0.1, 10.0]))
def test_the_cost_never_rises_at_the_safe_rate(
    loss: LossName, problem: tuple[Pixels, Array], l2: float
) -> None:
    """Iteration by iteration, whatever the data, the cost falls or stays, up to its rounding."""
    rate = safe_rate(Problem(*problem, Settings(loss=loss, l2=l2)))
    stepper = METHODS["vectorized"](Problem(*problem, Settings(rate, l2=l2, loss=loss)), None)
    costs = np.array([stepper.step(with_cost=True) for _ in range(40)], dtype=np.float64)
    assert np.diff(costs).max() <= 1e-14


def test_the_bound_is_no_idle_one() -> None:
    """A tenth above 2 / L the cost of some data does rise: the bound is not just small."""
    columns = np.full((200, 12), 255, np.uint8)
    Y = np.append(half_and_half(198), [[1.0, 1.0]], axis=1)  # the best w is near 0, where L is met
    bound = 2 / gradient_lipschitz(columns, "cross-entropy", 0)
    for share, rises in ((0.99, False), (1.1, True)):
        stepper = METHODS["vectorized"](Problem(columns, Y, Settings(share * bound)), None)
        costs = [stepper.step(with_cost=True) for _ in range(50)]
        assert bool(np.diff(np.array(costs, dtype=np.float64)).max() > 1e-14) == rises


@given(st.floats(1e-12, 1e3))
def test_round_down_is_below_and_near(rate: float) -> None:
    """A rate for people to type: two digits, not above the true one, at most 10 % below."""
    short = round_down(rate)
    assert short == float(f"{short:.2g}")
    assert short <= math.nextafter(rate, math.inf)  # see the next test
    assert short >= 0.9 * rate


def test_round_down_never_rounds_up() -> None:
    """The largest number below 1.2e-5 is not rounded to 1.2e-5."""
    rate = math.nextafter(1.2e-5, 0)
    assert round_down(rate) <= rate


@pytest.mark.parametrize(
    ("rate", "short"), [(0.00357659868930929, 0.0035), (0.0999, 0.099), (7.92, 7.9), (25.68, 25.0)]
)
def test_round_down_examples(rate: float, short: float) -> None:
    """What a message shows for a rate."""
    assert round_down(rate) == short


# ----------------------------------------------------------------------------- the settings


def test_default_settings_are_the_courses() -> None:
    """Without a word said, it is the course's run: 0.005, 2000 iterations, no penalty."""
    assert Settings() == Settings(0.005, 2000, 0.0, "cross-entropy", 100)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0.0"),
        ({"learning_rate": -0.1}, "learning_rate must be above 0, got -0.1"),
        ({"learning_rate": math.nan}, "learning_rate must be above 0, got nan"),
        ({"learning_rate": math.inf}, "learning_rate must be above 0, got inf"),
        ({"l2": -1e-9}, "l2 must be at least 0, got -1e-09"),
        ({"l2": math.nan}, "l2 must be at least 0, got nan"),
        ({"l2": math.inf}, "l2 must be at least 0, got inf"),
        ({"iterations": 0}, "iterations and every must be at least 1"),
        ({"every": 0}, "iterations and every must be at least 1"),
        ({"loss": "hinge"}, "loss must be one of cross-entropy, squared-error, got 'hinge'"),
    ],
)
def test_settings_no_descent_can_follow_are_refused(wrong: dict[str, Any], message: str) -> None:
    """A setting without meaning is a ValueError before anything is computed."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Settings(**wrong)

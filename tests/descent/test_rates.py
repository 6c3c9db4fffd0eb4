"""Rates at which the cost cannot rise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catclf.descent import METHODS, Problem, rates, round_down, safe_rate
from catclf.logistic import CLASS_WEIGHTS
from catclf.training import Settings
from conftest import ColumnsMaker
from descent.problems import COSTS, by_turns, gradient_lipschitz, problems, with_settings


@given(problem=problems(CLASS_WEIGHTS), block=st.integers(1, 9))
def test_safe_rate_is_just_below_two_over_L(problem: Problem, block: int) -> None:
    """It is at most 2 / L by numpy's singular values, at most 1 % below, in blocks of any size."""
    bound = 2 / gradient_lipschitz(problem)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rates, "BLOCK_EXAMPLES", block)
        rate = safe_rate(problem)
    assert 0.9899 * bound <= rate <= bound


def test_safe_rate_of_pictures_of_the_usual_size(make_columns: ColumnsMaker) -> None:
    """As close in more than one block, and safe where the largest singular vector is far away.

    That is, from the bright one it is sought from: of black pictures with 47 white values, and two
    gray ones that are bright all over.
    """
    black = np.zeros((265, 12288), np.uint8)
    black[:263, :47] = 255
    black[263:, 47:] = 177
    for columns, least in ((make_columns(300, 12288), 0.9899), (black, 0)):
        problem = Problem(columns, by_turns(len(columns)), Settings())
        bound = 2 / gradient_lipschitz(problem)
        assert least * bound <= safe_rate(problem) <= bound


@pytest.mark.parametrize(
    ("pixel", "n_x", "squared_length"),
    # s^2 / m is the squared length of (p, ..., p, 1), which every example is.
    [(0, 7, 1.0), (255, 7, 8.0), (51, 50, 3.0)],
)
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_golden_safe_rate_of_one_color(
    pixel: int, n_x: int, squared_length: float, l2: float
) -> None:
    """Where all pictures are one flat color, the rate is 1 % below 2 / L, up to rounding."""
    columns = np.full((6, n_x), pixel, np.uint8)
    for (loss, n_classes), curvature in zip(COSTS, (0.25, 0.0771, 0.5), strict=True):
        settings = Settings(l2=l2, loss=loss)
        problem = Problem(columns, by_turns(6, n_classes), settings, None, n_classes)
        expected = 0.99 * 2 / (curvature * squared_length + l2)
        assert safe_rate(problem) == pytest.approx(expected, rel=1e-12)


@given(problem=problems(CLASS_WEIGHTS))
def test_the_cost_never_rises_at_the_safe_rate(problem: Problem) -> None:
    """Iteration by iteration, whatever the data, the cost falls or stays, up to its rounding."""
    safe = with_settings(problem, learning_rate=safe_rate(problem))
    stepper = METHODS["vectorized"](safe, None)
    costs = np.array([stepper.step(with_cost=True) for _ in range(40)], dtype=np.float64)
    assert np.diff(costs).max() <= 1e-14


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_bound_is_no_idle_one(n_classes: int) -> None:
    """A tenth above 2 / L the cost of some data does rise: the bound is not just small.

    Of three neurons where one is as good as absent.
    """
    columns = np.full((200, 12), 255, np.uint8)
    labels = np.append(by_turns(198), [1, 1]).astype(np.uint8)  # the best w is near 0: L is met
    problem = Problem(columns, labels, Settings(), None, n_classes)
    w, b = problem.start(None)
    b[2:] = -50
    bound = 2 / gradient_lipschitz(problem)
    for share, rises in ((0.99, False), (1.1, True)):
        asked = with_settings(problem, learning_rate=share * bound)
        stepper = METHODS["vectorized"](asked, {"w": w, "b": b})
        costs = [stepper.step(with_cost=True) for _ in range(50)]
        assert bool(np.diff(np.array(costs, dtype=np.float64)).max() > 1e-14) == rises


@given(st.floats(1e-12, 1e3))
@example(math.nextafter(1.2e-5, 0))
def test_round_down_is_below_and_near(rate: float) -> None:
    """A rate for people to type: two digits, not above the true one, at most 10 % below."""
    short = round_down(rate)
    assert short == float(f"{short:.2g}")
    assert 0.9 * rate <= short <= rate


@pytest.mark.parametrize(
    ("rate", "short"), [(0.00357659868930929, 0.0035), (0.0999, 0.099), (7.92, 7.9), (25.68, 25.0)]
)
def test_round_down_examples(rate: float, short: float) -> None:
    """What a message shows for a rate."""
    assert round_down(rate) == short

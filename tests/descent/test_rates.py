"""Rates at which the cost cannot rise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf.descent import METHODS, Problem, rates, round_down, safe_rate
from catclf.logistic import LossName
from catclf.training import Settings
from conftest import ColumnsMaker
from descent.problems import any_loss, gradient_lipschitz, half_and_half, problems

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]


@given(
    loss=any_loss,
    problem=problems(),
    l2=st.sampled_from([0.0, 0.1, 10.0]),
    block=st.integers(1, 9),
)
def test_safe_rate_is_just_below_two_over_L(
    loss: LossName, problem: tuple[Pixels, Array], l2: float, block: int
) -> None:
    """It is at most 2 / L by numpy's singular values, at most 1 % below, in blocks of any size."""
    columns, Y = problem
    bound = 2 / gradient_lipschitz(columns, loss, l2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rates, "BLOCK_EXAMPLES", block)
        rate = safe_rate(Problem(columns, labels_of(Y), Settings(loss=loss, l2=l2)))
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
        bound = 2 / gradient_lipschitz(columns, "cross-entropy", 0)
        rate = safe_rate(Problem(columns, half_and_half(len(columns)), Settings()))
        assert least * bound <= rate <= bound


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
    curvatures: dict[LossName, float] = {"cross-entropy": 0.25, "squared-error": 0.0771}
    for loss, curvature in curvatures.items():
        problem = Problem(columns, half_and_half(6), Settings(l2=l2, loss=loss))
        expected = 0.99 * 2 / (curvature * squared_length + l2)
        assert safe_rate(problem) == pytest.approx(expected, rel=1e-12)


@given(loss=any_loss, problem=problems(), l2=st.sampled_from([0.0, 0.1, 10.0]))
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
        stepper = METHODS["vectorized"](
            Problem(columns, labels_of(Y), Settings(share * bound)), None
        )
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

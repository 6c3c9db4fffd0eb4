"""The explicit loops: numbers worked out by hand, since the other methods are checked by them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from catclf.descent import Problem, Settings
from catclf.descent.iterative import Iterative
from catclf.logistic import LossName
from descent.problems import both_losses

LN3 = math.log(3)


def at_ln3(loss: LossName, l2: float) -> Iterative:
    """Make two examples, x = (1, 0) of the class and x = (1, 1) of the other, at round numbers.

    With w = (ln 3, -2 ln 3) and b = ln 3 their logits are 2 ln 3 and 0, and A = 9/10 and 1/2.
    """
    columns = np.array([[255, 0], [255, 255]], np.uint8)
    state = {"w": np.array([[LN3], [-2 * LN3]]), "b": np.array(LN3)}
    settings = Settings(learning_rate=0.5, l2=l2, loss=loss)
    return Iterative(Problem(columns, np.array([[1.0, 0.0]]), settings), state)


@pytest.mark.parametrize("l2", [0.0, 0.2])
@pytest.mark.parametrize(
    ("loss", "mean_loss", "dw", "db"),
    [
        # dZ = A - Y = -1/10 and 1/2; the losses are ln 10/9 and ln 2.
        ("cross-entropy", math.log(20 / 9) / 2, (1 / 5, 1 / 4), 1 / 5),
        # dZ = (A - Y) A (1 - A) = -9/1000 and 1/8; the losses are 1/200 and 1/8.
        ("squared-error", 13 / 200, (29 / 500, 1 / 16), 29 / 500),
    ],
)
def test_a_step_is_the_one_worked_out_by_hand(
    loss: LossName, mean_loss: float, dw: tuple[float, float], db: float, l2: float
) -> None:
    """The cost before it, and w and b after it; the penalty shrinks w and leaves b alone."""
    method = at_ln3(loss, l2)
    penalty = l2 / 2 * 5 * LN3**2
    assert method.step(with_cost=True) == pytest.approx(mean_loss + penalty, rel=1e-14)
    w, b = method.parameters()
    assert w.shape == (2, 1)
    expected = [(1 - l2 / 2) * LN3 - dw[0] / 2, -(1 - l2 / 2) * 2 * LN3 - dw[1] / 2]
    assert w[:, 0].tolist() == pytest.approx(expected, rel=1e-14)
    assert b == pytest.approx(LN3 - db / 2, rel=1e-14)


def at_a_thousand(loss: LossName, Y: list[float]) -> Iterative:
    """Make a white and a black example whose logits are 1000 and -1000."""
    columns, state = np.array([[255], [0]], np.uint8), {"w": np.full((1, 1), 2e3), "b": -1e3}
    problem = Problem(columns, np.array([Y]), Settings(learning_rate=0.5, loss=loss))
    return Iterative(problem, {name: np.array(value) for name, value in state.items()})


@both_losses
def test_logits_of_a_thousand_that_are_right_cost_nothing(loss: LossName) -> None:
    """Exactly 0, and the step from there goes nowhere: exp() of 1000 is never taken."""
    method = at_a_thousand(loss, [1.0, 0.0])
    assert method.step(with_cost=True) == 0
    w, b = method.parameters()
    assert (w.tolist(), b) == ([[2000.0]], -1000.0)


@pytest.mark.parametrize(
    ("loss", "cost", "w_after"),
    # Cross-entropy's dZ are 1 and -1; those of squared error vanish with the sigmoid's slope.
    [("cross-entropy", 1000.0, 1999.75), ("squared-error", 0.5, 2000.0)],
)
def test_logits_of_a_thousand_that_are_wrong_cost_what_they_should(
    loss: LossName, cost: float, w_after: float
) -> None:
    """Finite: the logit's size by cross-entropy, a half by squared error."""
    method = at_a_thousand(loss, [0.0, 1.0])
    assert method.step(with_cost=True) == cost
    w, b = method.parameters()
    assert (w.tolist(), b) == ([[w_after]], -1000.0)


def test_pixels_are_divided_by_255() -> None:
    """The update by a pixel p is p / 255 of that by a white one, whatever p."""
    columns: NDArray[np.uint8] = np.arange(256, dtype=np.uint8).reshape(1, 256)
    method = Iterative(Problem(columns, np.array([[1.0]]), Settings(learning_rate=2.0)))
    method.step(with_cost=False)
    w, b = method.parameters()
    assert b == 1  # dZ is -1/2
    assert w[:, 0].tolist() == [pixel / 255 for pixel in range(256)]

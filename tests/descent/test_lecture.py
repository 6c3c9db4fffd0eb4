"""The lecture's four lines, as the lecture has them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from catclf.descent import Problem, Settings
from catclf.descent.lecture import Iterative, Vectorized
from catclf.logistic import LossName
from conftest import ColumnsMaker
from descent.problems import both_losses, half_and_half

Array = NDArray[np.float64]

# Three examples of two features: pixels 0, 51, 255 and 204, 255, 102, labels 0, 1, 1.
COLUMNS = np.array([[0, 204], [51, 255], [255, 102]], np.uint8)
LABELS = np.array([[0.0, 1.0, 1.0]])

# (loss, l2, w, b, cost) after three steps at 0.5 from zero, by Python's decimal at 50 digits with
# a = 1 / (1 + (-z).exp()) and explicit sums, rounded to 20 places.
GOLDEN: list[tuple[LossName, float, tuple[float, float], float, float]] = [
    (
        "cross-entropy",
        0.0,
        (0.27273602895746690501, 0.11164047862628560874),
        0.19457715798766784485,
        0.61455117870194878974,
    ),
    (
        "cross-entropy",
        0.3,
        (0.23225566061445565968, 0.09326239716815315532),
        0.19598011585687045399,
        0.63076756518398637854,
    ),
    (
        "squared-error",
        0.0,
        (0.07313196967140373950, 0.03490541419008058009),
        0.05874594972070182183,
        0.11845671917886214034,
    ),
    (
        "squared-error",
        0.3,
        (0.06259486228690481728, 0.02975446772486154942),
        0.05884076791864124356,
        0.11976709182163292184,
    ),
]


@pytest.mark.parametrize(("loss", "l2", "w", "b", "cost"), GOLDEN)
def test_golden_descent(
    loss: LossName, l2: float, w: tuple[float, float], b: float, cost: float
) -> None:
    """After three steps, w, b and the cost are the true ones up to a few roundings."""
    method = Vectorized(Problem(COLUMNS, LABELS, Settings(0.5, l2=l2, loss=loss)))
    for _ in range(3):
        method.step(with_cost=False)
    assert method.parameters()[0][:, 0].tolist() == pytest.approx(w, rel=1e-14)
    assert method.parameters()[1] == pytest.approx(b, rel=1e-14)
    assert method.cost() == pytest.approx(cost, rel=1e-14)


def test_an_iteration_is_the_lectures_four_lines(make_columns: ColumnsMaker) -> None:
    """Without penalty, by cross-entropy, from any w and b: Z, A, dZ, and the update."""
    m, alpha = 7, 0.02
    columns, Y = make_columns(m, 30), half_and_half(m)
    w: Array = np.random.default_rng(1).normal(size=(30, 1))
    b = 0.4
    method = Vectorized(
        Problem(columns, Y, Settings(learning_rate=alpha)), {"w": w, "b": np.array(b)}
    )
    X = columns.T / 255
    for _ in range(5):
        method.step(with_cost=False)

        A = 1 / (1 + np.exp(-(w.T @ X + b)))
        dZ = A - Y
        w = w - alpha * (X @ dZ.T) / m
        b = b - alpha * float(np.sum(dZ)) / m

        assert method.parameters()[0] == pytest.approx(w, rel=1e-12, abs=1e-15)
        assert method.parameters()[1] == pytest.approx(b, rel=1e-12)


@both_losses
def test_the_penalty_is_in_the_cost_and_not_on_b(loss: LossName) -> None:
    """It adds l2 / 2 |w|^2 to the cost, shrinks w by 1 - lr l2, and leaves b as it is."""
    state = {"w": np.array([[3.0], [-4.0]]), "b": np.array(2.0)}
    plain, penalized = (
        Vectorized(Problem(COLUMNS, LABELS, Settings(0.5, l2=l2, loss=loss)), state)
        for l2 in (0.0, 0.2)
    )
    assert penalized.cost() - plain.cost() == pytest.approx(0.1 * 25, rel=1e-13)
    for method in (plain, penalized):
        method.step(with_cost=False)
    (w, b), (penalized_w, penalized_b) = plain.parameters(), penalized.parameters()
    assert w - penalized_w == pytest.approx(0.1 * state["w"], rel=1e-13)
    assert penalized_b == b


@pytest.mark.parametrize(
    ("loss", "right", "wrong"), [("cross-entropy", 0.0, 1e3), ("squared-error", 0.0, 0.5)]
)
def test_the_cost_is_finite_at_logits_of_a_thousand(
    loss: LossName, right: float, wrong: float
) -> None:
    """The true one, for right answers and wrong ones, without a warning on the way."""
    columns, state = np.array([[255], [0]], np.uint8), {"w": np.full((1, 1), 2e3)}
    for Y, cost in ((np.array([[1.0, 0.0]]), right), (np.array([[0.0, 1.0]]), wrong)):
        problem = Problem(columns, Y, Settings(0.5, loss=loss))
        method = Vectorized(problem, {**state, "b": np.array(-1e3)})
        assert method.step(with_cost=True) == cost
        assert math.isfinite(method.cost())


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

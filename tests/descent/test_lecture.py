"""The lecture's iteration, by explicit loops and by the four lines, as the lecture has it."""

from __future__ import annotations

import numpy as np
import pytest

from catclf.descent import Problem
from catclf.descent.lecture import Iterative, Vectorized
from catclf.logistic import Array, LossName
from catclf.training import Settings
from conftest import ColumnsMaker
from descent.problems import both_losses, half_and_half

both_ways = pytest.mark.parametrize("way", [Iterative, Vectorized])
Way = type[Iterative] | type[Vectorized]

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


@both_ways
@pytest.mark.parametrize(("loss", "l2", "w", "b", "cost"), GOLDEN)
def test_golden_descent(
    way: Way, loss: LossName, l2: float, w: tuple[float, float], b: float, cost: float
) -> None:
    """After three steps, w, b and the cost are the true ones up to a few roundings."""
    method = way(Problem(COLUMNS, labels_of(LABELS), Settings(0.5, l2=l2, loss=loss)))
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
    problem = Problem(columns, labels_of(Y), Settings(learning_rate=alpha))
    method = Vectorized(problem, {"w": w, "b": np.array(b)})
    X = columns.T / 255
    for _ in range(5):
        method.step(with_cost=False)

        A = 1 / (1 + np.exp(-(w.T @ X + b)))
        dZ = A - Y
        w = w - alpha * (X @ dZ.T) / m
        b = b - alpha * float(np.sum(dZ)) / m

        assert method.parameters()[0] == pytest.approx(w, rel=1e-12, abs=1e-15)
        assert method.parameters()[1] == pytest.approx(b, rel=1e-12)


@both_ways
@both_losses
def test_the_penalty_is_in_the_cost_and_not_on_b(way: Way, loss: LossName) -> None:
    """It adds l2 / 2 |w|^2 to the cost, shrinks w by 1 - lr l2, and leaves b as it is."""
    state = {"w": np.array([[3.0], [-4.0]]), "b": np.array(2.0)}
    plain, penalized = (
        way(Problem(COLUMNS, labels_of(LABELS), Settings(0.5, l2=l2, loss=loss)), state)
        for l2 in (0.0, 0.2)
    )
    assert penalized.cost() - plain.cost() == pytest.approx(0.1 * 25, rel=1e-13)
    for method in (plain, penalized):
        method.step(with_cost=False)
    (w, b), (penalized_w, penalized_b) = plain.parameters(), penalized.parameters()
    assert w - penalized_w == pytest.approx(0.1 * state["w"], rel=1e-13)
    assert penalized_b == b


@both_ways
@pytest.mark.parametrize(
    ("loss", "Y", "cost", "w_after"),
    [
        ("cross-entropy", [1.0, 0.0], 0.0, 2000.0),
        ("squared-error", [1.0, 0.0], 0.0, 2000.0),
        # Cross-entropy's dZ are 1 and -1; those of squared error vanish with the sigmoid's slope.
        ("cross-entropy", [0.0, 1.0], 1000.0, 1999.75),
        ("squared-error", [0.0, 1.0], 0.5, 2000.0),
    ],
)
def test_logits_of_a_thousand_cost_what_they_should(
    way: Way, loss: LossName, Y: list[float], cost: float, w_after: float
) -> None:
    """A white and a black example, right or wrong: finite, exp() of 1000 is never taken."""
    columns, state = np.array([[255], [0]], np.uint8), {"w": np.full((1, 1), 2e3)}
    problem = Problem(columns, np.array([Y]), Settings(0.5, loss=loss))
    method = way(problem, {**state, "b": np.array(-1e3)})
    assert method.step(with_cost=True) == cost
    w, b = method.parameters()
    assert (w.tolist(), b) == ([[w_after]], -1000.0)


@both_ways
def test_pixels_are_divided_by_255(way: Way) -> None:
    """The update by a pixel p is p / 255 of that by a white one, whatever p."""
    columns = np.arange(256, dtype=np.uint8).reshape(1, 256)
    method = way(Problem(columns, np.array([[1.0]]), Settings(learning_rate=2.0)))
    method.step(with_cost=False)
    w, b = method.parameters()
    assert b == 1  # dZ is -1/2
    assert w[:, 0].tolist() == [pixel / 255 for pixel in range(256)]

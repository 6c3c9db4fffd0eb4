"""The lecture's iteration, by explicit loops and by the four lines, as the lecture has it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from catclf.descent import Problem
from catclf.descent.lecture import Iterative, Vectorized
from catclf.logistic import Array, LossName
from catclf.training import Settings
from conftest import ColumnsMaker
from descent.problems import both_losses, by_turns

both_ways = pytest.mark.parametrize("way", [Iterative, Vectorized])
Way = type[Iterative] | type[Vectorized]

# Three examples of two features: pixels 0, 51, 255 and 204, 255, 102.
COLUMNS = np.array([[0, 204], [51, 255], [255, 102]], np.uint8)
TWO_CLASSES, THREE_CLASSES = np.array([0, 1, 1], np.uint8), np.array([0, 1, 2], np.uint8)

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
# (l2, w, b, cost) of three neurons, computed likewise: a = z.exp() / their sum.
GOLDEN_SOFTMAX: list[tuple[float, list[list[float]], list[float], float]] = [
    (
        0.0,
        [
            [-0.19004597567271815861, -0.09798950916869092966, 0.28803548484140908828],
            [0.03624621505769320322, 0.12413244894789122498, -0.16037866400558442820],
        ],
        [0.00854519567311854251, -0.00839650886408364121, -0.00014868680903490130],
        0.98661250711911933321,
    ),
    (
        0.3,
        [
            [-0.16258103191233124771, -0.08393056731909514410, 0.24651159923142639180],
            [0.03113475029365619796, 0.10611842552733175578, -0.13725317582098795374],
        ],
        [0.00806336911593108750, -0.00795420594153423114, -0.00010916317439685636],
        1.02066184129507407124,
    ),
]


@both_ways
@pytest.mark.parametrize(("loss", "l2", "w", "b", "cost"), GOLDEN)
def test_golden_descent(
    way: Way, loss: LossName, l2: float, w: tuple[float, float], b: float, cost: float
) -> None:
    """After three steps, w, b and the cost are the true ones up to a few roundings."""
    method = way(Problem(COLUMNS, TWO_CLASSES, Settings(0.5, l2=l2, loss=loss)))
    for _ in range(3):
        method.step(with_cost=False)
    assert method.parameters()[0][:, 0].tolist() == pytest.approx(w, rel=1e-14)
    assert method.parameters()[1] == pytest.approx(b, rel=1e-14)
    assert method.cost() == pytest.approx(cost, rel=1e-14)


@both_ways
@pytest.mark.parametrize(("l2", "w", "b", "cost"), GOLDEN_SOFTMAX)
def test_golden_descent_of_three_classes(
    way: Way, l2: float, w: list[list[float]], b: list[float], cost: float
) -> None:
    """One neuron a class, and the same lines."""
    method = way(Problem(COLUMNS, THREE_CLASSES, Settings(0.5, l2=l2), None, 3))
    for _ in range(3):
        method.step(with_cost=False)
    assert method.parameters()[0] == pytest.approx(np.array(w), rel=1e-13)
    assert method.parameters()[1][:, 0].tolist() == pytest.approx(b, rel=1e-12)
    assert method.cost() == pytest.approx(cost, rel=1e-14)


def test_an_iteration_is_the_lectures_four_lines(make_columns: ColumnsMaker) -> None:
    """Without penalty, by cross-entropy, from any w and b: Z, A, dZ, and the update."""
    m, alpha = 7, 0.02
    columns, labels = make_columns(m, 30), by_turns(m)
    w: Array = np.random.default_rng(1).normal(size=(30, 1))
    b, Y = 0.4, labels.reshape(1, m)
    method = Vectorized(
        Problem(columns, labels, Settings(learning_rate=alpha)), {"w": w, "b": np.array([[b]])}
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


def test_of_several_neurons_only_the_activation_is_another(make_columns: ColumnsMaker) -> None:
    """The same lines with Y (k, m), and A the softmax of Z, column by column."""
    m, k, alpha = 7, 3, 0.02
    columns, labels = make_columns(m, 30), by_turns(m, k)
    rng = np.random.default_rng(1)
    w, b = rng.normal(size=(30, k)), rng.normal(size=(k, 1))
    problem = Problem(columns, labels, Settings(learning_rate=alpha), None, k)
    method = Vectorized(problem, {"w": w, "b": b})
    X, Y = columns.T / 255, np.eye(k)[labels].T
    for _ in range(5):
        method.step(with_cost=False)

        Z = w.T @ X + b
        A = np.exp(Z) / np.sum(np.exp(Z), axis=0)
        dZ = A - Y
        w = w - alpha * (X @ dZ.T) / m
        b = b - alpha * np.sum(dZ, axis=1, keepdims=True) / m

        assert method.parameters()[0] == pytest.approx(w, rel=1e-12, abs=1e-15)
        assert method.parameters()[1] == pytest.approx(b, rel=1e-12)


@both_ways
@both_losses
def test_the_penalty_is_in_the_cost_and_not_on_b(way: Way, loss: LossName) -> None:
    """It adds l2 / 2 |w|^2 to the cost, shrinks w by 1 - lr l2, and leaves b as it is."""
    state = {"w": np.array([[3.0], [-4.0]]), "b": np.array([[2.0]])}
    plain, penalized = (
        way(Problem(COLUMNS, TWO_CLASSES, Settings(0.5, l2=l2, loss=loss)), state)
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
    ("loss", "labels", "cost", "w_after"),
    [
        ("cross-entropy", [1, 0], 0.0, 2000.0),
        ("squared-error", [1, 0], 0.0, 2000.0),
        # Cross-entropy's dZ are 1 and -1; those of squared error vanish with the sigmoid's slope.
        ("cross-entropy", [0, 1], 1000.0, 1999.75),
        ("squared-error", [0, 1], 0.5, 2000.0),
    ],
)
def test_logits_of_a_thousand_cost_what_they_should(
    way: Way, loss: LossName, labels: list[int], cost: float, w_after: float
) -> None:
    """A white and a black example, right or wrong: finite, exp() of 1000 is never taken."""
    columns, state = np.array([[255], [0]], np.uint8), {"w": np.full((1, 1), 2e3)}
    problem = Problem(columns, np.array(labels, np.uint8), Settings(0.5, loss=loss))
    method = way(problem, {**state, "b": np.array([[-1e3]])})
    assert method.step(with_cost=True) == cost
    w, b = method.parameters()
    assert (w.tolist(), b.tolist()) == ([[w_after]], [[-1000.0]])


@both_ways
@pytest.mark.parametrize(
    ("labels", "cost", "after"),
    [
        ([2, 0], 0.0, [[-2000.0, 0.0, 2000.0]]),
        ([0, 2], 2000.0, [[-1999.75, 0.0, 1999.75]]),  # dZ are -1, 0, 1 and 1, 0, -1
    ],
)
def test_so_do_logits_of_a_thousand_of_three_classes(
    way: Way, labels: list[int], cost: float, after: list[list[float]]
) -> None:
    """Those of a white and a black example are -1000, 0, 1000 and 1000, 0, -1000."""
    columns, state = np.array([[255], [0]], np.uint8), {"w": np.array([[-2e3, 0.0, 2e3]])}
    problem = Problem(columns, np.array(labels, np.uint8), Settings(0.5), None, 3)
    method = way(problem, {**state, "b": np.array([[1e3], [0.0], [-1e3]])})
    assert method.step(with_cost=True) == cost
    w, b = method.parameters()
    assert (w.tolist(), b.tolist()) == (after, [[1000.0], [0.0], [-1000.0]])


@both_ways
def test_a_loss_next_to_nothing_is_not_nothing(way: Way) -> None:
    """Where 1 + exp(-40) is 1, the loss of two others is still 2 exp(-40)."""
    problem = Problem(np.zeros((1, 1), np.uint8), np.zeros(1, np.uint8), Settings(), None, 3)
    method = way(problem, {"w": np.zeros((1, 3)), "b": np.array([[40.0], [0.0], [0.0]])})
    assert method.cost() == pytest.approx(2 * math.exp(-40), rel=1e-14, abs=0)


@both_ways
def test_pixels_are_divided_by_255(way: Way) -> None:
    """The update by a pixel p is p / 255 of that by a white one, whatever p."""
    columns = np.arange(256, dtype=np.uint8).reshape(1, 256)
    method = way(Problem(columns, np.ones(1, np.uint8), Settings(learning_rate=2.0)))
    method.step(with_cost=False)
    w, b = method.parameters()
    assert b == 1  # dZ is -1/2
    assert w[:, 0].tolist() == [pixel / 255 for pixel in range(256)]

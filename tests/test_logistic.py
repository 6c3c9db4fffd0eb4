"""The mathematics is the lecture's, and stays right at the extremes."""

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from catclf.logistic import (
    DOT_NUMBERS,
    LOSSES,
    SOFTMAX_LOSS,
    Array,
    LossName,
    activation,
    backward,
    cost,
    cross_entropy,
    dot,
    example_weights,
    forward,
    l2_penalty,
    loss_of,
    n_neurons,
    one_hot,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    squared_error,
)
from descent.problems import any_loss, both_losses, by_turns, every_loss, problem_of

EPS = float(np.finfo(np.float64).eps)

# (z, sigmoid, cross-entropy for Y = 0, for Y = 1), from Python's decimal at 600 digits, rounded
# to 25: a = 1 / (1 + (-z).exp()); (1 + z.exp()).ln(); (1 + (-z).exp()).ln().
GOLDEN = [
    (0.0, 0.5, 0.6931471805599453094172321, 0.6931471805599453094172321),
    (1.0, 0.7310585786300048792511592, 1.313261687518222834048995, 0.3132616875182228340489955),
    (37.0, 0.9999999999999999146695238, 37.00000000000000008533048, 8.533047625744065802e-17),
    (-37.0, 8.533047625744065438290e-17, 8.533047625744065802e-17, 37.00000000000000008533048),
    (1e3, 1.0, 1000.0, 0.0),  # off by 5e-435: below the smallest number
    (-1e3, 0.0, 0.0, 1000.0),
]
# (Z, softmax, cross-entropy for each label), from Python's decimal likewise: e = z.exp(), s their
# sum, a = e / s; (s / e).ln().
GOLDEN_SOFTMAX = [
    (
        (1.0, 2.0, 3.0),
        (0.09003057317038045799802, 0.2447284710547976524729596, 0.6652409557748218895290183),
        (2.407605964444380304482920, 1.407605964444380304482920, 0.4076059644443803044829199),
    ),
    (
        (37.0, 0.0, 0.0),
        (
            0.9999999999999998293390475,
            8.533047625744064338020014e-17,
            8.533047625744064338020014e-17,
        ),
        (1.706609525148813013229806e-16, 37.00000000000000017066095, 37.00000000000000017066095),
    ),
    (
        (-37.0, 0.0, 0.0),
        (4.266523812872032715106770e-17, 0.4999999999999999786673809, 0.4999999999999999786673809),
        (37.69314718055994535208247, 0.6931471805599453520824703, 0.6931471805599453520824703),
    ),
    ((1e3, 0.0, -1e3), (1.0, 0.0, 0.0), (0.0, 1000.0, 2000.0)),  # off by 5e-435
    ((1e3, 1e3, 1e3), (1 / 3, 1 / 3, 1 / 3), (1.098612288668109691395245,) * 3),
]


@st.composite
def examples(draw: st.DrawFn) -> tuple[Array, Array]:
    """Draw logits and labels, both (1, m)."""
    m = draw(st.integers(1, 20))
    Z = draw(hnp.arrays(np.float64, (1, m), elements=st.floats(-800, 800)))
    Y = draw(hnp.arrays(np.float64, (1, m), elements=st.sampled_from([0.0, 1.0])))
    return Z, Y


def random_problem(n_classes: int) -> tuple[Array, Array, Array, Array]:
    """Return X (7, 5), Y, w and b, as seen in the middle of a training."""
    rng, k = np.random.default_rng(0), n_neurons(n_classes)
    X, w, b = rng.random((7, 5)), rng.normal(size=(7, k)), rng.normal(size=(k, 1))
    return X, one_hot(by_turns(5, n_classes), n_classes), w, b


@pytest.mark.parametrize(("z", "a", "loss_0", "loss_1"), GOLDEN)
def test_golden_values(z: float, a: float, loss_0: float, loss_1: float) -> None:
    """Sigmoid, and both losses for both labels, to a few roundings, and without a warning."""
    assert float(sigmoid(np.array([[z]]))[0, 0]) == pytest.approx(a, rel=2 * EPS, abs=0)
    Z, Y = np.array([[z, z]]), np.array([[0.0, 1.0]])
    entropy, squared = cross_entropy(Z, Y)[0].tolist(), squared_error(Z, Y)[0].tolist()
    assert entropy == pytest.approx([loss_0, loss_1], rel=EPS, abs=abs(z) * EPS)
    assert squared == pytest.approx([a**2 / 2, (1 - a) ** 2 / 2], rel=8 * EPS, abs=EPS**2)


@pytest.mark.parametrize(("Z", "A", "losses"), GOLDEN_SOFTMAX)
def test_golden_values_of_softmax(
    Z: tuple[float, ...], A: tuple[float, ...], losses: tuple[float, ...]
) -> None:
    """The probabilities, and the loss for each label, to a few roundings, also next to 0."""
    column = np.array(Z).reshape(3, 1)
    assert softmax(column)[:, 0].tolist() == pytest.approx(A, rel=4 * EPS, abs=0)
    found = softmax_cross_entropy(np.tile(column, 3), np.eye(3))  # an example of each class
    assert found.shape == (1, 3)
    assert found[0].tolist() == pytest.approx(losses, rel=4 * EPS, abs=0)


@given(st.floats())
def test_sigmoid_of_anything_is_a_probability(z: float) -> None:
    """Any number, infinite ones included, gives a number from 0 to 1; nan stays nan."""
    a = float(sigmoid(np.array([[z]]))[0, 0])
    assert 0 <= a <= 1 or (np.isnan(z) and np.isnan(a))


@given(st.floats(-800, 800))
def test_sigmoid_is_symmetric(z: float) -> None:
    """sigmoid(-z) = 1 - sigmoid(z), to a rounding of 1."""
    Z = np.array([[z]])
    assert abs(float((sigmoid(-Z) - (1 - sigmoid(Z)))[0, 0])) <= EPS


@given(examples())
def test_sigmoid_in_place_is_the_same(example: tuple[Array, Array]) -> None:
    """`out` saves memory and changes nothing else; without it Z is left alone."""
    Z, _ = example
    kept = Z.copy()
    A = sigmoid(Z)
    assert np.array_equal(Z, kept)
    assert sigmoid(Z, out=Z) is Z
    assert np.array_equal(Z, A)


@given(st.integers(1, 5), st.integers(1, 4), st.floats(-600, 600), st.integers(0, 99))
def test_softmax_gives_probabilities_and_heeds_no_constant(
    k: int, m: int, constant: float, seed: int
) -> None:
    """They add up to 1; what is added to all logits of an example changes neither A nor its loss.

    `out` may be the logits themselves, also of several trainings at once.
    """
    rng = np.random.default_rng(seed)
    Z, Y = rng.normal(0, 5, (2, k, m)), np.eye(k)[rng.integers(0, k, m)].T
    A = softmax(Z)
    assert A.sum(axis=1) == pytest.approx(np.ones((2, m)), rel=4 * EPS)
    assert softmax(Z + constant) == pytest.approx(A, abs=1e-12)
    loss = softmax_cross_entropy(Z, Y)
    assert softmax_cross_entropy(Z + constant, Y) == pytest.approx(loss, abs=1e-12)
    assert np.array_equal(softmax(Z[1]), A[1])
    assert softmax(Z, out=Z) is Z
    assert np.array_equal(Z, A)


def test_one_neuron_has_a_sigmoid_and_several_the_softmax() -> None:
    """Of two neurons it is the sigmoid of their logits' difference."""
    Z = np.linspace(-9, 9, 21).reshape(1, -1)
    assert np.array_equal(activation(Z), sigmoid(Z))
    both = activation(np.concatenate([Z, np.zeros_like(Z)]))
    assert both[:1] == pytest.approx(sigmoid(Z), rel=8 * EPS)
    assert both[1:] == pytest.approx(sigmoid(-Z), rel=8 * EPS)
    assert [n_neurons(n_classes) for n_classes in (2, 3, 1000)] == [1, 3, 1000]


def test_one_hot_labels_are_the_slides_Y() -> None:
    """Of two classes the labels themselves; of more a row a class, in which its own are 1."""
    labels = np.array([2, 0, 1, 0], np.uint8)
    assert one_hot(labels, 3).tolist() == [[0, 1, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]]
    assert one_hot(labels[1:], 2).tolist() == [[0, 1, 0]]


def test_cross_entropy_is_the_slides() -> None:
    """Where log(A) is harmless, the loss from the logit is -(Y log A + (1 - Y) log(1 - A))."""
    Z = np.linspace(-5, 5, 101).reshape(1, -1)
    A = sigmoid(Z)
    for y in (0.0, 1.0):
        slide = -(y * np.log(A) + (1 - y) * np.log(1 - A))
        np.testing.assert_allclose(cross_entropy(Z, np.full_like(Z, y)), slide, rtol=1e-12)


@given(loss=any_loss, example=examples())
def test_cost_is_finite_and_not_negative(loss: LossName, example: tuple[Array, Array]) -> None:
    """No logit, however far out, makes a cost infinite, nan or negative."""
    J = cost(*example, loss)
    assert np.isfinite(J)
    assert J >= 0


@both_losses
def test_dZ_equals_central_differences(loss: LossName) -> None:
    """The derivative of each example's loss by its logit is that of the loss itself."""
    Z, h = np.linspace(-8, 8, 161).reshape(1, -1), 1e-5
    for y in (0.0, 1.0):
        Y = np.full_like(Z, y)
        numeric = (LOSSES[loss].value(Z + h, Y) - LOSSES[loss].value(Z - h, Y)) / (2 * h)
        np.testing.assert_allclose(LOSSES[loss].dZ(sigmoid(Z), Y), numeric, rtol=0, atol=1e-9)


@every_loss
@pytest.mark.parametrize("l2", [0.0, 0.7])
def test_gradients_equal_central_differences(loss: LossName, n_classes: int, l2: float) -> None:
    """Dw (with the penalty's l2 * w) and db are the slopes of the cost along each axis."""
    X, Y, w, b = random_problem(n_classes)
    h, of = 1e-5, loss_of(loss, len(Y))

    def J(w: Array, b: Array) -> float:
        return cost(forward(w, b, X), Y, loss, l2 / 2 * float(np.vdot(w, w)))

    dw, db = backward(X, of.dZ(of.activation(forward(w, b, X), None), Y))
    assert (dw.shape, db.shape) == (w.shape, b.shape)
    for at in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[at] = h
        slope = (J(w + step, b) - J(w - step, b)) / (2 * h)
        assert dw[at] + l2 * w[at] == pytest.approx(slope, rel=0, abs=1e-9)
    for at in np.ndindex(b.shape):
        step = np.zeros_like(b)
        step[at] = h
        slope = (J(w, b + step) - J(w, b - step)) / (2 * h)
        assert db[at] == pytest.approx(slope, rel=0, abs=1e-9)


@given(st.integers(2, 5), st.integers(0, 99))
def test_softmax_bends_by_a_half_at_most(k: int, seed: int) -> None:
    """No second derivative in any direction exceeds it; that of two equal logits reaches it."""
    A = softmax(np.random.default_rng(seed).normal(0, 3, (k, 1)))
    bends = np.linalg.eigvalsh(np.diagflat(A) - A @ A.T)
    assert bends.max() <= SOFTMAX_LOSS.curvature + EPS
    Z = np.array([[0.0], [0.0], [-99.0]])
    A = softmax(Z)
    assert np.linalg.eigvalsh(np.diagflat(A) - A @ A.T).max() == pytest.approx(1 / 2)


@both_losses
def test_curvature_is_the_sharpest_bend(loss: LossName) -> None:
    """No second derivative on a fine grid exceeds the constant, which exceeds none by 0.2 %."""
    h = 1e-3
    Z = np.arange(-20, 20, h).reshape(1, -1)
    bends = []
    for y in (0.0, 1.0):
        losses = LOSSES[loss].value(Z, np.full_like(Z, y))[0]
        bends.append(np.abs(np.diff(losses, 2)).max() / h**2)
    assert bends[0] == pytest.approx(bends[1], abs=1e-6)
    # Losses near 20 are off by 2e-15; divided by h^2 that is 1e-8 at most.
    assert max(bends) <= LOSSES[loss].curvature + 1e-6
    assert max(bends) >= LOSSES[loss].curvature * 0.998


def test_every_loss_name_has_a_loss() -> None:
    """What the type promises and what the table holds are the same names."""
    assert set(get_args(LossName)) == set(LOSSES)
    assert all(loss_of(name, 1) is LOSSES[name] for name in LOSSES)
    assert loss_of("cross-entropy", 3) is SOFTMAX_LOSS


def test_several_neurons_have_no_other_loss() -> None:
    """Asked for one, by its name or in a problem, no other is computed in its place."""
    with pytest.raises(ValueError, match="of 3 neurons must be cross-entropy, got 'squared-error'"):
        loss_of("squared-error", 3)
    with pytest.raises(ValueError, match="of 4 neurons must be cross-entropy, got 'squared-error'"):
        problem_of(5, 6, "squared-error", n_classes=4)


def test_cost_adds_the_penalty_once() -> None:
    """The penalty is not divided by m: it belongs to the cost, not to an example."""
    Z, Y = np.zeros((1, 4)), np.array([[0.0, 1.0, 0.0, 1.0]])
    assert cost(Z, Y) == pytest.approx(np.log(2), rel=EPS)
    assert cost(Z, Y, penalty=0.25) == pytest.approx(np.log(2) + 0.25, rel=EPS)
    assert cost(Z, Y, "squared-error", 0.25) == pytest.approx(1 / 8 + 0.25, rel=EPS)


@given(n_classes=st.integers(2, 5), data=st.data())
def test_balanced_weights_make_all_classes_count_alike(n_classes: int, data: st.DataObject) -> None:
    """Each example ``m / (classes m_class)``, 1 on average; where a class is absent all 1."""
    drawn = data.draw(st.lists(st.integers(0, n_classes - 1), min_size=1, max_size=30))
    labels = np.array(drawn, np.uint8)
    m, m_class = labels.size, np.bincount(labels, minlength=n_classes)
    found = np.broadcast_to(example_weights(labels, n_classes, "balanced"), (1, m))[0]
    assert found.mean() == pytest.approx(1)
    if m_class.all():
        assert found == pytest.approx(m / (n_classes * m_class[labels]))
        sums = [found[labels == label].sum() for label in range(n_classes)]
        assert sums == pytest.approx([m / n_classes] * n_classes)
    else:
        assert found.tolist() == [1.0] * m
    assert example_weights(labels, n_classes, "none").tolist() == [[1.0]]


@given(n=st.integers(1, 3 * DOT_NUMBERS), seed=st.integers(0, 99))
def test_a_dot_product_of_any_length_is_the_sum_of_products(n: int, seed: int) -> None:
    """It is taken in parts, each below the length at which threads share a product."""
    v, w = np.random.default_rng(seed).normal(size=(2, n))
    assert dot(v, w) == pytest.approx(math.fsum(v * w), abs=1e-9)


def test_the_penalty_is_half_of_l2_times_the_squared_length() -> None:
    """And 0 without l2, however long w is."""
    w = np.array([[3.0], [-4.0]])
    assert l2_penalty(w, 0.2) == pytest.approx(2.5)
    assert l2_penalty(np.concatenate([w, w], axis=1), 0.2) == pytest.approx(5.0)
    assert l2_penalty(1e200 * w, 0.0) == 0.0

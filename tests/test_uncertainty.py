"""Intervals hold the truth as often as they say; verdicts and tests are their definitions."""

from collections.abc import Sequence
from itertools import combinations_with_replacement, pairwise, product
from math import comb, factorial, prod, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.metrics import Confusion
from catclf.uncertainty import (
    Judged,
    balanced_interval,
    calibration,
    mcnemar_p,
    wilson_interval,
)


def by_recall(right: Sequence[int], examples: Sequence[int]) -> Confusion:
    """Return a confusion with so many right of each class; the others are taken for the next."""
    wrong = np.subtract(examples, right)
    return Confusion(np.diag(right) + np.roll(np.diag(wrong), 1, axis=1))


def score_bound(correct: int, total: int, low: float, high: float) -> float:
    """Solve (p_hat - p)^2 = z^2 p (1 - p) / total for p between low and high, by bisection."""
    z, p_hat = 1.959963984540054, correct / total

    def excess(p: float) -> float:
        return abs(p_hat - p) - z * sqrt(p * (1 - p) / total)

    outside, inside = (low, high) if low != p_hat else (high, low)
    for _ in range(200):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if excess(middle) > 0 else (outside, middle)
    return inside


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 0, 0, 1),  # without an example any accuracy is possible
    ],
)
def test_wilson_interval_is_the_published_one(
    correct: int, total: int, low: float, high: float
) -> None:
    """The bounds are those of the literature, to its four decimals."""
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5.1e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_solves_the_score_equation(counted: tuple[int, int]) -> None:
    """Its bounds are the proportions that a score test at 5 % only just does not reject.

    It lies within [0, 1], holds correct / total, and has a width.
    """
    correct, total = counted
    p_hat = correct / total
    low, high = wilson_interval(correct, total)
    assert low == pytest.approx(score_bound(correct, total, 0, p_hat) if correct else 0, abs=1e-9)
    upper = score_bound(correct, total, p_hat, 1) if correct < total else 1
    assert high == pytest.approx(upper, abs=1e-9)
    assert 0 <= low <= p_hat <= high <= 1
    assert low < high


@pytest.mark.parametrize(
    ("right", "examples", "low", "high"),
    [
        ((8, 25), (17, 33), 0.474694, 0.741848),
        ((3, 3), (3, 3), 0.552082, 1.0),
        ((50, 0), (50, 5), 0.430864, 0.692762),
        ((19, 90), (20, 100), 0.833441, 0.967807),
        ((0, 5), (1, 5), 0.298696, 0.891781),
    ],
)
def test_the_balanced_interval_is_agrestis_and_caffos(
    right: tuple[int, int], examples: tuple[int, int], low: float, high: float
) -> None:
    """Golden values: the Wald interval of a difference, an example of each kind added a class."""
    assert balanced_interval(by_recall(right, examples)) == pytest.approx((low, high), abs=1e-6)
    assert balanced_interval(by_recall((0, 5), (0, 6))) is None


@pytest.mark.parametrize("sizes", [(3, 3), (2, 30), (10, 10), (5, 50)])
@pytest.mark.parametrize("recalls", [(0.5, 0.5), (0.9, 0.1), (0.9, 0.6), (0.8, 0.8), (0.97, 0.9)])
def test_the_balanced_interval_nearly_always_holds_the_truth(
    sizes: tuple[int, int], recalls: tuple[float, float]
) -> None:
    """In about 95 of 100 cases, of few examples and of unequal classes too: counted exactly."""
    truth, held = sum(recalls) / 2, 0.0
    for right in product(*(range(n + 1) for n in sizes)):
        chance = prod(
            comb(n, k) * p**k * (1 - p) ** (n - k)
            for n, k, p in zip(sizes, right, recalls, strict=True)
        )
        interval = balanced_interval(by_recall(right, sizes))
        assert interval is not None
        low, high = interval
        held += chance * (low <= truth <= high)
    assert held > 0.92


@pytest.mark.parametrize(
    ("right", "examples", "low", "high"),
    [
        ((8, 9, 3), (10, 10, 10), 0.499908, 0.794210),
        ((2, 2, 1), (2, 2, 2), 0.377094, 1.0),
        ((5, 0, 40, 1), (10, 5, 50, 1), 0.296337, 0.767389),
    ],
)
def test_the_balanced_interval_of_more_classes(
    right: tuple[int, ...], examples: tuple[int, ...], low: float, high: float
) -> None:
    """Golden values: Price and Bonett's center, and the unbiased variance of each recall."""
    assert balanced_interval(by_recall(right, examples)) == pytest.approx((low, high), abs=1e-6)
    assert balanced_interval(by_recall((*right, 0), (*examples, 0))) is None


@pytest.mark.parametrize("recall", [0.6, 0.9, 0.98])
@pytest.mark.parametrize(("n_classes", "n"), [(3, 2), (3, 5), (20, 2), (100, 1)])
def test_the_balanced_interval_of_more_classes_nearly_always_holds_the_truth(
    n_classes: int, n: int, recall: float
) -> None:
    """Of many classes with few examples too: counted exactly, of equal recalls and sizes."""
    of_one = [comb(n, k) * recall**k * (1 - recall) ** (n - k) for k in range(n + 1)]
    held = 0.0
    for right in combinations_with_replacement(range(n + 1), n_classes):
        times = [right.count(k) for k in range(n + 1)]
        ways = factorial(n_classes) // prod(map(factorial, times))
        interval = balanced_interval(by_recall(right, (n,) * n_classes))
        assert interval is not None
        chance = ways * prod(p**k for p, k in zip(of_one, times, strict=True))
        held += chance * (interval[0] <= recall <= interval[1])
    assert held > 0.93


@pytest.mark.parametrize(
    ("interval", "value", "verdict", "weak"),
    [
        ((0.51, 0.6), 0.55, "surely above the majority class (50.00 %)", True),
        ((0.5, 0.6), 0.55, "not surely above the majority class (50.00 %)", True),
        ((0.4, 0.5), 0.45, "not surely above the majority class (50.00 %)", True),
        ((0.3, 0.49), 0.4, "surely below the majority class (50.00 %)", True),
        ((0.6, 0.9), 0.75, "surely above the majority class (50.00 %)", False),
        ((0.4, 1.0), 0.9, "not surely above the majority class (50.00 %)", False),
    ],
)
def test_a_verdict_is_one_of_three(
    interval: tuple[float, float], value: float, verdict: str, weak: bool
) -> None:
    """Surely above or below is the whole interval; weak is nearer to the constant than to 1."""
    judged = Judged("accuracy", value, interval, 0.5, 2)
    assert (judged.verdict, judged.weak) == (verdict, weak)
    assert judged.surely_better == verdict.startswith("surely above")
    assert judged.surely_worse == verdict.startswith("surely below")
    assert Judged("balanced accuracy", value, interval, 0.5, 2).verdict == verdict.replace(
        "the majority class", "chance"
    )


@pytest.mark.parametrize(
    ("name", "n_classes", "constant_class"),
    [
        ("accuracy", 2, "the more frequent class"),
        ("accuracy", 3, "the most frequent class"),
        ("balanced accuracy", 2, "one class"),
        ("balanced accuracy", 3, "one class"),
    ],
)
def test_what_always_predicts_one_class(name: str, n_classes: int, constant_class: str) -> None:
    """Two classes are compared, of more one is the most frequent; by chance it may be any."""
    judged = Judged(name, 0.5, (0.4, 0.6), 1 / n_classes, n_classes)
    assert judged.constant_class == constant_class


@given(first=st.integers(0, 200), second=st.integers(0, 200))
def test_mcnemar_is_the_exact_sign_test(first: int, second: int) -> None:
    """Twice the smaller tail of a fair coin's throws, at most 1; and symmetric."""
    n, fewer = first + second, min(first, second)
    tail = sum(comb(n, k) for k in range(fewer + 1)) / 2**n
    assert mcnemar_p(first, second) == pytest.approx(min(1, 2 * tail), rel=1e-12)
    assert mcnemar_p(first, second) == mcnemar_p(second, first)


def test_mcnemar_golden() -> None:
    """Values of R's binom.test(x, n)$p.value."""
    assert mcnemar_p(1, 9) == pytest.approx(0.021484375)
    assert mcnemar_p(0, 0) == 1
    assert mcnemar_p(5000, 5400) == pytest.approx(9.1e-05, rel=0.02)


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1), st.integers(1, 12))
def test_calibration_bins_divide_the_examples(pairs: list[tuple[int, float]], bins: int) -> None:
    """Every example is in one bin; their sizes differ by one at most; probabilities ascend."""
    labels = np.array([label for label, _ in pairs], dtype=np.uint8)
    probabilities = np.array([probability for _, probability in pairs])
    found = calibration(labels, probabilities, bins)
    assert sum(each.count for each in found) == labels.size
    assert max(each.count for each in found) - min(each.count for each in found) <= 1
    assert len(found) == min(bins, labels.size)
    means = [each.probability for each in found]
    assert all(a <= b + 1e-9 for a, b in pairwise(means))
    positives = sum(each.fraction * each.count for each in found)
    assert positives == pytest.approx(np.count_nonzero(labels))


def test_calibration_by_hand() -> None:
    """Of the lower half one in two is positive, of the upper half both."""
    low, high = calibration(np.array([1, 0, 1, 1], np.uint8), np.array([0.2, 0.1, 0.9, 0.7]), 2)
    assert (low.count, low.fraction, low.interval) == (2, 0.5, wilson_interval(1, 2))
    assert (high.count, high.fraction, high.interval) == (2, 1.0, wilson_interval(2, 2))
    assert [low.probability, high.probability] == pytest.approx([0.15, 0.8])

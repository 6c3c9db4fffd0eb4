"""Counts and rates are those of their definitions."""

from itertools import pairwise, product
from math import comb, isnan, log, prod, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from catclf.metrics import (
    Confusion,
    Judged,
    area_under_curve,
    areas_under_curves,
    balanced_interval,
    calibration,
    confusion,
    class_shares,
    constant_log_loss,
    mcnemar_p,
    wilson_interval,
)

Labels = NDArray[np.uint8]
Scores = NDArray[np.float64]
label_pairs = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=40)


@st.composite
def scored(draw: st.DrawFn) -> tuple[Labels, Scores]:
    """Draw labels and scores, (m,) both; half of the time the scores have ties."""
    m = draw(st.integers(1, 30))
    labels = draw(hnp.arrays(np.uint8, m, elements=st.integers(0, 1)))
    values = draw(st.sampled_from([st.integers(-2, 2).map(float), st.floats(-1e6, 1e6)]))
    return labels, draw(hnp.arrays(np.float64, m, elements=values))


def outcomes(
    true_positives: int, false_positives: int, false_negatives: int, true_negatives: int
) -> Confusion:
    """Return the confusion of two classes that has these counts."""
    return Confusion(
        np.array([[true_negatives, false_positives], [false_negatives, true_positives]])
    )


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


@given(label_pairs)
def test_confusion_counts_each_outcome(pairs: list[tuple[int, int]]) -> None:
    """Each of the four counts is what counting by hand gives; together they are m."""
    labels = np.array([y for y, _ in pairs], dtype=np.uint8)
    predicted = np.array([said for _, said in pairs], dtype=np.uint8)
    counts = confusion(labels, predicted)
    assert counts.true_positives == pairs.count((1, 1))
    assert counts.false_positives == pairs.count((0, 1))
    assert counts.false_negatives == pairs.count((1, 0))
    assert counts.true_negatives == pairs.count((0, 0))
    assert counts.total == len(pairs)
    assert counts.correct == sum(y == said for y, said in pairs)


def test_rates_are_their_definitions() -> None:
    """The course's test split: 50 pictures, 33 cats, 35 right."""
    counts = outcomes(true_positives=23, false_positives=5, false_negatives=10, true_negatives=12)
    assert counts.accuracy == 35 / 50
    assert counts.precision == 23 / 28
    assert counts.recall == 23 / 33
    precision, recall = 23 / 28, 23 / 33
    assert counts.f1 == pytest.approx(2 * precision * recall / (precision + recall), rel=1e-15)


def test_rates_without_a_denominator_are_none() -> None:
    """A rate of nothing is None: not 0, not 1, not nan, and no warning."""
    nothing = outcomes(0, 0, 0, 0)
    assert (nothing.accuracy, nothing.precision, nothing.recall, nothing.f1) == (None,) * 4
    none_predicted = outcomes(0, 0, 3, 4)
    assert (none_predicted.precision, none_predicted.recall) == (None, 0)
    none_positive = outcomes(0, 2, 0, 4)
    assert (none_positive.precision, none_positive.recall) == (0, None)
    all_negative = outcomes(0, 0, 0, 4)
    assert (all_negative.accuracy, all_negative.f1) == (1, None)


def test_confusion_refuses_unequal_shapes() -> None:
    """Labels and predictions of different pictures are not compared, not even by broadcasting."""
    with pytest.raises(ValueError, match=r"\(3,\) and \(1,\)"):
        confusion(np.zeros(3, np.uint8), np.zeros(1, np.uint8))


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


@given(hnp.arrays(np.uint8, st.integers(1, 40), elements=st.integers(0, 1)))
def test_majority_rate_is_the_better_constant_answer(labels: Labels) -> None:
    """It is the accuracy of the better of the two classifiers that look at nothing."""
    constant = [confusion(labels, np.full_like(labels, answer)).accuracy for answer in (0, 1)]
    assert class_shares(labels, 2).max() == pytest.approx(max(a for a in constant if a is not None))


@given(scored())
def test_auc_is_the_share_of_ordered_pairs(example: tuple[Labels, Scores]) -> None:
    """It is, exactly, the share of (positive, negative) pairs in order, ties counting half."""
    labels, scores = example
    positives, negatives = scores[labels == 1], scores[labels == 0]
    wins = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
    pairs = len(positives) * len(negatives)
    assert area_under_curve(labels, scores) == (wins / pairs if pairs else None)


@given(example=scored())
def test_areas_of_rows_are_those_of_each(example: tuple[Labels, Scores]) -> None:
    """Many rows at once, ties and all; nan where a class is absent, and there is no pair."""
    labels, scores = example
    rows = np.stack([scores, -scores, np.zeros_like(scores)])
    areas = areas_under_curves(np.tile(labels, (3, 1)), rows)
    for row, area in zip(rows, areas, strict=True):
        alone = area_under_curve(labels, row)
        assert (alone is None and isnan(area)) or alone == area


def test_balanced_accuracy_sees_what_accuracy_does_not() -> None:
    """Ten against two, none of the two found: F1 and accuracy look well, this is a half."""
    counts = outcomes(true_positives=10, false_positives=2, false_negatives=0, true_negatives=0)
    assert counts.f1 == pytest.approx(0.909, abs=1e-3)
    assert (counts.recall, counts.specificity, counts.balanced_accuracy) == (1, 0, 0.5)
    assert outcomes(1, 0, 0, 0).balanced_accuracy is None


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        (outcomes(25, 9, 8, 8), 0.474694, 0.741848),
        (outcomes(3, 0, 0, 3), 0.552082, 1.0),
        (outcomes(0, 0, 5, 50), 0.430864, 0.692762),
        (outcomes(90, 1, 10, 19), 0.833441, 0.967807),
        (outcomes(5, 1, 0, 0), 0.298696, 0.891781),
    ],
)
def test_the_balanced_interval_is_agrestis_and_caffos(
    counts: Confusion, low: float, high: float
) -> None:
    """Golden values: the Wald interval of a difference, an example of each kind added a class."""
    assert balanced_interval(counts) == pytest.approx((low, high), abs=1e-6)
    assert balanced_interval(outcomes(5, 0, 1, 0)) is None


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
        (negatives, positives), (found, hit) = sizes, right
        interval = balanced_interval(outcomes(hit, negatives - found, positives - hit, found))
        assert interval is not None
        low, high = interval
        held += chance * (low <= truth <= high)
    assert held > 0.92


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
    judged = Judged("accuracy", value, interval, 0.5)
    assert (judged.verdict, judged.weak) == (verdict, weak)
    assert judged.surely_better == verdict.startswith("surely above")
    assert judged.surely_worse == verdict.startswith("surely below")
    assert Judged("balanced accuracy", value, interval, 0.5).verdict == verdict.replace(
        "the majority class", "chance"
    )


def test_the_constants_log_loss_is_the_entropy() -> None:
    """Of one class alone it is 0; of both alike log 2."""
    assert constant_log_loss(np.array([0, 1, 1, 0], np.uint8)) == pytest.approx(log(2))
    assert constant_log_loss(np.array([1, 1], np.uint8)) == 0
    assert constant_log_loss(np.array([0, 0, 0, 1], np.uint8)) == pytest.approx(0.5623351446)


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


@given(scored(), st.integers(1, 12))
def test_calibration_bins_divide_the_examples(example: tuple[Labels, Scores], bins: int) -> None:
    """Every example is in one bin; their sizes differ by one at most; probabilities ascend."""
    labels, probabilities = example
    found = calibration(labels, probabilities, bins)
    assert sum(each.count for each in found) == labels.size
    assert max(each.count for each in found) - min(each.count for each in found) <= 1
    assert len(found) == min(bins, labels.size)
    means = [each.probability for each in found]
    assert all(a <= b + 1e-9 * (1 + abs(b)) for a, b in pairwise(means))
    positives = sum(each.fraction * each.count for each in found)
    assert positives == pytest.approx(np.count_nonzero(labels))


def test_calibration_by_hand() -> None:
    """Of the lower half one in two is positive, of the upper half both."""
    low, high = calibration(np.array([1, 0, 1, 1], np.uint8), np.array([0.2, 0.1, 0.9, 0.7]), 2)
    assert (low.count, low.fraction, low.interval) == (2, 0.5, wilson_interval(1, 2))
    assert (high.count, high.fraction, high.interval) == (2, 1.0, wilson_interval(2, 2))
    assert [low.probability, high.probability] == pytest.approx([0.15, 0.8])

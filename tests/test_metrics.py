"""Counts and rates are those of their definitions."""

from collections.abc import Sequence
from itertools import combinations_with_replacement, pairwise, product
from math import comb, factorial, isnan, log, prod, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from catclf.logistic import one_hot, softmax
from catclf.metrics import (
    Confusion,
    Judged,
    area_under_curve,
    areas_under_curves,
    balanced_interval,
    calibration,
    class_shares,
    confusion,
    constant_log_loss,
    mcnemar_p,
    mean_of,
    wilson_interval,
)
from catclf.model import predicted_labels
from catclf.splits import as_labels

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


@given(pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_a_row_a_label_and_a_column_a_class_predicted(pairs: list[tuple[int, int]]) -> None:
    """Of four classes each cell is what counting by hand gives; the most confused stand first."""
    labels, predicted = np.array(pairs, dtype=np.uint8).reshape(-1, 2).T
    counts = confusion(labels, predicted, 4)
    by_hand = [[pairs.count((y, said)) for said in range(4)] for y in range(4)]
    assert counts.matrix.tolist() == by_hand
    assert counts.examples == [sum(row) for row in by_hand]
    mistakes = {(y, said, pairs.count((y, said))) for y, said in pairs if y != said}
    confused = counts.most_confused(12)
    assert (len(confused), set(confused)) == (len(mistakes), mistakes)
    assert confused == sorted(confused, key=lambda pair: (-pair[2], *pair[:2]))
    assert counts.most_confused(1) == confused[:1]


def test_rates_of_three_classes_are_their_definitions() -> None:
    """Of each class against the others; and the macro averages their means."""
    counts = Confusion(np.array([[4, 1, 0], [2, 2, 0], [1, 0, 0]]))
    assert (counts.accuracy, counts.balanced_accuracy) == (0.6, (4 / 5 + 2 / 4 + 0) / 3)
    assert counts.recalls == [4 / 5, 2 / 4, 0]
    assert counts.precisions == [4 / 7, 2 / 3, None]
    assert counts.f1s == [8 / 12, 4 / 7, 0]
    assert counts.macro_precision is None
    assert counts.macro_f1 == pytest.approx((8 / 12 + 4 / 7 + 0) / 3)
    absent = Confusion(np.array([[4, 1, 0], [2, 2, 1], [0, 0, 0]]))
    assert (absent.recalls[2], absent.precisions[2], absent.f1s[2]) == (None, 0, 0)
    undefined = (absent.balanced_accuracy, absent.macro_precision, absent.macro_f1)
    assert (*undefined, balanced_interval(absent)) == (None,) * 4


def test_metrics_are_scikit_learns() -> None:
    """Of five classes, by an implementation that many trust."""
    theirs = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 200).astype(np.uint8)
    probabilities = softmax(rng.normal(size=(5, 200)) + 2 * one_hot(labels, 5)).T
    predicted = predicted_labels(probabilities)
    counts = confusion(labels, predicted, 5)
    assert counts.matrix.tolist() == theirs.confusion_matrix(labels, predicted).tolist()
    assert counts.accuracy == theirs.accuracy_score(labels, predicted)
    ours = (counts.recalls, counts.precisions, counts.f1s)
    scores = (theirs.recall_score, theirs.precision_score, theirs.f1_score)
    for rates, score in zip(ours, scores, strict=True):
        assert rates == pytest.approx(score(labels, predicted, average=None), rel=1e-12)
        assert mean_of(rates) == pytest.approx(score(labels, predicted, average="macro"))
    balanced = theirs.balanced_accuracy_score(labels, predicted)
    assert counts.balanced_accuracy == pytest.approx(balanced, rel=1e-12)
    aucs = [area_under_curve((labels == i).astype(np.uint8), probabilities[:, i]) for i in range(5)]
    auc = theirs.roc_auc_score(labels, probabilities, multi_class="ovr")
    assert mean_of(aucs) == pytest.approx(auc, rel=1e-12)
    shares = class_shares(labels, 5)
    constant = theirs.log_loss(labels, np.tile(shares, (200, 1)))
    assert constant_log_loss(shares) == pytest.approx(constant, rel=1e-12)


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


@given(st.integers(2, 4), st.data())
def test_shares_are_the_accuracies_of_constant_answers(n_classes: int, data: st.DataObject) -> None:
    """Each is the accuracy of the classifier that looks at nothing and predicts this class."""
    label = st.integers(0, n_classes - 1)
    labels = data.draw(hnp.arrays(np.uint8, st.integers(1, 40), elements=label))
    constant = [
        confusion(labels, np.full_like(labels, answer), n_classes).accuracy
        for answer in range(n_classes)
    ]
    assert class_shares(labels, n_classes).tolist() == pytest.approx(constant)


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
    """Any rows at once, ties and all; nan where a class is absent, and there is no pair."""
    labels, scores = example
    rows = np.stack([scores, -scores, np.zeros_like(scores)])
    areas = areas_under_curves(np.tile(labels, (3, 1)), rows)
    turned = areas_under_curves(labels, np.stack([rows[::-1], rows]))  # labels of every row
    np.testing.assert_array_equal(turned, [areas[::-1], areas])
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


def test_the_constants_log_loss_is_the_entropy() -> None:
    """Of one class alone it is 0; of both alike log 2."""
    for labels, n_classes, entropy in (
        ([0, 1, 1, 0], 2, log(2)),
        ([1, 1], 2, 0),
        ([0, 0, 0, 1], 2, 0.5623351446),
        ([0, 2, 1], 3, log(3)),
        ([2, 2, 0, 0], 3, log(2)),
    ):
        shares = class_shares(np.array(labels, np.uint8), n_classes)
        assert constant_log_loss(shares) == pytest.approx(entropy)


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


@pytest.mark.parametrize("name", ["true_positives", "precision", "recall", "specificity", "f1"])
def test_of_more_classes_none_is_positive(name: str) -> None:
    """What was written for two classes does not go on with the numbers of the second of three."""
    counts = confusion(as_labels([0, 1, 2], 3), as_labels([0, 1, 1], 3), 3)
    with pytest.raises(ValueError, match="see recalls, precisions and f1s of these 3"):
        getattr(counts, name)

"""Counts and rates are those of their definitions."""

from math import isnan, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from catclf.classes import as_labels
from catclf.logistic import one_hot, softmax
from catclf.metrics import (
    Confusion,
    area_under_curve,
    areas_under_curves,
    class_shares,
    confusion,
    constant_log_loss,
    mean_of,
)
from catclf.model import predicted_labels

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
    assert undefined == (None,) * 3


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


@pytest.mark.parametrize("name", ["true_positives", "precision", "recall", "specificity", "f1"])
def test_of_more_classes_none_is_positive(name: str) -> None:
    """What was written for two classes does not go on with the numbers of the second of three."""
    counts = confusion(as_labels([0, 1, 2], 3), as_labels([0, 1, 1], 3), 3)
    with pytest.raises(ValueError, match="see recalls, precisions and f1s of these 3"):
        getattr(counts, name)

"""How good predictions are: counts, rates, and ranks.

Labels and predictions are flat arrays of m entries, the indices of classes; `scores` are logits or
probabilities of the positive class, or of whatever class is held against the rest, with the label 1
then. A rate whose denominator is 0 is None, never a made-up number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, log

import numpy as np
from numpy.typing import NDArray

from catclf.logistic import Array, Labels, by_class, one_hot, softmax


@dataclass(frozen=True, eq=False)
class Confusion:
    """How many examples of each class are predicted to be of each class.

    Lists are in the order of the labels. The four outcomes, and the rates in the singular, are of
    the positive one of two classes, whose label is 1; of more classes they raise ValueError.

    Parameters
    ----------
    matrix
        (classes, classes): a row for each label, a column for each class predicted.
    """

    matrix: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"<Confusion of {len(self.matrix)} classes: {self.correct} of {self.total} right>"

    @property
    def total(self) -> int:
        """The number of examples."""
        return int(self.matrix.sum())

    @property
    def correct(self) -> int:
        """The number of examples predicted right."""
        return int(self.matrix.trace())

    @property
    def accuracy(self) -> float | None:
        """Fraction of the examples predicted right."""
        return _ratio(self.correct, self.total)

    @property
    def examples(self) -> list[int]:
        """Of each class, the number of its examples."""
        counts: list[int] = self.matrix.sum(axis=1).tolist()
        return counts

    @property
    def recalls(self) -> list[float | None]:
        """Of each class, the fraction of its examples that are predicted to be of it."""
        return _ratios(self.matrix.diagonal(), self.matrix.sum(axis=1))

    @property
    def precisions(self) -> list[float | None]:
        """Of each class, the fraction of the examples predicted to be of it that are."""
        return _ratios(self.matrix.diagonal(), self.matrix.sum(axis=0))

    @property
    def f1s(self) -> list[float | None]:
        """Of each class, the harmonic mean of precision and recall."""
        both = self.matrix.sum(axis=0) + self.matrix.sum(axis=1)
        return _ratios(2 * self.matrix.diagonal(), both)

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of the recalls; None where a class has no example."""
        return mean_of(self.recalls)

    @property
    def macro_precision(self) -> float | None:
        """Mean of the precisions; None where a class has no example, or is never predicted."""
        return mean_of(self.precisions) if all(self.examples) else None

    @property
    def macro_f1(self) -> float | None:
        """Mean of the F1s; None where a class has no example."""
        return mean_of(self.f1s) if all(self.examples) else None

    def most_confused(self, count: int) -> list[tuple[int, int, int]]:
        """Return a label, the class predicted instead, and how often, at most `count` of these.

        The most frequent first.
        """
        mistakes = self.matrix - np.diag(self.matrix.diagonal())
        order = np.argsort(-mistakes, axis=None, kind="stable")[:count]
        labels, predicted = np.unravel_index(order, mistakes.shape)
        found = zip(labels.tolist(), predicted.tolist(), mistakes.flat[order].tolist(), strict=True)
        return [pair for pair in found if pair[-1]]

    @property
    def confused_pairs(self) -> int:
        """How many pairs of a label and another class predicted there are."""
        return int(np.count_nonzero(self.matrix) - np.count_nonzero(self.matrix.diagonal()))

    @property
    def true_positives(self) -> int:
        """How many positives are predicted positive."""
        return self._outcome(1, 1)

    @property
    def false_positives(self) -> int:
        """How many negatives are predicted positive."""
        return self._outcome(0, 1)

    @property
    def false_negatives(self) -> int:
        """How many positives are predicted negative."""
        return self._outcome(1, 0)

    @property
    def true_negatives(self) -> int:
        """How many negatives are predicted negative."""
        return self._outcome(0, 0)

    @property
    def precision(self) -> float | None:
        """Fraction of the predicted positives that are positive."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Fraction of the positives that are predicted positive."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> float | None:
        """Fraction of the negatives that are predicted negative: the recall of their class."""
        return _ratio(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of the precision and the recall of the positives."""
        wrong = self.false_positives + self.false_negatives
        return _ratio(2 * self.true_positives, 2 * self.true_positives + wrong)

    def _outcome(self, label: int, predicted: int) -> int:
        """Return a count of two classes; ValueError of more, none of which is the positive one."""
        if (n := len(self.matrix)) != 2:
            what = "positives and negatives are of two classes; see recalls, precisions and f1s"
            raise ValueError(f"{what} of these {n}")
        return int(self.matrix[label, predicted])


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _ratios(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> list[float | None]:
    return [_ratio(*each) for each in zip(parts.tolist(), wholes.tolist(), strict=True)]


def mean_of(rates: Sequence[float | None]) -> float | None:
    """Return the mean of the rates of all classes, the macro average; None where one is None."""
    defined = [rate for rate in rates if rate is not None]
    return sum(defined) / len(rates) if len(defined) == len(rates) else None


def confusion(labels: Labels, predicted: Labels, n_classes: int = 2) -> Confusion:
    """Count predictions (m,) against labels (m,)."""
    if labels.shape != predicted.shape:
        raise ValueError(f"shapes must be equal, got {labels.shape} and {predicted.shape}")
    cells = np.ravel_multi_index((labels, predicted), (n_classes, n_classes))
    counts = np.bincount(cells, minlength=n_classes**2)
    return Confusion(counts.reshape(n_classes, n_classes))


def class_shares(labels: Labels, n_classes: int) -> Array:
    """Return the fraction of labels (m,) that each class has: the mean of Y, by class."""
    return by_class(one_hot(labels, n_classes).mean(axis=1, keepdims=True))[:, 0]


def constant_log_loss(shares: Array) -> float:
    """Return the log loss of the same probabilities for all examples: the classes' shares."""
    return float(sum(-p * log(p) for p in shares.tolist() if 0 < p < 1))


def class_scores(Z: Array) -> Array:
    """Return the scores (..., k, m) that tell each class from the rest, given logits (..., k, m).

    Of one neuron the logits: they do not tie where probabilities saturate. Of several the
    probabilities.
    """
    return Z if Z.shape[-2] == 1 else softmax(Z)


def area_under_curve(labels: Labels | Array, scores: Array) -> float | None:
    """Return the chance that a positive scores above a negative, ties counting half.

    It is the area under the ROC curve, from the ranks of the scores (Mann and Whitney, 1947).
    None where one of the classes is absent.
    """
    area = float(areas_under_curves(labels[np.newaxis], scores[np.newaxis])[0])
    return None if isnan(area) else area


@np.errstate(invalid="ignore")  # 0 / 0 where a class is absent
def areas_under_curves(labels: Labels | Array, scores: Array) -> Array:
    """Return `area_under_curve` of each row of labels and scores, (..., m); nan where it is None.

    Labels are broadcast to the shape of the scores.
    """
    shape, m = scores.shape, scores.shape[-1]
    positive, scores = np.broadcast_to(labels == 1, shape).reshape(-1, m), scores.reshape(-1, m)
    order = np.argsort(scores, axis=1)
    ordered = np.take_along_axis(scores, order, axis=1)
    positive = np.take_along_axis(positive, order, axis=1)
    # Tied scores share their mean rank: that of the first and the last of them.
    edge = np.ones((len(scores), m + 1), dtype=bool)
    edge[:, 1:-1] = ordered[:, 1:] != ordered[:, :-1]
    place = np.arange(m)
    first = np.maximum.accumulate(np.where(edge[:, :-1], place, 0), axis=1)
    last = np.minimum.accumulate(np.where(edge[:, 1:], place, m)[:, ::-1], axis=1)[:, ::-1]
    positives = positive.sum(axis=1)
    rank_sums = np.sum(positive * ((first + last) / 2 + 1), axis=1)
    wins = rank_sums - positives * (positives + 1) / 2
    areas: Array = wins / (positives * (m - positives))
    return areas.reshape(shape[:-1])

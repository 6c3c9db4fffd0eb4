"""An evaluation: what a model predicts of a split, held against its labels, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Order
from catclf.logistic import Array, ClassWeight, Labels
from catclf.metrics import Confusion
from catclf.model import predicted_labels
from catclf.operations.advice import features_hint, verdict_of
from catclf.operations.prediction_table import LabeledPrediction, labeled_prediction
from catclf.uncertainty import Judged


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The evaluation of a model on one split of a dataset: m pictures.

    Parameters
    ----------
    dataset
        Its file.
    model
        The model's file; None where it came from memory.
    split
        ``train`` or ``test``.
    classes
        In the order of their labels; of two the first is the negative, the second the positive.
    threshold
        Of two classes, a picture is predicted positive where its probability is above this.
    confusion
        How many pictures were predicted right and wrong, by class.
    interval
        The 95 % Wilson interval of the accuracy.
    balanced_interval
        The 95 % interval of the balanced accuracy; None where a class is absent.
    majority_rate
        The accuracy of always predicting the most frequent class.
    constant_log_loss
        The log loss of the same probabilities for every picture: the share of each class.
    auc
        Area under the ROC curve, of more than two classes the mean of `aucs`; None where a class is
        absent.
    aucs
        That of each class against the rest; None where there are no pictures of one of both.
    log_loss
        Mean cross-entropy, in nats, without penalty and class weights.
    also_in_train
        How many of the pictures the train split holds too.
    features
        Those of the dataset: ``pixels``, ``hog-color``, or the name of a backbone.
    class_weight
        By which the model was trained: ``none`` or ``balanced``.
    names, labels, losses
        Of each picture (m,): its name, the index of its class, and the cross-entropy.
    probabilities
        Of each picture and class, (m, classes).
    other_data
        What the model was trained on, where that is not this dataset as it is now.
    order_log_losses
        Of a weights-only model, the log loss by each order of its weights; all else is by the
        order whose log loss is lower.
    similarities
        How like the training pictures each picture (m,) is, 0 to 1, by a model of a backbone; None
        by others, and of the train split. See `catclf.neighbors`.
    floor
        The similarity below which a picture is unlike them; None where there are no similarities.
    """

    dataset: str
    model: str | None
    split: str
    classes: tuple[str, ...]
    threshold: float
    confusion: Confusion
    interval: tuple[float, float]
    balanced_interval: tuple[float, float] | None
    majority_rate: float
    constant_log_loss: float
    auc: float | None
    aucs: list[float | None]
    log_loss: float
    also_in_train: int
    features: str
    class_weight: ClassWeight
    names: list[str]
    labels: Labels
    probabilities: Array
    losses: Array
    other_data: str | None = None
    order_log_losses: dict[Order, float] = field(default_factory=dict)
    similarities: Array | None = None
    floor: float | None = None

    @property
    def accuracy(self) -> float:
        """Fraction of the pictures predicted right."""
        return self.confusion.correct / self.confusion.total

    @property
    def majority_class(self) -> str:
        """The most frequent class, of equally frequent ones the first."""
        counts = self.confusion.examples
        return self.classes[counts.index(max(counts))]

    @property
    def absent_classes(self) -> list[str]:
        """The classes without a picture."""
        counts = self.confusion.examples
        return [name for name, count in zip(self.classes, counts, strict=True) if not count]

    @property
    def accuracies(self) -> list[Judged]:
        """The accuracy and, where no class is absent, the balanced accuracy.

        The latter stands first where the model was trained with balanced class weights, which give
        up accuracy for it.
        """
        n = len(self.classes)
        found = [Judged("accuracy", self.accuracy, self.interval, self.majority_rate, n)]
        balanced, interval = self.confusion.balanced_accuracy, self.balanced_interval
        if balanced is not None and interval is not None:
            found.append(Judged("balanced accuracy", balanced, interval, 1 / n, n))
        return found[::-1] if self.class_weight == "balanced" else found

    @property
    def judged(self) -> Judged:
        """What the verdict is about: the first of `accuracies`."""
        return self.accuracies[0]

    @property
    def verdict(self) -> str:
        """How the model compares with always predicting one class, in a sentence."""
        if np.ptp(self.labels) == 0:
            return f"the {self.split} split has one class only and cannot tell how good a model is"
        return f"the {self.split} {self.judged.name} is {self.judged.verdict}"

    @property
    def doubt(self) -> str | None:
        """What speaks against the model, in a sentence, and perhaps its fix; None where nothing.

        Nor on the train split: to be right there says little of other pictures.
        """
        if np.ptp(self.labels) == 0:
            return self.verdict
        judged, hint = self.judged, features_hint(self.judged, self.features)
        if self.split == "train" or (judged.surely_better and hint is None):
            return None
        sentence = f"the {self.split} {judged.name} is {judged.weakness}"
        return "\n".join(filter(None, (sentence, hint)))

    @property
    def predicted(self) -> Labels:
        """The index of the class predicted of each picture (m,)."""
        return predicted_labels(self.probabilities, self.threshold)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each picture (m,) is predicted right."""
        right: NDArray[np.bool_] = self.predicted == self.labels
        return right

    def predictions(self) -> Iterator[LabeledPrediction]:
        """Yield each picture's label and prediction, in the dataset's order."""
        for index in range(len(self.names)):
            yield self._prediction(index)

    def most_confident(self, right: bool, count: int) -> list[int]:
        """Return which pictures are predicted right, or wrong, with most confidence.

        At most `count` of them, the most confident first: by the probability of the class that is
        predicted, which of two classes the loss tells as well, and without ties near 1.
        """
        indices = np.flatnonzero(self.right == right)
        loss = self.losses[indices]
        key = loss if right else -loss
        if len(self.classes) > 2 and not right:
            key = -self.probabilities[indices].max(axis=1)
        order = np.argsort(key, kind="stable")
        return [int(index) for index in indices[order[:count]]]

    def worst(self, count: int) -> list[LabeledPrediction]:
        """Return the pictures predicted wrong, the most confident first, at most `count`."""
        return [self._prediction(index) for index in self.most_confident(False, count)]

    def unlike_indices(self) -> list[int]:
        """Return which pictures are unlike the training pictures, the least similar first."""
        if self.similarities is None or self.floor is None:
            return []
        order = np.argsort(self.similarities, kind="stable")
        return [int(index) for index in order if self.similarities[index] < self.floor]

    def _prediction(self, index: int) -> LabeledPrediction:
        return labeled_prediction(
            self.names[index],
            self.classes,
            int(self.labels[index]),
            self.probabilities[index],
            float(self.losses[index]),
            self.threshold,
        )

    def __repr__(self) -> str:
        judged = self.judged
        low, high = judged.interval
        return (
            f"<Evaluation of {self.confusion.total} {self.split} pictures: {judged.name} "
            f"{judged.value:.4f}, 95 % interval {low:.4f} to {high:.4f}, {judged.constant_name} "
            f"{judged.constant:.4f}, log loss {self.log_loss:.4f}>"
        )

    def _repr_html_(self) -> str:
        from catclf.notebook import evaluation_html  # here, for others to start without

        judged = self.judged
        return evaluation_html(self, verdict_of(judged), features_hint(judged, self.features))

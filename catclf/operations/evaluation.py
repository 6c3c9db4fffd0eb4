"""What `evaluate` does: predictions held against the labels of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from catclf.columns import BLOCK_EXAMPLES, ORDERS, Order, blocks
from catclf.dataset import Dataset, Split, open_dataset
from catclf.errors import AnyPath, DatasetError
from catclf.files import FileKind
from catclf.logistic import Array, ClassWeight, Labels, activation, by_class, loss_of
from catclf.metrics import (
    Confusion,
    area_under_curve,
    class_scores,
    class_shares,
    confusion,
    constant_log_loss,
    mean_of,
)
from catclf.model import DEFAULT_THRESHOLD, Model, predicted_labels, refuse_threshold
from catclf.neighbors import Neighbors
from catclf.operations.advice import features_hint, verdict_of
from catclf.operations.compatibility import (
    other_data,
    path_of,
    read_candidates,
    refuse_mismatch,
)
from catclf.operations.prediction_table import (
    LabeledPrediction,
    labeled_prediction,
    write_predictions,
)
from catclf.outputs import check_output
from catclf.splits import SplitName
from catclf.uncertainty import Judged, balanced_interval, wilson_interval


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


def evaluate(
    dataset: AnyPath,
    model: AnyPath | Model,
    *,
    split: SplitName = "test",
    threshold: float = DEFAULT_THRESHOLD,
    order: Order | None = None,
    classes: Sequence[str] | None = None,
    predictions: AnyPath | None = None,
    force: bool = False,
) -> Evaluation:
    """Evaluate a model on a split of a prepared dataset.

    Parameters
    ----------
    dataset
        The prepared dataset file.
    model
        A model, or its file.
    split
        Which split.
    threshold
        Of two classes, a picture is predicted positive where the probability of the positive class
        is above this.
    order, classes
        Only for a weights-only file; see `catclf.load_model`. Where `order` is None both orders
        are evaluated, and the result is that of the lower log loss.
    predictions
        A CSV file to write, with every picture's label, prediction, probabilities and loss.
    force
        Let a file at `predictions` that is no such CSV file be replaced.

    Returns
    -------
    Evaluation
        Accuracy and its interval, confusion matrix, AUC and log loss, what constant predictions
        reach, each picture's prediction, and which are unlike the training pictures.

    Raises
    ------
    DatasetError, ModelError
        Where a file cannot be used, the split is empty, or the two do not fit together.
    SettingsError
        For a threshold with more than two classes, or not as many `classes` as the file tells
        apart.
    CatclfError
        Where `predictions` cannot be written, is the dataset or the model, or is a file of
        another kind.
    ValueError
        For a `split` that is neither.
    """
    path = path_of(model)
    if predictions is not None:
        inputs = [dataset] if path is None else [dataset, path]
        check_output(predictions, FileKind.PREDICTIONS, inputs, force=force)
    candidates = read_candidates(model, order, classes)
    with open_dataset(dataset) as opened:
        _, best = evaluate_candidates(opened, candidates, split, threshold)
    best = replace(best, model=path)
    if predictions is not None:
        write_predictions(predictions, best.predictions(), best.classes)
    return best


def evaluate_candidates(
    dataset: Dataset,
    candidates: list[Model],
    split: SplitName,
    threshold: float = DEFAULT_THRESHOLD,
) -> tuple[Model, Evaluation]:
    """Return the one of `read_candidates` with the lowest log loss on a split, and its evaluation.

    DatasetError where the split is empty, or the dataset and the model do not fit together.
    """
    refuse_mismatch(dataset, candidates[0])
    refuse_threshold(threshold, dataset.classes)
    found = evaluate_models(dataset, candidates, split, threshold)
    losses = [evaluation.log_loss for evaluation in found]
    best = losses.index(min(losses))
    orders: dict[Order, float] = {}
    if len(found) > 1:
        orders = dict(sorted(zip(ORDERS, losses, strict=True), key=lambda item: item[1]))
    chosen = candidates[best]
    trained_on = other_data(dataset, chosen)
    evaluation = replace(found[best], other_data=trained_on, order_log_losses=orders)
    if chosen.neighbors is not None and split == "test":
        similarities = _similarities(dataset.test, chosen.neighbors)
        evaluation = replace(evaluation, similarities=similarities, floor=chosen.neighbors.floor)
    return chosen, evaluation


def evaluate_models(
    dataset: Dataset, models: list[Model], split: SplitName, threshold: float = DEFAULT_THRESHOLD
) -> list[Evaluation]:
    """Evaluate models on a split of an open dataset, which is read once; see `evaluate`."""
    if split not in ("train", "test"):
        raise ValueError(f"split must be train or test, got {split!r}")
    chosen: Split = dataset.test if split == "test" else dataset.train
    if chosen.m == 0:
        fix = (
            "Prepare it from more pictures, or with a larger `test_split`, or evaluate the `split` "
            "train."
        )
        raise DatasetError(f"its {split} split is empty", dataset.path, fix)
    by_block = [
        [model.logits(block) for model in models]
        for _, block in blocks(chosen.columns, BLOCK_EXAMPLES)
    ]
    logits = [np.concatenate(parts, axis=1) for parts in zip(*by_block, strict=True)]
    return [
        _evaluation(dataset, model, split, chosen, Z, threshold)
        for model, Z in zip(models, logits, strict=True)
    ]


def _evaluation(
    dataset: Dataset, model: Model, split: SplitName, chosen: Split, Z: Array, threshold: float
) -> Evaluation:
    n_classes = len(dataset.classes)
    [losses] = loss_of("cross-entropy", len(Z)).value(Z, chosen.Y)
    probabilities = by_class(activation(Z)).T
    predicted = predicted_labels(probabilities, threshold)
    counts = confusion(chosen.labels, predicted, n_classes)
    shares = class_shares(chosen.labels, n_classes)
    aucs = [area_under_curve(*each) for each in zip(chosen.Y, class_scores(Z), strict=True)]
    if n_classes == 2:  # the other class's is the same
        aucs *= 2
    return Evaluation(
        dataset=dataset.path,
        model=None,
        split=split,
        classes=dataset.classes,
        threshold=threshold,
        confusion=counts,
        interval=wilson_interval(counts.correct, counts.total),
        balanced_interval=balanced_interval(counts),
        majority_rate=float(shares.max()),
        constant_log_loss=constant_log_loss(shares),
        auc=mean_of(aucs),
        aucs=aucs,
        log_loss=float(losses.mean()),
        also_in_train=chosen.also_in_train,
        features=dataset.preprocessing.features_name,
        class_weight="none" if model.training is None else model.training.settings.class_weight,
        names=chosen.names,
        labels=chosen.labels,
        probabilities=probabilities,
        losses=losses,
    )


def _similarities(split: Split, neighbors: Neighbors) -> Array:
    """Return how like the training pictures each picture of a split (m,) is."""
    found = (neighbors.similarities(block) for _, block in blocks(split.columns, BLOCK_EXAMPLES))
    return np.concatenate(list(found))

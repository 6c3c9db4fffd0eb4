"""What `evaluate` does: a model's predictions held against the labels of a dataset."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from catclf.classes import refuse_other_classes
from catclf.columns import blocks
from catclf.dataset import Dataset, Split, open_dataset
from catclf.errors import DatasetError
from catclf.logistic import Array, cross_entropy, sigmoid
from catclf.metrics import (
    Confusion,
    area_under_curve,
    confusion,
    majority_rate,
    wilson_interval,
)
from catclf.model import Model, load_model
from catclf.predictions import LabeledPrediction

__all__ = ["Evaluation", "evaluate", "evaluate_split"]

BLOCK_EXAMPLES = 256  # read at once


@dataclass(frozen=True)
class Evaluation:
    """How a model does on one split of a dataset.

    Parameters
    ----------
    split
        ``train`` or ``test``.
    classes
        (negative, positive).
    threshold
        A picture is predicted positive where its probability is above this.
    confusion
        Counts of the four outcomes.
    interval
        95 % Wilson interval of the accuracy.
    majority_rate
        The accuracy of always answering the more frequent class.
    auc
        Area under the ROC curve; None where a class is absent.
    log_loss
        Mean cross-entropy, in nats.
    also_in_train
        How many of the pictures the train split of the dataset holds too.
    names, labels, probabilities, losses
        The m pictures: what they are called, (m,) 0 or 1, and (m,) numbers.
    """

    split: str
    classes: tuple[str, str]
    threshold: float
    confusion: Confusion
    interval: tuple[float, float]
    majority_rate: float
    auc: float | None
    log_loss: float
    also_in_train: int
    names: list[str] = field(repr=False)
    labels: NDArray[np.uint8] = field(repr=False)
    probabilities: Array = field(repr=False)
    losses: Array = field(repr=False)

    @property
    def accuracy(self) -> float:
        """Share of the pictures predicted right."""
        return self.confusion.correct / self.confusion.total

    def predictions(self) -> Iterator[LabeledPrediction]:
        """Yield each picture's label and prediction, in the dataset's order."""
        for index in range(len(self.names)):
            yield self._prediction(index)

    def worst(self, count: int) -> list[LabeledPrediction]:
        """Return the pictures predicted wrong, the most confident first, at most `count`."""
        wrong = np.flatnonzero((self.probabilities > self.threshold) != (self.labels == 1))
        order = wrong[np.argsort(-self.losses[wrong], kind="stable")]
        return [self._prediction(int(index)) for index in order[:count]]

    def _prediction(self, index: int) -> LabeledPrediction:
        probability = float(self.probabilities[index])
        return LabeledPrediction(
            name=self.names[index],
            label=self.classes[int(self.labels[index])],
            predicted=self.classes[probability > self.threshold],
            probability=probability,
            loss=float(self.losses[index]),
        )


def evaluate(
    dataset: str | os.PathLike[str],
    model: str | os.PathLike[str] | Model,
    *,
    split: Literal["test", "train"] = "test",
    threshold: float = 0.5,
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
        A picture is predicted positive where its probability is above this.

    Raises
    ------
    DatasetError, ModelError
        Where a file cannot be used, the split is empty, or the two do not fit together.
    """
    if not isinstance(model, Model):
        model = load_model(model)
    with open_dataset(dataset) as opened:
        _refuse_mismatch(opened, model)
        return evaluate_split(opened, model, split, threshold)


def _refuse_mismatch(dataset: Dataset, model: Model) -> None:
    """Raise DatasetError where a dataset was not prepared as the model's pictures were."""
    ours, wanted = dataset.preprocessing, model.preprocessing
    if ours.n_x != wanted.n_x or (not model.weights_only and ours != wanted):
        there, asked = ours.to_record(), wanted.to_record()
        other = [name for name in there if there[name] != asked[name]]
        raise DatasetError(
            f"was prepared with {', '.join(f'{name} {there[name]}' for name in other)}, "
            f"the model's pictures with {', '.join(f'{name} {asked[name]}' for name in other)}",
            dataset.path,
            f"Prepare it with `size` {wanted.size} and `fit` {wanted.fit}, or train a model on "
            "this one.",
        )
    if not model.weights_only:
        refuse_other_classes(dataset.classes, model.classes, dataset.path)


def evaluate_split(
    dataset: Dataset, model: Model, split: Literal["test", "train"], threshold: float = 0.5
) -> Evaluation:
    """Evaluate a model on a split of an open dataset; see `evaluate`."""
    chosen: Split = dataset.test if split == "test" else dataset.train
    if chosen.m == 0:
        raise DatasetError(
            f"its {split} split is empty",
            dataset.path,
            "Prepare it with a `test_split` above 0, or evaluate the `split` train.",
        )
    Z = np.concatenate([model.logits(block) for _, block in blocks(chosen.columns, BLOCK_EXAMPLES)])
    losses = cross_entropy(Z, chosen.labels.astype(np.float64))
    probabilities = sigmoid(Z)
    counts = confusion(chosen.labels, (probabilities > threshold).astype(np.uint8))
    return Evaluation(
        split=split,
        classes=dataset.classes,
        threshold=threshold,
        confusion=counts,
        interval=wilson_interval(counts.correct, counts.total),
        majority_rate=majority_rate(chosen.labels),
        auc=area_under_curve(chosen.labels, Z),  # logits do not tie where probabilities saturate
        log_loss=float(losses.mean()),
        also_in_train=chosen.also_in_train,
        names=chosen.names,
        labels=chosen.labels,
        probabilities=probabilities,
        losses=losses,
    )

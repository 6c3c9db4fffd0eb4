"""Predictions of pictures whose labels are known, and the table of them: a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from catclf.errors import AnyPath
from catclf.files import CLASS_PREDICTIONS_HEADER, PREDICTIONS_HEADER
from catclf.logistic import Array
from catclf.model import DEFAULT_THRESHOLD, predicted_labels
from catclf.outputs import write_csv


@dataclass(frozen=True)
class LabeledPrediction:
    """The prediction of a picture whose label is known; out of fold, means over the repeats.

    Parameters
    ----------
    name
        The picture.
    label, predicted
        Its class, and the class predicted.
    probability
        Of two classes that of the positive; of more, that of the class predicted: the confidence.
    loss
        Cross-entropy, in nats.
    probabilities
        Of more than two classes, by class; else None.
    """

    name: str
    label: str
    predicted: str
    probability: float
    loss: float
    probabilities: dict[str, float] | None = None


def labeled_prediction(
    name: str,
    classes: Sequence[str],
    label: int,
    probabilities: Array,
    loss: float,
    threshold: float = DEFAULT_THRESHOLD,
) -> LabeledPrediction:
    """Return the prediction of a picture of the class at index `label`, by class (classes,)."""
    [predicted] = predicted_labels(probabilities[np.newaxis], threshold)
    two = len(classes) == 2
    return LabeledPrediction(
        name=name,
        label=classes[label],
        predicted=classes[predicted],
        probability=float(probabilities[1 if two else predicted]),
        loss=loss,
        probabilities=None if two else dict(zip(classes, probabilities.tolist(), strict=True)),
    )


def write_predictions(
    path: AnyPath, predictions: Iterable[LabeledPrediction], classes: Sequence[str]
) -> None:
    """Write a CSV file with a line for each picture.

    Of two classes it names the positive one, and has its probability; of more, those of all.
    """
    if len(classes) == 2:
        rows = (
            (p.name, p.label, p.predicted, classes[1], p.probability, p.loss) for p in predictions
        )
        write_csv(path, PREDICTIONS_HEADER, rows)
        return
    header = (*CLASS_PREDICTIONS_HEADER, *(f"P({name})" for name in classes))
    write_csv(
        path,
        header,
        (
            (p.name, p.label, p.predicted, p.probability, p.loss, *(p.probabilities or {}).values())
            for p in predictions
        ),
    )

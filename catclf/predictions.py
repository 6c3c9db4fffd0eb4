"""Predictions of pictures, without and with their labels, and the CSV file of the latter."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from catclf.errors import PictureError
from catclf.storage.outputs import csv_kind, write_csv

__all__ = ["PREDICTIONS_FILE", "LabeledPrediction", "Prediction", "write_predictions"]

HEADER = ("file", "label", "predicted", "positive", "probability", "loss")
PREDICTIONS_FILE = csv_kind("a CSV file of catclf's predictions", HEADER)


@dataclass(frozen=True)
class Prediction:
    """The prediction of one picture, or why it could not be read.

    Parameters
    ----------
    name
        The picture's path, or ``-`` where it has none.
    predicted
        The class predicted; None where the picture could not be read.
    probabilities
        The probability of each class, in the order of their labels; they sum to 1. None where the
        picture could not be read.
    error
        What was wrong with the picture, or None.
    """

    name: str
    predicted: str | None
    probabilities: dict[str, float] | None
    error: PictureError | None = None

    @property
    def confidence(self) -> float | None:
        """The probability of the class predicted; None where the picture could not be read.

        At a threshold of 0.5 it is at least 0.5. At another threshold the class predicted may be
        the less probable one.
        """
        if self.predicted is None or self.probabilities is None:
            return None
        return self.probabilities[self.predicted]


@dataclass(frozen=True)
class LabeledPrediction:
    """The prediction of a picture whose label is known.

    Parameters
    ----------
    name
        What the picture is called.
    label, predicted
        Classes, by name.
    probability
        Of the positive class; of an out-of-fold prediction, the mean over the repeats.
    loss
        Cross-entropy in nats, likewise.
    """

    name: str
    label: str
    predicted: str
    probability: float
    loss: float


def write_predictions(
    path: str | os.PathLike[str], predictions: Iterable[LabeledPrediction], positive: str
) -> None:
    """Write a CSV file with a line for each picture; `positive` names the positive class."""
    rows = ((p.name, p.label, p.predicted, positive, p.probability, p.loss) for p in predictions)
    write_csv(path, HEADER, rows)

"""Predictions of pictures whose labels are known, and the table of them: a CSV file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catclf.errors import AnyPath
from catclf.files import PREDICTIONS_HEADER
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
        Of the positive class.
    loss
        Cross-entropy, in nats.
    """

    name: str
    label: str
    predicted: str
    probability: float
    loss: float


def write_predictions(
    path: AnyPath, predictions: Iterable[LabeledPrediction], positive: str
) -> None:
    """Write a CSV file with a line for each picture; `positive` names the positive class."""
    rows = ((p.name, p.label, p.predicted, positive, p.probability, p.loss) for p in predictions)
    write_csv(path, PREDICTIONS_HEADER, rows)

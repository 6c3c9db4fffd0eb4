"""What the page tells of the test split: how good the model is, and some of its pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from catclf.dataset import Dataset
from catclf.errors import CatclfError
from catclf.logistic import Labels
from catclf.model import Model
from catclf.operations.advice import features_hint, verdict_of
from catclf.operations.evaluation import Evaluation
from catclf.operations.page_backbone import evidence_of_file, missing_evidence
from catclf.operations.page_names import names_below
from catclf.operations.page_pictures import jpegs
from catclf.page import encoded
from catclf.uncertainty import calibration

PICTURES_SHOWN = 12  # of those predicted wrong, and of those predicted right, at most
SHOWN_BYTES = 2**19  # of the pictures shown, about: 40 of 64x64
MAX_BINS = 10  # of the reliability diagram
PICTURES_A_BIN = 10
MATRIX_CLASSES = 12  # of more, a matrix is wider than a phone
PAIRS_SHOWN = 30  # instead of it
PICTURES_A_CELL = 12
CELL_PICTURES = 200  # of all cells
CELL_BYTES = 300_000  # of them, as JPEGs; as base64 400 kB, which 200 photographs stay below


Pair = tuple[int, int]  # a label, and the class predicted


@dataclass(frozen=True, eq=False)
class Shown:
    """A test picture that the page shows: which, its column (1, n_x), and its evidence.

    Evidence is by neuron and place, (k, height, width). Of what has none by place that is None; an
    error says why a picture lacks it.
    """

    index: int
    label: int
    predicted: int
    column: NDArray[np.uint8]
    evidence: NDArray[np.float64] | CatclfError | None


@dataclass(frozen=True)
class Cell:
    """How many test pictures of a label are predicted to be of a class, and which are shown."""

    label: int
    predicted: int
    count: int
    shown: list[int]


@dataclass(frozen=True, eq=False)
class ShownPictures:
    """The test pictures that the page shows: those with their columns, and those of cells."""

    shown: Sequence[Shown] = ()
    cells: Sequence[Cell] = ()

    @property
    def count(self) -> int:
        """How many different pictures they are."""
        of_cells = (index for cell in self.cells for index in cell.shown)
        return len({each.index for each in self.shown}.union(of_cells))

    @property
    def warnings(self) -> list[str]:
        """Of which pictures the evidence is missing, and why."""
        errors = (each.evidence for each in self.shown if isinstance(each.evidence, CatclfError))
        return missing_evidence(errors, len(self.shown))


def choose_pictures(dataset: Dataset, model: Model, test: Evaluation) -> ShownPictures:
    """Return the test pictures that the page shows, those predicted wrong first.

    They are the most confident. Of more than two classes, those predicted wrong stand by label and
    predicted class, the most frequent pair first, and those predicted right are of each class.
    """
    row_bytes = dataset.preprocessing.pixel_n_x
    count = min(PICTURES_SHOWN, max(1, SHOWN_BYTES // (2 * row_bytes)))
    wrong, right = (test.most_confident(is_right, count) for is_right in (False, True))
    predicted = test.predicted
    cells: list[Cell] = []
    if len(test.classes) > 2:
        pairs = _by_pair(test, predicted)
        places = {index: place for place, indices in enumerate(pairs.values()) for index in indices}
        wrong.sort(key=places.__getitem__)
        right = _in_turns(pairs[pair] for pair in pairs if _is_right(pair))[:count]
        cells = choose_cells(pairs, len(test.classes))
    shown = []
    for index in wrong + right:
        column = dataset.test.columns[index : index + 1]
        evidence = evidence_of_file(test.names[index], column, model)
        label = int(test.labels[index])
        shown.append(Shown(index, label, int(predicted[index]), column, evidence))
    return ShownPictures(shown, cells)


def _by_pair(test: Evaluation, predicted: Labels) -> dict[Pair, list[int]]:
    """Return which pictures each pair of label and predicted class has, the most confident first.

    Of the pairs, those predicted wrong come first, and of these the most frequent.
    """
    found: dict[Pair, list[int]] = {}
    for is_right in (False, True):
        for index in test.most_confident(is_right, len(test.labels)):
            found.setdefault((int(test.labels[index]), int(predicted[index])), []).append(index)
    order = sorted(found, key=lambda pair: (_is_right(pair), -len(found[pair]), pair))
    return {pair: found[pair] for pair in order}


def _is_right(pair: Pair) -> bool:
    label, predicted = pair
    return label == predicted


def _in_turns(groups: Iterable[list[int]]) -> list[int]:
    """Return the first of each group, then the second of each that has one, and so on."""
    return [each for turn in zip_longest(*groups) for each in turn if each is not None]


def choose_cells(pairs: Mapping[Pair, list[int]], n_classes: int) -> list[Cell]:
    """Return the cells of the confusion matrix that hold pictures, in the order of their pairs.

    Of more classes than a matrix is shown of, those of the pairs that are confused most often.
    """
    cells = list(pairs)
    if n_classes > MATRIX_CLASSES:
        cells = [pair for pair in cells if not _is_right(pair)][:PAIRS_SHOWN]
    candidates = [pairs[pair][:PICTURES_A_CELL] for pair in cells]
    kept = set(_in_turns(candidates)[:CELL_PICTURES])
    return [
        Cell(*pair, len(pairs[pair]), [index for index in indices if index in kept])
        for pair, indices in zip(cells, candidates, strict=True)
    ]


def results_data(
    dataset: Dataset, model: Model, test: Evaluation, pictures: ShownPictures
) -> dict[str, object]:
    """Return what the page's scripts read of the test split."""
    counts = dataset.test.counts
    judged = test.judged
    names = names_below(test.names, dataset.train.names)
    wrong, right = (
        [
            _shown_data(dataset, model, test, names, each)
            for each in pictures.shown
            if (each.label == each.predicted) == is_right
        ]
        for is_right in (False, True)
    )
    return {
        "total": test.confusion.total,
        "correct": test.confusion.correct,
        "accuracy": test.accuracy,
        "interval": test.interval,
        "judged": asdict(judged),
        "verdict": verdict_of(judged),
        "hint": features_hint(judged, test.features),
        "majority_rate": test.majority_rate,
        "majority_class": test.majority_class,
        "counts": counts,
        "log_loss": _finite(test.log_loss),
        "constant_log_loss": test.constant_log_loss,
        "auc": test.auc,
        "also_in_train": test.also_in_train,
        "unlike": len(test.unlike_indices()),
        "order": next(iter(test.order_log_losses), None),
        "wrong": wrong,
        "right": right,
        "missing_evidence": pictures.warnings,
        **(
            _threshold_data(test)
            if len(test.classes) == 2
            else _confusion_data(dataset, test, names, pictures.cells)
        ),
    }


def _threshold_data(test: Evaluation) -> dict[str, object]:
    """Return what is told of two classes: the probability of the positive one and its label."""
    probabilities = test.probabilities[:, 1]
    return {
        "labels": encoded(test.labels),
        "probabilities": encoded(probabilities),
        "calibration": [
            asdict(each) for each in calibration(test.labels, probabilities, _bins(test))
        ],
    }


def _confusion_data(
    dataset: Dataset, test: Evaluation, names: list[str], cells: Sequence[Cell]
) -> dict[str, object]:
    """Return what is told of more: what is taken for what, and how right the predicted class is."""
    rows = [index for cell in cells for index in cell.shown]
    pictures = iter(jpegs(dataset, dataset.test, rows, CELL_BYTES))
    confusion, confidences = test.confusion, test.probabilities.max(axis=1)
    rates = {
        "recall": confusion.recalls,
        "precision": confusion.precisions,
        "f1": confusion.f1s,
    }
    return {
        "is_matrix": len(test.classes) <= MATRIX_CLASSES,
        "confused_pairs": confusion.confused_pairs,
        "cells": [
            {
                "label": cell.label,
                "predicted": cell.predicted,
                "count": cell.count,
                "pictures": [
                    {
                        "name": names[index],
                        "jpeg": next(pictures),
                        "of_predicted": float(test.probabilities[index, cell.predicted]),
                        "of_label": float(test.probabilities[index, cell.label]),
                    }
                    for index in cell.shown
                ],
            }
            for cell in cells
        ],
        "rates": rates,
        "macro": {
            "recall": confusion.balanced_accuracy,
            "precision": confusion.macro_precision,
            "f1": confusion.macro_f1,
        },
        "calibration": [
            asdict(each)
            for each in calibration(test.right.astype(np.uint8), confidences, _bins(test))
        ],
    }


def _bins(test: Evaluation) -> int:
    return min(MAX_BINS, max(1, test.confusion.total // PICTURES_A_BIN))


def _shown_data(
    dataset: Dataset, model: Model, test: Evaluation, names: list[str], shown: Shown
) -> dict[str, object]:
    """Return one test picture: its name, numbers, column, and its pixels where that holds none."""
    split, index, evidence = dataset.test, shown.index, shown.evidence
    # The neuron of the class predicted, and that of the label: of two classes it is the same.
    neurons = [0, 0] if len(model.b) == 1 else [shown.predicted, shown.label]
    logit = model.logits(shown.column)[neurons[0], 0]
    return {
        "name": names[index],
        "label": shown.label,
        "alike": int(test.confusion.matrix[shown.label, shown.predicted]),
        "probabilities": test.probabilities[index].tolist(),
        "logit": _finite(float(logit)),
        "column": encoded(shown.column),
        "pixels": None
        if split.pixels is split.columns
        else encoded(split.pixels[index : index + 1]),
        "evidence": {neuron: encoded(evidence[neuron]) for neuron in neurons}
        if isinstance(evidence, np.ndarray)
        else None,
    }


def _finite(number: float) -> float | None:
    """Return a number as JSON can hold it: None for infinity, of weights that are enormous."""
    return number if math.isfinite(number) else None

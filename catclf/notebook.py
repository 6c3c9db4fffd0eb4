"""What a notebook shows of a result: a heading, small tables, sentences and pictures, as HTML.

Colors are the notebook's own, whatever its theme, and nothing is loaded from elsewhere. Names from
outside are escaped. Only types are imported from above: a model shows itself by this module.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from catclf.errors import (
    CLASS_CHARACTERS,
    DIGEST_CHARACTERS,
    DatasetError,
    name_classes,
    printable,
    shortened,
)
from catclf.features import KEPT_SIZE, Preprocessing
from catclf.training import short

if TYPE_CHECKING:
    from catclf.dataset import Dataset
    from catclf.model import Model
    from catclf.operations.evaluation import Evaluation

CLASSES_SHOWN = 8  # of more, a table or a row of pictures is wider than a page
LARGEST_SIZE = 128  # of pictures that are read to be shown
JPEG_QUALITY = 75
# A notebook's own style would align tables to the right.
CELL, NUMBER = 'style="text-align: left"', 'style="text-align: right"'
FIGURE = 'style="display: inline-block; margin: 0 1em 0.5em 0; text-align: center"'
IMAGE = 'style="width: 96px; image-rendering: pixelated"'


def model_html(model: Model) -> str:
    """Return what a notebook shows of a model; of pixels its weights too, as pictures."""
    rows = [("classes", name_classes(model.classes)), ("features", _features(model.preprocessing))]
    if (training := model.training) is None:
        rows.append(("trained", "not told"))
    else:
        made = f"{training.iterations} iterations of {shortened(training.method)}"
        rate = f"learning rate {training.settings.rate:g}"
        rows += [
            ("trained", f"{made} on {training.train_examples} pictures, {rate}"),
            ("cost", short(training.cost)),
        ]
    parts = [_table(rows)]
    if model.preprocessing.features == "pixels":
        from catclf.pictures.weights import weight_pngs  # here, for models without Pillow

        two = len(model.b) == 1
        names = model.classes[1:] if two else model.classes[:CLASSES_SHOWN]
        pngs = zip(names, weight_pngs(model.w[:, : len(names)]), strict=True)
        parts += [
            _sentence("Weights: orange speaks for the class, blue against it."),
            *(_figure(name, "png", png) for name, png in pngs),
        ]
    return _shown("Model", parts)


def dataset_html(dataset: Dataset) -> str:
    """Return what a notebook shows of a dataset; while it is open, a picture of each class too."""
    splits = {"train": dataset.train, "test": dataset.test}
    by_class = list(zip(*(split.counts for split in splits.values()), strict=True))
    counts = list(zip(dataset.classes, by_class, strict=True))
    if others := counts[CLASSES_SHOWN:]:
        rest = tuple(map(sum, zip(*(each for _, each in others), strict=True)))
        counts[CLASSES_SHOWN:] = [(f"{len(others)} more", rest)]
    counts.append(("all", tuple(split.m for split in splits.values())))
    rows = [
        ("features", _features(dataset.preprocessing)),
        ("digest", f"{printable(dataset.digest):.{DIGEST_CHARACTERS}}"),
    ]
    parts = [_numbers("class", splits, counts), _table(rows), *_pictures(dataset)]
    return _shown(f"Dataset {printable(dataset.path)}", parts)


def evaluation_html(evaluation: Evaluation, verdict: str, hint: str | None) -> str:
    """Return what a notebook shows of an evaluation, given the report's verdict and advice."""
    confusion, judged, classes = evaluation.confusion, evaluation.judged, evaluation.classes
    pictures = f"{confusion.total} {evaluation.split} pictures"
    if judged.name == "accuracy":
        answer = f"answering {_class(evaluation.majority_class)} would be right on"
        headline = f"Right on {confusion.correct} of {pictures}"
    else:
        answer = "answering the same class would reach"
        headline = f"Balanced accuracy on {pictures}"
    headline += f": {_percent(judged.value)}; always {answer} {_percent(judged.constant)}"
    sentences = [verdict, hint and hint.replace("`", "")]
    if evaluation.split == "train":
        low, high = map(_percent, judged.interval)
        sentences = [
            f"The 95 % interval is {low} to {high}; of other pictures the train split tells little."
        ]
    elif evaluation.majority_rate == 1:
        sentences = [f"{evaluation.verdict[0].upper()}{evaluation.verdict[1:]}."]
    if evaluation.other_data is not None:
        sentences.append(
            f"The model was trained on other data: {printable(evaluation.other_data)}."
        )
    if also := evaluation.also_in_train:
        sentences.append(f"Pictures with a copy or near-copy in the train split: {also}.")
    if unlike := len(evaluation.unlike_indices()):
        sentences.append(f"Pictures unlike the training pictures: {unlike}.")
    rows = [
        (
            "log loss",
            f"{evaluation.log_loss:.4f}, the constant's {evaluation.constant_log_loss:.4f}",
        )
    ]
    if evaluation.auc is not None:
        rows.append(("AUC", f"{evaluation.auc:.4f}"))
    parts = [*map(_sentence, filter(None, sentences)), _table(rows)]
    if len(classes) <= CLASSES_SHOWN:
        counts = zip(classes, confusion.matrix.tolist(), strict=True)
        parts.append(_numbers("label, and predicted", classes, counts))
    return _shown(headline, parts)


def _features(preprocessing: Preprocessing) -> str:
    size = f"{preprocessing.size} x {preprocessing.size}"
    name = shortened(preprocessing.features_name)
    return f"{name}, n_x {preprocessing.n_x}, of pictures {size} ({preprocessing.fit})"


def _pictures(dataset: Dataset) -> list[str]:
    """Return the first training picture of each class; none where they are not to be had."""
    size, split = dataset.preprocessing.kept_size, dataset.train
    if size > LARGEST_SIZE:  # 256 of them are read at once
        return []
    from catclf.pictures.jpeg import encode_jpeg  # here, for datasets without Pillow

    found = []
    with suppress(DatasetError, ValueError):  # damaged, or closed
        for label, name in enumerate(dataset.classes[:CLASSES_SHOWN]):
            for row in np.flatnonzero(split.labels == label)[:1].tolist():
                pixels = split.pixels[row].reshape(3, size, size).transpose(1, 2, 0)
                found.append(_figure(name, "jpeg", encode_jpeg(pixels, JPEG_QUALITY, KEPT_SIZE)))
    return found


def _class(name: str) -> str:
    return shortened(name, CLASS_CHARACTERS)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}\u00a0%"


# What follows makes HTML of texts, and escapes them.


def _shown(heading: str, parts: Iterable[str]) -> str:
    return f"<div><p><b>{escape(heading)}</b></p>{''.join(parts)}</div>"


def _sentence(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = (
        f"<tr><th {CELL}>{escape(name)}</th><td {CELL}>{escape(value)}</td></tr>"
        for name, value in rows
    )
    return f"<table><tbody>{''.join(cells)}</tbody></table>"


def _numbers(corner: str, columns: Iterable[str], rows: Iterable[tuple[str, Iterable[int]]]) -> str:
    """Return a table of numbers under the names of columns, each row behind its name."""
    names = "".join(f"<th {NUMBER}>{escape(_class(name))}</th>" for name in columns)
    lines = (
        f"<tr><th {CELL}>{escape(_class(name))}</th>"
        f"{''.join(f'<td {NUMBER}>{number}</td>' for number in numbers)}</tr>"
        for name, numbers in rows
    )
    head = f"<thead><tr><th {CELL}>{escape(corner)}</th>{names}</tr></thead>"
    return f"<table>{head}<tbody>{''.join(lines)}</tbody></table>"


def _figure(caption: str, kind: str, data: bytes) -> str:
    text, source = escape(_class(caption)), f"data:image/{kind};base64,{b64encode(data).decode()}"
    return (
        f'<figure {FIGURE}><img {IMAGE} src="{source}" alt="{text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )

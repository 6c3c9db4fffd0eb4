"""The table of predictions: a line a picture, whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.dataset import open_dataset
from catclf.errors import CatclfError, printable
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.operations.evaluation import evaluate, evaluate_models
from catclf.operations.prediction_table import LabeledPrediction, write_predictions
from datasets import CLASSES, write_small

MODEL = Model(np.zeros((192, 1)), np.zeros((1, 1)), CLASSES, Preprocessing(size=8))
shares = st.floats(0, 1)
labeled_predictions = st.builds(
    LabeledPrediction, st.text(), st.text(), st.text(), shares, st.floats(0, allow_nan=False)
)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Read a table as any other program does."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_a_line_a_picture_in_the_order_given(small_dataset: Path, tmp_path: Path) -> None:
    """The class that the probability is of stands in every line; numbers keep every bit."""
    path = tmp_path / "p.csv"
    result = evaluate(small_dataset, MODEL, predictions=path)
    header, first, *_ = path.read_text(encoding="utf-8").splitlines()
    assert header == "file,label,predicted,positive,probability,loss"
    assert first == f"{result.names[0]},cat,noncat,cat,0.5,0.6931471805599453"
    assert [row["file"] for row in rows_of(path)] == result.names


@given(predictions=st.lists(labeled_predictions, max_size=5), positive=st.text())
def test_any_predictions_are_read_back(
    predictions: list[LabeledPrediction], positive: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One line each, whatever their names hold; numbers are the same to the last bit."""
    path = tmp_path_factory.getbasetemp() / "any-predictions.csv"
    write_predictions(path, predictions, ("negative", positive))
    read = rows_of(path)
    assert len(path.read_bytes().splitlines()) == 1 + len(read) == 1 + len(predictions)
    for row, prediction in zip(read, predictions, strict=True):
        names = (prediction.name, prediction.label, prediction.predicted, positive)
        told = (row["file"], row["label"], row["predicted"], row["positive"])
        assert told == tuple(map(printable, names))
        assert float(row["probability"]) == prediction.probability
        assert float(row["loss"]) == prediction.loss


def test_names_that_are_no_utf_8_are_escaped(tmp_path: Path) -> None:
    """Those of pictures and of classes, as a dataset may hold them."""
    names = [os.fsdecode(b"caf\xe9\x1b[31m.png"), "猫.png"]
    classes = ("no\ncat", os.fsdecode(b"ca\xff"))
    path = write_small(tmp_path / "d.npz", 2, classes=classes, test_labels=[0, 1], test_names=names)
    with open_dataset(path) as dataset:
        [result] = evaluate_models(dataset, [MODEL], "test")
    write_predictions(tmp_path / "p.csv", result.predictions(), result.classes)
    rows = rows_of(tmp_path / "p.csv")
    assert [row["file"] for row in rows] == ["caf\\udce9\\x1b[31m.png", "猫.png"]
    assert [row["label"] for row in rows] == ["no\\ncat", "ca\\udcff"]


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where the predictions end in an error, an older table stays, and nothing lies beside it."""
    path, sure = tmp_path / "p.csv", LabeledPrediction("a.png", "cat", "cat", 0.75, 0.29)
    write_predictions(path, [sure], CLASSES)
    before = path.read_bytes()

    def broken() -> Iterator[LabeledPrediction]:
        yield sure
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_predictions(path, broken(), CLASSES)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["p.csv"]
    with pytest.raises(CatclfError, match="a folder, not a file"):
        write_predictions(tmp_path, [sure], CLASSES)

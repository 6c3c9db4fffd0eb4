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
from catclf.files import FileKind, file_kind
from catclf.model import Model
from catclf.operations.evaluating import evaluate, evaluate_models
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


@given(
    classes=st.lists(st.text(), min_size=3, max_size=5, unique_by=printable),
    probabilities=st.lists(st.lists(shares, min_size=5, max_size=5), max_size=5),
)
def test_predictions_of_more_classes_are_read_back(
    classes: list[str], probabilities: list[list[float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A column for each class, in their order, whatever commas and quotes their names hold."""
    path = tmp_path_factory.getbasetemp() / "more-predictions.csv"
    told = [dict(zip(classes, each, strict=False)) for each in probabilities]
    predictions = [
        LabeledPrediction(str(i), classes[0], classes[-1], 0.5, 0.7, each)
        for i, each in enumerate(told)
    ]
    write_predictions(path, predictions, classes)
    assert file_kind(path) is FileKind.PREDICTIONS
    assert len(path.read_bytes().splitlines()) == 1 + len(told)
    read = rows_of(path)
    for i, (row, each) in enumerate(zip(read, told, strict=True)):
        assert list(row.values())[:3] == [str(i), *map(printable, (classes[0], classes[-1]))]
        assert (row["confidence"], row["loss"]) == ("0.5", "0.7")
        columns = {f"P({printable(name)})": str(p) for name, p in each.items()}
        assert dict(list(row.items())[5:]) == columns


def test_a_table_takes_the_place_of_a_table(tmp_path: Path) -> None:
    """Of two classes or of more, without `force`; of another file with it only."""
    classes, path = ("car", 'a "cat", wild', "dog"), tmp_path / "p.csv"
    of_three = write_small(tmp_path / "three.npz", 3, 3, classes=classes)
    model = Model(np.zeros((192, 3)), np.zeros((3, 1)), classes, Preprocessing(size=8))
    result = evaluate(of_three, model, predictions=path)
    header, first, *_ = path.read_text(encoding="utf-8").splitlines()
    assert header == 'file,label,predicted,confidence,loss,P(car),"P(a ""cat"", wild)",P(dog)'
    assert first.startswith("0.png,car,car,0.3333333333333333,1.0986")
    assert len(rows_of(path)) == len(result.names)
    evaluate(write_small(tmp_path / "two.npz", 2, 3), MODEL, predictions=path)
    assert path.read_text(encoding="utf-8").startswith("file,label,predicted,positive")
    evaluate(of_three, model, predictions=path)
    path.write_text("file,label,predicted,confidence,loss\n", encoding="utf-8")
    with pytest.raises(CatclfError, match="is not a CSV file of catclf's predictions"):
        evaluate(of_three, model, predictions=path)
    evaluate(of_three, model, predictions=path, force=True)
    assert len(rows_of(path)) == 3


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

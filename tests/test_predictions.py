"""Predictions as a table: the CSV that `evaluate` and `tune` write."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf import CatclfError
from catclf.errors import printable
from catclf.predictions import LabeledPrediction, Prediction, write_predictions

HEADER = "file,label,predicted,positive,probability,loss\n"
SURE = LabeledPrediction("a/1.png", "cat", "cat", 0.75, 0.2876820724517809)
WRONG = LabeledPrediction("a/2.png", "noncat", "cat", 0.5000001, 0.69314738)

shares = st.floats(0, 1)
labeled_predictions = st.builds(
    LabeledPrediction, st.text(), st.text(), st.text(), shares, st.floats(0, allow_nan=False)
)


def rows(path: Path) -> list[dict[str, str]]:
    """Read a table as any other program does."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_line_a_picture_in_the_order_given(tmp_path: Path) -> None:
    """The class that the probability is of stands in every line."""
    path = tmp_path / "p.csv"
    write_predictions(path, [WRONG, SURE], "cat")
    assert path.read_bytes().decode() == (
        HEADER
        + "a/2.png,noncat,cat,cat,0.5000001,0.69314738\n"
        + "a/1.png,cat,cat,cat,0.75,0.2876820724517809\n"
    )


def test_without_pictures_there_is_the_header(tmp_path: Path) -> None:
    """An empty split makes a table of no lines, which a reader reads all the same."""
    write_predictions(tmp_path / "p.csv", [], "cat")
    assert (tmp_path / "p.csv").read_text(encoding="utf-8") == HEADER


@given(predictions=st.lists(labeled_predictions, max_size=5), positive=st.text())
def test_any_predictions_are_read_back(
    predictions: list[LabeledPrediction],
    positive: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """One line each, whatever their names hold; numbers are the same to the last bit."""
    path = tmp_path_factory.getbasetemp() / "any-predictions.csv"
    write_predictions(path, predictions, positive)
    read = rows(path)
    assert len(path.read_bytes().splitlines()) == 1 + len(read) == 1 + len(predictions)
    for row, prediction in zip(read, predictions, strict=True):
        names = (prediction.name, prediction.label, prediction.predicted, positive)
        told = (row["file"], row["label"], row["predicted"], row["positive"])
        assert told == tuple(map(printable, names))
        assert float(row["probability"]) == prediction.probability
        assert float(row["loss"]) == prediction.loss


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ('a,"b".png', 'a,"b".png'),
        ("a\nb.png", r"a\nb.png"),
        ("\x1b[31m.png", r"\x1b[31m.png"),
        (os.fsdecode(b"\xff.png"), r"\udcff.png"),
        ("\U0001f600.png", "\U0001f600.png"),
    ],
    ids=["quotes", "newline", "escape", "not UTF-8", "emoji"],
)
def test_a_name_breaks_no_line(name: str, told: str, tmp_path: Path) -> None:
    """Quoted where CSV needs it, its control characters escaped."""
    write_predictions(tmp_path / "p.csv", [LabeledPrediction(name, "cat", "cat", 1, 0)], "cat")
    assert [row["file"] for row in rows(tmp_path / "p.csv")] == [told]


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where the predictions end in an error, an older table stays, and nothing lies beside it."""
    path = tmp_path / "p.csv"
    write_predictions(path, [SURE], "cat")
    before = path.read_bytes()

    def broken() -> Iterator[LabeledPrediction]:
        yield WRONG
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_predictions(path, broken(), "cat")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["p.csv"]


def test_where_no_table_can_be_written_the_error_is_ours(tmp_path: Path) -> None:
    """A folder stands there: CatclfError names it."""
    with pytest.raises(CatclfError) as raised:
        write_predictions(tmp_path, [SURE], "cat")
    assert raised.value.where == str(tmp_path)


def test_a_prediction_has_no_error_unless_one_is_given() -> None:
    """A picture that was read needs no more than its name, class and probabilities."""
    prediction = Prediction("-", "noncat", {"noncat": 0.75, "cat": 0.25})
    assert prediction.error is None


@pytest.mark.parametrize(
    ("predicted", "confidence"), [("noncat", 0.75), ("cat", 0.25), (None, None)]
)
def test_confidence_is_the_probability_of_the_class_predicted(
    predicted: str | None, confidence: float | None
) -> None:
    """Whichever it is: the threshold decides the class, and may choose the less probable one."""
    probabilities = None if predicted is None else {"noncat": 0.75, "cat": 0.25}
    assert Prediction("-", predicted, probabilities).confidence == confidence

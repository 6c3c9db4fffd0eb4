"""What `evaluate` tells of classes, by few and by many; transcript.md has four of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import catclf
from catclf.cli.confusion_table import (
    class_lines,
    classes_as_record,
    lowest_recalls,
    recall_line,
)
from catclf.cli.evaluate import accuracy_lines, comparison_lines
from catclf.metrics import Confusion
from catclf.operations.comparison import Comparison
from catclf.operations.evaluation import Evaluation

LONG = "n0208{}, a species with a long name"


@pytest.fixture(scope="module")
def evaluation(dataset: Path, model: Path) -> Evaluation:
    """Evaluate a model; the tests change what of it matters."""
    return catclf.evaluate(dataset, model)


def told(evaluation: Evaluation, classes: Sequence[str], matrix: object) -> list[str]:
    """Return the lines about classes with a confusion matrix."""
    counts = Confusion(np.array(matrix, np.int64))
    changed = replace(evaluation, classes=tuple(classes), confusion=counts)
    return "\n".join(class_lines(changed)).strip("\n").splitlines()


@pytest.mark.parametrize("n_classes", [3, 8, 20, 100])
@pytest.mark.parametrize("name", ["{}", "class {}", LONG])
@pytest.mark.parametrize("count", [0, 12345])
def test_the_lines_fit_80_columns(
    evaluation: Evaluation, n_classes: int, name: str, count: int
) -> None:
    """However many classes, long names and large counts there are; numbers keep their distance."""
    classes = [name.format(i) for i in range(n_classes)]
    lines = told(evaluation, classes, np.full((n_classes, n_classes), count))
    assert max(map(len, lines)) <= 80
    assert len(lines) < 45
    if n_classes <= 8:
        row = lines[2].removesuffix(" %" if count else "-").split()
        assert row[-n_classes - bool(count) :][:n_classes] == [str(count)] * n_classes


def test_columns_have_numbers_where_names_do_not_fit(evaluation: Evaluation) -> None:
    """The rows have both then; names that are cut alike are told apart."""
    short = told(evaluation, ["a", "b", "c,d"], np.diag([3, 2, 1]))
    assert short[1:3] == [
        "label    a    b  c,d    recall",
        "a        3    0    0  100.00 %",
    ]
    _, head, *rows = told(evaluation, [LONG.format(i) for i in range(8)], np.eye(8))
    assert head.split() == ["label", *map(str, range(8)), "recall"]
    assert [row[:14] for row in rows[:2]] == ["0 n02080, a...", "1 n02081, a..."]


def test_of_many_classes_the_most_confused_and_the_worst_are_named(evaluation: Evaluation) -> None:
    """Beyond eight the pairs, beyond twenty the five of lowest recall; and the means of all."""
    matrix = 4 * np.eye(21, dtype=np.int64)
    matrix[7, 9], matrix[3, 1], matrix[5, 5] = 6, 2, 0
    matrix[5, 4] = 1
    lines = told(evaluation, [f"class {i}" for i in range(21)], matrix)
    assert [line.split() for line in lines[:5]] == [
        ["most", "confused", "classes:"],
        ["label", "predicted", "pictures", "of", "the", "label"],
        ["class", "7", "class", "9", "6", "60.00", "%"],
        ["class", "3", "class", "1", "2", "33.33", "%"],
        ["class", "5", "class", "4", "1", "100.00", "%"],
    ]
    assert lines[6] == "lowest recalls of 21 classes (--format json has all):"
    assert [line.split()[0] for line in lines[8:13]] == ["5", "7", "3", "0", "1"]
    assert lines[13].split()[:3] == ["macro", "average", "89"]
    assert lines[14:16] == [
        "the macro average of precision is not defined: never predicted are",
        "  class 5",
    ]
    assert told(evaluation, [f"{i}" for i in range(9)], np.eye(9))[0] == "no classes are confused"
    all_confused = told(evaluation, [f"{i}" for i in range(9)], np.ones((9, 9)))
    assert all_confused[0] == "most confused classes, 10 of 72 pairs:"


def test_what_is_not_defined_is_said(evaluation: Evaluation) -> None:
    """Which classes have no pictures, with their names made fit for a terminal."""
    matrix = [[3, 1, 0], [0, 0, 0], [0, 0, 2]]
    lines = told(evaluation, ["a", "\x1b[31m\n", "c"], matrix)
    assert lines[3].split() == ["\\x1b[31m\\n", "0", "0", "0", "-"]
    assert lines[10].split() == ["macro", "average", "6", "-", "-", "-"]
    assert lines[11:] == [
        "balanced accuracy, macro averages and AUC are not defined: no test pictures of",
        "  \\x1b[31m\\n",
    ]


@pytest.mark.parametrize("n_absent", [1, 90])
def test_a_class_without_pictures_is_told_beside_the_accuracy(
    evaluation: Evaluation, n_absent: int
) -> None:
    """By train and report too, and once of two models, within 80 columns; not of two classes."""
    classes = tuple(LONG.format(i) for i in range(100))
    counts = Confusion(np.diag([0] * n_absent + [1] * (100 - n_absent)))
    changed = replace(evaluation, classes=classes, confusion=counts, balanced_interval=None)
    lines = accuracy_lines(changed)
    assert lines[2].startswith("  no test pictures of n02080, a species...")
    assert max(map(len, lines)) <= 80
    compared = [*comparison_lines(Comparison(changed, changed, 0, 0, 1.0))]
    assert sum("are not defined: no test pictures of" in line for line in compared) == 1
    assert len(accuracy_lines(evaluation)) == 2


def test_the_lowest_recalls_of_a_training(evaluation: Evaluation) -> None:
    """Two; where there is no mistake no class stands out."""
    for matrix, said in (
        (np.eye(3), "every recall 100.00 %"),
        (np.diag([0, 2, 0]) + np.eye(3)[[1, 1, 1]], "lowest recalls: a 0.00 %, c 0.00 %"),
    ):
        counts = Confusion(matrix.astype(np.int64))
        changed = replace(evaluation, classes=("a", "b", "c"), confusion=counts)
        assert recall_line(changed) == said


def test_all_classes_stand_in_json(evaluation: Evaluation) -> None:
    """With rates, and null where one is not defined; the matrix has a row for each label."""
    counts = Confusion(np.array([[3, 1, 0], [0, 0, 0], [1, 1, 0]]))
    changed = replace(evaluation, classes=("a", "b", "c"), confusion=counts, aucs=[0.5, None, 1])
    assert classes_as_record(changed) == {
        "majority_class": "a",
        "confusion": [[3, 1, 0], [0, 0, 0], [1, 1, 0]],
        "most_confused": [
            {"label": "a", "predicted": "b", "count": 1, "share_of_label": 0.25},
            {"label": "c", "predicted": "a", "count": 1, "share_of_label": 0.5},
            {"label": "c", "predicted": "b", "count": 1, "share_of_label": 0.5},
        ],
        "by_class": {
            "a": {"examples": 4, "recall": 0.75, "precision": 0.75, "f1": 0.75, "auc": 0.5},
            "b": {"examples": 0, "recall": None, "precision": 0, "f1": 0, "auc": None},
            "c": {"examples": 2, "recall": 0, "precision": None, "f1": 0, "auc": 1},
        },
        "macro_recall": None,
        "macro_precision": None,
        "macro_f1": None,
    }
    assert lowest_recalls(counts, 5) == [(2, 0), (0, 0.75)]

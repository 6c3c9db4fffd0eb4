"""catclf evaluate: its formats, and its agreement with predict."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import catclf
from command_line import results, run


def test_evaluate_in_words(dataset: Path, model: Path) -> None:
    """The accuracy stands beside its interval and the majority class; the worst have names."""
    text = results("evaluate", dataset, "-m", model, "--split", "train")
    expected = catclf.evaluate(dataset, model, split="train")
    low, high = expected.interval
    assert text.splitlines()[:3] == [
        f"train split of {dataset}: 18 pictures",
        "predicted cat where P(cat) > 0.5",
        f"model              {model}",
    ]
    assert (
        f"accuracy           {expected.accuracy:.2%}  (95 % interval {low:.2%} to {high:.2%})"
    ) in text.replace(" %  ", "%  ").replace(" % to", "% to").replace(" %)", "%)")
    assert "majority class     50.00 %" in text
    assert f"AUC                {expected.auc:.4f}" in text
    assert f"log loss           {expected.log_loss:.4f}" in text
    assert expected.worst(5)
    for row in expected.worst(5):
        assert f"P(cat) = {row.probability:.4f}, label {row.label}: {row.name}" in text


def test_evaluate_in_json(dataset: Path, model: Path) -> None:
    """The same results for a program, in full precision, on stdout alone."""
    found = json.loads(results("evaluate", dataset, "-m", model, "--format", "json"))
    expected = catclf.evaluate(dataset, model)
    assert found["split"] == "test"
    assert found["classes"] == ["noncat", "cat"]
    assert found["positive"] == "cat"
    assert found["examples"] == sum(found["confusion"].values()) == len(expected.names)
    assert found["accuracy"] == expected.accuracy
    assert found["accuracy_interval_95"] == list(expected.interval)
    assert found["majority_rate"] == expected.majority_rate
    assert found["auc"] == expected.auc
    assert found["log_loss"] == expected.log_loss
    assert [wrong["name"] for wrong in found["most_wrong"]] == [
        row.name for row in expected.worst(5)
    ]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_picture_predicted_by_file_is_the_column_that_was_stored(
    dataset: Path, model: Path, tmp_path: Path, split: str
) -> None:
    """`predict` gives each picture exactly the probability `evaluate --predictions` gives it."""
    table = tmp_path / "p.csv"
    results("evaluate", dataset, "-m", model, "--split", split, "--predictions", table)
    with open(table, encoding="utf-8", newline="") as file:
        stored = {row["file"]: row["probability"] for row in csv.DictReader(file)}
    shown = results("predict", "-m", model, "--format", "csv", *stored)
    assert {row["file"]: row["P(cat)"] for row in csv.DictReader(io.StringIO(shown))} == stored


def test_the_threshold_decides_for_both_verbs(dataset: Path, model: Path, pictures: Path) -> None:
    """At 1 nothing is a cat, at 0 everything is, in predict and in evaluate."""
    picture = pictures / "0.png"
    for threshold, said in (("1", "noncat"), ("0", "cat")):
        shown = results("predict", picture, "-m", model, "--threshold", threshold)
        assert shown.startswith(f"{picture}: {said}, ")
        counts = json.loads(
            results("evaluate", dataset, "-m", model, "--threshold", threshold, "--format", "json")
        )["confusion"]
        positive = counts["true_positives"] + counts["false_positives"]
        assert positive == (sum(counts.values()) if said == "cat" else 0)


def test_predictions_that_cannot_be_written_are_an_error(
    dataset: Path, model: Path, tmp_path: Path
) -> None:
    """The message names the file."""
    ended = run("evaluate", dataset, "-m", model, "--predictions", tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: {tmp_path}: a folder, not a file\n")

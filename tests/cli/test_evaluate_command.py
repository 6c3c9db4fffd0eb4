"""catclf evaluate: its formats, two models side by side, and its agreement with predict."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import catclf
from catclf.cli import evaluate as module
from catclf.cli.evaluate import number
from catclf.cli.output import percent
from catclf.operations.evaluation import Comparison, Evaluation
from command_line import results


@pytest.fixture(scope="module")
def other(dataset: Path, model: Path) -> Path:
    """Train a second model."""
    path = model.with_name("other.npz")
    catclf.train(dataset, path, catclf.Settings(iterations=3))
    return path


def test_evaluate_in_words(dataset: Path, model: Path) -> None:
    """Rates stand beside what they are held against; the most confidently wrong have names."""
    found = catclf.evaluate(dataset, model, split="train")
    low, high = found.interval
    counts = found.confusion
    tn, fp = counts.true_negatives, counts.false_positives
    fn, tp = counts.false_negatives, counts.true_positives
    doubt = "warning: not surely better than always predicting the more frequent class"
    assert results("evaluate", dataset, "-m", model, "--split", "train").splitlines() == [
        f"train split of {dataset}: 18 pictures",
        "predicted cat where P(cat) > 0.5",
        f"model              {model}",
        "",
        f"accuracy           {percent(found.accuracy)}  "
        f"(95 % interval {percent(low)} to {percent(high)})",
        "majority class     50.00 %  (always predicting the same)",
        f"balanced accuracy  {percent(counts.balanced_accuracy)}",
        "",
        "           predicted  predicted",
        "label         noncat        cat     recall",
        f"noncat     {tn:>9}  {fp:>9}  {percent(counts.specificity):>9}",
        f"cat        {fn:>9}  {tp:>9}  {percent(counts.recall):>9}",
        "",
        f"precision          {number(counts.precision)}",
        f"F1                 {number(counts.f1)}",
        f"AUC                {number(found.auc)}",
        f"log loss           {number(found.log_loss)}  (always predicting the fraction: 0.6931)",
        *[doubt] * (not found.surely_better),
        "",
        "most confidently wrong:",
        *(f"  P(cat) = {p.probability:.4f}, label {p.label}: {p.name}" for p in found.worst(5)),
    ]


def test_evaluate_in_json(dataset: Path, model: Path) -> None:
    """The same results for a program, in full precision, on stdout alone."""
    found = json.loads(results("evaluate", dataset, "-m", model, "--format", "json"))
    expected = catclf.evaluate(dataset, model)
    counts = expected.confusion
    assert (found["split"], found["classes"], found["positive"]) == (
        "test",
        ["noncat", "cat"],
        "cat",
    )
    assert found["examples"] == sum(found["confusion"].values()) == len(expected.names)
    for name in ("accuracy", "majority_rate", "auc", "log_loss", "constant_log_loss"):
        assert found[name] == getattr(expected, name)
    for name in ("balanced_accuracy", "precision", "recall", "f1"):
        assert found[name] == getattr(counts, name)
    assert found["accuracy_interval_95"] == list(expected.interval)
    assert found["recall_by_class"] == {"noncat": counts.specificity, "cat": counts.recall}
    assert [wrong["name"] for wrong in found["most_wrong"]] == [
        row.name for row in expected.worst(5)
    ]


def test_what_a_reader_should_doubt_is_told(
    dataset: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chance, other data, pictures that were trained on; a dash for what is not defined."""
    found = replace(
        catclf.evaluate(dataset, model),
        interval=(0.4, 0.6),
        other_data="o\n.npz",
        also_in_train=2,
        auc=None,
    )
    monkeypatch.setattr(module, "evaluate", lambda *words, **settings: found)
    lines = results("evaluate", dataset, "-m", model).splitlines()
    assert [line for line in lines if line.startswith("warning: ")] == [
        "warning: not surely better than always predicting the more frequent class",
        "warning: the model was trained on other data: o\\n.npz",
        "warning: pictures that are in the train split too: 2",
    ]
    assert "AUC                -" in lines
    shown = json.loads(results("evaluate", dataset, "-m", model, "--format", "json"))
    assert (shown["other_data"], shown["also_in_train"], shown["auc"]) == ("o\n.npz", 2, None)


def test_the_order_of_weights_that_fits_is_told(dataset: Path, weights_only: Path) -> None:
    """With what to type, in words; both log losses in JSON."""
    found = catclf.evaluate(dataset, weights_only)
    (fits, loss), (other, worse) = found.order_log_losses.items()
    losses = f"log loss {loss:.4f}, {other} {worse:.4f}"
    shown = results("evaluate", dataset, "-m", weights_only)
    assert f"model              {weights_only} (order {fits})\n" in shown
    assert (
        f"By these labels the order {fits} fits better ({losses}).\n"
        f"To predict, use --order {fits}.\n"
    ) in shown
    in_json = json.loads(results("evaluate", dataset, "-m", weights_only, "--format", "json"))
    assert in_json["order_log_losses"] == found.order_log_losses


def test_two_models_stand_side_by_side(dataset: Path, model: Path, other: Path) -> None:
    """Each number of both, how often one alone is right, and whether that may be chance."""
    words = ["evaluate", dataset, "-m", model, "-m", other, "--split", "train"]
    found = catclf.compare(dataset, model, other, split="train")
    lines = results(*words).splitlines()
    assert lines[:5] == [
        f"train split of {dataset}: 18 pictures",
        "predicted cat where P(cat) > 0.5",
        "majority class: 50.00 %, log loss of the constant: 0.6931",
        f"A: {model}",
        f"B: {other}",
    ]
    rows = {line[:30].strip(): line[30:].split() for line in lines[5:] if line.startswith("log")}
    both = (found.first, found.second)
    assert rows["log loss"] == [f"{each.log_loss:.4f}" for each in both]
    [alone] = [line.split()[-2:] for line in lines if line.startswith("right where")]
    assert alone == [str(found.only_first), str(found.only_second)]
    assert f"McNemar's exact test: p = {found.p_value:.3g}" in lines
    shown = json.loads(results(*words, "--format", "json"))
    assert [each["model"] for each in shown["models"]] == [str(model), str(other)]
    assert [each["log_loss"] for each in shown["models"]] == [each.log_loss for each in both]
    assert (shown["only_first_right"], shown["only_second_right"]) == (
        found.only_first,
        found.only_second,
    )
    assert (shown["mcnemar_p"], shown["significant"]) == (found.p_value, found.significant)


@pytest.mark.parametrize(
    ("alone", "p", "said"),
    [
        ((0, 0), 1.0, "There is no difference."),
        ((9, 1), 0.02, "The difference is significant: chance alone would seldom make it."),
        ((3, 2), 1.0, "The difference is not significant: it may be chance."),
    ],
)
def test_a_difference_is_said_in_words(
    dataset: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    alone: tuple[int, int],
    p: float,
    said: str,
) -> None:
    """And what to doubt of either model, by its letter."""
    found = replace(catclf.evaluate(dataset, model), also_in_train=2)
    compared = Comparison(found, found, *alone, p)
    monkeypatch.setattr(module, "compare", lambda *words, **settings: compared)
    lines = results("evaluate", dataset, "-m", model, "-m", model).splitlines()
    assert lines[-1] == said
    for letter in "AB":
        assert f"warning: {letter}: pictures that are in the train split too: 2" in lines


def test_flags_are_the_arguments(
    dataset: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one model and of two, with the same meaning."""
    asked: list[Any] = []
    found = catclf.evaluate(dataset, model)

    def evaluate(*names: str, **settings: Any) -> Evaluation:
        asked.append((*names, settings))
        return found

    monkeypatch.setattr(module, "evaluate", evaluate)
    monkeypatch.setattr(
        module, "compare", lambda *names, **s: Comparison(evaluate(*names, **s), found, 0, 0, 1.0)
    )
    how = {"split": "train", "threshold": 0.9, "order": "planes", "classes": ("a", "b")}
    words = ["--split", "train", "--threshold", "0.9", "--order", "planes", "--classes", "a,b"]
    results("evaluate", "d", "-m", "m", *words, "--predictions", "p", "--force")
    results("evaluate", "d", "-m", "m", "-m", "n", *words)
    results("evaluate")
    usual = {"split": "test", "threshold": 0.5, "order": None, "classes": None}
    assert asked == [
        ("d", "m", {**how, "predictions": "p", "force": True}),
        ("d", "m", "n", how),
        ("data/dataset.npz", "model.npz", {**usual, "predictions": None, "force": False}),
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

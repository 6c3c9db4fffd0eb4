"""catclf tune: its options, its JSON, and signals; transcript.md has what it prints."""

from __future__ import annotations

import json
import math
import signal
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catclf.cli import tune as module
from catclf.cli.output import Display
from catclf.operations.search import Search, Tuned
from catclf.operations.tuning import tune
from command_line import invoke, results
from conftest import training_of
from datasets import write_small

FLAGS = ["--lr", "0.005,1000", "--l2", "0.1", "--iters", "50", "--folds", "3"]
SEARCH = Search((0.005, 1000.0), (0.1,), iterations=50, folds=3)


@pytest.fixture(scope="module")
def expected(dataset: Path) -> Tuned:
    """Tune as FLAGS say: one setting of two diverges."""
    return tune(dataset, SEARCH)


def test_tune_in_json(dataset: Path, expected: Tuned, tmp_path: Path) -> None:
    """The same results in full precision; what a diverged setting lacks is null."""
    shown = results("tune", dataset, "-o", tmp_path / "t.toml", *FLAGS, "--format", "json")
    found: dict[str, Any] = json.loads(shown)
    assert found["dataset"] == str(dataset)
    assert found["examples"] == found["train_examples"] == 18
    assert found["search"] == json.loads(json.dumps(asdict(SEARCH)))
    assert found["majority_rate"] == expected.majority_rate
    assert found["constant_accuracy"] == expected.judged.constant
    assert found["constant_log_loss"] == expected.constant_log_loss
    assert found["warnings"] == expected.warnings == []
    assert found["safe_learning_rate"] == expected.safe_rate
    assert found["surely_better_than_constant"] == expected.surely_better
    assert expected.chosen is not None
    assert found["chosen"] == asdict(expected.chosen)
    assert found["edges"] == expected.edges
    best, diverged = found["scores"]
    assert best == asdict(expected.scores[0])
    assert diverged["diverged"]
    assert diverged["accuracy"] is diverged["log_loss"] is diverged["auc_error"] is None
    assert found["positive"] == "cat"
    assert "classes" not in found
    assert not found["interrupted"]
    assert found["suspects_withheld"] is None
    assert [wrong["name"] for wrong in found["suspects"]] == [
        held.name for held in expected.out_of_fold[:5]
    ]


def test_tune_on_several_classes(tmp_path: Path) -> None:
    """Text within 80 columns, and JSON: no positive class, but all; suspects by all classes."""
    rng, labels = np.random.default_rng(0), np.arange(36) % 3
    names, columns = ("cat", "dog", "tree"), rng.integers(0, 100, (36, 12), dtype=np.uint8)
    columns[np.arange(36), labels] += 100
    path = tmp_path / "d.npz"
    write_small(path, size=2, columns=columns, labels=labels, classes=names)
    words = ["tune", path, "-o", tmp_path / "t.toml", "--folds", "3", "--lr", "0.5", "--l2", "0"]
    lines = results(*words).splitlines()
    assert all(len(line) <= 80 for line in lines[1:])
    assert lines[1] == "The best setting surely beats always predicting the classes' shares"
    assert "AUC: one class against the rest, mean" in lines
    assert "positive" not in " ".join(lines)
    found = json.loads(results(*words, "--format", "json", "--class-weight", "balanced"))
    assert "positive" not in found
    assert found["classes"] == list(names)
    assert found["constant_balanced_log_loss"] == pytest.approx(math.log(3))
    first = found["suspects"][0]
    assert list(first["probabilities"]) == list(names)
    assert first["confidence"] == first["probabilities"][first["predicted"]]
    text = results(*words, "--class-weight", "balanced")
    assert (
        f"  P({first['label']}) = {first['probabilities'][first['label']]:.4f}, predicted "
        f"{first['predicted']} ({first['confidence']:.4f}): {first['name']}\n"
    ) in text
    balanced = text.splitlines()[1]
    assert balanced == "The best setting surely beats always predicting equal probabilities"


def test_balanced_means_in_json(tmp_path: Path) -> None:
    """No key says accuracy or log loss of what counts both classes half."""
    labels = [0] * 30 + [1] * 10
    dataset = write_small(tmp_path / "d.npz", size=2, labels=labels)
    words = ["tune", dataset, "-o", tmp_path / "t.toml", *FLAGS, "--class-weight", "balanced"]
    found = json.loads(invoke(*words, "--format", "json").stdout)
    assert found["constant_balanced_accuracy"] == 0.5
    assert found["constant_balanced_log_loss"] == math.log(2)
    assert found["majority_rate"] == 0.75
    for score in found["scores"]:
        means = {name for name in score if "accuracy" in name or "log_loss" in name}
        balanced = {"balanced_accuracy", "balanced_log_loss"}
        assert means == balanced | {f"{name}_error" for name in balanced}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_prints_the_leaderboard_so_far(
    number: signal.Signals, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked as interrupted, exit 130 or 143, and no config file; test_bar.py types Ctrl-C."""

    def interrupt(display: Display, done: int, total: int) -> None:
        if done == 20:
            signal.raise_signal(number)

    monkeypatch.setattr(Display, "progress", interrupt)
    config = tmp_path / "t.toml"
    ended = invoke("tune", dataset, "-o", config, "--iters", "100000000", "--folds", "3")
    assert ended.exit_code == 128 + number
    assert "interrupted: held-out means +- standard error up to there:" in ended.stdout
    assert ended.stderr == f"Interrupted; {config} is not written.\n"
    assert not config.exists()


def test_flags_are_the_search(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each flag reaches the library; learning rates that are not given are its own to find."""
    asked = []

    def watched(path: str, search: Search, **settings: Any) -> Tuned:
        asked.append((path, search, settings["output"], settings["predictions"]))
        return tune(path, SEARCH)

    monkeypatch.setattr(module, "tune", watched)
    words = "--l2 0,1 --iters 9 --folds 4 --repeats 2 --seed 7 --sample 12 --metric auc"
    balanced = ["--rule", "one-se", "--class-weight", "balanced", "--save-predictions", "p.csv"]
    results("tune", dataset, "-o", "t.toml", *words.split(), *balanced)
    results("tune", dataset)
    search = Search((), (0, 1), 9, 4, 2, 7, 12, "auc", "one-se", "balanced")
    assert asked == [
        (str(dataset), search, "t.toml", "p.csv"),
        (str(dataset), Search(), "tuned.toml", None),
    ]


def test_the_config_trains_with_the_choice(dataset: Path, tmp_path: Path) -> None:
    """`catclf --config tuned.toml train` uses the setting and the same data; so does evaluate."""
    config, model = tmp_path / "t.toml", tmp_path / "m.npz"
    results("tune", "-q", dataset, "--folds", "3", "--iters", "50", "-o", config)
    chosen = tomllib.loads(config.read_text(encoding="utf-8"))["train"]
    results("--config", config, "train", "-o", model)
    trained = training_of(model).settings
    assert (trained.learning_rate, trained.l2) == (chosen["lr"], chosen["l2"])
    assert trained.iterations == chosen["iters"]
    evaluated = results("--config", config, "evaluate", "-m", model)
    assert evaluated.startswith(f"test split of {dataset}: ")

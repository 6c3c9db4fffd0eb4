"""catclf tune: the leaderboard and the choice, in words and in JSON, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catclf.operations.tuning import Search, Tuned, tune
from command_line import invoke, results, run

FLAGS = ["--lr", "0.005,1000", "--l2", "0.1", "--iters", "50", "--folds", "3"]
SEARCH = Search((0.005, 1000.0), (0.1,), iterations=50, folds=3)


@pytest.fixture(scope="module")
def expected(dataset: Path) -> Tuned:
    """Tune as FLAGS say: one setting of two diverges."""
    return tune(dataset, SEARCH)


def test_tune_in_words(dataset: Path, expected: Tuned, tmp_path: Path) -> None:
    """What always answering the same reaches, a line a setting, the choice, the worst pictures."""
    config = tmp_path / "t.toml"
    result = invoke("tune", dataset, "-o", config, *FLAGS)
    assert result.exit_code == 0
    best, diverged = expected.scores
    chosen = expected.chosen

    def line(iterations: int, accuracy: float, error: float, loss: float, loss_error: float) -> str:
        return (
            f"   0.005      0.1 {iterations:>10}  {100 * accuracy:>7.2f} % +- "
            f"{100 * error:4.2f} %   {loss:.4f} +- {loss_error:.4f}"
        )

    assert result.stdout.splitlines() == [
        "18 training pictures, 3 folds x 1; always answering the same: "
        "accuracy 50.00 %, log loss 0.6931",
        "    rate       l2 iterations    held-out accuracy  held-out log loss",
        line(
            best.iterations, best.accuracy, best.accuracy_error, best.log_loss, best.log_loss_error
        ),
        f"    1000      0.1 {diverged.iterations:>10}             diverged",
        "chosen, of all within one standard error of the lowest log loss the simplest (largest l2,",
        "then smallest rate x iterations):",
        line(
            chosen.iterations,
            chosen.accuracy,
            chosen.accuracy_error,
            chosen.log_loss,
            chosen.log_loss_error,
        ),
        "",
        "pictures most at odds with their label, by the setting of the lowest log loss:",
        *(
            f"  P(cat) = {held.probability:.4f}, label {held.label}: {held.name}"
            for held in expected.out_of_fold[:5]
        ),
    ]
    assert result.stderr == f"{config}: saved. Next: catclf --config {config} train\n"


def test_tune_in_json(dataset: Path, expected: Tuned, tmp_path: Path) -> None:
    """The same results in full precision; what a diverged setting lacks is null."""
    shown = results("tune", dataset, "-o", tmp_path / "t.toml", *FLAGS, "--format", "json")
    found: dict[str, Any] = json.loads(shown)
    assert list(found) == [
        "dataset",
        "examples",
        "train_examples",
        "iterations",
        "folds",
        "repeats",
        "seed",
        "majority_rate",
        "base_log_loss",
        "chosen",
        "scores",
        "positive",
        "most_wrong",
    ]
    assert found["dataset"] == str(dataset)
    assert found["examples"] == found["train_examples"] == 18
    assert (found["iterations"], found["folds"], found["repeats"], found["seed"]) == (50, 3, 1, 0)
    assert found["majority_rate"] == expected.majority_rate
    assert found["base_log_loss"] == expected.base_log_loss
    assert found["chosen"]["iterations"] == expected.chosen.iterations
    assert found["chosen"]["log_loss"] == expected.chosen.log_loss
    best, diverged = found["scores"]
    assert best["log_loss"] == expected.scores[0].log_loss
    assert best["accuracy"] == expected.scores[0].accuracy
    assert diverged["diverged"]
    assert diverged["accuracy"] is diverged["log_loss"] is diverged["log_loss_error"] is None
    assert found["positive"] == "cat"
    assert [wrong["name"] for wrong in found["most_wrong"]] == [
        held.name for held in expected.out_of_fold[:5]
    ]


def test_a_sample_is_told_of(dataset: Path, tmp_path: Path) -> None:
    """How many pictures were used stands beside how many there are."""
    words = ["--sample", "12", "--folds", "3", "--iters", "10", "--repeats", "2", "--seed", "7"]
    config = tmp_path / "t.toml"
    found = json.loads(results("tune", dataset, "-o", config, *words, "--format", "json"))
    assert (found["examples"], found["train_examples"]) == (12, 18)
    assert (found["repeats"], found["seed"]) == (2, 7)
    assert "on 12 of 18 training pictures" in config.read_text(encoding="utf-8")


def test_too_few_pictures_are_exit_1_and_name_the_flag(dataset: Path, tmp_path: Path) -> None:
    """Nine of a class cannot be dealt into the ten folds of the default."""
    ended = run("tune", dataset, "-o", tmp_path / "t.toml")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "9 different pictures of a class, too few for 10 folds\nUse --folds 9.\n" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    ["--folds 1", "--repeats 0", "--iters 0", "--seed -1", "--sample 3", "--l2 -1", "--format csv"],
)
def test_a_search_that_is_none_is_exit_2(words: str, dataset: Path, tmp_path: Path) -> None:
    """The option is named, and no config file is written."""
    result = invoke("tune", dataset, "-o", tmp_path / "t.toml", *words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert words.split()[0] in result.stderr
    assert list(tmp_path.iterdir()) == []

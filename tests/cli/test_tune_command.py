"""catclf tune: the leaderboard and the choice, in words and in JSON, and its exit codes."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import catclf
from catclf import CatclfError
from catclf.cli import app
from catclf.descent.cross_validation import Score
from catclf.operations.search import Search, Tuned
from catclf.operations.tuning import tune
from command_line import CATCLF, invoke, results, run

FLAGS = ["--lr", "0.005,1000", "--l2", "0.1", "--iters", "50", "--folds", "3"]
SEARCH = Search((0.005, 1000.0), (0.1,), iterations=50, folds=3)


@pytest.fixture(scope="module")
def expected(dataset: Path) -> Tuned:
    """Tune as FLAGS say: one setting of two diverges."""
    return tune(dataset, SEARCH)


def test_tune_in_words(dataset: Path, expected: Tuned, tmp_path: Path) -> None:
    """The verdict, a line for each setting, the constant, the choice, the suspects."""
    config = tmp_path / "t.toml"
    result = invoke("tune", dataset, "-o", config, *FLAGS, "--suspects", "2")
    assert result.exit_code == 0
    best, diverged = expected.scores

    def line(score: Score) -> str:
        return (
            f"   0.005      0.1 {score.iterations:>7}  {100 * score.accuracy:>7.2f} % +- "
            f"{100 * score.accuracy_error:5.2f}   {score.log_loss:.4f} +- "
            f"{score.log_loss_error:.4f}  {score.auc:.3f} +- {score.auc_error:.3f}"
        )

    assert expected.chosen == best
    assert result.stdout.splitlines() == [
        f"{dataset}: 18 training pictures, 3 folds",
        "The best setting surely beats always predicting the same",
        f"(log loss {best.log_loss:.4f} +- {best.log_loss_error:.4f}, constant 0.6931).",
        "",
        "held-out means:",
        "      lr       l2   iters            accuracy           log loss             AUC",
        line(best),
        f"   1e+03      0.1 {diverged.iterations:>7}            diverged",
        "                 constant    50.00 %            0.6931",
        "",
        "The best stands at the largest number of iterations",
        "of those tried: a better one may lie beyond.",
        "",
        "chosen by log-loss, the best:",
        line(best),
        "",
        "pictures that disagree most with their label:",
        *(
            f"  P(cat) = {held.probability:.4f}, label {held.label}: {held.name}"
            for held in expected.out_of_fold[:2]
        ),
    ]
    assert result.stderr == f"{config}: saved\nNext: catclf --config {config} train\n"


def test_tune_in_json(dataset: Path, expected: Tuned, tmp_path: Path) -> None:
    """The same results in full precision; what a diverged setting lacks is null."""
    shown = results("tune", dataset, "-o", tmp_path / "t.toml", *FLAGS, "--format", "json")
    found: dict[str, Any] = json.loads(shown)
    assert found["dataset"] == str(dataset)
    assert found["examples"] == found["train_examples"] == 18
    assert found["search"] == json.loads(json.dumps(asdict(SEARCH)))
    assert found["majority_rate"] == expected.majority_rate
    assert found["constant_log_loss"] == expected.constant_log_loss
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
    assert not found["interrupted"]
    assert found["suspects_withheld"] is None
    assert [wrong["name"] for wrong in found["suspects"]] == [
        held.name for held in expected.out_of_fold[:5]
    ]


def test_nothing_chosen_is_exit_1_after_the_leaderboard(
    noise_dataset: Path, tmp_path: Path
) -> None:
    """A script with && does not train on an old config file; no picture is suspected."""
    config = tmp_path / "t.toml"
    ended = run("tune", noise_dataset, "-o", config, "--folds", "5")
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[1] == "Nothing beats always predicting the same"
    assert "Try prepare --features hog-color, or more pictures." in ended.stdout
    assert "No pictures are suspected of a wrong label:" in ended.stdout.splitlines()
    assert f"Error: {noise_dataset}: nothing is chosen, and {config} is not written" in ended.stderr
    assert not config.exists()


def test_ctrl_c_prints_the_leaderboard_so_far(dataset: Path, tmp_path: Path) -> None:
    """Marked as interrupted, exit 130, and no config file."""
    config = tmp_path / "t.toml"
    words = ["--iters", "100000000", "--folds", "3", "-o", str(config)]
    started = subprocess.Popen(
        [*CATCLF, "tune", str(dataset), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    time.sleep(3)
    started.send_signal(signal.SIGINT)
    stdout, stderr = started.communicate(timeout=60)
    assert started.returncode == 130, stderr
    assert "interrupted: the means held out up to there" in stdout
    assert stderr == f"Interrupted; {config} is not written.\n"
    assert not config.exists()


def test_a_sample_is_told_of(dataset: Path, tmp_path: Path) -> None:
    """How many pictures were used stands beside how many there are."""
    words = ["--sample", "12", "--folds", "3", "--iters", "10", "--repeats", "2", "--seed", "7"]
    config = tmp_path / "t.toml"
    found = json.loads(results("tune", dataset, "-o", config, *words, "--format", "json"))
    assert (found["examples"], found["train_examples"]) == (12, 18)
    assert (found["search"]["repeats"], found["search"]["seed"]) == (2, 7)
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


def test_the_config_trains_with_the_choice(small_dataset: Path, tmp_path: Path) -> None:
    """`catclf --config tuned.toml train` uses the setting and the same data; so does evaluate."""
    runner = CliRunner()
    config, oof, model = (str(tmp_path / name) for name in ("t.toml", "oof.csv", "m.npz"))
    words = ["tune", "-q", str(small_dataset), "--folds", "3", "--iters", "50", "-o", config]
    done = runner.invoke(app, [*words, "--save-predictions", oof])
    assert done.exit_code == 0, done.output
    assert "chosen by log-loss, the best:" in done.stdout
    with open(config, "rb") as file:
        chosen = tomllib.load(file)["train"]
    assert "Held-out log loss" in Path(config).read_text(encoding="utf-8")
    trained = runner.invoke(app, ["--config", config, "train", "-o", model])
    assert trained.exit_code == 0, trained.output
    settings = catclf.load_model(model).training
    assert settings is not None
    assert (settings.settings.learning_rate, settings.settings.l2) == (chosen["lr"], chosen["l2"])
    assert settings.iterations == chosen["iters"]
    evaluated = runner.invoke(app, ["--config", config, "evaluate", "-m", model])
    assert evaluated.stdout.startswith(f"test split of {small_dataset}: ")
    with open(oof, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    losses = [float(row["loss"]) for row in rows]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize(
    "words",
    [
        ["tune", "DATASET", "-o", "DATASET"],
        ["tune", "DATASET", "--save-predictions", "DATASET"],
        ["tune", "DATASET", "-o", "x", "--save-predictions", "./x"],
        ["train", "DATASET", "-o", "DATASET"],
    ],
    ids=" ".join,
)
def test_no_output_destroys_an_input(
    words: list[str], small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named for the dataset, or twice, an output is refused before the work."""
    monkeypatch.chdir(tmp_path)
    Path("d.h5").write_bytes(small_dataset.read_bytes())
    done = CliRunner().invoke(app, [word.replace("DATASET", "d.h5") for word in words])
    assert isinstance(done.exception, CatclfError)
    assert Path("d.h5").read_bytes() == small_dataset.read_bytes()


@pytest.mark.parametrize("words", [["--lr", "nan"], ["--lr", "0"], ["--l2", "x"], ["--lr", ""]])
def test_numbers_that_are_none_are_usage_errors(words: list[str], small_dataset: Path) -> None:
    """Exit code 2, and the option is named."""
    done = CliRunner().invoke(app, ["tune", str(small_dataset), *words])
    assert done.exit_code == 2
    assert words[0] in done.stderr

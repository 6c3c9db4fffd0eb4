"""catclf train: its options, its JSON, and how it resumes; transcript.md has what it prints."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import catclf
from catclf.cli.train import duration
from catclf.descent import METHODS
from catclf.training import Settings
from command_line import invoke, results
from conftest import training_of

NOT_DEFAULTS = ["--lr", "0.01", "--l2", "0.5", "--loss", "squared-error"]
NOT_DEFAULTS += ["--every", "7", "--class-weight", "balanced"]


def in_json(*words: Any) -> dict[str, Any]:
    """Return what is printed as JSON, though training may fail."""
    found: dict[str, Any] = json.loads(invoke("train", *words, "--format", "json").stdout)
    return found


def test_train_in_json(dataset: Path, tmp_path: Path) -> None:
    """The settings, all costs and both splits' results as one object, and nothing else."""
    output = tmp_path / "m.npz"
    found = in_json(dataset, "-o", output, "--iters", "30", "--every", "10", "--lr", "0.02")
    record = training_of(output)
    assert (found["model"], found["dataset"]) == (str(output), str(dataset))
    assert (found["digest"], found["method"]) == (record.digest, record.method)
    assert found["settings"] == asdict(record.settings)
    assert (found["final_cost"], found["final_test_log_loss"]) == (
        record.cost,
        record.test_log_loss,
    )
    assert (found["iterations"], found["interrupted"], found["error"]) == (30, False, None)
    assert found["warnings"] == []
    assert [(c["iteration"], c["cost"], c["test_log_loss"]) for c in found["costs"]] == [
        (at, cost, record.test_log_losses[at]) for at, cost in record.costs.items()
    ]
    for split in ("train", "test"):
        evaluated = results("evaluate", dataset, "-m", output, "--split", split, "--format", "json")
        expected = json.loads(evaluated)
        del expected["most_wrong"], expected["warnings"]
        del expected["similarity_floor"], expected["unlike"]
        assert found[split] == expected


def test_what_goes_wrong_stands_in_json(dataset: Path, tmp_path: Path) -> None:
    """Warnings; and of a training that diverged the costs up to there, and why."""
    output = tmp_path / "m.npz"
    rose = in_json(dataset, "-o", output, "--lr", "1", "--every", "1", "--iters", "2")
    assert rose["warnings"][0].startswith("the cost rose, to ")
    output.unlink()
    diverged = in_json(dataset, "-o", output, "--lr", "1e6", "--l2", "1")
    assert diverged["costs"][0]["cost"] == pytest.approx(0.693147, abs=1e-6)
    assert "the learning rate 1e+06 is too high" in diverged["error"]
    assert (diverged["settings"]["learning_rate"], diverged["model"]) == (1e6, None)
    assert list(tmp_path.iterdir()) == []


def test_flags_are_the_settings(dataset: Path, tmp_path: Path) -> None:
    """Each flag reaches the model's record."""
    output = tmp_path / "m.npz"
    results("train", dataset, "-o", output, "--iters", "9", *NOT_DEFAULTS)
    record = training_of(output)
    assert record.settings == Settings(0.01, 9, 0.5, "squared-error", 7, "balanced")
    assert record.iterations == 9
    for method in METHODS:
        shown = results("train", dataset, "-o", output, "--iters", "2", "--method", method)
        by = " (numpy)" if method == "streaming" else ""
        assert f"\nmethod: {method}{by}\n" in shown
        assert training_of(output).method == method


def test_resume_takes_what_is_not_given_from_the_model(dataset: Path, tmp_path: Path) -> None:
    """DATASET, learning rate, penalty and the rest need not be said again; only new costs are."""
    output, whole = tmp_path / "m.npz", tmp_path / "whole.npz"
    results("train", dataset, "-o", output, *NOT_DEFAULTS, "--iters", "20")
    shown = results("train", "--resume", "-o", output, "--iters", "40")
    results("train", dataset, "-o", whole, *NOT_DEFAULTS, "--iters", "40")
    assert output.read_bytes() == whole.read_bytes()
    costs = [line.split(":")[0] for line in shown.splitlines() if line.startswith("Cost")]
    assert costs == [f"Cost after iteration {at}" for at in (21, 28, 35)]
    given = invoke("train", "--resume", "-o", output, "--iters", "50", "--lr", "0.5")
    assert isinstance(given.exception, catclf.ModelError)
    assert given.exception.what == "was trained with learning rate 0.01, not 0.5"


@pytest.mark.parametrize(
    ("seconds", "said"), [(7.4, "7 s"), (119, "119 s"), (300, "5 min"), (8000, "2 h")]
)
def test_a_time_is_said_as_people_say_it(seconds: float, said: str) -> None:
    """Not as 3.1e+02 s."""
    assert duration(seconds) == said

"""catclf train: the costs and accuracies it prints, how it resumes, and its exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

import catclf
from catclf.cli.train import duration
from catclf.descent import METHODS
from catclf.errors import CatclfError
from catclf.splits import SplitName
from catclf.training import Settings
from command_line import invoke, results
from conftest import training_of

DOUBTFUL = {
    "Warning: the test accuracy is not surely above the majority class",
    "For photographs, try prepare --features hog-color.",
}
NOT_DEFAULTS = ["--lr", "0.01", "--l2", "0.5", "--loss", "squared-error"]
NOT_DEFAULTS += ["--every", "7", "--class-weight", "balanced"]


def accuracy_lines(split: SplitName, dataset: Path, model: Path) -> Iterator[str]:
    """Yield what train is to print about a split."""
    found = catclf.evaluate(dataset, model, split=split)
    counts = found.confusion
    rates = (*found.interval, counts.balanced_accuracy, counts.specificity, counts.recall)
    low, high, balanced, negative, positive = (f"{100 * (rate or 0):.2f} %" for rate in rates)
    yield (
        f"{split} accuracy: {100 * found.accuracy:.2f} % ({counts.correct} of {counts.total}), "
        f"95 % interval {low} to {high}"
    )
    yield f"  majority class 50.00 %, balanced accuracy {balanced}"
    yield f"  recall of noncat {negative}, of cat {positive}"


def test_train_in_words(dataset: Path, tmp_path: Path) -> None:
    """What is trained, a line for each recorded cost, the final one, the accuracies, the file.

    With --quiet neither the heading nor the costs.
    """
    output = tmp_path / "m.npz"
    words = ["train", dataset, "-o", output, "--iters", "30", "--every", "10"]
    result = invoke(*words)
    assert result.exit_code == 0
    record = training_of(output)
    assert list(record.costs) == list(record.test_costs) == [0, 10, 20]
    heading = [
        f"dataset: {dataset}",
        "settings: lr 0.005, iters 30, l2 0",
        "loss: cross-entropy, class weight none",
        f"method: {record.method}",
        *(
            f"Cost after iteration {at}: {cost:.6f} (test {record.test_costs[at]:.6f})"
            for at, cost in record.costs.items()
        ),
    ]
    found = [
        f"Final cost: {record.cost:.6f} (test {record.test_cost:.6f})",
        *accuracy_lines("train", dataset, output),
        *accuracy_lines("test", dataset, output),
        f"{output}: saved",
    ]
    assert result.stdout.splitlines() == heading + found
    assert set(result.stderr.splitlines()) <= DOUBTFUL
    assert results(*words, "-q").splitlines() == found


def test_train_in_json(dataset: Path, tmp_path: Path) -> None:
    """The settings, all costs and both splits' results as one object, and nothing else."""
    output = tmp_path / "m.npz"
    words = ["--iters", "30", "--every", "10", "--format", "json", "--lr", "0.02"]
    found = json.loads(results("train", dataset, "-o", output, *words))
    record = training_of(output)
    assert (found["model"], found["dataset"]) == (str(output), str(dataset))
    assert (found["digest"], found["method"]) == (record.digest, record.method)
    assert found["settings"] == asdict(record.settings)
    assert (found["final_cost"], found["final_test_cost"]) == (record.cost, record.test_cost)
    assert (found["iterations"], found["interrupted"], found["error"]) == (30, False, None)
    assert [(c["iteration"], c["cost"], c["test_cost"]) for c in found["costs"]] == [
        (at, cost, record.test_costs[at]) for at, cost in record.costs.items()
    ]
    for split in ("train", "test"):
        evaluated = results("evaluate", dataset, "-m", output, "--split", split, "--format", "json")
        expected = json.loads(evaluated)
        del expected["most_wrong"]
        assert found[split] == expected


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_rate_too_high_is_an_error_after_the_costs(
    dataset: Path, tmp_path: Path, form: str
) -> None:
    """What was recorded up to there stands on stdout; no model is written."""
    words = ["--lr", "1e6", "--l2", "1", "--format", form]
    result = invoke("train", dataset, "-o", tmp_path / "m.npz", *words)
    assert isinstance(result.exception, catclf.DivergenceError)
    assert "the learning rate 1e+06 is too high" in result.exception.what
    assert list(tmp_path.iterdir()) == []
    if form == "text":
        last = result.stdout.splitlines()[-1]
        assert last == "Cost after iteration 0: 0.693147 (test 0.693147)"
        return
    found = json.loads(result.stdout)
    assert found["costs"][0]["cost"] == pytest.approx(0.693147, abs=1e-6)
    assert found["error"] == result.exception.what
    assert (found["settings"]["learning_rate"], found["model"]) == (1e6, None)


def test_a_cost_that_rose_is_a_warning(dataset: Path, tmp_path: Path) -> None:
    """However quiet, with the flag, and in JSON too; where none rose nothing is said."""
    words = ["train", dataset, "-o", tmp_path / "m.npz", "--iters", "9", "--every", "1"]
    said = r"the cost rose, to \d.* iterations\nUp to {} 0\.\d+ it cannot rise on this data\."
    rising = invoke(*words, "--lr", "1", "-q")
    assert rising.exit_code == 0
    assert re.search("Warning: " + said.format("--lr"), rising.stderr)
    assert set(invoke(*words, "--lr", "0.01", "-q").stderr.splitlines()) <= DOUBTFUL
    found = json.loads(results(*words, "--lr", "1", "--format", "json"))
    assert re.match(said.format("`learning_rate`"), found["warnings"][0])


def test_flags_are_the_settings(dataset: Path, tmp_path: Path) -> None:
    """Each flag reaches the model's record."""
    output = tmp_path / "m.npz"
    results("train", dataset, "-o", output, "--iters", "9", *NOT_DEFAULTS)
    record = training_of(output)
    assert record.settings == Settings(0.01, 9, 0.5, "squared-error", 7, "balanced")
    assert record.iterations == 9


@pytest.mark.parametrize("method", METHODS)
def test_every_method_prints_the_same(method: str, dataset: Path, tmp_path: Path) -> None:
    """A named method is obeyed, nothing is said of the choice, and the results are auto's."""
    output = tmp_path / "m.npz"
    words = ["train", dataset, "-o", output, "--iters", "20", "--every", "5"]
    chosen = results(*words).splitlines()
    named = invoke(*words, "--method", method)
    assert named.exit_code == 0
    assert set(named.stderr.splitlines()) <= DOUBTFUL
    shown = named.stdout.splitlines()
    by = " (numpy)" if method == "streaming" else ""
    assert shown[3] == f"method: {method}{by}"
    assert shown[:3] + shown[4:] == chosen[:3] + chosen[4:]
    assert training_of(output).method == method


def test_without_a_test_split_its_results_are_left_out(noise_dataset: Path, tmp_path: Path) -> None:
    """Nothing is said of pictures that are not there."""
    shown = results("train", noise_dataset, "-o", tmp_path / "m.npz", "--iters", "5")
    assert "Final cost: " in shown
    assert "train accuracy: " in shown
    assert "(test" not in shown
    assert "test accuracy" not in shown


def test_resume_takes_what_is_not_given_from_the_model(dataset: Path, tmp_path: Path) -> None:
    """DATASET, learning rate, penalty and the rest need not be said again; only new costs are."""
    output, whole = tmp_path / "m.npz", tmp_path / "whole.npz"
    results("train", dataset, "-o", output, *NOT_DEFAULTS, "--iters", "20")
    shown = results("train", "--resume", "-o", output, "--iters", "40")
    results("train", dataset, "-o", whole, *NOT_DEFAULTS, "--iters", "40")
    assert output.read_bytes() == whole.read_bytes()
    assert f"dataset: {dataset}\nsettings: lr 0.01, iters 40, l2 0.5\n" in shown
    assert "\nresumed after: 20 iterations\n" in shown
    costs = [line.split(":")[0] for line in shown.splitlines() if line.startswith("Cost")]
    assert costs == [f"Cost after iteration {at}" for at in (21, 28, 35)]


def test_resume_without_a_model_begins(dataset: Path, tmp_path: Path) -> None:
    """With a warning."""
    output = tmp_path / "m.npz"
    begun = invoke("train", dataset, "-o", output, "--iters", "5", "--resume")
    assert begun.exit_code == 0
    assert f"Warning: nothing to resume: there is no {output}\n" in begun.stderr
    assert "Cost after iteration 0: " in begun.stdout


def test_a_finished_run_has_nothing_left(dataset: Path, tmp_path: Path) -> None:
    """With as many iterations it says to give more; with fewer it is an error. The model stays."""
    output = tmp_path / "m.npz"
    results("train", dataset, "-o", output, "--iters", "20")
    before = output.read_bytes()
    resumed = invoke("train", "--resume", "-o", output)
    assert f"{output} had 20 iterations already: give more --iters." in resumed.stderr
    fewer = invoke("train", "--resume", "-o", output, "--iters", "10")
    assert isinstance(fewer.exception, CatclfError)
    assert fewer.exception.what == "has 20 iterations already, more than 10"
    assert fewer.stdout == ""
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("seconds", "said"), [(7.4, "7 s"), (119, "119 s"), (300, "5 min"), (8000, "2 h")]
)
def test_a_time_is_said_as_people_say_it(seconds: float, said: str) -> None:
    """Not as 3.1e+02 s."""
    assert duration(seconds) == said

"""catclf train: the costs and accuracies it prints, how it resumes, and its exit codes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

import catclf
from catclf.cli.train import duration
from catclf.descent import METHODS
from catclf.splits import SplitName
from catclf.training import Settings
from command_line import invoke, results, run
from conftest import training_of

DOUBTFUL = {
    "Warning: the test accuracy is not surely above the majority class",
    "For photographs, try prepare --features hog-color.",
}


def accuracy_lines(split: SplitName, dataset: Path, model: Path) -> list[str]:
    """Return what train is to print about a split."""
    found = catclf.evaluate(dataset, model, split=split)
    low, high = found.interval
    counts = found.confusion
    assert counts.balanced_accuracy is not None
    assert counts.specificity is not None
    assert counts.recall is not None
    return [
        f"{split} accuracy: {100 * found.accuracy:.2f} % ({counts.correct} of {counts.total}), "
        f"95 % interval {100 * low:.2f} % to {100 * high:.2f} %",
        f"  majority class 50.00 %, balanced accuracy {100 * counts.balanced_accuracy:.2f} %",
        f"  recall of noncat {100 * counts.specificity:.2f} %, of cat {100 * counts.recall:.2f} %",
    ]


def test_train_in_words(dataset: Path, tmp_path: Path) -> None:
    """What is trained, a line for each recorded cost, the final one, the accuracies, the file."""
    output = tmp_path / "m.npz"
    words = ["train", str(dataset), "-o", str(output), "--iters", "30", "--every", "10"]
    result = invoke(*words)
    assert result.exit_code == 0
    model = catclf.load_model(output)
    record = training_of(output)
    assert list(model.costs) == list(model.test_costs) == [0, 10, 20]
    lines = [
        f"dataset: {dataset}",
        "settings: lr 0.005, iters 30, l2 0",
        "loss: cross-entropy, class weight none",
        f"method: {record.method}",
        *(
            f"Cost after iteration {iteration}: {cost:.6f} (test {model.test_costs[iteration]:.6f})"
            for iteration, cost in model.costs.items()
        ),
        f"Final cost: {record.cost:.6f} (test {record.test_cost:.6f})",
        *accuracy_lines("train", dataset, output),
        *accuracy_lines("test", dataset, output),
        f"{output}: saved",
    ]
    assert result.stdout.splitlines() == lines
    assert set(result.stderr.splitlines()) <= DOUBTFUL
    quiet = results(*words, "-q").splitlines()
    assert quiet == [line for line in lines if not line.startswith("Cost")]


def test_train_in_json(dataset: Path, tmp_path: Path) -> None:
    """The settings, all costs and both splits' results as one object, and nothing else."""
    output = tmp_path / "m.npz"
    words = ["--iters", "30", "--every", "10", "--format", "json", "--lr", "0.02"]
    found = json.loads(results("train", dataset, "-o", output, *words))
    model, record = catclf.load_model(output), training_of(output)
    assert (found["model"], found["dataset"]) == (str(output), str(dataset))
    assert (found["digest"], found["method"]) == (record.digest, record.method)
    assert found["settings"] == asdict(record.settings)
    assert (found["final_cost"], found["final_test_cost"]) == (record.cost, record.test_cost)
    assert (found["iterations"], found["interrupted"], found["error"]) == (30, False, None)
    assert [(c["iteration"], c["cost"], c["test_cost"]) for c in found["costs"]] == [
        (iteration, cost, model.test_costs[iteration]) for iteration, cost in model.costs.items()
    ]
    for split in ("train", "test"):
        evaluated = results("evaluate", dataset, "-m", output, "--split", split, "--format", "json")
        expected = json.loads(evaluated)
        del expected["most_wrong"]
        assert found[split] == expected


def test_a_divergence_keeps_its_costs_in_json(dataset: Path, tmp_path: Path) -> None:
    """The costs up to there and the reason stand on stdout; the exit code is 1."""
    words = ["--lr", "1e6", "--l2", "1", "--format", "json"]
    ended = run("train", dataset, "-o", tmp_path / "m.npz", *words)
    assert ended.returncode == 1
    found = json.loads(ended.stdout)
    assert found["costs"][0]["cost"] == pytest.approx(0.693147, abs=1e-6)
    assert "is too high" in found["error"]
    assert found["settings"]["learning_rate"] == 1e6
    assert found["warnings"][0].startswith("the learning rate 1e+06 is above 0.")


def test_resume_takes_what_is_not_given_from_the_model(dataset: Path, tmp_path: Path) -> None:
    """DATASET, learning rate, penalty and the rest need not be said again."""
    output = tmp_path / "m.npz"
    words = ["--lr", "0.01", "--l2", "0.5", "--every", "7", "--class-weight", "balanced"]
    results("train", dataset, "-o", output, *words, "--iters", "20")
    results("train", "--resume", "-o", output, "--iters", "40")
    resumed = training_of(output)
    results("train", dataset, "-o", tmp_path / "whole.npz", *words, "--iters", "40")
    assert training_of(tmp_path / "whole.npz") == resumed
    assert resumed.settings == Settings(0.01, 40, 0.5, every=7, class_weight="balanced")
    again = results("train", "--resume", "-o", output)
    assert "iters 40, l2 0.5" in again
    assert "resumed after: 40 iterations" in again


def test_without_a_test_split_its_accuracy_is_left_out(
    small_pictures: Path, tmp_path: Path
) -> None:
    """Nothing is said of pictures that are not there."""
    data, output = tmp_path / "d.h5", tmp_path / "m.npz"
    catclf.prepare([small_pictures], data, preprocessing=catclf.Preprocessing(size=8), test_split=0)
    shown = results("train", data, "-o", output, "--iters", "5").splitlines()
    assert [line.split(":")[0] for line in shown if ":" in line] == [
        "dataset",
        "settings",
        "loss",
        "method",
        "Cost after iteration 0",
        "Final cost",
        "train accuracy",
        str(output),
    ]
    assert shown[-1] == f"{output}: saved"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_prints_the_same(method: str, dataset: Path, tmp_path: Path) -> None:
    """A named method is obeyed, nothing is said of the choice, and the results are auto's."""
    output = tmp_path / "m.npz"
    words = ["train", str(dataset), "-o", str(output), "--iters", "20", "--every", "5"]
    chosen = results(*words).splitlines()
    named = invoke(*words, "--method", method)
    assert named.exit_code == 0
    assert set(named.stderr.splitlines()) <= DOUBTFUL
    shown = named.stdout.splitlines()
    by = " (numpy)" if method == "streaming" else ""
    assert shown[3] == f"method: {method}{by}"
    assert shown[:3] + shown[4:] == chosen[:3] + chosen[4:]
    assert training_of(output).method == method


def test_flags_are_the_settings(dataset: Path, tmp_path: Path) -> None:
    """Each flag reaches the model's record."""
    output = tmp_path / "m.npz"
    words = ["--lr", "0.01", "--iters", "7", "--l2", "0.5", "--loss", "squared-error"]
    balanced = ["--class-weight", "balanced"]
    results("train", dataset, "-o", output, *words, "--every", "3", *balanced)
    record = training_of(output)
    assert record.settings == Settings(0.01, 7, 0.5, "squared-error", 3, "balanced")
    assert record.iterations == 7


def test_resume_prints_the_costs_that_are_new(dataset: Path, tmp_path: Path) -> None:
    """What the first run printed is not printed again; without a model it says so and begins."""
    output = tmp_path / "m.npz"
    words = ["train", str(dataset), "-o", str(output), "--every", "10", "--resume"]
    begun = invoke(*words, "--iters", "20")
    assert begun.exit_code == 0
    assert f"Warning: nothing to resume: there is no {output}\n" in begun.stderr
    assert "Cost after iteration 0: " in begun.stdout
    resumed = invoke(*words, "--iters", "40")
    assert resumed.exit_code == 0
    costs = [line.split(":")[0] for line in resumed.stdout.splitlines() if "Cost" in line]
    assert costs == ["Cost after iteration 20", "Cost after iteration 30"]
    assert "nothing to resume" not in resumed.stderr


def test_resuming_to_fewer_iterations_is_exit_1(dataset: Path, tmp_path: Path) -> None:
    """The message names the file and the flag; the model stays."""
    output = tmp_path / "m.npz"
    results("train", dataset, "-o", output, "--iters", "20")
    before = output.read_bytes()
    ended = run("train", dataset, "-o", output, "--iters", "10", "--resume")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"Error: {output}: has 20 iterations already, more than 10\n" in ended.stderr
    assert "--iters" in ended.stderr.splitlines()[-1]
    assert output.read_bytes() == before


def test_a_rate_too_high_is_exit_1(dataset: Path, tmp_path: Path) -> None:
    """The cost before it diverged was printed; no model is written."""
    output = tmp_path / "m.npz"
    ended = run("train", dataset, "-o", output, "--lr", "1e6", "--l2", "1")
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[-1] == "Cost after iteration 0: 0.693147 (test 0.693147)"
    assert "Warning: the learning rate 1e+06 is above 0." in ended.stderr
    assert "the learning rate 1e+06 is too high" in ended.stderr
    assert not output.exists()


def test_progress_is_drawn_on_a_terminal_only(dataset: Path, tmp_path: Path) -> None:
    """With stderr in a file there is no bar and no carriage return."""
    ended = run("train", dataset, "-o", tmp_path / "m.npz", "--iters", "200")
    assert "\r" not in ended.stderr
    assert "%|" not in ended.stderr


def test_quiet_keeps_the_warnings(dataset: Path, tmp_path: Path) -> None:
    """A rate at which the cost may rise is no note: `--lr 10 -q` does not end in silence."""
    result = invoke("train", dataset, "-o", tmp_path / "m.npz", "--lr", "10", "--iters", "99", "-q")
    assert "Warning: the learning rate 10 is above 0." in result.stderr


def test_a_finished_run_says_that_nothing_is_left(dataset: Path, tmp_path: Path) -> None:
    """With --resume and no more --iters."""
    output = tmp_path / "m.npz"
    results("train", dataset, "-o", output, "--iters", "20")
    resumed = invoke("train", "--resume", "-o", output)
    assert f"{output} had 20 iterations already: give more --iters." in resumed.stderr


@pytest.mark.parametrize(
    ("seconds", "said"), [(7.4, "7 s"), (119, "119 s"), (300, "5 min"), (8000, "2 h")]
)
def test_a_time_is_said_as_people_say_it(seconds: float, said: str) -> None:
    """Not as 3.1e+02 s."""
    assert duration(seconds) == said

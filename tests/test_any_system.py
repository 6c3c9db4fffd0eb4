"""The verbs need nothing that only one system has: they run where POSIX's own is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catclf import open_dataset
from datasets import write_small

pytestmark = pytest.mark.slow  # each starts many processes

# numpy first: it asks os.uname for the version of a Linux.
REMOVALS = """
import os, signal, sys
import numpy

for module, name in [
    (os, "fork"), (os, "O_NONBLOCK"), (os, "O_NOCTTY"), (os, "uname"), (signal, "pthread_sigmask"),
]:
    if hasattr(module, name):
        delattr(module, name)
for name in ("resource", "fcntl"):
    sys.modules[name] = None
"""
# Spawned workers run a script again, under another name than __main__.
PROGRAM = (
    REMOVALS
    + """
from catclf import cli

if __name__ == "__main__":
    cli.main()
else:
    with open(__file__ + ".spawned", "a") as file:
        file.write("a worker\\n")
"""
)
SPAWNING = (
    REMOVALS
    + """
import multiprocessing

def found():
    return hasattr(os, "fork"), hasattr(os, "O_NONBLOCK"), sys.modules["fcntl"]

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(found))
"""
)
SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "test"  # 60 pictures: enough for workers
CHILD_SECONDS = 120  # a hang, and no measurement


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Write the command line of a system with little to it, as a script."""
    path = tmp_path / "catclf_anywhere.py"
    path.write_text(PROGRAM)
    return path


def run(command: Sequence[object], *words: object) -> str:
    """Run a verb in a process of its own, and return its stdout; it must end well and in time."""
    done = subprocess.run(
        [*map(str, command), *map(str, words)],
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def spawned_workers(program: Path) -> int:
    """Return how many workers the program spawned."""
    spawned = Path(f"{program}.spawned")
    return len(spawned.read_text().splitlines()) if spawned.exists() else 0


def weights(model: Path) -> NDArray[np.float64]:
    """Return a model's w and b as one row."""
    with np.load(model) as arrays:
        return np.append(arrays["w"], arrays["b"])


def test_every_verb_runs_on_a_system_with_little_to_it(program: Path, tmp_path: Path) -> None:
    """Prepare with two workers, train, predict, evaluate: the results are those of any system."""
    answers = []
    for name, command in (
        ("anywhere", [sys.executable, program]),
        ("here", [sys.executable, "-m", "catclf"]),
    ):
        data, model = tmp_path / f"{name}-data.npz", tmp_path / f"{name}.npz"
        run(command, "prepare", SAMPLE, "-o", data, "--size", 8, "--workers", 2)
        assert name == "here" or spawned_workers(program) == 2
        run(command, "train", data, "-o", model, "--iters", 50)
        predicted = run(command, "predict", SAMPLE, "-m", model, "--format", "jsonl")
        evaluated = json.loads(run(command, "evaluate", data, "-m", model, "--format", "json"))
        with open_dataset(data) as dataset:
            columns = [split.columns[:].tolist() for split in (dataset.train, dataset.test)]
        assert len(predicted.splitlines()) == 60
        answers.append((columns, weights(model).tolist(), predicted, evaluated["accuracy"]))
    assert answers[0] == answers[1]


def test_a_training_for_workers_ends_the_same_without_them(program: Path, tmp_path: Path) -> None:
    """Streaming spreads examples over forked workers; where there are none the bits are equal."""
    data = write_small(tmp_path / "data.npz", 600)  # enough for worker processes
    options = ["--method", "streaming", "--iters", "20"]
    run([sys.executable, program], "train", data, "-o", tmp_path / "anywhere.npz", *options)
    run([sys.executable, "-m", "catclf"], "train", data, "-o", tmp_path / "here.npz", *options)
    assert (weights(tmp_path / "anywhere.npz") == weights(tmp_path / "here.npz")).all()


def test_the_removals_reach_spawned_workers(tmp_path: Path) -> None:
    """What a worker imports anew has lost the same: the tests above test what they say."""
    script = tmp_path / "spawning.py"
    script.write_text(SPAWNING)
    assert run([sys.executable, script]) == "(False, False, None)\n"

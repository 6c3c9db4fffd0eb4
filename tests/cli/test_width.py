"""What the verbs write fits a terminal of 80 columns, where names are of usual length."""

from __future__ import annotations

from pathlib import Path

import pytest

import readme
from catclf.cli import VERBS
from command_line import run

COLUMNS = 80
STEPS = [
    ["prepare", "sample"],
    ["train", "--iters", "50", "--lr", "0.01"],
    ["train", "--iters", "50", "--lr", "1", "--loss", "squared-error", "-o", "other.npz"],
    ["evaluate"],
    ["evaluate", "-m", "model.npz", "-m", "other.npz"],
    ["predict", "sample/test/cat"],
    ["tune", "--iters", "200"],
    ["tune", "--iters", "200", "--lr", "0.0001234,12345", "--l2", "0.0001234,123.4"],
    ["benchmark", "--iters", "10000000"],
    ["info", "data/dataset.npz"],
    ["info", "model.npz"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Link the sample into an empty folder."""
    folder = tmp_path_factory.mktemp("width")
    (folder / "sample").symlink_to(readme.ROOT / "data" / "sample")
    return folder


def too_long(text: str) -> list[str]:
    """Return the lines that do not fit."""
    return [line for line in text.splitlines() if len(line) > COLUMNS]


def test_results_and_notes_fit(folder: Path) -> None:
    """Of a whole run on the sample, on stdout and on stderr."""
    for step in STEPS:
        ended = run(*step, cwd=folder)
        assert ended.returncode == 0, ended.stderr
        assert too_long(ended.stdout + ended.stderr) == [], step


@pytest.mark.parametrize("verb", VERBS)
def test_help_fits(verb: str) -> None:
    """As click wraps it, examples and all."""
    assert too_long(run(verb, "--help").stdout) == []

"""What the verbs write fits a terminal of 80 columns, where names are of usual length."""

from __future__ import annotations

from pathlib import Path

import pytest

import readme
from catclf.cli import VERBS
from catclf.operations import benchmarking
from command_line import invoke, results

COLUMNS = 80
STEPS = """
prepare sample --size 16
train --iters 50 --lr 0.01
train --iters 50 --lr 1 --loss squared-error -o other.npz
evaluate
evaluate -m model.npz -m other.npz
predict sample/test/cat
tune --iters 200
tune --iters 200 --lr 0.0001234,12345 --l2 0.0001234,123.4
benchmark --iters 10000000
report
info data/dataset.npz
info model.npz
"""


def too_long(text: str) -> list[str]:
    """Return the lines that do not fit."""
    return [line for line in text.splitlines() if len(line) > COLUMNS]


@pytest.mark.slow
def test_results_and_notes_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a whole run on the sample, on stdout and on stderr."""
    (tmp_path / "sample").symlink_to(readme.ROOT / "data" / "sample")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmarking, "ROUND_SECONDS", 0.001)
    for step in STEPS.strip().splitlines():
        ended = invoke(*step.split())
        assert ended.exit_code == 0, ended.output
        assert too_long(ended.stdout + ended.stderr) == [], step


@pytest.mark.parametrize("verb", VERBS)
def test_help_fits(verb: str) -> None:
    """As click wraps it, examples and all."""
    assert too_long(results(verb, "--help")) == []

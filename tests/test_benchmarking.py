"""The benchmark verb's library: every method timed and compared."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from catclf import benchmark
from catclf.cli import app
from catclf.descent import METHODS


def test_every_method_is_timed_and_agrees(small_dataset: Path) -> None:
    """All four appear, slowest first, and compute the same costs."""
    timings = benchmark(small_dataset)
    assert {timing.method for timing in timings} == set(METHODS)
    assert [t.seconds for t in timings] == sorted((t.seconds for t in timings), reverse=True)
    assert all(timing.agrees and timing.seconds > 0 for timing in timings)


def test_the_table_and_the_json_tell_of_every_method(small_dataset: Path) -> None:
    """Both forms name each method; JSON parses."""
    text = CliRunner().invoke(app, ["benchmark", str(small_dataset)])
    assert text.exit_code == 0
    assert all(method in text.stdout for method in METHODS)
    assert "iterative was timed on 1 iteration" in text.stdout
    form = CliRunner().invoke(app, ["benchmark", "-q", str(small_dataset), "--format", "json"])
    rows = json.loads(form.stdout)["methods"]
    assert {row["method"] for row in rows} == set(METHODS)
    assert all(row["agrees"] for row in rows)

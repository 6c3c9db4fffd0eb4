"""catclf report: what it prints of the page that the library writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import catclf
from catclf.cli import report as module
from catclf.operations.reporting import Reported
from command_line import invoke, results


def test_report_in_words(dataset: Path, model: Path, tmp_path: Path) -> None:
    """How good the model is, what was written, how large, and what to do with it."""
    one, other = tmp_path / "one.html", tmp_path / "other.html"
    lines = results("report", dataset, "-m", model, "-o", one).splitlines()
    catclf.report(str(dataset), str(model), other)
    assert one.read_bytes() == other.read_bytes()
    assert lines[0].startswith("test accuracy: ")
    assert lines[1].startswith("  majority class 50.00 %, ")
    assert lines[2:] == [f"{one}: saved, 0.1 MB; open it in a browser"]


def test_what_a_reader_should_doubt_is_a_warning(
    dataset: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test split, or a model that is not surely better than the constant."""
    found = catclf.evaluate(dataset, model)
    for test, said in (
        (None, "Warning: the dataset has no test split: how good the model is, is not known\n"),
        (
            replace(found, interval=(0.4, 0.6)),
            "Warning: the test accuracy is not surely above the majority class\n",
        ),
        (replace(found, interval=(0.6, 0.8)), ""),
    ):
        written = Reported("r.html", 1_500_000, test)
        monkeypatch.setattr(module, "report", lambda *names, force, written=written: written)
        result = invoke("report")
        assert result.stderr == said
        assert result.stdout.endswith("report.html: saved, 1.5 MB; open it in a browser\n")


def test_flags_are_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the defaults are what prepare and train write."""
    asked: list[Any] = []

    def watched(*names: str, force: bool) -> Reported:
        asked.append((*names, force))
        return Reported(names[-1], 0, None)

    monkeypatch.setattr(module, "report", watched)
    results("report", "d", "-m", "m", "-o", "r", "--force")
    results("report")
    assert asked == [("d", "m", "r", True), ("data/dataset.npz", "model.npz", "report.html", False)]

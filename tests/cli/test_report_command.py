"""catclf report: what it prints of the page that the library writes."""

from __future__ import annotations

from typing import Any

import pytest

from catclf.cli import report as module
from catclf.operations.reporting import Reported
from command_line import results


def test_flags_are_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the defaults are what prepare and train write."""
    asked: list[Any] = []

    def watched(*names: str, force: bool) -> Reported:
        asked.append((*names, force))
        return Reported(names[-1], 0, None)

    monkeypatch.setattr(module, "report", watched)
    assert results("report", "d", "-m", "m", "-o", "r", "--force", "--quiet") == ""
    assert "report.html: saved" in results("report")
    assert asked == [("d", "m", "r", True), ("data/dataset.npz", "model.npz", "report.html", False)]

"""catclf report: what it prints of the page that the library writes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from catclf.cli import report as module
from catclf.operations.evaluation import Evaluation
from catclf.operations.reporting import Reported
from command_line import invoke, results


def test_flags_are_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the defaults are what prepare and train write."""
    asked: list[Any] = []

    def watched(*names: str, force: bool) -> Reported:
        asked.append((*names, force))
        return Reported(names[-1], 0, 0, None)

    monkeypatch.setattr(module, "report", watched)
    assert "r: saved" in results("report", "d", "-m", "m", "-o", "r", "--force", "--quiet")
    assert "report.html: saved" in results("report")
    assert asked == [("d", "m", "r", True), ("data/dataset.npz", "model.npz", "report.html", False)]


@pytest.mark.parametrize("doubt", [None, "the test accuracy is surely below the majority class"])
def test_it_tells_what_the_page_holds(monkeypatch: pytest.MonkeyPatch, doubt: str | None) -> None:
    """Pictures and names are private: told on stderr, but for -q, which leaves warnings."""
    test = cast(Evaluation, SimpleNamespace(doubt=doubt))
    monkeypatch.setattr(module, "accuracy_lines", lambda _: ["accuracy"])
    monkeypatch.setattr(module, "report", lambda *_, force: Reported("r", 10**6, 24, test))
    warning = "" if doubt is None else f"Warning: {doubt}\n"
    told, quiet = invoke("report"), invoke("report", "-q")
    assert told.stdout == "accuracy\nreport.html: saved, 1.0 MB; open it in a browser\n"
    held = "The page holds 24 test pictures and their names: mind whom you give it to.\n"
    assert told.stderr == warning + held
    assert (quiet.stdout, quiet.stderr) == (told.stdout, warning)

"""catclf report: what it prints of the page that the library writes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from catclf.cli import report as module
from catclf.metrics import Judged
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
    assert results("report", "d", "-m", "m", "-o", "r", "--force", "--quiet") == ""
    assert "report.html: saved" in results("report")
    assert asked == [("d", "m", "r", True), ("data/dataset.npz", "model.npz", "report.html", False)]


@pytest.mark.parametrize(
    ("name", "interval", "warning"),
    [
        ("accuracy", (0.6, 0.9), ""),
        ("accuracy", (0.4, 0.9), "the test accuracy is not surely above that of always answering"),
        ("balanced accuracy", (0.1, 0.4), "the test balanced accuracy is surely below that of"),
    ],
)
def test_it_warns_by_what_is_judged_and_tells_what_the_page_holds(
    monkeypatch: pytest.MonkeyPatch, name: str, interval: tuple[float, float], warning: str
) -> None:
    """Pictures and names are private: told on stderr, but for -q, which leaves the warning."""
    judged = Judged(name, sum(interval) / 2, interval, 0.5)
    test = cast(Evaluation, SimpleNamespace(judged=judged))
    monkeypatch.setattr(module, "accuracy_lines", lambda _: ["accuracy"])
    monkeypatch.setattr(module, "report", lambda *_, force: Reported("r", 10**6, 24, test))
    told = invoke("report")
    assert told.stdout == "accuracy\nreport.html: saved, 1.0 MB; open it in a browser\n"
    assert "The page holds 24 test pictures and their names" in told.stderr
    assert warning in told.stderr
    quiet = invoke("report", "-q")
    assert quiet.stdout == "accuracy\n"
    assert "pictures" not in quiet.stderr
    assert warning in quiet.stderr
    assert ("Warning" in quiet.stderr) == bool(warning)

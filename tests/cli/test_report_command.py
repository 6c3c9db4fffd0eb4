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


def test_what_the_page_lacks_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each reason, however quiet."""
    written = Reported("r", 10**6, 0, None, warnings=("no evidence.", "none."))
    monkeypatch.setattr(module, "report", lambda *_, force: written)
    said = invoke("report", "-q").stderr
    assert said.endswith("\nWarning: no evidence.\nWarning: none.\n")


@pytest.mark.parametrize(
    ("test", "names", "pictures", "held"),
    [
        (1, 0, 0, "1 test picture and its name"),
        (24, 500, 500, "24 test pictures and 500 training pictures and their names"),
        (24, 500, 0, "24 test pictures and their names, and the names of 500 training pictures"),
        (0, 4, 4, "4 training pictures and their names"),
        (0, 4, 0, "the names of 4 training pictures"),
    ],
)
def test_training_pictures_are_told_too(
    monkeypatch: pytest.MonkeyPatch, test: int, names: int, pictures: int, held: str
) -> None:
    """Of a backbone's model; of another dataset's the page has their names alone."""
    written = Reported("r", 10**6, test, None, names, pictures)
    monkeypatch.setattr(module, "report", lambda *_, force: written)
    said = invoke("report").stderr
    assert " ".join(said.split()).endswith(f"The page holds {held}: mind whom you give it to.")
    assert max(map(len, said.splitlines())) <= 80

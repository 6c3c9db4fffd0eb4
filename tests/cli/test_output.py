"""What the verbs show: numbers as people read them, and results that nobody may be reading."""

from __future__ import annotations

import sys
from typing import NoReturn

import click
import pytest

from catclf.cli.output import Display, Results, percent, short


@pytest.mark.parametrize(
    ("fraction", "shown"), [(0.5, "50.00 %"), (1, "100.00 %"), (1 / 3, "33.33 %"), (None, "-")]
)
def test_percent(fraction: float | None, shown: str) -> None:
    """Two decimals; a dash where a rate has no denominator."""
    assert percent(fraction) == shown


@pytest.mark.parametrize(
    ("cost", "shown"), [(0.6931471, "0.693147"), (999999.0, "999999.000000"), (1e300, "1e+300")]
)
def test_a_cost_is_short(cost: float, shown: str) -> None:
    """As the course prints it, unless it is enormous."""
    assert short(cost) == shown


def test_results_that_cannot_be_written_cost_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing stops at the first failure, the work goes on, and the end tells of it."""
    tried = []

    def fail(line: str) -> NoReturn:
        tried.append(line)
        raise BrokenPipeError

    monkeypatch.setattr(click, "echo", fail)
    results = Results()
    results.write("one")
    results.write("two")
    assert tried == ["one"]
    with pytest.raises(BrokenPipeError):
        results.finish()


def test_quiet_drops_notes_and_keeps_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning is about the result; a parameter in it is a flag."""
    display = Display("pictures", quiet=True)
    display.note("a note")
    display.warning("too high: use `learning_rate` 0.1")
    assert capsys.readouterr().err == "Warning: too high: use --lr 0.1\n"


def test_no_bar_is_drawn_where_stderr_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is tqdm imported."""
    monkeypatch.delitem(sys.modules, "tqdm", raising=False)
    with Display("pictures", quiet=False) as display:
        display.progress(1, 2)
        assert display.bar is None
    assert "tqdm" not in sys.modules

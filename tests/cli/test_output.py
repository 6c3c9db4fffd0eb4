"""What the verbs show: numbers as people read them, and results that nobody may be reading."""

from __future__ import annotations

import ast
import io
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catclf
from catclf.cli import VERBS, app
from catclf.cli.output import (
    Display,
    Results,
    as_json,
    percent,
    with_flags,
)


def test_numbers_are_short() -> None:
    """Rates with two decimals, or a dash; costs as the course prints them, unless enormous."""
    shown = {0.5: "50.00 %", 1: "100.00 %", 1 / 3: "33.33 %", None: "-"}
    assert {fraction: percent(fraction) for fraction in shown} == shown


@dataclass
class Found:
    """A result, as the verbs have them."""

    value: float
    rest: tuple[object, ...] = ()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_result_is_one_json_object(number: float) -> None:
    """Of a dataclass its fields, at any depth; what is not a finite number is null."""
    found = {"best": Found(number, (Found(math.nan), None)), "all": [math.inf, -math.inf, True]}
    assert json.loads(as_json(found)) == {
        "best": {"value": number, "rest": [{"value": None, "rest": []}, None]},
        "all": [None, None, True],
    }


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


@pytest.mark.parametrize("terminal", [None, "dumb"])
def test_no_bar_is_drawn_where_stderr_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: str | None
) -> None:
    """Or one that cannot move its cursor; nor is tqdm imported."""
    monkeypatch.delitem(sys.modules, "tqdm", raising=False)
    if terminal is not None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setenv("TERM", terminal)
    with Display("pictures", quiet=False) as display:
        display.progress(1, 2)
        assert display.bar is None
    assert "tqdm" not in sys.modules


class Terminal(io.StringIO):
    """Keeps each write to it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        written = super().write(text)  # which refuses bytes
        self.writes.append(text)
        return written

    def isatty(self) -> bool:
        return True


def test_the_cursor_is_never_left_behind_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a terminal would show a ^C at any time, which would wrap to a line of its own."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    display = Display("iterations", quiet=False)
    display.progress(1, 3)
    display.note("a note")
    shown = [text.strip() for text in terminal.writes if text.strip()]
    assert ("%|" in shown[0], shown[1:]) == (True, ["a note"])
    assert [text for text in terminal.writes if text and text[-1] not in "\r\n"] == []


PACKAGE = Path(catclf.__file__).parent


def library_messages() -> list[str]:
    """Return the texts in the library's source that are no docstrings."""
    texts = []
    for path in PACKAGE.rglob("*.py"):
        if "cli" in path.relative_to(PACKAGE).parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ]
    return texts


def test_a_parameter_in_a_message_is_a_flag_on_the_command_line() -> None:
    """The library names its parameters in backticks, and never a flag; each has a flag."""
    messages = library_messages()
    own = [text for text in messages if not text.startswith("Install")]  # pip has flags too
    assert not [text for text in own if re.search(r"(?<!\S)--[a-z]", text)]
    named = {name for text in messages for name in re.findall(r"`\w+`", text)}
    assert {"`learning_rate`", "`positive`", "`test_split`"} <= named
    context = click.Context(app)
    commands = [app.get_command(context, verb) for verb in VERBS]
    flags = {
        flag
        for command in commands
        if command is not None
        for option in command.params
        for flag in option.opts
    }
    assert {with_flags(name) for name in named} <= flags

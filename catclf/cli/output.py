"""What the verbs show: notes and a bar on stderr, results on stdout."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Self

import click

from catclf.errors import CatclfError, name_some, printable
from catclf.observer import Observer, Skipped

if TYPE_CHECKING:
    from tqdm import tqdm


# Short enough for 60 columns, the cost of a training included. The cursor goes back to
# the first column: the ^C that a terminal shows after it would else wrap to a line of its own.
BAR_FORMAT = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit} [{remaining} left{postfix}]\r"

# Of a verb that is done, except for pictures that cannot be read. The others: 0 done, 1 failed
# (`CatclfError.exit_code`), 2 wrong usage (click), 130 and 143 interrupted (128 + the signal).
EXIT_UNREADABLE = 3

COLUMNS = 80

# What the library calls a parameter, where its flag has another name.
FLAGS = {"learning_rate": "--lr", "learning_rates": "--lr", "iterations": "--iters"}


def note(text: str, quiet: bool = False) -> None:
    """Write a note on stderr; where it cannot be written, go on."""
    if not quiet:
        with suppress(OSError):
            click.echo(text, err=True)


def note_saved(path: str | None, quiet: bool) -> None:
    """Write that a file was written beside the result, where one is named."""
    if path is not None:
        note(f"{printable(path)}: saved", quiet)


def counted(number: int, what: str) -> str:
    """Return a number of things: ``1 document``, ``2 pictures in no class folder``."""
    first, _, rest = what.partition(" ")
    if number == 1:
        return f"1 {what}"
    # Of "picture in no class folder" and "file that catclf wrote" the first word, else the last.
    return f"{number} {first}s {rest}" if first in ("picture", "file") else f"{number} {what}s"


def percent(fraction: float | None) -> str:
    """Return a fraction as a percentage with two decimals; a dash where it is not defined."""
    return "-" if fraction is None else f"{100 * fraction:.2f} %"


def number(value: float | None) -> str:
    """Return a number with four decimals; a dash where it is not defined."""
    return "-" if value is None else f"{value:.4f}"


def wrapped(text: str) -> str:
    """Return a text with line breaks between words where it is wider than a terminal."""
    return textwrap.fill(
        text, COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def as_json(result: object) -> str:
    """Return a result as one JSON object; what is not a finite number is null."""
    return json.dumps(_plain(result), indent=2)


def _plain(value: Any) -> Any:
    """Return what JSON can hold: of a dataclass its fields."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


class Results:
    """Results on stdout, of work that goes on where they cannot be written.

    A closed pipe or a full disk stops the writing, not the work; `finish` tells of it.
    """

    def __init__(self) -> None:
        self._failure: OSError | None = None

    def write(self, line: str) -> None:
        """Write a line, unless an earlier one could not be written."""
        if self._failure is None:
            try:
                click.echo(line)
            except OSError as error:
                self._failure = error

    def finish(self) -> None:
        """Raise what an earlier line could not be written for."""
        if self._failure is not None:
            raise self._failure


class Display(Observer):
    """Shows the library's work: notes, and on a terminal a progress bar that leaves nothing behind.

    `unit` is what is counted, such as ``pictures``. The first of the `signals`, of a verb
    that `catclf.signals` stops, stops the work.
    """

    def __init__(self, unit: str, quiet: bool, signals: Sequence[int] = ()) -> None:
        self.unit, self.quiet, self.signals = unit, quiet, signals
        self.draws = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.bar: tqdm[Any] | None = None
        self.warnings: list[str] = []  # with flags for parameters, as they are written
        self.detail = ""  # what the bar tells besides how far the work is

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def progress(self, done: int, total: int) -> None:
        """Move the bar; the first time, draw it, where stderr is a terminal."""
        if not self.draws:
            return
        if self.bar is None:
            from tqdm import tqdm

            # Its thread would draw a bar that stands still, perhaps in the middle of another line.
            tqdm.monitor_interval = 0
            self.bar = tqdm(
                total=total,
                unit=f" {self.unit}",
                bar_format=BAR_FORMAT,
                postfix=self.detail,
                leave=False,
                dynamic_ncols=True,
                miniters=1,  # drawn by the clock alone: the last iterations may be slower
            )
        self.bar.set_postfix_str(self.detail, refresh=False)
        self.bar.update(done - self.bar.n)

    def note(self, text: str) -> None:
        """Write a note on stderr, above the bar."""
        self.clear()
        note(text, self.quiet)

    def clear(self) -> None:
        """Take the bar off its line, until it moves again."""
        if self.bar is not None:
            # In one write: tqdm's clear needs two, between which the cursor is behind the bar, and
            # a ^C that the terminal shows there wraps.
            self.bar.display(" " * (len(str(self.bar)) - 1) + "\r")

    def stop(self) -> bool:
        """Stop after the first signal."""
        return bool(self.signals)

    def skipped(self, files: Sequence[Skipped]) -> None:
        """Say which files are not used: a line for each kind."""
        kinds: dict[str, list[str]] = defaultdict(list)
        for each in files:
            kinds[each.kind].append(each.path)
        for kind, paths in kinds.items():
            self.note(f"Skipped: {counted(len(paths), kind)} ({name_some(paths)})")

    def warning(self, text: str) -> None:
        """Write a warning, its parameters as flags, however quiet."""
        self.warnings.append(with_flags(text))
        self.clear()
        note(f"Warning: {self.warnings[-1]}")


def with_flags(message: str) -> str:
    """Return a library's message with its `parameters`, in backticks, as the flags they are."""
    return re.sub(
        r"`([a-z0-9_]+)`",
        lambda found: FLAGS.get(found[1], "--" + found[1].replace("_", "-")),
        message,
    )


def error_text(error: CatclfError) -> str:
    """Return an error as text, the parameters that its fix names as flags."""
    fix = None if error.fix is None else with_flags(error.fix)
    return str(CatclfError(error.what, error.where, fix))

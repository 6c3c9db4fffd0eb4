"""What the verbs share: grouped help, checked numbers, notes and the progress bar."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from catclf.errors import printable

if TYPE_CHECKING:
    from tqdm import tqdm

    from catclf.model import Model

__all__ = [
    "MOST",
    "MOST_WRONG",
    "FiniteFloat",
    "Numbers",
    "Results",
    "Verb",
    "bar",
    "counter",
    "dataset_argument",
    "format_option",
    "loaded_model",
    "model_options",
    "name_some",
    "note",
    "note_skipped",
    "option",
    "output_option",
    "percent",
    "quiet_option",
    "wrong_line",
]

MOST = 10**9  # of iterations and the like: beyond lies a slip of the finger
MOST_WRONG = 5  # pictures named
F = TypeVar("F", bound=Callable[..., Any])


class GroupedOption(click.Option):
    """An option that stands under a heading of its verb's help, with its default."""

    def __init__(self, *args: Any, group: str, **settings: Any) -> None:
        super().__init__(*args, **{"show_default": True, **settings})
        self.group = group


def option(*names: str, group: str, **settings: Any) -> Callable[[F], F]:
    """Declare an option under the heading `group`."""
    return click.option(*names, cls=GroupedOption, group=group, **settings)


class Verb(click.Command):
    """A command whose help lists its options under their headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, grouped; --help stands in the last group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                groups.setdefault(getattr(param, "group", "Output"), []).append(record)
        for heading in sorted(groups, key=lambda name: name == "Output"):
            with formatter.section(heading):
                formatter.write_dl(groups[heading])


class FiniteFloat(click.FloatRange):
    """A range of numbers; click's own lets nan through, and infinity where there is no bound."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; a usage error where it is none, not finite, or out of range."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """Numbers with commas between them, each finite and not below (or not at) 0."""

    name = "numbers"

    def __init__(self, above_zero: bool = False) -> None:
        self.above_zero = above_zero

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the numbers; a usage error where one is none."""
        words = value.split(",") if isinstance(value, str) else value
        if not isinstance(words, list | tuple):
            words = [words]
        try:
            numbers = tuple(float(word) for word in words)
        except (TypeError, ValueError, OverflowError):
            self.fail(f"{value!r} is not a list of numbers such as 0.001,0.01.", param, ctx)
        for number in numbers:
            if not math.isfinite(number) or number < 0 or (self.above_zero and number == 0):
                least = "above 0" if self.above_zero else "at least 0"
                self.fail(f"{number:g} must be finite and {least}.", param, ctx)
        return tuple(dict.fromkeys(numbers))


def dataset_argument(function: F) -> F:
    """Declare DATASET, of the verbs that read what prepare wrote."""
    return click.argument("dataset", default="data/dataset.h5", type=click.Path())(function)


def output_option(default: str, what: str) -> Callable[[F], F]:
    """Declare -o/--output, of the verbs that write one file."""
    return option(
        "-o",
        "--output",
        group="Output",
        type=click.Path(),
        default=default,
        metavar="FILE",
        help=f"The {what} to write.",
    )


def format_option(function: F) -> F:
    """Declare --format, of the verbs that write one result: text or one JSON object."""
    return option(
        "--format",
        group="Output",
        type=click.Choice(["text", "json"]),
        default="text",
        help="How to write the results.",
    )(function)


def quiet_option(function: F) -> F:
    """Declare -q/--quiet."""
    return option(
        "-q", "--quiet", group="Output", is_flag=True, show_default=False, help="Show results only."
    )(function)


def model_options(function: F) -> F:
    """Declare the options of the verbs that apply a model."""
    function = option(
        "--order",
        group="Model",
        type=click.Choice(["planes", "interleaved"]),
        help="Only for a bare .npz of w and b: how the notebook unrolled its pictures; "
        "interleaved is X.reshape(m, -1).T.",
    )(function)
    function = option(
        "--threshold",
        group="Model",
        type=FiniteFloat(0, 1),
        default=0.5,
        metavar="P",
        help="A picture is the positive class where its probability is above P.",
    )(function)
    return option(
        "-m",
        "--model",
        group="Model",
        type=click.Path(),
        default="model.npz",
        metavar="FILE",
        help="The model to use.",
    )(function)


def note(text: str, quiet: bool = False) -> None:
    """Say something on stderr that is no result; where nobody can hear it, go on."""
    if not quiet:
        with suppress(OSError):
            click.echo(text, err=True)


def name_some(names: Sequence[str], most: int = 5) -> str:
    """Name the first few of many, and count the others."""
    shown = ", ".join(printable(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def note_skipped(names: Sequence[str], quiet: bool) -> None:
    """Say which files are no pictures by name."""
    note(f"Skipped, no pictures: {len(names)} ({name_some(names)})", quiet)


def loaded_model(path: str, order: str | None, quiet: bool) -> Model:
    """Load a model, and say what had to be assumed of a bare one."""
    from catclf.model import load_model

    model = load_model(path, order)  # type: ignore[arg-type]
    if model.assumed is not None:
        note(f"Warning: {printable(path)} {model.assumed}", quiet)
    return model


class Judged(Protocol):
    """A picture, its label, and the probability that was given to it."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def label(self) -> str:
        """Its class."""

    @property
    def probability(self) -> float:
        """Of the positive class."""


def wrong_line(picture: Judged, positive: str) -> str:
    """Return a line about a picture whose label and probability are at odds."""
    return (
        f"  P({printable(positive)}) = {picture.probability:.4f}, "
        f"label {printable(picture.label)}: {printable(picture.name)}"
    )


def percent(share: float) -> str:
    """Return a share as a percentage with two decimals."""
    return f"{100 * share:.2f} %"


class Results:
    """Results on stdout while work goes on that a reader who leaves must not cost.

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


@contextmanager
def bar(total: int, unit: str, quiet: bool) -> Iterator[tqdm[Any] | None]:
    """Yield a progress bar on stderr, or None where that is no terminal, or with --quiet."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, leave=False, dynamic_ncols=True) as drawn:
        yield drawn


def counter(drawn: tqdm[Any] | None) -> Callable[[int], None] | None:
    """Return what moves a bar to a number of iterations; None where none is drawn."""
    if drawn is None:
        return None

    def count(done: int) -> None:
        drawn.update(done - drawn.n)

    return count

"""How the verbs declare their options: headings in the help, checked numbers, shared options."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from catclf.classes import as_pair
from catclf.cli.slips import explain_extra, explain_option, refuse_other_than_dataset
from catclf.columns import ORDERS
from catclf.errors import CatclfError
from catclf.storage.outputs import is_same_file

__all__ = [
    "INPUT",
    "ClassPair",
    "Count",
    "FiniteFloat",
    "Numbers",
    "Verb",
    "WholeNumber",
    "dataset_argument",
    "force_option",
    "format_option",
    "model_options",
    "option",
    "output_option",
    "quiet_option",
]

F = TypeVar("F", bound=Callable[..., Any])
MAX_COUNT = 10**9
INPUT = click.Path(readable=False)  # whether it can be read, the library tells, and what to do


class GroupedOption(click.Option):
    """An option that stands under a heading of its verb's help, with its default."""

    def __init__(self, *args: Any, group: str, **settings: Any) -> None:
        super().__init__(*args, **{"show_default": True, **settings})
        self.group = group


def option(*names: str, group: str, **settings: Any) -> Callable[[F], F]:
    """Declare an option under the heading `group`."""
    return click.option(*names, cls=GroupedOption, group=group, **settings)


class Verb(click.Command):
    """A command whose help lists its options under their headings, and whose errors help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words behind the verb; a usage error says what to type instead."""
        ctx.allow_extra_args = True  # refused here
        try:
            rest = super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            message = explain_option(ctx, error.option_name)
            if message is None:
                raise
            ctx.fail(message)
        if rest and not ctx.resilient_parsing:
            ctx.fail(explain_extra(ctx, rest))
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb, with the garbage collector that `catclf.__main__` turned off."""
        if not gc.isenabled():
            gc.freeze()  # what was imported stays, and need not be looked at again
            gc.enable()
        return super().invoke(ctx)

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


class WholeNumber(click.IntRange):
    """A range of whole numbers; click's own says that "1e3" is not a valid integer range."""

    name = "whole number"


class Count(click.ParamType):  # type: ignore[type-arg]
    """A whole number of at least `least`; beyond MAX_COUNT it is taken for a typing error."""

    name = "whole number"

    def __init__(self, least: int = 1) -> None:
        self.range = WholeNumber(least, MAX_COUNT)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; a usage error where it is none or out of range."""
        return int(self.range.convert(value, param, ctx))


class FiniteFloat(click.FloatRange):
    """A range of numbers; click's own lets nan through, and infinity where there is no bound."""

    name = "number"

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
            self.fail(
                f"{value!r} is not a list of numbers such as 0.001,0.01, without spaces.",
                param,
                ctx,
            )
        for number in numbers:
            if not math.isfinite(number) or number < 0 or (self.above_zero and number == 0):
                least = "above 0" if self.above_zero else "at least 0"
                self.fail(f"{number:g} must be finite and {least}.", param, ctx)
        return tuple(dict.fromkeys(numbers))


class ClassPair(click.ParamType):  # type: ignore[type-arg]
    """The names of two classes with a comma between them, the negative first."""

    name = "classes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return both names; a usage error where there are not two different ones."""
        names = value.split(",") if isinstance(value, str) else list(value)
        pair = as_pair([name.strip() for name in names])
        if pair is None:
            self.fail(f"{value!r} does not name two classes, such as noncat,cat.", param, ctx)
        return pair


def dataset_argument(function: F) -> F:
    """Declare DATASET, of the verbs that read what prepare wrote."""
    return click.argument(
        "dataset",
        default="data/dataset.h5",
        type=INPUT,
        callback=refuse_other_than_dataset,
    )(function)


def output_option(default: str, what: str) -> Callable[[F], F]:
    """Declare -o/--output and --force, of the verbs that write one file."""

    def declare(function: F) -> F:
        return option(
            "-o",
            "--output",
            group="Output",
            type=click.Path(),
            default=default,
            metavar="FILE",
            callback=refuse_config,
            help=f"The {what} to write.",
        )(force_option(function))

    return declare


def force_option(function: F) -> F:
    """Declare --force, of the verbs that write a file.

    On the command line alone: no config file or variable lets files be replaced from now on.
    """
    return option(
        "--force",
        group="Output",
        is_flag=True,
        show_default=False,
        allow_from_autoenv=False,
        help="Replace a file that catclf did not write.",
    )(function)


def refuse_config(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the path of an output; CatclfError where it is that of the config file."""
    config = ctx.find_root().params.get("config")
    if value and config and is_same_file(value, config):
        raise CatclfError("is the config file", value, "Write to another file.")
    return value


def format_option(function: F) -> F:
    """Declare --format, of the verbs that write one result: text or one JSON object."""
    return option(
        "--format",
        group="Output",
        type=click.Choice(["text", "json"]),
        default="text",
        help="Format of the results.",
    )(function)


def quiet_option(function: F) -> F:
    """Declare -q/--quiet."""
    return option(
        "-q",
        "--quiet",
        group="Output",
        is_flag=True,
        show_default=False,
        help="Show results and warnings only.",
    )(function)


def model_options(many: bool = False) -> Callable[[F], F]:
    """Declare the options of the verbs that apply a model, or `many`."""

    def declare(function: F) -> F:
        function = option(
            "--classes",
            group="Model",
            type=ClassPair(),
            metavar="NEG,POS",
            help="Only for a weights-only .npz: the names of its classes.",
        )(function)
        function = option(
            "--order",
            group="Model",
            type=click.Choice(ORDERS),
            help="Only for a weights-only .npz: how the notebook unrolled its pictures; "
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
            type=INPUT,
            default=["model.npz"] if many else "model.npz",
            multiple=many,
            metavar="FILE",
            help="The model to use; given twice, two models to compare."
            if many
            else "The model to use.",
        )(function)

    return declare

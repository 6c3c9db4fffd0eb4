"""How the verbs declare their options, and what is said of slips that people make.

An option of a dataclass's field has its range, default and metavar from there (`setting`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any, TypeVar

import click

from catclf.classes import MAX_CLASSES, as_classes
from catclf.cli.output import FLAGS
from catclf.columns import ORDERS
from catclf.errors import CatclfError, DatasetError
from catclf.fields import MAX_COUNT, Range, range_of
from catclf.files import PREPARED, FileKind, file_kind
from catclf.model import DEFAULT_THRESHOLD
from catclf.outputs import is_same_file

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S")
INPUT = click.Path(readable=False)  # whether it can be read, the library tells, and what to do


class GroupedOption(click.Option):
    """An option that stands under a heading of its verb's help, with its default."""

    def __init__(self, *args: Any, group: str, **attrs: Any) -> None:
        super().__init__(*args, **{"show_default": True, **attrs})
        self.group = group

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Tell the range of a number too."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.type, Number) and self.type.limits.most != MAX_COUNT:
            extra["range"] = ", ".join(words for words, _ in self.type.limits.limits())
        return extra


class Argument(click.Argument):
    """An argument that an environment variable may set, as click has it for options alone."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value of CATCLF_VERB_NAME; None where it is not set, or empty."""
        prefix = ctx.auto_envvar_prefix
        return (prefix and os.environ.get(f"{prefix}_{self.name}".upper())) or None


def argument(name: str, **attrs: Any) -> Callable[[F], F]:
    """Declare an argument; several values in a variable have os.pathsep between them."""
    return click.argument(name, cls=Argument, **attrs)


def option(*names: str, group: str, **attrs: Any) -> Callable[[F], F]:
    """Declare an option under the heading `group`."""
    return click.option(*names, cls=GroupedOption, group=group, **attrs)


def setting(owner: type[Any], field: str, group: str, help: str, **attrs: Any) -> Callable[[F], F]:
    """Declare the option of a dataclass's field."""
    limits, default = range_of(owner, field)
    flag = FLAGS.get(field, f"--{field.replace('_', '-')}")
    kind: Any = click.Choice(list(limits.choices)) if limits.choices else Number(limits)
    if isinstance(default, tuple):
        kind = Numbers(limits)
        default = ",".join(f"{number:g}" for number in default) or None
    named = {"default": default, "metavar": limits.unit, "type": kind, **attrs}
    return option(flag, group=group, help=help, **named)


def taken(owner: type[S], options: dict[str, Any]) -> S:
    """Take the options declared by `setting` out of all, and return the dataclass of them."""
    known = parameters(owner).items()
    found = {name: options.pop(parameter) for name, parameter in known if parameter in options}
    return owner(**{name: value for name, value in found.items() if value is not None})


def parameters(owner: type[Any]) -> dict[str, str]:
    """Return what click calls the option of each of a dataclass's fields."""
    return {each.name: FLAGS.get(each.name, each.name).lstrip("-") for each in fields(owner)}


class Verb(click.Command):
    """A command whose help lists its options under their headings, and whose errors help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words behind the verb; a usage error says what to type instead."""
        ctx.allow_extra_args = True  # refused here
        try:
            rest = super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            flag = FLAGS.get(error.option_name.removeprefix("--").replace("-", "_"))
            if error.option_name == "--config":
                hint = f"--config goes before the verb: catclf --config FILE {ctx.info_name}"
            elif any(flag in param.opts for param in self.params):
                hint = f"No such option '{error.option_name}'. Did you mean {flag}?"
            else:
                raise
            ctx.fail(hint)
        if rest and not ctx.resilient_parsing:
            ctx.fail(_explain_extra(ctx, rest))
        return rest

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


class Number(click.ParamType):  # type: ignore[type-arg]
    """A number in a range."""

    def __init__(self, limits: Range) -> None:
        self.limits = limits
        self.name = "whole number" if limits.whole else "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | float:
        """Return the number; a usage error where it is none or out of range."""
        try:
            number = (int if self.limits.whole else float)(value)
        except (TypeError, ValueError, OverflowError):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        if (complaint := self.limits.complaint(number)) is not None:
            self.fail(f"{value} {complaint}.", param, ctx)
        return number


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """Numbers with commas between them, each in a range."""

    name = "numbers"

    def __init__(self, limits: Range) -> None:
        self.limits = limits

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
            if (complaint := self.limits.complaint(number)) is not None:
                self.fail(f"{number:g} {complaint}.", param, ctx)
        return tuple(dict.fromkeys(numbers))


class ClassNames(click.ParamType):  # type: ignore[type-arg]
    """The names of classes with commas between them, in the order of their labels."""

    name = "classes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names; a usage error where there are not two different ones or more."""
        names = value.split(",") if isinstance(value, str) else list(value)
        classes = as_classes([name.strip() for name in names])
        if classes is None:
            what = f"2 to {MAX_CLASSES} different classes"
            if len(names) < 3:
                what = "two classes, such as noncat,cat"
            self.fail(f"{value!r} does not name {what}.", param, ctx)
        return classes


def dataset_argument(function: F) -> F:
    """Declare DATASET, of the verbs that read what prepare wrote."""
    return argument("dataset", default="data/dataset.npz", type=INPUT, callback=_refuse_slip)(
        function
    )


def output_option(
    default: str, what: str, replaces: str = "a file of another kind"
) -> Callable[[F], F]:
    """Declare -o/--output and --force, of the verbs that write one file.

    `replaces` is what stays as it is without --force.
    """

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
        )(force_option(function, replaces))

    return declare


def force_option(function: F, replaces: str = "a file of another kind") -> F:
    """Declare --force, of the verbs that write a file.

    On the command line alone: no config file or variable lets files be replaced from now on.
    """
    help = f"Replace {replaces}."
    return flag("--force", group="Output", help=help, allow_from_autoenv=False)(function)


def refuse_config(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the path of an output; CatclfError where it is that of the config file."""
    config = ctx.find_root().params.get("config")
    if value and config and is_same_file(value, config):
        raise CatclfError("is the config file", value, "Write to another file.")
    return value


def csv_option(name: str, what: str) -> Callable[[F], F]:
    """Declare an option that names a CSV file to write beside the result."""
    return option(
        name,
        group="Output",
        type=click.Path(),
        metavar="FILE",
        callback=refuse_config,
        help=f"Also write a CSV file {what}",
    )


def flag(*names: str, group: str, help: str, **attrs: Any) -> Callable[[F], F]:
    """Declare an option that takes no value."""
    return option(*names, group=group, help=help, is_flag=True, show_default=False, **attrs)


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
    return flag("-q", "--quiet", group="Output", help="Show results and warnings only.")(function)


def model_options(many: bool = False, threshold: bool = True) -> Callable[[F], F]:
    """Declare the options of the verbs that apply a model, or `many`, by a `threshold`."""
    declared = [
        option(
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
        ),
        option(
            "--threshold",
            group="Model",
            type=Number(Range(least=0, most=1)),
            default=DEFAULT_THRESHOLD,
            metavar="P",
            help="Of two classes: predict the positive one where its probability is above P.",
        ),
        option(
            "--order",
            group="Model",
            type=click.Choice(ORDERS),
            help="Only for a weights-only .npz: how the notebook unrolled its pictures; "
            "interleaved is X.reshape(m, -1).T.",
        ),
        option(
            "--classes",
            group="Model",
            type=ClassNames(),
            metavar="NAMES",
            help="Only for a weights-only .npz: the names of its classes, as noncat,cat; of more "
            "than two in the order of its columns.",
        ),
    ]
    if not threshold:
        del declared[1]

    def declare(function: F) -> F:
        for each in reversed(declared):
            function = each(function)
        return function

    return declare


def _refuse_slip(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Return DATASET, unless a number or a model stands there.

    The library refuses other files, too, but cannot know what was meant; and a verb looks at its
    outputs first.
    """
    if _is_number(value) and not os.path.lexists(value):
        ctx.fail(f"Got {value} as DATASET. {_number_hint(ctx)}")
    found = None
    with suppress(CatclfError):  # the verb will tell
        found = file_kind(value)
    if found is FileKind.MODEL:
        named = "; a model is named with -m" if _has(ctx, "model") else ""
        fix = f"{PREPARED.fix[:-1]}{named}."
        raise DatasetError(f"is {found.value}, not {PREPARED.name}", value, fix)
    return value


def _explain_extra(ctx: click.Context, words: list[str]) -> str:
    """Return what to say of arguments behind the one that a verb takes."""
    extra = f"Got an unexpected argument: {' '.join(words)}."
    if all(map(_is_number, words)):
        return f"{extra} {_number_hint(ctx)}"
    if _has(ctx, "model"):
        named = "; a model is named with -m"
    else:
        named = "; the file to write is named with -o" if _has(ctx, "output") else ""
    return f"{extra} {_taken_arguments(ctx)}{named}."


def _taken_arguments(ctx: click.Context) -> str:
    """Return what arguments a verb takes: one, or none."""
    taken = [each for each in ctx.command.params if isinstance(each, click.Argument)]
    named = f"one {taken[0].make_metavar(ctx).strip('[]')}" if taken else "no argument"
    return f"{ctx.info_name} takes {named}"


def _number_hint(ctx: click.Context) -> str:
    lists = [param.opts[-1] for param in ctx.command.params if param.type.name == "numbers"]
    if lists:
        return f"Lists have commas and no spaces: {lists[0]} 0.001,0.01"
    return f"{_taken_arguments(ctx)}; an option takes one value."


def _is_number(word: str) -> bool:
    try:
        float(word.rstrip(","))
    except ValueError:
        return False
    return True


def _has(ctx: click.Context, name: str) -> bool:
    return any(param.name == name for param in ctx.command.params)

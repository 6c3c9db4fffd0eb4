"""Slips in a command line that people make, each told with what to type instead."""

from __future__ import annotations

import os
from contextlib import suppress

import click

from catclf.cli.flags import FLAGS
from catclf.errors import CatclfError, DatasetError, printable
from catclf.storage.kinds import PREPARED, FileKind, file_kind

__all__ = ["explain_extra", "explain_option", "refuse_other_than_dataset"]

# Options of another verb, or of other programs.
HINTS = {
    ("train", "-m"): "The model to write is named with -o.",
    ("train", "--model"): "The model to write is named with -o.",
    ("train", "--epochs"): "Did you mean --iters?",
    ("tune", "--epochs"): "Did you mean --iters?",
    ("evaluate", "-o"): "A CSV file of predictions is named with --predictions.",
    ("evaluate", "--output"): "A CSV file of predictions is named with --predictions.",
    ("predict", "-o"): "Results go to stdout: catclf predict IMAGE > FILE",
    ("predict", "--output"): "Results go to stdout: catclf predict IMAGE > FILE",
}


def refuse_other_than_dataset(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Return DATASET, unless a slip put a number, a model or a config file there.

    The library refuses other files, too, but cannot know what was meant; and a verb looks at its
    outputs first.
    """
    if _is_number(value) and not os.path.lexists(value):
        ctx.fail(f"{value} stands where DATASET is expected. {_number_hint(ctx)}")
    found = None
    with suppress(CatclfError):  # the verb will tell
        found = file_kind(value)
    import shlex  # here, for `predict` to start without it

    fix = PREPARED.fix
    path = printable(shlex.quote(value))
    if found is FileKind.CONFIG:
        fix = f"Name it before the verb: catclf --config {path} {ctx.info_name}"
    elif found in (FileKind.MODEL, FileKind.ARRAYS):
        if _has(ctx, "model"):
            fix = f"Name the model with -m: catclf {ctx.info_name} -m {path}"
    else:
        return value
    raise DatasetError(f"is {found.value}, not {PREPARED.name}", value, fix)


def explain_extra(ctx: click.Context, words: list[str]) -> str:
    """Return what to say of arguments behind the one that a verb takes."""
    extra = f"Got an unexpected argument: {' '.join(words)}."
    if all(map(_is_number, words)):
        return f"{extra} {_number_hint(ctx)}"
    if _has(ctx, "model"):
        named = "; a model is named with -m"
    elif _has(ctx, "output"):
        named = "; the file to write is named with -o"
    else:
        named = ""
    return f"{extra} {ctx.info_name} takes one DATASET{named}."


def explain_option(ctx: click.Context, name: str) -> str | None:
    """Return what to say of an option that a verb does not have; None where click knows better."""
    if name == "--config":
        return f"--config stands before the verb: catclf --config FILE {ctx.info_name}"
    hint = HINTS.get((str(ctx.info_name), name))
    flag = FLAGS.get(name.removeprefix("--").replace("-", "_"))
    if flag is not None and any(flag in param.opts for param in ctx.command.params):
        hint = f"Did you mean {flag}?"
    return None if hint is None else f"No such option '{name}'. {hint}"


def _number_hint(ctx: click.Context) -> str:
    lists = [param.opts[-1] for param in ctx.command.params if param.type.name == "numbers"]
    if lists:
        return f"Lists have commas and no spaces: {lists[0]} 0.001,0.01"
    return f"{ctx.info_name} takes one DATASET, a file; an option takes one value."


def _is_number(word: str) -> bool:
    try:
        float(word.rstrip(","))
    except ValueError:
        return False
    return True


def _has(ctx: click.Context, name: str) -> bool:
    return any(param.name == name for param in ctx.command.params)

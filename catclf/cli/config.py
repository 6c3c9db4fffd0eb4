"""The config file: TOML, a table for each verb, held against the options there are."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from typing import Any

import click

from catclf.cli.options import Number, Numbers
from catclf.errors import CatclfError, printable
from catclf.files import HEAD_BYTES, Expected, FileKind, kind_of_bytes, read_regular

MAX_CONFIG_BYTES = 2**20
CONFIG = Expected(
    "a config file",
    "Name a TOML file with a table for each verb, as 'catclf tune' writes.",
)


def read_config(
    path: str, verb: str, command: click.Command, verbs: Sequence[str]
) -> dict[str, Any]:
    """Return the defaults that a config file gives a verb, each checked, by parameter.

    CatclfError where the file cannot be read, is not TOML, or holds an unknown table or key or a
    value that the verb's option would not take.
    """
    stored = read_regular(path, MAX_CONFIG_BYTES, CatclfError)
    if kind_of_bytes(stored[:HEAD_BYTES]) not in (FileKind.CONFIG, FileKind.OTHER):
        raise CONFIG.mismatch(stored, path, CatclfError)
    try:
        tables = tomllib.loads(stored.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: no TOML, no UTF-8
        fix = f"{CONFIG.fix[:-1]}, or fix the line."
        raise CatclfError(f"is not TOML: {error}", path, fix) from error
    for name, table in tables.items():
        if name not in verbs:
            raise CatclfError(f"unknown table [{printable(name)}]", path, _nearest(name, verbs))
        if not isinstance(table, dict):
            raise CatclfError(f"{name} is not a table", path, f"Begin it with [{name}].")
    known = {_key(param): param for param in command.params if param.name != "force"}
    values = {}
    for key, value in tables.get(verb, {}).items():
        param = known.get(key.replace("_", "-"))
        if param is None or param.name is None:
            raise CatclfError(
                f"unknown key '{printable(key)}' in [{verb}]", path, _nearest(key, list(known))
            )
        if isinstance(param, click.Option) and param.multiple and isinstance(value, str):
            value = [value]
        try:
            _refuse_other_type(param, value)
            param.type_cast_value(click.Context(command), value)
        except (click.BadParameter, TypeError, ValueError, OverflowError) as error:
            reason = error.message if isinstance(error, click.BadParameter) else str(error)
            raise CatclfError(f"[{verb}] {key}: {reason}", path, "Fix the value.") from None
        values[param.name] = value
    return {verb: values}


def _refuse_other_type(param: click.Parameter, value: object) -> None:
    """Raise TypeError where click would convert a value in silence: 10.7 to 10, 1 to true."""
    kinds: tuple[tuple[type, ...], str]
    if isinstance(param, click.Option) and param.is_flag:
        kinds = (bool,), "true or false"
    elif isinstance(param.type, Number):
        kinds = (int,) if param.type.limits.whole else (int, float), f"a {param.type.name}"
    elif isinstance(param.type, Numbers):
        kinds = (int, float, str, list), "a number, or a list of numbers"
    elif param.nargs == -1 or param.multiple:
        kinds = (list,), 'a list of texts, such as ["a", "b"]'
    else:
        kinds = (str,), "a text"
    allowed, named = kinds
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise TypeError(f"must be {named}")


def _key(param: click.Parameter) -> str:
    """Return what a config file calls a parameter: an option's long name, an argument's own."""
    long = [name[2:] for name in param.opts if name.startswith("--")]
    return long[0] if long else str(param.name)


def _nearest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Known are {', '.join(known)}."

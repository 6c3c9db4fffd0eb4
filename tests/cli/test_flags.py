"""The library's parameters as flags."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click

import catclf
from catclf.cli import VERBS, app
from catclf.cli.flags import with_flags

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
    assert not [text for text in messages if re.search(r"(?<!\S)--[a-z]", text)]
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

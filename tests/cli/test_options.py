"""Options: declared once, by a field, and values that cannot be are refused before any work."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import click
import pytest

import catclf
from catclf.cli import app
from catclf.cli.output import with_flags
from catclf.fields import MAX_COUNT
from catclf.operations.search import Search
from catclf.training import Settings
from command_line import invoke, results

OWNERS: list[tuple[str, Any]] = [
    ("train", Settings),
    ("tune", Search),
    ("prepare", catclf.Preprocessing),
]


def option_of(verb: str, field: str) -> click.Option:
    """Return the option of a verb that sets a field."""
    command = app.get_command(click.Context(app), verb)
    assert command is not None
    [found] = [param for param in command.params if with_flags(f"`{field}`") in param.opts]
    assert isinstance(found, click.Option)
    return found


@pytest.mark.parametrize(("verb", "owner"), OWNERS)
def test_an_option_is_its_field(verb: str, owner: Any) -> None:
    """Choices, default and metavar are the dataclass's, and so is the range."""
    declared = [each for each in fields(owner) if "range" in each.metadata]
    if verb == "prepare":  # --features takes files too; the other fields have one value each
        declared = [each for each in declared if each.name in ("size", "fit")]
    context = click.Context(click.Command(verb))
    for each in declared:
        found, limits = option_of(verb, each.name), each.metadata["range"]
        if limits.choices:
            assert isinstance(found.type, click.Choice)
            assert list(found.type.choices) == list(limits.choices)
        else:
            assert found.metavar == limits.unit
            assert found.type.limits is limits  # type: ignore[attr-defined]
        default = found.type_cast_value(context, found.get_default(context))
        assert default == (None if each.default == () else each.default)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (
            "prepare",
            ["--size PIXELS", "[default: (64, or the network's); at least 1, at most 1024]"],
        ),
        (
            "train",
            [
                "--lr RATE",
                "[default: (0.005); above 0]",
                "--iters N",
                "[default: 2000]",
            ],
        ),
        ("train", ["--loss [cross-entropy|squared-error]", "[default: cross-entropy]"]),
        ("tune", ["--l2 LAMBDAS", "[default: 0,0.01,0.1]", "five around the safe rate"]),
        ("predict", ["--threshold P", "[default: 0.5; at least 0, at most 1]"]),
    ],
)
def test_help_tells_default_and_range(verb: str, words: list[str]) -> None:
    """But not the number beyond which an option is taken for a typing error."""
    shown = " ".join(results(verb, "--help").split())
    for word in words:
        assert word in shown
    assert str(MAX_COUNT) not in shown


USAGE_ERRORS = {
    "train": "--bogus; --lr nan; --lr inf; --lr -inf; --lr 0; --lr -1; --lr 1e999; --lr x; --lr; "
    "--iters 0; --iters 1.5; --iters nan; --iters 1000000001; --every 0; --l2 -1; --l2 nan; "
    "--loss hinge; --class-weight even; --method fast",
    "prepare": "--size 0; --size 1025; --size 99999999999999999999; --size 8.5; --fit stretch; "
    "--size 7 --features hog-color; --test-split 1; --test-split -0.1; --test-split nan; "
    "--seed -1; --workers 0; --workers 1000000",
    "predict x.png": "--threshold 1.1; --threshold nan; --order rows; --format xml; --classes cat; "
    "--classes cat,cat",
    "evaluate": "--split valid; --format csv; --predictions p -m a -m b; -m a -m b -m c",
    "tune": "--folds 1; --repeats 0; --sample 3; --suspects -1; --lr 0.1,nan; --lr 0; --lr ,; "
    "--l2 x; --l2 0,-1; --metric f1; --rule two-se",
    "benchmark": "--iters 0; --lr 1",
    "info": "; a b; a --format csv",
    "report": "--format json",
}


@pytest.mark.parametrize(
    "words",
    [f"{verb} {words}" for verb, each in USAGE_ERRORS.items() for words in each.split("; ")],
)
def test_a_usage_error_is_exit_2(words: str) -> None:
    """What is not possible is refused before any work, by the option's name, on stderr."""
    result = invoke(*words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(("Usage: ", "Error: Option "))
    if (flag := re.search(r"--([a-z0-9-]+)", words)) is not None:
        assert flag[1] in result.stderr


def test_a_number_that_is_none_says_what_it_must_be() -> None:
    """In the words of the library, which checks the same range."""
    for words, said in (
        ("train --iters 1e3", "'1e3' is not a valid whole number."),
        ("train --lr 0", "0 must be above 0."),
        ("tune --lr 0.1,nan", "nan must be a finite number."),
        ("predict --classes cat x.png", "'cat' does not name two classes, such as noncat,cat."),
    ):
        assert said in invoke(*words.split()).stderr

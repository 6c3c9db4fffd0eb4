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
    if verb == "prepare":  # whose other fields have one value each
        declared = [each for each in declared if each.name in ("size", "fit", "features")]
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
        ("prepare", ["--size PIXELS", "[default: 64; at least 1, at most 1024]"]),
        ("train", ["--lr RATE", "[default: 0.005; above 0]", "--iters N", "[default: 2000]"]),
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


USAGE_ERRORS = """
train --bogus
train --lr nan
train --lr inf
train --lr -inf
train --lr 0
train --lr -1
train --lr 1e999
train --lr x
train --lr
train --iters 0
train --iters 1.5
train --iters nan
train --iters 1000000001
train --every 0
train --l2 -1
train --l2 nan
train --loss hinge
train --class-weight even
train --method fast
prepare --size 0
prepare --size 1025
prepare --size 99999999999999999999
prepare --size 8.5
prepare --size 7 --features hog-color
prepare --fit stretch
prepare --test-split 1
prepare --test-split -0.1
prepare --test-split nan
prepare --seed -1
prepare --workers 0
prepare --workers 1000000
predict --threshold 1.1 x.png
predict --threshold nan x.png
predict --order rows x.png
predict --format xml x.png
predict --classes cat x.png
predict --classes cat,cat x.png
evaluate --split valid
evaluate --format csv
evaluate --predictions p.csv -m a -m b
evaluate -m a -m b -m c
tune --folds 1
tune --repeats 0
tune --sample 3
tune --suspects -1
tune --lr 0.1,nan
tune --lr 0
tune --lr ,
tune --l2 x
tune --l2 0,-1
tune --metric f1
tune --rule two-se
benchmark --iters 0
benchmark --lr 1
info
info a b
info a --format csv
report --format json
"""


@pytest.mark.parametrize("words", USAGE_ERRORS.strip().splitlines())
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

"""The README tells what is."""

from __future__ import annotations

import re

import pytest

import readme
from catclf.cli import VERBS

TEXT = readme.README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_reference_is_what_the_help_says() -> None:
    """Every verb's help stands in the README as it is; tests/readme.py writes it."""
    assert readme.with_reference(TEXT) == TEXT


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_shown_in_use(verb: str) -> None:
    """The README runs each verb, outside the generated reference."""
    assert f"catclf {verb}" in TEXT.split(readme.BEGIN)[0]


def test_ci_runs_the_first_two_commands_verbatim() -> None:
    """A newcomer's two commands are copied into what CI runs."""
    ci = (readme.README.parent / ".ci" / "run").read_text(encoding="utf-8")
    for block in BLOCKS[:2]:
        assert "\n" + block.strip() + "\n" in ci

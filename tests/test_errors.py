"""catclf.errors: what, where, fix, and nothing that could upset a terminal."""

from __future__ import annotations

import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.errors import (
    CatclfError,
    ClusterError,
    DatasetError,
    DivergenceError,
    ModelError,
    PictureError,
    name_some,
    printable,
)

LEAVES = [CatclfError, ClusterError, DatasetError, DivergenceError, ModelError, PictureError]
names = st.binary(min_size=1, max_size=40).map(os.fsdecode) | st.text(max_size=40)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("damaged",), "damaged"),
        (("damaged", "cat.png"), "cat.png: damaged"),
        (("damaged", None, "Delete it."), "damaged\nDelete it."),
        (("damaged", "cat.png", "Delete it."), "cat.png: damaged\nDelete it."),
    ],
)
def test_text_is_where_what_and_the_fix_on_its_own_line(parts: tuple[str, ...], text: str) -> None:
    """A message reads 'where: what', and below it what to do."""
    assert str(CatclfError(*parts)) == text


@pytest.mark.parametrize("leaf", LEAVES)
def test_survives_pickling(leaf: type[CatclfError]) -> None:
    """An error crosses from a worker process as it was; it ends the command with 1."""
    error = leaf("damaged", "cat\udcff.png", "Delete it.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is leaf
    assert (again.what, again.where, again.fix) == (error.what, error.where, error.fix)
    assert str(again) == str(error)
    assert (again.exit_code, isinstance(again, CatclfError)) == (1, True)


def test_where_may_be_any_path() -> None:
    """A path object names the file as its text does."""

    class Here(os.PathLike[str]):
        def __fspath__(self) -> str:
            return "here/cat.png"

    assert CatclfError("damaged", Here()).where == "here/cat.png"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cats/żółw 猫 é.png", "cats/żółw 猫 é.png"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("caf\udce9.png", "caf\\udce9.png"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("\U000e0041", "\\U000e0041"),
        ("", ""),
    ],
)
def test_printable_escapes_what_is_not_seen(name: str, shown: str) -> None:
    """Letters of all languages stay; control, direction and undecodable characters do not."""
    assert printable(name) == shown


@given(names)
def test_printable_text_can_be_printed(name: str) -> None:
    """Whatever a file is called, its printed name is one line that UTF-8 can encode."""
    shown = printable(name)
    assert shown.replace("\u200d", "").isprintable()
    shown.encode("utf-8")
    assert printable(shown) == shown


@given(names)
def test_where_is_escaped_in_the_message(name: str) -> None:
    """A message has two lines, whatever the file is called."""
    assert len(str(CatclfError("damaged", name, "Delete it.")).split("\n")) == 2


def test_of_many_names_the_first_three_are_told() -> None:
    """Escaped, and the others counted."""
    assert name_some(["a", "b\n"]) == "a, b\\n"
    assert name_some([str(i) for i in range(3)]) == "0, 1, 2"
    assert name_some([str(i) for i in range(9)]) == "0, 1, 2 and 6 more"

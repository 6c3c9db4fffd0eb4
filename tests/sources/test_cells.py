"""A table as cells: rows of one length, each with the line where it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from catclf.sources.cells import Cells, read_cells, shown


@pytest.mark.parametrize(
    ("text", "rows", "lines"),
    [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]], [1, 2]),
        (
            "\n a , b,\n\n1\n,,\n2, 3 ,\n",
            [["a", "b", ""], ["1", "", ""], ["2", "3", ""]],
            [2, 4, 6],
        ),
        ('a;b\n"1\n2";3\n4;5', [["a", "b"], ["1\n2", "3"], ["4", "5"]], [1, 3, 4]),
        ("sep=|\na|b;c\n1|2;3\n", [["a", "b;c"], ["1", "2;3"]], [2, 3]),
        ("a\tb,c\n1\t2\n", [["a", "b,c"], ["1", "2"]], [1, 2]),
        ("x.jpg;a,b\ny.jpg;c,d\n", [["x.jpg", "a,b"], ["y.jpg", "c,d"]], [1, 2]),
    ],
)
def test_rows_have_one_length_and_know_their_lines(
    tmp_path: Path, text: str, rows: list[list[str]], lines: list[int]
) -> None:
    """Blanks around cells and blank rows are left out; what a row lacks is blank."""
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    assert read_cells(str(path)) == Cells(rows, lines, has_names=False)


def test_objects_are_rows_of_all_their_keys(tmp_path: Path) -> None:
    """The first row is of the keys, and stands on no line."""
    path = tmp_path / "a.csv"
    path.write_text('\n{"a": 1, "b": null}\n{"c": true, "a": " x ", "d": [1.5]}\n{"b": ["y", 2]}\n')
    assert read_cells(str(path)) == Cells(
        [
            ["a", "b", "c", "d"],
            ["1", "", "", ""],
            ["x", "", "true", "1.5"],
            ["", '["y", 2]', "", ""],
        ],
        [0, 2, 3, 4],
        has_names=True,
    )


def test_a_long_sample_ends_at_a_line(tmp_path: Path) -> None:
    """What is cut is not held against a separator."""
    path = tmp_path / "a.csv"
    path.write_text("file;label\n" + "a, b;c\n" * 20_000)
    assert len(read_cells(str(path)).rows) == 20_001


def test_long_cells_are_cut_in_messages() -> None:
    """And control characters escaped."""
    assert shown("a\x1b") == r"'a\x1b'"
    assert len(shown("a" * 100_000)) < 80

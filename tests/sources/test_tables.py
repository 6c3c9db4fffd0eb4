"""CSV and TSV files as sources."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf import DatasetError
from corpus.places import make_pipe
from sources.conftest import Warned, listing, rows


def test_a_csv_names_files_labels_and_splits(tmp_path: Path) -> None:
    """Columns stand in any order, lines stay in theirs; paths count from the CSV's folder.

    A split may be empty. A TSV is one with tabs: commas are letters there, quotes are quotes.
    """
    csv_lines = (
        "split, Label ,file,note\n"
        "train,cat,a/1.jpg,\n"
        'TEST,dog,"b, c.jpg",blurred\n'
        "\n"
        f",cat,{tmp_path / 'd.jpg'},\n"
        "testing,dog,é.jpg\n"
        "Training,cat,a/10.jpg\n"
    )
    (tmp_path / "a.csv").write_text(csv_lines, encoding="utf-8-sig")
    assert rows(listing(tmp_path / "a.csv"), tmp_path) == [
        ("a/1.jpg", "cat", "train"),
        ("b, c.jpg", "dog", "test"),
        ("d.jpg", "cat", None),
        ("é.jpg", "dog", "test"),
        ("a/10.jpg", "cat", "train"),
    ]
    (tmp_path / "a.TSV").write_text('split\tfile\tlabel\ntest\tb, c.jpg\tcat\n\t"d.jpg"\tdog\n')
    assert rows(listing(tmp_path / "a.TSV"), tmp_path) == [
        ("b, c.jpg", "cat", "test"),
        ("d.jpg", "dog", None),
    ]


@pytest.mark.parametrize("name", ["val", "VALID", "validation"])
def test_validation_rows_are_the_test_split_where_there_is_no_other(
    tmp_path: Path, name: str
) -> None:
    """By any of their names, without a warning; beside test rows they are left out, with one."""
    path, heard = tmp_path / "a.csv", Warned()
    path.write_text(f"file,label,split\n1.jpg,cat,train\n2.jpg,cat,{name}\n")
    train, held_out = ("1.jpg", "cat", "train"), ("2.jpg", "cat", "test")
    assert rows(listing(path, observer=heard), tmp_path) == [train, held_out]
    assert heard.texts == []
    path.write_text(path.read_text() + f"3.jpg,dog,test\n4.jpg,dog,{name}\n")
    assert rows(listing(path, observer=heard), tmp_path) == [train, ("3.jpg", "dog", "test")]
    assert heard.texts == [
        f"{path}: left out, a validation split beside train and test (2 pictures)"
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "its first line names"),
        ("1.jpg,cat\n", "its first line names"),
        ("file;label\n1.jpg;cat\n", "its first line names"),
        ("file,label\n", "lists no pictures"),
        ("file,label\n1.jpg\n", "a.csv:2: has no label"),
        ("file,label\n1.jpg,\n", "a.csv:2: has no label"),
        ("file,label\n1.jpg,cat\n,dog\n", "a.csv:3: has no file"),
        ("file,label\n1.jpg,cat,dog\n", "a.csv:2: is not a line of file,label"),
        ("file,label\n1.jpg,ca\0t\n", "a.csv:2: is not a line of file,label"),
        ("file,label,split\n1.jpg,cat,maybe\n", "a.csv:2: unknown split 'maybe'\nWrite train"),
        ('file,label\n"1.jpg,cat\n', "is not a CSV file in UTF-8"),
        ("file,label\n" + "x" * 200_000 + ",cat\n", "is not a CSV file in UTF-8"),
        ("file,label\n\udcff.jpg,cat\n", "is not a CSV file in UTF-8"),
        ("file\tlabel\n1.jpg\n", "a.tsv:2: has no label"),
        ('file\tlabel\n"1.jpg\tcat\n', "is not a TSV file in UTF-8"),
    ],
)
def test_a_bad_table_is_an_error_that_names_the_line(tmp_path: Path, text: str, says: str) -> None:
    """What is wrong is said, with the number of the line where there is one."""
    path = tmp_path / ("a.tsv" if "\t" in text else "a.csv")
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DatasetError) as caught:
        listing(path)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_a_csv_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    """It is not waited for."""
    make_pipe(tmp_path / "a.csv")
    with pytest.raises(DatasetError, match="not a regular file"):
        listing(tmp_path / "a.csv")


@given(data=st.binary() | st.binary().map(b"file,label,split\n".__add__))
def test_any_bytes_as_a_csv_are_listed_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """No bytes at all give anything but pictures or a DatasetError."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    try:
        found = listing(path)
    except DatasetError:
        return
    assert found.pictures


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: text == text.strip()
)
LINES = st.lists(  # the same file is used once
    st.tuples(CELL, CELL), min_size=1, max_size=5, unique_by=lambda line: os.path.normpath(line[0])
)


@given(lines=LINES)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]]
) -> None:
    """Commas, quotes and newlines in names and labels survive."""
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *lines])
    assert [(p.name, p.class_name) for p in listing(path).pictures] == [
        (os.path.join(path.parent, name), label) for name, label in lines
    ]

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
from sources.conftest import Warned, listing, rows


def test_a_csv_names_files_labels_and_splits(tmp_path: Path) -> None:
    """Columns stand in any order; paths count from the CSV's folder; a split may be empty."""
    (tmp_path / "pets.csv").write_text(
        "split, Label ,file,note\n"
        "train,cat,a/1.jpg,\n"
        'TEST,dog,"b, c.jpg",blurred\n'
        "\n"
        f",cat,{tmp_path / 'd.jpg'},\n"
        "testing,dog,é.jpg\n"
        "Training,cat,f.jpg\n",
        encoding="utf-8-sig",
    )
    assert rows(listing(tmp_path / "pets.csv"), tmp_path) == [
        ("a/1.jpg", "cat", "train"),
        ("b, c.jpg", "dog", "test"),
        ("d.jpg", "cat", None),
        ("é.jpg", "dog", "test"),
        ("f.jpg", "cat", "train"),
    ]


@pytest.mark.parametrize("name", ["val", "VALID", "validation"])
def test_validation_rows_are_the_test_split_where_there_is_no_other(
    tmp_path: Path, name: str
) -> None:
    """By any of their names, beside train rows, and without a warning."""
    (tmp_path / "a.csv").write_text(f"file,label,split\n1.jpg,cat,train\n2.jpg,cat,{name}\n")
    heard = Warned()
    found = rows(listing(tmp_path / "a.csv", observer=heard), tmp_path)
    assert found == [("1.jpg", "cat", "train"), ("2.jpg", "cat", "test")]
    assert heard.texts == []


def test_validation_rows_beside_train_and_test_are_left_out_and_told(tmp_path: Path) -> None:
    """The warning names the file and counts them."""
    (tmp_path / "a.csv").write_text(
        "file,label,split\n1.jpg,cat,train\n2.jpg,cat,val\n3.jpg,dog,test\n4.jpg,dog,valid\n"
    )
    heard = Warned()
    found = rows(listing(tmp_path / "a.csv", observer=heard), tmp_path)
    assert found == [("1.jpg", "cat", "train"), ("3.jpg", "dog", "test")]
    assert heard.texts == [
        f"{tmp_path / 'a.csv'}: left out, a validation split beside train and test (2 pictures)"
    ]


def test_a_tsv_is_a_csv_with_tabs(tmp_path: Path) -> None:
    """Commas are letters there, quotes are quotes, and the suffix may be in capitals."""
    (tmp_path / "a.TSV").write_text('split\tfile\tlabel\ntest\tb, c.jpg\tcat\n\t"d.jpg"\tdog\n')
    assert rows(listing(tmp_path / "a.TSV"), tmp_path) == [
        ("b, c.jpg", "cat", "test"),
        ("d.jpg", "dog", None),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,label\n1.jpg,cat\n", "its first line names"),
        ("file\tlabel\n1.jpg\n", "a.tsv:2: has no label"),
        ("file\tlabel\tsplit\n1.jpg\tcat\tmaybe\n", "a.tsv:2: unknown split 'maybe'"),
        ('file\tlabel\n"1.jpg\tcat\n', "is not a TSV file in UTF-8"),
        ("file\tlabel\n", "lists no pictures"),
    ],
)
def test_a_bad_tsv_is_an_error_like_a_bad_csv(tmp_path: Path, text: str, says: str) -> None:
    """What is wrong is said, with the number of the line where there is one."""
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(DatasetError) as caught:
        listing(tmp_path / "a.tsv")
    assert says in str(caught.value)


def test_a_csv_keeps_its_order(tmp_path: Path) -> None:
    """Pictures stay in the order of the lines, sorted or not."""
    names = [f"{i}.jpg" for i in (3, 1, 2, 10)]
    (tmp_path / "a.csv").write_text("file,label\n" + "".join(f"{n},cat\n" for n in names))
    assert [row[0] for row in rows(listing(tmp_path / "a.csv"), tmp_path)] == names


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
    ],
)
def test_a_bad_csv_is_an_error_that_names_the_line(tmp_path: Path, text: str, says: str) -> None:
    """What is wrong is said, with the number of the line where there is one."""
    (tmp_path / "a.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DatasetError) as caught:
        listing(tmp_path / "a.csv")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_a_csv_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    """It is not waited for."""
    if sys.platform == "win32":
        pytest.skip("no named pipes in folders")
    os.mkfifo(tmp_path / "a.csv")
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


@given(
    lines=st.lists(
        st.tuples(CELL, CELL),
        min_size=1,
        max_size=5,
        unique_by=lambda line: os.path.normpath(line[0]),  # the same file is used once
    )
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]]
) -> None:
    """Commas, quotes and newlines in names and labels survive."""
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *lines])
    found = listing(path).pictures
    assert [(p.name, p.class_name) for p in found] == [
        (os.path.join(path.parent, name), label) for name, label in lines
    ]

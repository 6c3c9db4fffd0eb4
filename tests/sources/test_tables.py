"""Tables of file and label: the same pictures however a table is written, or the rows refused."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf import DatasetError
from catclf.sources.names import class_name, is_missing, several_labels
from catclf.sources.tables import is_table, list_table
from corpus.places import make_pipe
from sources.conftest import Warned, listing, rows, touch

TWO = [("1.jpg", "cat", None), ("2.jpg", "dog", None)]
SPLIT = [("1.jpg", "cat", "train"), ("2.jpg", "dog", "test"), ("3.jpg", "dog", "train")]


def read(
    folder: Path, text: str | bytes, name: str = "a.csv"
) -> tuple[list[tuple[str, str, str | None]], list[str]]:
    """Return (path, class, split) of each picture of a table, and the notes, without its path.

    Pictures 1.jpg, 2.jpg and 3.jpg stand beside it.
    """
    touch(folder, "1.jpg", "2.jpg", "3.jpg")
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    heard = Warned()
    found = rows(list_table(str(folder / name), heard), folder)
    assert heard.texts == []
    return found, [note.removeprefix(f"{folder / name}: ") for note in heard.notes]


def refused(folder: Path, text: str | bytes, name: str = "a.csv") -> str:
    """Return what is said of a table that is refused, without its folder."""
    with pytest.raises(DatasetError) as caught:
        read(folder, text, name)
    assert len(str(caught.value)) < 300 + len(str(folder))
    return str(caught.value).replace(f"{folder}{os.sep}", "")


# -------------------------------------------------------------------------- how it is written


@pytest.mark.parametrize(
    "text",
    [
        "file,label\n1.jpg,cat\n2.jpg,dog\n",
        "label,file\r\ncat,1.jpg\r\n\r\ndog,2.jpg",
        "file;label\r\n1.jpg;cat\r\n2.jpg;dog\r\n",
        "file\tlabel\n1.jpg\tcat\n2.jpg\tdog\n",
        "file|label\n1.jpg|cat\n2.jpg|dog\n",
        "sep=;\r\nfile;label\r\n1.jpg;cat\r\n2.jpg;dog\r\n",
        '"sep=|"\nfile|label\n1.jpg|cat\n2.jpg|dog\n',
        'File , "LABEL"\n "1.jpg", cat\n2.jpg , "dog"\n',
        "file,label,,\n1.jpg,cat,,\n2.jpg,dog,,\n,,,\n",
        "file,label\n1.jpg,cat,\n2.jpg,dog,\n",
        "\n\nfile,label\n\n1.jpg,cat\n \n2.jpg,dog\n\n",
        "file,label\r1.jpg,cat\r2.jpg,dog\r",
        '{"file": "1.jpg", "label": "cat"}\n\n{"label": ["dog"], "file": "2.jpg"}',
        "file,label,split\n1.jpg,cat,\n2.jpg,dog,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_read_however_it_is_written(tmp_path: Path, text: str, encoding: str) -> None:
    """Separator and encoding are those of the content, whatever the suffix; nothing is said."""
    for name in ("a.csv", "a.TSV", "a.txt"):
        assert read(tmp_path, text.encode(encoding), name) == (TWO, [])


def test_the_separator_is_the_one_that_makes_rows_alike(tmp_path: Path) -> None:
    """Names and labels may contain the others."""
    touch(tmp_path, "a, b.jpg", "c;d.jpg")
    for text in (
        "file;label\na, b.jpg;cat\n1.jpg;dog, brown\n",
        '"a, b.jpg",cat\n1.jpg,"dog, brown"\n',
        "a, b.jpg;cat\n1.jpg;dog, brown\n",
        "a, b.jpg|cat\n1.jpg|dog, brown\n",
    ):
        assert read(tmp_path, text)[0] == [("a, b.jpg", "cat", None), ("1.jpg", "dog, brown", None)]
    assert read(tmp_path, "c;d.jpg,cat\n1.jpg,a;b\n")[0] == [
        ("c;d.jpg", "cat", None),
        ("1.jpg", "a;b", None),
    ]
    decimals = "id;image;label;weight\n1;1.jpg;cat;0,5\n2;2.jpg;dog;1,25\n"
    assert read(tmp_path, decimals)[0] == TWO


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.ndjson"])
def test_json_lines_are_read(tmp_path: Path, name: str) -> None:
    """As for datasets of Hugging Face; numbers are names of classes, and keys may be absent."""
    lines = [
        {"file_name": "1.jpg", "label": 0},
        {"label": 1, "file_name": "2.jpg", "objects": {"bbox": [[1, 2, 3, 4]]}},
    ]
    text = "\n".join(map(json.dumps, lines))
    assert read(tmp_path, text, name) == (
        [("1.jpg", "0", None), ("2.jpg", "1", None)],
        ["the file is 'file_name'; not used: 'objects'"],
    )


# ------------------------------------------------------------------------- labels and splits


def test_validation_rows_are_the_test_split_where_there_is_no_other(tmp_path: Path) -> None:
    """By any of their names, without a warning; beside test rows they are left out, and counted."""
    path = tmp_path / "a.csv"
    touch(tmp_path, *(f"{i}.jpg" for i in range(1, 5)))
    train, held_out = ("1.jpg", "cat", "train"), ("2.jpg", "cat", "test")
    test = ("3.jpg", "cat", "test")
    for name in ("val", "VALID", "validation", "dev"):
        path.write_text(f"file,label,split\n1.jpg,cat,train\n2.jpg,cat,{name}\n")
        heard = Warned()
        assert rows(listing(path, observer=heard), tmp_path) == [train, held_out]
        assert heard.texts == []
        (note,) = heard.notes
        assert f"{name} as test" in note
        path.write_text(path.read_text() + f"3.jpg,cat,test\n4.jpg,cat,{name}\n")
        assert rows(listing(path, observer=heard), tmp_path) == [train, test]
        assert [each.path for each in listing(path).skipped] == [
            str(tmp_path / name) for name in ("2.jpg", "4.jpg")
        ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image,label,split\n1.jpg,cat,train\n2.jpg,dog,test\n3.jpg,dog,train\n", []),
        ("image,label,Usage\n1.jpg,cat,Training\n2.jpg,dog,PublicTest\n3.jpg,dog,Training\n",
         ["taken as splits: PublicTest as test"]),
        ("image,label,is_test\n1.jpg,cat,0\n2.jpg,dog,1\n3.jpg,dog,0\n",
         []),
        ("image,label,isTrain\n1.jpg,cat,TRUE\n2.jpg,dog,FALSE\n3.jpg,dog,TRUE\n",
         []),
        ("image,label,\n1.jpg,cat,train\n2.jpg,dog,test\n3.jpg,dog,train\n", []),
    ],
)  # fmt: skip
def test_the_split_of_a_table_is_honored(tmp_path: Path, text: str, says: list[str]) -> None:
    """By a column's name or by its values; and what was taken for which is told."""
    found, notes = read(tmp_path, text)
    assert found == SPLIT
    column = text.partition("\n")[0].rpartition(",")[2]
    named = {"split": "", "": ", the split is column 3"}.get(column, f", the split is {column!r}")
    assert notes == [*says, f"the file is 'image'{named}"]


def test_a_column_for_each_class_is_told(tmp_path: Path) -> None:
    """With what its cells say."""
    found, notes = read(tmp_path, "file,cat,dog\n1.jpg,1,0\n2.jpg,0,1\n")
    assert found == TWO
    assert notes == ["labels: the columns 'cat', 'dog' (1 where the picture is of the class)"]


PATH_SPLIT = "the splits are read from the paths"


@pytest.mark.parametrize(
    ("paths", "splits", "says"),
    [
        (["train/1.png", "test/2.png", "./train/x/3.png"], ["train", "test", "train"],
         [PATH_SPLIT]),
        (["cat/train/1.png", "cat/test/2.png"], ["train", "test"], [PATH_SPLIT]),
        (["../seg_train/1.png", "../seg_test/2.png"], ["train", "test"],
         [PATH_SPLIT, "taken as splits: seg_test as test, seg_train as train"]),
        (["a\\train\\1.png", "a\\val\\2.png"], ["train", "validation"],
         [PATH_SPLIT, "taken as splits: val as test"]),
        (["train/1.png", "train/2.png"], [None, None], []),
        (["train/1.png", "training/2.png"], [None, None], []),
        (["train/1.png", "test/2.png", "more/3.png"], [None] * 3, []),
        (["train/1.png", "a/test/2.png"], [None] * 2, []),
    ],
)  # fmt: skip
def test_folders_in_all_paths_are_the_splits(
    tmp_path: Path, paths: list[str], splits: list[str | None], says: list[str]
) -> None:
    """Where two or more are named so, all at one depth, and no column is the split; it is told."""
    touch(tmp_path / "t", *(path.replace("\\", "/") for path in paths))
    heard = Warned()
    (tmp_path / "t" / "a.csv").write_text("\n".join(["file,label", *(f"{p},cat" for p in paths)]))
    found = list_table(str(tmp_path / "t" / "a.csv"), heard)
    assert [picture.split for picture in found.pictures] == splits
    assert [note.removeprefix(f"{tmp_path / 't' / 'a.csv'}: ") for note in heard.notes] == says
    splits_given = "\n".join(["file,label,split", *(f"{path},cat,train" for path in paths)])
    (tmp_path / "t" / "a.csv").write_text(splits_given)
    found = list_table(str(tmp_path / "t" / "a.csv"), heard)
    assert {picture.split for picture in found.pictures} == {"train"}


def test_ids_in_folders_of_splits_are_in_these_splits(tmp_path: Path) -> None:
    """Those that are found; one split alone is none, whatever is missing."""
    numbers = range(11, 31)
    touch(tmp_path, *(f"{'test' if i % 5 else 'train'}_images/{i}.png" for i in numbers))
    text = "\n".join(["id,label", *(f"{i},cat" for i in [*numbers, 99])])
    found, notes = read(tmp_path, text)
    assert [split for _, _, split in found] == ["test" if i % 5 else "train" for i in numbers] + [
        None
    ]
    assert PATH_SPLIT in notes
    touch(tmp_path, "train/x.png")
    found, notes = read(tmp_path, "file,label\ntrain/x.png,cat\ngone/y.png,cat\n")
    assert ([split for _, _, split in found], notes) == ([None, None], [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a.csv: is empty\nWrite"),
        ("file\n1.jpg\n", "a.csv: has only one column: its first line is 'file'\n"
         "Write a line 'file,label' for each picture."),
        ("file,\n1.jpg,\n", "a.csv: has only one column: its first line is 'file,'\n"),
        ("file label\n1.jpg cat\n", "a.csv: has only one column: its first line is 'file label'"),
        ('[\n{"file": "1.jpg", "label": "cat"}\n]', "a.csv:1: is not a JSON object\n"),
        ('[{"file": "1.jpg"}, {"file": "2.jpg"}]', "a.csv:1: is not a JSON object\n"),
        ("file,label,split\n1.jpg,cat,train\n./1.jpg,dog,test\n2.jpg,cat,test\n3.jpg,a,test\n"
         "3.jpg,b,test\n", "a.csv: 4 rows give a file several labels, such as '1.jpg' "
         "(lines 2, 3, 5 and 1 more)\nGive each file one label"),
        ("file,label\n" + "1.jpg,\n" * 4 + ",cat\n" * 5 + "gone.jpg,cat\n",
         "a.csv: 4 rows have no label (lines 2, 3, 4 and 1 more)\n"),
        ("file,label\n" + ",cat\n" * 5 + "gone.jpg,cat\n",
         "a.csv: 5 rows have no file (lines 2, 3, 4 and 2 more)\n"),
        ("file,label\n", "a.csv: lists no pictures"),
        ("file,label\n1.jpg\n", "a.csv:2: has no label\n"),
        ("file,label\n1.jpg,cat\n2.jpg,NA\n", "a.csv:3: has no label: 'NA'\n"),
        ("file,label\n1.jpg,nan\n\n2.jpg,\n3.jpg,cat\n", "a.csv: 2 rows have no label, such as "
         "'nan' (lines 2, 4)\nWrite the labels"),
        ("file,label\n1.jpg,cat\n,dog\n", "a.csv:3: has no file"),
        ("file,label\n1.jpg,cat,dog\n", "a.csv:2: has more cells than the first line\nPut double"),
        ("file,label\n1.jpg,ca\0t\n", "a.csv:2: has a NUL character"),
        ("file,label\n1.jpg,cat;dog\n2.jpg,cat\n3.jpg,dog\n",
         "a.csv:2: has several labels: 'cat;dog'\nGive each row one label"),
        ("file,label\n1.jpg,cat dog\n2.jpg,cat\n3.jpg,dog\n", "a.csv:2: has several labels"),
        ("file,label\n1.jpg,\"['cat', 'dog']\"\n2.jpg,cow\n", "a.csv:2: has several labels"),
        ("file,label,split\n1.jpg,cat,maybe\n", "a.csv:2: has an unknown split: 'maybe'\nWrite tr"),
        ("file,label,set\n" + "1.jpg,cat,train\n" * 9 + "1.jpg,cat,x\n" * 7,
         "a.csv: 7 rows have an unknown split, such as 'x' (lines 11, 12, 13 and 4 more)\nWrite"),
        ("file,label,split\n1.jpg,cat,train\n2.jpg,cat,\n", "a.csv:3: has no split, but others do"),
        ('file,label\n1.jpg,cat\n"2.jpg,dog\n3.jpg,dog\n', "a.csv:3: is not a line of CSV (unexp"),
        ("file,label\n" + "x" * 200_000 + ",cat\n", "a.csv:2: is not a line of CSV (field larger"),
        ("file,label\n\udcff.jpg,cat\n", "a.csv: is not text in UTF-8\nSave it as CSV in UTF-8."),
        ("filename, cat, dog\n1.jpg, 1, 1\n2.jpg, 0, 0\n3.jpg, 1, 0\n",
         "a.csv: 2 rows do not have a single 1 among 'cat', 'dog' (lines 2, 3)\nGive each"),
        ('{"file": "1.jpg", "label": ["cat", "dog"]}\n', "a.csv:1: has several labels"),
        ('{"file": "1.jpg", "label": "cat"}\n["2.jpg"]\n', "a.csv:2: is not a JSON object"),
        ('{"file": "1.jpg", "label": "\\ud800"}\n', "a.csv:1: is not a JSON object"),
        ('{"file": "1.jpg", "label": ' + "[" * 9999 + "\n", "a.csv:1: is not a JSON object"),
        ("url,label\nhttps://a.b/1.jpg,cat\nhttp://a.b/2.jpg,dog\n",
         "a.csv: 2 rows are web addresses, such as 'https://a.b/1.jpg' (lines 2, 3)\nDownload"),
    ],
    ids=range(31),
)  # fmt: skip
def test_a_bad_table_is_an_error_that_names_the_lines(tmp_path: Path, text: str, says: str) -> None:
    """One for all rows that are wrong alike, with how many they are and the first of them."""
    assert refused(tmp_path, text.encode("utf-8", "surrogateescape")).startswith(says)


@pytest.mark.parametrize("name", ["a.xlsx", "a.XLS", "a.ods", "a.csv"])
@pytest.mark.parametrize("head", [b"PK\x03\x04\x14", b"\xd0\xcf\x11\xe0\xa1\xb1"])
def test_a_spreadsheet_is_refused_with_what_to_do(tmp_path: Path, name: str, head: bytes) -> None:
    """Whatever its suffix, by its first bytes."""
    (tmp_path / name).write_bytes(head + b"\0" * 99)
    with pytest.raises(DatasetError) as caught:
        listing(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: is a spreadsheet\nSave it as CSV in UTF-8."


def test_spaces_and_unicodes_forms_make_no_other_class(tmp_path: Path) -> None:
    """Nor is a label with a word in it that is another label; "none" may be a class."""
    for written, classes in (
        (
            ["caf\u00e9  noir", "cafe\u0301 noir", "none"],
            ["caf\u00e9 noir", "caf\u00e9 noir", "none"],
        ),
        (["hot dog", "dog", "dog"], ["hot dog", "dog", "dog"]),
    ):
        lines = [f"{i}.jpg,{label}" for i, label in enumerate(written, start=1)]
        found, _ = read(tmp_path, "\n".join(["file,label", *lines]))
        assert [label for _, label, _ in found] == classes


# --------------------------------------------------------------------------------- the pictures


def test_where_no_picture_is_there_one_message_says_where_was_searched(tmp_path: Path) -> None:
    """With one of them as an example, not an error for each."""
    text = "file,label\n" + "".join(f"gone/{i}.jpg,cat\n" for i in range(900))
    assert refused(tmp_path, text) == (
        "a.csv: none of its 900 pictures is found: 'gone/0.jpg' (line 2) is not in "
        f"{tmp_path} or a folder in it\n"
        "Paths are relative to the table's folder: move the table, or correct the paths."
    )


def test_where_the_pictures_were_found_is_told(tmp_path: Path) -> None:
    """A table of ids beside a folder; of two such folders an error names both."""
    touch(tmp_path, "train/0a.jpg", "train/0b.jpg")
    found, notes = read(tmp_path, "id,breed\n0a,beagle\n0b,boxer\n", "labels.csv")
    assert found == [("train/0a.jpg", "beagle", None), ("train/0b.jpg", "boxer", None)]
    assert notes == ["the file is 'id', the label is 'breed'; its pictures are found in train/"]
    touch(tmp_path, "masks/0a.jpg", "masks/0b.jpg")
    assert refused(tmp_path, "id,breed\n0a,beagle\n0b,boxer\n", "labels.csv").startswith(
        "labels.csv: its pictures may be those in masks/ or in train/\nWrite the folder"
    )


def test_a_table_is_known_by_its_suffix() -> None:
    """In any case."""
    assert all(map(is_table, ["a.csv", "b.TSV", "c.txt", "d.psv", "e.jsonl", "f.NDJSON", "g.xlsx"]))
    assert not any(map(is_table, ["a", "csv", "a.h5", "a.json", "a.csv.zip"]))


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_a_csv_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    """It is not waited for."""
    make_pipe(tmp_path / "a.csv")
    with pytest.raises(DatasetError, match="not a regular file"):
        listing(tmp_path / "a.csv")


HEADS = (
    b"",
    b"file,label,split\n",
    b"1.jpg;cat\n",
    b'{"file": "1.jpg", "label": 1}\n',
    b"\xff\xfe",
)


@given(data=st.tuples(st.sampled_from(HEADS), st.binary()).map(b"".join))
def test_any_bytes_as_a_csv_are_listed_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """No bytes at all give anything but pictures or a DatasetError."""
    folder = tmp_path_factory.getbasetemp() / "any"
    touch(folder, "1.jpg")
    (folder / "a.csv").write_bytes(data)
    try:
        found = list_table(str(folder / "a.csv"), Warned())
    except DatasetError:
        return
    assert found.pictures


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: text == text.strip() and not is_missing(text)
)


@given(labels=st.lists(CELL, min_size=1, max_size=5), delimiter=st.sampled_from(",;\t|"))
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], delimiter: str
) -> None:
    """Separators, quotes and newlines in names and labels survive."""
    folder = tmp_path_factory.getbasetemp() / "written"
    names = [f"{i}, {i};{i}.jpg" for i in range(len(labels))]
    touch(folder, *names)
    with open(folder / "a.csv", "w", encoding="utf-8", newline="") as file:
        lines = [("file", "label"), *zip(names, labels, strict=True)]
        csv.writer(file, delimiter=delimiter).writerows(lines)
    classes = [class_name(label) for label in labels]
    if any(several_labels(each, {*classes}) for each in classes):
        return
    found = list_table(str(folder / "a.csv"), Warned())
    assert [(os.path.basename(p.name), p.class_name) for p in found.pictures] == [
        *zip(names, classes, strict=True)
    ]


def test_a_table_of_pixels_is_told_to_be_saved_as_arrays(tmp_path: Path) -> None:
    """As digits and faces are often handed out: in a column each, or all of them in one."""
    path = tmp_path / "digits.csv"
    names = ",".join(f"pixel{i}" for i in range(64))
    for header, pixels in ((names, ",".join("0" * 64)), ("pixels", " ".join("0" * 64))):
        path.write_text(f"label,{header}\n" + f"1,{pixels}\n" * 3)
        with pytest.raises(DatasetError, match=r"seems to hold pixels.*\n.*np\.savez"):
            listing(path)

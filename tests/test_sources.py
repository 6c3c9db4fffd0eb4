"""Where labeled pictures come from: folders, CSV, the course's HDF5; and which class is which."""

from __future__ import annotations

import csv
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf import DatasetError, PictureError, Preprocessing
from catclf.sources import Listing, list_sources
from corpus.course_hdf5 import good_course
from corpus.hdf5 import pixels


def touch(folder: Path, *names: str) -> None:
    """Make empty files, and the folders they stand in."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def listing(*sources: Path) -> Listing:
    """List sources whose pictures are not going to be read."""
    with ExitStack() as files:
        return list_sources(sources, files)


def rows(found: Listing, folder: Path) -> list[tuple[str, str, str | None]]:
    """Return (path in `folder`, class, split) of each picture."""
    return [(os.path.relpath(p.name, folder), p.class_name, p.split) for p in found.pictures]


# ------------------------------------------------------------------------------ folders


def test_class_folders_name_the_classes(tmp_path: Path) -> None:
    """A picture's class is the folder it is in, at any depth; no split is set."""
    touch(tmp_path, "cat/1.jpg", "cat/more/2.png", "dog/1.jpg")
    assert rows(listing(tmp_path), tmp_path) == [
        ("cat/1.jpg", "cat", None),
        ("cat/more/2.png", "cat", None),
        ("dog/1.jpg", "dog", None),
    ]


@pytest.mark.parametrize("test", ["test", "val", "valid", "Test", "VAL"])
def test_train_and_test_folders_name_the_splits(tmp_path: Path, test: str) -> None:
    """A train folder and a test, val or valid folder hold class folders."""
    touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg", f"{test}/cat/3.jpg", f"{test}/dog/4.jpg")
    found = {(name, split) for _, name, split in rows(listing(tmp_path), tmp_path)}
    assert found == {("cat", "train"), ("dog", "train"), ("cat", "test"), ("dog", "test")}


def test_what_stands_beside_the_splits_is_skipped(tmp_path: Path) -> None:
    """Folders beside train and test are no classes, and are named."""
    touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg", "models/x.jpg")
    found = listing(tmp_path)
    assert len(found.pictures) == 3
    assert found.skipped == [str(tmp_path / "models")]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    """Beside another class, and without a test folder, train is the vehicle."""
    touch(tmp_path, "train/1.jpg", "car/1.jpg")
    assert {name for _, name, _ in rows(listing(tmp_path), tmp_path)} == {"train", "car"}


def test_litter_is_no_class_and_no_picture(tmp_path: Path) -> None:
    """Hidden files, .ipynb_checkpoints, __MACOSX and Thumbs.db are neither, and not mentioned."""
    touch(tmp_path, "cat/1.jpg", "cat/._1.jpg", "cat/Thumbs.db", "dog/1.jpg", "dog/.DS_Store")
    touch(tmp_path, ".ipynb_checkpoints/1.jpg", "__MACOSX/cat/1.jpg", "Thumbs.db", ".DS_Store")
    found = listing(tmp_path)
    assert rows(found, tmp_path) == [("cat/1.jpg", "cat", None), ("dog/1.jpg", "dog", None)]
    assert found.skipped == []


def test_other_files_are_named(tmp_path: Path) -> None:
    """Files that are no pictures, and pictures in no class folder, are skipped by name."""
    touch(tmp_path, "cat/1.jpg", "cat/notes.txt", "dog/1.jpg", "loose.jpg", "README")
    found = listing(tmp_path)
    assert len(found.pictures) == 2
    assert found.skipped == [str(tmp_path / n) for n in ("cat/notes.txt", "README", "loose.jpg")]


def test_an_empty_class_folder_is_an_error(tmp_path: Path) -> None:
    """A class without pictures is refused by the name of its folder."""
    touch(tmp_path, "cat/1.jpg", "dog/notes.txt")
    with pytest.raises(DatasetError, match="dog: a class folder without pictures"):
        listing(tmp_path)


@pytest.mark.parametrize("names", [[], ["1.jpg", "2.jpg"], [".hidden/1.jpg"]])
def test_a_folder_without_class_folders_is_an_error(tmp_path: Path, names: list[str]) -> None:
    """The message says to make class folders."""
    touch(tmp_path, *names)
    with pytest.raises(DatasetError, match="holds no class folders with pictures\nMake a folder"):
        listing(tmp_path)


@pytest.mark.parametrize("locked", ["", "train"])
def test_a_folder_that_cannot_be_opened_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    """It is named, whether it is the source or a split of it."""
    touch(tmp_path, "train/cat/1.jpg", "test/cat/2.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == tmp_path / locked:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DatasetError, match=r"cannot be opened \(Permission denied\)") as caught:
        listing(tmp_path)
    assert caught.value.where == str(tmp_path / locked)


@pytest.mark.parametrize("name", ["gone", "gone.h5", "gone.csv", "gone/"])
def test_a_missing_source_is_an_error(tmp_path: Path, name: str) -> None:
    """Whatever it was going to be."""
    with pytest.raises(DatasetError, match="no such file\nCheck the path"):
        listing(tmp_path / name)


def test_sources_are_listed_in_the_order_given(tmp_path: Path) -> None:
    """Several sources, of several kinds, follow one another."""
    touch(tmp_path, "b/cat/1.jpg", "a/dog/1.jpg")
    (tmp_path / "c.csv").write_text("file,label\nx.jpg,cat\n")
    good_course(tmp_path / "d.h5")
    found = listing(tmp_path / "b", tmp_path / "c.csv", tmp_path / "d.h5", tmp_path / "a")
    names = [os.path.relpath(p.name, tmp_path) for p in found.pictures]
    stored = [f"d.h5:train_set_x[{i}]" for i in range(6)]
    assert names == ["b/cat/1.jpg", "x.jpg", *stored, "a/dog/1.jpg"]


# ------------------------------------------------------------------------------ CSV


def test_a_csv_names_files_labels_and_splits(tmp_path: Path) -> None:
    """Columns stand in any order; paths count from the CSV's folder; a split may be empty."""
    (tmp_path / "pets.csv").write_text(
        "split, Label ,file,note\n"
        "train,cat,a/1.jpg,\n"
        'TEST,dog,"b, c.jpg",blurred\n'
        "\n"
        f",cat,{tmp_path / 'd.jpg'},\n"
        "valid,dog,é.jpg\n",
        encoding="utf-8-sig",
    )
    assert rows(listing(tmp_path / "pets.csv"), tmp_path) == [
        ("a/1.jpg", "cat", "train"),
        ("b, c.jpg", "dog", "test"),
        ("d.jpg", "cat", None),
        ("é.jpg", "dog", "test"),
    ]


def test_a_csv_keeps_its_order(tmp_path: Path) -> None:
    """Pictures stay in the order of the lines, sorted or not."""
    names = [f"{i}.jpg" for i in (3, 1, 2, 10)]
    (tmp_path / "a.csv").write_text("file,label\n" + "".join(f"{n},cat\n" for n in names))
    assert [row[0] for row in rows(listing(tmp_path / "a.csv"), tmp_path)] == names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "its first line does not name the columns"),
        ("1.jpg,cat\n", "its first line does not name the columns"),
        ("file;label\n1.jpg;cat\n", "its first line does not name the columns"),
        ("file,label\n", "lists no pictures"),
        ("file,label\n1.jpg\n", "a.csv:2: is not a line of file,label"),
        ("file,label\n1.jpg,\n", "a.csv:2: is not a line of file,label"),
        ("file,label\n1.jpg,cat\n,dog\n", "a.csv:3: is not a line of file,label"),
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
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    path.write_bytes(data)
    try:
        found = listing(path)
    except DatasetError:
        return
    assert found.pictures


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: text == text.strip()
)


@given(lines=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5))
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]]
) -> None:
    """Commas, quotes and newlines in names and labels survive."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *lines])
    found = listing(path).pictures
    assert [(p.name, p.class_name) for p in found] == [
        (os.path.join(path.parent, name), label) for name, label in lines
    ]


# ------------------------------------------------------------------------------ HDF5


def test_a_course_file_gives_its_pixels_as_they_are(tmp_path: Path) -> None:
    """A stored picture of the size asked for is read bit for bit, with its label and split."""
    good_course(tmp_path / "a.h5", test_set_x=pixels(3), test_set_y=np.array([[1, 0, 1]]))
    with ExitStack() as files:
        found = list_sources([tmp_path / "a.h5"], files).pictures
        read = [picture.read(Preprocessing(size=4)) for picture in found]
    assert np.array_equal(read[:6], pixels(6))
    assert np.array_equal(read[6:], pixels(3))
    assert [p.split for p in found] == ["train"] * 6 + ["test"] * 3
    assert [p.class_name for p in found[6:]] == ["cat", "noncat", "cat"]


def test_a_file_of_one_split_is_a_source(tmp_path: Path) -> None:
    """The course's pair is two files: each holds one split, and both name the classes."""
    good_course(tmp_path / "train.h5")
    good_course(
        tmp_path / "test.h5",
        train_set_x=None,
        train_set_y=None,
        test_set_x=pixels(2),
        test_set_y=np.array([0, 1]),
    )
    found = listing(tmp_path / "train.h5", tmp_path / "test.h5").pictures
    assert [p.split for p in found] == ["train"] * 6 + ["test"] * 2


def test_a_stored_picture_is_brought_to_the_size_asked_for(tmp_path: Path) -> None:
    """Pictures of another size, or not square, are resized as files are."""
    good_course(tmp_path / "a.h5", train_set_x=np.full((6, 9, 5, 3), 77, np.uint8))
    with ExitStack() as files:
        picture = list_sources([tmp_path / "a.h5"], files).pictures[0]
        assert np.array_equal(picture.read(Preprocessing(size=3)), np.full((3, 3, 3), 77))


def test_a_picture_that_is_not_there_is_a_picture_error(tmp_path: Path) -> None:
    """Files are only opened when they are read."""
    (tmp_path / "a.csv").write_text("file,label\ngone.jpg,cat\n")
    picture = listing(tmp_path / "a.csv").pictures[0]
    with pytest.raises(PictureError, match=r"gone\.jpg: no such file"):
        picture.read(Preprocessing())

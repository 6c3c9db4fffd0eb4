"""Folders as sources: class folders, and split folders of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from catclf import DatasetError
from sources.conftest import Warned, listing, rows, touch


def test_class_folders_name_the_classes(tmp_path: Path) -> None:
    """A picture's class is the folder it is in, at any depth; no split is set.

    Files that are no pictures, and pictures in no class folder, are skipped by name; hidden files,
    .ipynb_checkpoints, __MACOSX and Thumbs.db are litter, and not mentioned.
    """
    touch(tmp_path, "cat/1.jpg", "cat/more/2.png", "dog/1.jpg")
    touch(tmp_path, "cat/notes.txt", "loose.jpg", "README")
    touch(tmp_path, "cat/._1.jpg", "cat/Thumbs.db", "dog/.DS_Store", ".DS_Store", "Thumbs.db")
    touch(tmp_path, ".ipynb_checkpoints/1.jpg", "__MACOSX/cat/1.jpg")
    found = listing(tmp_path)
    assert rows(found, tmp_path) == [
        ("cat/1.jpg", "cat", None),
        ("cat/more/2.png", "cat", None),
        ("dog/1.jpg", "dog", None),
    ]
    assert found.skipped == [str(tmp_path / n) for n in ("cat/notes.txt", "README", "loose.jpg")]


@pytest.mark.parametrize("train", ["train", "Training"])
@pytest.mark.parametrize(
    "test", ["test", "testing", "val", "valid", "validation", "Test", "VAL", "Testing"]
)
def test_train_and_test_folders_name_the_splits(tmp_path: Path, train: str, test: str) -> None:
    """A train folder and a test or validation folder, by any of their names, hold class folders.

    Folders beside them are no classes, and are skipped by name; nothing is warned of.
    """
    touch(tmp_path, f"{train}/cat/1.jpg", f"{train}/dog/2.jpg", "models/x.jpg")
    touch(tmp_path, f"{test}/cat/3.jpg", f"{test}/dog/4.jpg")
    heard = Warned()
    found = listing(tmp_path, observer=heard)
    splits = {(name, split) for _, name, split in rows(found, tmp_path)}
    assert splits == {("cat", "train"), ("dog", "train"), ("cat", "test"), ("dog", "test")}
    assert (found.skipped, heard.texts) == ([str(tmp_path / "models")], [])


def test_a_validation_folder_beside_train_and_test_is_left_out_and_told(tmp_path: Path) -> None:
    """The warning names the folder and counts its pictures; nothing of it is listed or skipped."""
    touch(tmp_path, "Train/cat/1.jpg", "Train/dog/2.jpg", "test/cat/3.jpg", "test/dog/4.jpg")
    touch(tmp_path, "valid/cat/5.jpg", "valid/dog/6.jpg", "valid/dog/7.jpg", "valid/notes.txt")
    heard = Warned()
    found = listing(tmp_path, observer=heard)
    assert [split for *_, split in rows(found, tmp_path)] == ["train"] * 2 + ["test"] * 2
    assert found.skipped == []
    assert heard.texts == [
        f"{tmp_path / 'valid'}: left out, a validation split beside train and test (3 pictures)"
    ]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    """Beside another class, and without a test folder, train is the vehicle."""
    touch(tmp_path, "train/1.jpg", "car/1.jpg")
    assert {name for _, name, _ in rows(listing(tmp_path), tmp_path)} == {"train", "car"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["cat/1.jpg", "dog/notes.txt"], "dog: a class folder without pictures"),
        ([], "holds no class folders with pictures\nMake a folder"),
        ([".hidden/1.jpg"], "holds no class folders with pictures\nMake a folder"),
        (["1.jpg", "2.jpg"], "holds pictures, but no class folders\nName the folder above it"),
    ],
)
def test_a_folder_without_class_folders_is_an_error(
    tmp_path: Path, names: list[str], said: str
) -> None:
    """The message says to make class folders, that this may be one, or which one is empty."""
    touch(tmp_path, *names)
    with pytest.raises(DatasetError, match=said):
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

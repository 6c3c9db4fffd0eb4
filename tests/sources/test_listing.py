"""Sources of every kind together: in order, each picture once, and what is given twice told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from catclf import DatasetError
from catclf.observer import Skipped
from corpus.course_hdf5 import good_course, pixels
from sources.conftest import Warned, listing, rows, touch


def test_sources_are_listed_in_the_order_given(tmp_path: Path) -> None:
    """Several sources, of several kinds, follow one another."""
    touch(tmp_path, "b/cat/1.jpg", "a/dog/1.jpg", "x.jpg")
    (tmp_path / "c.csv").write_text("file,label\nx.jpg,cat\n")
    good_course(tmp_path / "d.h5")
    found = listing(tmp_path / "b", tmp_path / "c.csv", tmp_path / "d.h5", tmp_path / "a")
    names = [os.path.relpath(p.name, tmp_path) for p in found.pictures]
    stored = [f"d.h5:train_set_x[{i}]" for i in range(6)]
    assert names == ["b/cat/1.jpg", "x.jpg", *stored, "a/dog/1.jpg"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("data.bin", b"\0other", "is not a source of .*\nName a folder of class folders"),
        ("cat.JPG", b"\xff\xd8\xff\xe0", "is a picture, not .*\nName the folder that holds"),
        ("gone", None, "no such file\nCheck the path"),
        ("gone.csv", None, "no such file\nCheck the path"),
        ("gone/", None, "no such file\nCheck the path"),
    ],
    ids=["other", "picture", "gone", "no CSV", "no folder"],
)
def test_what_is_no_source_is_an_error_that_says_what_to_name(
    tmp_path: Path, name: str, data: bytes | None, said: str
) -> None:
    """Not that it should have been HDF5 alone."""
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DatasetError, match=said):
        listing(tmp_path / name)


# ------------------------------------------------------------------------------ given twice


def test_a_file_that_a_csv_lists_twice_is_used_once_and_told(tmp_path: Path) -> None:
    """However its path is written; the first line is the one that counts."""
    touch(tmp_path, "b/1.jpg", "2.jpg", "3.jpg")
    (tmp_path / "a.csv").write_text(
        "file,label\nb/1.jpg,cat\n2.jpg,dog\nb/../b/1.jpg,cat\n./2.jpg,dog\n3.jpg,dog\n"
    )
    heard = Warned()
    found = rows(listing(tmp_path / "a.csv", observer=heard), tmp_path)
    assert found == [("b/1.jpg", "cat", None), ("2.jpg", "dog", None), ("3.jpg", "dog", None)]
    assert heard.texts == [
        "given more than once, used once: 2 pictures "
        f"({tmp_path / 'b/1.jpg'}, {tmp_path / '2.jpg'})"
    ]


def test_a_source_that_is_named_twice_is_used_once_and_told(tmp_path: Path) -> None:
    """Folders and HDF5 files; of many files the first five are named, and what is skipped once."""
    touch(tmp_path, *(f"a/cat/{i}.jpg" for i in range(7)), "a/README")
    good_course(tmp_path / "b.h5")
    os.symlink("b.h5", tmp_path / "c.h5")
    heard = Warned()
    twice = [tmp_path / name for name in ("a", "b.h5", "b.h5", "a", "c.h5")]
    found = listing(*twice, observer=heard)
    assert len(found.pictures) == 7 + 6
    assert found.skipped == [Skipped(str(tmp_path / "a" / "README"), "empty file")]
    (text,) = heard.texts
    assert text.startswith("given more than once, used once: 13 pictures (")
    assert text.endswith(f"{tmp_path / 'a/cat/2.jpg'} and 10 more)")


def test_a_file_under_two_classes_or_in_two_splits_stays_under_each_and_is_told(
    tmp_path: Path,
) -> None:
    """A contradiction is the user's to solve; repeated rows of one class and split are one."""
    touch(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "a.csv").write_text(
        "file,label,split\n1.jpg,cat,train\n1.jpg,cat,train\n2.jpg,cat,train\n2.jpg,cat,test\n"
    )
    (tmp_path / "b.csv").write_text("file,label,split\n1.jpg,dog,train\n")
    heard = Warned()
    found = listing(tmp_path / "a.csv", tmp_path / "b.csv", observer=heard)
    assert rows(found, tmp_path) == [
        ("1.jpg", "cat", "train"),
        ("2.jpg", "cat", "train"),
        ("2.jpg", "cat", "test"),
        ("1.jpg", "dog", "train"),
    ]
    assert heard.texts == [
        "given more than once, under different classes or splits, used under each: 2 pictures "
        f"({tmp_path / '1.jpg'}, {tmp_path / '2.jpg'})"
    ]


def test_a_file_in_a_split_and_in_none_is_in_that_split(tmp_path: Path) -> None:
    """A source that names no splits does not contradict one that does."""
    touch(tmp_path, "pets/cat/0.jpg", "pets/cat/1.jpg", "pets/dog/2.jpg")
    (tmp_path / "a.csv").write_text("file,label,split\npets/cat/1.jpg,cat,test\n")
    heard = Warned()
    found = rows(listing(tmp_path / "pets", tmp_path / "a.csv", observer=heard), tmp_path)
    assert found == [
        ("pets/cat/0.jpg", "cat", None),
        ("pets/dog/2.jpg", "dog", None),
        ("pets/cat/1.jpg", "cat", "test"),
    ]
    assert heard.texts == [
        f"given more than once, used once: 1 picture ({tmp_path / 'pets/cat/1.jpg'})"
    ]


def test_pictures_with_the_same_pixels_in_two_files_are_two(tmp_path: Path) -> None:
    """They are duplicates, which is another matter."""
    good_course(tmp_path / "a.h5", train_set_x=pixels(6))
    good_course(tmp_path / "b.h5", train_set_x=pixels(6))
    heard = Warned()
    assert len(listing(tmp_path / "a.h5", tmp_path / "b.h5", observer=heard).pictures) == 12
    assert heard.texts == []


def test_folders_named_as_splits_are_the_splits(tmp_path: Path) -> None:
    """`prepare x/train x/test` keeps the user's test pictures out of training."""
    touch(tmp_path, "x/Train/cat/1.jpg", "x/testing/cat/2.jpg", "x/val/cat/3.jpg")
    both = listing(tmp_path / "x" / "Train", tmp_path / "x" / "testing")
    assert [picture.split for picture in both.pictures] == ["train", "test"]
    beside = listing(tmp_path / "x" / "Train", tmp_path / "x" / "val")
    assert [picture.split for picture in beside.pictures] == ["train", "test"]
    three = listing(tmp_path / "x" / "Train", tmp_path / "x" / "testing", tmp_path / "x" / "val")
    assert [picture.split for picture in three.pictures] == ["train", "test"]
    for alone in ("Train", "testing"):
        assert [p.split for p in listing(tmp_path / "x" / alone).pictures] == [None]


@pytest.mark.parametrize(
    ("train", "test"),
    [("train/images", "test/images"), ("photos_train", "web_test"), ("a/x/train", "b/y/val")],
)
def test_sources_are_called_by_what_differs_in_their_paths(
    tmp_path: Path, train: str, test: str
) -> None:
    """The last such part, in which all hold the same classes: train/images and test/images."""
    for source in (train, test):
        touch(tmp_path, *(f"{source}/{name}/{i}.jpg" for name in ("cat", "dog") for i in (1, 2)))
    found = listing(tmp_path / train, tmp_path / test)
    assert [picture.split for picture in found.pictures] == ["train"] * 4 + ["test"] * 4


def test_sources_that_are_no_splits_are_taken_together_and_told(tmp_path: Path) -> None:
    """But for one that is named as a test split: that is asked."""
    for source in ("a", "b", "test", "validation-a"):
        touch(tmp_path, *(f"{source}/{name}/{i}.jpg" for name in ("cat", "dog") for i in (1, 2)))
    heard = Warned()
    found = listing(tmp_path / "a", tmp_path / "b", observer=heard)
    assert {picture.split for picture in found.pictures} == {None}
    assert heard.notes == [
        f"used together, none of them as a split: {tmp_path / 'a'}, {tmp_path / 'b'}"
    ]
    for other in ("test", "validation-a"):
        with pytest.raises(DatasetError, match=f"a: is not named as a split, but '{other}' is"):
            listing(tmp_path / "a", tmp_path / other)


def test_validation_is_left_out_beside_a_test_split_of_another_source(tmp_path: Path) -> None:
    """What a validation split becomes is decided of all sources together."""
    for split in ("x/train", "x/val", "y/train", "y/test"):
        touch(tmp_path, *(f"{split}/{name}/1.jpg" for name in ("cat", "dog")))
    found = listing(tmp_path / "x", tmp_path / "y")
    assert [picture.split for picture in found.pictures] == ["train"] * 4 + ["test"] * 2
    assert [os.path.relpath(each.path, tmp_path / "x") for each in found.skipped] == [
        "val/cat/1.jpg",
        "val/dog/1.jpg",
    ]

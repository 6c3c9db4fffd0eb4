"""HDF5 files in the course's layout as sources."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from corpus.hdf5 import pixels

from catclf import DatasetError, Preprocessing, prepare
from catclf.sources import list_sources
from corpus.course_hdf5 import good_course
from sources.conftest import listing


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


@pytest.mark.parametrize("kind", ["i2", ">i2", "u2", ">u2", "i4", ">u4", "i8", ">u8", "i1"])
def test_pixels_may_be_whole_numbers_of_any_size(tmp_path: Path, kind: str) -> None:
    """As long as they lie in 0..255, they are read bit for bit."""
    values = pixels(6) // (2 if kind == "i1" else 1)
    good_course(tmp_path / "a.h5", train_set_x=values.astype(kind))
    with ExitStack() as files:
        found = list_sources([tmp_path / "a.h5"], files).pictures
        assert np.array_equal([p.read(Preprocessing(size=4)) for p in found], values)


@pytest.mark.parametrize(("value", "row"), [(256, 3), (-1, 5), (32767, 0)])
def test_the_first_picture_out_of_range_is_named(tmp_path: Path, value: int, row: int) -> None:
    """Preparing ends there: no picture of such an array means what it seems to mean."""
    wide = pixels(40).astype(np.int16)
    wide[row, 1, 2, 0] = wide[39, 0, 0, 0] = value
    good_course(tmp_path / "a.h5", train_set_x=wide, train_set_y=np.arange(40) % 2)
    with pytest.raises(DatasetError, match="not whole numbers from 0 to 255, but from") as caught:
        prepare([tmp_path / "a.h5"], tmp_path / "out.h5", workers=2)
    assert caught.value.where == f"{tmp_path / 'a.h5'}:train_set_x[{row}]"
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_without_pictures_are_an_error_that_names_them(tmp_path: Path, split: str) -> None:
    """What is missing is named: a file that lost an array is no file of one split."""
    arrays = {"test_set_x": pixels(2), "test_set_y": np.array([0, 1])}
    good_course(tmp_path / "a.h5", **(arrays | {f"{split}_set_x": None}))
    with pytest.raises(DatasetError, match=f"holds {split}_set_y, but no {split}_set_x"):
        listing(tmp_path / "a.h5")


def test_labels_whose_pictures_another_file_holds_are_no_error(tmp_path: Path) -> None:
    """Of a pair, one may repeat the other's labels; the pictures are listed once."""
    labels = np.array([0, 1])
    good_course(tmp_path / "train.h5", test_set_y=labels)
    good_course(
        tmp_path / "test.h5",
        train_set_x=None,
        train_set_y=None,
        test_set_x=pixels(2),
        test_set_y=labels,
    )
    for pair in (("train.h5", "test.h5"), ("test.h5", "train.h5")):
        found = listing(*(tmp_path / name for name in pair)).pictures
        assert sorted(str(p.split) for p in found) == ["test"] * 2 + ["train"] * 6


def test_a_prepared_dataset_is_no_source(tmp_path: Path) -> None:
    """It is said what it is, and what to do with it."""
    good_course(tmp_path / "a.h5", train_set_x=pixels(20), train_set_y=np.arange(20) % 2)
    prepare([tmp_path / "a.h5"], tmp_path / "out.h5")
    with pytest.raises(DatasetError, match="it is a prepared dataset\nRun 'catclf train' on it"):
        listing(tmp_path / "out.h5")

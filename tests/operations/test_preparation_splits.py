"""Preparing: each picture on one side, duplicates together, and the splits counted and seeded."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catclf import DatasetError, prepare
from catclf.dataset import open_dataset
from corpus.course_hdf5 import good_course, pixels
from operations.conftest import SETTINGS, contents, draw, names

# ------------------------------------------------------------------------------ the split


def test_the_split_is_stratified_and_counted(pets: Path, output: Path) -> None:
    """A fifth of each class is held out by default; the counts say what was written."""
    prepared = prepare([pets], output, preprocessing=SETTINGS)
    assert prepared.counts == {"train": (8, 8), "test": (2, 2)}
    assert prepared.classes == ("noncat", "cat")
    for split, rows in contents(output).items():
        labels = Counter(label for _, label, _ in rows)
        assert (labels[0], labels[1]) == prepared.counts[split]
        assert all((name.split("/")[0] == "cat") == label for name, label, _ in rows)


def test_the_split_is_seeded(pets: Path, output: Path) -> None:
    """The same seed gives the same splits, another seed others."""

    def held_out(seed: int) -> list[str]:
        prepare([pets], output, preprocessing=SETTINGS, seed=seed)
        return names(output)["test"]

    assert held_out(1) == held_out(1)
    assert len({tuple(held_out(seed)) for seed in range(5)}) > 1


def test_no_test_split_on_request(pets: Path, output: Path) -> None:
    """A test split of 0 leaves all for training."""
    prepared = prepare([pets], output, preprocessing=SETTINGS, test_split=0)
    assert prepared.counts == {"train": (10, 10), "test": (0, 0)}


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
def test_a_share_that_is_none_is_a_value_error(pets: Path, output: Path, share: float) -> None:
    """From 0 up to 1, exclusive."""
    with pytest.raises(ValueError, match="test_split must be"):
        prepare([pets], output, test_split=share)


def test_splits_that_the_source_names_are_kept(tmp_path: Path, output: Path) -> None:
    """Where the source has train and test, nothing is dealt anew."""
    for i in range(6):
        for number, kind in enumerate(("cat", "dog")):
            split = "test" if i < 2 else "train"
            draw(tmp_path / "a" / split / kind / f"{i}.png", 10 * number + i)
    prepared = prepare([tmp_path / "a"], output, preprocessing=SETTINGS, test_split=0.9)
    assert prepared.counts == {"train": (4, 4), "test": (2, 2)}


def test_a_train_split_alone_is_split(tmp_path: Path, output: Path) -> None:
    """A source that names no test split leaves it to us."""
    good_course(tmp_path / "a.h5", train_set_x=pixels(20), train_set_y=np.arange(20) % 2)
    prepared = prepare([tmp_path / "a.h5"], output, preprocessing=SETTINGS)
    assert prepared.counts == {"train": (8, 8), "test": (2, 2)}


def test_a_test_split_alone_cannot_be_trained_on(tmp_path: Path, output: Path) -> None:
    """It is an error that names the source, and what is missing beside it."""
    good_course(
        tmp_path / "a.h5",
        train_set_x=None,
        train_set_y=None,
        test_set_x=pixels(4),
        test_set_y=np.arange(4) % 2,
    )
    with pytest.raises(DatasetError, match=r"a\.h5: names only a test split"):
        prepare([tmp_path / "a.h5"], output, preprocessing=SETTINGS)


# ------------------------------------------------------------------------------ duplicates


@pytest.mark.parametrize("seed", range(6))
def test_identical_pictures_stay_on_one_side(pets: Path, output: Path, seed: int) -> None:
    """Copies, under other names or in another lossless container, are never split."""
    for i in range(5):
        shutil.copyfile(pets / "cat" / f"{i}.png", pets / "cat" / f"copy{i}.png")
        Image.open(pets / "cat" / f"{i}.png").save(pets / "cat" / f"bmp{i}.bmp")
    prepared = prepare([pets], output, preprocessing=SETTINGS, seed=seed, test_split=0.4)
    found = contents(output)
    assert not {x for *_, x in found["train"]} & {x for *_, x in found["test"]}
    assert len(prepared.duplicates) == 5
    assert not any(
        duplicates.leak or duplicates.contradictory for duplicates in prepared.duplicates
    )
    assert {os.path.basename(name) for name in prepared.duplicates[0].names} == {
        "0.png",
        "bmp0.bmp",
        "copy0.png",
    }


def test_a_picture_in_train_and_in_test_is_named(tmp_path: Path, output: Path) -> None:
    """Where the source leaks, it is said which pictures, and the dataset remembers how many."""
    for i in range(4):
        split = "train" if i < 2 else "test"
        draw(tmp_path / "a" / split / "cat" / f"{i}.png", i)
        draw(tmp_path / "a" / split / "dog" / f"{i}.png", 10 + i)
    shutil.copyfile(tmp_path / "a/train/cat/0.png", tmp_path / "a/test/cat/again.png")
    prepared = prepare([tmp_path / "a"], output, preprocessing=SETTINGS)
    (duplicates,) = prepared.duplicates
    assert duplicates.leak
    assert not duplicates.contradictory
    # Splits come in the order of their folders' names: test, train.
    assert [os.path.relpath(n, tmp_path / "a") for n in duplicates.names] == [
        "test/cat/again.png",
        "train/cat/0.png",
    ]
    assert duplicates.splits == ("test", "train")
    assert prepared.counts == {"train": (2, 2), "test": (3, 2)}
    with open_dataset(output) as dataset:
        assert dataset.test.also_in_train == 1
        assert dataset.train.also_in_train == 0


def test_a_picture_under_both_labels_is_named(pets: Path, output: Path) -> None:
    """It is kept, on one side, and said which."""
    shutil.copyfile(pets / "cat" / "2.png", pets / "noncat" / "also.png")
    prepared = prepare([pets], output, preprocessing=SETTINGS)
    (duplicates,) = prepared.duplicates
    assert duplicates.contradictory
    assert not duplicates.leak
    assert [os.path.relpath(name, pets) for name in duplicates.names] == [
        "cat/2.png",
        "noncat/also.png",
    ]
    assert duplicates.labels == (1, 0)


def test_a_picture_without_a_split_goes_where_its_duplicate_is(
    tmp_path: Path, output: Path
) -> None:
    """A CSV that names some splits: a copy of a training picture is not held out."""
    lines = ["file,label,split"]
    for i in range(12):
        draw(tmp_path / f"{i}.png", i)
        lines.append(f"{i}.png,{'cat' if i % 2 else 'dog'},{'test' if i < 4 else 'train'}")
    for i in (0, 5):
        shutil.copyfile(tmp_path / f"{i}.png", tmp_path / f"copy{i}.png")
        lines.append(f"copy{i}.png,{'cat' if i % 2 else 'dog'},")
    (tmp_path / "a.csv").write_text("\n".join(lines))
    prepared = prepare([tmp_path / "a.csv"], output, preprocessing=SETTINGS, test_split=0.9)
    assert not any(duplicates.leak for duplicates in prepared.duplicates)
    assert prepared.counts == {"train": (5, 4), "test": (2, 3)}

"""catclf prepare: what it counts, what it left out or found twice, and its exit codes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import catclf
from catclf.cli import prepare as module
from catclf.cli.output import error_text
from catclf.operations.preparation import Prepared
from command_line import invoke, results
from corpus.course_hdf5 import COURSE


@pytest.fixture
def pets(small_pictures: Path, tmp_path: Path) -> Path:
    """Copy the 12 cats and 12 others, to be spoiled."""
    return shutil.copytree(small_pictures, tmp_path / "pets")


def prepare(*words: str | Path, output: Path, exit_code: int = 0) -> tuple[str, str]:
    """Return stdout and stderr of a preparing that writes its output."""
    result = invoke("prepare", *words, "-o", output, "--size", "8")
    assert result.exit_code == exit_code, result.output
    return result.stdout, result.stderr


def test_prepare_in_words(pets: Path, tmp_path: Path) -> None:
    """A line for the file, and a table of each label's class and counts in both splits."""
    output = tmp_path / "d.npz"
    (pets / "noncat").rename(pets / "not-a-cat-at-all")
    shown, told = prepare(pets, "--test-split", "0.25", output=output)
    assert shown == (
        f"{output}: 24 pictures of 8x8 pixels, n_x = 192\n"
        "label  class               train     test\n"
        "    0  not-a-cat-at-all        9        3\n"
        "    1  cat                     9        3\n"
    )
    assert told == ""
    with catclf.open_dataset(output) as dataset:
        assert (dataset.train.m, dataset.test.m) == (18, 6)


def test_what_is_left_out_or_skipped_is_named(pets: Path, tmp_path: Path) -> None:
    """Unreadable pictures are counted among the results; each, and what is skipped, is a note.

    The dataset is written from the others, and the exit code is 1, for them and not for the rest.
    """
    (pets / "cat" / "00.png").write_bytes(b"no picture")
    (pets / "noncat" / "05.png").write_bytes(b"")
    (pets / "cat" / "notes.txt").touch()
    shown, told = prepare(pets, output=tmp_path / "d.npz", exit_code=1)
    with catclf.open_dataset(tmp_path / "d.npz") as dataset:
        assert dataset.train.m + dataset.test.m == 22
    assert "d.npz: 22 pictures of 8x8 pixels" in shown
    assert shown.splitlines()[-1] == "left out, since they cannot be read: 2"
    lines = told.splitlines()
    assert lines[0] == f"Skipped, not named as pictures: 1 ({pets / 'cat' / 'notes.txt'})"
    assert lines[1].startswith(f"Left out: {pets / 'cat' / '00.png'}: ")
    assert lines[2].startswith(f"Left out: {pets / 'noncat' / '05.png'}: ")
    assert len(lines) == 3


def test_a_train_split_alone_is_a_warning_with_the_flag(pets: Path, tmp_path: Path) -> None:
    """What becomes the test split, in percent, unless nothing does."""
    lines = [f"{file},{file.parent.name},train" for file in sorted(pets.rglob("*.png"))]
    (tmp_path / "a.csv").write_text("\n".join(["file,label,split", *lines]))
    warning = (
        "Warning: the sources name no test split\n"
        "25 % of each class of their train split become one (--test-split).\n"
    )
    for share, told in (("0.25", warning), ("0", "")):
        _, notes = prepare(tmp_path / "a.csv", "--test-split", share, output=tmp_path / "d.npz")
        assert notes == told


def test_a_file_given_twice_is_a_warning(pets: Path, tmp_path: Path) -> None:
    """And a file under both labels is a note of the contradiction as well, and counted."""
    cat = pets / "cat" / "00.png"
    (tmp_path / "a.csv").write_text(f"file,label\n{cat},noncat\n")
    shown, told = prepare(pets, pets, tmp_path / "a.csv", output=tmp_path / "d.npz")
    assert "d.npz: 25 pictures" in shown
    assert shown.splitlines()[-1] == "under both labels: 1 different pictures"
    lines = told.splitlines()
    assert lines[0].startswith("Warning: given more than once, used once: 23 pictures (")
    assert lines[1] == (
        "Warning: given more than once, under different classes or splits, used under each: "
        f"1 pictures ({cat})"
    )
    assert lines[2] == f"Under both labels: {cat}, {cat} are the same picture"
    assert len(lines) == 3


def test_duplicates_under_both_labels_are_counted_and_named(pets: Path, tmp_path: Path) -> None:
    """A picture that is a cat and no cat is one different picture, and a note of two names."""
    cat, other = pets / "cat" / "00.png", pets / "noncat" / "duplicate.png"
    shutil.copy(cat, other)
    shown, told = prepare(pets, output=tmp_path / "d.npz")
    assert shown.splitlines()[-1] == "under both labels: 1 different pictures"
    assert told == f"Under both labels: {cat}, {other} are the same picture\n"


def test_duplicates_in_both_splits_are_counted_and_named(pets: Path, tmp_path: Path) -> None:
    """Where the source's own splits share a picture, accuracy on the test split flatters."""
    source = tmp_path / "source"
    for split in ("train", "test"):
        shutil.copytree(pets, source / split)
        for kind in ("cat", "noncat"):
            for number in range(12):
                if (number < 3) != (split == "test"):
                    (source / split / kind / f"{number:02}.png").unlink()
    leaked = source / "test" / "cat" / "leaked.png"
    shutil.copy(source / "train" / "cat" / "07.png", leaked)
    shown, told = prepare(source, output=tmp_path / "d.npz")
    assert shown.splitlines()[-1] == "test pictures that are in the train split too: 1"
    assert told.startswith("In both splits: ")
    assert str(leaked) in told
    assert len(told.splitlines()) == 1


def test_flags_are_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reaches the library, and so do the defaults."""
    asked: list[Any] = []
    counts = {"train": (1, 2), "test": (3, 4)}

    def watched(sources: Any, output: str, **settings: Any) -> Prepared:
        settings.pop("observer")
        asked.append((sources, output, settings))
        return Prepared(output, ("dog", "cat"), counts, [], [], [])

    monkeypatch.setattr(module, "prepare", watched)
    words = "--size 9 --fit pad --features hog-color --positive cat --test-split 0 --seed 3"
    shown = results("prepare", "a", "b", "-o", "c", *words.split(), "--strict", "--workers", "2")
    assert shown.splitlines()[0] == "c: 10 pictures of 9x9 pixels, hog-color, n_x = 5576"
    results("prepare", "a", "--force")
    usual = {"positive": None, "test_split": 0.2, "seed": 0, "workers": None, "strict": False}
    given = {"positive": "cat", "test_split": 0, "seed": 3, "workers": 2, "strict": True}
    hog = catclf.Preprocessing(size=9, fit="pad", features="hog-color")
    assert asked == [
        (("a", "b"), "c", {**given, "preprocessing": hog, "force": False}),
        (
            ("a",),
            "data/dataset.npz",
            {**usual, "preprocessing": catclf.Preprocessing(), "force": True},
        ),
    ]


def test_an_error_names_the_flag(pets: Path, tmp_path: Path) -> None:
    """Of three classes one is to be named; with it, the other two are one."""
    shutil.copytree(pets / "noncat", pets / "dog")
    output = tmp_path / "d.npz"
    refused = invoke("prepare", pets, "-o", output)
    assert isinstance(refused.exception, catclf.DatasetError)
    assert "3 classes: 'cat', 'dog', 'noncat'" in refused.exception.what
    assert "--positive" in error_text(refused.exception)
    assert (refused.stdout, output.exists()) == ("", False)
    shown, _ = prepare(pets, "--positive", "cat", "--test-split", "0", output=output)
    assert shown.splitlines()[2:] == [
        "    0  non-cat       24        0",
        "    1  cat           12        0",
    ]


def test_a_file_that_is_stored_otherwise_is_told_how_to_write_it(tmp_path: Path) -> None:
    """Of the course's layout; tests/sources/test_course_hdf5.py has every kind."""
    COURSE["lzf"](tmp_path / "a.h5")
    refused = invoke("prepare", tmp_path / "a.h5", "-o", tmp_path / "d.npz")
    assert str(refused.exception) == (
        f"{tmp_path / 'a.h5'}:train_set_x: is stored in a way that is not read here\n"
        "Write it again: create_dataset(name, data=...) of h5py, strings with dtype='S'."
    )

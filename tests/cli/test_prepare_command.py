"""catclf prepare: what it counts, what it left out or found twice, and its exit codes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import catclf
from catclf.cli import prepare as module
from catclf.cli.output import error_text
from catclf.errors import PictureError
from catclf.operations.preparation import Prepared
from catclf.splits import Duplicates
from command_line import invoke, results
from corpus.course_hdf5 import COURSE


@pytest.fixture
def pets(small_pictures: Path, tmp_path: Path) -> Path:
    """Copy the 12 cats and 12 others, to be spoiled."""
    return shutil.copytree(small_pictures, tmp_path / "pets")


def test_prepare_in_words(pets: Path, tmp_path: Path) -> None:
    """A line for the file, and a table of each label's class and counts in both splits."""
    output = tmp_path / "d.npz"
    (pets / "noncat").rename(pets / "not-a-cat-at-all")
    words = ["prepare", pets, "-o", output, "--size", "8", "--test-split", "0.25"]
    result = invoke(*words)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"{output}: 24 pictures of 8x8 pixels, n_x = 192\n"
        "label  class               train     test\n"
        "    0  not-a-cat-at-all        9        3\n"
        "    1  cat                     9        3\n"
    )


def test_what_is_left_out_or_skipped_is_named(pets: Path, tmp_path: Path) -> None:
    """Unreadable pictures are counted among the results; each, and what is skipped, is a note.

    The dataset is written from the others, and the exit code is 1, for them and not for the rest.
    """
    (pets / "cat" / "00.png").write_bytes(b"no picture")
    (pets / "noncat" / "05.png").write_bytes(b"")
    (pets / "cat" / "notes.txt").touch()
    result = invoke("prepare", pets, pets, "-o", tmp_path / "d.npz", "--size", "8")
    assert result.exit_code == 1
    assert "d.npz: 22 pictures of 8x8 pixels" in result.stdout
    assert result.stdout.splitlines()[-1] == "left out, since they cannot be read: 2"
    given, skipped, *left_out = result.stderr.splitlines()
    assert given.startswith("Warning: given more than once, used once: 24 pictures (")
    assert skipped == f"Skipped, not named as pictures: 1 ({pets / 'cat' / 'notes.txt'})"
    names = [f"Left out: {pets / name}: " for name in ("cat/00.png", "noncat/05.png")]
    assert [line.startswith(name) for line, name in zip(left_out, names, strict=True)] == [True] * 2


def shown(monkeypatch: pytest.MonkeyPatch, prepared: Prepared, *words: str) -> Result:
    """Run the command where the library returns this."""
    monkeypatch.setattr(module, "prepare", lambda sources, output, **settings: prepared)
    return invoke("prepare", "a", *words)


def test_what_was_found_twice_is_counted_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture in both splits flatters; under both labels it is one that contradicts itself."""
    duplicates = [
        Duplicates(("a.png", "b\n.png", "c.png"), ("train", "test", "test"), (1, 1, 1)),
        Duplicates(("d.png", "e.png"), ("train", "train"), (1, 0)),
        Duplicates(("f.png", "g.png"), ("train", "train"), (1, 1)),
    ]
    counts = {"train": (3, 4), "test": (2, 0)}
    prepared = Prepared("d.npz", ("dog", "cat"), counts, [], [], duplicates)
    result = shown(monkeypatch, prepared)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == [
        "test pictures that are in the train split too: 2",
        "under both labels: 1 different pictures",
    ]
    assert result.stderr == (
        "In both splits: a.png, b\\n.png, c.png are the same picture\n"
        "Under both labels: d.png, e.png are the same picture\n"
    )
    bad = [PictureError("truncated", "x\n.png")]
    quiet = shown(monkeypatch, Prepared("d.npz", ("a", "b"), counts, bad, [], duplicates), "-q")
    assert (quiet.exit_code, quiet.stderr) == (1, "")


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
    text = results("prepare", "a", "b", "-o", "c", *words.split(), "--strict", "--workers", "2")
    assert text.splitlines()[0] == "c: 10 pictures of 9x9 pixels, hog-color, n_x = 5576"
    results("prepare", "a", "--force")
    usual = {"positive": None, "test_split": 0.2, "seed": 0, "workers": None, "strict": False}
    given = {"positive": "cat", "test_split": 0, "seed": 3, "workers": 2, "strict": True}
    hog = catclf.Preprocessing(size=9, fit="pad", features="hog-color")
    pixels = catclf.Preprocessing()
    assert asked == [
        (("a", "b"), "c", {**given, "preprocessing": hog, "force": False}),
        (("a",), "data/dataset.npz", {**usual, "preprocessing": pixels, "force": True}),
    ]


def test_an_error_names_the_flag(pets: Path, tmp_path: Path) -> None:
    """Of three classes one is to be named."""
    shutil.copytree(pets / "noncat", pets / "dog")
    refused = invoke("prepare", pets, "-o", tmp_path / "d.npz")
    assert isinstance(refused.exception, catclf.DatasetError)
    assert "3 classes: 'cat', 'dog', 'noncat'" in refused.exception.what
    assert "--positive" in error_text(refused.exception)
    assert refused.stdout == ""


def test_a_file_that_is_stored_otherwise_is_told_how_to_write_it(tmp_path: Path) -> None:
    """Of the course's layout; tests/sources/test_course_hdf5.py has every kind."""
    COURSE["lzf"](tmp_path / "a.h5")
    refused = invoke("prepare", tmp_path / "a.h5", "-o", tmp_path / "d.npz")
    assert str(refused.exception) == (
        f"{tmp_path / 'a.h5'}:train_set_x: is stored in a way that is not read here\n"
        "Write it again: create_dataset(name, data=...) of h5py, strings with dtype='S'."
    )

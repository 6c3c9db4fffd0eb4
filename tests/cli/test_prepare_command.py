"""catclf prepare: its options; transcript.md has what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import catclf
from catclf.cli import prepare as module
from catclf.operations.preparation import Prepared
from command_line import invoke, results
from corpus.course_hdf5 import COURSE
from scenes import save_copy, scene


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


def test_a_file_that_is_stored_otherwise_is_told_how_to_write_it(tmp_path: Path) -> None:
    """Of the course's layout; tests/sources/test_course_hdf5.py has every kind."""
    COURSE["lzf"](tmp_path / "a.h5")
    refused = invoke("prepare", tmp_path / "a.h5", "-o", tmp_path / "d.npz")
    assert str(refused.exception) == (
        f"{tmp_path / 'a.h5'}:train_set_x: is stored in a way that is not read here\n"
        "Write it again: create_dataset(name, data=...) of h5py, strings with dtype='S'."
    )


def test_near_copies_are_named_as_what_they_are(tmp_path: Path) -> None:
    """In both splits and under both labels like identical pictures; else counted, with the first.

    Where there are none, nothing is said of them.
    """
    pets = tmp_path / "pets"
    for i, split in enumerate(("train", "train", "test", "test")):
        label = ("cat", "dog")[i % 2]
        save_copy(scene(i), "half size", pets / split / label / f"{i}.jpg")
    words = ("prepare", pets, "-o", tmp_path / "d.npz", "--size", "32")
    assert invoke(*words).stderr == ""
    save_copy(scene(0), "mirrored", pets / "test/dog/mirrored.jpg")
    save_copy(scene(1), "brighter", pets / "train/dog/brighter.jpg")
    told = invoke(*words)
    assert told.stderr.replace(f"{pets}/", "").splitlines() == [
        "In both splits: test/dog/mirrored.jpg, train/cat/0.jpg are nearly the same picture",
        "Under both labels: test/dog/mirrored.jpg, train/cat/0.jpg are nearly the same picture",
        "Kept in one split: 2 pictures nearly the same as another, "
        "first train/dog/1.jpg, train/dog/brighter.jpg",
    ]
    assert "test pictures that are in the train split too: 1\nunder both labels: 1" in told.stdout
    assert invoke(*words, "--quiet").stderr == ""

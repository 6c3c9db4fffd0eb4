"""catclf prepare: its options; transcript.md has what it prints."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import catclf
from catclf.cli import prepare as module
from catclf.files import FileKind, file_kind
from catclf.operations.preparation import Prepared
from command_line import invoke, results
from corpus.course_hdf5 import COURSE
from scenes import save_copy, scene


def test_flags_are_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reaches the library, and so do the defaults."""
    asked: list[Any] = []
    counts: dict[str, tuple[int, ...]] = {"train": (1, 2), "test": (3, 4)}

    def watched(sources: Any, output: str, **settings: Any) -> Prepared:
        settings.pop("observer")
        asked.append((sources, output, settings))
        return Prepared(output, ("dog", "cat"), counts, {}, [], [], [], [])

    monkeypatch.setattr(module, "prepare", watched)
    words = "--size 9 --fit pad --features hog-color --positive cat --test-split 0 --seed 3"
    words += " --strict --workers 2 --label-from name --skipped s.csv"
    text = results("prepare", "a", "b", "-o", "c", *words.split())
    assert text.splitlines()[0] == "c: 10 pictures of 9x9 pixels, hog-color, n_x = 5576"
    results("prepare", "a", "--force")
    usual: dict[str, Any] = {
        "positive": None,
        "test_split": 0.2,
        "seed": 0,
        "workers": None,
        "strict": False,
    }
    usual |= {"label_from": "layout", "skipped": None, "client": None}
    given: dict[str, Any] = {
        "positive": "cat",
        "test_split": 0,
        "seed": 3,
        "workers": 2,
        "strict": True,
    }
    given |= {"label_from": "name", "skipped": "s.csv", "client": None}
    hog = catclf.Preprocessing(size=9, fit="pad", features="hog-color")
    pixels = catclf.Preprocessing()
    assert asked == [
        (("a", "b"), "c", {**given, "preprocessing": hog, "force": False}),
        (("a",), "data/dataset.npz", {**usual, "preprocessing": pixels, "force": True}),
    ]


def test_a_file_that_is_stored_otherwise_is_told_how_to_write_it(tmp_path: Path) -> None:
    """Of the course's layout; tests/sources/test_hdf5.py has every kind."""
    COURSE["lzf"](tmp_path / "a.h5")
    refused = invoke("prepare", tmp_path / "a.h5", "-o", tmp_path / "d.npz")
    assert str(refused.exception) == (
        f"{tmp_path / 'a.h5'}:train_set_x: is stored in a way that catclf does not read\n"
        "Write it again with h5py's create_dataset(name, data=...), strings with dtype='S'."
    )


@pytest.fixture
def messy(small_pictures: Path, tmp_path: Path) -> Path:
    """Copy the small pictures, with 30 empty files, two cut ones, texts and a picture astray."""
    folder = tmp_path / "messy"
    shutil.copytree(small_pictures, folder)
    name = next(path.name for path in folder.iterdir() if path.name != "cat")
    for number in range(30):
        (folder / "cat" / f"empty{number:02}.jpg").touch()
    whole = (folder / "cat" / "00.png").read_bytes()
    for number in range(2):
        (folder / name / f"cut{number}.png").write_bytes(whole[:70])
        (folder / f"notes{number}.txt").write_text("notes")
    (folder / "astray.png").write_bytes(whole)
    return folder


def test_many_alike_are_one_line_with_a_count_and_three_examples(messy: Path) -> None:
    """What cannot be read, by its fault; what is skipped, by what it is."""
    done = invoke("prepare", messy, "-o", messy.parent / "d.npz")
    assert done.exit_code == 3
    cat = messy / "cat"
    cut = messy / ("noncat" if (messy / "noncat").exists() else "dog")
    assert done.stderr.splitlines() == [
        f"Skipped: 1 picture outside the class folders ({messy / 'astray.png'})",
        f"Skipped: 2 text files ({messy / 'notes0.txt'}, {messy / 'notes1.txt'})",
        f"Left out: 30 pictures, empty file ({cat / 'empty00.jpg'}, {cat / 'empty01.jpg'}, "
        f"{cat / 'empty02.jpg'} and 27 more)",
        "Left out: 2 pictures, not a readable picture (truncated) "
        f"({cut / 'cut0.png'}, {cut / 'cut1.png'})",
    ]
    assert "pictures left out, since they cannot be read: 32" in done.stdout


def test_skipped_writes_all_of_them_and_json_has_them(messy: Path) -> None:
    """A CSV file of file and reason, which only its kind replaces; JSON has everything."""
    skipped, output = messy.parent / "s.csv", messy.parent / "d.npz"
    words = ("prepare", messy, "-o", output, "--skipped", skipped, "--format", "json")
    done = invoke(*words)
    with open(skipped, newline="") as file:
        rows = [(row["file"], row["reason"]) for row in csv.DictReader(file)]
    assert len(rows) == 35
    assert (str(messy / "cat" / "empty29.jpg"), "empty file") in rows
    assert (str(messy / "notes1.txt"), "text file") in rows
    assert file_kind(skipped) is FileKind.SKIPPED
    record = json.loads(done.stdout)
    both = [
        (each["file"], each["reason"]) for key in ("unreadable", "skipped") for each in record[key]
    ]
    assert both == rows
    assert record["dataset"] == str(output)
    assert sum(sum(counts.values()) for counts in record["counts"].values()) == sum(
        1 for path in messy.glob("*/[0-9]*.png")
    )
    assert invoke(*words).exit_code == 3  # written again
    skipped.write_text("mine\n")
    refused = invoke(*words)
    assert "is not a CSV file of what catclf prepare left out" in str(refused.exception)
    assert skipped.read_text() == "mine\n"
    same = invoke(
        "prepare", messy, "-o", messy.parent / "e.npz", "--skipped", messy.parent / "e.npz"
    )
    assert "is the dataset too" in str(same.exception)


def test_positive_says_what_the_rest_is(small_pictures: Path, tmp_path: Path) -> None:
    """The classes that are swept together, with their counts."""
    for name in ("bird", "dog", "fish"):
        shutil.copytree(small_pictures / "cat", tmp_path / "pets" / name)
    words = ("prepare", tmp_path / "pets", "-o", tmp_path / "d.npz", "--positive", "dog")
    pictures = len([*(tmp_path / "pets" / "dog").iterdir()])
    text = results(*words)
    assert f"non-dog: bird ({pictures}), fish ({pictures})" in text.splitlines()
    assert json.loads(results(*words, "--format", "json"))["others"] == {
        "bird": pictures,
        "fish": pictures,
    }


def test_more_than_twenty_classes_are_shown_by_size(tmp_path: Path) -> None:
    """The ten largest and the five smallest, as by info; JSON has all, and no positive."""
    labels = np.repeat(np.arange(21), np.arange(2, 23))
    pictures = np.random.default_rng(0).integers(0, 256, (len(labels), 4, 4, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", X=pictures, y=labels)
    options = ("--size", "4", "--workers", "1", "--test-split", "0.5")
    words = ("prepare", tmp_path / "a.npz", "-o", tmp_path / "d.npz", *options)
    lines = results(*words).splitlines()[1:]
    assert lines[:3] == [
        "21 classes of 2 to 22 pictures",
        "label  class    train     test",
        "   20  20          11       11",
    ]
    assert [line.split()[0] for line in lines[2:12]] == [str(i) for i in range(20, 10, -1)]
    assert lines[12] == "  ...  6 more; --format json names all"
    assert [line.split()[0] for line in lines[13:]] == ["4", "3", "2", "1", "0"]
    told = results("info", tmp_path / "d.npz").splitlines()
    at = told.index(lines[0])
    assert [line.split() for line in told[at : at + 18]] == [line.split() for line in lines]
    record = json.loads(results(*words, "--format", "json"))
    assert record["classes"] == [str(i) for i in range(21)]
    assert list(record["counts"]["train"]) == record["classes"]
    assert "positive" not in record


def test_pictures_under_several_labels_are_told_once(small_pictures: Path, tmp_path: Path) -> None:
    """By their headings, as of two; and the text has no warning of them beside."""
    for name in ("bird", "cat", "dog"):
        shutil.copytree(small_pictures / "cat", tmp_path / "pets" / name)
    done = invoke("prepare", tmp_path / "pets", "-o", tmp_path / "d.npz", "--size", "8")
    told = done.stderr.splitlines()
    assert [line.split(":")[0] for line in told] == ["Under several labels"] * 4
    assert told[3] == "Under several labels: 9 more; --format json names all"
    assert done.stdout.endswith("\npictures with a copy or near-copy under another label: 36\n")


def test_a_class_without_test_pictures_is_told(small_pictures: Path, tmp_path: Path) -> None:
    """Two pictures are too few to hold one out; so it is said before evaluate cannot judge."""
    shutil.copytree(small_pictures / "cat", tmp_path / "pets" / "cat")
    (tmp_path / "pets" / "dog").mkdir()
    for name in ("00.png", "01.png"):
        shutil.copy(small_pictures / "cat" / name, tmp_path / "pets" / "dog" / f"1{name}")
    told = (
        "the test split has no picture of dog, and cannot tell how good a model is\n"
        "Add pictures to the class."
    )
    words = ("prepare", tmp_path / "pets", "-o", tmp_path / "d.npz")
    assert told in invoke(*words).stderr
    assert told not in invoke(*words, "--test-split", "0").stderr


@pytest.mark.parametrize(
    ("source", "fix"),
    [
        ("pets/*.jpg", "No file matches this pattern; if it stands in quotes, remove them."),
        ("~/pets", "Write the path without quotes, or as "),
        ("https://example.org/pets.zip", "Download it, and name the file."),
        ("gone", "Check the path."),
    ],
)
@pytest.mark.parametrize("verb", ["prepare", "train"])
def test_a_path_that_is_none_is_told_what_to_type(verb: str, source: str, fix: str) -> None:
    """A glob in quotes, a home that the shell did not expand, and an address."""
    refused = invoke(verb, source)
    assert str(refused.exception).startswith(f"{source}: no such file\n{fix}") or (
        verb == "train" and fix == "Check the path."
    )


@pytest.mark.parametrize(
    "data", [b"PK\3\4" + bytes(40), b"\x1f\x8b\x08" + bytes(40), b"Rar!\x1a\7\0"]
)
def test_an_archive_is_told_to_be_extracted(tmp_path: Path, data: bytes) -> None:
    """Zip, gzip, RAR and others, whatever the name."""
    (tmp_path / "pets.zip").write_bytes(data + bytes(40))
    refused = invoke("prepare", tmp_path / "pets.zip")
    assert str(refused.exception) == (
        f"{tmp_path / 'pets.zip'}: is an archive, not a source of labeled pictures\n"
        "Extract it, and name the folder."
    )


def test_near_copies_are_named_as_what_they_are(tmp_path: Path) -> None:
    """Under both labels like identical pictures, once; else counted, with the first.

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
    kept = (
        "Kept in one split: 2 pictures with near-copies, "
        "first train/dog/1.jpg, train/dog/brighter.jpg"
    )
    told = invoke(*words)
    assert told.stderr.replace(f"{pets}/", "").splitlines() == [
        "Under both labels: train/cat/0.jpg, test/dog/mirrored.jpg are nearly the same picture",
        kept,
    ]
    assert told.stdout.endswith("\npictures with a copy or near-copy under the other label: 2\n")
    for split in ("train", "test"):  # a second pair, and one in both splits
        save_copy(scene(4), "half size", pets / split / "cat/4.jpg")
        save_copy(
            scene(5), ("mirrored", "brighter")[split == "test"], pets / f"test/dog/{split}.jpg"
        )
    shutil.copy(pets / "train/cat/0.jpg", pets / "test/dog/0.jpg")
    told = invoke(*words)
    assert told.stderr.replace(f"{pets}/", "").splitlines() == [
        "In both splits: train/cat/4.jpg, test/cat/4.jpg are the same picture",
        "In both splits and under both labels: train/cat/0.jpg, test/dog/0.jpg, "
        "test/dog/mirrored.jpg are nearly the same picture",
        kept.replace("2", "4", 1) + "; --format json names all",
    ]
    assert invoke(*words, "--quiet").stderr == ""

"""Where the pictures of a table are: at their paths, or all in one place beside it."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest

from catclf.sources.places import Files, Match
from sources.conftest import touch

MANY = [f"m{i}" for i in range(40)]


def match(folder: Path, *names: str, table: str = "labels.csv") -> Match:
    return Files(str(folder / table)).match(names)


def relative(found: Match, folder: Path) -> list[str]:
    return [os.path.relpath(path, folder).replace(os.sep, "/") for path in found.paths]


@pytest.mark.parametrize(
    ("files", "names", "found", "places"),
    [
        # As they stand; what else is there is of no concern.
        (["1.jpg", "a/2.jpg", "b/2.jpg"], ["1.jpg", "a/2.jpg"], ["1.jpg", "a/2.jpg"], []),
        (["a/1.jpg", "b/2.jpg"], ["a\\1.jpg", "b\\2.jpg"], ["a/1.jpg", "b/2.jpg"], []),
        (["a/1.jpg"], ["./b/../a/1.jpg"], ["a/1.jpg"], []),
        (["1", "1.jpg"], ["1"], ["1"], []),
        # All in one folder, or with one suffix.
        (["images/1.jpg", "images/2.jpg"], ["1.jpg", "2.jpg"], ["images/1.jpg", "images/2.jpg"],
         ["images/"]),
        (["1.JPG", "2.jpg", "1.txt"], ["1", "2"], ["1.JPG", "2.jpg"], []),
        (["x/y/cat/1.png", "x/y/dog/1.png"], ["cat/1", "/dog/1"],
         ["x/y/cat/1.png", "x/y/dog/1.png"], ["x/y/"]),
        (["p/a.b.png", "p/c.png"], ["a.b", "c"], ["p/a.b.png", "p/c.png"], ["p/"]),
        (["cat/1.jpg", "p/cat.jpg", "p/dog.jpg"], ["cat", "dog"], ["p/cat.jpg", "p/dog.jpg"],
         ["p/"]),
        (["p/x/1.jpg"], ["x\\1.jpg"], ["p/x/1.jpg"],
         ["p/"]),
        (["p/1.jpg", "p/2.png", "q/1.png"], ["1", "2"], ["p/1.jpg", "p/2.png"], ["p/"]),
        # In several, but each once.
        (["p1/1.jpg", "p2/2.jpg"], ["1", "2"], ["p1/1.jpg", "p2/2.jpg"], ["p1/", "p2/"]),
        (["p/1.jpg", "p/2.png"], ["1", "2"], ["p/1.jpg", "p/2.png"], ["p/"]),
        # What systems leave behind is not searched.
        (["__MACOSX/p/1.jpg", "p/1.jpg", ".git/1.jpg"], ["1"], ["p/1.jpg"], ["p/"]),
    ],
)  # fmt: skip
def test_pictures_are_found(
    tmp_path: Path, files: list[str], names: list[str], found: list[str], places: list[str]
) -> None:
    """With the folder and the suffix that their names lack, which are told."""
    touch(tmp_path, *files)
    matched = match(tmp_path, *names)
    assert relative(matched, tmp_path) == found
    assert (matched.found, matched.places, matched.rivals) == (len(names), places, [])


def test_names_that_differ_by_case_or_unicodes_form_are_found(tmp_path: Path) -> None:
    """Where one file alone is meant; the exact one goes first."""
    composed, decomposed = "caf\u00e9.jpg", unicodedata.normalize("NFD", "caf\u00e9.jpg")
    touch(tmp_path, f"A/{decomposed}", "A/X.JPG", "b/y.jpg", "b/Y.jpg")
    names = [f"a/{composed}", "A/x.jpg", "B/y.jpg"]
    assert relative(match(tmp_path, *names), tmp_path) == [
        f"A/{decomposed}",
        "A/X.JPG",
        "b/y.jpg",
    ]


def test_missing_ones_stay_missing(tmp_path: Path) -> None:
    """They are expected where the others are, and never taken from elsewhere."""
    touch(tmp_path, *(f"p/{name}.jpg" for name in MANY[1:]), f"old/{MANY[0]}.jpg")
    matched = match(tmp_path, *MANY)
    assert matched.found == len(MANY) - 1
    assert relative(matched, tmp_path) == ["p/m0", *(f"p/{name}.jpg" for name in MANY[1:])]
    touch(tmp_path, MANY[0])
    direct = match(tmp_path, MANY[0], "gone", "gone/too")
    assert (direct.found, direct.places) == (1, [])
    assert relative(direct, tmp_path) == [MANY[0], "gone", "gone/too"]
    touch(tmp_path, "a.jpg", "small/a.jpg", "small/b.jpg")
    assert relative(match(tmp_path, "a.jpg", "b.jpg"), tmp_path) == ["a.jpg", "b.jpg"]


def test_half_of_them_are_enough_in_one_place(tmp_path: Path) -> None:
    """Of a dataset that was fetched in part; a few strays in several are not."""
    touch(tmp_path, *(f"p/{name}.jpg" for name in MANY[:25]))
    assert (match(tmp_path, *MANY).found, match(tmp_path, *MANY).places) == (25, ["p/"])
    assert match(tmp_path, *MANY[20:]).found == 5  # there are no others
    touch(tmp_path, f"q/{MANY[30]}.jpg")
    assert match(tmp_path, *MANY[20:]).found == 0


@pytest.mark.parametrize(
    "before", ["/kaggle/input/pets/", "C:\\Users\\me\\pets\\", "../images/", "/content/drive/"]
)
def test_folders_of_another_machine_are_left_out(tmp_path: Path, before: str) -> None:
    """Where all names begin with them, and nearly all files are there without them."""
    touch(tmp_path, "cat/1.jpg", "dog/1.jpg")
    found = match(tmp_path, f"{before}cat/1.jpg", f"{before}dog/1.jpg")
    assert relative(found, tmp_path) == ["cat/1.jpg", "dog/1.jpg"]
    assert found.places == ["./"]
    assert match(tmp_path, f"{before}cat/1.jpg", f"{before}cat/7.jpg").found == 0


@pytest.mark.parametrize(
    ("files", "rivals"),
    [
        (["images/0.jpg", "images/1.jpg", "masks/0.jpg", "masks/1.jpg"],
         ["images/", "masks/"]),
        (["0.jpg", "0.png", "1.jpg", "1.png"], ["*.jpg", "*.png"]),
        (["cat/0.jpg", "dog/0.jpg", "owl/1.jpg", "bat/1.jpg"],
         ["bat/", "cat/", "dog/", "owl/"]),
    ],
)  # fmt: skip
def test_places_that_hold_them_equally_are_rivals(
    tmp_path: Path, files: list[str], rivals: list[str]
) -> None:
    """None of them is taken."""
    touch(tmp_path, *files)
    assert match(tmp_path, "0", "1") == Match([], 0, rivals=rivals)


def test_a_place_that_holds_nearly_as_many_is_a_rival(tmp_path: Path) -> None:
    """What it lacks may be missing; one that holds a few of them is none."""
    touch(tmp_path, *(f"{folder}/{name}.jpg" for folder in ("a", "b") for name in MANY[1:]))
    touch(tmp_path, f"a/{MANY[0]}.jpg", *(f"c/{name}.jpg" for name in MANY[:10]))
    assert match(tmp_path, *MANY) == Match([], 0, rivals=["a/", "b/"])


def test_the_smaller_of_two_splits_is_a_place_too(tmp_path: Path) -> None:
    """A picture of twenty is no stray there."""
    touch(tmp_path, f"test/{MANY[0]}.jpg", *(f"train/{name}.jpg" for name in MANY[1:]))
    matched = match(tmp_path, *MANY)
    assert (matched.found, matched.places) == (len(MANY), ["test/", "train/"])


def test_the_place_of_the_tables_split_is_taken(tmp_path: Path) -> None:
    """train.csv is of train_images/, although test_images/ has pictures of these numbers."""
    touch(tmp_path, *(f"{split}_images/{i}.jpg" for split in ("train", "test") for i in range(3)))
    names = ("0", "1", "2")
    assert match(tmp_path, *names, table="train.csv").places == ["train_images/"]
    assert match(tmp_path, *names, table="test_labels.csv").places == ["test_images/"]
    assert len(match(tmp_path, *names, table="labels.csv").rivals) == 2


def test_absolute_paths_and_those_from_home_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And those in a folder above."""
    monkeypatch.setenv("USERPROFILE" if sys.platform == "win32" else "HOME", str(tmp_path))
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg", "t/x")
    names = [str(tmp_path / "1.jpg"), "~/2.jpg", "../3.jpg"]
    matched = match(tmp_path / "t", *names)
    assert matched.found == 3
    assert relative(matched, tmp_path) == ["1.jpg", "2.jpg", "3.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_linked_folders_are_searched_and_loops_end(tmp_path: Path) -> None:
    """A folder of pictures may stand on another disk."""
    touch(tmp_path, "disk/1.jpg", "t/x")
    os.symlink("../disk", tmp_path / "t" / "images")
    os.symlink("loop", tmp_path / "t" / "loop")
    assert relative(match(tmp_path / "t", "1"), tmp_path) == ["t/images/1.jpg"]
    os.symlink(".", tmp_path / "t" / "again")
    assert match(tmp_path / "t", "gone").found == 0

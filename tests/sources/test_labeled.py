"""A labeled picture: found when it is read, and the same by whatever path it is named."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from catclf import PictureError, Preprocessing
from catclf.sources.labeled import Labeled
from catclf.sources.names import NamedSplit, used_splits
from sources.conftest import listing, touch


def test_a_picture_that_is_not_there_is_a_picture_error(tmp_path: Path) -> None:
    """Files are only opened when they are read."""
    touch(tmp_path, "1.jpg")
    (tmp_path / "a.csv").write_text("file,label\ngone.jpg,cat\n1.jpg,cat\n")
    picture = listing(tmp_path / "a.csv").pictures[0]
    with pytest.raises(PictureError, match=r"gone\.jpg: no such file"):
        picture.read(Preprocessing())


def test_a_file_is_the_same_by_any_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absolute or not, through a link or not; another file with the same content is another."""
    touch(tmp_path, "a/1.jpg", "a/2.jpg")
    monkeypatch.chdir(tmp_path)
    os.symlink("a", "b")
    os.symlink("../b/1.jpg", "a/link.jpg")
    first = ["a/1.jpg", "./a/../a/1.jpg", str(tmp_path / "a" / "1.jpg"), "b/1.jpg", "b/link.jpg"]

    def identities(paths: list[str]) -> set[str]:
        real_folder = cache(os.path.realpath)
        return {Labeled(path, "cat", None, path).identity(real_folder) for path in paths}

    assert identities(first) == {os.path.realpath("a/1.jpg")}
    assert identities(["a/1.jpg", "a/2.jpg", "b/2.jpg", "a/gone.jpg", "a\0/1.jpg"]) == {
        *map(os.path.realpath, ("a/1.jpg", "a/2.jpg", "a/gone.jpg")),
        "a\0/1.jpg",
    }


@pytest.mark.parametrize(
    ("named", "validation"),
    [
        (["train", "validation"], "test"),
        (["validation"], "test"),
        (["test", "validation"], "test"),
        (["train", "test", "validation"], None),
    ],
)
def test_validation_is_test_unless_train_and_test_are_there(
    named: list[NamedSplit], validation: str | None
) -> None:
    """Train and test are always themselves."""
    used = used_splits(named)
    assert (used["train"], used["test"]) == ("train", "test")
    assert used.get("validation") == validation

"""What stands in a folder: pictures and class folders are found by name, litter is not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from catclf import PictureError
from catclf.observer import Skipped
from catclf.pictures.evidence import evidence_png
from catclf.pictures.folders import Folder, Found, find_pictures, has_picture_suffix
from corpus.places import make_pipe

EVIDENCE = evidence_png(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8)))
LITTER = [".DS_Store", "._cat.jpg", ".hidden", "Thumbs.db", "THUMBS.DB", "desktop.ini"]
LITTER_FOLDERS = [".ipynb_checkpoints", "__MACOSX", "__macosx", "__pycache__", ".git"]


def touch(folder: Path, *names: str) -> None:
    """Make empty files, and the folders they stand in."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_pictures_are_found_at_any_depth_in_sorted_order(tmp_path: Path) -> None:
    """A folder's names are gone through in sorted order, folders among the files."""
    touch(tmp_path, "b.png", "a/z.jpg", "a/b/c.JPEG", "c/a.webp", "B.gif", "a.tif")
    found = find_pictures(str(tmp_path))
    names = [os.path.relpath(path, tmp_path) for path in found.pictures]
    assert names == ["B.gif", "a/b/c.JPEG", "a/z.jpg", "a.tif", "b.png", "c/a.webp"]
    assert (found.skipped, found.closed) == ([], [])


def test_other_files_are_skipped_as_what_they_are(tmp_path: Path) -> None:
    """A visible file that is no picture is named, not silently dropped."""
    files = {
        "a/labels.csv": (b"file,label", "table"),
        "a.XLSX": (b"PK\x03\x04" + bytes(40), "table"),
        "b.txt": (b"", "empty file"),
        "c.json": (b"{}", "text file"),
        "d.mp4": (b"\0\0\0\x20ftypisom", "video"),
        "e.dat": (b"PK\x03\x04" + bytes(40), "archive"),
        "f.gz": (b"\x1f\x8b\x08", "archive"),
        "g": (b"\x93NUMPY\1\0", "array file"),
        "h": (b"%PDF-1.4", "document"),
        "i.bin": (b"\0\1\2\3", "other file"),
        "j.png.evidence.png": (EVIDENCE, "file that catclf wrote"),
    }
    touch(tmp_path, "a/cat.jpg")
    (tmp_path / "k.evidence.png").write_bytes(b"\x89PNG\r\n\x1a\n a photograph")
    for name, (head, _) in files.items():
        (tmp_path / name).write_bytes(head)
    kinds = {name: kind for name, (_, kind) in files.items()}
    found = find_pictures(str(tmp_path))
    assert found.pictures == [str(tmp_path / "a/cat.jpg"), str(tmp_path / "k.evidence.png")]
    assert {os.path.relpath(each.path, tmp_path): each.kind for each in found.skipped} == kinds


@pytest.mark.parametrize(
    "name", ["cat", "cat.jpg_large", "cat.jpg?w=640", "cat.dat", "cat.txt", "Dr. Cat"]
)
@pytest.mark.parametrize(
    "head", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\0\0\0\x18ftypheic", b"8BPS"]
)
def test_a_picture_is_known_by_its_first_bytes(tmp_path: Path, name: str, head: bytes) -> None:
    """Whatever its name; and what has a picture's name is meant as one, whatever its bytes."""
    (tmp_path / name).write_bytes(head)
    (tmp_path / "empty.jpg").touch()
    found = find_pictures(str(tmp_path))
    assert sorted(found.pictures) == sorted(str(tmp_path / each) for each in (name, "empty.jpg"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """It is no picture, and nobody may ever write to it."""
    make_pipe(tmp_path / "pipe")
    assert find_pictures(str(tmp_path)).skipped == [
        Skipped(str(tmp_path / "pipe"), "unreadable file")
    ]


def test_litter_is_no_picture_and_not_worth_a_word(tmp_path: Path) -> None:
    """Hidden files and what systems leave behind are neither found nor skipped."""
    touch(tmp_path, "cat.jpg", *LITTER, *(f"{folder}/dog.jpg" for folder in LITTER_FOLDERS))
    assert find_pictures(str(tmp_path)) == Found([str(tmp_path / "cat.jpg")])


def test_litter_is_no_subfolder(tmp_path: Path) -> None:
    """Subfolders are the visible ones, linked ones too, sorted."""
    touch(tmp_path, "dog/1.jpg", "cat/1.jpg", "file", *(f"{name}/1.jpg" for name in LITTER_FOLDERS))
    (tmp_path / "bird").symlink_to(tmp_path / "cat")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nowhere")
    assert [each.name for each in Folder(str(tmp_path)).folders] == ["bird", "cat", "dog"]


@pytest.mark.parametrize("name", ["cat.jpg", "CAT.JPEG", "a/b.c/cat.Png", "cat.heic", "cat.NEF"])
def test_pictures_are_told_by_their_suffix(name: str) -> None:
    """What follows the last dot, of whatever case; of formats that are not read too."""
    assert has_picture_suffix(name)
    for other in (f"{name}.part", f"{name}.txt", name.replace(".", ""), f".{name[-3:]}"):
        assert not has_picture_suffix(other)


def test_a_folder_that_links_to_itself_is_entered_once(tmp_path: Path) -> None:
    """A search ends, although a link leads back up."""
    touch(tmp_path, "a/cat.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "here").symlink_to(".")
    assert find_pictures(str(tmp_path)).pictures == [str(tmp_path / "a/cat.jpg")]


def test_a_ladder_of_links_is_not_climbed_in_every_way(tmp_path: Path) -> None:
    """40 folders that each link twice to the next are 40 folders, not 2 to the 40th."""
    for step in range(40):
        folder = tmp_path / str(step)
        folder.mkdir()
        (folder / "left").symlink_to(tmp_path / str(step + 1))
        (folder / "right").symlink_to(tmp_path / str(step + 1))
    touch(tmp_path, "40/cat.jpg")
    assert len(find_pictures(str(tmp_path / "0")).pictures) == 1


def test_linked_folders_are_entered(tmp_path: Path) -> None:
    """Pictures kept elsewhere and linked to are found, under the link's name."""
    touch(tmp_path, "store/cat.jpg")
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "linked").symlink_to(tmp_path / "store")
    assert find_pictures(str(tmp_path / "class")).pictures == [
        str(tmp_path / "class/linked/cat.jpg")
    ]


def test_what_cannot_be_read_as_a_picture_is_found_by_its_name(tmp_path: Path) -> None:
    """A link to nothing, and a folder, which is not entered: reading it will say so."""
    (tmp_path / "bird.jpg").symlink_to("nowhere")
    (tmp_path / "dog.jpg").symlink_to("dog.jpg")
    touch(tmp_path, "cat.jpg/inside.jpg")
    found = [str(tmp_path / f"{name}.jpg") for name in ("bird", "cat", "dog")]
    assert find_pictures(str(tmp_path)) == Found(found)


def test_folders_may_lie_deep(tmp_path: Path) -> None:
    """Depth is bounded by the system's paths, not by recursion."""
    folders = [f"{tmp_path}{'/d' * depth}" for depth in range(1, 1101)]
    for folder in folders:
        os.mkdir(folder)
    picture = f"{folders[-1]}/cat.jpg"
    Path(picture).touch()
    assert find_pictures(str(tmp_path)) == Found([picture])
    os.unlink(picture)
    for folder in reversed(folders):  # pytest's own cleaning recurses
        os.rmdir(folder)


def test_a_folder_that_may_not_be_opened_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an error that names it; the rest is found."""
    touch(tmp_path, "a/cat.jpg", "locked/cat.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_pictures(str(tmp_path))
    assert (found.pictures, found.skipped) == ([str(tmp_path / "a/cat.jpg")], [])
    assert [error.where for error in found.closed] == [str(tmp_path / "locked")]
    assert Folder(str(tmp_path)).has_pictures
    with pytest.raises(PictureError, match="cannot be opened"):  # perhaps it holds some
        assert Folder(str(tmp_path / "locked")).has_pictures


def test_names_of_any_bytes_are_found(tmp_path: Path) -> None:
    """File names that are no UTF-8, or hold newlines, are names like others."""
    names = [b"new\nline.jpg", b"caf\xe9.jpg", "貓.png".encode()]
    for name in names:
        (tmp_path / os.fsdecode(name)).touch()
    found = {os.fsencode(os.path.basename(path)) for path in find_pictures(str(tmp_path)).pictures}
    assert found == set(names)

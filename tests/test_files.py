"""Input files are opened without waiting, and only where they are regular files."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.errors import CatclfError, DatasetError
from catclf.files import (
    PREPARED,
    Expected,
    FileKind,
    file_kind,
    is_lfs_pointer,
    kind_of_bytes,
    open_regular,
    read_regular,
)
from corpus.good_pictures import good_files


@pytest.fixture(params=["as it is", "without O_NONBLOCK", "with O_BINARY"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what only POSIX has, or add what only Windows has."""
    if request.param == "without O_NONBLOCK":
        for name in ("O_NONBLOCK", "O_NOCTTY"):
            monkeypatch.delattr(os, name, raising=False)
    elif request.param == "with O_BINARY":
        monkeypatch.setattr(os, "O_BINARY", 0, raising=False)


@pytest.mark.usefixtures("system")
def test_a_regular_file_is_read(tmp_path: Path) -> None:
    """Byte for byte, also through a link."""
    data = bytes(range(256)) + b"\r\n\x1a"
    (tmp_path / "file").write_bytes(data)
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with open_regular(tmp_path / name, CatclfError) as file:
            assert file.read() == data
        assert read_regular(tmp_path / name, len(data), CatclfError) == data


@pytest.mark.usefixtures("system")
def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A pipe, whose opening would never end, and a folder, a device, and links to nothing."""
    if sys.platform == "win32":
        pytest.skip("no pipes in folders")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("missing")
    (tmp_path / "loop").symlink_to("loop")
    for name, what in [
        ("folder", "a folder, not a file"),
        ("pipe", "not a regular file (a pipe, socket or device)"),
        (os.devnull, "not a regular file (a pipe, socket or device)"),
        ("missing", "no such file"),
        ("dangling", "a link to a file that is not there"),
        ("loop", "a loop of links"),
        ("a\0b", "not a possible file name"),
    ]:
        with pytest.raises(DatasetError) as caught:
            open_regular(tmp_path / name, DatasetError)
        assert caught.value.what == what


def test_how_to_fix_a_missing_file_is_the_callers_to_say(tmp_path: Path) -> None:
    """A model is trained, a dataset prepared."""
    with pytest.raises(CatclfError, match=r"no such file\nTrain it\."):
        open_regular(tmp_path / "missing", CatclfError, missing="Train it.")


def test_a_file_beyond_the_bound_is_not_read(tmp_path: Path) -> None:
    """However large it is, no more memory is taken."""
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.truncate(2**40)
    with pytest.raises(CatclfError, match="too large: more than 1 MiB"):
        read_regular(path, 2**20, CatclfError)


def test_a_file_is_read_to_the_size_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little a system gives at once, and though the file grows or shrinks meanwhile."""
    path = tmp_path / "file"

    def growing(descriptor: int, size: int, read: Callable[..., bytes] = os.read) -> bytes:
        with open(path, "ab") as file:
            file.write(b"more")
        return read(descriptor, min(size, 3))

    path.write_bytes(b"0123456789")
    with monkeypatch.context() as patched:
        patched.setattr(os, "read", growing)
        assert read_regular(path, 10, CatclfError) == b"0123456789"

    def shrinking(descriptor: int, size: int, read: Callable[..., bytes] = os.read) -> bytes:
        os.truncate(path, 4)
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", shrinking)
    assert read_regular(path, 1000, CatclfError) == b"0123"


def test_lfs_pointers_are_recognized() -> None:
    """A pointer is told by its first line, and nothing else is."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    assert is_lfs_pointer(pointer)
    assert not is_lfs_pointer(b"PK\x03\x04")
    assert not is_lfs_pointer(b"")


HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(40)


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "text")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", FileKind.EMPTY),
        (b"version https://git-lfs.github.com/spec/v1\n", FileKind.LFS_POINTER),
        (HDF5, FileKind.HDF5),
        (HDF5 + b"catclf-dataset", FileKind.DATASET),
        (zipped("w.npy"), FileKind.ARRAYS),
        (zipped("record.npy") + "catclf-model".encode("utf-32-le"), FileKind.MODEL),
        (zipped("a/b.txt"), FileKind.ARCHIVE),
        (zipped("[Content_Types].xml"), FileKind.DOCUMENT),
        (zipped("mimetype"), FileKind.DOCUMENT),
        (b"\x1f\x8b\x08", FileKind.ARCHIVE),
        (b"name".ljust(257, b"\0") + b"ustar", FileKind.ARCHIVE),
        (b"\x93NUMPY\1\0", FileKind.ARRAY),
        (b"%PDF-1.7", FileKind.DOCUMENT),
        (b"\xef\xbb\xbf<html>", FileKind.WEB_PAGE),
        (b"<!doctype html>\n<p>catclf-report</p>", FileKind.WEB_PAGE),
        (b"# mine\r\n\r\n[train]\r\nlr = 1\r\n", FileKind.CONFIG),
        (b"[[1, 2]]\n", FileKind.TEXT),
        (b'{"cells": []}', FileKind.TEXT),
        (b"label,file,split\n", FileKind.LIST),
        (b"file\tlabel\r\n", FileKind.LIST),
        (b"file,label,predicted,positive,probability,loss\n", FileKind.PREDICTIONS),
        (b"files,labels\n", FileKind.TEXT),
        (b"BMI,height\n", FileKind.TEXT),
        ("żółw".encode()[:-1] + b"w", FileKind.TEXT),
        (b"text\xc5", FileKind.TEXT),  # cut within a character
        (b"\n" * 5000, FileKind.TEXT),
        (b"\x80\x04\x95\0\0", FileKind.UNKNOWN),
        (b"\xff\xfet\0e\0", FileKind.UNKNOWN),
    ],
)
def test_a_kind_is_known_by_the_first_bytes(data: bytes, kind: FileKind) -> None:
    """Whatever the file is called."""
    assert kind_of_bytes(data) is kind


@pytest.mark.parametrize("name", good_files())
def test_every_picture_is_one(name: str) -> None:
    """Those of all formats that are read."""
    assert kind_of_bytes(good_files()[name]) is FileKind.PICTURE


def test_what_catclf_writes_is_known(small_dataset: Path, tmp_path: Path) -> None:
    """A dataset, and not another HDF5 file; a folder; and nothing where there is no file."""
    assert file_kind(small_dataset) is FileKind.DATASET
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    assert file_kind(tmp_path / "other.h5") is FileKind.HDF5
    assert file_kind(tmp_path) is FileKind.FOLDER
    with pytest.raises(CatclfError, match="no such file"):
        file_kind(tmp_path / "missing")


@given(st.binary(max_size=300))
def test_any_bytes_have_a_kind(data: bytes) -> None:
    """Without an error, and the message is one line and a fix."""
    error = PREPARED.mismatch(kind_of_bytes(data), "x", CatclfError)
    assert "\n" not in error.what
    assert error.fix


def test_a_path_in_a_fix_can_be_typed() -> None:
    """Quoted for the shell, and escaped for the terminal."""
    expected = Expected("a cat", "Name a cat.", {FileKind.TEXT: "Type: catclf {path}"})
    assert expected.fix_of(FileKind.TEXT, "my cat.txt") == "Type: catclf 'my cat.txt'"
    assert "\x1b" not in expected.fix_of(FileKind.TEXT, "\x1b[2J")
    assert expected.fix_of(FileKind.MODEL, "x") == "Name a cat."

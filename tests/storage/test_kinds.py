"""What a file is, by its first bytes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.errors import CatclfError
from catclf.storage.kinds import PREPARED, Expected, FileKind, file_kind, kind_of_bytes
from corpus.good_pictures import good_files

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

"""Input files are opened without waiting, and only where they are regular files."""

from __future__ import annotations

import io
import os
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import catclf
from catclf.errors import CatclfError, DatasetError
from catclf.files import (
    CONFIG_LINE,
    HDF5_SIGNATURE,
    PREPARED,
    Expected,
    FileKind,
    file_kind,
    kind_of_bytes,
    kind_of_other,
    open_regular,
    picture_format,
    read_regular,
    unread_picture,
)
from corpus.good_pictures import good_files

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + bytes(17)  # its signature and its header


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
        ("a\0b", "not a valid file name"),
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


def zipped(record: str, width: str = "utf-8", name: str = "record.npy") -> bytes:
    """Return the beginning of an .npz whose first member is a record, or has another name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, record.encode(width))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", FileKind.OTHER),
        (b"version https://git-lfs.github.com/spec/v1\n", FileKind.OTHER),
        (HDF5_SIGNATURE + bytes(40), FileKind.HDF5),
        (HDF5_SIGNATURE + b"catclf-dataset", FileKind.DATASET),  # of catclf 0.2
        (zipped('{"format": "catclf-dataset", "version": 9}'), FileKind.DATASET),
        (zipped('{"format": "catclf-model", "version": 9}'), FileKind.MODEL),
        (zipped("catclf-model", "utf-32-le"), FileKind.MODEL),  # of catclf 0.2
        (zipped('{"format": "another"}'), FileKind.OTHER),
        (b"\x93NUMPY\1\0v\0{'descr'", FileKind.ARRAYS),
        (zipped("x", name="X_train.npy"), FileKind.ARRAYS),
        (zipped("x", name="w.npy"), FileKind.OTHER),  # a model's
        (b"<!doctype html>\n<p>catclf-report</p>", FileKind.OTHER),
        (b"# mine\r\n\r\n[train]\r\nlr = 1\r\n", FileKind.OTHER),
        (CONFIG_LINE.format(zlib.crc32(b"[train]\n")).encode() + b"[train]\n", FileKind.CONFIG),
        (CONFIG_LINE.format(zlib.crc32(b"[train]\n")).encode() + b"[tune]\n", FileKind.OTHER),
        (b"file,label,predicted,positive,probability,loss\n", FileKind.PREDICTIONS),
        (b"file,label,predicted,positive,probability,loss", FileKind.OTHER),
        (b"label,file,split\n", FileKind.OTHER),
        (b"BMI,height\n", FileKind.OTHER),
        (b"P6 begins a text, too", FileKind.OTHER),
        (b"\x80\x04\x95\0\0", FileKind.PICKLE),
        (PNG + bytes(4) + b"tEXtSoftware\0catclf-evidence", FileKind.EVIDENCE),
        (PNG + bytes(4) + b"tEXtSoftware\0another", FileKind.PICTURE),
        (PNG + bytes(9) + b"tEXtSoftware\0catclf-evidence", FileKind.PICTURE),
    ],
)
def test_a_kind_is_known_by_the_first_bytes(data: bytes, kind: FileKind) -> None:
    """Whatever the file is called; a config is one as tune wrote it, by its checksum."""
    assert kind_of_bytes(data) is kind


@pytest.mark.parametrize("name", good_files())
def test_every_picture_is_one(name: str) -> None:
    """Those of all formats that are read."""
    assert kind_of_bytes(good_files()[name]) is FileKind.PICTURE


def test_what_catclf_writes_is_known(small_dataset: Path, tmp_path: Path) -> None:
    """All six kinds of it, cut short too; a folder; and nothing where there is no file.

    An .npz of w and b is its author's: it is read as a model, and not replaced by one.
    """
    model, report = tmp_path / "m", tmp_path / "r"
    config, predictions = tmp_path / "c", tmp_path / "p"
    catclf.train(small_dataset, model, catclf.Settings(iterations=2))
    catclf.evaluate(small_dataset, model, predictions=predictions)
    catclf.report(small_dataset, model, report)
    catclf.tune(small_dataset, catclf.Search(folds=2, iterations=50), output=config)
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    [drawn] = catclf.predict(tmp_path / "picture.png", model, evidence=tmp_path)
    assert drawn.evidence is not None
    for path, kind in (
        (small_dataset, FileKind.DATASET),
        (model, FileKind.MODEL),
        (predictions, FileKind.PREDICTIONS),
        (report, FileKind.REPORT),
        (config, FileKind.CONFIG),
        (Path(drawn.evidence), FileKind.EVIDENCE),
        (tmp_path, FileKind.FOLDER),
    ):
        assert file_kind(path) is kind
        if path.is_file() and kind is not FileKind.CONFIG:  # which is known by all of it
            (tmp_path / "cut").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            assert file_kind(tmp_path / "cut") is kind
    np.savez(tmp_path / "w.npz", w=np.zeros(192), b=0.0)
    assert file_kind(tmp_path / "w.npz") is FileKind.OTHER
    with pytest.raises(CatclfError, match="no such file"):
        file_kind(tmp_path / "missing")


@given(st.binary(max_size=300))
def test_any_bytes_have_a_kind(data: bytes) -> None:
    """Without an error, and the message is one line and a fix."""
    error = PREPARED.mismatch(data, "x", CatclfError)
    assert "\n" not in error.what
    assert error.fix


@pytest.mark.parametrize(
    ("head", "what", "fix"),
    [
        (b"anything", "is not a dataset that catclf prepared", "Name a dataset"),
        (b"P6 2 2 255\n", "is a picture, not a dataset", "Prepare a folder of class folders"),
        (HDF5_SIGNATURE, "is an HDF5 file, not a dataset", "Prepare it first: catclf prepare x.h5"),
        (
            HDF5_SIGNATURE + b"catclf-dataset",
            "is of an older format",
            "Run 'catclf prepare' again.",
        ),
        (
            b"version https://git-lfs",
            "a Git LFS pointer, not the file itself",
            "Run 'git lfs pull'",
        ),
    ],
)
def test_a_mismatch_says_what_it_is_and_what_to_do(head: bytes, what: str, fix: str) -> None:
    """One rule for all that is read: known kinds are named, others are not guessed at."""
    error = PREPARED.mismatch(head, "x.h5", DatasetError)
    assert isinstance(error, DatasetError)
    assert error.what.startswith(what)
    assert str(error.fix).startswith(fix)


def test_a_path_in_a_fix_can_be_typed() -> None:
    """Quoted for the shell, and escaped for the terminal."""
    expected = Expected("a cat", "Name a cat.", {FileKind.HDF5: "Type: catclf {path}"})
    assert expected.fix_of(FileKind.HDF5, "my cat.h5") == "Type: catclf 'my cat.h5'"
    assert "\x1b" not in expected.fix_of(FileKind.HDF5, "\x1b[2J")
    assert expected.fix_of(FileKind.MODEL, "x") == "Name a cat."


@pytest.mark.parametrize(
    ("head", "read", "unread", "other"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", None, None),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC", None, None),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF", None, None),
        (b"P6 # a comment\n2 2 255\n", "PPM", None, None),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", None, "camera raw picture", None),
        (b"\0\0\0\x0cjP  \r\n\x87\n", None, "JPEG 2000 picture", None),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<SVG>", None, "SVG drawing", None),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", None, None, "video"),
        (b"\x1a\x45\xdf\xa3", None, None, "video"),
        (b"ID3\4", None, None, "sound file"),
        (b"%PDF-1.7", None, None, "document"),
        (b"PK\3\4" + bytes(26) + b"[Content_Types].xml", None, None, "document"),
        (b"PK\3\4" + bytes(26) + b"a.txt", None, None, "archive"),
        (bytes(257) + b"ustar", None, None, "archive"),
        (b"\n<!DOCTYPE html><title>404", None, None, "web page"),
        (b"BMI;height\n", None, None, "text file"),
        ("P6 ist ein Käfer\n".encode("latin-1"), None, None, "text file"),
        (b"\x7fELF\2", None, None, "program"),
        (b"\x80\2}q\1(U", None, None, "pickle"),
        (b"\x80\6\x95\0", None, None, None),
        (b"", None, None, None),
    ],
)  # fmt: skip
def test_what_is_no_dataset_is_known_too(
    head: bytes, read: str | None, unread: str | None, other: str | None
) -> None:
    """Pictures that are read, those that are not, and what nobody meant as a picture."""
    assert picture_format(head) == read
    assert unread_picture(head) == unread
    if read is None and unread is None:
        assert kind_of_other(head) == other

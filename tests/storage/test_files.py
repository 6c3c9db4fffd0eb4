"""Input files are opened without waiting, and only where they are regular files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from catclf.errors import CatclfError, DatasetError
from catclf.storage.files import is_lfs_pointer, open_regular, read_regular


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

"""Rows that are checked when they are first read: what was written is read, or it is refused."""

from __future__ import annotations

import math
import mmap
import os
import subprocess
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf import DatasetError
from catclf.storage import checked_rows as module
from catclf.storage.checked_rows import CheckedRows, checked_array, checked_rows, write_array
from catclf.storage.hdf5 import open_hdf5

M, N_X = 1000, 48  # four blocks of 256 rows, the last of 232
ROWS = np.random.default_rng(0).integers(0, 256, (M, N_X), np.uint8)
BLOCKS = -(-M // 256)

# Reads rows of a file that another process cuts, and tells what came of it.
READ_CUT = """
import os, sys
from catclf import DatasetError
from catclf.storage import checked_rows as module
from catclf.storage.hdf5 import open_hdf5
if sys.argv[2] == "hdf5":
    module.available_memory = lambda: 0
with open_hdf5(sys.argv[1]) as file:
    rows = module.checked_rows(file, "rows", "checksums", (1000, 48))
    if sys.argv[3] == "checked":
        rows[:].sum()
    os.truncate(sys.argv[1], 8192)
    try:
        rows[999].sum()
    except DatasetError as error:
        print(error.what)
"""


def write(path: Path, rows: NDArray[np.uint8] = ROWS, run: int = 300, user_block: int = 0) -> None:
    """Write rows in runs, and their checksums."""
    with h5py.File(path, "w", libver="latest", userblock_size=user_block) as file:
        runs = (rows[i : i + run] for i in range(0, len(rows), run))
        for _ in module.write_rows(file, "rows", "checksums", rows.shape, runs):
            pass


def place(path: Path, row: int, name: str = "rows") -> int:
    """Return where a row begins in the file."""
    with h5py.File(path) as file:
        width: int = file[name].dtype.itemsize * math.prod(file[name].shape[1:])
        start: int = file[name].id.get_offset()
        return start + row * width


def change(path: Path, start: int, data: bytes) -> None:
    """Overwrite bytes of a file in place."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


@contextmanager
def opened(path: Path, shape: tuple[int, int] = (M, N_X)) -> Iterator[CheckedRows]:
    with open_hdf5(path) as file:
        yield checked_rows(file, "rows", "checksums", shape)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a file of rows."""
    write(tmp_path / "a.h5")
    return tmp_path / "a.h5"


@pytest.fixture(params=["map", "hdf5"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read rows as a memory map, or, as if memory could not hold them, through HDF5."""
    if request.param == "hdf5":
        monkeypatch.setattr(module, "available_memory", lambda: 2 * ROWS.nbytes - 1)
    way: str = request.param
    return way


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the length of all that a checksum is computed of."""
    lengths: list[int] = []

    def crc32(data: memoryview, value: int = 0) -> int:
        lengths.append(data.nbytes)
        return real(data, value)

    real = zlib.crc32
    monkeypatch.setattr(module.zlib, "crc32", crc32)  # type: ignore[attr-defined]
    return lengths


# ------------------------------------------------------------------------------ round trip


@given(m=st.integers(0, 1100), run=st.integers(1, 700), data=st.data())
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, m: int, run: int, data: st.DataObject
) -> None:
    """In whatever runs rows are written, and in whatever runs they are read, both ways."""
    path = tmp_path_factory.mktemp("rows") / "a.h5"
    rows = np.resize(ROWS, (m, 3))
    write(path, rows, run)
    ends = st.none() | st.integers(-m - 5, m + 5)
    with pytest.MonkeyPatch.context() as patch:
        if data.draw(st.booleans()):
            patch.setattr(module, "available_memory", lambda: 0)
        with opened(path, (m, 3)) as read:
            assert read.shape == (m, 3)
            for _ in range(5):
                part = slice(data.draw(ends), data.draw(ends))
                assert np.array_equal(read[part], rows[part])
            if m:
                at = data.draw(st.integers(-m, m - 1))
                assert np.array_equal(read[at], rows[at])
            assert np.array_equal(read[:], rows)


def test_checksums_are_of_256_rows_each(path: Path) -> None:
    """They are zlib's CRC-32, as anyone can compute them."""
    with h5py.File(path) as file:
        stored = file["checksums"][:]
    assert stored.dtype == np.uint32
    assert stored.tolist() == [zlib.crc32(ROWS[i : i + 256].tobytes()) for i in range(0, M, 256)]


def test_rows_behind_a_user_block_are_found(tmp_path: Path, way: str) -> None:
    """HDF5 counts from the end of a user block, and the map from the beginning of the file."""
    write(tmp_path / "a.h5", user_block=512)
    with opened(tmp_path / "a.h5") as rows:
        assert np.array_equal(rows[:], ROWS)


def test_a_row_that_there_is_not_is_an_index_error(path: Path, way: str) -> None:
    """So that a loop over the rows ends."""
    with opened(path) as rows:
        assert np.array_equal(list(rows), ROWS)  # type: ignore[call-overload]
        for at in (M, -M - 1):
            with pytest.raises(IndexError):
                rows[at]


def test_rows_are_read_in_runs(path: Path, way: str) -> None:
    """A step is an error of the caller's, the same both ways."""
    with opened(path) as rows, pytest.raises(ValueError, match="in runs"):
        rows[::2]


def test_no_rows_have_no_place(tmp_path: Path, way: str) -> None:
    """An array of none is read as one of none."""
    write(tmp_path / "a.h5", ROWS[:0])
    with opened(tmp_path / "a.h5", (0, N_X)) as rows:
        assert rows[:].shape == (0, N_X)
        assert rows[5:9].shape == (0, N_X)
        with pytest.raises(IndexError):
            rows[0]


def test_mapped_rows_are_a_view(path: Path) -> None:
    """They are not copied, cannot be written to, and can be used when the file is closed."""
    with opened(path) as rows:
        block = rows[0:256]
        assert np.shares_memory(block, rows[:])
        with pytest.raises(ValueError, match="read-only"):
            block[0, 0] = 1
    assert np.array_equal(block, ROWS[:256])
    assert np.array_equal(rows[256:], ROWS[256:])


def test_rows_that_memory_does_not_hold_are_not_mapped(path: Path, way: str) -> None:
    """Half of the memory there is may be filled by a map."""
    with opened(path) as rows:
        assert (rows.mapped is None) == (way == "hdf5")


def test_where_the_system_maps_no_file_rows_are_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems do not, and an address space may be full."""

    def refuse(descriptor: int, length: int, **options: Any) -> mmap.mmap:
        if descriptor != -1:
            raise OSError("no device that maps")
        return real(descriptor, length, **options)

    real = mmap.mmap
    monkeypatch.setattr(mmap, "mmap", refuse)
    with opened(path) as rows:
        assert rows.mapped is None
        assert np.array_equal(rows[:], ROWS)


# ---------------------------------------------------------------------------------- damage


@pytest.mark.parametrize("row", [0, 255, 256, 700, 768, M - 1])
def test_a_flipped_bit_is_refused_by_its_block(path: Path, way: str, row: int) -> None:
    """Any read that touches its 256 rows is refused; the others are read."""
    at = place(path, row) + N_X - 1
    change(path, at, bytes([path.read_bytes()[at] ^ 1]))
    bad = row // 256
    for read in (slice(None), row, row - M, slice(row, row + 1), slice(bad * 256, bad * 256 + 1)):
        with (
            opened(path) as rows,
            pytest.raises(DatasetError, match=rf"rows: damaged: rows {bad * 256} to") as caught,
        ):
            rows[read]
        assert caught.value.fix == "Run 'catclf prepare' again."
    with opened(path) as rows:
        for block in range(BLOCKS):
            run = slice(block * 256, block * 256 + 256)
            if block != bad:
                assert np.array_equal(rows[run], ROWS[run])


@pytest.mark.parametrize("value", [0, 255])
def test_a_lost_page_is_refused(path: Path, way: str, value: int) -> None:
    """4096 bytes of zeros, or ones, are not what was written."""
    change(path, place(path, 300), bytes([value]) * 4096)
    with opened(path) as rows:
        assert np.array_equal(rows[:256], ROWS[:256])
        with pytest.raises(DatasetError, match="rows 256 to 511 are not what was written"):
            rows[250:260]


@pytest.mark.parametrize("value", [0, 255])
def test_rows_lost_with_their_checksums_are_refused(path: Path, way: str, value: int) -> None:
    """Erased data do not fit erased checksums."""
    change(path, place(path, 0), bytes([value]) * ROWS.nbytes)
    change(path, place(path, 0, "checksums"), bytes([value]) * 4 * BLOCKS)
    for block in range(BLOCKS):
        with opened(path) as rows, pytest.raises(DatasetError, match="damaged"):
            rows[256 * block]


def test_a_damaged_checksum_refuses_its_block(path: Path, way: str) -> None:
    """Whether the rows or their checksum are damaged, what was written is not known."""
    change(path, place(path, 2, "checksums"), b"\0")
    with opened(path) as rows:
        assert np.array_equal(rows[:512], ROWS[:512])
        with pytest.raises(DatasetError, match="rows 512 to 767"):
            rows[:]


@pytest.mark.parametrize("read", ["unread", "checked"])
def test_a_file_that_is_cut_while_it_is_open_is_refused(path: Path, way: str, read: str) -> None:
    """A page of a map that the file no longer holds would end the process, and HDF5 gives zeros."""
    done = subprocess.run(
        [sys.executable, "-c", READ_CUT, path, way, read],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "damaged: cut short\n"


def test_a_file_that_ends_before_its_rows_is_refused(path: Path, way: str) -> None:
    """Where the file is cut between its opening and the map, or claims what it does not hold."""
    with open_hdf5(path) as file:
        os.truncate(path, ROWS.nbytes)
        with pytest.raises(DatasetError, match="damaged"):
            checked_rows(file, "rows", "checksums", (M, N_X))[:]


def test_a_change_after_the_check_is_not_known(path: Path) -> None:
    """The one thing that cannot be: a map shows what stands in the file now."""
    start = place(path, 5)
    with opened(path) as rows:
        assert np.array_equal(rows[:], ROWS)
        change(path, start, b"\0" * N_X)
        assert not rows[5].any()


# ------------------------------------------------------------------------------ only once


def test_a_block_is_checked_once(path: Path, way: str, checks: list[int]) -> None:
    """However often, and in whatever runs, it is read."""
    with opened(path) as rows:
        assert checks == []
        for part in (slice(10, 20), slice(0, 300), 255, slice(None), slice(990, None), slice(None)):
            assert np.array_equal(rows[part], ROWS[part])
    assert checks == [256 * N_X] * (BLOCKS - 1) + [M % 256 * N_X]


def test_what_is_not_read_is_not_checked(path: Path, way: str, checks: list[int]) -> None:
    """One row costs the check of one block, and no row none."""
    with opened(path) as rows:
        assert rows[300:300].shape == (0, N_X)
        assert checks == []
        assert np.array_equal(rows[-1], ROWS[-1])
    assert checks == [M % 256 * N_X]


def test_checked_rows_are_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through HDF5, what is returned is what was checked, and not a second reading."""
    monkeypatch.setattr(module, "available_memory", lambda: 0)
    with opened(path) as rows:
        reads: list[object] = []

        def read(rows: CheckedRows, part: slice) -> NDArray[np.uint8]:
            reads.append(part)
            return real(rows, part)

        real = CheckedRows._read
        monkeypatch.setattr(CheckedRows, "_read", read)
        rows[300:400]
        rows[10]
        assert reads == [slice(256, 512), slice(0, 256)]
        rows[300:400]
        assert reads[2:] == [slice(300, 400)]


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_what_a_forked_process_checked_is_checked(path: Path, way: str, checks: list[int]) -> None:
    """Workers share the flags with each other and with the process that forked them."""
    if sys.platform == "win32":
        raise NotImplementedError
    with opened(path) as rows:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
            child = os.fork()
        if child == 0:
            right = np.array_equal(rows[:600], ROWS[:600])
            os._exit(0 if right and len(checks) == 3 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert np.array_equal(rows[:], ROWS)
    assert checks == [M % 256 * N_X]


# ----------------------------------------------------------------------- arrays read whole


def test_an_array_that_is_read_whole_is_checked(tmp_path: Path) -> None:
    """By the checksum among its attributes."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        write_array(file, "names", np.array([b"one", b"two"]))
        write_array(file, "none", np.array([], "S1"))
    with open_hdf5(path) as opened_file:
        assert checked_array(opened_file, "names", "S").read().tolist() == [b"one", b"two"]
        assert checked_array(opened_file, "none", "S").read().tolist() == []
        with pytest.raises(DatasetError, match="wrong type"):
            checked_array(opened_file, "names", "u1")
    change(path, place(path, 1, "names"), b"T")
    with (
        open_hdf5(path) as opened_file,
        pytest.raises(DatasetError, match="names: damaged: is not what was written"),
    ):
        checked_array(opened_file, "names", "S").read()

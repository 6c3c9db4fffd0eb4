"""An .npz is read without trusting it: any file gives its arrays, or one error."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf import npz as module
from catclf.errors import DatasetError
from catclf.files import PREPARED
from catclf.npz import Npz, create_npz, open_npz
from corpus.npz import (
    DEFLATED,
    N_X,
    Case,
    Member,
    bad_npz,
    claim,
    npy,
    npz,
    pack,
    written,
    wrongly_met,
)
from corpus.places import bad_places

ROWS = np.random.default_rng(0).integers(0, 256, (600, 48), np.uint8)
ARRAYS: dict[str, NDArray[Any]] = {
    "record": np.array(json.dumps({"format": "test", "classes": ["noncat", "cat"]}).encode()),
    "w": np.linspace(-1, 1, N_X).reshape(N_X, 1),
    "b": np.array(0.25),
}


@contextmanager
def opened(path: Path) -> Iterator[Npz]:
    with open_npz(path, PREPARED, DatasetError, "Make it again.") as archive:
        yield archive


def arrays_of(path: Path) -> dict[str, NDArray[Any]]:
    """Read every array of a file."""
    with opened(path) as archive:
        return {name: archive.array(name) for name in archive.members}


def written_rows(path: Path, rows: NDArray[np.uint8] = ROWS, run: int = 70) -> Path:
    """Write rows, in runs of so many."""
    with create_npz(path, {"format": "test"}) as new:
        runs = (rows[i : i + run] for i in range(0, len(rows), run))
        for _ in new.add_rows("rows", rows.shape, runs):
            pass
    return path


# --------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves_is_read_as_it_was(tmp_path: Path, save: Any) -> None:
    """Any array but of objects, by its name, to the last bit."""
    arrays = {
        **ARRAYS,
        "empty": np.zeros((0, 3)),
        "columns": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        "text": np.array(["cat", "noncat"]),
    }
    path = tmp_path / "arrays.npz"
    save(path, **arrays)
    found = arrays_of(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_npy_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    """In Fortran's order too."""
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    [case] = written(tmp_path, [("a", pack(Member("x.npy", file.getvalue())))])
    np.testing.assert_array_equal(arrays_of(case.path)["x"], array)


def test_members_that_are_no_arrays_are_skipped(tmp_path: Path) -> None:
    """A note, or a folder, beside the arrays does no harm."""
    notes = Member("README", b"my model"), Member("notes/", b"")
    [case] = written(tmp_path, [("a", pack(Member("b.npy", npy(0.5)), *notes))])
    assert list(arrays_of(case.path)) == ["b"]


# Of the corpus: what is wrong with them is for others to tell.
SOUND = {"patched-data", "type-of-many-fields", "w-outside"}


def test_what_is_no_sound_npz_is_refused_in_few_words(tmp_path: Path) -> None:
    """By one error that names the file, before anybody looks at what the arrays hold."""
    good = npz(**ARRAYS)
    file = io.BytesIO()
    np.savez_compressed(file, **ARRAYS)  # type: ignore[arg-type]
    cases = written(tmp_path, bad_npz(good, file.getvalue()))
    assert len({case.name for case in cases}) == len(cases) > 70
    (tmp_path / "places").mkdir()
    cases += [Case(path.name, path) for path in bad_places(tmp_path / "places", ".npz")]
    assert wrongly_met(cases, arrays_of, DatasetError) == dict.fromkeys(SOUND, "accepted")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "Run 'git lfs pull'."),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file, not a dataset that catclf prepared"),
        (b"\x89PNG\r\n\x1a\n", "is a picture, not a dataset"),
        (
            npy(1.0),
            "is a file of NumPy arrays, not a dataset that catclf prepared\nPrepare it first",
        ),
        (npz(**ARRAYS)[:-1], "damaged: cut short\nMake it again."),
        (pack(Member("w.npy", npy(1.0), crc=5)), ":w: damaged: does not match its checksum"),
        (pack(Member("w.npy", npy(1.0), flags=1)), "is encrypted\nSave it without"),
        (pack(Member("w.npy", b"", method=99)), "Save it with np.savez."),
        (pack(Member("w.npy", b""), Member("w.npy", b"")), "holds the same name twice"),
        (pack(Member("w.npy", b"", DEFLATED, size=2**30)), "claims more than 256 MiB"),
        (npz(w=np.array(None)), ":w: holds Python objects: a pickle, which could run any code"),
        (claim("(1000000000000, 1)"), ":w: damaged: does not match its header"),
    ],
    ids=lambda value: value[-20:] if isinstance(value, str) else "",
)
def test_the_message_says_what_is_wrong(tmp_path: Path, data: bytes, said: str) -> None:
    """Who fetched a pointer, or cut a file short, is told just that."""
    [case] = written(tmp_path, [("a", data)])
    with pytest.raises(DatasetError) as caught:
        arrays_of(case.path)
    assert said in str(caught.value)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    """An object array that would make a folder when unpickled makes none."""
    made = tmp_path / "made"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(made),)

    path = tmp_path / "model.npz"
    np.savez(path, w=np.array(Trap(), dtype=object))
    with pytest.raises(DatasetError, match="pickle"):
        arrays_of(path)
    assert not made.exists()


@given(content=st.binary(max_size=300), how=st.sampled_from(["file", "zip", "member"]))
def test_any_bytes_are_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, how: str
) -> None:
    """As a file, as what follows a zip's magic, or as a member."""
    data = {"file": content, "zip": b"PK\x03\x04" + content}.get(how)
    data = pack(Member("w.npy", content)) if data is None else data
    [case] = written(tmp_path_factory.getbasetemp(), [("any", data)])
    with pytest.raises(DatasetError):
        arrays_of(case.path)


# -------------------------------------------------------------------------------- the record


@pytest.mark.parametrize(
    "stored",
    [np.array('{"format": "test", "version": 1}'), np.array(b'{"format": "test", "version": 1}')],
    ids=["as catclf 0.1 wrote it", "UTF-8"],
)
def test_a_record_is_text_in_either_encoding(tmp_path: Path, stored: NDArray[Any]) -> None:
    """UTF-8 as bytes, or UTF-32 as numpy keeps a text."""
    [case] = written(tmp_path, [("a", npz(record=stored))])
    with opened(case.path) as archive:
        assert archive.record("test", 1) == {"format": "test", "version": 1}
        with pytest.raises(DatasetError, match="is not"):
            archive.record("another", 1)
        with pytest.raises(DatasetError, match="has format version 1; this catclf reads 2"):
            archive.record("test", 2)


def test_what_is_no_json_object_is_no_record(tmp_path: Path) -> None:
    """Whatever it is, it is none of ours, or damaged, in few words."""
    records: list[object] = [
        "format: test",
        "",
        "[1, 2]",
        1.0,
        ['{"format": "test"}'],
        {"format": "test"},
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"format": "test"',
        '{"format": "test", "cost": NaN}',
        '{"format": "test", "cost": -Infinity}',
        '{"format": "test", "version": ' + "1" * 5000 + "}",
        '{"format": "another"}',
        '{"format": "test"}',
        b"\xff\xfe",
        np.frombuffer(b"\xff\xff\xff\xff" * 20, "<U20").reshape(()),
    ]

    def read(path: Path) -> None:
        with opened(path) as archive:
            archive.record("test", 1)

    files = ((f"{i}", npz(record=record)) for i, record in enumerate(records))
    assert wrongly_met(written(tmp_path, files), read, DatasetError) == {}


# ------------------------------------------------------------------------------------- rows


def test_rows_stand_where_they_are_said_to(tmp_path: Path) -> None:
    """The file's own bytes from there on are the rows, as np.load reads them too."""
    path = written_rows(tmp_path / "a.npz")
    with opened(path) as archive:
        start = archive.rows("rows", ROWS.shape)
    assert path.read_bytes()[start : start + ROWS.nbytes] == ROWS.tobytes()
    with np.load(path) as arrays:
        assert np.array_equal(arrays["rows"], ROWS)


@pytest.mark.parametrize("m", [0, 1, 255, 256, 257, 600])
@pytest.mark.parametrize("run", [1, 70, 256, 600])
def test_checksums_are_of_256_rows_each(tmp_path: Path, m: int, run: int) -> None:
    """They are zlib's CRC-32, as anyone can compute them, in whatever runs rows are written."""
    stored = arrays_of(written_rows(tmp_path / "a.npz", ROWS[:m], run))["rows_checksums"]
    assert stored.dtype == "<u4"
    assert stored.tolist() == [zlib.crc32(ROWS[i : min(i + 256, m)].data) for i in range(0, m, 256)]


def deflated(array: NDArray[Any]) -> Member:
    data, deflate = npy(array), zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(data) + deflate.flush()
    return Member("rows.npy", packed, DEFLATED, size=len(data), crc=zlib.crc32(data))


@pytest.mark.parametrize(
    "member",
    [
        Member("rows.npy", npy(ROWS[1:])),
        Member("rows.npy", npy(np.asfortranarray(ROWS))),
        Member("rows.npy", npy(ROWS.astype(np.uint16))),
        Member("rows.npy", npy(ROWS) + b"\0"),
        Member("rows.npy", npy(ROWS)[:100]),
        Member("rows.npy", b""),
        Member("columns.npy", npy(ROWS)),
        deflated(ROWS),
    ],
    ids=range(8),
)
def test_rows_that_do_not_stand_as_they_should_are_refused(tmp_path: Path, member: Member) -> None:
    """Of another shape, order or type, too few bytes or too many, compressed, or not there."""
    [case] = written(tmp_path, [("a", pack(member))])
    with opened(case.path) as archive, pytest.raises(DatasetError, match="damaged: "):
        archive.rows("rows", ROWS.shape)


def everything(path: Path) -> NDArray[np.uint8]:
    """Read the rows of a file at once, by position."""
    found = np.empty_like(ROWS)
    with opened(path) as archive:
        archive.read_at(archive.rows("rows", ROWS.shape), found, "rows")
    return found


def test_what_a_system_gives_in_parts_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux reads 2 GiB at most at once."""
    real: Callable[..., int] = module._read_at
    monkeypatch.setattr(module, "_read_at", lambda file, into, at: real(file, into[:1000], at))
    assert np.array_equal(everything(written_rows(tmp_path / "a.npz")), ROWS)


def test_where_only_a_files_own_position_is_read_threads_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, which has no preadv."""
    path = written_rows(tmp_path / "a.npz")
    with opened(path) as archive:
        start = archive.rows("rows", ROWS.shape)

        def row(at: int) -> bool:
            found = np.empty(48, np.uint8)
            archive.read_at(start + 48 * at, found, "rows")
            return np.array_equal(found, ROWS[at])

        with ThreadPoolExecutor(4) as threads:
            monkeypatch.setattr(sys, "platform", "win32")
            right = list(threads.map(row, [*range(600)] * 3))
            monkeypatch.undo()
    assert all(right)


def test_a_disk_that_fails_is_told_from_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system says of it is passed on."""

    def failing(*arguments: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "_read_at", failing)
    with pytest.raises(DatasetError, match=r"cannot be read \(Input/output error\)\nCheck the d"):
        everything(written_rows(tmp_path / "a.npz"))


def test_a_file_that_is_cut_while_it_is_open_is_an_error(tmp_path: Path) -> None:
    """Where a memory map would end the process."""
    path = written_rows(tmp_path / "a.npz")
    with opened(path) as archive:
        start = archive.rows("rows", ROWS.shape)
        os.truncate(path, start + 1000)
        with pytest.raises(DatasetError, match="rows: damaged: cut short"):
            archive.read_at(start, np.empty_like(ROWS), "rows")
        with pytest.raises(DatasetError, match="rows_checksums: damaged"):
            archive.array("rows_checksums")


# --------------------------------------------------------------------------------- writing


def test_the_record_comes_first_and_the_same_data_are_the_same_bytes(tmp_path: Path) -> None:
    """A file is known by its beginning, and no clock and no chance is in it."""
    one, two = (written_rows(tmp_path / f"{name}.npz") for name in "ab")
    assert one.read_bytes() == two.read_bytes()
    assert b'{"format": "test"}' in one.read_bytes()[:300]
    with zipfile.ZipFile(one) as archive:
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}


def test_a_record_that_is_no_json_is_not_written(tmp_path: Path) -> None:
    """What could not be read again is not written, and the old file stays."""
    path = written_rows(tmp_path / "a.npz")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"), create_npz(path, {"cost": float("nan")}):
        pass
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]


def test_an_object_is_not_written(tmp_path: Path) -> None:
    """No pickle is made either."""
    with pytest.raises(ValueError, match="Object arr"), create_npz(tmp_path / "a.npz", {}) as new:
        new.add("x", np.array(None))
    assert os.listdir(tmp_path) == []

"""Files of NumPy that anyone may have written: read by position, and never trusted."""

from __future__ import annotations

import io
import mmap
import os
import subprocess
import sys
import tracemalloc
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catclf import CatclfError, DatasetError, PictureError, Preprocessing, prepare
from catclf.sources import SOURCE, list_sources, numpy_files
from catclf.sources.numpy_files import open_numpy_file
from corpus.npz import DEFLATED, N_X, Member, bad_npz, npy, npz, pack, raw_npy, written

SETTINGS = Preprocessing(size=4)
X = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8)
Y = np.arange(6) % 2


def saved(save: Any, **arrays: Any) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def read(*paths: Path) -> list[Any]:
    """Return the pixels of all pictures."""
    with ExitStack() as files:
        return [each.read(SETTINGS) for each in list_sources(paths, files).pictures]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed, None])
@pytest.mark.parametrize(
    "array",
    [X, X.astype(">u4"), np.asfortranarray(X), X[:, ::-1], X[:0], np.array(["cat", "dog"]), Y > 0],
    ids=lambda array: f"{array.dtype} {array.shape} {array.flags.f_contiguous}",
)
def test_an_array_reads_the_same_however_it_is_saved(tmp_path: Path, save: Any, array: Any) -> None:
    """Each row, some and all; the last file is an .npy."""
    path = tmp_path / "a.bin"
    path.write_bytes(saved(save, X=array) if save else npy(array))
    with open_numpy_file(str(path), SOURCE) as file:
        (name,) = file.names()
        found = file.array(name)
        assert file.shape(name) == found.shape == array.shape
        assert found.dtype == array.dtype
        assert found.where == (f"{path}:X" if save else str(path))
        assert np.array_equal(found[:], array)
        assert np.array_equal(found[1:3], array[1:3])
        for i, row in enumerate(array):
            assert np.array_equal(found[i], row)


@pytest.mark.parametrize("save", [np.savez, np.save])
def test_memory_does_not_grow_with_the_pictures(tmp_path: Path, save: Any) -> None:
    """What is not compressed is read by position, a picture at a time."""
    many = np.full((1000, 64, 64, 3), 200, np.uint8)  # 12 MB
    if save is np.savez:
        np.savez(tmp_path / "a.npz", X=many, y=np.arange(1000))
        paths = [tmp_path / "a.npz"]
    else:
        paths = [tmp_path / "X.npy", tmp_path / "y.npy"]
        np.save(paths[0], many)
        np.save(paths[1], np.arange(1000))
    del many
    with ExitStack() as files:
        tracemalloc.start()
        for picture in list_sources(paths, files).pictures:
            picture.read(SETTINGS)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 6 * 2**20


@pytest.mark.parametrize("data", [saved(np.savez, X=X, y=Y), npy(X)], ids=["npz", "npy"])
def test_a_file_that_is_cut_meanwhile_is_an_error_of_its_pictures(
    tmp_path: Path, data: bytes
) -> None:
    """Of those that are gone; nothing kills the process."""
    path = tmp_path / ("X.npz" if data[:1] == b"P" else "X.npy")
    path.write_bytes(data)
    np.save(tmp_path / "y.npy", Y)
    sources = [path] if path.suffix == ".npz" else [path, tmp_path / "y.npy"]
    with ExitStack() as files:
        pictures = list_sources(sources, files).pictures
        os.truncate(path, data.index(X[3].tobytes()))
        assert [np.array_equal(pictures[i].read(SETTINGS), X[i]) for i in range(3)] == [True] * 3
        for picture in pictures[3:]:
            with pytest.raises(PictureError, match="damaged: cut short"):
                picture.read(SETTINGS)


def test_what_is_compressed_takes_half_of_the_free_memory_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An array that would take more is refused before any of it is taken."""
    (tmp_path / "a.npz").write_bytes(saved(np.savez_compressed, X=np.zeros((4096, 64, 64)), y=Y))
    monkeypatch.setattr(numpy_files, "available_memory", lambda: 2**27)
    tracemalloc.start()
    with pytest.raises(
        DatasetError, match=r"takes 0.125 GiB of memory, more than half of .*0.0625"
    ):
        read(tmp_path / "a.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_a_claim_of_gigabytes_takes_none(tmp_path: Path) -> None:
    """Header and directory may agree on more than is there."""
    header = raw_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1000, 1000, 1000, 3), }")
    zip_ = pack(
        Member("X.npy", _deflated(header), DEFLATED, size=len(header) + 3 * 10**9),
        Member("y.npy", npy(np.arange(1000))),
    )
    (tmp_path / "a.npz").write_bytes(zip_)
    before = _resident()
    with pytest.raises(DatasetError, match=r"X: (damaged: |takes .* of memory)"):
        read(tmp_path / "a.npz")
    assert _resident() - before < 2**26


def _deflated(data: bytes) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush()


def _resident() -> int:
    """Return how much memory this process has; nothing where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            saved(np.savez, X=X, y=np.array(["a", None] * 3)),
            ":y: holds Python objects: a pickle, which could run any code\nSave labels as strings",
        ),
        (npy(np.array(["a", None])), "X.bin: holds Python objects: a pickle, which could "),
        (npz(X=X, y=np.array({1: 2})), "y: holds Python objects: a pickle, which"),
        (npy(X)[:-1], "X.bin: damaged: does not match its header\nFetch the file again"),
        (npy(X) + b"\0", "X.bin: damaged: does not match its header"),
        (npy(X)[:9], "X.bin: damaged: is not an array"),
        (npz(X=X, y=Y)[:-1], "X.bin: damaged: cut short\nFetch the file again, or save it again"),
        (
            pack(Member("X.npy", npy(X), crc=5), Member("y.npy", npy(Y))),
            "X: damaged: is not an array",
        ),
        (pack(Member("X.npy", b"x"), Member("y.npy", npy(Y))), "X: damaged: is not an array"),
        (npz(a=Y, b=Y), "it is unclear which array is the pictures and which the labels"),
        (
            b"\x80\2}q\1(U\4data",
            "is a pickle, not a source of labeled pictures\nIt could run any code: load it",
        ),
        (npz(w=X, b=Y), "is not a source of labeled pictures\nName a folder of class folders"),
    ],
)
def test_the_message_says_what_is_wrong(tmp_path: Path, data: bytes, said: str) -> None:
    """Nothing is unpickled, and no half of an array is read."""
    path = tmp_path / "X.bin"  # by its content
    path.write_bytes(data)
    np.save(tmp_path / "y.npy", Y)
    with pytest.raises(DatasetError) as caught:
        read(path, *[tmp_path / "y.npy"] * (data[0] != ord("P")))
    assert said in str(caught.value)
    assert "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_a_dict_that_was_saved_whole_is_told_how_to_save_it(tmp_path: Path, save: Any) -> None:
    """np.save and np.savez pickle it, alike."""
    with open(tmp_path / "d.bin", "wb") as file:
        save(file, {"X": X, "y": Y})
    with pytest.raises(DatasetError) as caught:
        read(tmp_path / "d.bin")
    name = "" if save is np.save else ":arr_0"
    assert str(caught.value) == (
        f"{tmp_path / 'd.bin'}{name}: holds Python objects: a pickle, which could run any code\n"
        "Save arrays of numbers or strings; those of a dict d with np.savez(path, **d)."
    )


def test_no_sound_npz_is_a_result_or_an_error(tmp_path: Path) -> None:
    """Of all that may be wrong with an .npz, nothing ends otherwise, and nothing stays open."""
    good, packed = saved(np.savez, X=X, y=Y), saved(np.savez_compressed, X=X, y=Y)
    w = np.linspace(-1, 1, N_X).reshape(N_X, 1)
    like_a_model = npz(record=np.array(b'["noncat"]'), w=w, b=0.25)
    for case in written(tmp_path, bad_npz(like_a_model, packed)):
        as_arrays = case.path.read_bytes().replace(b"w.npy", b"X.npy").replace(b"b.npy", b"y.npy")
        case.path.write_bytes(as_arrays)
        with pytest.raises(CatclfError) as caught:
            read(case.path)
        assert len(str(caught.value).removeprefix(str(case.path))) < 400
    (tmp_path / "good").write_bytes(good)
    assert np.array_equal(read(tmp_path / "good"), X)


GOOD = [saved(np.savez, X=X, y=Y), saved(np.savez_compressed, X=X, y=Y), npy(X), npy(Y)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.integers(0, 3),
    at=st.lists(st.integers(0, 10**9), min_size=1, max_size=3),
    value=st.integers(0, 255),
    cut=st.integers(0, 20),
)
def test_damaged_bytes_give_pictures_or_an_error(
    tmp_path: Path, kind: int, at: list[int], value: int, cut: int
) -> None:
    """Whatever is changed; and of an .npz, whose checksums tell, the pictures that were saved."""
    data = bytearray(GOOD[kind])
    for place in at:
        data[place % len(data)] = value
    damaged = tmp_path / ("X.npz" if kind < 2 else "X.npy")
    damaged.write_bytes(data[: len(data) - cut] if cut < 3 else data)
    (tmp_path / "Y.npy").write_bytes(GOOD[3 if kind == 2 else 2])
    names = ["X.npz"] if kind < 2 else ["X.npy", "Y.npy"]
    try:
        found = read(*(tmp_path / name for name in names))
    except CatclfError:
        return
    assert kind >= 2 or np.array_equal(found, X)


def test_an_npz_is_no_output_for_its_own_dataset(tmp_path: Path) -> None:
    """Somebody's arrays are not replaced by what is made of them."""
    path = tmp_path / "a.npz"
    path.write_bytes(GOOD[0])
    for output, said in ((path, "is an input too"), (tmp_path / "b.npz", "is not a dataset")):
        output.write_bytes(GOOD[0])
        with pytest.raises(CatclfError, match=said):
            prepare(path, output, preprocessing=SETTINGS)
        assert output.read_bytes() == GOOD[0]


def test_reading_them_does_not_load_hdf5(tmp_path: Path) -> None:
    """Which takes longer to import than a small file to prepare."""
    (tmp_path / "a.npz").write_bytes(GOOD[0])
    code = (
        "import sys\nfrom catclf import prepare\n"
        "prepare(sys.argv[1] + '/a.npz', sys.argv[1] + '/d.npz')\nassert 'h5py' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)

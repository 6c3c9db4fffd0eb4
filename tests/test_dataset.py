"""The prepared dataset: what was written is read, or the file is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf import CatclfError, DatasetError, Preprocessing
from catclf.dataset import NewSplit, open_dataset, write_dataset
from catclf.storage.hdf5_writing import _FailureKeepingFile
from corpus.hdf5 import CLASSES, N_X, SETTINGS, pixels
from corpus.prepared import ARRAYS, good_prepared, good_prepared_hog, read_dataset, span

TESTS = Path(__file__).parent

# Reads a prepared file with a change at every so many-th byte; each must be refused or harmless.
FLIP = """
import pathlib, random, resource, signal, sys
from corpus.prepared import read_dataset
from catclf import DatasetError
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = taken + 512 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
good, changed = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1] + ".changed")
data, right, rng = good.read_bytes(), read_dataset(good), random.Random(0)
refused = 0
for start in range(int(sys.argv[2]), len(data), int(sys.argv[3])):
    kind = rng.choice(["bit", "bit", "zeros", "ones", "byte"])
    length = rng.choice([1, 8, 64, 512]) if kind in ("zeros", "ones") else 1
    damage = {
        "bit": bytes([data[start] ^ 1 << rng.randrange(8)]),
        "byte": bytes([rng.randrange(256)]),
        "zeros": bytes(length),
        "ones": bytes([255]) * length,
    }[kind]
    changed.write_bytes((data[:start] + damage + data[start + length :])[: len(data)])
    signal.alarm(30)
    try:
        found = read_dataset(changed)
    except DatasetError:
        refused += 1
    else:
        assert found == right, f"silently changed by {kind} x {length} at {start}"
print(refused)
"""

# Writes into a file system that takes no more than so many bytes a file.
WRITE_LIMITED = """
import resource, signal, sys
import numpy as np
from catclf import CatclfError, Preprocessing
from catclf.dataset import NewSplit, write_dataset
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
blocks = (np.full((64, 12288), i, np.uint8) for i in range(64))
labels = np.arange(4096, dtype=np.uint8) % 2
split = NewSplit(blocks, labels, [str(i) for i in range(4096)])
empty = NewSplit([], labels[:0], [])
try:
    write_dataset(sys.argv[1], ("a", "b"), Preprocessing(), split, empty)
except CatclfError as error:
    print(error.what)
"""


def run(code: str, *arguments: object) -> str:
    """Run Python code in a process of its own, which may hang or crash; return its output."""
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 0, f"exit {child.returncode}: {child.stderr}"
    return child.stdout


def split(m: int, names: list[str] | None = None, also: int = 0) -> NewSplit:
    """Make a split of m random pictures."""
    labels = np.arange(m, dtype=np.uint8) % 2
    return NewSplit(
        [pixels(m).reshape(m, -1)], labels, names or [f"{i}.jpg" for i in range(m)], also
    )


# ------------------------------------------------------------------------------ round trip

# A file's name on disk is bytes: those that are no UTF-8 are lone surrogates in Python.
FILE_NAMES = (
    st.binary(min_size=1, max_size=40)
    .filter(lambda b: b"\0" not in b)
    .map(lambda b: b.decode("utf-8", "surrogateescape"))
)


@given(
    counts=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    size=st.integers(1, 5),
    fit=st.sampled_from(["squash", "crop", "pad"]),
    classes=st.lists(FILE_NAMES, min_size=2, max_size=2, unique=True),
    data=st.data(),
)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    counts: tuple[int, int],
    size: int,
    fit: str,
    classes: list[str],
    data: st.DataObject,
) -> None:
    """Columns, labels, names of any bytes, classes and preprocessing survive, in their order."""
    path = tmp_path_factory.mktemp("dataset") / "dataset.npz"
    preprocessing = Preprocessing(size=size, fit=fit)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 256, (m, preprocessing.n_x), np.uint8) for m in counts]
    labels = [rng.integers(0, 2, m).astype(np.uint8) for m in counts]
    names = [data.draw(st.lists(FILE_NAMES, min_size=m, max_size=m)) for m in counts]
    train, test = (
        NewSplit(np.split(columns[i], [1, 2]) if counts[i] else [], labels[i], names[i])
        for i in (0, 1)
    )
    write_dataset(path, (classes[0], classes[1]), preprocessing, train, test)
    with open_dataset(path) as dataset:
        assert dataset.classes == tuple(classes)
        assert dataset.preprocessing == preprocessing
        for i, read in enumerate((dataset.train, dataset.test)):
            assert read.m == counts[i]
            assert np.array_equal(read.X, columns[i].T)
            assert np.array_equal(read.Y, labels[i].reshape(1, -1))
            assert read.names == names[i]
            assert read.also_in_train == 0


def test_X_and_Y_have_the_lectures_shapes(tmp_path: Path) -> None:
    """X is (n_x, m) uint8 and Y (1, m); an example is a row on disk."""
    good_prepared(tmp_path / "a.h5")
    with open_dataset(tmp_path / "a.h5") as dataset:
        assert dataset.train.X.shape == (N_X, 5)
        assert dataset.train.X.dtype == np.uint8
        assert dataset.train.Y.shape == (1, 5)
        assert dataset.train.columns.shape == (5, N_X)
        assert dataset.test.also_in_train == 1


def test_many_blocks_are_read_as_one(tmp_path: Path) -> None:
    """A dataset of more rows than a checksum is for, written in other runs, is the same."""
    m, preprocessing = 300, Preprocessing()
    columns = np.random.default_rng(0).integers(0, 256, (m, preprocessing.n_x), np.uint8)
    labels = np.zeros(m, np.uint8)
    names = ["x"] * m
    write_dataset(
        tmp_path / "a.h5",
        CLASSES,
        preprocessing,
        NewSplit((columns[i : i + 70] for i in range(0, m, 70)), labels, names),
        NewSplit([], labels[:0], []),
    )
    with open_dataset(tmp_path / "a.h5") as dataset:
        assert np.array_equal(dataset.train.X, columns.T)
        assert np.array_equal(dataset.train.columns[250:260], columns[250:260])


def test_the_same_data_give_the_same_file(tmp_path: Path) -> None:
    """No clock and no chance is in a dataset: it can be compared by checksum."""
    good_prepared(tmp_path / "a.h5")
    good_prepared(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_the_digest_is_of_the_training_data(tmp_path: Path) -> None:
    """It changes with a pixel or a label of the train split, not with names or the test split."""

    def digest(train: NewSplit, test: NewSplit) -> str:
        write_dataset(tmp_path / "a.h5", CLASSES, SETTINGS, train, test)
        with open_dataset(tmp_path / "a.h5") as dataset:
            return dataset.digest

    first = digest(split(4), split(2))
    assert len(first) == 64
    assert digest(split(4, names=list("abcd")), split(3)) == first
    columns = pixels(4).reshape(4, -1)
    labels = np.arange(4, dtype=np.uint8) % 2
    brighter = columns.copy()
    brighter[2, 5] ^= 1
    assert digest(NewSplit([brighter], labels, list("abcd")), split(2)) != first
    assert digest(NewSplit([columns], 1 - labels, list("abcd")), split(2)) != first
    assert digest(NewSplit([columns[:1], columns[1:]], labels, list("abcd")), split(2)) == first


def test_labels_and_columns_must_fit(tmp_path: Path) -> None:
    """A block too few is a bug of the caller's: a ValueError, and no file."""
    with pytest.raises(ValueError, match="4 labels need 4 columns, got 2"):
        write_dataset(
            tmp_path / "a.h5",
            CLASSES,
            SETTINGS,
            NewSplit([pixels(2).reshape(2, -1)], np.zeros(4, np.uint8), list("abcd")),
            split(2),
        )
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_the_old_dataset(tmp_path: Path) -> None:
    """Where writing ends early, for whatever reason, the old file is as it was."""
    good_prepared(tmp_path / "a.h5")
    before = (tmp_path / "a.h5").read_bytes()

    def broken() -> object:
        yield pixels(2).reshape(2, -1)
        raise KeyboardInterrupt

    train = NewSplit(broken(), np.zeros(4, np.uint8), list("abcd"))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "a.h5", CLASSES, SETTINGS, train, split(2))
    assert (tmp_path / "a.h5").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.h5"]


@pytest.mark.parametrize("limit", [0, 1000, 10**7])
def test_a_full_disk_is_an_ordinary_error(tmp_path: Path, limit: int) -> None:
    """Where there is no room, it is said, nothing is left, and the process lives on."""
    said = run(WRITE_LIMITED, tmp_path / "a.h5", limit)
    assert "nothing was changed" in said
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_missing_is_an_error_to_read(tmp_path: Path) -> None:
    """A dataset that is not there says to run prepare."""
    with (
        pytest.raises(DatasetError, match="no such file\nRun 'catclf prepare' first"),
        open_dataset(tmp_path / "gone" / "a.h5"),
    ):
        pass


def test_a_file_to_prepare_first_is_recognized(tmp_path: Path) -> None:
    """Training on the course's own file says what to type, safely for shell and terminal."""
    path = tmp_path / "my \x1b[2Jfile.h5"
    with h5py.File(path, "w") as file:
        file["list_classes"] = [b"a", b"b"]
    with pytest.raises(DatasetError) as caught, open_dataset(path):
        pass
    assert "\nPrepare it first: catclf prepare '" in str(caught.value)
    assert "\x1b" not in str(caught.value)


# ------------------------------------------------------------------------------ damage


def test_no_change_to_the_bytes_goes_unseen(tmp_path: Path) -> None:
    """Bits flipped, bytes overwritten, stretches erased: refused, or of no effect at all."""
    good_prepared(tmp_path / "a.h5")
    size = (tmp_path / "a.h5").stat().st_size
    refused = int(run(FLIP, tmp_path / "a.h5", 3, 6))
    assert refused > size / 6 / 4  # the rest are bytes that HDF5 does not use


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("value", [0, 255])
def test_an_array_that_was_erased_is_refused(tmp_path: Path, name: str, value: int) -> None:
    """All of an array zeroed is what a lost block looks like: it is no data."""
    path = tmp_path / "a.h5"
    good_prepared_hog(path)
    where = span(path, name)
    data = bytearray(path.read_bytes())
    data[where] = bytes([value]) * (where.stop - where.start)
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="damaged"):
        read_dataset(path)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_is_refused_and_named(tmp_path: Path, name: str, bit: int) -> None:
    """In whatever array it is, checksums too: the message tells which split is damaged."""
    path = tmp_path / "a.h5"
    good_prepared_hog(path)
    where = span(path, name)
    for at in (where.start, where.stop - 1):
        good_prepared_hog(path)
        data = bytearray(path.read_bytes())
        data[at] ^= 1 << bit
        path.write_bytes(data)
        damaged = name.replace("pixel_checksums", "pixels").replace("checksums", "columns")
        with pytest.raises(DatasetError, match=f"{damaged}: damaged"):
            read_dataset(path)


@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_are_not_mistaken(tmp_path: Path, value: int) -> None:
    """A black stretch turned white is seen, which a checksum by sums modulo 65535 is blind to."""
    path = tmp_path / "a.h5"
    columns = np.full((8, N_X), value, np.uint8)
    train = NewSplit([columns], np.arange(8, dtype=np.uint8) % 2, list("abcdefgh"))
    write_dataset(path, CLASSES, SETTINGS, train, split(2))
    data = path.read_bytes()
    black, white = bytes([value]) * 64, bytes([255 - value]) * 64
    with h5py.File(path) as file:
        start = file["train/columns"].id.get_offset() + 64
    assert data[start : start + 64] == black
    path.write_bytes(data[:start] + white + data[start + 64 :])
    with pytest.raises(DatasetError, match="damaged"):
        read_dataset(path)


def test_every_array_is_contiguous_and_nothing_stands_in_a_heap(tmp_path: Path) -> None:
    """Each byte of an array is in the file as it is in memory; no string is of variable length."""
    path = tmp_path / "a.h5"
    good_prepared_hog(path)
    assert b"GCOL" not in path.read_bytes()
    with h5py.File(path) as file:
        assert [f"{group}/{name}" for group in file for name in file[group]] == sorted(ARRAYS)
        for name in ARRAYS:
            plist = file[name].id.get_create_plist()
            assert plist.get_layout() == h5py.h5d.CONTIGUOUS
            assert plist.get_nfilters() == 0
            assert path.read_bytes()[span(path, name)] == file[name][:].tobytes()


def test_a_dataset_is_written_once(tmp_path: Path) -> None:
    """HDF5 does not fill an array before it is written: the file holds its data, and little more.

    A hole in the file would be read as zeros, and a filled one would be written twice.
    """
    rows = np.random.default_rng(0).integers(0, 256, (600, N_X), np.uint8)
    labels, written = np.zeros(600, np.uint8), 0

    def count(file: _FailureKeepingFile, data: bytes) -> int:
        nonlocal written
        written += memoryview(data).nbytes
        return original(file, data)

    original = _FailureKeepingFile.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_FailureKeepingFile, "write", count)
        write_dataset(
            tmp_path / "a.h5",
            CLASSES,
            SETTINGS,
            NewSplit([rows[:100], rows[100:]], labels, ["x"] * 600),
            NewSplit([], labels[:0], []),
        )
    assert rows.nbytes < written < rows.nbytes + 10_000


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    """Whatever length is left of it."""
    path = tmp_path / "a.h5"
    good_prepared(path)
    data = path.read_bytes()
    for length in [*range(0, len(data), 97), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(DatasetError):
            read_dataset(path)


def test_damage_is_seen_in_every_way_of_reading(tmp_path: Path) -> None:
    """A run of rows and one row are both checked, wherever in their 256 rows the damage is."""
    path = tmp_path / "a.h5"
    good_prepared(path)
    data = bytearray(path.read_bytes())
    data[span(path, "train/columns").stop - 1] ^= 1
    path.write_bytes(data)
    with open_dataset(path) as dataset:
        columns = dataset.train.columns
        with pytest.raises(DatasetError, match="train/columns: damaged: rows 0 to 4 are not"):
            columns[1:3]
        with pytest.raises(DatasetError, match="train/columns: damaged"):
            columns[0]
        with pytest.raises(DatasetError, match="train/columns: damaged"):
            dataset.train.X  # noqa: B018


def test_a_dataset_of_catclf_0_1_is_told_from_a_newer_one(tmp_path: Path) -> None:
    """One is prepared again, the other needs a newer catclf."""
    path = tmp_path / "a.h5"
    for version, said in (
        (1, "has format version 1 \\(of catclf 0.1\\); this catclf reads 2\nRun 'catclf prepare'"),
        (3, "has format version 3; this catclf reads 2\nUpdate catclf"),
    ):
        good_prepared(path)
        with h5py.File(path, "r+", libver="latest") as file:
            file.attrs["format_version"] = version
        with pytest.raises(DatasetError, match=said), open_dataset(path):
            pass


def test_X_outlives_the_open_file(tmp_path: Path) -> None:
    """It can be used when the dataset is closed, and cannot be written to."""
    good_prepared(tmp_path / "a.h5")
    with open_dataset(tmp_path / "a.h5") as dataset:
        X = dataset.train.X
    assert np.array_equal(X, pixels(7).reshape(7, N_X)[:5].T)
    with pytest.raises(ValueError, match="read-only"):
        X[0, 0] = 1


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder in its place is an error that names it."""
    with pytest.raises(CatclfError, match="a folder"):
        write_dataset(tmp_path, CLASSES, SETTINGS, split(2), split(2))

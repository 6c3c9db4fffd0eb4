"""The prepared dataset: what was written is read, or the file is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf import DatasetError, Preprocessing, open_dataset
from catclf import dataset as module
from catclf.dataset import NewSplit, StoredRows, write_dataset
from corpus.npz import Case, wrongly_met
from corpus.prepared import (
    ARRAYS,
    PREPARED,
    good_prepared,
    good_prepared_hog,
    read_dataset,
    span,
)
from datasets import CLASSES, write_small

TESTS = Path(__file__).parent
M, N_X = 1000, 48  # four blocks of 256 rows, the last of 232
ROWS = np.random.default_rng(0).integers(0, 256, (M, N_X), np.uint8)
BLOCKS = -(-M // 256)

# Reads a prepared file with a change at every byte in turn; each must be refused or harmless.
FLIP = """
import pathlib, random, resource, signal, sys
from corpus.prepared import read_dataset
from catclf import DatasetError
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = taken + 512 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
path, rng, refused = pathlib.Path(sys.argv[1]), random.Random(0), 0
data, right, file = path.read_bytes(), read_dataset(path), path.open("r+b", buffering=0)
def put(content, start):
    file.seek(start)
    file.write(content[: len(data) - start])
for start in range(0, len(data), 2):
    kind = rng.choice(["bit", "bit", "zeros", "ones", "byte"])
    length = rng.choice([1, 8, 64, 512]) if kind in ("zeros", "ones") else 1
    damage = {
        "bit": bytes([data[start] ^ 1 << rng.randrange(8)]),
        "byte": bytes([rng.randrange(256)]),
        "zeros": bytes(length),
        "ones": bytes([255]) * length,
    }[kind]
    put(damage, start)
    signal.alarm(30)
    try:
        found = read_dataset(path)
    except DatasetError:
        refused += 1
    else:
        assert found == right, f"silently changed by {kind} x {length} at {start}"
    put(data[start : start + length], start)
print(refused)
"""


def change(path: Path, start: int, data: bytes) -> None:
    """Overwrite bytes of a file in place."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def flip(path: Path, at: int, bit: int = 0) -> None:
    """Flip a bit of a file in place."""
    change(path, at, bytes([path.read_bytes()[at] ^ 1 << bit]))


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
    classes=st.lists(FILE_NAMES, min_size=2, max_size=4, unique=True),
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
    """X (n_x, m) uint8, Y (k, m), names of any bytes, classes and preprocessing, in their order."""
    path = tmp_path_factory.getbasetemp() / "round_trip.npz"
    preprocessing = Preprocessing(size=size, fit=fit)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 256, (m, preprocessing.n_x), np.uint8) for m in counts]
    labels = [rng.integers(0, len(classes), m).astype(np.uint8) for m in counts]
    names = [data.draw(st.lists(FILE_NAMES, min_size=m, max_size=m)) for m in counts]
    also = 0, counts[1] // 2
    train, test = (
        NewSplit(np.split(columns[i], [1, 2]) if counts[i] else [], labels[i], names[i], also[i])
        for i in (0, 1)
    )
    write_dataset(path, tuple(classes), preprocessing, train, test)
    with open_dataset(path) as dataset:
        assert dataset.classes == tuple(classes)
        assert dataset.preprocessing == preprocessing
        for i, read in enumerate((dataset.train, dataset.test)):
            assert read.m == sum(read.counts) == counts[i]
            assert np.array_equal(read.X, columns[i].T)
            assert read.X.dtype == np.uint8
            if len(classes) == 2:
                assert np.array_equal(read.Y, labels[i].reshape(1, -1))
            else:
                assert read.Y.shape == (len(classes), counts[i])
                assert np.array_equal(read.Y.argmax(axis=0), labels[i])
                assert (read.Y.sum(axis=0) == 1).all()
            assert read.names == names[i]
            assert read.also_in_train == also[i]


@pytest.mark.parametrize(("n_classes", "dtype"), [(3, "u1"), (256, "u1"), (257, "<u2")])
def test_labels_take_a_byte_or_two(tmp_path: Path, n_classes: int, dtype: str) -> None:
    """Two where there are more than 256 classes; the digest is that of columns and labels."""
    classes = tuple(f"class {i}" for i in range(n_classes))
    labels = [0, n_classes - 1, 1]
    path = write_small(tmp_path / "a.npz", classes=classes, labels=labels)
    with np.load(path) as arrays:
        assert arrays["train_labels"].dtype == np.dtype(dtype)
        stored = arrays["train_columns"].tobytes() + arrays["train_labels"].tobytes()
    with open_dataset(path) as dataset:
        assert dataset.digest == hashlib.sha256(stored).hexdigest()
        assert (dataset.classes, dataset.train.labels.tolist()) == (classes, labels)
        assert dataset.train.counts == tuple(int(i in labels) for i in range(n_classes))


def test_X_outlives_the_open_file(tmp_path: Path) -> None:
    """It can be used when the dataset is closed, and cannot be written to."""
    path = write_small(tmp_path / "a.npz", columns=ROWS, size=4)
    with open_dataset(path) as dataset:
        X = dataset.train.X
    assert np.array_equal(X, ROWS.T)
    with pytest.raises(ValueError, match="read-only"):
        X[0, 0] = 1


def test_numpy_opens_it(tmp_path: Path) -> None:
    """Without pickles, and every array is what its documentation says."""
    path = write_small(tmp_path / "a.npz", 5, 2, features="hog-color")
    with np.load(path, allow_pickle=False) as arrays, open_dataset(path) as dataset:
        assert next(iter(arrays)) == "record"
        assert set(arrays) == {"record", "digest", *ARRAYS}
        for name, split in (("train", dataset.train), ("test", dataset.test)):
            assert np.array_equal(arrays[f"{name}_columns"].T, split.X)
            assert arrays[f"{name}_columns_checksums"] == [zlib.crc32(split.columns[:].data)]
            assert np.array_equal(arrays[f"{name}_pixels"], split.pixels[:])
            assert np.array_equal(arrays[f"{name}_labels"], split.labels)
            assert [name.decode() for name in arrays[f"{name}_names"]] == split.names
        assert str(arrays["digest"], "ascii") == dataset.digest


def test_the_digest_is_of_the_training_data(tmp_path: Path) -> None:
    """SHA-256 of columns and labels, in whatever runs; not of names nor of the test split."""

    def digest(train: NewSplit, m_test: int = 2) -> str:
        test = NewSplit([ROWS[:m_test]], np.zeros(m_test, np.uint8), ["x"] * m_test)
        write_dataset(tmp_path / "a.npz", CLASSES, Preprocessing(size=4), train, test)
        with open_dataset(tmp_path / "a.npz") as dataset:
            return dataset.digest

    columns, labels = ROWS[:4], np.arange(4, dtype=np.uint8) % 2
    brighter = columns.copy()
    brighter[2, 5] ^= 1
    first = digest(NewSplit([columns], labels, list("abcd")))
    assert first == hashlib.sha256(columns.tobytes() + labels.tobytes()).hexdigest()
    assert digest(NewSplit([columns[:1], columns[1:]], labels, list("wxyz")), 3) == first
    assert digest(NewSplit([brighter], labels, list("abcd"))) != first
    assert digest(NewSplit([columns], 1 - labels, list("abcd"))) != first


def test_a_failure_leaves_the_old_dataset(tmp_path: Path) -> None:
    """Where writing ends early, for whatever reason, the old file is as it was."""
    good_prepared(tmp_path / "a.npz")
    before = (tmp_path / "a.npz").read_bytes()

    def broken() -> Iterator[NDArray[np.uint8]]:
        yield ROWS[:2]
        raise KeyboardInterrupt

    train, none = (
        NewSplit(blocks, np.zeros(4, np.uint8), list("abcd")) for blocks in (broken(), [ROWS[:2]])
    )
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "a.npz", CLASSES, Preprocessing(size=4), train, none)
    with pytest.raises(ValueError, match="4 labels need 4 train_columns, got 2"):
        write_dataset(tmp_path / "a.npz", CLASSES, Preprocessing(size=4), none, none)
    assert (tmp_path / "a.npz").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]


# ------------------------------------------------------------------------- bad files


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """Write every bad dataset."""
    folder = tmp_path_factory.mktemp("prepared")
    cases = [Case(name, folder / f"{name.replace(' ', '-')}.npz") for name in PREPARED]
    for case in cases:
        PREPARED[case.name](case.path)
    return cases


def test_every_bad_dataset_is_refused_in_few_words(bad: list[Case]) -> None:
    """Whatever its record or its arrays say, by one message."""
    assert wrongly_met(bad, read_dataset, DatasetError) == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "no such file\nRun 'catclf prepare' first"),
        ("an HDF5 file", "is an HDF5 file, not a dataset that catclf prepared\nPrepare it first: "),
        ("of catclf 0.1", "is of an older format, which this catclf does not read\nRun 'catclf p"),
        ("a model", "is a model that catclf trained, not a dataset"),
        ("version 2", "has format version 2; this catclf reads 3\nUpdate catclf, or run 'ca"),
        ("no network", "(the network of its backbone is missing)\nRun 'catclf prepare' again."),
        ("another network", "(the network is not the backbone that is recorded)\nRun 'catclf prep"),
        ("left by a killed writer", "damaged: cut short\nRun 'catclf prepare' again."),
        ("other columns", "train_columns: damaged: rows 0 to 4 are not what was written"),
    ],
)
def test_the_message_says_what_is_wrong(bad: list[Case], name: str, said: str) -> None:
    """And what to do about it."""
    [case] = [case for case in bad if case.name == name]
    with pytest.raises(DatasetError) as caught:
        read_dataset(case.path)
    assert said in str(caught.value)


def test_what_to_type_is_safe_for_shell_and_terminal(tmp_path: Path) -> None:
    """A name from outside is quoted."""
    path = tmp_path / "my \x1b[2Jfile.h5"
    PREPARED["an HDF5 file"](path)
    with pytest.raises(DatasetError) as caught, open_dataset(path):
        pass
    assert "\nPrepare it first: catclf prepare '" in str(caught.value)
    assert "\x1b" not in str(caught.value)


# ------------------------------------------------------------------------------ damage


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits its memory")
def test_no_change_to_the_bytes_goes_unseen(tmp_path: Path) -> None:
    """Bits flipped, bytes overwritten, stretches erased: refused, or of no effect at all.

    At every second byte.
    """
    good_prepared(tmp_path / "a.npz")
    path = f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    child = subprocess.run(  # which may hang or crash
        [sys.executable, "-W", "error", "-c", FLIP, str(tmp_path / "a.npz")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == 0, f"exit {child.returncode}: {child.stderr}"
    size = (tmp_path / "a.npz").stat().st_size
    assert int(child.stdout) > size / 4  # the rest are fields of the zip that nobody reads


@pytest.mark.parametrize("name", ["record", "digest", *ARRAYS])
@pytest.mark.parametrize("value", [0, 255])
def test_an_array_that_was_erased_is_refused(tmp_path: Path, name: str, value: int) -> None:
    """All of an array zeroed is what a lost block looks like: it is no data."""
    path = tmp_path / "a.npz"
    good_prepared_hog(path)
    where = span(path, name)
    change(path, where.start, bytes([value]) * (where.stop - where.start))
    with pytest.raises(DatasetError, match="damaged"):
        read_dataset(path)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_flipped_bit_is_refused_and_named(tmp_path: Path, name: str) -> None:
    """In whatever array it is, checksums too: the message tells which is damaged."""
    path = tmp_path / "a.npz"
    for end, bit in ((0, 0), (0, 7), (-1, 0), (-1, 7)):
        good_prepared_hog(path)
        where = span(path, name)
        flip(path, range(where.start, where.stop)[end], bit)
        with pytest.raises(DatasetError, match=f"{name}: damaged"):
            read_dataset(path)


@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_are_not_mistaken(tmp_path: Path, value: int) -> None:
    """A black stretch turned white is seen, which a checksum by sums modulo 65535 is blind to."""
    path = write_small(tmp_path / "a.npz", columns=np.full((8, N_X), value, np.uint8), size=4)
    change(path, span(path, "train_columns").start + 64, bytes([255 - value]) * 64)
    with pytest.raises(DatasetError, match="damaged"):
        read_dataset(path)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    """Whatever length is left of it."""
    path = tmp_path / "a.npz"
    good_prepared(path)
    data = path.read_bytes()
    for length in [*range(0, len(data), 31), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(DatasetError):
            read_dataset(path)


# ---------------------------------------------------------------------------- checked rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a dataset of 1000 pictures."""
    return write_small(tmp_path / "a.npz", columns=ROWS, size=4)


def test_rows_are_kept_only_where_that_is_asked_for(path: Path) -> None:
    """What is read once, by evaluate or info, takes no more memory than a block."""
    with open_dataset(path) as dataset:
        assert dataset.train.columns.kept is None


@pytest.fixture(params=["kept", "read again"])
def rows(
    request: pytest.FixtureRequest, path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StoredRows]:
    """Open it with memory for twice the file, or a byte less."""
    keep = request.param == "kept"
    memory = 2 * path.stat().st_size - (not keep)
    monkeypatch.setattr(module, "available_memory", lambda: memory)
    with open_dataset(path, keep=True) as dataset:
        assert (dataset.train.columns.kept is not None) == keep
        yield dataset.train.columns


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the length of all rows that a checksum is computed of."""
    lengths: list[int] = []

    class Recording:
        @staticmethod
        def crc32(data: memoryview) -> int:
            lengths.append(data.nbytes)
            return zlib.crc32(data)

    monkeypatch.setattr(module, "zlib", Recording)
    return lengths


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Record which rows are read from the file."""
    found: list[tuple[int, int]] = []

    def fill(self: StoredRows, start: int, into: NDArray[np.uint8]) -> NDArray[np.uint8]:
        found.append((start, start + len(into)))
        return real(self, start, into)

    real = StoredRows._fill
    monkeypatch.setattr(StoredRows, "_fill", fill)
    return found


@given(m=st.integers(0, 1100), run=st.integers(1, 700), kept=st.booleans(), data=st.data())
def test_any_slice_is_that_of_the_array(
    tmp_path_factory: pytest.TempPathFactory, m: int, run: int, kept: bool, data: st.DataObject
) -> None:
    """In whatever runs rows are written, and in whatever runs they are read, kept or not."""
    path = tmp_path_factory.getbasetemp() / "slices.npz"
    rows = np.resize(ROWS, (m, 3))
    blocks = [rows[i : i + run] for i in range(0, m, run)]
    train = NewSplit(blocks, np.zeros(m, np.uint8), ["x"] * m)
    none = NewSplit([], np.zeros(0, np.uint8), [])
    write_dataset(path, CLASSES, Preprocessing(size=1), train, none)
    ends = st.none() | st.integers(-m - 5, m + 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "available_memory", lambda: 2**40 * kept)
        with open_dataset(path, keep=True) as dataset:
            read = dataset.train.columns
            assert read.shape == (m, 3)
            for _ in range(5):
                part = slice(data.draw(ends), data.draw(ends))
                assert np.array_equal(read[part], rows[part])
            if m:
                at = data.draw(st.integers(-m, m - 1))
                assert np.array_equal(read[at], rows[at])
            assert np.array_equal(read[:], rows)


def test_rows_are_to_be_read_only_in_runs_and_where_they_are(rows: StoredRows) -> None:
    """What is returned cannot be written to; an index beyond the end ends a loop."""
    assert np.array_equal(list(rows), ROWS)  # type: ignore[call-overload]
    for at in (M, -M - 1):
        with pytest.raises(IndexError):
            rows[at]
    with pytest.raises(ValueError, match="in runs"):
        rows[::2]
    for part in (rows[5], rows[5:9], rows[5:9]):  # unchecked, and checked
        with pytest.raises(ValueError, match="read-only"):
            part[:] = 1
    assert np.array_equal(rows[:], ROWS)


def test_where_memory_cannot_be_had_rows_are_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the address space is full: what is free is an estimate."""

    def shared(shape: tuple[int, ...], dtype: type) -> NDArray[np.bool_]:
        if len(shape) > 1:
            raise OSError("Cannot allocate memory")
        return np.zeros(shape, dtype)

    monkeypatch.setattr(module, "shared_zeros", shared)
    with open_dataset(path, keep=True) as dataset:
        assert dataset.train.columns.kept is None
        assert np.array_equal(dataset.train.columns[:], ROWS)


@pytest.mark.parametrize("row", [0, 255, 256, 700, 768, M - 1])
def test_a_flipped_bit_is_refused_by_its_block(path: Path, rows: StoredRows, row: int) -> None:
    """Any read that touches its 256 rows is refused, again and again; the others are read."""
    flip(path, span(path, "train_columns").start + (row + 1) * N_X - 1)
    bad = row // 256
    for read in (slice(None), row, row - M, slice(row, row + 1), slice(bad * 256, bad * 256 + 1)):
        with pytest.raises(DatasetError, match=f"columns: damaged: rows {bad * 256} to") as caught:
            rows[read]
        assert caught.value.fix == "Run 'catclf prepare' again."
    for block in range(BLOCKS):
        run = slice(block * 256, block * 256 + 256)
        if block != bad:
            assert np.array_equal(rows[run], ROWS[run])


@pytest.mark.parametrize("value", [0, 255])
def test_a_lost_page_is_refused(path: Path, rows: StoredRows, value: int) -> None:
    """4096 bytes of zeros, or ones, are not what was written."""
    start = span(path, "train_columns").start
    change(path, start + 300 * N_X, bytes([value]) * 4096)
    assert np.array_equal(rows[:256], ROWS[:256])
    with pytest.raises(DatasetError, match="rows 256 to 511 are not what was written"):
        rows[250:260]


@pytest.mark.parametrize("read", ["unread", "checked"])
def test_a_file_that_is_cut_while_it_is_open_is_refused(
    path: Path, rows: StoredRows, read: str
) -> None:
    """What was not read is an error, not zeros, and ends no process; what is kept is there."""
    if read == "checked":
        assert np.array_equal(rows[:], ROWS)
    os.truncate(path, 8192)
    if read == "checked" and rows.kept is not None:
        assert np.array_equal(rows[999], ROWS[999])
    else:
        with pytest.raises(DatasetError, match="train_columns: damaged: cut short"):
            rows[999]


def test_a_change_after_the_check_is_not_known(path: Path, rows: StoredRows) -> None:
    """The one thing that cannot be: rows that are not kept are read as they are now."""
    assert np.array_equal(rows[:], ROWS)
    change(path, span(path, "train_columns").start + 5 * N_X, bytes(N_X))
    assert rows[5].any() == (rows.kept is not None)


def test_a_block_is_checked_once(rows: StoredRows, checks: list[int]) -> None:
    """However often, and in whatever runs, it is read; and not before it is."""
    assert rows[300:300].shape == (0, N_X)
    assert checks == []
    assert np.array_equal(rows[-1], ROWS[-1])
    assert checks == [M % 256 * N_X]
    for part in (slice(10, 20), slice(0, 300), 255, slice(None), slice(990, None), slice(None)):
        assert np.array_equal(rows[part], ROWS[part])
    assert checks == [M % 256 * N_X] + [256 * N_X] * (BLOCKS - 1)


def test_what_is_returned_is_what_was_checked(
    rows: StoredRows, reads: list[tuple[int, int]]
) -> None:
    """A block is read whole and once; then what is kept not again, else what is asked for."""
    rows[300:400]
    rows[10]
    rows[200:600]
    rows[300:400]
    if rows.kept is not None:
        assert reads == [(256, 512), (0, 256), (512, 768)]
    else:
        assert reads == [(256, 512), (0, 256), (0, 768), (300, 400)]


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_what_a_forked_process_checked_is_checked(
    rows: StoredRows, checks: list[int], reads: list[tuple[int, int]]
) -> None:
    """Workers share the flags, and what is kept, with each other and with their parent."""
    if sys.platform == "win32":
        raise NotImplementedError
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        child = os.fork()
    if child == 0:
        right = np.array_equal(rows[:600], ROWS[:600])
        os._exit(0 if right and len(checks) == 3 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert np.array_equal(rows[:], ROWS)
    assert checks == [M % 256 * N_X]
    assert reads == ([(768, M)] if rows.kept is not None else [(0, M)])

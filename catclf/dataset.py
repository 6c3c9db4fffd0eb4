"""The prepared dataset: columns, labels and names in two splits, in one .npz.

    record       JSON: format, version, created_by, classes, preprocessing, also_in_train
    train_columns              (m, n_x) uint8: the columns of X, one a row
    train_columns_checksums    (ceil(m / 256),) uint32: the CRC-32 of each 256 rows of columns
    train_pixels, train_pixels_checksums    (m, 3 kept_size kept_size) uint8, where the features are
                               not the pixels themselves; see `Preprocessing.kept_size`
    train_labels, train_names  (m,) uint8, of more than 256 classes uint16; (m,) UTF-8
    test_...                   the same
    backbone     (bytes,) uint8: the ONNX file whose output the columns are, where they are one's
    digest       SHA-256 of the train split's columns and labels, in hexadecimal

`numpy.load` opens it. Nothing in it is compressed: rows are read from where they stand in the file.

Damage is refused, not trained on: a flipped bit, a lost or zeroed page, a file that is cut short,
or whose writer was killed (then the directory, at its end, is missing).

- Opening the file checks the record and the labels; reading the names checks them.
- The first reading of 256 rows compares them with their checksum, once for all processes that share
  the dataset. Reading all of them, as `catclf info` does, checks the whole file.

What happens after that first reading cannot be known: of a file that is larger than half of the
memory that is free, a block that is changed on disk later is used as it then is. catclf itself
never changes a dataset in place: a new file takes the old one's place, and who has opened the old
one reads it to its end (on Windows no file can take its place until then). A CRC-32 finds
accidents, not forgeries.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from catclf import __version__
from catclf.classes import as_classes, class_counts, label_type
from catclf.columns import BLOCK_EXAMPLES, n_blocks
from catclf.errors import AnyPath, DatasetError
from catclf.features import Preprocessing
from catclf.files import PREPARED
from catclf.logistic import Labels, one_hot
from catclf.npz import NewNpz, Npz, create_npz, decode_names, encode_names, open_npz
from catclf.workers import available_memory, shared_zeros

FORMAT = "catclf-dataset"
FORMAT_VERSION = 3
PREPARE_AGAIN = "Run 'catclf prepare' again."


class StoredRows:
    """Rows (m, n_x) uint8 in a file; indexing them by a number or a run reads and checks them.

    The first reading of a block of 256 rows compares it with its checksum, once for all processes
    that are forked from this one. Where that is asked for, and the whole file fits into half of the
    memory that is free, what was read is kept, shared with these processes, and not read again. The
    file is not mapped: where it is cut meanwhile that is an error, and does not end the process.
    """

    def __init__(self, npz: Npz, name: str, shape: tuple[int, int], keep: bool) -> None:
        self.npz, self.name, self.shape = npz, name, shape
        self.start, self.checksums = npz.rows(name, shape), npz.array(f"{name}_checksums")
        if self.checksums.dtype != "<u4" or self.checksums.shape != (n_blocks(shape[0]),):
            raise npz.damaged("not a checksum for each block", f"{name}_checksums")
        self.checked = shared_zeros(self.checksums.shape, np.bool_)
        self.kept: NDArray[np.uint8] | None = None
        if keep and npz.file_bytes() <= available_memory() // 2:
            with suppress(OSError, OverflowError, ValueError):  # no place in the address space
                self.kept = shared_zeros(shape, np.uint8)

    def __getitem__(self, rows: int | slice) -> NDArray[np.uint8]:
        """Return one row, or a run of rows, not to be written to; DatasetError where damaged."""
        indices = range(self.shape[0])[rows]
        run = range(indices, indices + 1) if isinstance(indices, int) else indices
        if run.step != 1:
            raise ValueError(f"rows are read in runs, got {rows}")
        found = self._read(run).view()
        found.flags.writeable = False
        return found[0] if isinstance(indices, int) else found

    def _read(self, run: range) -> NDArray[np.uint8]:
        """Return a run of rows, whose blocks are checked where they were not before."""
        blocks = range(run.start // BLOCK_EXAMPLES, n_blocks(run.stop)) if run else range(0)
        unchecked = [block for block in blocks if not self.checked[block]]
        if self.kept is not None:
            for block in unchecked:
                rows = self._rows_of(range(block, block + 1))
                self._check(block, self._fill(rows.start, self.kept[rows.start : rows.stop]))
            return self.kept[run.start : run.stop]
        if not unchecked:
            return self._fill(run.start, np.empty((len(run), self.shape[1]), np.uint8))
        # Whole blocks, read once: the rows that are returned are those that were checked.
        rows = self._rows_of(blocks)
        whole = self._fill(rows.start, np.empty((len(rows), self.shape[1]), np.uint8))
        for block in unchecked:
            self._check(block, whole[block * BLOCK_EXAMPLES - rows.start :][:BLOCK_EXAMPLES])
        return whole[run.start - rows.start : run.stop - rows.start]

    def _rows_of(self, blocks: range) -> range:
        return range(
            blocks.start * BLOCK_EXAMPLES, min(blocks.stop * BLOCK_EXAMPLES, self.shape[0])
        )

    def _fill(self, start: int, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Read rows, from the `start`-th on, and return them."""
        self.npz.read_at(self.start + start * self.shape[1], rows, self.name)
        return rows

    def _check(self, block: int, rows: NDArray[np.uint8]) -> None:
        """Compare the rows of a block with their checksum."""
        if zlib.crc32(rows.data) != self.checksums[block]:
            first = block * BLOCK_EXAMPLES
            last = first + len(rows) - 1
            raise self.npz.damaged(f"rows {first} to {last} are not what was written", self.name)
        self.checked[block] = True


@dataclass(frozen=True, eq=False)
class Split:
    """The train or the test split of a dataset: m pictures.

    `X` and `Y` are the lecture's; within `open_dataset` alone they can be read.

    Parameters
    ----------
    columns
        The columns of X, one a row (m, n_x) uint8, read from the file when they are used.
    pixels
        The pictures unrolled (m, 3 kept_size kept_size); where these are the features, `columns`.
    labels
        (m,), the index of each one's class.
    n_classes
        The number of classes.
    read_names
        Reads what each picture is called.
    also_in_train
        How many of these pictures the train split holds too.
    """

    columns: StoredRows
    pixels: StoredRows
    labels: Labels
    n_classes: int
    read_names: Callable[[], list[str]]
    also_in_train: int

    def __repr__(self) -> str:
        return f"<Split: m {self.m}, n_x {self.columns.shape[1]}>"

    @property
    def m(self) -> int:
        """The number of examples."""
        return self.labels.size

    @property
    def counts(self) -> tuple[int, ...]:
        """How many pictures each class has, in the order of the labels."""
        return class_counts(self.labels, self.n_classes)

    @cached_property
    def X(self) -> NDArray[np.uint8]:
        """The examples (n_x, m), one a column, features 0 to 255; to be read, not written to."""
        return self.columns[:].T

    @property
    def Y(self) -> NDArray[np.float64]:
        """The labels, 0 or 1: (1, m) of two classes, else (classes, m)."""
        return one_hot(self.labels, self.n_classes)

    @cached_property
    def names(self) -> list[str]:
        """What each picture is called."""
        return self.read_names()


@dataclass(frozen=True, eq=False)
class Dataset:
    """A prepared dataset, open for reading.

    Parameters
    ----------
    path
        Its file.
    created_by
        The program that wrote it, and its version; empty where the file does not tell.
    classes
        In the order of their labels; of two the first is the negative, the second the positive.
    preprocessing
        How its pictures became columns.
    digest
        SHA-256 of the train split's columns and labels, in hexadecimal.
    train, test
        Its splits; test may be empty.
    """

    path: str
    created_by: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    digest: str
    train: Split
    test: Split

    def _repr_html_(self) -> str:
        from catclf.notebook import dataset_html  # here, for others to start without

        return dataset_html(self)


@contextmanager
def open_dataset(path: AnyPath, *, keep: bool = False) -> Iterator[Dataset]:
    """Open a prepared dataset; its columns are read when they are used, within the block.

    Parameters
    ----------
    path
        Its file.
    keep
        Keep in memory what was read, for another pass, where half of what is free holds the file.

    Yields
    ------
    Dataset
        Its classes and preprocessing, and both splits with `X`, `Y` and names.

    Raises
    ------
    DatasetError
        Where the file is missing, none of ours, of another version of catclf, damaged, or not
        complete.
    """
    with open_npz(path, PREPARED, DatasetError, PREPARE_AGAIN) as npz:
        yield _read_dataset(npz, keep)


def _read_dataset(npz: Npz, keep: bool) -> Dataset:
    record = npz.record(FORMAT, FORMAT_VERSION)
    classes, created_by = as_classes(record.get("classes")), record.get("created_by")
    digest = npz.array("digest")
    if classes is None or digest.dtype != "S64" or digest.shape != ():
        raise npz.damaged("names no digest, or not two or more different classes")
    try:
        network = npz.array("backbone").tobytes() if "backbone" in npz else None
        preprocessing = Preprocessing.from_record(record.get("preprocessing"), network)
    except ValueError as error:
        raise npz.damaged(f"its record of the preprocessing cannot be read ({error})") from error
    return Dataset(
        path=npz.where,
        created_by=created_by if isinstance(created_by, str) else "",
        classes=classes,
        preprocessing=preprocessing,
        digest=digest.item().decode("ascii", "replace"),
        train=_read_split(npz, keep, "train", len(classes), preprocessing, 0),
        test=_read_split(
            npz, keep, "test", len(classes), preprocessing, record.get("also_in_train")
        ),
    )


def _read_split(
    npz: Npz,
    keep: bool,
    split: str,
    n_classes: int,
    preprocessing: Preprocessing,
    also: object,
) -> Split:
    labels = npz.array(f"{split}_labels")
    m = labels.size
    if (
        labels.dtype != label_type(n_classes)
        or labels.ndim != 1
        or (m and labels.max() >= n_classes)
    ):
        allowed = "0 or 1" if n_classes == 2 else f"0 to {n_classes - 1}, {n_classes} classes"
        raise npz.damaged(f"labels must be {allowed}", f"{split}_labels")
    if type(also) is not int or not 0 <= also <= m:
        raise npz.damaged(f"also_in_train must be 0 to {m}, got {also!r:.20}", "record")
    pixels = columns = StoredRows(npz, f"{split}_columns", (m, preprocessing.n_x), keep)
    if preprocessing.features != "pixels":
        pixels = StoredRows(npz, f"{split}_pixels", (m, preprocessing.pixel_n_x), keep)
    return Split(
        columns, pixels, labels, n_classes, partial(_read_names, npz, f"{split}_names", m), also
    )


def _read_names(npz: Npz, array: str, m: int) -> list[str]:
    names = npz.array(array)
    if names.dtype.kind != "S" or names.shape != (m,):
        raise npz.damaged(f"{m} labels need {m} names", array)
    return decode_names(names)


@dataclass(frozen=True)
class NewSplit:
    """A split of a dataset about to be written.

    `blocks` are the columns of X as rows, (n, n_x) uint8 at a time, `labels` (m,) as
    `catclf.classes.as_labels` returns them, and `names` what each picture is called; the train
    split holds `also_in_train` of them too. Where the features are not the pixels, `pixel_blocks`
    are the pictures unrolled, (n, 3 kept_size kept_size) at a time.
    """

    blocks: Iterable[NDArray[np.uint8]]
    labels: Labels
    names: Sequence[str]
    also_in_train: int = 0
    pixel_blocks: Iterable[NDArray[np.uint8]] = ()


def write_dataset(
    path: AnyPath,
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    train: NewSplit,
    test: NewSplit,
) -> None:
    """Write a prepared dataset, whole or not at all."""
    record: dict[str, object] = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "created_by": f"catclf {__version__}",
        "classes": classes,
        "preprocessing": preprocessing.to_record(),
        "also_in_train": test.also_in_train,
    }
    with create_npz(path, record) as npz:
        if preprocessing.backbone is not None:
            npz.add("backbone", np.frombuffer(preprocessing.backbone.network, np.uint8))
        digest = _write_split(npz, "train", train, preprocessing)
        _write_split(npz, "test", test, preprocessing)
        npz.add("digest", digest.encode())


def _write_split(npz: NewNpz, name: str, split: NewSplit, preprocessing: Preprocessing) -> str:
    """Write one split, and return the SHA-256 of its columns and labels."""
    m, digest = len(split.labels), hashlib.sha256()
    for run in npz.add_rows(f"{name}_columns", (m, preprocessing.n_x), split.blocks):
        digest.update(run.data)
    if preprocessing.features != "pixels":
        shape = (m, preprocessing.pixel_n_x)
        for _ in npz.add_rows(f"{name}_pixels", shape, split.pixel_blocks):
            pass
    digest.update(split.labels.data)
    npz.add(f"{name}_labels", split.labels)
    npz.add(f"{name}_names", encode_names(split.names))
    return digest.hexdigest()

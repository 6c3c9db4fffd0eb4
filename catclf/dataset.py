"""The prepared dataset: an HDF5 file of columns, labels and names, in two splits.

    /            format, format_version, created_by, classes, preprocessing (JSON), digest
    /train       columns (m, n_x) uint8, labels (m,) uint8, names (m,) UTF-8, and
                 checksums (ceil(m / 256),) uint32: the CRC-32 of each 256 rows of columns;
                 where the features are not the pixels themselves, these too, laid out and checked
                 alike: pixels (m, 3 size size) uint8, pixel_checksums
    /test        the same; attribute also_in_train: how many of its pictures train holds too

HDF5 has no column-major order, so a column of X is a row on disk. All arrays are contiguous and
pass through no filter: where they fit into memory, rows are read as a memory map of the file.

Damage is refused, not trained on: a flipped bit, a lost or zeroed page, a file that is cut short,
or whose writer was killed.

- Opening the file checks its metadata, for which HDF5 keeps checksums (in its latest format, and
  of attributes whose strings are of fixed length), and the labels, by their attribute checksum.
- Reading the names checks them in the same way.
- The first read of 256 rows compares them with their checksum, once for all processes that share
  the dataset. Reading all of them, as `catclf info` does, checks the whole file.

What happens after that first read cannot be known: a block that is changed on disk later is used
as it then is. Where the disk, or the network behind it, fails to give a mapped page, or another
program cuts the file while its rows are in use, the system ends the process. catclf itself never
changes a dataset in place: a new file takes the old one's place, and who has opened the old one
reads it to its end (on Windows no file can take its place until then). A CRC-32 finds accidents,
not forgeries.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf._version import __version__
from catclf.errors import DatasetError, printable
from catclf.features import Preprocessing
from catclf.files import PREPARED, FileKind, file_kind
from catclf.outputs import OutputKind, replacing
from catclf.splits import as_pair
from catclf.storage.checked_rows import (
    PREPARE_AGAIN,
    CheckedArray,
    CheckedRows,
    checked_array,
    checked_rows,
    write_array,
    write_rows,
)
from catclf.storage.hdf5 import HDF5File, open_hdf5
from catclf.storage.hdf5_writing import create_hdf5

FORMAT = "catclf-dataset"
FORMAT_VERSION = 2


@dataclass(frozen=True)
class Split:
    """The train or the test split of a dataset.

    Parameters
    ----------
    columns
        (m, n_x) uint8 on disk: the columns of X, one a row, read when they are indexed.
    pixels
        (m, 3 size size) uint8 on disk: the pictures, unrolled, one a row; the columns themselves
        where the features are the pixels.
    labels
        (m,) uint8, 0 or 1.
    stored_names
        (m,) on disk: what each picture is called.
    also_in_train
        How many of these pictures the train split holds too (0 for the train split itself).
    """

    columns: CheckedRows
    pixels: CheckedRows
    labels: NDArray[np.uint8]
    stored_names: CheckedArray
    also_in_train: int

    def __repr__(self) -> str:
        return f"<Split: m {self.m}, n_x {self.columns.shape[1]}>"

    @property
    def m(self) -> int:
        """The number of examples."""
        return self.labels.size

    @cached_property
    def X(self) -> NDArray[np.uint8]:
        """The examples (n_x, m), one a column, features 0 to 255; to be read, not written to."""
        return self.columns[:].T

    @property
    def Y(self) -> NDArray[np.float64]:
        """The labels (1, m)."""
        return self.labels.astype(np.float64).reshape(1, -1)

    @cached_property
    def names(self) -> list[str]:
        """What each picture is called."""
        return [name.decode("utf-8", "surrogateescape") for name in self.stored_names.read()]


@dataclass(frozen=True)
class Dataset:
    """A prepared dataset, open for reading.

    Parameters
    ----------
    path
        Its file.
    created_by
        The program that wrote it, and its version; empty where the file does not tell.
    classes
        (negative, positive): the class at index 0 has label 0.
    preprocessing
        How its pictures became columns.
    digest
        SHA-256 of the train split's columns and labels, in hexadecimal.
    train, test
        Its splits; test may be empty.
    """

    path: str
    created_by: str
    classes: tuple[str, str]
    preprocessing: Preprocessing
    digest: str
    train: Split
    test: Split


@contextmanager
def open_dataset(path: str | os.PathLike[str]) -> Iterator[Dataset]:
    """Open a prepared dataset; its columns are read when they are used, within the block.

    Raises
    ------
    DatasetError
        Where the file is missing, none of ours, of another version of catclf, damaged, or not
        complete.
    """
    with open_hdf5(path, PREPARED) as file:
        yield _read_dataset(file)


def _read_dataset(file: HDF5File) -> Dataset:
    if file.attribute("format") != FORMAT:
        raise DatasetError("is not a dataset that catclf prepared", file.where, _fix_of_other(file))
    version = file.attribute("format_version")
    if version != FORMAT_VERSION:
        old = version == 1
        raise DatasetError(
            f"has format version {version!r:.20}{' (of catclf 0.1)' if old else ''}; "
            f"this catclf reads {FORMAT_VERSION}",
            file.where,
            PREPARE_AGAIN if old else "Update catclf, or prepare the dataset again.",
        )
    classes = as_pair(file.attribute("classes"))
    digest = file.attribute("digest")
    if classes is None or not isinstance(digest, str):
        raise DatasetError("damaged: names no two classes, or no digest", file.where, PREPARE_AGAIN)
    try:
        preprocessing = Preprocessing.from_record(json.loads(file.attribute("preprocessing")))
    except (ValueError, TypeError, RecursionError) as error:
        raise DatasetError(
            f"damaged: its record of the preprocessing cannot be read ({error})",
            file.where,
            PREPARE_AGAIN,
        ) from error
    created_by = file.attribute("created_by")
    return Dataset(
        path=file.where,
        created_by=created_by if isinstance(created_by, str) else "",
        classes=classes,
        preprocessing=preprocessing,
        digest=digest,
        train=_read_split(file, "train", preprocessing),
        test=_read_split(file, "test", preprocessing),
    )


def _fix_of_other(file: HDF5File) -> str:
    """Return how to fix an HDF5 file that is none of ours."""
    names, path = file.names(), printable(shlex.quote(file.where))
    if "test_set_x" in names and "train_set_x" not in names:
        return f"Prepare it first, with the file of the train split: catclf prepare TRAIN {path}"
    if "train_set_x" in names or "list_classes" in names:
        return f"Prepare it first: catclf prepare {path}"
    return PREPARED.fix


def _read_split(file: HDF5File, name: str, preprocessing: Preprocessing) -> Split:
    stored_labels = checked_array(file, f"{name}/labels", "u1")
    names = checked_array(file, f"{name}/names", "S")
    labels = stored_labels.read()
    m = labels.size
    if m and labels.max() > 1:
        raise DatasetError("damaged: labels must be 0 or 1", stored_labels.where, PREPARE_AGAIN)
    if names.stored.shape != labels.shape:
        raise DatasetError(
            f"damaged: {m} labels need {m} names, not {names.stored.shape[0]}",
            names.where,
            PREPARE_AGAIN,
        )
    shape = (m, preprocessing.n_x)
    columns = checked_rows(file, f"{name}/columns", f"{name}/checksums", shape)
    pixels = columns
    if preprocessing.features != "pixels":
        shape = (m, preprocessing.pixel_n_x)
        pixels = checked_rows(file, f"{name}/pixels", f"{name}/pixel_checksums", shape)
    also = file.attribute("also_in_train", name) or 0
    if not isinstance(also, int) or not 0 <= also <= m:
        raise DatasetError(
            f"damaged: also_in_train must be 0 to {m}, got {also!r:.20}",
            f"{file.where}:{name}",
            PREPARE_AGAIN,
        )
    return Split(columns, pixels, labels, names, also)


def _is_dataset(path: str) -> bool:
    """Return whether a file is a dataset of ours, perhaps a damaged one, of any version."""
    found = file_kind(path)
    if found is not FileKind.HDF5:
        return found is FileKind.DATASET
    try:  # catclf 0.1 wrote it at the end
        with open_hdf5(path) as stored:
            return bool(stored.attribute("format") == FORMAT)
    except DatasetError:
        return False


DATASET_FILE = OutputKind("a dataset that catclf prepared", _is_dataset)


@dataclass(frozen=True)
class NewSplit:
    """A split of a dataset about to be written.

    Parameters
    ----------
    blocks
        The columns of X as rows, (k, n_x) uint8 at a time.
    labels
        (m,) uint8, 0 or 1.
    names
        What each picture is called.
    also_in_train
        How many of its pictures the train split holds too.
    pixel_blocks
        The pictures unrolled, (k, 3 size size) uint8 at a time; none where the features are pixels.
    """

    blocks: Iterable[NDArray[np.uint8]]
    labels: NDArray[np.uint8]
    names: Sequence[str]
    also_in_train: int = 0
    pixel_blocks: Iterable[NDArray[np.uint8]] = ()


def write_dataset(
    path: str | os.PathLike[str],
    classes: tuple[str, str],
    preprocessing: Preprocessing,
    train: NewSplit,
    test: NewSplit,
) -> None:
    """Write a prepared dataset, whole or not at all."""
    with replacing(path) as temporary, create_hdf5(temporary) as (file, check):
        file.attrs["format"] = _fixed_length([FORMAT])[0]  # at the file's beginning
        digest = _write_split(file.create_group("train"), train, preprocessing, check)
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["created_by"] = _fixed_length([f"catclf {__version__}"])[0]
        file.attrs["classes"] = _fixed_length(classes)
        file.attrs["preprocessing"] = _fixed_length([json.dumps(preprocessing.to_record())])[0]
        file.attrs["digest"] = _fixed_length([digest])[0]
        _write_split(file.create_group("test"), test, preprocessing, check)
        file["test"].attrs["also_in_train"] = test.also_in_train


def _write_split(
    group: h5py.Group, split: NewSplit, preprocessing: Preprocessing, check: Callable[[], None]
) -> str:
    """Write one split, and return the SHA-256 of its columns and labels."""
    m, digest = len(split.labels), hashlib.sha256()
    shape = (m, preprocessing.n_x)
    for block in write_rows(group, "columns", "checksums", shape, split.blocks):
        digest.update(np.ascontiguousarray(block).data)
        check()
    if preprocessing.features != "pixels":
        shape = (m, preprocessing.pixel_n_x)
        for _ in write_rows(group, "pixels", "pixel_checksums", shape, split.pixel_blocks):
            check()
    labels = split.labels.astype(np.uint8)
    digest.update(labels.data)
    write_array(group, "labels", labels)
    write_array(group, "names", _fixed_length(split.names))
    return digest.hexdigest()


def _fixed_length(texts: Sequence[str]) -> NDArray[np.bytes_]:
    """Return (m,) strings as UTF-8 of one length; bytes of a file's name that are none stay."""
    encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
    width = max(map(len, encoded), default=1) or 1
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", width))

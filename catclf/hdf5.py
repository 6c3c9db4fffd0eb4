"""HDF5 files from outside, opened so that reading one never opens another.

HDF5 can point anywhere: a link into another file, a dataset whose bytes are some other file of
the machine, a virtual dataset, a filter loaded as a plug-in. It can also claim more than it holds:
what was never written reads as zeros. `StoredArray` refuses all of them before any data is read.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf.errors import DatasetError
from catclf.files import is_lfs_pointer

__all__ = ["HDF5File", "StoredArray", "open_hdf5"]

# One chunk is decoded at once, whatever part of it is asked for.
MAX_CHUNK_BYTES = 256 * 2**20
# A chunk that several reads share (one picture at a time, say) is decoded once.
CHUNK_CACHE_BYTES = 64 * 2**20
BUILT_IN_FILTERS = frozenset(
    {
        h5py.h5z.FILTER_DEFLATE,
        h5py.h5z.FILTER_SHUFFLE,
        h5py.h5z.FILTER_FLETCHER32,
        h5py.h5z.FILTER_NBIT,
        h5py.h5z.FILTER_SCALEOFFSET,
        h5py.h5z.FILTER_LZF,
    }
)
# What h5py raises on damaged files, by trying thousands of them.
H5PY_ERRORS = (
    OSError,
    KeyError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    MemoryError,
    OverflowError,
)


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except DatasetError:
        raise
    except H5PY_ERRORS as error:
        raise DatasetError(
            "damaged: its contents cannot be read", where, "Fetch or make the file again."
        ) from error


@dataclass(frozen=True)
class StoredArray:
    """An array inside an HDF5 file: its bytes are all in that file, and none is read yet.

    Parameters
    ----------
    dataset
        The checked HDF5 dataset.
    where
        The file and the name in it, for messages.
    """

    dataset: Any  # h5py.Dataset: h5py has no types
    where: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return tuple(self.dataset.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its entries."""
        dtype: np.dtype[Any] = self.dataset.dtype
        return dtype

    def __getitem__(self, rows: int | slice) -> NDArray[Any]:
        """Read one row, or a run of rows; DatasetError where a checksum is wrong."""
        with _translated(self.where):
            read: NDArray[Any] = self.dataset[rows]
            return read

    def read_into(self, rows: NDArray[Any], start: int) -> None:
        """Fill `rows`, C-contiguous, with the rows from `start` on."""
        with _translated(self.where):
            self.dataset.read_direct(rows, np.s_[start : start + len(rows)])


@dataclass(frozen=True)
class HDF5File:
    """An open HDF5 file; made by `open_hdf5`."""

    file: Any  # h5py.File
    where: str

    def names(self) -> list[str]:
        """Return the names at the root."""
        with _translated(self.where):
            return list(self.file)

    def attribute(self, name: str, group: str = "/") -> Any:
        """Return an attribute, or None where there is none."""
        with _translated(self.where):
            return self._member(group).attrs.get(name)

    def has(self, name: str) -> bool:
        """Tell whether something stands at a path such as ``train/labels``."""
        with _translated(self.where):
            return name in self.file

    def array(self, name: str) -> StoredArray:
        """Return the array at a path such as ``train/labels``, checked.

        Raises
        ------
        DatasetError
            Where it is missing, is no array, points out of the file, or claims more bytes than
            are stored.
        """
        where = f"{self.where}:{name}"
        with _translated(where):
            found = self._member(name)
            if not isinstance(found, h5py.Dataset) or found.shape is None:
                raise DatasetError("is not an array", where)
            _refuse_elsewhere(found, where)
            _refuse_unstored(found, where)
            return StoredArray(found, where)

    def _member(self, path: str) -> Any:
        """Follow a path by hard links only: soft and external links point elsewhere."""
        member = self.file
        for name in path.strip("/").split("/") if path != "/" else []:
            if not isinstance(member, h5py.Group) or name not in member.id:
                raise DatasetError(f"holds no {path!r}", self.where)
            if member.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
                raise DatasetError(
                    f"{path!r} is a link to another place, and links are not followed",
                    self.where,
                    "Copy the data itself into the file (h5repack does).",
                )
            member = member[name]
        return member


@contextmanager
def open_hdf5(path: str | os.PathLike[str]) -> Iterator[HDF5File]:
    """Open an HDF5 file for reading.

    Raises
    ------
    DatasetError
        Where it is missing, no regular file, not HDF5, or cut short.
    """
    where = os.fspath(path)
    _refuse_non_hdf5(where)
    with _translated(where):
        # No lock: prepared files are only ever replaced whole, never written in place.
        file = h5py.File(where, "r", locking=False, rdcc_nbytes=CHUNK_CACHE_BYTES)
    try:
        yield HDF5File(file, where)
    finally:
        file.close()


def _refuse_non_hdf5(where: str) -> None:
    try:
        if not stat.S_ISREG(os.stat(where).st_mode):
            raise DatasetError("is not a regular file", where, "Name an HDF5 file.")
        with open(where, "rb") as file:
            head = file.read(128)
    except FileNotFoundError:
        raise DatasetError("no such file", where, "Check the path.") from None
    except OSError as error:
        raise DatasetError(f"cannot be read ({error.strerror})", where) from error
    except ValueError as error:  # a NUL in the path
        raise DatasetError("is no path of a file", where) from error
    if is_lfs_pointer(head):
        raise DatasetError(
            "is a Git LFS pointer, not the file itself", where, "Run 'git lfs pull'."
        )
    # The signature may also stand at 512, 1024, ...: a user block before it. Nobody here needs it.
    if not head.startswith(b"\x89HDF\r\n\x1a\n"):
        raise DatasetError("is not an HDF5 file", where, "Name an HDF5 file.")


def _refuse_elsewhere(dataset: Any, where: str) -> None:
    fix = "Copy the data itself into the file (h5repack does)."
    if dataset.is_virtual or dataset.external:
        raise DatasetError("its data stands in other files, which are not opened", where, fix)
    plist = dataset.id.get_create_plist()
    filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
    if not filters <= BUILT_IN_FILTERS:
        raise DatasetError("is compressed by a plug-in, which is not loaded", where, fix)
    if dataset.chunks and math.prod(dataset.chunks) * dataset.dtype.itemsize > MAX_CHUNK_BYTES:
        raise DatasetError("is stored in chunks of more than 256 MiB", where, fix)


def _refuse_unstored(dataset: Any, where: str) -> None:
    if dataset.chunks:
        declared = math.prod(
            -(-length // chunk) for length, chunk in zip(dataset.shape, dataset.chunks, strict=True)
        )
        complete = dataset.id.get_num_chunks() == declared
    else:
        declared = math.prod(dataset.shape) * dataset.dtype.itemsize
        complete = dataset.id.get_storage_size() >= declared
    if not complete:
        raise DatasetError(
            "claims more data than the file holds (it was not written to its end)",
            where,
            "Fetch or make the file again.",
        )

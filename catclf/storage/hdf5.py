"""HDF5 files, opened so that reading one never opens another, and no claim is believed.

An HDF5 file can point anywhere: by a link into another file, by an array whose bytes are some other
file of the machine, by a virtual array, by a filter that is loaded as a plug-in. It can also claim
more than it holds: what was never written reads as zeros. All of that is refused before any data
is read.
"""

from __future__ import annotations

import itertools
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf.errors import DatasetError
from catclf.storage.files import is_lfs_pointer, open_regular
from catclf.storage.hdf5_heap import read_entries, read_string

__all__ = ["HDF5File", "StoredArray", "open_hdf5"]

# A chunk is decoded whole, whatever part of it is asked for, and kept for the next read, of the
# next picture for example, where the cache is large enough.
MAX_CHUNK_BYTES = 64 * 2**20
MAX_ATTRIBUTE_BYTES = 64 * 2**10
# What `compression="gzip"` of h5py applies, in this order; StoredArray checks its chunks.
FILTERS = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32)
# What h5py and `hdf5_heap` raise on damaged files, found by reading thousands of them.
H5PY_ERRORS = (
    OSError,
    LookupError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
)
FETCH_AGAIN = "Fetch or make the file again."
STORE_INSIDE = "Write the data itself into one file (create_dataset of h5py does)."


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except DatasetError:
        raise
    except MemoryError:
        raise DatasetError(
            "not enough memory to read it", where, "Free some, and try again."
        ) from None
    except H5PY_ERRORS as error:
        raise DatasetError("damaged: its contents cannot be read", where, FETCH_AGAIN) from error


@dataclass(frozen=True)
class StoredArray:
    """An array in an HDF5 file, whose bytes all stand in that file; indexing it reads them.

    Parameters
    ----------
    dataset
        The checked HDF5 dataset.
    where
        The file and the name in it, for messages.
    filters
        Which of FILTERS its chunks went through.
    checked_bands
        The bands of chunks, counted along the rows, whose sizes are known to be right.
    """

    dataset: Any  # h5py.Dataset: h5py has no types
    where: str
    filters: tuple[int, ...]
    checked_bands: set[int] = field(default_factory=set, compare=False, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return tuple(self.dataset.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its entries."""
        dtype: np.dtype[Any] = self.dataset.dtype
        return dtype

    @property
    def stored_bytes(self) -> int:
        """The number of bytes that it takes in the file, compressed where it is."""
        with _translated(self.where):
            return int(self.dataset.id.get_storage_size())

    def __getitem__(self, rows: int | slice) -> NDArray[Any]:
        """Read one row, or a run of rows.

        Raises
        ------
        DatasetError
            Where they are damaged.
        """
        with _translated(self.where):
            indices = range(self.shape[0])[rows]
            self._check(range(indices, indices + 1) if isinstance(indices, int) else indices)
            values: NDArray[Any] = self.dataset[rows]
            return values

    def _check(self, rows: range) -> None:
        """Raise ValueError where a chunk of these rows has not the size that it must have.

        Where a chunk unpacks to too little, HDF5 (2.0 as well) returns memory that was never
        written; it takes as much memory as a chunk unpacks to, and crashes on one that is shorter
        than its checksum.
        """
        if not self.filters or not rows:
            return
        chunks = self.dataset.chunks
        for band in range(min(rows) // chunks[0], max(rows) // chunks[0] + 1):
            if band not in self.checked_bands:
                across = zip(self.shape[1:], chunks[1:], strict=True)
                starts = [range(0, length, chunk) for length, chunk in across]
                for corner in itertools.product([band * chunks[0]], *starts):
                    self._check_chunk(corner)
                self.checked_bands.add(band)

    def _check_chunk(self, corner: tuple[int, ...]) -> None:
        declared = math.prod(self.dataset.chunks) * self.dtype.itemsize
        skipped, stored = self.dataset.id.read_direct_chunk(corner)
        if h5py.h5z.FILTER_FLETCHER32 in self.filters:
            stored = stored[:-4]
        unpacked = stored
        if h5py.h5z.FILTER_DEFLATE in self.filters:
            try:
                unpacked = zlib.decompressobj().decompress(stored, declared + 1)
            except zlib.error as error:
                raise ValueError("a chunk that is no gzip data") from error
        if skipped or len(unpacked) != declared:
            raise ValueError("a chunk of a wrong size")

    def texts(self, max_bytes: int) -> list[str]:
        """Read an array (m,) of strings, of any string type, each of at most `max_bytes`.

        Raises
        ------
        DatasetError
            Where it holds no strings, or longer ones, or strings that cannot be read.
        """
        with _translated(self.where):
            kind = h5py.check_string_dtype(self.dtype)
            if kind is None:
                raise DatasetError("must hold strings", self.where, "Store the names as strings.")
            if kind.length is not None and kind.length > max_bytes:
                raise _too_long(max_bytes, self.where)
            strings = self[:] if kind.length is not None else self._heap_strings(max_bytes)
            return [string.decode("utf-8", "replace") for string in strings]

    def _heap_strings(self, max_bytes: int) -> Iterator[bytes]:
        """Yield the strings of an array of variable length."""
        start = self.dataset.id.get_offset()
        if start is None or self.dataset.file.id.get_create_plist().get_sizes() != (8, 8):
            raise DatasetError(
                "its strings are stored in a way that is not read here",
                self.where,
                "Store strings of a fixed length.",
            )
        with open(self.dataset.file.filename, "rb") as file:
            for entry in read_entries(file, start, self.shape[0]):
                if not 1 <= entry.length <= max_bytes:
                    raise _too_long(max_bytes, self.where)
                yield read_string(file, entry)


@dataclass(frozen=True)
class HDF5File:
    """An open HDF5 file, as `open_hdf5` yields it."""

    file: Any  # h5py.File
    where: str

    def names(self) -> list[str]:
        """Return the names of what stands at the root."""
        with _translated(self.where):
            return list(self.file)

    def attribute(self, name: str, group: str = "/") -> Any:
        """Return an attribute: a str, a number or a list of them; None where there is none.

        Raises
        ------
        DatasetError
            Where it is anything else: a string of variable length, for example, which stands in a
            heap without a checksum.
        """
        with _translated(self.where):
            attributes = self._member(group).attrs
            if name not in attributes:
                return None
            stored = attributes.get_id(name)
            if stored.dtype.kind not in "Siuf" or stored.get_storage_size() > MAX_ATTRIBUTE_BYTES:
                raise DatasetError(
                    f"its attribute {name!r} is neither numbers nor text of fixed length",
                    self.where,
                    FETCH_AGAIN,
                )
            value = np.asarray(attributes[name])
            if value.dtype.kind == "S":
                value = np.char.decode(value, "utf-8", "surrogateescape")
            return value.tolist()

    def array(self, name: str) -> StoredArray:
        """Return the array at a path such as ``train/labels``.

        Raises
        ------
        DatasetError
            Where it is missing, is no array, points out of the file, or claims more bytes than
            are stored.
        """
        where = f"{self.where}:{name}"
        with _translated(where):
            found = self._member(name)
            if not isinstance(found, h5py.Dataset):
                raise DatasetError("is not an array", where, "Store an array there.")
            # Before all else: asking a virtual array for its shape opens other files.
            filters = _readable_filters(found, where)
            if found.shape is None:
                raise DatasetError("is not an array", where, "Store an array there.")
            _refuse_unstored(found, where)
            return StoredArray(found, where, filters)

    def _member(self, path: str) -> Any:
        """Follow a path by hard links only: soft and external links point elsewhere."""
        member = self.file
        for name in path.strip("/").split("/") if path != "/" else []:
            # `name in member` would follow a link to see whether it leads anywhere.
            if not isinstance(member, h5py.Group) or not member.id.links.exists(name.encode()):
                raise DatasetError(f"holds no {path!r}", self.where, FETCH_AGAIN)
            if member.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
                raise DatasetError(
                    f"{path!r} is a link to another place, and links are not followed",
                    self.where,
                    STORE_INSIDE,
                )
            member = member[name]
        return member


@contextmanager
def open_hdf5(
    path: str | os.PathLike[str],
    cache_bytes: int = MAX_CHUNK_BYTES,
    missing: str = "Check the path.",
) -> Iterator[HDF5File]:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path
        The file.
    cache_bytes
        How much of an array's chunks is kept, once unpacked, for the next read.
    missing
        The fix that the error names where there is no such file.

    Raises
    ------
    DatasetError
        Where it is missing, no regular file, not HDF5, or cut short.
    """
    where = os.fspath(path)
    _refuse_non_hdf5(where, missing)
    with _translated(where):
        # No lock: prepared files are only ever replaced whole, never written in place.
        file = h5py.File(where, "r", locking=False, rdcc_nbytes=cache_bytes)
    try:
        yield HDF5File(file, where)
    finally:
        file.close()


def _refuse_non_hdf5(where: str, missing: str) -> None:
    with open_regular(where, DatasetError, missing) as file:
        head = file.read(128)
    if is_lfs_pointer(head):
        raise DatasetError("a Git LFS pointer, not the file itself", where, "Run 'git lfs pull'.")
    # The signature may also stand at 512, 1024 and so on, behind a user block: that is not read.
    if not head.startswith(b"\x89HDF\r\n\x1a\n"):
        raise DatasetError("is not an HDF5 file", where, "Name an HDF5 file.")


def _too_long(max_bytes: int, where: str) -> DatasetError:
    return DatasetError(f"must hold strings of 1 to {max_bytes} bytes", where, "Shorten the names.")


def _readable_filters(dataset: Any, where: str) -> tuple[int, ...]:
    """Return an array's filters; raise where it points out of the file, or others are used."""
    if dataset.is_virtual or dataset.external:
        raise DatasetError(
            "its data stands in other files, which are not opened", where, STORE_INSIDE
        )
    plist = dataset.id.get_create_plist()
    filters = tuple(plist.get_filter(i)[0] for i in range(plist.get_nfilters()))
    if filters != tuple(known for known in FILTERS if known in filters):
        raise DatasetError(
            "is compressed in a way that is not read here", where, "Use gzip, or no compression."
        )
    if dataset.chunks and math.prod(dataset.chunks) * dataset.dtype.itemsize > MAX_CHUNK_BYTES:
        raise DatasetError(
            f"is stored in chunks of more than {MAX_CHUNK_BYTES // 2**20} MiB",
            where,
            "Store it in smaller chunks, of one picture for example.",
        )
    return filters


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
            FETCH_AGAIN,
        )

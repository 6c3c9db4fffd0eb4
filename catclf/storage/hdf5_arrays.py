"""An array in an HDF5 file, whose every byte is known to stand in that file before it is read.

An array can point out of its file, ask for a filter that is loaded as a plug-in, and claim more
than is stored: what was never written reads as zeros, and what a chunk lacks as any memory.
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
from functools import cached_property
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf.errors import DatasetError
from catclf.storage.hdf5_heap import read_entries, read_string
from catclf.storage.lzf import unpacked_bytes

# A chunk is decoded whole, whatever part of it is asked for, and kept for the next read, of the
# next picture for example, where the cache is large enough.
MAX_CHUNK_BYTES = 64 * 2**20
# What `compression="gzip"` or "lzf" of h5py applies, in this order; StoredArray checks its chunks.
COMPRESSIONS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF)
FILTERS = (h5py.h5z.FILTER_SHUFFLE, *COMPRESSIONS, h5py.h5z.FILTER_FLETCHER32)
LZF_BUFFER = 2  # the number of its parameter that says how much memory it takes
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
def translated_errors(where: str) -> Iterator[None]:
    """Raise what h5py raises on a damaged file as a DatasetError."""
    try:
        yield
    except DatasetError:
        raise
    except MemoryError:
        raise DatasetError(
            "not enough memory to read it", where, "Free some, and try again."
        ) from None
    except H5PY_ERRORS as error:
        cut = "truncated file" in str(error)
        what = "damaged: cut short" if cut else "damaged: its contents cannot be read"
        raise DatasetError(what, where, FETCH_AGAIN) from error


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
    def identity(self) -> str:
        """What is the same for one array, by whatever path its file is named."""
        path = os.path.normcase(os.path.realpath(self.dataset.file.filename))
        return f"{path}:{self.dataset.name}"

    @property
    def stored_bytes(self) -> int:
        """The number of bytes that it takes in the file, compressed where it is."""
        with translated_errors(self.where):
            return int(self.dataset.id.get_storage_size())

    @cached_property
    def is_contiguous(self) -> bool:
        """Whether its bytes stand in the file one after another, as they are."""
        with translated_errors(self.where):
            layout = self.dataset.id.get_create_plist().get_layout()
            return bool(layout == h5py.h5d.CONTIGUOUS) and not self.filters

    @property
    def start(self) -> int:
        """Where in the file a contiguous array begins; 0 where it holds no entries."""
        with translated_errors(self.where):
            return self.dataset.id.get_offset() or 0

    @property
    def descriptor(self) -> int:
        """The number by which the system knows the open file, as the HDF5 library calls it."""
        with translated_errors(self.where):
            return int(self.dataset.file.id.get_vfd_handle())

    @property
    def file_bytes(self) -> int:
        """The number of bytes that the file has now."""
        with translated_errors(self.where):
            try:
                return os.fstat(self.descriptor).st_size
            except OSError:  # Windows, where HDF5 was built with another C library than Python
                return os.stat(self.dataset.file.filename).st_size

    def check_end(self) -> None:
        """Raise DatasetError where the file ends before this contiguous array.

        HDF5 compares a file's length with its metadata when it opens it; what is cut off later
        reads as zeros.
        """
        if self.file_bytes < self.start + self.stored_bytes:
            raise DatasetError("damaged: cut short", self.where, FETCH_AGAIN)

    def __getitem__(self, rows: int | slice) -> NDArray[Any]:
        """Read one row, or a run of rows.

        Raises
        ------
        DatasetError
            Where they are damaged.
        """
        with translated_errors(self.where):
            indices = range(self.shape[0])[rows]
            if self.is_contiguous:
                self.check_end()
            self._check_chunks(range(indices, indices + 1) if isinstance(indices, int) else indices)
            values: NDArray[Any] = self.dataset[rows]
            return values

    def _check_chunks(self, rows: range) -> None:
        """Raise ValueError where a chunk of these rows has not the size that it must have.

        Where a chunk unpacks to too little, HDF5 (2.0 as well) returns memory that was never
        written; it takes as much memory as a chunk unpacks to, and crashes on one that is shorter
        than its checksum. h5py's LZF reads one byte of an empty chunk, which is not there; given
        whole data of the right size, it writes no more and no less than that size.
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
        declared = math.prod(self.dataset.chunks) * _entry_bytes(self.dataset)
        skipped, stored = self.dataset.id.read_direct_chunk(corner)
        # LZF is skipped, by a bit for each filter, where it would make a chunk larger.
        applied = [each for i, each in enumerate(self.filters) if not skipped >> i & 1]
        if h5py.h5z.FILTER_FLETCHER32 in applied:
            stored = stored[:-4]
        unpacked = len(stored)
        if h5py.h5z.FILTER_LZF in applied:
            unpacked = unpacked_bytes(stored, declared)
        elif h5py.h5z.FILTER_DEFLATE in applied:
            try:
                unpacked = len(zlib.decompressobj().decompress(stored, declared + 1))
            except zlib.error as error:
                raise ValueError("a chunk that is no gzip data") from error
        if unpacked != declared:
            raise ValueError("a chunk of a wrong size")

    def texts(self, max_bytes: int) -> list[str]:
        """Read an array (m,) of strings, of any string type, each of at most `max_bytes`.

        Raises
        ------
        DatasetError
            Where it holds no strings, or longer ones, or strings that cannot be read.
        """
        with translated_errors(self.where):
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
                yield read_string(file, entry, self.dataset.file.userblock_size)


def stored_array(dataset: Any, where: str) -> StoredArray:
    """Return an HDF5 dataset as an array that can be read.

    Raises
    ------
    DatasetError
        Where it points out of the file, is compressed in an unknown way, or claims more bytes than
        are stored.
    """
    # Before all else: asking a virtual array for its shape opens other files.
    _refuse_elsewhere(dataset, where)
    if dataset.shape is None:
        raise DatasetError("is not an array", where, "Store an array there.")
    filters = _readable_filters(dataset, where)
    _refuse_unstored(dataset, where)
    return StoredArray(dataset, where, filters)


def _too_long(max_bytes: int, where: str) -> DatasetError:
    return DatasetError(f"must hold strings of 1 to {max_bytes} bytes", where, "Shorten the names.")


def _refuse_elsewhere(dataset: Any, where: str) -> None:
    if dataset.is_virtual or dataset.external:
        raise DatasetError(
            "its data stands in other files, which are not opened", where, STORE_INSIDE
        )


def _readable_filters(dataset: Any, where: str) -> tuple[int, ...]:
    """Return an array's filters; raise where others than FILTERS are used, or large chunks."""
    plist = dataset.id.get_create_plist()
    pipeline = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    filters = tuple(number for number, *_ in pipeline)
    if filters != tuple(known for known in FILTERS if known in filters) or (
        set(COMPRESSIONS) <= set(filters)
    ):
        raise DatasetError(
            "is compressed in a way that is not read here",
            where,
            "Use gzip or lzf, or no compression.",
        )
    buffers = [
        parameters[LZF_BUFFER]
        for number, _, parameters, _ in pipeline
        if number == h5py.h5z.FILTER_LZF and len(parameters) > LZF_BUFFER
    ]
    chunk_bytes = math.prod(dataset.chunks or ()) * _entry_bytes(dataset)
    if dataset.chunks and max(chunk_bytes, *buffers, 0) > MAX_CHUNK_BYTES:
        raise DatasetError(
            f"is stored in chunks of more than {MAX_CHUNK_BYTES // 2**20} MiB",
            where,
            "Store it in smaller chunks, of one picture for example.",
        )
    return filters


def _entry_bytes(dataset: Any) -> int:
    """Return the bytes of an entry in the file, not of its Python type."""
    return int(dataset.id.get_type().get_size())


def _refuse_unstored(dataset: Any, where: str) -> None:
    if dataset.chunks:
        declared = math.prod(
            -(-length // chunk) for length, chunk in zip(dataset.shape, dataset.chunks, strict=True)
        )
        complete = dataset.id.get_num_chunks() == declared
    else:
        declared = math.prod(dataset.shape) * _entry_bytes(dataset)
        complete = dataset.id.get_storage_size() >= declared
    if not complete:
        raise DatasetError(
            "claims more data than the file holds (it was not written to its end)",
            where,
            FETCH_AGAIN,
        )

"""HDF5 files from outside, opened so that reading one never opens another.

HDF5 can point anywhere: a link into another file, a dataset whose bytes are some other file of
the machine, a virtual dataset, a filter loaded as a plug-in. It can also claim more than it holds:
what was never written reads as zeros. All of that is refused before any data is read.
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
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf.errors import DatasetError
from catclf.storage.files import is_lfs_pointer, open_regular

__all__ = ["HDF5File", "StoredArray", "open_hdf5"]

# One chunk is decoded at once, whatever part of it is asked for, and kept for the next read
# (of the next picture, say): the cache takes what fits into it.
MAX_CHUNK_BYTES = 64 * 2**20
MAX_ATTRIBUTE_BYTES = 64 * 2**10
# What `compression="gzip"` of h5py applies, in this order; StoredArray checks what comes of it.
FILTERS = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32)
# What h5py, and reading its heaps here, raise on damaged files, by trying thousands of them.
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
            "the memory is too short to read it", where, "Free some, and try again."
        ) from None
    except H5PY_ERRORS as error:
        raise DatasetError("damaged: its contents cannot be read", where, FETCH_AGAIN) from error


@dataclass(frozen=True)
class StoredArray:
    """An array inside an HDF5 file: its bytes are all in that file, and none is read yet.

    Parameters
    ----------
    dataset
        The checked HDF5 dataset.
    where
        The file and the name in it, for messages.
    filters
        Which of FILTERS its chunks went through.
    checked
        The bands of chunks, counted along the rows, that have been found sound.
    """

    dataset: Any  # h5py.Dataset: h5py has no types
    where: str
    filters: tuple[int, ...]
    checked: set[int] = field(default_factory=set, compare=False, repr=False)

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
        """How many bytes of the file it takes, compressed where it is."""
        with _translated(self.where):
            return int(self.dataset.id.get_storage_size())

    def __getitem__(self, rows: int | slice) -> NDArray[Any]:
        """Read one row, or a run of rows; DatasetError where a checksum is wrong."""
        with _translated(self.where):
            chosen = range(self.shape[0])[rows]
            self._check(range(chosen, chosen + 1) if isinstance(chosen, int) else chosen)
            read: NDArray[Any] = self.dataset[rows]
            return read

    def _check(self, rows: range) -> None:
        """Raise ValueError where a chunk of these rows is not of the size it must be.

        HDF5 (2.0 as well) hands out memory that was never written where a chunk unpacks to too
        little, takes as much memory as it unpacks to, and crashes on one shorter than its checksum.
        """
        if not self.filters or not rows:
            return
        chunks = self.dataset.chunks
        for band in range(min(rows) // chunks[0], max(rows) // chunks[0] + 1):
            if band not in self.checked:
                across = zip(self.shape[1:], chunks[1:], strict=True)
                starts = [range(0, length, chunk) for length, chunk in across]
                for corner in itertools.product([band * chunks[0]], *starts):
                    self._check_chunk(corner)
                self.checked.add(band)

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

    def texts(self, longest: int) -> list[str]:
        """Read a (m,) array of strings, of any string type, each of at most `longest` bytes."""
        with _translated(self.where):
            kind = h5py.check_string_dtype(self.dtype)
            if kind is None:
                raise DatasetError("must hold strings", self.where, "Store the names as strings.")
            if kind.length is None:
                return [text.decode("utf-8", "replace") for text in self._heap_texts(longest)]
            if kind.length > longest:
                raise _too_long(longest, self.where)
            return [text.decode("utf-8", "replace") for text in self[:]]

    def _heap_texts(self, longest: int) -> Iterator[bytes]:
        """Yield strings of variable length.

        Not by HDF5 (2.0 as well), which takes as much memory as a length claims, and walks a
        damaged heap for ever. HDF5 File Format Specification, IV: an entry is the string's
        length in 4 bytes, its heap collection's address in 8 and its index in 4.
        """
        start = self.dataset.id.get_offset()
        if start is None or self.dataset.file.id.get_create_plist().get_sizes() != (8, 8):
            raise DatasetError(
                "its strings are stored in a way that is not read here",
                self.where,
                "Store strings of a fixed length.",
            )
        with open(self.dataset.file.filename, "rb") as file:
            for entry in range(start, start + 16 * self.shape[0], 16):
                file.seek(entry)
                length, collection, index = struct.unpack("<IQI", file.read(16))
                if not 1 <= length <= longest:
                    raise _too_long(longest, self.where)
                yield _heap_object(file, collection, index, length)


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
        """Return an attribute: a str, a number or a list of them; None where there is none.

        Raises
        ------
        DatasetError
            Where it is anything else. Strings of variable length stand apart, in a heap that has
            no checksum: they are not read.
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
            if not isinstance(found, h5py.Dataset):
                raise DatasetError("is not an array", where, "Store an array there.")
            # First of all: the shape of a virtual dataset is found by opening other files.
            filters = _readable_filters(found, where)
            if found.shape is None:
                raise DatasetError("is not an array", where, "Store an array there.")
            _refuse_unstored(found, where)
            return StoredArray(found, where, filters)

    def _member(self, path: str) -> Any:
        """Follow a path by hard links only: soft and external links point elsewhere."""
        member = self.file
        for name in path.strip("/").split("/") if path != "/" else []:
            # Not `name in member`, which follows a link to see whether it leads anywhere.
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
    """Open an HDF5 file for reading, with at most `cache_bytes` of an array's chunks kept.

    `missing` is how to fix that there is no such file.

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
    # The signature may also stand at 512, 1024, ...: a user block before it. Nobody here needs it.
    if not head.startswith(b"\x89HDF\r\n\x1a\n"):
        raise DatasetError("is not an HDF5 file", where, "Name an HDF5 file.")


def _too_long(longest: int, where: str) -> DatasetError:
    return DatasetError(f"must hold strings of 1 to {longest} bytes", where, "Shorten the names.")


def _readable_filters(dataset: Any, where: str) -> tuple[int, ...]:
    """Return the filters of a dataset whose data is in its file, and can be unpacked here."""
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


def _heap_object(file: BinaryIO, collection: int, wanted: int, length: int) -> bytes:
    """Return the first `length` bytes of an object in a global heap; ValueError where it is none.

    HDF5 File Format Specification, III.E: a collection is 16 bytes, its size in the last 8, then
    objects: each 16 bytes, its index in the first 2 and its size in the last 8, then its data,
    padded to 8. Object 0 is the free space at the end.
    """
    file.seek(collection)
    signature, size = struct.unpack("<4s4xQ", file.read(16))
    position, end = collection + 16, collection + size
    for _ in range(2**16 if signature == b"GCOL" else 0):
        file.seek(position)
        index, size = struct.unpack("<H6xQ", file.read(16))
        following = position + 16 + -(-size // 8) * 8
        if index == 0 or following > end:
            break
        if index == wanted:
            if size < length:
                break
            return file.read(length)
        position = following
    raise ValueError("a damaged heap")

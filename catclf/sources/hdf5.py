"""Arrays of HDF5 files.

h5py reads them, once it is known that all their bytes stand in the file. Reading one never opens
another: links, external and virtual data are refused. Of what h5py can decompress, gzip alone is
read, in chunks of a bounded size, since it loads plug-ins for others.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf.errors import DatasetError
from catclf.files import HEAD_BYTES, Expected, FileKind, kind_of_bytes
from catclf.sources.entries import FETCH_AGAIN

MAX_CHUNK_BYTES = 64 * 2**20
WRITE_AGAIN = "Write it again with h5py's create_dataset(name, data=...), strings with dtype='S'."
# What h5py raises on damaged files.
H5PY_ERRORS = (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError)


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Raise what h5py raises on a damaged file as a DatasetError."""
    try:
        yield
    except DatasetError:
        raise
    except (*H5PY_ERRORS, ArithmeticError, MemoryError, zlib.error) as error:
        cut = "truncated file" in str(error)
        what = "damaged: cut short" if cut else "damaged: its contents cannot be read"
        raise DatasetError(what, where, FETCH_AGAIN) from error


@dataclass(frozen=True)
class HDF5Array:
    """An array in an HDF5 file, whose bytes all stand in it; indexing it reads them."""

    dataset: Any  # h5py.Dataset: h5py has no types
    where: str
    checked: set[tuple[int, ...]] = field(default_factory=set, compare=False)  # chunks, by place

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.dataset.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its entries."""
        dtype: np.dtype[Any] = self.dataset.dtype
        return dtype

    @property
    def stored_bytes(self) -> int:
        """The number of bytes that it takes in the file, compressed where it is."""
        return int(self.dataset.id.get_storage_size())

    @property
    def identity(self) -> str:
        """What is the same for one array, by whatever path its file is named."""
        path = os.path.normcase(os.path.realpath(self.dataset.file.filename))
        return f"{path}:{self.dataset.name}"

    def __getitem__(self, row: int | slice) -> NDArray[Any]:
        """Read one row, or all; DatasetError where it is damaged."""
        with _translated(self.where):
            if self.dataset.chunks:
                self._check_chunks(row)
            values: NDArray[Any] = self.dataset[row]
            return values

    def _check_chunks(self, row: int | slice) -> None:
        """Raise ValueError where a chunk of a row is too short: h5py returns any memory then."""
        size = math.prod(self.dataset.chunks) * self.dataset.dtype.itemsize
        rows = row if isinstance(row, slice) else slice(row, row + 1)
        for chunk in self.dataset.iter_chunks((rows, *[slice(None)] * (len(self.shape) - 1))):
            places = zip(chunk, self.dataset.chunks, strict=True)
            first = tuple(place.start // n * n for place, n in places)
            if first in self.checked:
                continue
            # h5py takes memory for what a chunk should be, and HDF5 fills it with what it claims.
            claimed = self.dataset.id.get_chunk_info_by_coord(first).size
            if claimed > MAX_CHUNK_BYTES or (claimed != size and not self.dataset.compression):
                raise ValueError("a chunk of a wrong size")
            skipped, stored = self.dataset.id.read_direct_chunk(first)
            if self.dataset.compression and not skipped:
                stored = zlib.decompressobj().decompress(stored, size + 1)
            if len(stored) != size:
                raise ValueError("a chunk of a wrong size")
            self.checked.add(first)


@dataclass(frozen=True)
class HDF5File:
    """An open HDF5 file, as `open_hdf5` yields it."""

    file: Any  # h5py.File
    where: str

    def names(self) -> list[str]:
        """Return the names of what stands at the root, and as ``group/name`` in its groups."""
        names: list[str] = []
        with _translated(self.where):
            for name in _texts(self.file):
                within: list[str] = []
                with suppress(*H5PY_ERRORS):  # where nobody asks for it, it may be anything
                    found = self._linked(name)
                    within = _texts(found) if isinstance(found, h5py.Group) else []
                names += [f"{name}/{each}" for each in within] or [name]
        return names

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of the array of a name; DatasetError as of `array`."""
        return self.array(name).shape

    def array(self, name: str) -> HDF5Array:
        """Return the array of a name; DatasetError where it is not to be read."""
        where = f"{self.where}:{name}"
        with _translated(where):
            found = self._linked(name)
            # Before all else: asking a virtual array for its shape opens other files.
            if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
                raise DatasetError("is not an array stored in this file", where, WRITE_AGAIN)
            plist = found.id.get_create_plist()
            filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
            chunk_bytes = math.prod(found.chunks or ()) * found.dtype.itemsize
            if (
                found.shape is None
                or filters not in ([], [h5py.h5z.FILTER_DEFLATE])
                or (found.chunks and chunk_bytes > MAX_CHUNK_BYTES)
                or found.dtype.hasobject
                or found.id.get_type().get_size() != found.dtype.itemsize
            ):
                raise DatasetError(
                    "is stored in a way that catclf does not read", where, WRITE_AGAIN
                )
            if found.chunks:
                lengths = zip(found.shape, found.chunks, strict=True)
                declared = math.prod(-(-length // chunk) for length, chunk in lengths)
                whole = found.id.get_num_chunks() == declared
            else:
                whole = found.id.get_storage_size() >= found.size * found.dtype.itemsize
            if not whole:
                raise DatasetError("damaged: claims more than the file holds", where, FETCH_AGAIN)
            return HDF5Array(found, where)

    def _linked(self, name: str) -> Any:
        """Return what stands in this file by a name; None for a link to what may not."""
        links = self.file.id.links
        info = links.get_info(name.encode("utf-8", "surrogateescape"))
        return self.file[name] if info.type == h5py.h5l.TYPE_HARD else None


def _texts(names: Iterable[str | bytes]) -> list[str]:
    return [name for name in names if isinstance(name, str)]  # bytes are no UTF-8


@contextmanager
def open_hdf5(path: str, expected: Expected) -> Iterator[HDF5File]:
    """Open an HDF5 file; DatasetError where it is missing, of another kind, or cut short."""
    with expected.open(path, DatasetError) as file:
        head = file.read(HEAD_BYTES)
    with _translated(path):
        if not h5py.is_hdf5(path):
            raise expected.mismatch(head, path, DatasetError)
        if kind_of_bytes(head) is FileKind.DATASET:
            what = "is a dataset of an older catclf, which holds columns and no pictures"
            raise DatasetError(what, path, "Prepare its pictures again.")
        if head.startswith(b"MATLAB"):  # pictures would lie on their sides
            what = "is a MATLAB file, whose arrays have their axes in reverse order"
            raise DatasetError(what, path, "Save them from Python with np.savez(path, X=X, y=y).")
        opened = h5py.File(path, "r", locking=False, rdcc_nbytes=MAX_CHUNK_BYTES)
    try:
        yield HDF5File(opened, path)
    finally:
        opened.close()

"""Arrays of NumPy's files, .npz and .npy, that anyone may have written.

They are read as `catclf.npz` reads, by which no claim is believed before it has been checked, and
rows by position. Of an .npz checksums are compared before any array is used. What is compressed, or
stored column by column, is held in memory, where it takes no more than half of what is free.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import IO, Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray

from catclf.errors import DatasetError
from catclf.files import NPY_SIGNATURE, Expected
from catclf.npz import (
    MAX_HEADER_BYTES,
    PICKLED,
    SAVE_UNPICKLED,
    Npz,
    open_npz,
    read_header,
)
from catclf.workers import available_memory

READ_BYTES = 2**20  # at once, of what is checked or unpacked
SAVE_AGAIN = "Fetch the file again, or save it again with np.savez or np.save."


@dataclass(frozen=True)
class NumpyArray:
    """An array in an .npy or .npz; indexing it reads rows, by position but where it is `held`."""

    npz: Npz
    name: str
    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    stored_bytes: int  # compressed, where it is
    start: int  # of its entries in the file
    held: NDArray[Any] | None

    @property
    def identity(self) -> str:
        """What is the same for one array, by whatever path its file is named."""
        return f"{os.path.normcase(os.path.realpath(self.npz.where))}:{self.name}"

    def __getitem__(self, row: int | slice) -> NDArray[Any]:
        """Read one row, or some; DatasetError where the file has changed."""
        if self.held is not None:
            return self.held[row]
        rows = row if isinstance(row, slice) else slice(row, row + 1)
        first, stop, _ = rows.indices(self.shape[0])
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        data = np.empty((stop - first) * row_bytes, np.uint8)
        self.npz.read_at(self.start + first * row_bytes, data, self.name)
        values = data.view(self.dtype).reshape(stop - first, *self.shape[1:])
        return values if isinstance(row, slice) else values[0]


@dataclass(frozen=True)
class NumpyFile:
    """An open .npz, or an .npy, whose only array has the name of nothing."""

    npz: Npz

    @property
    def where(self) -> str:
        """The path of the file."""
        return self.npz.where

    def names(self) -> list[str]:
        """Return the names of its arrays."""
        return list(self.npz.members) or [""]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of the array of a name; DatasetError where that is no array."""
        return self._header(name)[0]

    def array(self, name: str) -> NumpyArray:
        """Return the array of a name; DatasetError where it is not whole, or takes much memory."""
        shape, fortran, dtype, start, size = self._header(name)
        member, where, held = self.npz.members.get(name), self._where(name), None
        is_packed = member is not None and member.compress_type != ZIP_STORED
        with self.npz.translated(name), self._stream(name) as stream:
            if is_packed or (fortran and len(shape) > 1):
                held = _memory(size, where)
            if member or held is not None:
                stream.read(start)
                for at in range(0, size, READ_BYTES):  # at its end a checksum is compared
                    part = stream.read(min(READ_BYTES, size - at))
                    if len(part) < min(READ_BYTES, size - at):
                        raise self.npz.damaged("cut short", name)
                    if held is not None:
                        held[at : at + len(part)] = np.frombuffer(part, np.uint8)
            start += self.npz.find(name)[1] if member else 0
        if held is not None:
            held = held.view(dtype).reshape(shape, order="F" if fortran else "C")
        stored = member.compress_size if member else size
        return NumpyArray(self.npz, name, where, shape, dtype, stored, start, held)

    def _header(self, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int, int]:
        """Return shape, order and type, where the entries begin in the .npy, and their bytes."""
        member = self.npz.members.get(name)
        with self.npz.translated(name):
            with self._stream(name) as stream:
                shape, fortran, dtype, offset = read_header(stream.read(MAX_HEADER_BYTES))
            if dtype.hasobject:
                fix = "Save labels as strings, y.astype(str), and pictures as one array of uint8."
                raise DatasetError(PICKLED, self._where(name), fix if shape else SAVE_UNPICKLED)
            size = (member.file_size if member else self.npz.file_bytes()) - offset
            if math.prod(shape) * dtype.itemsize != size or not dtype.itemsize:
                raise self.npz.damaged("does not match its header", name)
            return shape, fortran, dtype, offset, size

    def _stream(self, name: str) -> AbstractContextManager[IO[bytes]]:
        if name in self.npz.members:
            return ZipFile(self.npz.file).open(self.npz.members[name])
        self.npz.file.seek(0)
        return nullcontext(self.npz.file)

    def _where(self, name: str) -> str:
        return f"{self.where}:{name}" if name else self.where


def _memory(size: int, where: str) -> NDArray[Any]:
    free = available_memory() // 2
    if size > free:
        taken, most = (f"{each / 2**30:.3g} GiB" for each in (size, free))
        what = f"takes {taken} of memory, more than half of what is free ({most})"
        fix = (
            "Save it with np.savez(path, X=np.ascontiguousarray(X), y=y): not compressed, by rows."
        )
        raise DatasetError(what, where, fix)
    return np.empty(size, np.uint8)


@contextmanager
def open_numpy_file(path: str, expected: Expected) -> Iterator[NumpyFile]:
    """Open an .npz or .npy; DatasetError where it is missing, of another kind, or damaged."""
    with expected.open(path, DatasetError) as file:
        if file.read(len(NPY_SIGNATURE)) == NPY_SIGNATURE:
            yield NumpyFile(Npz(path, file, {}, expected, DatasetError, SAVE_AGAIN))
            return
    with open_npz(path, expected, DatasetError, SAVE_AGAIN, max_inflated=math.inf) as npz:
        yield NumpyFile(npz)

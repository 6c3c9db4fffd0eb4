"""Arrays in an HDF5 file with CRC-32s beside them, checked when they are read.

Rows, which may be more than memory holds, have one for each 256 of them, in an array of its own;
an array that is read whole has one in its attribute ``checksum``, which HDF5's metadata protect. A
CRC-32 of zeros is not zero: a page that is lost with its checksums is not taken for data.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catclf.columns import BLOCK_EXAMPLES, n_blocks
from catclf.errors import DatasetError
from catclf.storage.hdf5 import HDF5File
from catclf.storage.hdf5_arrays import StoredArray
from catclf.storage.mapping import MappedArray, map_array
from catclf.workers import available_memory

PREPARE_AGAIN = "Run 'catclf prepare' again."

Rows = NDArray[np.uint8]


@dataclass(frozen=True, eq=False, repr=False)
class CheckedRows:
    """Rows (m, n_x) uint8 in a file; indexing them checks and reads them.

    The first read of a block of 256 rows compares it with its checksum. What happens to a block in
    the file after that cannot be known: an array that was read from a memory map shows it.

    Parameters
    ----------
    stored
        The rows in the file, contiguous.
    checksums
        (ceil(m / 256),) uint32: the CRC-32 of each block.
    mapped
        The rows as a memory map of the file shows them; None where they are read through HDF5.
    checked
        A byte for each block, 1 where it was checked, in memory that is shared with the processes
        forked from this one: no block is checked twice.
    """

    stored: StoredArray
    checksums: NDArray[np.uint32]
    mapped: MappedArray | None
    checked: mmap.mmap

    @property
    def shape(self) -> tuple[int, ...]:
        """(m, n_x)."""
        return self.stored.shape

    def __getitem__(self, rows: int | slice) -> Rows:
        """Read one row, or a run of rows; without a copy where the file is mapped.

        Raises
        ------
        DatasetError
            Where they are not what was written.
        """
        m = self.shape[0]
        indices = range(m)[rows]
        span = range(indices, indices + 1) if isinstance(indices, int) else indices
        if span.step != 1:
            raise ValueError(f"rows are read in runs, got {rows}")
        first, last = span.start // BLOCK_EXAMPLES, n_blocks(span.stop)
        if not span or b"\0" not in self.checked[first:last]:
            return self._read(rows)
        # Whole blocks, read once: the rows that are returned are those that were checked.
        start = first * BLOCK_EXAMPLES
        whole = self._read(slice(start, min(last * BLOCK_EXAMPLES, m)))
        for block in range(first, last):
            self._check(block, whole[block * BLOCK_EXAMPLES - start :][:BLOCK_EXAMPLES])
        run = whole[span.start - start : span.stop - start]
        return run[0] if isinstance(indices, int) else run

    def _read(self, rows: int | slice) -> Rows:
        if self.mapped is None:
            return self.stored[rows]
        if not self.mapped.is_whole:
            raise _damaged(self.stored, "cut short")
        return self.mapped.values[rows]

    def _check(self, block: int, rows: Rows) -> None:
        if self.checked[block]:
            return
        if zlib.crc32(rows.data) != self.checksums[block]:
            first = block * BLOCK_EXAMPLES
            last = first + len(rows) - 1
            raise _damaged(self.stored, f"rows {first} to {last} are not what was written")
        self.checked[block] = 1


@dataclass(frozen=True)
class CheckedArray:
    """An array in a file that is read whole.

    Parameters
    ----------
    stored
        The array in the file.
    checksum
        The CRC-32 of its bytes; anything else where the file does not tell.
    """

    stored: StoredArray
    checksum: object

    @property
    def where(self) -> str:
        """The file and the name in it, for messages."""
        return self.stored.where

    def read(self) -> NDArray[Any]:
        """Check and read it.

        Raises
        ------
        DatasetError
            Where it is not what was written.
        """
        values = self.stored[:]
        if zlib.crc32(values.data) != self.checksum:
            raise _damaged(self.stored, "is not what was written")
        return values


def checked_rows(
    file: HDF5File, name: str, checksums_name: str, shape: tuple[int, int]
) -> CheckedRows:
    """Return what `write_rows` wrote, not yet read.

    Raises
    ------
    DatasetError
        Where it is missing, cut short, or not (m, n_x) uint8, contiguous and unfiltered.
    """
    stored, checksums = file.array(name), file.array(checksums_name)
    _check_layout(stored, shape, "u1")
    _check_layout(checksums, (n_blocks(shape[0]),), "<u4")
    mapped = None
    # What was read of a map counts as memory of the process. So a file that would fill it, or the
    # address space that `ulimit -v` leaves, is read through HDF5, into one buffer after another.
    if stored.stored_bytes and stored.file_bytes <= available_memory() // 2:
        mapped = map_array(stored)
    flags = mmap.mmap(-1, max(1, *checksums.shape))  # anonymous, zeroed, shared after a fork
    return CheckedRows(stored, checksums[:], mapped, flags)


def checked_array(file: HDF5File, name: str, kind: str) -> CheckedArray:
    """Return what `write_array` wrote, not yet read.

    Parameters
    ----------
    file, name
        Where it stands.
    kind
        The numpy type of its entries; "S" for text of any length.

    Raises
    ------
    DatasetError
        Where it is missing, of another type or shape, or not contiguous and unfiltered.
    """
    stored = file.array(name)
    if len(stored.shape) != 1:
        raise _damaged(stored, f"has the shape {stored.shape}, and must be a list")
    _check_layout(stored, stored.shape, kind)
    return CheckedArray(stored, file.attribute("checksum", name))


def write_rows(
    group: Any, name: str, checksums_name: str, shape: tuple[int, int], runs: Iterable[Rows]
) -> Iterator[Rows]:
    """Write rows, given in runs of any length, and their checksums; yield each run once written."""
    array = group.create_dataset(name, shape, np.uint8)
    checksums: list[int] = []
    m = 0
    for run in runs:
        array[m : m + len(run)] = run
        rest = np.ascontiguousarray(run)
        while len(rest):
            if m % BLOCK_EXAMPLES == 0:
                checksums.append(0)  # the CRC-32 of no bytes
            part, rest = np.split(rest, [BLOCK_EXAMPLES - m % BLOCK_EXAMPLES])
            checksums[-1] = zlib.crc32(part.data, checksums[-1])
            m += len(part)
        yield run
    if m != shape[0]:
        raise ValueError(f"{shape[0]} labels need {shape[0]} {name}, got {m}")
    group.create_dataset(checksums_name, data=np.array(checksums, "<u4"))


def write_array(group: Any, name: str, values: NDArray[Any]) -> None:
    """Write an array (m,) and its checksum."""
    group.create_dataset(name, data=values).attrs["checksum"] = zlib.crc32(values.data)


def _check_layout(array: StoredArray, shape: tuple[int, ...], kind: str) -> None:
    if array.shape != shape:
        raise _damaged(array, f"has the shape {array.shape}, and must have {shape}")
    if array.dtype != kind and not array.dtype.kind == kind == "S":
        raise _damaged(array, f"of the wrong type {array.dtype}")
    # What is read takes no more memory than the file has bytes.
    if not array.is_contiguous:
        raise _damaged(array, "is not stored as catclf stores it")


def _damaged(array: StoredArray, what: str) -> DatasetError:
    return DatasetError(f"damaged: {what}", array.where, PREPARE_AGAIN)

"""Strings of variable length in an HDF5 file, read without HDF5.

HDF5 (2.0 as well) takes as much memory as a string's length claims, and walks a damaged heap for
ever. So the bytes are read here (HDF5 File Format Specification 3.0, sections III.E and IV; all
numbers are little-endian, and addresses count from the end of the user block, if there is one).

An array of such strings is a run of entries of 16 bytes, each a string's length (4 bytes), the
address of a global heap collection (8), and the index of an object in it (4). A collection is the
signature ``GCOL``, its version (4), its size (8), and its objects. An object is its index (2), 6
bytes, its size (8), and its data, padded to a multiple of 8. Object 0 is the free space at the end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

ENTRY_BYTES = 16
MAX_OBJECTS = 2**16  # in a collection: their index has 2 bytes


@dataclass(frozen=True)
class HeapEntry:
    """Where a string stands: its length in bytes, its collection's address, its index there."""

    length: int
    collection: int
    index: int


def read_entries(file: BinaryIO, address: int, count: int) -> Iterator[HeapEntry]:
    """Yield the `count` entries of the array at an address, from the beginning of `file`.

    Raises
    ------
    struct.error, OSError, ValueError, OverflowError
        Where the file ends before, or cannot be that large.
    """
    for start in range(address, address + ENTRY_BYTES * count, ENTRY_BYTES):
        file.seek(start)
        yield HeapEntry(*struct.unpack("<IQI", file.read(ENTRY_BYTES)))


def read_string(file: BinaryIO, entry: HeapEntry, user_block_bytes: int = 0) -> bytes:
    """Return the bytes of a string.

    Parameters
    ----------
    file, entry
        The file, and where the string stands in it.
    user_block_bytes
        What stands before the HDF5 file in `file`.

    Raises
    ------
    ValueError, struct.error, OSError, OverflowError
        Where its collection is damaged or out of the file, or holds no such object.
    """
    start = user_block_bytes + entry.collection
    file.seek(start)
    signature, collection_size = struct.unpack("<4s4xQ", file.read(16))
    position, end = start + 16, start + collection_size
    for _ in range(MAX_OBJECTS if signature == b"GCOL" else 0):
        file.seek(position)
        index, size = struct.unpack("<H6xQ", file.read(16))
        next_position = position + 16 + -(-size // 8) * 8
        if index == 0 or next_position > end:
            break
        if index == entry.index:
            string = file.read(entry.length) if entry.length <= size else b""
            if len(string) < entry.length:
                break
            return string
        position = next_position
    raise ValueError("a damaged heap")

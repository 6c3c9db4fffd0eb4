"""HDF5 files, opened so that reading one never opens another, and no claim is believed.

An HDF5 file can point anywhere: its links into another file, its arrays (`hdf5_arrays`) to the
bytes of some other file of the machine. All of that is refused before any data is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import h5py
import numpy as np

from catclf.errors import DatasetError
from catclf.files import HEAD_BYTES, Expected, FileKind, kind_of_bytes, open_regular
from catclf.storage.hdf5_arrays import (
    FETCH_AGAIN,
    MAX_CHUNK_BYTES,
    STORE_INSIDE,
    StoredArray,
    stored_array,
    translated_errors,
)

HDF5_FILE = Expected("an HDF5 file", "Name an HDF5 file.")

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MIN_USER_BLOCK_BYTES = 512
MAX_ATTRIBUTE_BYTES = 64 * 2**10


@dataclass(frozen=True)
class HDF5File:
    """An open HDF5 file, as `open_hdf5` yields it."""

    file: Any  # h5py.File
    where: str

    def names(self) -> list[str]:
        """Return the names of what stands at the root."""
        with translated_errors(self.where):
            return list(self.file)

    def attribute(self, name: str, group: str = "/") -> Any:
        """Return an attribute: a str, a number or a list of them; None where there is none.

        Raises
        ------
        DatasetError
            Where it is anything else: a string of variable length, for example, which stands in a
            heap without a checksum.
        """
        with translated_errors(self.where):
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
        with translated_errors(where):
            found = self._member(name)
            if not isinstance(found, h5py.Dataset):
                raise DatasetError("is not an array", where, "Store an array there.")
            return stored_array(found, where)

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
def open_hdf5(path: str | os.PathLike[str], expected: Expected = HDF5_FILE) -> Iterator[HDF5File]:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path
        The file.
    expected
        What the error says of a file that is missing or of another kind.

    Raises
    ------
    DatasetError
        Where it is missing, no regular file, not HDF5, or cut short.
    """
    where = os.fspath(path)
    _refuse_non_hdf5(where, expected)
    with translated_errors(where):
        # No lock: prepared files are only ever replaced whole, never written in place.
        file = h5py.File(where, "r", locking=False, rdcc_nbytes=MAX_CHUNK_BYTES)
    try:
        yield HDF5File(file, where)
    finally:
        file.close()


def _refuse_non_hdf5(where: str, expected: Expected) -> None:
    folder = expected.fix_of(FileKind.FOLDER, where)
    with open_regular(where, DatasetError, expected.missing, folder) as file:
        found = kind_of_bytes(file.read(HEAD_BYTES))
        if not holds_signature(file):
            raise expected.mismatch(found, where, DatasetError)


def holds_signature(file: BinaryIO) -> bool:
    """Return whether the signature stands at 0, or behind a user block: at 512, 1024, 2048, ..."""
    size = os.fstat(file.fileno()).st_size
    start = 0
    while start < size:
        file.seek(start)
        if file.read(len(SIGNATURE)) == SIGNATURE:
            return True
        start = max(MIN_USER_BLOCK_BYTES, 2 * start)
    return False

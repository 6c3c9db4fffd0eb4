"""Where prepared pictures wait, on disk, until all are read and their split is decided."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Pixels
from catclf.errors import AnyPath
from catclf.features import Preprocessing
from catclf.near_copies import Hashes, hashes
from catclf.outputs import made_folder, unwritable
from catclf.splits import fingerprint

BLOCK_BYTES = 256 * 12288  # copied at once
MIN_WRITE_BYTES = 2**20  # rows are collected up to it: a write, and hashes, for each take longer


class Staged:
    """Columns and pixels in source order, on disk, until all are read and the split is decided.

    The split needs every picture's content (copies stay together), and memory must not
    grow with their number.
    """

    def __init__(self, file: IO[bytes], preprocessing: Preprocessing, output: AnyPath) -> None:
        self._file = file
        self._output = output
        self._n_x, self._pixel_n_x = preprocessing.n_x, preprocessing.pixel_n_x
        self._row_bytes = 0  # of every row alike; none is appended yet
        self._waiting: list[memoryview] = []  # rows that are written at once
        self._hashes: list[Hashes] = []  # of the rows of each write
        self.fingerprints: list[bytes] = []

    def append(self, row: Pixels) -> None:
        """Keep a picture's column and, where that holds other features, its pixels: (1, bytes)."""
        self._row_bytes = row.size
        self.fingerprints.append(fingerprint(row[0, -self._pixel_n_x :]))
        self._waiting.append(row.data)
        if len(self._waiting) * row.size >= MIN_WRITE_BYTES:
            self._write()

    def _write(self) -> None:
        """Write the rows that wait."""
        rest = memoryview(b"".join(self._waiting))
        if self._waiting:
            rows = np.frombuffer(rest, np.uint8).reshape(len(self._waiting), -1)
            self._hashes.append(hashes(rows[:, -self._pixel_n_x :]))
        self._waiting.clear()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise unwritable(error, self._output) from error

    def hashes(self) -> Hashes:
        """Return the hash of each picture, (m,)."""
        self._write()
        return np.concatenate([np.empty(0, np.uint64), *self._hashes])

    def columns(self, indices: NDArray[np.intp]) -> Iterator[Pixels]:
        """Yield the columns at `indices`, in that order, as rows (k, n_x)."""
        return self._blocks(indices, 0, self._n_x)

    def pixels(self, indices: NDArray[np.intp]) -> Iterator[Pixels]:
        """Yield the pixels at `indices`, in that order, as rows (k, 3 size size)."""
        return self._blocks(indices, self._row_bytes - self._pixel_n_x, self._pixel_n_x)

    def _blocks(self, indices: NDArray[np.intp], first: int, width: int) -> Iterator[Pixels]:
        """Yield `width` bytes, from the `first` on, of the rows at `indices`."""
        self._write()
        block = max(1, BLOCK_BYTES // width)
        for start in range(0, len(indices), block):
            chosen = indices[start : start + block]
            rows = np.empty((len(chosen), width), np.uint8)
            for row, index in zip(rows, chosen, strict=True):
                self._file.seek(int(index) * self._row_bytes + first)
                row[:] = np.frombuffer(self._file.read(width), np.uint8)
            yield rows


@contextmanager
def scratch_beside(output: AnyPath) -> Iterator[IO[bytes]]:
    """Open a nameless file beside the output: it vanishes with the process, however that ends."""
    folder = Path(os.path.realpath(output)).parent
    with ExitStack() as stack:
        try:
            stack.enter_context(made_folder(folder))
            # Unbuffered, so that closing it on a full disk has nothing left to write.
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))
        except OSError as error:
            raise unwritable(error, output) from error
        yield file

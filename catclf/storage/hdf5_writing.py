"""HDF5 files, written so that a signal or a full disk ends in an ordinary error."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from types import FrameType
from typing import Any

import h5py


@contextmanager
def create_hdf5(path: str | os.PathLike[str]) -> Iterator[tuple[Any, Callable[[], None]]]:
    """Create an HDF5 file, and yield its h5py.File and a check to call between two writes.

    Raises
    ------
    OSError
        From the check, or at the end of the block: a write has failed.
    BaseException
        Likewise: what the handler of a signal raised that arrived since the last check.
    """
    with _FailureKeepingFile(path, "w+") as raw, _signals_held_back() as deliver:

        def check() -> None:
            if raw.failure is not None:
                raise raw.failure
            deliver()

        # The latest format: its metadata carry checksums.
        with h5py.File(raw, "w", libver="latest") as file:
            yield file, check
        check()


@contextmanager
def _signals_held_back() -> Iterator[Callable[[], None]]:
    """Hold SIGINT and SIGTERM back until the yielded function is called, or the block ends.

    HDF5 calls back into Python for every write, and an exception raised there, a Ctrl-C for
    example, may be lost in h5py.
    """
    received: list[tuple[int, FrameType | None]] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):
                handlers[number] = handler
                signal.signal(number, lambda *call: received.append(call))

    def deliver() -> None:
        while received:
            number, frame = received.pop(0)
            handlers[signal.Signals(number)](number, frame)

    try:
        yield deliver
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    deliver()


class _FailureKeepingFile(FileIO):
    """A file that keeps its first failure, and from then on drops what is written to it.

    HDF5 (2.0 as well) keeps what it could not write, on a full disk for example, tries again when
    the process ends, and crashes it. So it is never told of a failure.
    """

    failure: BaseException | None = None

    def write(self, data: Any) -> int:
        """Write all of it, or drop it after a failure."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self.failure is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Set the file's length, and keep the failure where it cannot be set."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

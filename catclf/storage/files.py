"""Input files, opened safely: a regular file is read, and nothing else is waited for."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

from catclf.errors import CatclfError

__all__ = ["is_lfs_pointer", "open_regular", "read_regular"]


def open_regular(
    path: str | os.PathLike[str],
    kind: type[CatclfError],
    missing: str = "Check the path.",
    folder: str = "Name a file.",
) -> BinaryIO:
    """Open a regular file for reading, without waiting for what else may stand there.

    Parameters
    ----------
    path
        The file.
    kind
        The class of the error that is raised.
    missing
        The fix that the error names where there is no such file.
    folder
        The fix that it names where there is a folder.

    Raises
    ------
    CatclfError
        A `kind`, where the file is missing, may not be read, or is a folder, pipe or device.
    """
    return os.fdopen(_regular(path, kind, missing, folder)[0], "rb")


def read_regular(
    path: str | os.PathLike[str],
    max_bytes: int,
    kind: type[CatclfError],
    missing: str = "Check the path.",
    folder: str = "Name a file.",
) -> bytes:
    """Return the contents of a regular file of at most `max_bytes`.

    Raises
    ------
    CatclfError
        A `kind`, where `open_regular` raises it, or the file is larger or cannot be read.
    """
    descriptor, size = _regular(path, kind, missing, folder)
    try:
        if size <= max_bytes:
            return _read(descriptor, size)
    except OSError as error:
        raise kind(f"cannot be read ({error.strerror})", path, "Check the disk.") from None
    finally:
        os.close(descriptor)
    raise kind(f"too large: more than {max_bytes // 2**20} MiB", path, "Name a smaller file.")


def is_lfs_pointer(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is a pointer that Git LFS left."""
    return head.startswith(b"version https://git-lfs")


_NOT_REGULAR = "not a regular file (a pipe, socket or device)"


def _regular(
    path: str | os.PathLike[str], kind: type[CatclfError], missing: str, folder: str
) -> tuple[int, int]:
    """Return the descriptor of a regular file that is open for reading, and its size in bytes."""
    try:
        if not hasattr(os, "O_NONBLOCK"):
            _refuse_irregular(os.stat(path).st_mode, path, kind, folder)
        descriptor = _open_without_waiting(path)
    except FileNotFoundError:
        if os.path.islink(path):
            what = "a link to a file that is not there"
            raise kind(what, path, "Name the file itself, or fix the link.") from None
        raise kind("no such file", path, missing) from None
    except PermissionError:
        raise kind("permission denied", path, "Let it be read: chmod +r.") from None
    except OSError as error:
        reasons = {
            errno.ENXIO: _NOT_REGULAR,  # a socket
            errno.ELOOP: "a loop of links",
            errno.ENOTDIR: "part of the path is a file, not a folder",
        }
        what = reasons.get(error.errno or 0, f"cannot be opened ({error.strerror})")
        raise kind(what, path, "Check the path.") from None
    except ValueError:  # a NUL in the name
        raise kind("not a possible file name", path, "Check the path.") from None
    try:
        status = os.fstat(descriptor)
        _refuse_irregular(status.st_mode, path, kind, folder)
    except kind:
        os.close(descriptor)
        raise
    return descriptor, status.st_size


def _read(descriptor: int, size: int) -> bytes:
    """Return so many bytes, fewer where the file ends before; not more, though it may grow."""
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _open_without_waiting(path: str | os.PathLike[str]) -> int:
    flags = os.O_RDONLY
    # POSIX: opening a FIFO for reading would wait for a writer, and a terminal become our own.
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    flags |= getattr(os, "O_BINARY", 0)  # Windows translates line ends otherwise
    return os.open(path, flags)


def _refuse_irregular(
    mode: int, path: str | os.PathLike[str], kind: type[CatclfError], folder: str
) -> None:
    if stat.S_ISDIR(mode):
        raise kind("a folder, not a file", path, folder)
    if not stat.S_ISREG(mode):
        raise kind(_NOT_REGULAR, path, "Name a file.")

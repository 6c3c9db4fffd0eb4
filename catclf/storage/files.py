"""Inputs: files from outside, opened without waiting for what else may stand there."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

from catclf.errors import CatclfError

__all__ = ["is_lfs_pointer", "open_regular", "read_regular"]


def open_regular(
    path: str | os.PathLike[str], kind: type[CatclfError], missing: str = "Check the path."
) -> BinaryIO:
    """Open a regular file for reading, without waiting for what else may stand there.

    Parameters
    ----------
    path
        The file.
    kind
        The class of what is raised.
    missing
        How to fix that there is no such file.

    Raises
    ------
    CatclfError
        A `kind`, where the file is missing, may not be read, or is a folder, pipe or device.
    """
    try:
        # O_NONBLOCK: opening a FIFO for reading waits for a writer otherwise.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        if os.path.islink(path):
            missing = "Delete or fix the link."
            raise kind("a link to a file that is not there", path, missing) from None
        raise kind("no such file", path, missing) from None
    except PermissionError:
        raise kind("permission denied", path, "Let it be read: chmod +r.") from None
    except OSError as error:
        reasons = {errno.ENXIO: _NOT_REGULAR, errno.ELOOP: "a loop of links"}  # ENXIO: a socket
        what = reasons.get(error.errno or 0, f"cannot be opened ({error.strerror})")
        raise kind(what, path, "Check the path.") from None
    except ValueError:  # a NUL in the name
        raise kind("not a possible file name", path, "Check the path.") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a folder, not a file" if stat.S_ISDIR(mode) else _NOT_REGULAR
        raise kind(what, path, "Name a file.")
    return os.fdopen(descriptor, "rb")


_NOT_REGULAR = "not a regular file (a pipe, socket or device)"


def read_regular(
    path: str | os.PathLike[str],
    most_bytes: int,
    kind: type[CatclfError],
    missing: str = "Check the path.",
) -> bytes:
    """Return the contents of a regular file of at most `most_bytes`; raise as `open_regular`."""
    with open_regular(path, kind, missing) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            if size <= most_bytes:
                return file.read(size)
        except OSError as error:
            raise kind(f"cannot be read ({error.strerror})", path, "Check the disk.") from None
    raise kind(f"too large: more than {most_bytes // 2**20} MiB", path, "Name a smaller file.")


def is_lfs_pointer(head: bytes) -> bool:
    """Tell from a file's first bytes whether Git LFS left its pointer in place of the file."""
    return head.startswith(b"version https://git-lfs")

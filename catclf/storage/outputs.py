"""Outputs, written whole or not at all.

Every file the project makes goes through `replacing`: the old file stays intact until a complete
new one, flushed to the disk, takes its name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from catclf.errors import CatclfError, printable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_output", "made_folder", "replacing", "unwritable", "write_csv"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of an empty temporary file that becomes `path` when the block ends well.

    The temporary file stands in the same folder, so that `os.replace` is atomic. When the block
    raises, it is removed and `path` is as it was. Two processes that write one output each have
    a temporary file of their own; the last to finish wins.

    Parameters
    ----------
    path
        The output. Its folder is made where it is missing. A symbolic link is followed: the file
        it points at is replaced, the link stays.

    Yields
    ------
    pathlib.Path
        The temporary file, to be opened and filled by the caller, and closed before the block
        ends.

    Raises
    ------
    CatclfError
        Where the file cannot be written: no permission, no space, too large, a folder, a device.
    """
    try:
        target = _target(path)
        with made_folder(target.parent):
            _remove_stale(target)
            temporary = _create_beside(target)
            try:
                yield temporary
                _sync(temporary)
                os.replace(temporary, target)
            except BaseException:
                with suppress(OSError):
                    temporary.unlink()
                raise
    except OSError as error:
        raise unwritable(error, path) from error
    # The new file is whole and in its place. Some folders cannot be opened, or synced: so be it.
    with suppress(OSError):
        _sync(target.parent)


def _target(path: str | os.PathLike[str]) -> Path:
    """Return the file that an output's path stands for."""
    from pathlib import Path  # 3 ms that `predict`, which only reads, need not pay

    target = Path(os.path.realpath(path))
    if target.is_dir() or os.fspath(path).endswith(os.sep):
        raise CatclfError("a folder, not a file", path, "Name a file to write to.")
    if target.exists() and not target.is_file():  # root could replace even /dev/null
        raise CatclfError("not a regular file", path, "Name a file to write to.")
    return target


def check_output(
    path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Raise CatclfError before the work where its output could not be written, or is an input."""
    try:
        target = folder = _target(path)
        while not (folder := folder.parent).exists():
            pass  # it will be made
        _create_beside(folder / target.name).unlink()
    except OSError as error:
        raise unwritable(error, path) from error
    if target.exists():
        there = target.stat()
        for each in inputs:
            if os.path.exists(each) and os.path.samestat(os.stat(each), there):
                raise CatclfError("is an input too", path, "Write to another file.")


def write_csv(
    path: str | os.PathLike[str], header: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Write a CSV file, whole or not at all; control characters in texts are escaped."""
    import csv

    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow([printable(cell) if isinstance(cell, str) else cell for cell in row])


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder where it is missing; where the block raises, remove it again if it is empty."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise


def _create_beside(target: Path) -> Path:
    temporary = target.with_name(f"{_prefix(target)}{os.getpid()}.{os.urandom(4).hex()}.tmp")
    # Mode 0666 & ~umask, as `open` would give; `tempfile` gives 0600, which locks out a group.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
    return temporary


def _prefix(target: Path) -> str:
    """Return how the names of the temporary files of `target`, on this host, begin.

    A container may have the host's name, and numbers of processes of its own.
    """
    head = os.fsdecode(os.fsencode(target.name)[:120])  # a name is 255 bytes at most
    numbers = ""
    with suppress(OSError):
        numbers = f"{os.stat('/proc/self/ns/pid').st_ino}."
    return f".{head}.{os.uname().nodename}.{numbers}"


def _remove_stale(target: Path) -> None:
    """Remove temporary files of `target` whose process, on this host, was killed."""
    mine = _prefix(target)
    try:
        names = os.listdir(target.parent)
    except PermissionError:  # a folder may be open for writing and not for listing
        return
    for name in names:
        if name.startswith(mine) and name.endswith(".tmp"):
            process = name.removeprefix(mine).split(".")[0]
            if process.isdecimal() and not _is_alive(int(process)):
                with suppress(OSError):
                    (target.parent / name).unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # somebody else's, or no number of a process: not ours to judge
    return True


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(error: OSError, path: str | os.PathLike[str]) -> CatclfError:
    """Return what to tell of an output that could not be written."""
    reasons = {
        errno.ENOSPC: ("the disk is full", "Free some space, or write elsewhere."),
        errno.EDQUOT: ("the disk quota is used up", "Free some space, or write elsewhere."),
        errno.EFBIG: ("the file would be too large", "Raise the limit, or write elsewhere."),
        errno.EACCES: ("no permission to write here", "Write elsewhere, or fix the permissions."),
        errno.EPERM: ("no permission to write here", "Write elsewhere, or fix the permissions."),
        errno.EROFS: ("the file system is read-only", "Write elsewhere."),
        errno.ENOTDIR: ("part of the path is a file, not a folder", "Name another path."),
        errno.EEXIST: ("part of the path is a file, not a folder", "Name another path."),
        errno.ENAMETOOLONG: ("the file's name is too long", "Name a shorter one."),
    }
    what, fix = reasons.get(
        error.errno or 0, (f"cannot be written ({error.strerror or error})", "Write elsewhere.")
    )
    return CatclfError(f"{what}; nothing was changed", path, fix)

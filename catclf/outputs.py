"""Output files, each written whole or not at all.

Every file the project makes goes through `replacing`: the old file stays intact until a complete
new one, flushed to the disk, takes its name.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from catclf.errors import AnyPath, CatclfError, printable
from catclf.files import FileKind, file_kind

if TYPE_CHECKING:
    from pathlib import Path

UNCHANGED = "; nothing was changed"
MAX_PREFIX_BYTES = 120  # of an output's name in its temporary file's; file systems allow 255


@contextmanager
def replacing(path: AnyPath) -> Iterator[Path]:
    """Yield the path of an empty temporary file that becomes `path` when the block ends well.

    The temporary file stands in the same folder, so that `os.replace` is atomic. A folder that is
    missing is made where it lies below the current one. The temporary file is to be closed before
    the block ends. When the block raises, it is removed and `path` is as it was. Of two processes
    that write one output the last to finish wins. A symbolic link is followed: the file it points
    at is replaced, the link stays.

    CatclfError where the file cannot be written.
    """
    try:
        target = _target(path)
        with made_folder(target.parent):
            _remove_stale(target)
            temporary = _create_temporary(target)
            try:
                yield temporary
                _sync(temporary, os.O_WRONLY)  # Windows syncs only what is open for writing
                os.replace(temporary, target)
            except BaseException:
                with suppress(OSError):
                    temporary.unlink()
                raise
    except OSError as error:
        raise unwritable(error, path) from error
    # The new file is whole and in its place. Not every system opens, or syncs, a folder.
    with suppress(OSError):
        _sync(target.parent, os.O_RDONLY)


def check_output(
    path: AnyPath, kind: FileKind, inputs: Iterable[AnyPath] = (), *, force: bool = False
) -> None:
    """Check, before the work, that its output can be written and takes no other file's place.

    CatclfError where it cannot be written, its folder is missing and does not lie below the current
    one, it is one of the `inputs`, or, without `force`, a file stands there that is neither empty
    nor of the `kind` that will be written. Nothing is changed.
    """
    try:
        target = _target(path)
        _try_to_write(target)
    except OSError as error:
        raise unwritable(error, path) from error
    if target.exists():
        output = target.stat()
        for name in inputs:
            if _is_there(name, output):
                raise CatclfError("is an input too", path, "Write to another file.")
        if output.st_size > 0 and not force and not _is_of_kind(target, kind):
            fix = "Write to another file, or replace this one with `force`."
            raise CatclfError(f"exists, and is not {kind.value}{UNCHANGED}", path, fix)


def check_folder(folder: AnyPath) -> None:
    """Check, before the work, that outputs can be written into a folder.

    CatclfError where they cannot, where it has no name, or where it is missing and does not lie
    below the current one. Nothing is changed.
    """
    from pathlib import Path  # as in `_target`

    if not os.fspath(folder):
        raise CatclfError("the folder to write to has no name", fix="Name it, or . for this one.")
    try:
        _try_to_write(Path(os.path.realpath(folder), "output"))
    except OSError as error:
        raise unwritable(error, folder) from error


def _try_to_write(target: Path) -> None:
    """Make a file beside a target, or where its folder would be made, and remove it again."""
    missing = _missing_folders(target.parent)
    folder = missing[-1].parent if missing else target.parent
    _create_temporary(folder / target.name).unlink()


def is_same_file(one: AnyPath, other: AnyPath) -> bool:
    """Return whether two paths lead to one file, whether it is there yet or not."""
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def _is_there(path: AnyPath, file: os.stat_result) -> bool:
    """Return whether a path leads to a file of which the status is known."""
    try:
        return os.path.samestat(os.stat(path), file)
    except (OSError, ValueError):  # it leads to none
        return False


def _is_of_kind(target: Path, kind: FileKind) -> bool:
    try:
        return file_kind(target) is kind
    except (OSError, CatclfError):  # what may not be read may be anything
        return False


def write_csv(path: AnyPath, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file, whole or not at all, each line as `csv_line` formats it."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(csv_line(header) + "\n")
        for row in rows:
            file.write(csv_line(row) + "\n")


def csv_line(cells: Iterable[object]) -> str:
    """Return the cells as a line of CSV, without its end.

    The control characters of texts are escaped, so that it is one line whatever they hold.
    """
    import csv  # here, for `predict` to start without it

    line = io.StringIO()
    writer = csv.writer(line, lineterminator="")
    writer.writerow([printable(cell) if isinstance(cell, str) else cell for cell in cells])
    return line.getvalue()


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder below the current one; where the block raises, remove it again if it is empty.

    CatclfError where it is missing and lies elsewhere.
    """
    missing = _missing_folders(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for made in missing:
            with suppress(OSError):
                made.rmdir()
        raise


def _missing_folders(folder: Path) -> list[Path]:
    """Return a folder and those it lies in, as far as they are missing: the outermost is the last.

    CatclfError where they do not lie below the current folder: a path may be mistyped.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    if missing:
        outer = missing[-1].parent
        is_below = outer.resolve().is_relative_to(outer.cwd().resolve())
        if not is_below and outer.is_dir():  # below a file: the system says so
            raise CatclfError("no such folder", missing[-1], "Make it first, or check the path.")
    return missing


def unwritable(error: OSError, path: AnyPath) -> CatclfError:
    """Return the error that tells a user why an output could not be written."""
    reasons = {
        errno.ENOSPC: ("the disk is full", "Free some space, or write elsewhere."),
        errno.EFBIG: ("the file would be too large", "Raise the limit, or write elsewhere."),
        errno.EACCES: ("no permission to write here", "Write elsewhere, or fix the permissions."),
        errno.EPERM: ("no permission to write here", "Write elsewhere, or fix the permissions."),
        errno.EROFS: ("the file system is read-only", "Write elsewhere."),
        errno.ENOTDIR: ("part of the path is a file, not a folder", "Name another path."),
        errno.EEXIST: ("part of the path is a file, not a folder", "Name another path."),
        errno.ENAMETOOLONG: ("the file's name is too long", "Name a shorter one."),
    }
    if hasattr(errno, "EDQUOT"):  # some systems know no quotas
        reasons[errno.EDQUOT] = ("the disk quota is used up", reasons[errno.ENOSPC][1])
    what, fix = reasons.get(
        error.errno or 0, (f"cannot be written ({error.strerror or error})", "Write elsewhere.")
    )
    return CatclfError(f"{what}{UNCHANGED}", path, fix)


def _target(path: AnyPath) -> Path:
    """Return the file that an output's path stands for."""
    from pathlib import Path  # 3 ms that `predict`, which only reads, need not pay

    target = Path(os.path.realpath(path))
    if target.is_symlink():  # resolved, and still a link
        raise CatclfError("a loop of links", path, "Name a file to write to.")
    if target.is_dir() or os.fspath(path).endswith((os.sep, os.altsep or os.sep)):
        raise CatclfError("a folder, not a file", path, "Name a file to write to.")
    if target.exists() and not target.is_file():  # root could replace even /dev/null
        raise CatclfError("not a regular file", path, "Name a file to write to.")
    return target


def _create_temporary(target: Path) -> Path:
    name = f"{_temporary_prefix(target)}{os.getpid()}.{os.urandom(4).hex()}.tmp"
    temporary = target.with_name(name)
    # Mode 0666 & ~umask, as `open` would give; `tempfile` gives 0600, which locks out a group.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def _temporary_prefix(target: Path) -> str:
    """Return how the names of the temporary files of `target`, on this host, begin.

    A process id follows. A container may have the host's name, and process ids of its own.
    """
    import socket  # here, for reading to start without it

    head = target.name[:MAX_PREFIX_BYTES]
    while len(os.fsencode(head)) > MAX_PREFIX_BYTES:
        head = head[:-1]
    namespace = ""
    with suppress(OSError):
        namespace = f"{os.stat('/proc/self/ns/pid').st_ino}."
    return f".{head}.{socket.gethostname()}.{namespace}"


def _remove_stale(target: Path) -> None:
    """Remove temporary files of `target` whose process, on this host, was killed."""
    prefix = _temporary_prefix(target)
    try:
        names = os.listdir(target.parent)
    except PermissionError:  # a folder may be open for writing and not for listing
        return
    for name in names:
        if name.startswith(prefix) and name.endswith(".tmp"):
            process = name.removeprefix(prefix).split(".")[0]
            if process.isdecimal() and not _may_be_alive(int(process)):
                with suppress(OSError):
                    (target.parent / name).unlink()


def _may_be_alive(process: int) -> bool:
    if sys.platform == "win32":  # where os.kill ends a process whatever the signal
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # somebody else's process, or no process id
    return True


def _sync(path: Path, access: int) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, access)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

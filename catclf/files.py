"""Input files, opened safely: a regular file is read, and nothing else is waited for."""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO

from catclf.errors import CatclfError, printable


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


HEAD_BYTES = 4096

# Regular expressions for the first bytes of a file; a dot is any byte. Not compiled here: most
# runs need one or two of them.
_PICTURE_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WebP": rb"RIFF.{4}WEBP",
    "GIF": rb"GIF8[79]a",
    "TIFF": rb"(II[*+]\0|MM\0[*+])(?!.{4}CR)",  # CR: a camera's raw picture
    "PPM": rb"P[1-6][\s#]",
    "BMP": rb"BM",
}


class FileKind(Enum):
    """A kind of file; its value is what messages call it, None where nothing is known."""

    FOLDER = "a folder"
    EMPTY = "an empty file"
    LFS_POINTER = "a Git LFS pointer"
    DATASET = "a prepared dataset"
    HDF5 = "an HDF5 file"
    MODEL = "a model"
    ARRAYS = "an .npz of arrays"
    ARRAY = "a single array"
    PICTURE = "a picture"
    DOCUMENT = "a document"
    ARCHIVE = "an archive"
    REPORT = "a report"
    WEB_PAGE = "a web page"
    CONFIG = "a config file"
    PREDICTIONS = "a CSV file of predictions"
    LIST = "a list of pictures"
    TEXT = "a text file"
    UNKNOWN = None


# The first that fits is the kind. What catclf writes stands at a file's beginning; catclf 0.1
# wrote it at the end, and its files are called by what they are to others.
_SIGNATURES = (
    (rb"\x89HDF\r\n\x1a\n.*catclf-dataset", FileKind.DATASET),
    (rb"\x89HDF\r\n\x1a\n", FileKind.HDF5),
    (rb"PK\x03\x04.*" + "catclf-model".encode("utf-32-le"), FileKind.MODEL),
    (rb"PK\x03\x04.{26}\w+\.npy", FileKind.ARRAYS),
    (rb"\x93NUMPY", FileKind.ARRAY),
    (rb"PK\x03\x04.{26}(\[Content_Types\]|_rels/|docProps/|mimetype)", FileKind.DOCUMENT),
    (rb"%PDF|\xd0\xcf\x11\xe0|\{\\rtf", FileKind.DOCUMENT),
    (rb"PK\x03\x04|PK\x05\x06|\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!", FileKind.ARCHIVE),
    (rb".{257}ustar", FileKind.ARCHIVE),
)
_TEXT_SIGNATURES = (
    (
        rb'<!doctype html>\n(.*\n){3}<meta name="generator" content="catclf-report">',
        FileKind.REPORT,
    ),
    (rb"\s*(?i:<!doctype html|<html)", FileKind.WEB_PAGE),
    (rb"([ \t\r]*(#[^\n]*)?\n)*[ \t]*\[[\w-]+\]\s*(#|\n|$)", FileKind.CONFIG),
    (rb"file,label,predicted,", FileKind.PREDICTIONS),
    (rb"(?i)(?=[^\n]*\bfile\b)(?=[^\n]*\blabel\b)[\w ,\t]*\r?\n", FileKind.LIST),
)


def picture_format(head: bytes) -> str | None:
    """Return the format of the picture that begins with these bytes; None if it is not read."""
    for name, signature in _PICTURE_SIGNATURES.items():
        if re.match(signature, head, re.DOTALL):
            return name
    return None


def kind_of_bytes(head: bytes) -> FileKind:
    """Return the kind of the file that begins with these bytes."""
    if not head:
        return FileKind.EMPTY
    if is_lfs_pointer(head):
        return FileKind.LFS_POINTER
    head = head[:HEAD_BYTES]
    for signature, kind in _SIGNATURES:
        if re.match(signature, head, re.DOTALL):
            return kind
    picture = picture_format(head)
    if picture not in (None, "BMP"):
        return FileKind.PICTURE
    if _is_text(head):  # which may begin with BM
        for signature, kind in _TEXT_SIGNATURES:
            if re.match(signature, head.removeprefix(codecs.BOM_UTF8)):
                return kind
        return FileKind.TEXT
    return FileKind.UNKNOWN if picture is None else FileKind.PICTURE


def file_kind(path: str | os.PathLike[str]) -> FileKind:
    """Return the kind of the file, or folder, at a path.

    Raises
    ------
    CatclfError
        Where it is missing, cannot be read, or is a pipe or device.
    """
    if os.path.isdir(path):
        return FileKind.FOLDER
    with open_regular(path, CatclfError) as file:
        try:
            return kind_of_bytes(file.read(HEAD_BYTES))
        except OSError as error:
            raise CatclfError(
                f"cannot be read ({error.strerror})", path, "Check the disk."
            ) from None


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # it may end in a character
    except UnicodeDecodeError:
        return False
    return not re.search(r"[\0-\x08\x0e-\x1a\x1c-\x1f]", text)


@dataclass(frozen=True)
class Expected:
    """What a file should be, and how to fix it where it is something else.

    Parameters
    ----------
    name
        What it should be, with its article.
    fix
        How to fix it where nothing better is known.
    fixes
        How to fix it where it is of a certain kind. ``{path}`` stands for its path in a shell.
    missing
        How to fix it where there is no such file.
    """

    name: str
    fix: str
    fixes: Mapping[FileKind, str] = field(default_factory=dict)
    missing: str = "Check the path."

    def fix_of(self, found: FileKind, path: str | os.PathLike[str]) -> str:
        """Return how to fix it where the file at a path is of this kind."""
        fix = self.fixes.get(found, self.fix)
        if "{path}" in fix:
            import shlex  # here, for `predict` to start without it

            fix = fix.replace("{path}", printable(shlex.quote(os.fspath(path))))
        return fix

    def mismatch(
        self, found: FileKind, path: str | os.PathLike[str], kind: type[CatclfError]
    ) -> CatclfError:
        """Return the error, a `kind`, for the file at a path that is something else."""
        if found is FileKind.LFS_POINTER:
            return kind("a Git LFS pointer, not the file itself", path, "Run 'git lfs pull'.")
        if found is FileKind.FOLDER:
            return kind("a folder, not a file", path, self.fix_of(found, path))
        what = f"is not {self.name}"
        if found.value is not None:
            what = f"is {found.value}, not {self.name}"
        return kind(what, path, self.fix_of(found, path))


# Here, and not beside its readers, for the command line to know it without HDF5.
PREPARED = Expected(
    "a prepared dataset",
    "Name a dataset that 'catclf prepare' wrote.",
    {
        FileKind.FOLDER: "If it holds class folders, prepare it first: catclf prepare {path}",
        FileKind.LIST: "Prepare it first: catclf prepare {path}",
        FileKind.PICTURE: "Prepare a folder of class folders first; one picture is for "
        "'catclf predict'.",
        FileKind.ARCHIVE: "Unpack it, and prepare the folder of class folders in it.",
    },
    missing="Run 'catclf prepare' first, or check the path.",
)

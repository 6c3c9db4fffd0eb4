"""Input files: opened without waiting for what else may stand there, and known by their content."""

from __future__ import annotations

import errno
import os
import re
import stat
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO

from catclf.errors import AnyPath, CatclfError, printable

HEAD_BYTES = 2**14  # by which a file is known
_NOT_REGULAR = "not a regular file (a pipe, socket or device)"

# Regular expressions for the first bytes of a file; a dot is any byte. Not compiled here: most
# runs need one or two of them.
_PICTURE_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WebP": rb"RIFF.{4}WEBP",
    "GIF": rb"GIF8[79]a",
    "TIFF": rb"(II[*+]\0|MM\0[*+])(?!.{4}CR)",  # CR: a camera's raw picture
    "PPM": rb"P[1-6](\s|#[^\n]*\n)+\d",
    "BMP": rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0{3}",  # and its header's size
    # Its brand, or one of those it is compatible with.
    "AVIF": rb".{4}ftyp(.{4}){0,15}?avi[fs]",
    "HEIC": rb".{4}ftyp(.{4}){0,15}?(he[iv][cmsx]|mif1|msf1)",
}

# What is not read, in whatever case. Order matters: the first that fits is named.
_UNREAD_PICTURES = {
    "camera raw picture": rb".{4}ftypcrx |II\*\0.{4}CR|IIR[OS]|MMOR|IIU\0|FUJIFILMCCD-RAW|FOVb",
    "JPEG XL picture": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "JPEG 2000 picture": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XR picture": rb"II\xbc",
    "Photoshop picture": rb"8BPS",
    "GIMP picture": rb"gimp xcf",
    "PostScript picture": rb"%!PS|\xc5\xd0\xd3\xc6",
    "icon": rb"\0\0[\x01\x02]\0[^\0]\0|icns",
    "PAM or PFM picture": rb"P7\s|P[fF]\s",
    "QOI picture": rb"qoif",
    "OpenEXR picture": rb"\x76\x2f\x31\x01",
    "Radiance picture": rb"#\?RADIANCE",
    "DirectDraw picture": rb"DDS ",
    "DICOM picture": rb".{128}DICM",
    "SVG drawing": rb"\s*<(.*<)?svg",
    "Windows metafile": rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF",
}
_OTHER_FILES = {
    "video": rb".{4}(ftyp|moov|mdat)|RIFF.{4}AVI |\x1a\x45\xdf\xa3|\0\0\x01[\xba\xb3]|FLV|0&\xb2u",
    "sound file": rb"ID3|OggS|fLaC|RIFF.{4}WAVE|\xff[\xfb\xf3\xf2]",
    "document": rb"%PDF|\{\\rtf|\xd0\xcf\x11\xe0|PK\x03\x04.{26}(\[Content_|mimetypeapplic)",
    "web page": rb"\s*<(!doctype html|html|head)",
    "archive": rb"PK\x03\x04(?!.{26}[^\0]{1,250}\.npy)"
    rb"|\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|.{257}ustar",
    "array file": rb"\x93NUMPY|\x89HDF|MATLAB 5|PK\x03\x04",
    "pickle": rb"\x80[\x02-\x05]",
    "program": rb"\x7fELF|MZ.{58}|#!",
    "text file": rb"[^\0-\x08\x0e-\x1a\x1c-\x1f]+\Z|\xff\xfe|\xfe\xff",
}
ZIP_SIGNATURE = b"PK\x03\x04"
NPY_SIGNATURE = b"\x93NUMPY"
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
SKIPPED_HEADER = ("file", "reason")
PREDICTIONS_HEADER = ("file", "label", "predicted", "positive", "probability", "loss")
# Of more than two classes; a column for the probability of each follows.
CLASS_PREDICTIONS_HEADER = ("file", "label", "predicted", "confidence", "loss")
EVIDENCE_SUFFIX = ".evidence.png"
EVIDENCE_MARK = ("Software", "catclf-evidence")  # a keyword and its text
# The text stands behind a PNG's header, of 25 bytes, and its own length (PNG specification, 5.3).
_EVIDENCE = _PICTURE_SIGNATURES["PNG"] + rb".{29}tEXt" + "\0".join(EVIDENCE_MARK).encode()
CONFIG_LINE = "# Written by catclf tune, checksum {:08x}: not replaced once it is edited.\n"


class FileKind(Enum):
    """A kind of file; its value is what messages call it."""

    FOLDER = "a folder"
    DATASET = "a dataset that catclf prepared"
    MODEL = "a model that catclf trained"
    REPORT = "a report of catclf"
    CONFIG = "an unedited config file of catclf tune"
    PREDICTIONS = "a CSV file of catclf's predictions"
    SKIPPED = "a CSV file of what catclf prepare left out"
    EVIDENCE = "evidence that catclf drew"
    EXPORT = "an ONNX file that catclf exported"
    PICTURE = "a picture"
    HDF5 = "an HDF5 file"
    ARCHIVE = "an archive"
    ARRAYS = "a file of NumPy arrays"
    PICKLE = "a pickle"
    OTHER = "a file of another kind"


# What catclf writes stands at a file's beginning. Its datasets have been HDF5 files, and the
# records of its models UTF-32.
_SIGNATURES = (
    (ZIP_SIGNATURE + rb'.{26}record\.npy.*"format": ?"catclf-dataset"', FileKind.DATASET),
    (HDF5_SIGNATURE + rb".*catclf-dataset", FileKind.DATASET),
    (ZIP_SIGNATURE + rb'.{26}record\.npy.*"format": ?"catclf-model"', FileKind.MODEL),
    (ZIP_SIGNATURE + rb".*" + "catclf-model".encode("utf-32-le"), FileKind.MODEL),
    (HDF5_SIGNATURE, FileKind.HDF5),
    # But for an .npz of w and b, which is a model, or one with a record.
    (
        NPY_SIGNATURE + rb"|" + ZIP_SIGNATURE + rb".{26}(?!(w|b|record)\.)[^\0]{1,99}\.npy",
        FileKind.ARRAYS,
    ),
    (_OTHER_FILES["archive"], FileKind.ARCHIVE),
    (_OTHER_FILES["pickle"], FileKind.PICKLE),
    (
        rb'<!doctype html>\n([^\n]*\n){3}<meta name="generator" content="catclf-report">',
        FileKind.REPORT,
    ),
    (",".join(PREDICTIONS_HEADER).encode() + rb"\n", FileKind.PREDICTIONS),
    (",".join(CLASS_PREDICTIONS_HEADER).encode() + rb',"?P\(', FileKind.PREDICTIONS),
    (",".join(SKIPPED_HEADER).encode() + rb"\n", FileKind.SKIPPED),
    (_EVIDENCE, FileKind.EVIDENCE),
    (rb"\x08.\x12\x06catclf", FileKind.EXPORT),  # its IR version, and its producer
)


def picture_format(head: bytes) -> str | None:
    """Return the format of the picture that begins with these bytes; None if it is not read."""
    for name, signature in _PICTURE_SIGNATURES.items():
        if re.match(signature, head, re.DOTALL):
            return name
    return None


def unread_picture(head: bytes) -> str | None:
    """Return what a picture that begins with these bytes is, of a format that is not read."""
    return _first_match(_UNREAD_PICTURES, head)


def kind_of_other(head: bytes) -> str | None:
    """Return what a file that begins with these bytes, and is no picture, is: a video, a text."""
    return _first_match(_OTHER_FILES, head)


def _first_match(signatures: Mapping[str, bytes], head: bytes) -> str | None:
    head = head[:1024].removeprefix(b"\xef\xbb\xbf")  # a byte order mark, before text
    for name, signature in signatures.items():
        if re.match(signature, head, re.DOTALL | re.IGNORECASE):
            return name
    return None


def kind_of_bytes(head: bytes) -> FileKind:
    """Return the kind of the file that begins with these bytes."""
    for signature, kind in _SIGNATURES:
        if re.match(signature, head, re.DOTALL):
            return kind
    if picture_format(head) is not None:
        return FileKind.PICTURE
    first, _, rest = head.partition(b"\n")
    is_config = first + b"\n" == CONFIG_LINE.format(zlib.crc32(rest)).encode()
    return FileKind.CONFIG if is_config else FileKind.OTHER


def file_kind(path: AnyPath) -> FileKind:
    """Return the kind of the file, or folder, at a path.

    CatclfError where it is missing, cannot be read, or is a pipe or device.
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


def is_evidence(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is evidence that catclf drew."""
    return re.match(_EVIDENCE, head, re.DOTALL) is not None


def is_lfs_pointer(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is a pointer that Git LFS left."""
    return head.startswith(b"version https://git-lfs")


@dataclass(frozen=True)
class Expected:
    """What a file should be, and how to fix it where it is something else.

    `fix` is for what no entry of `fixes` is for, in which ``{path}`` stands for the file's path in
    a shell; `missing` is for where there is no file.
    """

    name: str
    fix: str
    fixes: Mapping[FileKind, str] = field(default_factory=dict)
    missing: str = "Check the path."

    def fix_of(self, found: FileKind, path: AnyPath) -> str:
        """Return how to fix it where the file at a path is of this kind."""
        fix = self.fixes.get(found, self.fix)
        if "{path}" in fix:
            import shlex  # here, for `predict` to start without it

            fix = fix.replace("{path}", printable(shlex.quote(os.fspath(path))))
        return fix

    def mismatch(self, head: bytes, path: AnyPath, kind: type[CatclfError]) -> CatclfError:
        """Return the error, a `kind`, for the file that begins so and is something else."""
        if is_lfs_pointer(head):
            return kind("a Git LFS pointer, not the file itself", path, "Run 'git lfs pull'.")
        found = kind_of_bytes(head)
        if found is FileKind.OTHER:
            what = f"is not {self.name}"
        elif found.value == self.name:
            what = "is of an older format, which this catclf does not read"
            if head.startswith(ZIP_SIGNATURE):
                what = "damaged: its record cannot be read"
        else:
            what = f"is {found.value}, not {self.name}"
        return kind(what, path, self.fix_of(found, path))

    def open(self, path: AnyPath, kind: type[CatclfError]) -> BinaryIO:
        """Open the file as `open_regular` does."""
        return open_regular(path, kind, self.missing, self.fix_of(FileKind.FOLDER, path))


PREPARED = Expected(
    FileKind.DATASET.value,
    "Name a dataset that 'catclf prepare' wrote.",
    {
        FileKind.FOLDER: "If it holds class folders, prepare it first: catclf prepare {path}",
        FileKind.PICTURE: "Prepare a folder of class folders first; one picture is for "
        "'catclf predict'.",
        FileKind.HDF5: "Prepare it first: catclf prepare {path}",
        FileKind.ARRAYS: "Prepare it first: catclf prepare {path}",
        FileKind.DATASET: "Run 'catclf prepare' again.",
    },
    missing="Run 'catclf prepare' first, or check the path.",
)


def open_regular(
    path: AnyPath,
    kind: type[CatclfError],
    missing: str = "Check the path.",
    folder: str = "Name a file.",
) -> BinaryIO:
    """Open a regular file for reading, without waiting for what else may stand there.

    A `kind` is raised where it is missing (with the fix `missing`), may not be read, or is a folder
    (with the fix `folder`), pipe or device.
    """
    return os.fdopen(_regular(path, kind, missing, folder)[0], "rb")


def read_regular(
    path: AnyPath, max_bytes: int, kind: type[CatclfError], missing: str = "Check the path."
) -> bytes:
    """Return the contents of a regular file of at most `max_bytes`; errors as `open_regular`."""
    descriptor, size = _regular(path, kind, missing, "Name a file.")
    try:
        if size <= max_bytes:
            return _read(descriptor, size)
    except OSError as error:
        raise kind(f"cannot be read ({error.strerror})", path, "Check the disk.") from None
    finally:
        os.close(descriptor)
    raise kind(f"too large: more than {max_bytes // 2**20} MiB", path, "Name a smaller file.")


def _regular(path: AnyPath, kind: type[CatclfError], missing: str, folder: str) -> tuple[int, int]:
    """Return the descriptor of a regular file that is open for reading, and its size in bytes."""
    try:
        if not hasattr(os, "O_NONBLOCK"):
            _refuse_irregular(os.stat(path).st_mode, path, kind, folder)
        descriptor = _open_without_waiting(path)
    except FileNotFoundError:
        if os.path.islink(path):
            what = "a link to a file that is not there"
            raise kind(what, path, "Name the file itself, or fix the link.") from None
        raise kind("no such file", path, _fix_of_missing(os.fspath(path), missing)) from None
    except PermissionError:
        raise kind("permission denied", path, "Make it readable: chmod +r.") from None
    except OSError as error:
        reasons = {
            errno.ENXIO: _NOT_REGULAR,  # a socket
            errno.ELOOP: "a loop of links",
            errno.ENOTDIR: "part of the path is a file, not a folder",
        }
        what = reasons.get(error.errno or 0, f"cannot be opened ({error.strerror})")
        raise kind(what, path, "Check the path.") from None
    except ValueError:  # a NUL in the name
        raise kind("not a valid file name", path, "Check the path.") from None
    try:
        status = os.fstat(descriptor)
        _refuse_irregular(status.st_mode, path, kind, folder)
    except kind:
        os.close(descriptor)
        raise
    return descriptor, status.st_size


def _fix_of_missing(path: str, otherwise: str) -> str:
    """Return how to name a file that is not there, where its path is no path."""
    if re.match("[a-z][a-z0-9+.-]+://", path):
        return "Download it, and name the file."
    if path.startswith("~"):
        return f"Write the path without quotes, or as {printable(os.path.expanduser(path))}"
    if re.search(r"[*?[]", path):
        return "No file matches this pattern; if it stands in quotes, remove them."
    return otherwise


def _read(descriptor: int, size: int) -> bytes:
    """Return so many bytes, fewer where the file ends before; not more, though it may grow."""
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _open_without_waiting(path: AnyPath) -> int:
    flags = os.O_RDONLY
    # POSIX: opening a FIFO for reading would wait for a writer, and a terminal become our own.
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    flags |= getattr(os, "O_BINARY", 0)  # Windows translates line ends otherwise
    return os.open(path, flags)


def _refuse_irregular(mode: int, path: AnyPath, kind: type[CatclfError], folder: str) -> None:
    if stat.S_ISDIR(mode):
        raise kind("a folder, not a file", path, folder)
    if not stat.S_ISREG(mode):
        raise kind(_NOT_REGULAR, path, "Name a file.")

"""Which files are read as pictures, how large they may be, and the errors for those that are not.

A format is known by the first bytes of a file. Suffixes only tell which files of a folder somebody
meant as pictures.
"""

from __future__ import annotations

import os
import re

from catclf.errors import PictureError
from catclf.files import (
    HEAD_BYTES,
    Expected,
    FileKind,
    is_lfs_pointer,
    kind_of_bytes,
)

MAX_PIXELS = 50_000_000
"""The most pixels a picture may decode to; a JPEG is measured after reduced-scale decoding."""

MAX_BYTES = 128 * 2**20
"""The largest file that is read."""

# How to fix a file, for errors.
REPLACE = "Fetch it again, or use another picture."
CONVERT = "Convert it to JPEG or PNG."

PICTURE = Expected(
    "a picture",
    "Name a picture, or a folder of pictures.",
    {
        FileKind.DATASET: "Name a picture; a dataset is for 'catclf evaluate'.",
        FileKind.HDF5: "Name a picture; the course's HDF5 files are for 'catclf prepare'.",
        FileKind.MODEL: "Name a picture; a model is given as `model`.",
    },
)

# Signatures of whatever case, for what is not read. Order matters: the first that fits is named.
_UNREADABLE_SIGNATURES = (
    (rb".{4}ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", "HEIC pictures"),
    (rb".{4}ftyp(avif|avis)", "AVIF pictures"),
    (rb".{4}ftypcrx ", "camera raw pictures"),
    (rb".{4}ftyp", "videos"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL pictures"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000 pictures"),
    (rb"8BPS", "Photoshop pictures"),
    (rb"II\*\0.{4}CR|IIRO|IIU\0|FUJIFILMCCD-RAW", "camera raw pictures"),
    (rb"%PDF", "PDF documents"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript pictures"),
    (rb"\0\0[\x01\x02]\0", "icons"),
    (rb"P7\s|P[fF]\s", "PAM and PFM pictures"),
    (rb"qoif", "QOI pictures"),
    (rb"\x76\x2f\x31\x01", "OpenEXR pictures"),
    (rb"\s*<(.*<)?svg", "SVG drawings"),
)

# fmt: off
_READABLE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm",
)
_UNREADABLE_SUFFIXES = (
    ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".jpf", ".ico", ".cur",
    ".icns", ".tga", ".psd", ".psb", ".xcf", ".svg", ".svgz", ".eps", ".ai", ".pcx", ".pfm",
    ".pam", ".exr", ".hdr", ".dds", ".qoi", ".apng", ".mpo", ".xbm", ".xpm", ".wmf", ".emf",
    ".raw", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef", ".srw",
)
# fmt: on


def looks_like_picture(name: str) -> bool:
    """Tell by a file's suffix whether somebody meant it as a picture.

    Pictures of formats that cannot be read count, so that they are named and not skipped.
    """
    return os.path.splitext(name)[1].lower() in _READABLE_SUFFIXES + _UNREADABLE_SUFFIXES


def broken(what: str) -> PictureError:
    """Return the error for a file of a known format that does not hold a whole picture."""
    return PictureError(f"not a readable picture ({what})", fix=REPLACE)


def check_pixels(width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Check the size that a file claims, before memory is taken for it.

    Parameters
    ----------
    width, height
        In pixels.
    max_pixels
        The most there may be of them.

    Raises
    ------
    PictureError
        If a side is less than 1, or there are more than `max_pixels`.
    """
    if width < 1 or height < 1:
        raise broken("damaged: no pixels")
    if width * height > max_pixels:
        raise PictureError(
            f"too large: {width} x {height} pixels, more than {max_pixels // 10**6} million",
            fix="Scale it down, or convert it to JPEG.",
        )


def unsupported(data: bytes) -> PictureError:
    """Return the error for a file of no format that is read: it names what the file is, if known.

    Parameters
    ----------
    data
        The whole file.
    """
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")  # a byte order mark, before text
    for signature, name in _UNREADABLE_SIGNATURES:
        if re.match(signature, head, re.DOTALL | re.IGNORECASE):
            return PictureError(f"{name} are not supported", fix=CONVERT)
    if not any(data):
        return PictureError("not a readable picture (nothing but zeros)", fix=REPLACE)
    head = data[:HEAD_BYTES]
    if kind_of_bytes(head) is FileKind.OTHER and not is_lfs_pointer(head):
        return PictureError(
            "not a picture of a supported format (JPEG, PNG, WebP, BMP, GIF, TIFF, PPM)",
            fix=PICTURE.fix,
        )
    mismatch = PICTURE.mismatch(head, "", PictureError)
    return PictureError(mismatch.what, fix=mismatch.fix)

"""A picture file -> its ``(size, size, 3)`` uint8 pixels, red, green, blue.

The same for every verb: whatever the container, a picture gives the same pixels (EXIF orientation
applied, transparency composited on white, everything brought to 8-bit RGB), and a file that is not
a whole picture raises `PictureError`. The only module that uses Pillow.

Pillow decodes, but it is not asked what a file is. A file is recognized by its first bytes, its
declared size is compared with `MAX_PIXELS` before memory is taken, and one plugin is called
directly: `PIL.Image.open` would import five plugins, warn about large pictures where we raise, and
try each decoder in turn. JPEG and PNG files are walked here first, for three reasons: Pillow
decodes many damaged ones silently, what is not needed for the pixels (texts, profiles, thumbnails,
animation) is taken out before Pillow can stumble over it, and the orientation is found on the way.

What cannot be known:

- JPEG has no checksum. A flipped bit, or a few bytes lost, inside the compressed data often decode
  to a slightly different picture. Detected are a cut (also one closed with an end marker), a
  zeroed stretch of baseline data, missing scans, and less data than the size needs at the least.
  A cut within the last block or two, or within the last scan of a progressive file, goes unseen.
- BMP, PPM, GIF and TIFF have no checksums either: only missing data is noticed. Of a damaged
  compressed TIFF, libtiff prints a line on stderr itself before it is refused.
- Color profiles and gamma are not applied, and orientation is EXIF's alone, as in browsers.
- Color and alpha channels of 16 bits are cut to their high byte by Pillow; gray ones are rounded.
"""

from __future__ import annotations

import logging
import math
import os
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from io import BytesIO
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from catclf.errors import PictureError
from catclf.storage.files import is_lfs_pointer, read_regular

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Preprocessing",
    "decode_picture",
    "fit_pixels",
    "looks_like_picture",
    "read_picture",
]

MAX_PIXELS = 50_000_000
"""The most pixels a picture may decode to; a JPEG is measured after reduced-scale decoding."""

MAX_BYTES = 128 * 2**20
"""The largest file that is read."""

_MAX_SIZE = 1024
_FITS = ("squash", "crop", "pad")


@dataclass(frozen=True)
class Preprocessing:
    """The record of how a picture becomes a column.

    Parameters
    ----------
    size
        Height and width of the result, 1 to 1024.
    fit
        How a picture that is not square becomes square: ``squash`` ignores the aspect ratio,
        ``crop`` takes the largest centered square, ``pad`` adds bars of the background.
    filter, background, order
        How pixels are averaged, what lies behind transparent ones, and the order in a column. This
        version knows one value of each; they are recorded so that a later one may know more.

    Raises
    ------
    ValueError
        If a value is of the wrong type, out of range or not known.
    """

    size: int = 64
    fit: Literal["squash", "crop", "pad"] = "squash"
    filter: str = "bilinear"
    background: str = "white"
    order: str = "planes"

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 1 <= self.size <= _MAX_SIZE:
            raise ValueError(
                f"size must be a whole number from 1 to {_MAX_SIZE}, got {self.size!r}"
            )
        if self.fit not in _FITS:
            raise ValueError(f"fit must be one of {', '.join(_FITS)}, got {self.fit!r}")
        for name, only in (("filter", "bilinear"), ("background", "white"), ("order", "planes")):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise ValueError(f"{name} must be a string, got {value!r}")
            if value != only:
                raise ValueError(
                    f"{name} {value!r} is unknown (this version knows {only!r}): "
                    "made by a newer catclf"
                )

    @property
    def n_x(self) -> int:
        """The number of features: ``3 * size * size``."""
        return 3 * self.size * self.size

    def to_record(self) -> dict[str, object]:
        """Return the settings as a dictionary that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: object) -> Preprocessing:
        """Return the settings that `to_record` wrote.

        Raises
        ------
        ValueError
            If the record is not a dictionary of exactly these settings, each with a known value.
        """
        if not isinstance(record, dict):
            raise ValueError(f"preprocessing must be a table of settings, got {record!r:.80}")
        names = [field.name for field in fields(cls)]
        for name in record:
            if name not in names:
                raise ValueError(f"preprocessing has an unknown setting {name!r:.80}")
        for name in names:
            if name not in record:
                raise ValueError(f"preprocessing lacks {name!r}")
        return cls(**record)


# What Pillow's decoders, and the walks below, raise on damaged files: each has been seen in 400,000
# damaged files, or is raised in their source. What is not here is a bug, and keeps its traceback.
_DECODER_ERRORS = (
    OSError,  # truncated data, libtiff and libjpeg errors; UnidentifiedImageError is one
    SyntaxError,  # not such a file, or a bad PNG checksum
    ValueError,  # sizes, tokens, modes that cannot be converted
    NotImplementedError,  # variants of a format
    OverflowError,  # numbers beyond a C int
    IndexError,  # short reads
    KeyError,  # unknown modes, tags, JPEG components
    TypeError,  # header fields of the wrong kind
    ZeroDivisionError,  # sampling factors and rationals of zero
    EOFError,  # an animation without a frame
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

_REPLACE = "Delete or replace it."
_CONVERT = "Convert it to JPEG or PNG."


def read_picture(path: str | os.PathLike[str], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Read a picture file as pixels.

    Parameters
    ----------
    path
        The file. Its name does not matter: the format is recognized by the first bytes.
    preprocessing
        Size and fit of the result.

    Returns
    -------
    NDArray[np.uint8]
        The pixels, ``(size, size, 3)``: rows, columns, and red, green, blue.

    Raises
    ------
    PictureError
        If the file cannot be opened, is not a regular file, or is not a whole picture of a
        supported format within `MAX_BYTES` and `MAX_PIXELS`.
    """
    return decode_picture(
        read_regular(path, MAX_BYTES, PictureError), preprocessing, os.fspath(path)
    )


def decode_picture(data: bytes, preprocessing: Preprocessing, where: str) -> NDArray[np.uint8]:
    """Decode the bytes of a picture file; like `read_picture`.

    Parameters
    ----------
    data
        The whole file.
    preprocessing
        Size and fit of the result.
    where
        What to call it in an error.

    Returns
    -------
    NDArray[np.uint8]
        The pixels, ``(size, size, 3)``.

    Raises
    ------
    PictureError
        If the bytes are not a whole picture of a supported format.
    """
    try:
        return _fit(_decode(data, preprocessing), preprocessing)
    except PictureError as error:
        raise PictureError(error.what, where, error.fix) from None
    except MemoryError:
        raise PictureError("too large for the memory there is", where, _REPLACE) from None
    except _DECODER_ERRORS as error:
        what = "truncated" if "truncated" in str(error) else "damaged"
        raise PictureError(f"not a readable picture ({what})", where, _REPLACE) from None


def fit_pixels(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Bring pixels that are in memory to the size asked for, as a picture file would be.

    Parameters
    ----------
    pixels
        ``(height, width, 3)``.
    preprocessing
        Size and fit of the result.

    Returns
    -------
    NDArray[np.uint8]
        ``(size, size, 3)``; equal to `pixels` if they have that shape already.

    Raises
    ------
    ValueError
        If `pixels` are not uint8 of shape ``(height, width, 3)``.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"pixels must be uint8 (height, width, 3), got {pixels.dtype} {pixels.shape}"
        )
    return _fit(_whole(Image.fromarray(np.ascontiguousarray(pixels))), preprocessing)


# fmt: off
_READABLE = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm",
)
_UNREADABLE = (
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
    return os.path.splitext(name)[1].lower() in _READABLE + _UNREADABLE


# ------------------------------------------------------------------------------------- formats


_Box = tuple[float, float, float, float]  # left, top, right, bottom
_BILINEAR = Image.Resampling.BILINEAR


@dataclass(frozen=True)
class _Picture:
    """A decoded image, and the part of it that is the picture.

    The part is all of it, except after reduced-scale JPEG decoding: there the last column and row
    may stand for a fraction of a pixel.
    """

    image: Image.Image
    box: _Box


def _whole(image: Image.Image) -> _Picture:
    return _Picture(image, (0, 0, image.width, image.height))


def _decode(data: bytes, preprocessing: Preprocessing) -> _Picture:
    """Return the loaded, upright picture in whatever mode Pillow gives it."""
    if not data:
        raise PictureError("empty file", fix=_REPLACE)
    if len(data) > MAX_BYTES:
        raise PictureError(f"too large: more than {MAX_BYTES // 2**20} MiB", fix=_REPLACE)
    if data.startswith(b"\xff\xd8\xff"):
        return _decode_jpeg(data, preprocessing)
    if data.startswith(_PNG_SIGNATURE):
        return _decode_png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _decode_webp(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _decode_gif(data)
    if data.startswith(_TIFF_SIGNATURES) and data[8:10] != b"CR":
        return _decode_tiff(data)
    if data.startswith(b"BM"):
        return _decode_bmp(data)
    if re.match(rb"P[1-6][\s#]", data):
        return _decode_ppm(data)
    raise _unsupported(data)


_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Where in a file its format's name is found, for pictures that are not read. Order matters.
_OTHER_FORMATS = (
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
    (rb"\s*(<!doctype html|<html)", "web pages"),
    (rb"\s*<(.*<)?svg", "SVG drawings"),
    (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!", "archives"),
)


def _unsupported(data: bytes) -> PictureError:
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")
    if is_lfs_pointer(head):
        return PictureError("a Git LFS pointer, not the file itself", fix="Run 'git lfs pull'.")
    for pattern, name in _OTHER_FORMATS:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return PictureError(f"{name} are not supported", fix=_CONVERT)
    if not any(data):
        return PictureError("not a readable picture (nothing but zeros)", fix=_REPLACE)
    return PictureError(
        "not a picture of a supported format (JPEG, PNG, WebP, BMP, GIF, TIFF, PPM)", fix=_REPLACE
    )


def _broken(what: str) -> PictureError:
    return PictureError(f"not a readable picture ({what})", fix=_REPLACE)


def _check_pixels(width: int, height: int, most: int = MAX_PIXELS) -> None:
    if width < 1 or height < 1:
        raise _broken("damaged: no pixels")
    if width * height > most:
        raise PictureError(
            f"too large: {width} x {height} pixels, more than {most // 10**6} million",
            fix="Scale it down, or convert it to JPEG.",
        )


def _decode_webp(data: bytes) -> _Picture:
    from PIL.WebPImagePlugin import WebPImageFile

    # libwebp and Pillow hold four copies of the canvas, 16 bytes a pixel measured, and reserve it
    # as soon as they are given the file. So the size is looked at before, and must be smaller.
    # (WebP container specification: a canvas size in VP8X, else the one of the only frame.)
    chunk, most = data[12:16], MAX_PIXELS // 2
    if chunk == b"VP8X":
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
    elif chunk == b"VP8L":
        sides = int.from_bytes(data[21:25], "little")
        width, height = 1 + (sides & 0x3FFF), 1 + (sides >> 14 & 0x3FFF)
    else:
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        height = int.from_bytes(data[28:30], "little") & 0x3FFF
    _check_pixels(width, height, most)
    image = WebPImageFile(BytesIO(data))
    _check_pixels(*image.size, most)
    image.load()
    return _upright(_whole(image), _exif_orientation(image.info.get("exif", b"")))


def _decode_gif(data: bytes) -> _Picture:
    from PIL.GifImagePlugin import GifImageFile

    _check_pixels(*struct.unpack_from("<HH", data, 6))
    with _pillow_silenced():
        image = GifImageFile(BytesIO(data))
        return _load(image)


_TILE_WIDTH, _TILE_LENGTH = 322, 323


def _decode_tiff(data: bytes) -> _Picture:
    from PIL.TiffImagePlugin import TiffImageFile

    with _pillow_silenced():
        image = TiffImageFile(BytesIO(data))
        # libtiff takes memory for a whole tile, however small the picture is.
        _check_pixels(image.tag_v2.get(_TILE_WIDTH, 1), image.tag_v2.get(_TILE_LENGTH, 1))
        extents = [tile[1] for tile in image.tile if tile[1]]
        covered = sum((right - left) * (bottom - top) for left, top, right, bottom in extents)
        if covered < image.width * image.height:
            raise _broken("truncated")  # Pillow leaves the rest black
        return _load(image)  # applies the orientation tag, and swaps the sides for it


def _decode_bmp(data: bytes) -> _Picture:
    from PIL.BmpImagePlugin import BmpImageFile

    picture = _load(BmpImageFile(BytesIO(data)))
    if picture.image.mode == "RGBA" and not picture.image.getchannel("A").getbbox():
        picture.image.putalpha(255)  # as browsers do: many writers leave the fourth byte zero
    return picture


def _decode_ppm(data: bytes) -> _Picture:
    from PIL.PpmImagePlugin import PpmImageFile

    return _load(PpmImageFile(BytesIO(data)))


def _load(image: ImageFile) -> _Picture:
    # Pillow decodes these in Python, at about a second a million pixels.
    slow = image.tile and image.tile[0][0] in ("ppm", "ppm_plain", "bmp_rle")
    _check_pixels(*image.size, MAX_PIXELS // 10 if slow else MAX_PIXELS)
    image.load()
    return _whole(image)


# Pillow logs some errors before it raises them; without any handler Python prints those.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_silence = threading.Lock()


@contextmanager
def _pillow_silenced() -> Iterator[None]:
    """Keep Pillow's warnings about odd metadata from the user.

    `warnings.catch_warnings` changes what all threads see, and two of them may restore in the
    wrong order: one at a time. JPEG, PNG and WebP, which folders are full of, do not come here.
    """
    with _silence, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# ------------------------------------------------------------------------------------- PNG


_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: first column, first row, column step, row step of each pass (PNG specification, 8.2).
_PNG_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


def _decode_png(data: bytes) -> _Picture:
    """Decode a PNG whose chunks that matter are whole and whose pixel data is complete.

    Pillow does not check IDAT checksums, nor that the compressed stream fills the picture.
    """
    from PIL.PngImagePlugin import PngImageFile

    kept, chunks = _png_chunks(data)
    if b"IHDR" not in chunks or b"IDAT" not in chunks or len(chunks[b"IHDR"][0]) != 13:
        raise _broken("damaged")
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"][0])
    _check_pixels(width, height)
    if color not in _PNG_CHANNELS or (color == 3 and b"PLTE" not in chunks):
        raise _broken("damaged")
    image = PngImageFile(BytesIO(kept))
    image.load()
    last_row = image.crop((0, height - 1, width, height))
    if interlaced or not any(last_row.tobytes()):
        # Rows that a stream too short does not reach stay zero, so most pictures need not pay for
        # a second inflation: 18 ms of 66 for 1600 x 1200.
        pixel_bits = depth * _PNG_CHANNELS[color]
        _check_inflated(chunks[b"IDAT"], _png_length(width, height, pixel_bits, bool(interlaced)))
    transparent = image.info.get("transparency")
    # Pillow leaves the transparent color in the file's bit depth, and widens or cuts the pixels.
    if color == 0 and depth < 8 and isinstance(transparent, int):
        image.info["transparency"] = transparent * 255 // (2**depth - 1)
    elif color == 2 and depth == 16 and isinstance(transparent, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    exif = chunks.get(b"eXIf", [memoryview(b"")])[0]
    return _upright(_whole(image), _exif_orientation(bytes(exif)))


def _png_chunks(data: bytes) -> tuple[bytes, dict[bytes, list[memoryview]]]:
    """Return a PNG of only the chunks that matter, and their contents; check their checksums."""
    view = memoryview(data)
    kept = [view[:8]]
    chunks: dict[bytes, list[memoryview]] = {}
    position = 8
    while b"IEND" not in chunks:
        if position + 12 > len(data):
            raise _broken("truncated")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise _broken("truncated")
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND"):
            (checksum,) = struct.unpack_from(">I", data, end - 4)
            if zlib.crc32(view[position + 4 : end - 4]) != checksum:
                raise _broken("damaged: wrong checksum")
            chunks.setdefault(kind, []).append(view[position + 8 : end - 4])
            if kind != b"eXIf":
                kept.append(view[position:end])
        elif not kind[0] & 0x20:  # a critical chunk nobody knows
            raise _broken("damaged")
        position = end
    return b"".join(kept), chunks


def _png_length(width: int, height: int, pixel_bits: int, interlaced: bool) -> int:
    """Return the inflated bytes of a PNG: each row of each pass, and a filter byte before it."""
    total = 0
    for left, top, right, down in _PNG_PASSES if interlaced else ((0, 0, 1, 1),):
        columns = -(-(width - left) // right)
        rows = -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * pixel_bits // 8))
    return total


def _check_inflated(pieces: list[memoryview], needed: int) -> None:
    stream = zlib.decompressobj()
    for piece in pieces:
        for start in range(0, len(piece), 2**16):
            waiting: bytes | memoryview = piece[start : start + 2**16]
            while waiting and needed > 0 and not stream.eof:
                needed -= len(stream.decompress(waiting, 2**20))
                waiting = stream.unconsumed_tail
    if needed > 0:
        raise _broken("truncated")


# ------------------------------------------------------------------------------------- JPEG


# libjpeg can decode at 1/2, 1/4 or 1/8 of the size, which skips most of the work. It may as long
# as the sides that matter keep this many times the size asked for. Mean absolute difference from a
# full decode, in gray levels (64 x 64 results; average, and worst picture, over 25 mosaics of
# sharp photos at quality 90 that just meet the margin):
#
#     margin    1/2            1/4            1/8
#     2.0       0.43, 0.67     0.62, 0.85     1.00, 1.27
#     2.5       0.31, 0.45     0.46, 0.57     0.68, 0.82
#     3.0       0.27, 0.36     0.36, 0.48     0.51, 0.61
#
# 2.5 is the smallest that keeps every picture within one level. A picture then takes, and took
# in full: 0.8 and 1.3 ms (500 x 375), 3.6 and 12 ms (1600 x 1200), 6.5 and 38 ms (3000 x 2000).
_DRAFT_MARGIN = 2.5

_MAX_SEGMENTS = 10_000
_MAX_SCANS = 100  # a progressive file has about ten; thousands of empty ones would take minutes
_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_SCAN_END = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # no stuffed FF 00, no restart marker
_ZEROS = bytes(512)
# Bytes to decode where blocks are expected, at once or after any restart marker. They begin with 0:
# after a last FF that is no marker.
_FILLER = bytes(range(128)) + b"".join(
    bytes((0xFF, 0xD0 + number, *range(1, 64))) for number in range(8)
)

_SEQUENTIAL = (0xC0, 0xC1)  # Huffman-coded, baseline or extended
_PROGRESSIVE = 0xC2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass
class _Jpeg:
    """What a walk over the segments of a JPEG finds."""

    parts: list[bytes | memoryview] = field(default_factory=list)  # what decoding needs
    scans: list[int] = field(default_factory=list)  # which of the parts are scan data
    frame: int = 0  # the marker that says how it is coded
    width: int = 0
    height: int = 0
    blocks: int = 0  # of 8 x 8 samples, over all components
    # Component: for each of its 64 coefficients, the bits not sent yet (None: nothing sent).
    missing: dict[int, list[int | None]] = field(default_factory=dict)
    first_symbol: dict[int, int] = field(default_factory=dict)  # AC table: what zero bits mean
    zeroed: bool = False
    exif: bytes = b""


def _decode_jpeg(data: bytes, preprocessing: Preprocessing) -> _Picture:
    """Decode a JPEG at the scale that is enough, if its data is complete as far as can be known."""
    jpeg = _walk_jpeg(data)
    _check_jpeg(jpeg)
    reduction = _jpeg_reduction(jpeg.width, jpeg.height, preprocessing)
    if jpeg.frame in _SEQUENTIAL and len(jpeg.scans) == 1:
        _check_pixels(-(-jpeg.width // reduction), -(-jpeg.height // reduction))
    else:  # libjpeg keeps all coefficients at full size
        _check_pixels(jpeg.width, jpeg.height)
    image = _load_jpeg(jpeg.parts, reduction)

    # Where data runs out, libjpeg leaves gray. A picture may end in that gray by right: then some
    # more bytes after the data change nothing, but they do where blocks were still expected.
    # Several scans (of one component each) leave no gray, and are rare: always looked at.
    if jpeg.frame in _SEQUENTIAL and (len(jpeg.scans) > 1 or _ends_gray(image)):
        filled = list(jpeg.parts)
        for scan in jpeg.scans:
            filled[scan] = bytes(filled[scan]) + _FILLER
        if ImageChops.difference(image, _load_jpeg(filled, reduction)).getbbox() is not None:
            raise _broken("truncated")
    picture = _Picture(image, (0, 0, jpeg.width / reduction, jpeg.height / reduction))
    return _upright(picture, _exif_orientation(jpeg.exif))


def _load_jpeg(parts: list[bytes | memoryview], reduction: int) -> Image.Image:
    from PIL.JpegImagePlugin import JpegImageFile

    image = JpegImageFile(BytesIO(b"".join(parts)))
    if reduction > 1:
        image.draft(None, (image.width // reduction, image.height // reduction))
    image.load()
    return image


def _jpeg_reduction(width: int, height: int, preprocessing: Preprocessing) -> int:
    """Return the largest reduction, 8, 4, 2 or 1, that leaves enough pixels for the result."""
    side = max(width, height) if preprocessing.fit == "pad" else min(width, height)
    enough = _DRAFT_MARGIN * preprocessing.size
    # A side of at least 8 pixels: Pillow finds the reduction from the sides' quotients.
    return next((scale for scale in (8, 4, 2) if side >= scale * enough), 1)


def _ends_gray(image: Image.Image) -> bool:
    """Tell whether the last pixel may belong to a block without data: luma 128, up to rounding.

    Only luma, because chroma is smoothed across blocks. True for one photo in 200.
    """
    last = image.crop((image.width - 1, image.height - 1, image.width, image.height))
    return image.mode == "CMYK" or 126 <= last.convert("L").tobytes()[0] <= 130


def _walk_jpeg(data: bytes) -> _Jpeg:
    """Walk the segments up to the end marker (ITU-T T.81, annex B)."""
    jpeg = _Jpeg([data[:2]])
    view = memoryview(data)
    position = 2
    for _ in range(_MAX_SEGMENTS):
        match = _MARKER.search(data, position)
        if match is None:
            raise _broken("truncated")
        marker, start = match[1][0], match.end()
        if marker == 0xD9:
            jpeg.parts.append(b"\xff\xd9")
            return jpeg
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # stands alone
            position = start
            continue
        if start + 2 > len(data):
            raise _broken("truncated")
        position = start + int.from_bytes(view[start : start + 2])
        if position > len(data) or position < start + 2:
            raise _broken("truncated")
        segment = data[start + 2 : position]
        if marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            jpeg.exif = jpeg.exif or segment
        # Of the application segments only JFIF's and Adobe's say how colors are coded.
        if 0xE1 <= marker <= 0xED or marker in (0xEF, 0xFE):
            continue
        jpeg.parts += (bytes((0xFF, marker)), view[start:position])
        if marker in _FRAMES:
            _read_frame(jpeg, marker, segment)
        elif marker == 0xC4:
            _read_tables(jpeg, segment)
        elif marker == 0xDA:
            end = _SCAN_END.search(data, position)
            if end is None:
                raise _broken("truncated")
            _read_scan(jpeg, segment, data.find(_ZEROS, position, end.start()) >= 0)
            jpeg.scans.append(len(jpeg.parts))
            jpeg.parts.append(view[position : end.start()])
            position = end.start()
            if len(jpeg.scans) > _MAX_SCANS:
                raise _broken("damaged")
    raise _broken("damaged")


def _read_frame(jpeg: _Jpeg, marker: int, segment: bytes) -> None:
    if jpeg.frame:
        raise _broken("damaged")
    jpeg.frame = marker
    _, jpeg.height, jpeg.width, count = struct.unpack_from(">BHHB", segment)
    _check_pixels(jpeg.width, jpeg.height, 2**32)
    components = [struct.unpack_from("BB", segment, 6 + 3 * i) for i in range(count)]
    across = max(sampling >> 4 for _, sampling in components)
    down = max(sampling & 15 for _, sampling in components)
    for name, sampling in components:
        columns = -(-jpeg.width * (sampling >> 4) // (8 * across))
        rows = -(-jpeg.height * (sampling & 15) // (8 * down))
        jpeg.blocks += columns * rows
        jpeg.missing[name] = [None] * 64


def _read_tables(jpeg: _Jpeg, segment: bytes) -> None:
    """Note the first symbol of each AC table: its code is all zeros."""
    position = 0
    while position + 17 < len(segment):
        kind, counts = segment[position], segment[position + 1 : position + 17]
        if kind >> 4 == 1:
            jpeg.first_symbol[kind & 15] = segment[position + 17]
        position += 17 + sum(counts)


def _read_scan(jpeg: _Jpeg, segment: bytes, has_zeros: bool) -> None:
    """Note which bits of which coefficients the scan brings, and whether it was zeroed."""
    count = segment[0]
    first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
    if jpeg.frame != _PROGRESSIVE:
        first, last, bits = 0, 63, 0
    for name, tables in struct.iter_unpack("BB", segment[1 : 1 + 2 * count]):
        missing = jpeg.missing[name]
        for coefficient in range(first, min(last, 63) + 1):
            missing[coefficient] = bits & 15
        # Zero bits are a table's first symbol, over and over. Unless that is "end of block", they
        # mean blocks of equal coefficients throughout: no encoder's, in 512 bytes.
        if has_zeros and jpeg.frame in _SEQUENTIAL and jpeg.first_symbol.get(tables & 15, 0) != 0:
            jpeg.zeroed = True


def _check_jpeg(jpeg: _Jpeg) -> None:
    if not jpeg.frame or not jpeg.scans:
        raise _broken("truncated")
    if jpeg.zeroed:
        raise _broken("damaged: zeroed in the middle")
    if any(any(bits != 0 for bits in missing) for missing in jpeg.missing.values()):
        raise _broken("truncated: scans are missing")
    # A block takes two Huffman codes, or in a progressive file one, of a bit at the least.
    data_bits = 8 * sum(len(jpeg.parts[scan]) for scan in jpeg.scans)
    if jpeg.frame in (*_SEQUENTIAL, _PROGRESSIVE):
        needed_bits = jpeg.blocks * (1 if jpeg.frame == _PROGRESSIVE else 2)
        if data_bits < needed_bits:
            raise _broken(f"truncated: too little data for {jpeg.width} x {jpeg.height} pixels")


# ------------------------------------------------------------------------------------- pixels


_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _exif_orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8, from an EXIF block; 1 where it says nothing sensible.

    Read here, and not by Pillow, which imports its TIFF plugin for it and warns of every other
    tag that is odd. TIFF 6.0, section 2: a header, then the first directory of 12-byte entries.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if tag == 0x0112:
                return value if kind == 3 and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _upright(picture: _Picture, orientation: int) -> _Picture:
    """Apply an EXIF orientation; the part that is the picture moves with it."""
    if orientation not in _TRANSPOSE:
        return picture
    left, top, right, bottom = picture.box
    image = picture.image.transpose(_TRANSPOSE[orientation])
    if orientation >= 5:  # rows become columns
        left, top, right, bottom = top, left, bottom, right
    if orientation in (2, 3, 6, 7):  # then left and right change places
        left, right = image.width - right, image.width - left
    if orientation in (3, 4, 7, 8):
        top, bottom = image.height - bottom, image.height - top
    return _Picture(image, (left, top, right, bottom))


def _fit(picture: _Picture, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return the picture as ``(size, size, 3)`` pixels."""
    size = preprocessing.size
    left, top, right, bottom = picture.box
    width, height = right - left, bottom - top
    if preprocessing.fit == "pad":
        scale = size / max(width, height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        fitted = Image.new("RGB", (size, size), preprocessing.background)
        corner = (size - inner[0]) // 2, (size - inner[1]) // 2
        fitted.paste(_resize(picture.image, inner, picture.box), corner)
        return np.array(fitted)
    if preprocessing.fit == "crop":
        side = min(width, height)
        left += (width - side) // 2
        top += (height - side) // 2
        right, bottom = left + side, top + side
    return np.array(_resize(picture.image, (size, size), (left, top, right, bottom)))


_BAND_PIXELS = 2_000_000


def _resize(image: Image.Image, size: tuple[int, int], box: _Box) -> Image.Image:
    """Return a part of an image as RGB of the size given, by averaging with a triangle.

    Only the image itself is held whole. Pillow resizes along the rows first, rounds to 8 bits, and
    then along the columns; done here in these two steps, bands of rows can be converted and
    narrowed one after the other, with the result of converting and resizing everything at once.
    """
    left, top, right, bottom = box
    # Pillow would average in what lies beyond the box: cut it off, to whole pixels.
    x0, y0, x1, y1 = math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
    narrow = Image.new("RGB", (size[0], y1 - y0))
    rows = max(1, _BAND_PIXELS // (x1 - x0))
    for start in range(y0, y1, rows):
        band = _rgb(image.crop((x0, start, x1, min(start + rows, y1))))
        across = (left - x0, 0, right - x0, band.height)
        narrow.paste(band.resize((size[0], band.height), _BILINEAR, across), (0, start - y0))
    return narrow.resize(size, _BILINEAR, (0, top - y0, size[0], bottom - y0))


def _rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB, what is transparent to white."""
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image)
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if "transparency" in image.info or image.mode in ("LA", "PA", "RGBA"):
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale gray of 16 bits, or of floats from 0 to 1, to 8 bits: Pillow would clip it."""
    values = np.asarray(image)
    if image.mode == "F":
        if not (values.min() >= 0 and values.max() <= 1):  # NaN is neither
            raise PictureError("floating-point pixels that are not from 0 to 1", fix=_CONVERT)
        return Image.fromarray((values * 255 + 0.5).astype(np.uint8))
    if values.min() < 0 or values.max() > 65535:
        raise PictureError("pixels of more than 16 bits", fix=_CONVERT)
    gray = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if "transparency" in image.info:
        gray[values == image.info["transparency"]] = 255
    return Image.fromarray(gray)

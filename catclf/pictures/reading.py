"""Reading a picture: a file, a stream, or what is in memory already -> pixels."""

from __future__ import annotations

import logging
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterable
from typing import BinaryIO, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catclf.errors import CatclfError, PictureError
from catclf.features import Preprocessing
from catclf.files import (
    HEAD_BYTES,
    Expected,
    FileKind,
    is_lfs_pointer,
    kind_of_bytes,
    picture_format,
    read_regular,
)
from catclf.pictures.jpeg import decode_jpeg
from catclf.pictures.others import (
    decode_bmp,
    decode_gif,
    decode_png,
    decode_ppm,
    decode_tiff,
    decode_webp,
)
from catclf.pictures.pixels import CONVERT, REPLACE, DecodedPicture, broken, fit_picture, fit_pixels

MAX_BYTES = 128 * 2**20
"""The largest file that is read."""

PICTURE = Expected(
    "a picture",
    "Name a picture, or a folder of pictures.",
    {
        FileKind.DATASET: "Name a picture; a dataset is for 'catclf evaluate'.",
        FileKind.HDF5: "Name a picture; the course's HDF5 files are for 'catclf prepare'.",
        FileKind.MODEL: "Name a picture; a model is given as `model`.",
    },
)

Picture = str | os.PathLike[str] | BinaryIO | Image.Image | NDArray[np.uint8]
"""What is accepted as a picture: a path, a binary stream that holds a file, a PIL image, or pixels
(height, width, 3)."""

STREAM_NAME = "-"  # what a picture that has no path is called

# What the picture is for counts where a format can be decoded at a reduced scale: only JPEG's can.
DECODERS: dict[str, Callable[[bytes, Preprocessing], DecodedPicture]] = {
    "JPEG": decode_jpeg,
    "PNG": decode_png,
    "WebP": decode_webp,
    "BMP": decode_bmp,
    "GIF": decode_gif,
    "TIFF": decode_tiff,
    "PPM": decode_ppm,
}

# What Pillow's decoders, and our own walks, raise on damaged files: each has been seen in 400,000
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

# Signatures of whatever case, for what is not read. Order matters: the first that fits is named.
_NOT_READ = (
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

# Pillow logs some errors before it raises them; without any handler Python prints those.
logging.getLogger("PIL").addHandler(logging.NullHandler())


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


def pixels_of(image: Picture, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return any picture as pixels; of a file, as `read_picture` does.

    A PIL image is turned upright by the EXIF block that Pillow keeps with it, as a file is:
    ``PIL.ImageOps.exif_transpose`` removes it, so that it is not applied twice. Where a JPEG file
    is much larger than the result, reading the file decodes it at a reduced scale, and its pixels
    may differ slightly from those of the PIL image.
    """
    if isinstance(image, str | os.PathLike):
        return read_picture(image, preprocessing)
    if isinstance(image, np.ndarray):
        return fit_pixels(image, preprocessing)
    if isinstance(image, Image.Image):
        return _fitted(lambda: _decode_image(image), preprocessing, STREAM_NAME)
    if _is_stream(image):
        return decode_picture(_read_stream(image), preprocessing, STREAM_NAME)
    raise TypeError(f"a picture must be {_ACCEPTED}, got {type(image).__name__}{_hint(image)}")


def one_or_many(images: Picture | Iterable[Picture]) -> Iterable[Picture]:
    """Return one picture as a tuple of it, and an iterable of them as it is."""
    if _is_one(images):
        return (images,)
    if isinstance(images, Iterable) and not isinstance(images, bytes | bytearray | memoryview):
        return cast("Iterable[Picture]", images)  # a stream is iterable too, but it is one
    raise TypeError(
        f"images must be {_ACCEPTED}, or an iterable of them, "
        f"got {type(images).__name__}{_hint(images)}"
    )


_ACCEPTED = "a path, a PIL image, an (h, w, 3) uint8 array or a binary stream"


def _hint(image: object) -> str:
    return " (put it into io.BytesIO)" if isinstance(image, bytes | bytearray | memoryview) else ""


def _is_one(images: object) -> TypeGuard[Picture]:
    if isinstance(images, np.ndarray):  # four dimensions are a batch, and texts are paths
        return images.ndim != 4 and images.dtype.kind not in "OU"
    return isinstance(images, str | os.PathLike | Image.Image) or _is_stream(images)


def _is_stream(image: object) -> TypeGuard[BinaryIO]:
    return hasattr(image, "read")


def _read_stream(stream: BinaryIO) -> bytes:
    """Return what a stream holds, or one byte more than is decoded."""
    try:
        data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PictureError(
            f"cannot be read ({error.strerror or error})", STREAM_NAME, "Name a picture file."
        ) from error
    if not isinstance(data, bytes):
        raise TypeError(f"a stream must be binary, got one of {type(data).__name__}")
    return data


def decode_picture(data: bytes, preprocessing: Preprocessing, where: str) -> NDArray[np.uint8]:
    """Decode the bytes of a picture file; like `read_picture`. Errors call it what `where` says."""
    return _fitted(lambda: _decode(data, preprocessing), preprocessing, where)


def _fitted(
    decode: Callable[[], DecodedPicture], preprocessing: Preprocessing, where: str
) -> NDArray[np.uint8]:
    """Decode a picture and fit it; what decoders raise becomes an error that says where."""
    try:
        return fit_picture(decode(), preprocessing)
    except PictureError as error:
        raise PictureError(error.what, where, error.fix) from None
    except MemoryError:
        raise PictureError("too large for the memory there is", where, REPLACE) from None
    except _DECODER_ERRORS as error:
        what = "truncated" if "truncated" in str(error) else "damaged"
        raise PictureError(f"not a readable picture ({what})", where, REPLACE) from None


def _decode_image(image: Image.Image) -> DecodedPicture:
    image.load()  # an opened file is decoded now, and of some formats EXIF is known only then
    return DecodedPicture(image, image.info.get("exif", b""))


def _decode(data: bytes, preprocessing: Preprocessing) -> DecodedPicture:
    if not data:
        raise PictureError("empty file", fix=REPLACE)
    if len(data) > MAX_BYTES:
        raise PictureError(f"too large: more than {MAX_BYTES // 2**20} MiB", fix=REPLACE)
    container = picture_format(data)
    if container is None:
        raise _not_read(data)
    return DECODERS[container](data, preprocessing)


def _not_read(data: bytes) -> CatclfError:
    """Return the error for a file of no format that is read: it names what it is, if known."""
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")  # a byte order mark, before text
    for signature, name in _NOT_READ:
        if re.match(signature, head, re.DOTALL | re.IGNORECASE):
            return PictureError(f"{name} are not supported", fix=CONVERT)
    if not any(data):
        return broken("nothing but zeros")
    head = data[:HEAD_BYTES]
    if kind_of_bytes(head) is FileKind.OTHER and not is_lfs_pointer(head):
        what = f"not a picture of a supported format ({', '.join(DECODERS)})"
        return PictureError(what, fix=PICTURE.fix)
    return PICTURE.mismatch(head, "", PictureError)

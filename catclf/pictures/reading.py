"""Reading a picture: a file, its bytes, or what is in memory already -> pixels.

A file is decoded by the decoder of its format.
"""

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

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.files import (
    BMP_SIGNATURE,
    GIF_SIGNATURE,
    JPEG_SIGNATURE,
    PNG_SIGNATURE,
    PPM_SIGNATURE,
    TIFF_SIGNATURE,
    WEBP_SIGNATURE,
    read_regular,
)
from catclf.pictures.formats import (
    MAX_BYTES,
    REPLACE,
    unsupported,
)
from catclf.pictures.jpeg import decode_jpeg
from catclf.pictures.others import decode_bmp, decode_gif, decode_ppm, decode_tiff, decode_webp
from catclf.pictures.pixels import (
    DecodedPicture,
    exif_orientation,
    fit_picture,
    fit_pixels,
    turn_upright,
    whole_image,
)
from catclf.pictures.png import decode_png

Picture = str | os.PathLike[str] | BinaryIO | Image.Image | NDArray[np.uint8]
"""What is accepted as a picture: a path, a binary stream that holds a file, a PIL image, or pixels
(height, width, 3)."""

STREAM_NAME = "-"  # what a picture that has no path is called

Decoder = Callable[[bytes, Preprocessing], DecodedPicture]
"""Decodes a whole file, upright and in whatever mode Pillow gives. What the picture is for counts
where a format can be decoded at a reduced scale: only JPEG's can."""

DECODERS: tuple[tuple[bytes, Decoder], ...] = (
    (JPEG_SIGNATURE, decode_jpeg),
    (PNG_SIGNATURE, decode_png),
    (WEBP_SIGNATURE, decode_webp),
    (GIF_SIGNATURE, decode_gif),
    (TIFF_SIGNATURE, decode_tiff),
    (BMP_SIGNATURE, decode_bmp),
    (PPM_SIGNATURE, decode_ppm),
)
"""The decoder of each format, by the signature that a file of it begins with."""

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

    Parameters
    ----------
    image
        A path, a binary stream that holds a picture file, a PIL image, or an array
        ``(height, width, 3)`` uint8.
    preprocessing
        Size and fit of the result.

    Returns
    -------
    NDArray[np.uint8]
        The pixels, ``(size, size, 3)``.

    Raises
    ------
    PictureError
        If the picture cannot be read.
    TypeError
        If it is none of these, or the stream is not binary.
    ValueError
        If an array is not uint8 of shape ``(height, width, 3)``.
    """
    if isinstance(image, str | os.PathLike):
        return read_picture(image, preprocessing)
    if isinstance(image, np.ndarray):
        return fit_pixels(image, preprocessing)
    if isinstance(image, Image.Image):
        return _pixels_of_image(image, preprocessing)
    if _is_stream(image):
        return decode_picture(_read_stream(image), preprocessing, STREAM_NAME)
    raise TypeError(f"a picture must be {_ACCEPTED}, got {type(image).__name__}{_hint(image)}")


def one_or_many(images: Picture | Iterable[Picture]) -> Iterable[Picture]:
    """Return one picture as a tuple of it, and an iterable of them as it is.

    Raises
    ------
    TypeError
        If it is neither.
    """
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


def _pixels_of_image(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    try:
        image.load()  # opened files are decoded here; of some formats Pillow finds EXIF only then
        orientation = exif_orientation(image.info.get("exif", b""))
        return fit_picture(turn_upright(whole_image(image), orientation), preprocessing)
    except PictureError as error:
        raise PictureError(error.what, STREAM_NAME, error.fix) from None
    except MemoryError:
        raise PictureError("too large for the memory there is", STREAM_NAME, REPLACE) from None
    except _DECODER_ERRORS as error:
        raise PictureError(
            f"Pillow cannot decode it ({error!s:.160})", STREAM_NAME, REPLACE
        ) from None


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
        return fit_picture(_decode(data, preprocessing), preprocessing)
    except PictureError as error:
        raise PictureError(error.what, where, error.fix) from None
    except MemoryError:
        raise PictureError("too large for the memory there is", where, REPLACE) from None
    except _DECODER_ERRORS as error:
        what = "truncated" if "truncated" in str(error) else "damaged"
        raise PictureError(f"not a readable picture ({what})", where, REPLACE) from None


def _decode(data: bytes, preprocessing: Preprocessing) -> DecodedPicture:
    if not data:
        raise PictureError("empty file", fix=REPLACE)
    if len(data) > MAX_BYTES:
        raise PictureError(f"too large: more than {MAX_BYTES // 2**20} MiB", fix=REPLACE)
    for signature, decode in DECODERS:
        if re.match(signature, data, re.DOTALL):
            return decode(data, preprocessing)
    raise unsupported(data)

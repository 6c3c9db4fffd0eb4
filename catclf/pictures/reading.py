"""Reading a picture: a file or its bytes -> pixels, by the decoder of its format."""

from __future__ import annotations

import logging
import os
import re
import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catclf.errors import PictureError
from catclf.pictures.formats import (
    BMP_SIGNATURE,
    GIF_SIGNATURE,
    JPEG_SIGNATURE,
    MAX_BYTES,
    PNG_SIGNATURE,
    PPM_SIGNATURE,
    REPLACE,
    TIFF_SIGNATURE,
    WEBP_SIGNATURE,
    unsupported,
)
from catclf.pictures.jpeg import decode_jpeg
from catclf.pictures.others import decode_bmp, decode_gif, decode_ppm, decode_tiff, decode_webp
from catclf.pictures.pixels import DecodedPicture, fit_picture
from catclf.pictures.png import decode_png
from catclf.pictures.preprocessing import Preprocessing
from catclf.storage.files import read_regular

__all__ = ["DECODERS", "Decoder", "decode_picture", "read_picture"]

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

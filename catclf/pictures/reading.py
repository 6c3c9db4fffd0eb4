"""Reading a picture: a file, a stream, or what is in memory already -> pixels."""

from __future__ import annotations

import logging
import os
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
    is_evidence,
    is_lfs_pointer,
    kind_of_bytes,
    kind_of_other,
    picture_format,
    read_regular,
    unread_picture,
)
from catclf.pictures.jpeg import decode_jpeg
from catclf.pictures.others import (
    decode_avif,
    decode_bmp,
    decode_gif,
    decode_heic,
    decode_png,
    decode_ppm,
    decode_webp,
)
from catclf.pictures.pixels import (
    REPLACE,
    DecodedPicture,
    broken,
    fit_picture,
    fit_pixels,
    unsupported,
)
from catclf.pictures.tiff import decode_tiff

MAX_BYTES = 256 * 2**20
"""The largest file that is read; a PNG of 108 million noisy pixels is 160 MB."""

PICTURE = Expected(
    "a picture",
    "Name a picture, or a folder of pictures.",
    {
        FileKind.DATASET: "Name a picture; a dataset is for 'catclf evaluate'.",
        FileKind.HDF5: "Name a picture; arrays are for 'catclf prepare'.",
        FileKind.ARRAYS: "Name a picture; arrays are for 'catclf prepare'.",
        FileKind.MODEL: "Name a picture; a model is given as `model`.",
        FileKind.EVIDENCE: "Name the picture that it was drawn over.",
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
    "AVIF": decode_avif,
    "HEIC": decode_heic,
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


def is_picture(image: object) -> bool:
    """Tell whether an item of a list is a picture, as far as its type tells."""
    return _is_one(image) and not (isinstance(image, np.ndarray) and image.ndim != 3)


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
        raise PictureError("too large for the available memory", where, REPLACE) from None
    except _DECODER_ERRORS as error:
        what = "truncated" if "truncated" in str(error) else "damaged"
        raise PictureError(f"not a readable picture ({what})", where, REPLACE) from None


def _decode_image(image: Image.Image) -> DecodedPicture:
    image.load()  # an opened file is decoded now, and of some formats EXIF is known only then
    return DecodedPicture(image, image.info.get("exif") or b"")  # pillow-heif leaves a None


def _decode(data: bytes, preprocessing: Preprocessing) -> DecodedPicture:
    if not data:
        raise PictureError("empty file", fix=REPLACE)
    if len(data) > MAX_BYTES:
        raise PictureError(f"too large: more than {MAX_BYTES // 2**20} MiB", fix=REPLACE)
    container = picture_format(data)
    if container is None or (container == "PNG" and is_evidence(data)):
        raise _not_read(data)
    return DECODERS[container](data, preprocessing)


def _not_read(data: bytes) -> CatclfError:
    """Return the error for a file of no format that is read: it names what it is, if known."""
    head = data[:HEAD_BYTES]
    if kind_of_bytes(head) is not FileKind.OTHER or is_lfs_pointer(head):
        return PICTURE.mismatch(head, "", PictureError)
    if (unread := unread_picture(head)) is not None:
        return unsupported(f"{unread}s")
    if not any(data):
        return broken("nothing but zeros")
    what = f"not a picture of a supported format ({', '.join(DECODERS)})"
    if kind := kind_of_other(head):
        what = f"is {'an' if kind[0] in 'aeiou' else 'a'} {kind}, not a picture"
    return PictureError(what, fix=PICTURE.fix)

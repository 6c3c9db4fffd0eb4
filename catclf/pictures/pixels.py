"""Pixels: a decoded picture is turned upright, fitted to the size asked for, and brought to RGB."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catclf.errors import PictureError
from catclf.features import Preprocessing

MAX_PIXELS = 110_000_000
"""The most pixels a picture may decode to; a JPEG is measured after reduced-scale decoding.

A phone's largest, 12000 x 9000, take in MiB, the whole process, of which 28 are there before:
JPEG 60, progressive 370 (690 without subsampling), PNG 770 (1180 if it is turned), HEIC 790, AVIF
980; and so on in each worker process, which decodes one picture at a time.
"""

# How to fix a file, for errors.
REPLACE = "Fetch it again, or use another picture."
CONVERT = "Convert it to JPEG or PNG."

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge, in pixels."""


@dataclass(frozen=True)
class DecodedPicture:
    """A decoded image of any mode, as it stands in the file."""

    image: Image.Image
    exif: bytes = b""  # the block that may tell how to turn it upright
    # Of the picture in it: all of it, None, but after reduced-scale JPEG decoding, where the last
    # column and row may stand for a fraction of a pixel.
    size: tuple[float, float] | None = None


def broken(what: str) -> PictureError:
    """Return the error for a file of a known format that does not hold a whole picture."""
    return PictureError(f"not a readable picture ({what})", fix=REPLACE)


def unsupported(what: str) -> PictureError:
    """Return the error for pictures, which `what` names in the plural, that may be whole."""
    return PictureError(f"{what} are not supported", fix=CONVERT)


def check_pixels(width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse the size that a file claims, before memory is taken for it."""
    if width < 1 or height < 1:
        raise broken("damaged: no pixels")
    if width * height > max_pixels:
        raise PictureError(
            f"too large: {width} x {height} pixels, more than {max_pixels // 10**6} million",
            fix="Scale it down, or convert it to JPEG.",
        )


_ORIENTATION_TAG = 0x0112
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _orientation(exif: bytes) -> int:
    """Return the orientation that an EXIF block tells, 1 to 8; upright, 1, where it tells none.

    Read here (TIFF 6.0, section 2: a header, then a directory of 12-byte entries). Pillow imports
    its TIFF plugin for it (6 ms), and of 4,000 blocks with changed bytes it raised over 1,550,
    warned of 1,380, and lost 186 orientations that stood there.
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
            if tag == _ORIENTATION_TAG:
                return value if kind == 3 and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def check_deep(image: Image.Image) -> None:
    """Refuse pixels of 16 bits, or more, that use 12 at most: nobody tells how bright they are.

    Of color Pillow has kept the high bytes.
    """
    # Pillow knows no extremes of the other order of bytes.
    extrema: Any = (image.convert("I") if image.mode == "I;16B" else image).getextrema()
    if image.mode.startswith("I"):
        brightest = extrema[1]
    else:
        bands = zip(image.getbands(), extrema, strict=True)
        brightest = 257 * max(highest for band, (_, highest) in bands if band not in "Aa")
    if brightest < 4096:
        raise PictureError(
            "pixels of 16 bits or more, none of them above 4095",
            fix="Multiply them so that white is 65535, or convert them to 8 bits.",
        )


def _upright(picture: DecodedPicture) -> tuple[Image.Image, Box]:
    """Return the image turned as its EXIF block tells, and the part of it that is the picture."""
    image = picture.image
    left: float = 0
    top: float = 0
    right, bottom = picture.size or image.size
    orientation = _orientation(picture.exif)
    if orientation > 1:
        image = image.transpose(_TRANSPOSES[orientation])
    if orientation >= 5:  # rows become columns
        right, bottom = bottom, right
    if orientation in (2, 3, 6, 7):  # then left and right change places
        left, right = image.width - right, image.width - left
    if orientation in (3, 4, 7, 8):
        top, bottom = image.height - bottom, image.height - top
    return image, (left, top, right, bottom)


def fit_pixels(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return ``(height, width, 3)`` pixels as ``(size, size, 3)``, as those of a picture file."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"pixels must be uint8 (height, width, 3), got {pixels.dtype} {pixels.shape}"
        )
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return fit_picture(DecodedPicture(image), preprocessing)


def fit_picture(picture: DecodedPicture, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return a decoded picture as ``(size, size, 3)`` pixels, upright and in RGB."""
    size = preprocessing.size
    image, box = _upright(picture)
    if image.mode.startswith("I"):
        check_deep(image)
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    if preprocessing.fit == "pad":
        scale = size / max(width, height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        padded = Image.new("RGB", (size, size), preprocessing.background)
        corner = (size - inner[0]) // 2, (size - inner[1]) // 2
        padded.paste(_resize(image, inner, box), corner)
        return np.array(padded)
    if preprocessing.fit == "crop":
        side = min(width, height)
        left += (width - side) // 2
        top += (height - side) // 2
        right, bottom = left + side, top + side
    return np.array(_resize(image, (size, size), (left, top, right, bottom)))


_BAND_PIXELS = 2_000_000


def _resize(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Return a part of an image as RGB of the size given, by averaging with a triangle.

    Rows are narrowed first, and then the columns shortened, with 8 bits between the two. Only the
    image itself is held whole: bands of rows are converted and narrowed one after the other.
    """
    bilinear = Image.Resampling.BILINEAR
    left, top, right, bottom = box
    # Pillow would average in what lies beyond the box: cut it off, to whole pixels.
    x0, y0, x1, y1 = math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
    width, height = x1 - x0, y1 - y0
    band_rows = max(1, _BAND_PIXELS // width)

    def rows(start: int, stop: int) -> Image.Image:
        """Return some rows of the part in RGB."""
        edges = (x0, start, x1, stop)
        is_all = edges == (0, 0, *image.size)
        return _to_rgb(image if is_all else image.crop(edges))  # a crop copies

    if height <= band_rows and width >= max(size[0], height):
        # Pillow does both in one call, rows first. Of taller pictures Pillow 13 may take the
        # columns first, and a value in five then differs by one.
        return rows(y0, y1).resize(size, bilinear, (left - x0, top - y0, right - x0, bottom - y0))
    narrow = Image.new("RGB", (size[0], height))
    for start in range(y0, y1, band_rows):
        stop = min(start + band_rows, y1)
        across = (left - x0, 0, right - x0, stop - start)
        band = rows(start, stop).resize((size[0], stop - start), bilinear, across)
        narrow.paste(band, (0, start - y0))
    return narrow.resize(size, bilinear, (0, top - y0, size[0], bottom - y0))


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB, what is transparent to white."""
    if image.mode == "F" or image.mode.startswith("I"):
        image = _to_eight_bits(image)
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if "transparency" in image.info or image.mode in ("LA", "PA", "RGBA"):
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale gray of 16 bits, or of floats from 0 to 1, to 8 bits: Pillow would clip it."""
    values = np.asarray(image)
    if image.mode == "F":
        if not (values.min() >= 0 and values.max() <= 1):  # NaN is neither
            raise PictureError("floating-point pixels that are not from 0 to 1", fix=CONVERT)
        return Image.fromarray((values * 255 + 0.5).astype(np.uint8))
    if values.min() < 0 or values.max() > 65535:
        raise PictureError("pixels of more than 16 bits", fix=CONVERT)
    gray = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if "transparency" in image.info:
        gray[values == image.info["transparency"]] = 255
    return Image.fromarray(gray)

"""Pixels: a decoded picture is turned upright, fitted to the size asked for, and brought to RGB."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.pictures.formats import CONVERT

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge, in pixels."""


@dataclass(frozen=True)
class DecodedPicture:
    """A decoded image of any mode, and the part of it that is the picture.

    The part is all of it, except after reduced-scale JPEG decoding: there the last column and row
    may stand for a fraction of a pixel.
    """

    image: Image.Image
    box: Box


def whole_image(image: Image.Image) -> DecodedPicture:
    """Return an image that is all picture."""
    return DecodedPicture(image, (0, 0, image.width, image.height))


# --------------------------------------------------------------------------------- orientation


_ORIENTATION_TAG = 0x0112
_ORIENTATION_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def exif_orientation(exif: bytes) -> int:
    """Return the orientation that an EXIF block tells.

    Read here, and not by Pillow, which imports its TIFF plugin for it and warns of every other
    tag that is odd. TIFF 6.0, section 2: a header, then the first directory of 12-byte entries.

    Parameters
    ----------
    exif
        The block, with or without ``Exif`` before it; it may be empty, cut or damaged.

    Returns
    -------
    int
        1 to 8; 1, which is upright, where it says nothing sensible.
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


def turn_upright(picture: DecodedPicture, orientation: int) -> DecodedPicture:
    """Apply an EXIF orientation, 1 to 8; the part that is the picture moves with it."""
    if orientation not in _ORIENTATION_TRANSPOSES:
        return picture
    left, top, right, bottom = picture.box
    image = picture.image.transpose(_ORIENTATION_TRANSPOSES[orientation])
    if orientation >= 5:  # rows become columns
        left, top, right, bottom = top, left, bottom, right
    if orientation in (2, 3, 6, 7):  # then left and right change places
        left, right = image.width - right, image.width - left
    if orientation in (3, 4, 7, 8):
        top, bottom = image.height - bottom, image.height - top
    return DecodedPicture(image, (left, top, right, bottom))


# ----------------------------------------------------------------------------------------- fit


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
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return fit_picture(whole_image(image), preprocessing)


def fit_picture(picture: DecodedPicture, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return a decoded picture as pixels of the size asked for.

    Parameters
    ----------
    picture
        An upright picture.
    preprocessing
        Size and fit of the result.

    Returns
    -------
    NDArray[np.uint8]
        ``(size, size, 3)``.

    Raises
    ------
    PictureError
        If its pixels are of a range that cannot be brought to 8 bits.
    """
    size = preprocessing.size
    left, top, right, bottom = picture.box
    width, height = right - left, bottom - top
    if preprocessing.fit == "pad":
        scale = size / max(width, height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        padded = Image.new("RGB", (size, size), preprocessing.background)
        corner = (size - inner[0]) // 2, (size - inner[1]) // 2
        padded.paste(_resize(picture.image, inner, picture.box), corner)
        return np.array(padded)
    if preprocessing.fit == "crop":
        side = min(width, height)
        left += (width - side) // 2
        top += (height - side) // 2
        right, bottom = left + side, top + side
    return np.array(_resize(picture.image, (size, size), (left, top, right, bottom)))


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

    def band(start: int, stop: int) -> Image.Image:
        """Return some rows of the part in RGB."""
        edges = (x0, start, x1, stop)
        is_all = edges == (0, 0, image.width, image.height)
        return _to_rgb(image if is_all else image.crop(edges))  # a crop copies

    def narrowed(start: int, stop: int) -> Image.Image:
        """Return them of the final width."""
        across = (left - x0, 0, right - x0, stop - start)
        return band(start, stop).resize((size[0], stop - start), bilinear, across)

    if height > band_rows:
        narrow = Image.new("RGB", (size[0], height))
        for start in range(y0, y1, band_rows):
            narrow.paste(narrowed(start, min(start + band_rows, y1)), (0, start - y0))
    elif width >= size[0] and width >= height:
        # Pillow does both in one call, rows first. Of taller pictures Pillow 13 may take the
        # columns first, and a value in five then differs by one.
        return band(y0, y1).resize(size, bilinear, (left - x0, top - y0, right - x0, bottom - y0))
    else:
        narrow = narrowed(y0, y1)
    return narrow.resize(size, bilinear, (0, top - y0, size[0], bottom - y0))


# ---------------------------------------------------------------------------------------- modes


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

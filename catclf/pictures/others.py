"""WebP, GIF, TIFF, BMP and PPM: formats that Pillow decodes well once their size is known."""

from __future__ import annotations

import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from catclf.features import Preprocessing
from catclf.pictures.pixels import MAX_PIXELS, DecodedPicture, broken, check_pixels

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

# libwebp and Pillow hold four copies of the canvas, 16 bytes a pixel measured.
_MAX_WEBP_PIXELS = MAX_PIXELS // 2

# Pillow decodes these in Python: a million pixels take up to 2.3 s, and 46 million that a BMP of
# 4 KB claims took 8.8 s.
_PYTHON_DECODERS = ("ppm", "ppm_plain", "bmp_rle")
_MAX_PYTHON_PIXELS = MAX_PIXELS // 10

_TILE_WIDTH_TAG, _TILE_LENGTH_TAG = 322, 323  # TIFF 6.0, section 15


def decode_webp(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a WebP; its first frame if it is an animation."""
    from PIL.WebPImagePlugin import WebPImageFile

    # libwebp takes memory for the canvas as soon as it is given the file.
    check_pixels(*_webp_size(data), _MAX_WEBP_PIXELS)
    return _load(WebPImageFile(BytesIO(data)), _MAX_WEBP_PIXELS)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return width and height: of the canvas, or the only frame (WebP container specification)."""
    if data[12:16] == b"VP8X":
        sides = int.from_bytes(data[24:30], "little")
        return 1 + (sides & 0xFFFFFF), 1 + (sides >> 24)
    if data[12:16] == b"VP8L":
        sides = int.from_bytes(data[21:25], "little")
        return 1 + (sides & 0x3FFF), 1 + (sides >> 14 & 0x3FFF)
    sides = int.from_bytes(data[26:30], "little")
    return sides & 0x3FFF, sides >> 16 & 0x3FFF


def decode_gif(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a GIF; its first frame if it is an animation."""
    from PIL.GifImagePlugin import GifImageFile

    check_pixels(*struct.unpack_from("<HH", data, 6))
    with _pillow_silenced():
        return _load(GifImageFile(BytesIO(data)))


def decode_tiff(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode the first page of a TIFF."""
    from PIL.TiffImagePlugin import TiffImageFile

    with _pillow_silenced():
        image = TiffImageFile(BytesIO(data))
        # libtiff takes memory for a whole tile, however small the picture is.
        check_pixels(image.tag_v2.get(_TILE_WIDTH_TAG, 1), image.tag_v2.get(_TILE_LENGTH_TAG, 1))
        extents = [tile[1] for tile in image.tile if tile[1]]
        covered = sum((right - left) * (bottom - top) for left, top, right, bottom in extents)
        if covered < image.width * image.height:
            raise broken("truncated")  # Pillow leaves the rest black
        return _load(image)  # which applies the orientation tag itself


def decode_bmp(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a BMP."""
    from PIL.BmpImagePlugin import BmpImageFile

    picture = _load(BmpImageFile(BytesIO(data)))
    if picture.image.mode == "RGBA" and not picture.image.getchannel("A").getbbox():
        picture.image.putalpha(255)  # as browsers do: many writers leave the fourth byte zero
    return picture


def decode_ppm(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a PPM, PGM or PBM."""
    from PIL.PpmImagePlugin import PpmImageFile

    return _load(PpmImageFile(BytesIO(data)))


def _load(image: ImageFile, max_pixels: int = MAX_PIXELS) -> DecodedPicture:
    """Decode what Pillow has opened, if it is not too large."""
    slow = image.tile and image.tile[0][0] in _PYTHON_DECODERS
    check_pixels(*image.size, _MAX_PYTHON_PIXELS if slow else max_pixels)
    image.load()
    return DecodedPicture(image, image.info.get("exif", b""))


_warnings_lock = threading.Lock()


@contextmanager
def _pillow_silenced() -> Iterator[None]:
    """Keep Pillow's warnings about odd metadata from the user.

    `warnings.catch_warnings` changes what all threads see, and two of them may restore in the
    wrong order: one at a time. JPEG, PNG and WebP, which folders are full of, do not come here.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

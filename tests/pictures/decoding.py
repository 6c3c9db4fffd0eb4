"""What the tests of pictures share: decoding bytes, and comparing pixels."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catclf.features import Preprocessing
from catclf.pictures.reading import decode_picture
from corpus.good_pictures import photo_like

Pixels = NDArray[np.uint8]
SIZE_5 = Preprocessing(size=5)
SIZE_40 = Preprocessing(size=40)  # the size of `photo_40` and `colors`: nothing is resized


def decode(data: bytes, preprocessing: Preprocessing = SIZE_40) -> Pixels:
    return decode_picture(data, preprocessing, "here")


def distance(one: Pixels, other: Pixels) -> float:
    """Return the mean absolute difference, in gray levels."""
    return float(np.abs(one.astype(int) - other).mean())


def plain_resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return what one call of Pillow makes of the pixels: the reference."""
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


@cache
def photo_40() -> Image.Image:
    return photo_like(40, 40)


def colors(count: int = 40) -> Pixels:
    """Return rows of pixels of a few colors, all different, so that a palette holds them."""
    steps = np.arange(count * count) % 200
    return np.stack([steps, 255 - steps, steps // 2], 1).astype(np.uint8).reshape(count, count, 3)

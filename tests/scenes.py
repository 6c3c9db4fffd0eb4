"""Pictures with detail of every size, as photographs have it, and near-copies of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

Copy = Callable[[Image.Image], Image.Image]


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Return colored clouds, the larger the stronger."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for side, contrast in ((3, 30), (6, 22), (12, 15), (24, 9)):
        cloud = np.clip(rng.normal(128, contrast, (side, side, 3)), 0, 255).astype(np.uint8)
        grown = Image.fromarray(cloud).resize(size, Image.Resampling.BICUBIC)
        total += np.asarray(grown, np.float64) - 128
    return Image.fromarray(np.clip(total + 115, 0, 255).astype(np.uint8))


def _gamma(exponent: float) -> Copy:
    table = [round(255 * (level / 255) ** exponent) for level in range(256)] * 3
    return lambda picture: picture.point(table)


def _mirror(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _crop(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((2, 2, width - 2, height - 2))


# How a copy is made, and the JPEG quality that it is saved with.
COPIES: dict[str, tuple[Copy, int]] = {
    "recompressed, quality 95": (lambda picture: picture, 95),
    "recompressed, quality 50": (lambda picture: picture, 50),
    "recompressed, quality 30": (lambda picture: picture, 30),
    "half size": (lambda picture: picture.reduce(2), 90),
    "brighter": (lambda picture: ImageEnhance.Brightness(picture).enhance(1.2), 90),
    "gamma 0.7": (_gamma(0.7), 90),
    "gamma 1.5": (_gamma(1.5), 90),
    "mirrored": (_mirror, 90),
    "mirrored, quality 50": (_mirror, 50),
    "cropped": (_crop, 90),
}


def save_copy(picture: Image.Image, kind: str, path: Path) -> Path:
    """Save a copy of a picture as JPEG, and return its path."""
    copy, quality = COPIES[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    copy(picture).save(path, "JPEG", quality=quality)
    return path

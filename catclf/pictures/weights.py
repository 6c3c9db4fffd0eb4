"""The weights of pixels as pictures: what speaks for a class, and what against it, by its place."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catclf.columns import size_of
from catclf.pictures.evidence import AGAINST, FOR

SHOWN_SHARE = 0.995  # of the weights are below the full color, as in the report


def weight_pngs(w: NDArray[np.float64]) -> list[bytes]:
    """Return a PNG (size, size) of each neuron's weights w (n_x, k), the sum of all colors.

    Orange is above 0 and blue below, the stronger the farther, on one scale for all of them; what
    is 0 is transparent, so that it looks well on any background.
    """
    n_x, k = w.shape
    size = size_of(n_x)
    sums = w.T.reshape(k, 3, size, size).sum(axis=1)  # (k, size, size)
    limit = np.quantile(np.abs(sums), SHOWN_SHARE, method="inverted_cdf") or 1.0
    colors = np.where(sums[..., np.newaxis] > 0, FOR, AGAINST)  # (k, size, size, 3)
    strength = 255 * np.minimum(1, np.abs(sums) / limit)
    rgba = np.concatenate([colors, strength[..., np.newaxis]], axis=-1).astype(np.uint8)
    return [_png(each) for each in rgba]


def _png(rgba: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(rgba).save(file, "PNG")
    return file.getvalue()

"""A picture with its evidence over it, as a PNG."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catclf.columns import Pixels
from catclf.files import EVIDENCE_MARK

FOR, AGAINST = (217, 104, 12), (30, 110, 200)  # orange and blue, as in the report
STRONGEST = 0.75  # how much of its color covers the place that adds most: the picture shows through
MIN_SIDE = 448  # so that a picture of 64 x 64 can be looked at
GAP = 8
# Of a photograph 18 instead of 59 ms, for a quarter more bytes.
COMPRESS_LEVEL = 1


def evidence_png(pixels: Pixels, evidence: NDArray[np.float64]) -> bytes:
    """Return a PNG of a picture (size, size, 3), and beside it of its evidence by place over it.

    Orange is above 0 and blue below, the stronger the farther; the farthest is full. The picture
    below is gray, so that no color is its own. Each pixel becomes a square of whole pixels, and has
    the color of the place that it lies in; of places smaller than pixels, of the first of these.
    """
    size = len(pixels)
    rows, columns = (np.arange(size) * count // size for count in evidence.shape)
    values = evidence[np.ix_(rows, columns)][..., np.newaxis]  # (size, size, 1)
    strength = STRONGEST * np.abs(values) / (np.abs(evidence).max() or 1)
    picture = Image.fromarray(pixels)
    gray = np.asarray(picture.convert("L"), np.float64)[..., np.newaxis]
    covered = gray + strength * (np.where(values > 0, FOR, AGAINST) - gray) + 0.5
    side = -(-MIN_SIDE // size) * size
    drawn = Image.new("RGB", (2 * side + GAP, side), "white")
    for left, each in ((0, picture), (side + GAP, Image.fromarray(covered.astype(np.uint8)))):
        drawn.paste(each.resize((side, side), Image.Resampling.NEAREST), (left, 0))
    return _png(drawn)


def _png(image: Image.Image) -> bytes:
    """Return a PNG that is known as ours by the text that it begins with."""
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text(*EVIDENCE_MARK)
    file = BytesIO()
    image.save(file, "PNG", pnginfo=text, compress_level=COMPRESS_LEVEL)
    return file.getvalue()

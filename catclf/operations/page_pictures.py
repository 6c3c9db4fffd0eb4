"""Pictures of a dataset that a page holds to be looked at: JPEGs as base64."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from catclf.dataset import Dataset, Split
from catclf.pictures.jpeg import encode_jpeg

THUMBNAIL_SIDE = 64
QUALITIES = (75, 50, 25)


def jpegs(dataset: Dataset, split: Split, rows: Iterable[int], most_bytes: int) -> list[str]:
    """Return the pictures in some rows of a split, 64 x 64 at most.

    Of the qualities, 75, 50 and 25, by the first at which all JPEGs together have no more bytes
    than `most_bytes`, or by the last.
    """
    size = dataset.preprocessing.kept_size
    unrolled = [split.pixels[row].reshape(3, size, size) for row in rows]
    encoded: list[bytes] = []
    for quality in QUALITIES:
        encoded = [
            encode_jpeg(planes.transpose(1, 2, 0), quality, THUMBNAIL_SIDE) for planes in unrolled
        ]
        if sum(map(len, encoded)) <= most_bytes:
            break
    return [base64.b64encode(each).decode() for each in encoded]

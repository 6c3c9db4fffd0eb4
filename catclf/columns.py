"""Pictures as columns of X, and back: the lecture's unrolling, color by color."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Order", "fingerprint", "group_equal", "reorder", "roll", "unroll"]

Order = Literal["planes", "interleaved"]
Pixels = NDArray[np.uint8]


def unroll(pictures: Pixels) -> Pixels:
    """Return pictures as the transposed columns of X: all of red, then green, then blue.

    Parameters
    ----------
    pictures
        (m, size, size, 3).

    Returns
    -------
    numpy.ndarray
        (m, n_x), one picture a row, contiguous; its transpose is X.
    """
    m, height, width, colors = pictures.shape
    if height != width or colors != 3:
        raise ValueError(f"pictures must be (m, size, size, 3), got {pictures.shape}")
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).reshape(m, -1)


def roll(columns: Pixels) -> Pixels:
    """Return pictures (m, size, size, 3) from the rows (m, n_x) that `unroll` made of them."""
    m, n_x = columns.shape
    size = size_of(n_x)
    return np.ascontiguousarray(columns.reshape(m, 3, size, size).transpose(0, 2, 3, 1))


def group_equal(fingerprints: Iterable[bytes]) -> list[list[int]]:
    """Return the indices of equal fingerprints together, in the order of each group's first."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, each in enumerate(fingerprints):
        groups[each].append(index)
    return list(groups.values())


def fingerprint(column: Pixels) -> bytes:
    """Return a digest of one column's pixels: equal for identical pictures alone."""
    import hashlib  # here, for predict to start without it

    return hashlib.blake2b(column.data, digest_size=16).digest()


def reorder(w: NDArray[np.float64], order: Order) -> NDArray[np.float64]:
    """Return weights (n_x, 1) for X unrolled in planes, given weights for X in `order`.

    A notebook's ``X.reshape(m, -1).T`` keeps the three colors of a pixel together
    (interleaved). The two orders hold the same features, permuted.
    """
    if order == "planes":
        return w
    size = size_of(w.size)
    return np.ascontiguousarray(w.reshape(size, size, 3).transpose(2, 0, 1)).reshape(-1, 1)


def size_of(n_x: int) -> int:
    """Return the side of a square RGB picture of `n_x` features; ValueError where none fits."""
    size = math.isqrt(n_x // 3)
    if n_x < 3 or 3 * size * size != n_x:
        raise ValueError(f"features must number 3 x size x size (12288 for 64), got {n_x}")
    return size

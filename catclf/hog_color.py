"""hog-color: a picture as histograms of its edges and colors, by fixed rules; nothing is learned.

Logistic regression weighs each number of a column by itself. A single pixel says little of what a
photograph shows; how many edges of each direction and how much of each color a region of it has
says more:

- edges, 3528: histograms of oriented gradients, after Dalal and Triggs, "Histograms of oriented
  gradients for human detection" (CVPR 2005), whose steps the functions below are named by. Of the
  variants they compare: no gamma correction, 18 directions over 360 degrees, no Gaussian window,
  plain L2 blocks. The grid is 8 x 8 cells whatever the size of the picture.
- colors, 2048: in each quarter of the picture, an RGB histogram of 8 x 8 x 8 colors, as the square
  roots of its shares, so that a frequent color does not hide the rare ones.

Both are clipped above what few values exceed, and rounded to uint8.

A picture gives the same bytes on any machine, by itself or among others. Gradients are whole
numbers, so that neither added brightness nor rounding decides which color's is the strongest. Sums
are float64 in the order of the pixels, never a matrix product, whose order depends on the machine.
All else is rounded as IEEE 754 says, but for `arctan2`, whose last bits are rounded away.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Pixels

DIRECTIONS = 18
CELLS_PER_SIDE = 8
PADDED_CELLS_PER_SIDE = CELLS_PER_SIDE + 2
BLOCKS_PER_SIDE = CELLS_PER_SIDE - 1
LEVELS_PER_COLOR = 8
DECIMALS_OF_A_DIRECTION = 6  # systems' arctan2 agree to 14; no gradient is near enough to a half
BLOCK_ENERGY_FLOOR = 1e-4  # so that noise in an even region is not amplified into edges
EDGE_AT_255, COLOR_AT_255 = 0.4, 0.2
MIN_SIZE = 8  # of a picture: one pixel a cell
N_X = 4 * (DIRECTIONS * BLOCKS_PER_SIDE**2 + LEVELS_PER_COLOR**3)

Array = NDArray[np.float64]
Integers = NDArray[np.signedinteger]
Shares = tuple[Integers, Array]  # which bin, and how much of a pixel's vote it gets


def hog_color(pixels: Pixels) -> Pixels:
    """Return the edges, then the colors, of a picture (size, size, 3) uint8: (5576,) uint8."""
    parts = (_bytes(edges(pixels), EDGE_AT_255), _bytes(colors(pixels), COLOR_AT_255))
    return np.concatenate(parts, axis=None)


def _bytes(values: Array, value_at_255: float) -> Pixels:
    return np.minimum(255, values * (255 / value_at_255) + 0.5).astype(np.uint8)


def edges(pixels: Pixels) -> Array:
    """Return each block's histograms (4, 18, 7, 7) of a picture (size, size, 3)."""
    return block_histograms(cells(votes(*gradients(pixels)), neighbors(len(pixels))))


def gradients(pixels: Pixels) -> tuple[Integers, Integers]:
    """Return the central differences down and right, (size, size) each, 0 at the border.

    A pixel has those of the color with the strongest gradient; of equal ones, the first.
    """
    x = pixels.astype(np.int32)  # (size, size, 3)
    down, right = np.zeros_like(x), np.zeros_like(x)
    down[1:-1] = x[2:] - x[:-2]
    right[:, 1:-1] = x[:, 2:] - x[:, :-2]
    strongest = (down**2 + right**2).argmax(axis=2)  # (size, size)
    at = np.arange(0, x.size, 3).reshape(strongest.shape) + strongest
    return down.ravel()[at], right.ravel()[at]


def votes(down: Integers, right: Integers) -> list[Shares]:
    """Return the two directions nearest to each gradient's, and their shares of its length.

    Direction k is k times 20 degrees, from dark to light, clockwise from the right. Both arrays of
    a pair are (size, size).
    """
    direction = np.arctan2(down, right) * (DIRECTIONS / (2 * np.pi))  # -9 to 9
    direction = np.round(direction, DECIMALS_OF_A_DIRECTION)
    length = np.sqrt(down**2 + right**2) / 255
    modulo = np.arange(DIRECTIONS)  # at -9 to 10; a negative index counts from the end
    return [(modulo[k], share * length) for k, share in _nearest(direction)]


@lru_cache(maxsize=1)  # the size hardly changes from picture to picture
def neighbors(size: int) -> list[Shares]:
    """Return the four cells nearest to each pixel, and their shares of its votes.

    Cells are numbered row by row in a grid with one more cell on every side, which takes the votes
    that leave the picture. Both arrays of a pair are (size, size).
    """
    along = neighbors_along(size)
    return [
        (PADDED_CELLS_PER_SIDE * i[:, np.newaxis] + j, share_i[:, np.newaxis] * share_j)
        for (i, share_i), (j, share_j) in product(along, along)
    ]


def neighbors_along(size: int) -> tuple[Shares, Shares]:
    """Return the two cells nearest to each pixel of a row, or column, and their shares: (size,)."""
    return _nearest((np.arange(size) + 0.5) * (CELLS_PER_SIDE / size) + 0.5)  # center of 1: 1.0


def _nearest(position: NDArray[np.floating]) -> tuple[Shares, Shares]:
    """Return the whole numbers below and above each position, each with its share of 1."""
    below = np.floor(position)
    above_share = position - below
    index = below.astype(np.intp)
    return (index, 1 - above_share), (index + 1, above_share)


def cells(votes: Sequence[Shares], neighbors: Sequence[Shares]) -> Array:
    """Return each cell's histogram of directions, (18, 8, 8): the votes it gets, a pixel."""
    side = PADDED_CELLS_PER_SIDE
    sums = np.zeros(DIRECTIONS * side**2)
    for direction, vote in votes:
        first = direction * side**2  # (size, size)
        for cell, share in neighbors:
            bins, weights = (first + cell).ravel(), (vote * share).ravel()
            sums += np.bincount(bins, weights, minlength=sums.size)
    pixels_per_cell = votes[0][0].size / CELLS_PER_SIDE**2
    inside: Array = sums.reshape(DIRECTIONS, side, side)[:, 1:-1, 1:-1]
    return inside / pixels_per_cell


def block_histograms(cells: Array, energy_floor: float = BLOCK_ENERGY_FLOOR) -> Array:
    """Return the overlapping blocks of 2 x 2 cells, each scaled to about length 1.

    Of cells (directions, 8, 8), (4, directions, 7, 7): the upper left cell of each block, the upper
    right, the lower left, the lower right.
    """
    n = BLOCKS_PER_SIDE
    v = np.stack([cells[:, i : i + n, j : j + n] for i in (0, 1) for j in (0, 1)])
    scaled: Array = v / np.sqrt((v**2).sum(axis=(0, 1)) + energy_floor)
    return scaled


def colors(pixels: Pixels) -> Array:
    """Return the square root of each color's share of each quarter, (4, 512).

    Quarters run as the cells of a block do. The middle row and column of an odd size count to the
    upper and left ones.
    """
    levels = pixels // (256 // LEVELS_PER_COLOR)
    red, green, blue = levels.transpose(2, 0, 1).astype(np.intp, order="C")
    color = (red * LEVELS_PER_COLOR + green) * LEVELS_PER_COLOR + blue  # (size, size)
    bins = first_color(len(pixels)) + color
    counts = np.bincount(bins.ravel(), minlength=4 * LEVELS_PER_COLOR**3).reshape(4, -1)
    shares: Array = counts / counts.sum(axis=1, keepdims=True)
    return np.sqrt(shares)


@lru_cache(maxsize=1)
def first_color(size: int) -> Integers:
    """Return the number of the first color of each pixel's quarter, (size, size)."""
    half = np.arange(size) * 2 // size
    quarter: Integers = half[:, np.newaxis] * 2 + half
    return quarter * LEVELS_PER_COLOR**3

"""Pictures as columns of X: the lecture's unrolling, color by color."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Order = Literal["planes", "interleaved"]
ORDERS: tuple[Order, ...] = ("planes", "interleaved")
Pixels = NDArray[np.uint8]
BLOCK_EXAMPLES = 256  # of one checksum in a dataset, and of one rounding in a sum over examples


class Columns(Protocol):
    """The columns of X as rows, (m, n_x) uint8: an array in memory, or in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(m, n_x)."""

    def __getitem__(self, rows: slice, /) -> Pixels:
        """Read a run of rows."""


@dataclass(frozen=True)
class Run:
    """A run of the rows of some columns, read when they are indexed; see `Columns`."""

    columns: Columns
    rows: slice

    @property
    def shape(self) -> tuple[int, ...]:
        """(the run's rows, n_x)."""
        return self.rows.stop - self.rows.start, self.columns.shape[1]

    def __getitem__(self, rows: slice) -> Pixels:
        """Read a run of them."""
        chosen = range(self.rows.start, self.rows.stop)[rows]
        return self.columns[chosen.start : chosen.stop]


def blocks(
    columns: Columns, examples: int, start: int = 0, stop: int | None = None
) -> Iterator[tuple[slice, Pixels]]:
    """Yield a block of columns at a time, so that memory does not grow with m.

    Which examples, and their columns as rows, (examples, n_x); the last may hold fewer. They begin
    with the example `start` and end before `stop`; all m where these are not given.
    """
    end = columns.shape[0] if stop is None else stop
    for first in range(start, end, examples):
        rows = slice(first, min(first + examples, end))
        yield rows, columns[rows]


def blocks_of_bytes(columns: Columns, block_bytes: int) -> Iterator[tuple[slice, Pixels]]:
    """Yield `blocks` of about so many bytes, of one example at least."""
    return blocks(columns, max(1, block_bytes // columns.shape[1]))


def n_blocks(m: int) -> int:
    """Return how many blocks of BLOCK_EXAMPLES, the last perhaps of fewer, m examples make."""
    return -(-m // BLOCK_EXAMPLES)


def unroll(pictures: Pixels) -> Pixels:
    """Return pictures (m, size, size, 3) as rows (m, n_x): all of red, then green, then blue.

    The rows are contiguous; their transpose is X.
    """
    m, height, width, colors = pictures.shape
    if height != width or colors != 3:
        raise ValueError(f"pictures must be (m, size, size, 3), got {pictures.shape}")
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).reshape(m, -1)


def reorder(w: NDArray[np.float64], order: Order) -> NDArray[np.float64]:
    """Return weights (n_x, k) for X unrolled in planes, given weights for X in `order`.

    A notebook's ``X.reshape(m, -1).T`` keeps the three colors of a pixel together
    (interleaved). The two orders hold the same features, permuted.
    """
    if order == "planes":
        return w
    n_x, k = w.shape
    size = size_of(n_x)
    planes = w.reshape(size, size, 3, k).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(planes).reshape(n_x, k)


def size_of(n_x: int) -> int:
    """Return the side of a square RGB picture of `n_x` features; ValueError where none fits."""
    size = math.isqrt(n_x // 3)
    if n_x < 3 or 3 * size * size != n_x:
        raise ValueError(f"features must number 3 x size x size (12288 for 64), got {n_x}")
    return size


def divided(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Return columns as arithmetic takes them: bytes divided by 255, other numbers as they are."""
    return rows / 255 if rows.dtype == np.uint8 else rows

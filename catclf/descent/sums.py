"""Sums over examples that come to the same bits whoever adds them, and in whatever order.

What an iteration needs of the data is three sums over its examples: of ``dZ x``, of dZ and of the
loss. A block is BLOCK_EXAMPLES examples beginning at a multiple of BLOCK_EXAMPLES. Its sums are
floating point, computed in one order; they are then scaled, rounded once to whole numbers, and
from there on added exactly. So the processes or threads that share the blocks may be any number,
and may report in any order: no bit changes. A kernel computes the sums of one block. Two kernels
round differently, and so may one kernel on processors of two kinds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
from numpy.typing import NDArray

from catclf.columns import BLOCK_EXAMPLES, Columns, Pixels, blocks, n_blocks
from catclf.descent.problem import Problem
from catclf.logistic import Array, Labels, LossName, loss_of, one_hot

FRACTION_BITS = 60  # behind the point, in the sums of dZ and of the loss
MAX_WHOLE = 1e200  # a larger sum of losses is infinite to us: such a descent has diverged
MAX_MAGNITUDE_BITS = 62  # of the 63 of an int64: the last is for what float32 rounds up
# Pixels converted at once, and multiplications: 0.8 MB of float32, well within a core's cache.
# OpenBLAS splits a product of 460,000 or more between threads, and then rounds by their number.
PRODUCT_NUMBERS = 16 * 12288
MAX_PRODUCT_EXAMPLES = 16
MIN_PRODUCT_EXAMPLES = 2  # a product of one is a dot product, which is split from 10,000 on

KERNELS = ("numpy", "numba")


@dataclass(frozen=True, slots=True)
class Block:
    """Examples that one kernel sums over: pixels (examples, n_x), Y (k, examples), weights, loss.

    The weights are (examples,). The sum of ``dZ x`` is multiplied by `scale` before it is rounded.
    """

    pixels: Pixels
    Y: Array
    weights: Array
    loss: LossName
    scale: float


Kernel = Callable[[Block, NDArray[np.float32], Array, NDArray[np.int64]], tuple[float, Array]]
"""``(block, w, b, dw) -> (loss, db)``: the sums of one block, w (k, n_x) for pixels 0 to 255.

b is (k, 1). The sum of ``dZ x``, scaled and rounded, is added to dw (k, n_x); those of the loss and
of dZ (k,) are returned.
"""

Whole = tuple[int | float, ...]
"""Sums (k,) as whole numbers; inf or nan where they overflowed."""


@dataclass(frozen=True)
class Sums:
    """Sums over some of the examples, as whole numbers.

    `dw` (k, n_x) is that of ``dZ x``, pixels 0 to 255, times `dw_scale`; `db` (k,) and `loss` are
    those of dZ and of the loss, times ``2^FRACTION_BITS``; inf or nan where they overflowed.
    """

    dw: NDArray[np.int64]
    db: Whole
    loss: int | float

    def __add__(self, other: Sums) -> Sums:
        db = tuple(map(add, self.db, other.db))
        return Sums(self.dw + other.dw, db, self.loss + other.loss)

    def means(self, m: int) -> tuple[float, Array, Array]:
        """Return the mean loss, dw (n_x, k) and db (k, 1), given the sums over all m examples."""
        dw = self.dw.T / (dw_scale(m) * 255 * m)
        db = np.array([[_fraction(each)] for each in self.db]) / m
        return _fraction(self.loss) / m, dw, db


Sum = Callable[[Array, Array], Sums]
"""``(w, b) -> Sums``: the sums over all examples, w (n_x, k) and b (k, 1)."""


def dw_scale(m: int) -> float:
    """Return the power of 2 by which sums of ``dZ x`` are scaled.

    ``|dZ| <= 1`` times an example's weight, the weights of m examples add up to m, and a pixel is
    at most 255: neither the sum of all, nor that of any of them, can overflow.
    """
    return 2.0 ** (MAX_MAGNITUDE_BITS - math.ceil(math.log2(255 * m)))


def scaled(w: Array) -> NDArray[np.float32]:
    """Return weights (n_x, k) as (k, n_x) float32, for pixels 0 to 255."""
    with np.errstate(over="ignore"):  # as in the loop
        return np.ascontiguousarray((w / 255).astype(np.float32).T)


def divide(m: int, parts: int) -> list[slice]:
    """Divide m examples into runs of whole blocks, as equal as can be; fewer where m is small."""
    n = n_blocks(m)
    bounds = [min(m, BLOCK_EXAMPLES * (n * part // parts)) for part in range(parts + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds) if start < stop]


@dataclass(frozen=True)
class Examples:
    """Examples to be summed over: those of a problem, or a shard of them.

    `columns` are (examples, n_x) uint8, of which the first stands at a multiple of BLOCK_EXAMPLES
    in the problem; labels and weights (examples,). `m` is the number of the problem's examples: it
    decides the scale.
    """

    columns: Columns
    labels: Labels
    weights: Array
    loss: LossName
    m: int
    n_classes: int

    @classmethod
    def of(cls, problem: Problem) -> Examples:
        """Return all examples of a problem."""
        weights, loss = problem.example_weights[0], problem.settings.loss
        return cls(problem.columns, problem.labels, weights, loss, problem.m, problem.n_classes)

    @np.errstate(over="ignore", invalid="ignore")  # as in the loop
    def sums(
        self,
        kernel: Kernel,
        w: NDArray[np.float32],
        b: Array,
        run: slice | None = None,
        out: NDArray[np.int64] | None = None,
    ) -> Sums:
        """Return the sums over a run of whole blocks by a kernel; over all where it is None.

        `w` is as `scaled` returns it; dw is left in `out` (k, n_x), a new array where it is None.
        """
        start, stop, _ = (run or slice(None)).indices(len(self.labels))
        dw = np.empty(w.shape, np.int64) if out is None else out
        dw[:] = 0
        scale = dw_scale(self.m)
        db: Whole = (0,) * len(w)
        loss: int | float = 0
        for rows, pixels in blocks(self.columns, BLOCK_EXAMPLES, start, stop):
            Y = one_hot(self.labels[rows], self.n_classes)
            block = Block(pixels, Y, self.weights[rows], self.loss, scale)
            block_loss, block_db = kernel(block, w, b, dw)
            loss += _whole(block_loss)
            db = tuple(map(add, db, map(_whole, block_db.tolist())))
        return Sums(dw, db, loss)


class NumpyKernel:
    """Computes the sums of a block with numpy; see `Kernel`.

    Z and dZ of a few examples, and their summand of dw, are computed while their pixels are in the
    cache: every byte is read once, where ``X @ dZ.T`` after ``w.T @ X`` reads it twice.
    """

    def __init__(self, n_x: int, k: int) -> None:
        examples = max(MIN_PRODUCT_EXAMPLES, min(MAX_PRODUCT_EXAMPLES, PRODUCT_NUMBERS // n_x))
        features = PRODUCT_NUMBERS // (examples * k)
        self.parts = [slice(first, first + features) for first in range(0, n_x, features)]
        self.X_T = np.zeros((examples, n_x), np.float32)

    def __call__(
        self, block: Block, w: NDArray[np.float32], b: Array, dw: NDArray[np.int64]
    ) -> tuple[float, Array]:
        """Add to dw, and return the sums of the loss and of dZ (k,)."""
        Y, weights, loss = block.Y, block.weights, loss_of(block.loss, len(w))
        Z, dZ = np.empty(Y.shape), np.empty(Y.shape)
        block_dw = np.zeros(w.shape, np.float32)
        for rows, pixels in blocks(block.pixels, len(self.X_T)):
            x = self.X_T[: max(MIN_PRODUCT_EXAMPLES, len(pixels))]
            x[: len(pixels)] = pixels
            x[len(pixels) :] = 0
            z = reduce(add, [w[:, part] @ x[:, part].T for part in self.parts])  # (k, examples)
            Z[:, rows] = z[:, : len(pixels)] + b
            dZ[:, rows] = weights[rows] * loss.dZ(loss.activation(Z[:, rows], None), Y[:, rows])
            d = np.zeros(z.shape, np.float32)
            d[:, : len(pixels)] = dZ[:, rows]
            for part in self.parts:
                block_dw[:, part] += d @ x[:, part]
        dw += np.rint(block_dw * block.scale).astype(np.int64)
        return float(np.sum(weights * loss.value(Z, Y))), dZ.sum(axis=1)


def _whole(number: float) -> int | float:
    """Return a sum times ``2^FRACTION_BITS``, rounded; inf or nan where it is too large."""
    if not abs(number) < MAX_WHOLE:
        return number * math.inf
    return round(math.ldexp(number, FRACTION_BITS))


def _fraction(number: int | float) -> float:
    """Return what `_whole`, or a sum of such, stands for: of an int, correctly rounded."""
    fraction: float = number / 2**FRACTION_BITS
    return fraction

"""The sums of an iteration by compiled code on threads: the extra `fast`.

numba compiles the loops over a block to machine code that reads each pixel from memory once, and
holds no interpreter's lock: one thread a core. What it has compiled it keeps beside this file, or
in the user's cache where that may not be written; where neither may, or where what was kept is
damaged or the disk is full, it compiles anew.

Importing this module takes numba's half second, and compiling a few seconds more: only a descent
that is long enough does so (`catclf.descent.choice`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from operator import add
from typing import Any, TypeVar, cast

import numpy as np
from numba import config, njit
from numpy.typing import NDArray

from catclf.columns import Pixels
from catclf.descent.sums import Block, Examples, Sums, divide, scaled
from catclf.logistic import Array
from catclf.workers import available_cores

F = TypeVar("F", bound=Callable[..., Any])
ROWS = 8  # taken together: w is loaded, and dw loaded and stored, once for all of them
PARTS_A_THREAD = 4  # so that no thread waits long for the last
# A sum may be taken in parts, side by side, and a product be added without rounding in between:
# what vector instructions need. The same processor rounds the same way each time.
REORDERED = frozenset({"reassoc", "contract"})
UNCACHED: dict[str, Any] = {}  # the functions below, compiled anew when they are first called

if config.DISABLE_JIT:  # type: ignore[attr-defined]  # set when it is imported
    raise ImportError("NUMBA_DISABLE_JIT is set")


def _compiled(fastmath: frozenset[str] = frozenset()) -> Callable[[F], F]:
    """Return what compiles a function when it is first called, or loads what was compiled."""

    def compiled(function: F) -> F:
        options: Any = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}
        try:
            made = njit(cache=True, **options)(function)
        except RuntimeError:  # no folder to keep it in may be written
            made = njit(**options)(function)
        UNCACHED[function.__name__] = njit(**options)(function)
        return cast(F, made)

    return compiled


@_compiled(REORDERED)
def _logits(x: Pixels, w: NDArray[np.float32], z: NDArray[np.float32]) -> None:
    """Set z (ROWS,) to ``x @ w``, x (ROWS, n_x)."""
    z0 = z1 = z2 = z3 = z4 = z5 = z6 = z7 = np.float32(0)
    for j in range(w.size):
        v = w[j]
        z0 += v * np.float32(x[0, j])
        z1 += v * np.float32(x[1, j])
        z2 += v * np.float32(x[2, j])
        z3 += v * np.float32(x[3, j])
        z4 += v * np.float32(x[4, j])
        z5 += v * np.float32(x[5, j])
        z6 += v * np.float32(x[6, j])
        z7 += v * np.float32(x[7, j])
    z[0], z[1], z[2], z[3], z[4], z[5], z[6], z[7] = z0, z1, z2, z3, z4, z5, z6, z7


@_compiled(REORDERED)
def _add_products(x: Pixels, d: NDArray[np.float32], dw: NDArray[np.float32]) -> None:
    """Add ``d @ x`` to dw (n_x,), d (ROWS,) and x (ROWS, n_x)."""
    d0, d1, d2, d3, d4, d5, d6, d7 = d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]
    for j in range(dw.size):
        dw[j] += (
            (d0 * np.float32(x[0, j]) + d1 * np.float32(x[1, j]))
            + (d2 * np.float32(x[2, j]) + d3 * np.float32(x[3, j]))
            + (d4 * np.float32(x[4, j]) + d5 * np.float32(x[5, j]))
            + (d6 * np.float32(x[6, j]) + d7 * np.float32(x[7, j]))
        )


@_compiled()
def _sigmoid_loss(Z: Array, Y: Array, weight: float, squared_error: bool, dZ: Array) -> float:
    """Return an example's loss, and set its dZ (1,), both times its weight, from one logit."""
    A = 1 / (1 + math.exp(-Z[0]))
    if squared_error:
        dZ[0] = weight * (A - Y[0]) * A * (1 - A)
        loss: float = weight * (A - Y[0]) ** 2 / 2
    else:
        dZ[0] = weight * (A - Y[0])
        away = (1 - 2 * Y[0]) * Z[0]  # the loss is log(1 + exp(away))
        loss = weight * (max(away, 0.0) + math.log1p(math.exp(-abs(away))))
    return loss


@_compiled()
def _softmax_loss(Z: Array, Y: Array, weight: float, dZ: Array) -> float:
    """Return an example's loss, and set its dZ (k,), both times its weight, from k logits."""
    top = Z.argmax()
    others = right = 0.0  # the sum of the others' exp(Z - Z_top); Z_y
    for i in range(Z.size):
        dZ[i] = math.exp(Z[i] - Z[top])
        others += dZ[i] * (i != top)
        right += Y[i] * Z[i]
    for i in range(Z.size):
        dZ[i] = weight * (dZ[i] / (1 + others) - Y[i])
    loss: float = weight * (math.log1p(others) + (Z[top] - right))
    return loss


@_compiled()
def _block_sums(
    pixels: Pixels,
    Y: Array,
    weights: Array,
    w: NDArray[np.float32],
    b: Array,
    squared_error: bool,
    scale: float,
    dw: NDArray[np.int64],
) -> tuple[float, Array]:
    """Return the sums of the loss and of dZ, and add that of ``dZ x`` to dw; see `Kernel`."""
    k, n_x = dw.shape
    block_dw = np.zeros((k, n_x), np.float32)
    z, d = np.zeros((k, ROWS), np.float32), np.zeros((k, ROWS), np.float32)
    Z, dZ = np.zeros(k), np.zeros(k)  # of an example
    last = np.zeros((ROWS, n_x), np.uint8)  # a last few rows; the others count nothing
    loss, db = 0.0, np.zeros(k)
    for start in range(0, len(pixels), ROWS):
        rows = min(ROWS, len(pixels) - start)
        if rows == ROWS:
            x = pixels[start : start + ROWS]
        else:
            last[:rows] = pixels[start:]
            x = last
        for i in range(k):
            _logits(x, w[i], z[i])
        d[:] = 0
        for row in range(rows):
            for i in range(k):
                Z[i] = z[i, row] + b[i, 0]
            y, weight = Y[:, start + row], weights[start + row]
            if k == 1:
                loss += _sigmoid_loss(Z, y, weight, squared_error, dZ)
            else:
                loss += _softmax_loss(Z, y, weight, dZ)
            for i in range(k):
                db[i] += dZ[i]
                d[i, row] = dZ[i]
        for i in range(k):
            _add_products(x, d[i], block_dw[i])
    for i in range(k):
        for j in range(n_x):
            dw[i, j] += np.int64(np.rint(block_dw[i, j] * scale))
    return loss, db


def numba_kernel(
    block: Block, w: NDArray[np.float32], b: Array, dw: NDArray[np.int64]
) -> tuple[float, Array]:
    """Compute the sums of a block by compiled code; see `catclf.descent.sums.Kernel`."""
    pixels = block.pixels.view()
    pixels.flags.writeable = False  # as in a file: one type of array, compiled once
    # Contiguous and writable, whatever they were: likewise.
    Y, weights, b = np.array(block.Y), np.array(block.weights), np.array(b)
    squared_error = block.loss == "squared-error"
    return _block_sums(pixels, Y, weights, w, b, squared_error, block.scale, dw)


def _prepare() -> None:
    """Compile, or load what was compiled: before the threads, and before an iteration is timed."""
    one = np.zeros((1, 1))
    block = Block(np.zeros((1, 1), np.uint8), one, one[0], "cross-entropy", 1.0)
    arguments = block, np.zeros((1, 1), np.float32), one, np.zeros((1, 1), np.int64)
    try:
        numba_kernel(*arguments)
    except Exception:  # whatever reading, or writing, what is kept may raise
        globals().update(UNCACHED)
        numba_kernel(*arguments)


class ThreadSums:
    """Sums over examples, computed by threads, one a core where `threads` is None; see `Sum`."""

    def __init__(self, examples: Examples, threads: int | None = None) -> None:
        threads = threads or available_cores()
        self.examples = examples
        self.runs = divide(len(examples.labels), PARTS_A_THREAD * threads)
        self.pool = ThreadPoolExecutor(threads)
        _prepare()

    def __call__(self, w: Array, b: Array) -> Sums:
        """Return the sums over all examples, given w (n_x, k) and b (k, 1)."""
        summed = partial(self.examples.sums, numba_kernel, scaled(w), b)
        return reduce(add, self.pool.map(summed, self.runs))

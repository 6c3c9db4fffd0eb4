"""The sums of an iteration by worker processes, one a core: the way that needs no extra.

Processes, because many small numpy calls wait for the interpreter's lock in turns: on two cores
threads halve the speed. Each worker takes a run of blocks, in memory or from the dataset file,
which it reads for itself: while one waits for the disk, the others compute.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from catclf.columns import BLOCK_EXAMPLES
from catclf.descent.sums import Examples, NumpyKernel, Sums, divide, scaled
from catclf.logistic import Array
from catclf.machine import available_cores
from catclf.parallel import CAN_FORK, Pool, shared_zeros

__all__ = ["ProcessSums"]


class ProcessSums:
    """Sums over examples, computed by forked processes; see `catclf.descent.sums.Sum`.

    Parameters
    ----------
    examples
        What is summed over.
    workers
        How many processes; None for one a core. A single block is summed in this process.
    """

    def __init__(self, examples: Examples, workers: int | None = None) -> None:
        m, n_x = examples.columns.shape
        alone = not CAN_FORK or m <= BLOCK_EXAMPLES
        self.runs = divide(m, 1 if alone else workers or available_cores())
        self.w = shared_zeros((n_x,), np.float32)
        self.dw = shared_zeros((len(self.runs), n_x), np.int64)
        # The workers' function does not refer to the pool: they end when nothing else does.
        shared = _SharedSums(examples, self.runs, self.w, self.dw)
        self.pool: Pool[_Call, tuple[int | float, int | float]] = Pool(shared, len(self.runs))

    def __call__(self, w: Array, b: float) -> Sums:
        """Return the sums over all examples, given w (n_x, 1) and b."""
        self.w[:] = scaled(w)
        answers = self.pool.map([_Call(number, b) for number in range(len(self.runs))])
        found = zip(self.dw, answers, strict=True)
        return reduce(add, [Sums(dw, db, loss) for dw, (db, loss) in found])


@dataclass(frozen=True, slots=True)
class _Call:
    """Which run to sum over, and with what b; w stands in shared memory."""

    run: int
    b: float


@dataclass(frozen=True)
class _SharedSums:
    """The sums over a run, of which dw (runs, n_x) is left in shared memory."""

    examples: Examples
    runs: list[slice]
    w: NDArray[np.float32]
    dw: NDArray[np.int64]

    def __call__(self, call: _Call) -> tuple[int | float, int | float]:
        run, out = self.runs[call.run], self.dw[call.run]
        sums = self.examples.sums(NumpyKernel(self.w.size), self.w, call.b, run, out)
        return sums.db, sums.loss

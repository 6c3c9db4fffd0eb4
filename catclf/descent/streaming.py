"""The lecture's update from sums over the examples, wherever and by whomever they are taken.

One pass over the data an iteration, in blocks of float32: pixels stay uint8 where they are, in an
array or in the dataset file, and memory does not grow with m. Who computes the sums, and by which
kernel, is all that differs between machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from catclf.columns import BLOCK_EXAMPLES
from catclf.descent.problem import IterationError, Problem, State
from catclf.descent.rates import safe_rate
from catclf.descent.sums import Examples, NumpyKernel, Sum, Sums, divide, scaled
from catclf.errors import CatclfError
from catclf.logistic import Array, l2_penalty
from catclf.workers import CAN_FORK, Pool, available_cores, shared_zeros

MAX_EXAMPLES_RATED = 2000  # the safe rate reads the data 21 times, in one process


class Streaming:
    """Gradient descent by sums over blocks; see `catclf.descent.problem.Method`.

    Parameters
    ----------
    problem, state
        As of every method.
    sums, test_sums
        Over the examples of the problem, and of its test split where it has one; where they are
        not given, those of `sums_by` numpy.
    """

    def __init__(
        self,
        problem: Problem,
        state: State | None = None,
        sums: Sum | None = None,
        test_sums: Sum | None = None,
    ) -> None:
        self.w, self.b = problem.start(state)
        self.problem, self.settings = problem, problem.settings
        if sums is None:
            sums, test_sums = sums_by("numpy", problem)
        self.sums, self.test_sums = sums, test_sums
        self.before: tuple[Array, float, float] | None = None

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update.

        IterationError where the sums cannot be had: a worker was killed, for example.
        """
        lr, l2 = self.settings.learning_rate, self.settings.l2
        sums = self._of(self.sums)
        cost = self._cost(sums, self.problem.m)
        self.before = self.w, self.b, cost
        _, dw, db = sums.means(self.problem.m)
        self.w = (1 - lr * l2) * self.w - lr * dw
        self.b = self.b - lr * db
        return cost if with_cost else None

    def cost(self) -> float:
        """Return the cost of w and b as they are."""
        return self._cost(self._of(self.sums), self.problem.m)

    def test_cost(self) -> float | None:
        """Return the same cost on the test split; None where the problem has none."""
        if self.problem.test is None or self.test_sums is None:
            return None
        return self._cost(self._of(self.test_sums), self.problem.test.m)

    def _of(self, sums: Sum) -> Sums:
        try:
            return sums(self.w, self.b)
        except CatclfError as error:
            raise IterationError(error, self.before) from error

    def _cost(self, sums: Sums, m: int) -> float:
        loss, _, _ = sums.means(m)
        return loss + l2_penalty(self.w, self.settings.l2)

    def safe_rate(self) -> float | None:
        """Return `catclf.descent.rates.safe_rate`; None where that would take long."""
        return safe_rate(self.problem) if self.problem.m <= MAX_EXAMPLES_RATED else None

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""
        return self.w, self.b

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b: nothing."""
        return {}


def sums_by(kernel: str, problem: Problem) -> tuple[Sum, Sum | None]:
    """Return the sums over a problem's examples, and over its test split, on this machine.

    ImportError where the kernel is numba's, and the extra ``fast`` is not there.
    """
    sums = sums_over(Examples.of(problem), kernel)
    if problem.test is None:
        return sums, None
    # Few are summed now and then: not worth more processes.
    return sums, sums_over(Examples.of(problem.test), kernel, workers=1)


def sums_over(examples: Examples, kernel: str, workers: int | None = None) -> Sum:
    """Return the sums over examples by a kernel, on all cores where `workers` is None."""
    if kernel == "numpy":
        return ProcessSums(examples, workers)
    from catclf.descent.compiled import ThreadSums  # an extra, and half a second

    return ThreadSums(examples, workers)


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

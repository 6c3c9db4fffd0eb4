"""The lecture's update from sums over the examples, and who takes them on this machine.

An iteration is one pass over the data. Pixels stay uint8 where they are, in an array or in the
dataset file, and are read a block at a time: memory does not grow with m. `Streaming` makes the
update from the sums that such a pass comes to. Who takes them is all that differs between machines:
worker processes by numpy's kernel (`ProcessSums`), threads by numba's, or a cluster's workers.
"""

from __future__ import annotations

from functools import partial, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from catclf.descent.problem import IterationError, Problem, State
from catclf.descent.rates import safe_rate
from catclf.descent.sums import Examples, NumpyKernel, Sum, Sums, Whole, divide, scaled
from catclf.errors import CatclfError
from catclf.logistic import Array, l2_penalty, n_neurons
from catclf.workers import CAN_FORK, Pool, available_cores, shared_zeros

MAX_EXAMPLES_RATED = 2000  # the safe rate reads the data 21 times, in one process


class Streaming:
    """Gradient descent by sums over all examples; see `catclf.descent.problem.Method`.

    `sums` are over the examples of the problem, `test_sums` over those of its test split where it
    has one; where they are not given, they are those of `sums_by` numpy.
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
        self.before: tuple[Array, Array, float] | None = None

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for.

        IterationError where the sums cannot be had: a worker was killed, for example.
        """
        lr, l2 = self.settings.rate, self.settings.l2
        sums = self._of(self.sums)
        cost = self._cost(sums)
        self.before = self.w, self.b, cost
        _, dw, db = sums.means(self.problem.m)
        self.w = (1 - lr * l2) * self.w - lr * dw
        self.b = self.b - lr * db
        return cost if with_cost else None

    def cost(self) -> float:
        """Return the cost of w and b as they are."""
        return self._cost(self._of(self.sums))

    def test_log_loss(self) -> float | None:
        """Return the log loss on the test split; None where the problem has none."""
        if self.problem.test is None or self.test_sums is None:
            return None
        log_loss, _, _ = self._of(self.test_sums).means(self.problem.test.m)
        return log_loss

    def _of(self, sums: Sum) -> Sums:
        try:
            return sums(self.w, self.b)
        except CatclfError as error:
            raise IterationError(error, self.before) from error

    def _cost(self, sums: Sums) -> float:
        loss, _, _ = sums.means(self.problem.m)
        return loss + l2_penalty(self.w, self.settings.l2)

    def safe_rate(self) -> float | None:
        """Return `catclf.descent.rates.safe_rate`; None where that would take long."""
        return safe_rate(self.problem) if self.problem.m <= MAX_EXAMPLES_RATED else None

    def parameters(self) -> tuple[Array, Array]:
        """Return w, (n_x, k), and b, (k, 1)."""
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
    """Sums over examples by forked processes, one for each core where `workers` is None.

    Each sums over a run of blocks; a single block is summed in this process. See
    `catclf.descent.sums.Sum`.
    """

    def __init__(self, examples: Examples, workers: int | None = None) -> None:
        m, n_x = examples.columns.shape
        k = n_neurons(examples.n_classes)
        self.runs = divide(m, (workers or available_cores()) if CAN_FORK else 1)
        self.w, self.b = shared_zeros((k, n_x), np.float32), shared_zeros((k, 1), np.float64)
        self.dw = shared_zeros((len(self.runs), k, n_x), np.int64)
        # The workers' function does not refer to the pool: they end when nothing else does.
        function = partial(_sums_of_run, examples, self.runs, self.w, self.b, self.dw)
        self.pool = Pool(function, len(self.runs))

    def __call__(self, w: Array, b: Array) -> Sums:
        """Return the sums over all examples, given w (n_x, k) and b (k, 1)."""
        self.w[:], self.b[:] = scaled(w), b
        answers = self.pool.map(range(len(self.runs)))
        found = zip(self.dw, answers, strict=True)
        return reduce(add, [Sums(dw, db, loss) for dw, (db, loss) in found])


def _sums_of_run(
    examples: Examples,
    runs: list[slice],
    w: NDArray[np.float32],
    b: NDArray[np.float64],
    dw: NDArray[np.int64],
    number: int,
) -> tuple[Whole, int | float]:
    """Leave the sum of ``dZ x`` in ``dw[number]``, and return those of dZ and of the loss."""
    k, n_x = w.shape
    sums = examples.sums(NumpyKernel(n_x, k), w, b, runs[number], out=dw[number])
    return sums.db, sums.loss

"""One pass over the data an iteration, out of core, on all cores.

Within an iteration w is fixed, so a block of pictures gives its Z, its dZ and its summand of dw
while it is in the cache: every byte is read once an iteration, where ``X @ dZ.T`` after
``w.T @ X`` reads it twice. Pixels stay uint8, in memory where they fit and else in the dataset
file, and become float32 a block at a time; sums over blocks are float64. Memory does not grow
with m.

Each core is a worker process with some shards of the data. From a file each reads for itself (HDF5
reads at given places, so that a file opened before the fork serves all): while one waits for the
disk, the system reads ahead of the others, and they compute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Columns, blocks
from catclf.descent.problem import Problem, State
from catclf.descent.rates import safe_rate
from catclf.logistic import LOSSES, Array, LossName, cost, l2_penalty, sigmoid
from catclf.machine import available_cores, available_memory
from catclf.parallel import CAN_FORK, Pool, shared_zeros

READ_FEATURES = 256 * 12288  # read from the file at once: a few of its chunks
BLOCK_FEATURES = 16 * 12288  # converted at once: 0.8 MB of float32, well within a core's cache
BLOCK_EXAMPLES = 16  # at most, in a block
# A product of more pixels OpenBLAS splits between threads, and those of two processes hinder each
# other: ten times slower. Where two pictures are that many, one process works alone.
MIN_THREADED_FEATURES = 460_000
MAX_EXAMPLES_IN_ONE_PROCESS = 256  # more are worth a hand-over to workers
# The data is always divided into so many, whose sums are added in this order: the number of cores
# changes no bit.
SHARDS = 8
MAX_EXAMPLES_RATED = 2000  # the safe rate reads the data 21 times, in one process


class Streaming:
    """Gradient descent on float32 blocks; see `catclf.descent.problem.Method`."""

    def __init__(self, problem: Problem, state: State | None = None) -> None:
        m, n_x = problem.m, problem.n_x
        self.w, self.b = problem.start(state)
        self.m, self.problem, self.settings = m, problem, problem.settings
        fits = m * n_x <= available_memory() // 4
        w = shared_zeros((n_x,), np.float32)
        self.sums = ShardSums(
            columns=problem.columns[:] if fits else problem.columns,
            Y=problem.Y,
            weights=np.broadcast_to(problem.weights, problem.Y.shape),
            loss=problem.settings.loss,
            w=w,
            dw=shared_zeros((SHARDS, n_x), np.float64),
        )
        if problem.test is not None:
            self.test_sums = replace(
                self.sums,
                columns=problem.test.columns,
                Y=problem.test.Y,
                weights=np.broadcast_to(problem.test.weights, problem.test.Y.shape),
                dw=np.zeros((1, n_x)),
            )
        alone = not CAN_FORK or m <= MAX_EXAMPLES_IN_ONE_PROCESS or 2 * n_x >= MIN_THREADED_FEATURES
        workers = 1 if alone else min(available_cores(), SHARDS)
        self.pool: Pool[ShardCall, tuple[float, float]] = Pool(self.sums, workers)

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for."""
        lr, l2 = self.settings.learning_rate, self.settings.l2
        loss, dw, db = self._pass(with_cost)
        before = loss + self._penalty() if with_cost else None
        self.w = (1 - lr * l2) * self.w - lr * dw
        self.b = self.b - lr * db
        return before

    def cost(self) -> float:
        """Return the cost of w and b as they are."""
        return self._pass(with_cost=True)[0] + self._penalty()

    def test_cost(self) -> float | None:
        """Return the same cost on the test split; None where the problem has none."""
        if (test := self.problem.test) is None:
            return None
        self.sums.w[:] = self.w[:, 0] / 255
        loss, _ = self.test_sums(ShardCall(0, 0, test.m, self.b, with_cost=True))
        return loss / test.m + self._penalty()

    def safe_rate(self) -> float | None:
        """Return `catclf.descent.rates.safe_rate`; None where that would take long."""
        return safe_rate(self.problem) if self.m <= MAX_EXAMPLES_RATED else None

    def _penalty(self) -> float:
        return l2_penalty(self.w, self.settings.l2)

    def _pass(self, with_cost: bool) -> tuple[float, Array, float]:
        """Return the mean loss (0 where it is not asked for), dw (n_x, 1) and db."""
        self.sums.w[:] = self.w[:, 0] / 255  # for pixels 0 to 255
        bounds = [self.m * shard // SHARDS for shard in range(SHARDS + 1)]
        calls = [
            ShardCall(shard, start, stop, self.b, with_cost)
            for shard, (start, stop) in enumerate(pairwise(bounds))
        ]
        losses, dbs = zip(*self.pool.map(calls), strict=True)
        dw = self.sums.dw.sum(axis=0).reshape(-1, 1) / (255 * self.m)
        return sum(losses) / self.m, dw, sum(dbs) / self.m

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""
        return self.w, self.b

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b: nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class ShardCall:
    """Which shard to sum over, and with what b; w stands in shared memory."""

    shard: int
    start: int
    stop: int
    b: float
    with_cost: bool


@dataclass(frozen=True)
class ShardSums:
    """What an iteration needs of a shard: its sums of the loss, of dZ and of X dZ.T.

    Parameters
    ----------
    columns, Y, weights
        The whole data: (m, n_x) uint8, (1, m), and what each example counts, (1, m).
    loss
        A name in `catclf.logistic.LOSSES`.
    w, dw
        (n_x,) float32, for pixels 0 to 255, and (SHARDS, n_x) float64: memory that the workers and
        their owner share.
    """

    columns: Columns
    Y: Array
    weights: Array
    loss: LossName
    w: NDArray[np.float32]
    dw: Array

    @np.errstate(over="ignore", invalid="ignore")  # as in the loop
    def __call__(self, call: ShardCall) -> tuple[float, float]:
        """Return a shard's sums of the loss and of dZ; leave that of X dZ.T in dw."""
        w, dw = self.w, self.dw[call.shard]
        dw[:] = 0
        loss, db = 0.0, 0.0
        examples = max(2, min(BLOCK_EXAMPLES, BLOCK_FEATURES // w.size))
        read = examples * max(1, READ_FEATURES // (examples * w.size))
        X_T = np.empty((examples, w.size), np.float32)
        for rows, pixels in blocks(self.columns, read, call.start, call.stop):
            labels, weights = self.Y[0, rows], self.weights[0, rows]
            block_dw = np.zeros(w.size, np.float32)
            for within, block in blocks(pixels, examples):
                x = X_T[: len(block)]  # (block, n_x)
                np.copyto(x, block)
                Z = (x @ w).astype(np.float64) + call.b  # (block,)
                Y, weight = labels[within], weights[within]
                dZ = LOSSES[self.loss].dZ(sigmoid(Z), Y)
                dZ *= weight
                block_dw += dZ.astype(np.float32) @ x
                db += float(dZ.sum())
                if call.with_cost:
                    loss += cost(Z, Y, self.loss, weights=weight) * len(block)
            dw += block_dw
        return loss, db

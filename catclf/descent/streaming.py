"""One pass over the data an iteration, out of core, on all cores.

Within an iteration w is fixed, so a block of pictures gives its Z, its dZ and its share of dw while
it is in the cache: every byte is read once an iteration, where ``X @ dZ.T`` after ``w.T @ X`` reads
it twice. Pixels stay uint8, in memory where they fit and else in the dataset file, and become
float32 a block at a time; sums over blocks are float64. Memory does not grow with m.

Each core is a process with shares of the pictures. From a file each reads for itself (HDF5 reads at
given places, so that a file opened before the fork serves all): while one waits for the disk, the
system reads ahead of the others, and they compute.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from catclf.descent.problem import Columns, Settings
from catclf.logistic import LOSSES, cost, sigmoid
from catclf.parallel import Team, available_memory, shared_zeros

Array = NDArray[np.float64]
READ = 256 * 12288  # pixels read from the file at once: a few of its chunks
BLOCK = 16 * 12288  # pixels converted at once: 0.8 MB of float32, well within a core's cache
# A product of more pixels OpenBLAS shares between threads, and those of two processes hinder each
# other: ten times slower. So many in two pictures, and one process it is.
SHARED = 460_000
# Shares of the data, whose sums are added in this order: the number of cores changes no bit.
SHARES = 8


class Streaming:
    """Gradient descent on float32 blocks.

    Parameters
    ----------
    columns
        The columns of X as rows, (m, n_x) uint8, in memory or in a file.
    Y
        Labels (1, m).
    settings
        Rate, loss and penalty.
    state
        ``w`` (n_x, 1) and ``b`` () to begin from; zeros where it is None.
    """

    def __init__(
        self, columns: Columns, Y: Array, settings: Settings, state: Mapping[str, Array] | None
    ) -> None:
        m, n_x = columns.shape
        self.columns = columns[:] if m * n_x <= available_memory() // 4 else columns
        self.Y = Y
        self.settings = settings
        self.w = np.zeros((n_x, 1)) if state is None else state["w"]
        self.b = 0.0 if state is None else float(state["b"])
        self.shared_w = shared_zeros((n_x,), np.float32)  # for pixels 0 to 255
        self.shared_dw = shared_zeros((SHARES, n_x), np.float64)
        self.block = max(2, min(16, BLOCK // n_x))  # examples
        self.read = self.block * max(1, READ // (self.block * n_x))
        bounds = [m * share // SHARES for share in range(SHARES + 1)]
        shares = [(i, range(a, b, self.read)) for i, (a, b) in enumerate(pairwise(bounds))]
        # Few pictures are not worth a process.
        self.team = Team(self._sums, shares, None if m > 256 and 2 * n_x < SHARED else 1)

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

    def _penalty(self) -> float:
        return self.settings.l2 / 2 * float(np.vdot(self.w, self.w))

    def _pass(self, with_cost: bool) -> tuple[float, Array, float]:
        """Return the mean loss (0 where it is not asked for), dw (n_x, 1) and db."""
        m = self.columns.shape[0]
        self.shared_w[:] = self.w[:, 0] / 255
        losses, dbs = zip(*self.team.over_all((self.b, with_cost)), strict=True)
        dw = self.shared_dw.sum(axis=0).reshape(-1, 1) / (255 * m)
        return sum(losses) / m, dw, sum(dbs) / m

    @np.errstate(over="ignore", invalid="ignore")  # as in the loop
    def _sums(self, share: tuple[int, range], now: tuple[float, bool]) -> tuple[float, float]:
        """Return a share's sums of the loss and of dZ; leave that of X dZ.T in shared_dw."""
        (number, starts), (b, with_cost) = share, now
        w, dw = self.shared_w, self.shared_dw[number]
        dw[:] = 0
        loss, db = 0.0, 0.0
        X_T = np.empty((self.block, w.size), np.float32)
        for start in starts:
            pixels = self.columns[start : min(start + self.read, starts.stop)]
            part = np.zeros(w.size, np.float32)
            for first in range(0, len(pixels), self.block):
                block = pixels[first : first + self.block]
                x = X_T[: len(block)]  # (block, n_x)
                np.copyto(x, block)
                Z = (x @ w).astype(np.float64) + b  # (block,)
                Y = self.Y[0, start + first : start + first + len(block)]
                dZ = LOSSES[self.settings.loss].dZ(sigmoid(Z), Y)
                part += dZ.astype(np.float32) @ x
                db += float(dZ.sum())
                if with_cost:
                    loss += cost(Z, Y, self.settings.loss) * len(block)
            dw += part
        return loss, db

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""
        return self.w, self.b

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b: nothing."""
        return {}

"""The same iterates, computed among the examples instead of among the features.

Start from w = 0. Every update subtracts a multiple of ``dw = X @ dZ.T / m``, and X times anything
is a mixture of the columns of X: after any number of updates the weights are ``w = X c``, where
``c`` (m, 1) says how much of each picture they contain. So follow c instead of w. What an iteration
needs of w is only its product with the pictures,

    u = w.T @ X = c.T @ (X.T @ X) = c.T @ K        K = X.T @ X, (m, m), computed once

and the update of w, multiplied by X from the right, is the update of u:

    w <- (1 - lr l2) w - lr X dZ.T / m       the lecture's
    c <- (1 - lr l2) c - (lr / m) dZ.T       since w = X c
    u <- (1 - lr l2) u - (lr / m) dZ K       since u = w.T X

Z is u + b, and b is updated as ever. No X is left in the loop: an iteration costs m^2
multiplications instead of 2 n_x m, 59 times fewer for 209 pictures of 12288 numbers. At the end
``w = X c``, once. The iterates are the lecture's, in another order of summation.

A start from other weights w0 adds them: ``w = d w0 + X c``, where d shrinks by (1 - lr l2) in
every update, and u contains ``d w0.T X`` from the start.

Several trainings on one X (rates, penalties, folds) are rows of one U and one C, and their
iterations one matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from catclf.descent.problem import Columns, Settings
from catclf.logistic import LossName, cost, sigmoid

Array = NDArray[np.float64]
FEATURES = 1024  # taken at once into K: as many as float32 can hold exactly
EXAMPLES = 16  # taken at once into w: 1.5 MB of float64, which a core's cache holds


def gram_matrix(columns: Columns) -> Array:
    """Return ``K = X.T @ X`` (m, m) of pixels divided by 255, from rows (m, n_x) uint8.

    Products of pixels are whole numbers, and so are their sums: every step is exact, whatever the
    order and however many threads, and K is rounded once, by the division. Less 128, pixels stand
    in -128..127, and a sum of 1024 products within 2^24: float32 holds it, at twice the speed.
    """
    pixels = columns[:]
    m, n_x = pixels.shape
    K = np.zeros((m, m))
    product = np.empty((m, m), np.float32)
    sums = np.zeros((m, 1))  # of a picture's pixels less 128
    for start in range(0, n_x, FEATURES):
        part = np.subtract(pixels[:, start : start + FEATURES], np.float32(128))  # (m, FEATURES)
        K += np.matmul(part, part.T, out=product)
        sums += part.sum(axis=1, keepdims=True)
    # p q = (p - 128)(q - 128) + 128 (p - 128) + 128 (q - 128) + 128^2
    K += 128 * sums
    K += 128 * sums.T + 128.0**2 * n_x
    K /= 255.0**2
    return K


def mixture(columns: Columns, C: Array) -> Array:
    """Return the weights ``X @ C.T`` (n_x, k) of k rows of mixing coefficients C (k, m)."""
    m, n_x = columns.shape
    w = np.zeros((n_x, len(C)))
    for start in range(0, m, EXAMPLES):
        rows = slice(start, start + EXAMPLES)
        w += columns[rows].T.astype(np.float64) @ C[:, rows].T
    return w / 255


class Recurrence:
    """k descents at once on one K: the recurrence of the module's docstring, row by row.

    Parameters
    ----------
    K
        (m, m).
    Y
        Labels (1, m).
    rate, l2
        Learning rates and penalties, (k, 1).
    weight
        (k, m) or (1, m): what each example counts in a training's mean; 1/m for all, or 0 for
        those held out of a fold. Their logits are followed all the same.
    loss
        A name in `catclf.logistic.LOSSES`.

    Attributes
    ----------
    U, C, b
        ``w.T @ X`` (k, m), mixing coefficients (k, m), biases (k, 1).
    """

    @np.errstate(over="ignore", invalid="ignore")  # as in the loop
    def __init__(
        self, K: Array, Y: Array, rate: Array, l2: Array, weight: Array, loss: LossName
    ) -> None:
        k, m = len(rate), len(K)
        self.K, self.Y, self.loss = K, Y, loss
        self.scale = rate * weight  # (k, m) or (k, 1): lr / m
        self.shrink = 1 - rate * l2 if np.any(l2) else None  # (k, 1)
        self.U, self.C, self.b = np.zeros((k, m)), np.zeros((k, m)), np.zeros((k, 1))
        # The loop writes here: no allocation in an iteration.
        self.A, self.dZ, self.dU = np.empty((k, m)), np.empty((k, m)), np.empty((k, m))
        self.db = np.empty((k, 1))

    def step(self) -> None:
        """Update all trainings once."""
        A, dZ = self.A, self.dZ
        Z = np.add(self.U, self.b, out=A)
        sigmoid(Z, out=A)
        np.subtract(A, self.Y, out=dZ)
        if self.loss == "squared-error":  # dZ = (A - Y) A (1 - A)
            dZ *= A
            np.subtract(1, A, out=A)
            dZ *= A
        dZ *= self.scale  # lr / m dZ
        np.matmul(dZ, self.K, out=self.dU)
        if self.shrink is not None:
            self.U *= self.shrink
            self.C *= self.shrink
        self.U -= self.dU
        self.C -= dZ
        dZ.sum(axis=1, keepdims=True, out=self.db)
        self.b -= self.db

    def freeze(self, rows: NDArray[np.bool_]) -> None:
        """Set some trainings (k,) to 0 and leave them there; the others go on."""
        self.scale = np.where(rows[:, None], 0.0, self.scale)
        self.U[rows] = self.C[rows] = self.b[rows] = 0.0


class Gram:
    """Gradient descent by the recurrence, in float64.

    Parameters
    ----------
    columns
        The columns of X as rows, (m, n_x) uint8.
    Y
        Labels (1, m).
    settings
        Rate, loss and penalty.
    state
        ``w`` (n_x, 1) and ``b`` () to begin from, with what `state` gave for a run that is
        resumed; zeros where it is None.
    """

    def __init__(
        self, columns: Columns, Y: Array, settings: Settings, state: Mapping[str, Array] | None
    ) -> None:
        m = columns.shape[0]
        self.columns, self.Y, self.settings = columns, Y, settings
        self.recurrence = Recurrence(
            gram_matrix(columns),
            Y,
            rate=np.array([[settings.learning_rate]]),
            l2=np.array([[settings.l2]]),
            weight=np.array([[1 / m]]),
            loss=settings.loss,
        )
        self.start: Array | None = None  # w0 (n_x, 1), where it is not zero
        self.start_scale = 1.0  # d
        if state is not None:
            self._go_on_from(state)

    def _go_on_from(self, state: Mapping[str, Array]) -> None:
        run = self.recurrence
        run.b[:] = state["b"]
        if "u" in state:
            run.U[0], run.C[0] = state["u"], state["c"]
            self.start, self.start_scale = state.get("start"), float(state["scale"])
        else:
            self.start = state["w"]
        if self.start is not None:
            # Needed for the penalty alone, but a start is rare and one pass is cheap.
            self.start_u = self._products(self.start)
            if "u" not in state:
                run.U[0] = self.start_u

    def _products(self, w: Array) -> Array:
        m = self.columns.shape[0]
        blocks = (self.columns[i : i + EXAMPLES] / 255 @ w for i in range(0, m, EXAMPLES))
        return np.concatenate(list(blocks))[:, 0]

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for."""
        before = self.cost() if with_cost else None
        self.recurrence.step()
        if self.start is not None:
            self.start_scale *= 1 - self.settings.learning_rate * self.settings.l2
        return before

    def cost(self) -> float:
        """Return the cost of w and b as they are."""
        run = self.recurrence
        return cost(run.U + run.b, self.Y, self.settings.loss, self._penalty())

    def _penalty(self) -> float:
        """Return ``l2 / 2 |w|^2``: |w|^2 is ``w.T (d w0 + X c)``, and w.T X is u."""
        if self.settings.l2 == 0:
            return 0.0
        run = self.recurrence
        square = float(np.vdot(run.U, run.C))
        if self.start is not None:
            d = self.start_scale
            square += d * d * float(np.vdot(self.start, self.start))
            square += d * float(np.vdot(self.start_u, run.C))
        return self.settings.l2 / 2 * square

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""
        w = mixture(self.columns, self.recurrence.C)
        if self.start is not None:
            w += self.start_scale * self.start
        return w, float(self.recurrence.b[0, 0])

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b: u, c, and the start that w contains."""
        run = self.recurrence
        start = {} if self.start is None else {"start": self.start}
        return {
            "u": run.U[0].copy(),
            "c": run.C[0].copy(),
            "scale": np.array(self.start_scale),
            **start,
        }

"""The same iterates, computed among the examples instead of among the features.

Start from w = 0. Every update subtracts a multiple of ``dw = X @ dZ.T / m``, and X times anything
is a linear combination of the columns of X: after any number of updates the weights are
``w = X c``. The dual coefficients ``c`` (m, 1) say how much of each picture the weights contain. So
follow c instead of w. What an iteration needs of w is only its product with the pictures,

    u = w.T @ X = c.T @ (X.T @ X) = c.T @ K        K = X.T @ X, (m, m), computed once

and the update of w, multiplied by X from the right, is the update of u:

    w <- (1 - lr l2) w - lr X dZ.T / m       the lecture's
    c <- (1 - lr l2) c - (lr / m) dZ.T       since w = X c
    u <- (1 - lr l2) u - (lr / m) dZ K       since u = w.T X

Z is u + b, and b is updated as ever. No X is left in the loop: an iteration costs m^2
multiplications instead of 2 n_x m, 118 times fewer for 209 pictures of 12288 numbers. At the end
``w = X c``, once. The iterates are the lecture's, in another order of summation.

All k neurons, and several trainings on one X (rates, penalties, folds), are rows of one U and one
C, and their iterations one matrix product.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Columns, blocks
from catclf.descent.problem import Problem, State, StateError
from catclf.descent.rates import largest_eigenvalue, rate_below
from catclf.logistic import Array, LossName, cost, dot, loss_of

EXACT_FEATURES = 1024  # taken at once into K: as many as float32 can sum exactly
# So few rows are multiplied by a K of so many bytes one by one: for a product of several, BLAS
# copies K first, which takes longer than to read it again from the cache (m = 1000: one row takes
# 0.16 ms, six 0.9 one by one, 1.1 at once; m = 2000: 1.1, 7.1 and 4.9).
FEW_NEURONS, CACHED_BYTES = 6, 2**24
EXAMPLES_AT_ONCE = 16  # taken at once into w: 1.5 MB of float64, which a core's cache holds


def gram_matrix(columns: Columns, others: Columns | None = None) -> Array:
    """Return ``K = X.T @ X`` (m, m) of pixels divided by 255, from rows (m, n_x) uint8.

    With the columns of other examples it is their products with these, (others, m).

    Products of pixels are whole numbers, and so are their sums: every step is exact, whatever the
    order and however many threads, and K is rounded once, by the division. Less 128, pixels stand
    in -128..127, and a sum of 1024 products within 2^24: float32 holds it, at twice the speed.
    """
    pixels = columns[:]
    other_pixels = pixels if others is None else others[:]
    n, (m, n_x) = len(other_pixels), pixels.shape
    K = np.zeros((n, m))
    product = np.empty((n, m), np.float32)
    sums, other_sums = np.zeros((m, 1)), np.zeros((n, 1))  # of a picture's pixels less 128
    for start in range(0, n_x, EXACT_FEATURES):
        features = slice(start, start + EXACT_FEATURES)
        some = np.subtract(pixels[:, features], np.float32(128))  # (m, EXACT_FEATURES)
        sums += some.sum(axis=1, keepdims=True)
        other = some
        if others is not None:
            other = np.subtract(other_pixels[:, features], np.float32(128))
        other_sums += other.sum(axis=1, keepdims=True)
        K += np.matmul(other, some.T, out=product)
    # p q = (p - 128)(q - 128) + 128 (p - 128) + 128 (q - 128) + 128^2
    K += 128 * other_sums
    K += 128 * sums.T + 128.0**2 * n_x
    K /= 255.0**2
    return K


def gram_safe_rate(K: Array, problem: Problem) -> float:
    """Return `catclf.descent.rates.safe_rate` from K (m, m), without the columns.

    ``X X.T`` and ``X.T X`` have the same largest eigenvalue.
    """
    roots = np.sqrt(problem.example_weights[0])  # (m,)

    def product(direction: Array) -> Array:
        weighted = roots * direction
        image: Array = roots * (K @ weighted + weighted.sum())
        return image

    return rate_below(largest_eigenvalue(product, problem.m), problem)


def primal_weights(columns: Columns, C: Array) -> Array:
    """Return the weights ``X @ C.T`` (n_x, k) of k neurons' dual coefficients C (k, m)."""
    w = np.zeros((columns.shape[1], len(C)))
    for rows, block in blocks(columns, EXAMPLES_AT_ONCE):
        w += block.T.astype(np.float64) @ C[:, rows].T
    return w / 255


class Recurrence:
    """t trainings of k neurons at once on one K (m, m): the recurrence of the module's docstring.

    Y is (k, m), learning rates and penalties (t,). `weight` (t, m), or (1, m) for all alike, is
    what each example counts in a training's mean; 0 for those held out of a fold, whose logits are
    followed all the same. U is ``w.T @ X`` (t, k, m), C the dual coefficients (t, k, m), b the
    biases (t, k, 1).
    """

    @np.errstate(over="ignore", invalid="ignore")  # as in the loop
    def __init__(
        self, K: Array, Y: Array, rate: Array, l2: Array, weight: Array, loss: LossName
    ) -> None:
        t, (k, m) = len(rate), Y.shape
        self.K, self.Y, self.loss = K, Y, loss
        self.activation = loss_of(loss, k).activation
        rate, l2 = rate.reshape(t, 1, 1), l2.reshape(t, 1, 1)
        self.scale = rate * weight[:, np.newaxis]  # (t, 1, m): lr / m
        self.shrink = 1 - rate * l2 if np.any(l2) else None  # (t, 1, 1)
        self.U, self.C, self.b = np.zeros((t, k, m)), np.zeros((t, k, m)), np.zeros((t, k, 1))
        # The loop writes here: no allocation in an iteration.
        self.A, self.dZ, self.dU = np.empty((t, k, m)), np.empty((t, k, m)), np.empty((t, k, m))
        self.db = np.empty((t, k, 1))
        one_by_one = t == 1 and k <= FEW_NEURONS and K.nbytes <= CACHED_BYTES
        rows = (k, 1, m) if one_by_one else (t * k, m)
        self.dZ_rows, self.dU_rows = self.dZ.reshape(rows), self.dU.reshape(rows)

    def step(self) -> None:
        A, dZ = self.A, self.dZ
        Z = np.add(self.U, self.b, out=A)
        self.activation(Z, A)
        np.subtract(A, self.Y, out=dZ)
        if self.loss == "squared-error":  # dZ = (A - Y) A (1 - A)
            dZ *= A
            np.subtract(1, A, out=A)
            dZ *= A
        dZ *= self.scale  # lr / m dZ
        np.matmul(self.dZ_rows, self.K, out=self.dU_rows)
        if self.shrink is not None:
            self.U *= self.shrink
            self.C *= self.shrink
        self.U -= self.dU
        self.C -= dZ
        dZ.sum(axis=2, keepdims=True, out=self.db)
        self.b -= self.db

    def freeze(self, trainings: NDArray[np.bool_]) -> None:
        """Set some trainings (t,) to 0 and leave them there; the others go on."""
        self.scale = np.where(trainings[:, np.newaxis, np.newaxis], 0.0, self.scale)
        self.U[trainings] = self.C[trainings] = self.b[trainings] = 0.0


class Gram:
    """Gradient descent by the recurrence, in float64; see `catclf.descent.problem.Method`."""

    def __init__(self, problem: Problem, state: State | None = None) -> None:
        if state is not None:
            _refuse_unfit(problem, state)
        settings = problem.settings
        self.problem, self.settings, self.weights = problem, settings, problem.example_weights
        self.recurrence = Recurrence(
            gram_matrix(problem.columns),
            problem.Y,
            rate=np.array([settings.rate]),
            l2=np.array([settings.l2]),
            weight=self.weights / problem.m,
            loss=settings.loss,
        )
        if state is not None:
            run, shape = self.recurrence, problem.Y.shape
            run.U[0], run.C[0] = state["u"].reshape(shape), state["c"].reshape(shape)
            run.b[0] = state["b"]
        if problem.test is not None:
            self.K_test = gram_matrix(problem.columns, problem.test.columns)  # (m_test, m)

    def step(self, with_cost: bool) -> float | None:
        before = self.cost() if with_cost else None
        self.recurrence.step()
        return before

    def cost(self) -> float:
        Z = self.recurrence.U[0] + self.recurrence.b[0]  # (k, m)
        return cost(Z, self.problem.Y, self.settings.loss, self._penalty(), self.weights)

    def test_log_loss(self) -> float | None:
        if (test := self.problem.test) is None:
            return None
        Z = self.recurrence.C[0] @ self.K_test.T + self.recurrence.b[0]  # (k, m_test)
        return cost(Z, test.Y)

    def safe_rate(self) -> float:
        return gram_safe_rate(self.recurrence.K, self.problem)

    def _penalty(self) -> float:
        """Return ``l2 / 2 |w|^2``: |w|^2 is ``w.T X c``, and w.T X is u."""
        if self.settings.l2 == 0:
            return 0.0
        both = zip(self.recurrence.U[0], self.recurrence.C[0], strict=True)
        return self.settings.l2 / 2 * sum(dot(u, c) for u, c in both)

    def parameters(self) -> tuple[Array, Array]:
        C, b = self.recurrence.C[0], self.recurrence.b[0]
        return primal_weights(self.problem.columns, C), b.copy()

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b: u and c, (k m,)."""
        return {"u": self.recurrence.U[0].flatten(), "c": self.recurrence.C[0].flatten()}


def _refuse_unfit(problem: Problem, state: State) -> None:
    """Raise StateError where a state is not one of `Gram` on this problem."""
    problem.start(state)
    if "start" in state:  # of catclf 0.1, which could begin from other weights
        raise StateError("a run that began from other weights cannot be resumed")
    for name in ("u", "c"):
        if name not in state or state[name].shape != (problem.Y.size,):
            raise StateError(f"{name} must be ({problem.Y.size},)")

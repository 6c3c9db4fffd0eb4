"""The lecture's mathematics: one neuron, its loss, its cost, and their derivatives.

Conventions, as on the slides. `m` examples of `n_x` features each:

    X  (n_x, m)   one example a column
    Y  (1, m)     labels, 0 or 1
    w  (n_x, 1)   weights;  b  a number, the bias
    Z  (1, m)     logits, w.T @ X + b
    A  (1, m)     probabilities, sigmoid(Z)
    dZ (1, m)     derivative of each example's loss by its logit
    dw (n_x, 1)   derivative of the cost by w;  db  by b

Costs and losses are in nats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LossName = Literal["cross-entropy", "squared-error"]
ClassWeight = Literal["none", "balanced"]
CLASS_WEIGHTS: tuple[ClassWeight, ...] = ("none", "balanced")
DOT_NUMBERS = 8192


@np.errstate(over="ignore")  # exp(1000) is inf, and 1 / (1 + inf) is the right answer: 0
def sigmoid(Z: Array, out: Array | None = None) -> Array:
    """Return ``1 / (1 + exp(-Z))`` of logits of any shape, to within a rounding of the true value.

    It is written to `out`, for which Z itself will do; to a new array where that is None.
    """
    A = np.negative(Z, out=out)
    A = np.exp(A, out=out)
    A = np.add(A, 1, out=out)
    return np.divide(1, A, out=out)


def cross_entropy(Z: Array, Y: Array) -> Array:
    """Return the loss ``-(Y log A + (1 - Y) log(1 - A))`` of each example, from its logit.

    In terms of Z it is ``log(1 + exp(Z)) - Y Z``, finite where A rounds to 0 or 1; written as
    ``log(1 + exp(-Z))`` where Y is 1 it is exact there too.
    """
    loss: Array = np.logaddexp(0, (1 - 2 * Y) * Z)
    return loss


def cross_entropy_dZ(A: Array, Y: Array) -> Array:
    """Return the derivative of `cross_entropy` by Z: ``dL/dA * dA/dZ = A - Y``."""
    return A - Y


def squared_error(Z: Array, Y: Array) -> Array:
    """Return the loss ``(A - Y)^2 / 2`` of each example, from its logit."""
    loss: Array = (sigmoid(Z) - Y) ** 2 / 2
    return loss


def squared_error_dZ(A: Array, Y: Array) -> Array:
    """Return the derivative of `squared_error` by Z: ``dL/dA * dA/dZ = (A - Y) A (1 - A)``."""
    return (A - Y) * A * (1 - A)


@dataclass(frozen=True)
class Loss:
    """A loss, its derivative, and how sharply it can bend.

    `of` is ``(Z, Y) -> (1, m)``, the loss of each example; `dZ` is ``(A, Y) -> (1, m)``, its
    derivative by the logit; `curvature` is its largest absolute second derivative by the logit,
    which bounds the rates at which the cost cannot rise (`catclf.descent.rates.safe_rate`).
    """

    of: Callable[[Array, Array], Array]
    dZ: Callable[[Array, Array], Array]
    curvature: float


LOSSES: dict[LossName, Loss] = {
    # d^2 L / dZ^2 = A (1 - A), at most 1/4.
    "cross-entropy": Loss(cross_entropy, cross_entropy_dZ, 1 / 4),
    # For Y = 0 it is A^2 (1 - A) (2 - 3 A), and mirrored for Y = 1: at most 0.0770 at A = 0.386.
    "squared-error": Loss(squared_error, squared_error_dZ, 0.0771),
}


def forward(w: Array, b: float, X: Array) -> Array:
    """Return the logits ``Z = w.T @ X + b``, (1, m)."""
    return w.T @ X + b


def backward(X: Array, dZ: Array) -> tuple[Array, float]:
    """Return ``dw = X @ dZ.T / m``, (n_x, 1), and ``db = sum(dZ) / m``."""
    m = X.shape[1]
    return X @ dZ.T / m, float(dZ.sum()) / m


def example_weights(Y: Array, class_weight: ClassWeight) -> Array:
    """Return what each example counts in the cost, 1 on average: (1, m), or (1, 1) where all alike.

    ``none``: all count 1. ``balanced``: each counts ``m / (2 m_class)``, so that both classes count
    half. Y is (1, m).
    """
    m, positives = Y.size, float(Y.sum())
    if class_weight == "none" or positives in (0, m):
        return np.ones((1, 1))
    return np.where(Y == 1, m / (2 * positives), m / (2 * (m - positives)))


def dot(v: Array, w: Array) -> float:
    """Return the product of two vectors (n,), in one order whatever the number of threads.

    OpenBLAS splits a product of more than 10,000 numbers between threads, rounds by their number,
    and lets them wait 30 ms for the next on cores that others need.
    """
    starts = range(0, v.size, DOT_NUMBERS)
    parts = [np.dot(v[i : i + DOT_NUMBERS], w[i : i + DOT_NUMBERS]) for i in starts]
    return float(reduce(add, parts))


def l2_penalty(w: Array, l2: float) -> float:
    """Return the penalty ``l2 / 2 * |w|^2``."""
    return l2 / 2 * dot(w[:, 0], w[:, 0]) if l2 else 0.0


def cost(
    Z: Array,
    Y: Array,
    loss: LossName = "cross-entropy",
    penalty: float = 0.0,
    weights: Array | float = 1.0,
) -> float:
    """Return ``J``: the mean loss over the m examples, plus the penalty ``l2 / 2 * |w|^2``.

    Z and Y are (1, m), `weights` as `example_weights` returns them. `penalty` is as `l2_penalty`
    computes it; gram has its own way to |w|.
    """
    return float((weights * LOSSES[loss].of(Z, Y)).mean()) + penalty

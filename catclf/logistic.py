"""The lecture's mathematics: one neuron, or one a class, its loss, cost, and their derivatives.

Conventions, as on the slides. `m` examples of `n_x` features each, and `k` neurons: one for two
classes, else one a class.

    X  (n_x, m)   one example a column
    Y  (k, m)     labels, 0 or 1; of several neurons the 1 of a column is its class's
    w  (n_x, k)   weights;  b  (k, 1)  biases
    Z  (k, m)     logits, w.T @ X + b
    A  (k, m)     probabilities: sigmoid(Z) of one neuron, softmax(Z) of several
    dZ (k, m)     derivative of each example's loss by its logits
    dw (n_x, k)   derivative of the cost by w;  db  (k, 1)  by b

Costs and losses are in nats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.unsignedinteger[Any]]  # (m,): of each example, the index of its class
LossName = Literal["cross-entropy", "squared-error"]
ClassWeight = Literal["none", "balanced"]
CLASS_WEIGHTS: tuple[ClassWeight, ...] = ("none", "balanced")
DOT_NUMBERS = 8192


def forward(w: Array, b: Array, X: Array) -> Array:
    """Return the logits ``Z = w.T @ X + b``, (k, m)."""
    return w.T @ X + b


@np.errstate(over="ignore")  # exp(1000) is inf, and 1 / (1 + inf) is the right answer: 0
def sigmoid(Z: Array, out: Array | None = None) -> Array:
    """Return ``1 / (1 + exp(-Z))`` of logits of any shape, to within a rounding of the true value.

    It is written to `out`, for which Z itself will do; to a new array where that is None.
    """
    A = np.negative(Z, out=out)
    A = np.exp(A, out=out)
    A = np.add(A, 1, out=out)
    return np.divide(1, A, out=out)


def softmax(Z: Array, out: Array | None = None) -> Array:
    """Return ``exp(Z) / sum(exp(Z))`` of logits (..., k, m), column by column.

    It is written to `out`, for which Z itself will do; to a new array where that is None.
    """
    A: Array = np.subtract(Z, Z.max(axis=-2, keepdims=True), out=out)  # exp(1000) would be inf
    A = np.exp(A, out=out)
    A /= A.sum(axis=-2, keepdims=True)
    return A


def cross_entropy(Z: Array, Y: Array) -> Array:
    """Return the loss ``-(Y log A + (1 - Y) log(1 - A))`` of each example, from its logit.

    In terms of Z it is ``log(1 + exp(Z)) - Y Z``, finite where A rounds to 0 or 1; written as
    ``log(1 + exp(-Z))`` where Y is 1 it is exact there too.
    """
    loss: Array = np.logaddexp(0, (1 - 2 * Y) * Z)
    return loss


def softmax_cross_entropy(Z: Array, Y: Array) -> Array:
    """Return the loss ``-log A_y`` of each example, (..., 1, m), from its logits (..., k, m).

    y is its class, the one whose Y is 1. In terms of Z it is ``log sum(exp(Z - Z_y))``.
    """
    Z_y = np.sum(Y * Z, axis=-2, keepdims=True)
    loss: Array = np.logaddexp.reduce(Z - Z_y, axis=-2, keepdims=True)
    return loss


def cross_entropy_dZ(A: Array, Y: Array) -> Array:
    """Return the derivative of `cross_entropy` and of `softmax_cross_entropy` by Z: ``A - Y``.

    Of one neuron ``dL/dA dA/dZ = (A - Y) / (A (1 - A)) * A (1 - A)``. Of several, Z_i moves all A:
    ``sum_j dL/dA_j dA_j/dZ_i = sum_j -Y_j / A_j * A_j ((i == j) - A_i) = A_i - Y_i``.
    """
    return A - Y


def squared_error(Z: Array, Y: Array) -> Array:
    """Return the loss ``(A - Y)^2 / 2`` of each example, from its logit."""
    loss: Array = (sigmoid(Z) - Y) ** 2 / 2
    return loss


def squared_error_dZ(A: Array, Y: Array) -> Array:
    """Return the derivative of `squared_error` by Z: ``dL/dA * dA/dZ = (A - Y) A (1 - A)``."""
    return (A - Y) * A * (1 - A)


def backward(X: Array, dZ: Array) -> tuple[Array, Array]:
    """Return ``dw = X @ dZ.T / m``, (n_x, k), and ``db = sum(dZ) / m``, (k, 1)."""
    m = X.shape[1]
    return X @ dZ.T / m, dZ.sum(axis=1, keepdims=True) / m


def cost(
    Z: Array,
    Y: Array,
    loss: LossName = "cross-entropy",
    penalty: float = 0.0,
    weights: Array | float = 1.0,
) -> float:
    """Return ``J``: the mean loss over the m examples, plus the penalty ``l2 / 2 * |w|^2``.

    Z and Y are (k, m), `weights` as `example_weights` returns them. `penalty` is as `l2_penalty`
    computes it; gram has its own way to |w|.
    """
    return float((weights * loss_of(loss, len(Z)).value(Z, Y)).mean()) + penalty


@dataclass(frozen=True)
class Loss:
    """A loss, the activation before it, its derivative, and how sharply it can bend.

    `activation` is ``(Z, out) -> A``; `value` is ``(Z, Y) -> (1, m)``, the loss of each example;
    `dZ` is ``(A, Y) -> (k, m)``, its derivative by the logits; `curvature` is the largest absolute
    second derivative by the logits, in any direction, which bounds the rates at which the cost
    cannot rise (`catclf.descent.rates.safe_rate`).
    """

    activation: Callable[[Array, Array | None], Array]
    value: Callable[[Array, Array], Array]
    dZ: Callable[[Array, Array], Array]
    curvature: float


LOSSES: dict[LossName, Loss] = {
    # d^2 L / dZ^2 = A (1 - A), at most 1/4.
    "cross-entropy": Loss(sigmoid, cross_entropy, cross_entropy_dZ, 1 / 4),
    # For Y = 0 it is A^2 (1 - A) (2 - 3 A), and mirrored for Y = 1: at most 0.0770 at A = 0.386.
    "squared-error": Loss(sigmoid, squared_error, squared_error_dZ, 0.0771),
}
# d^2 L / dZ^2 = diag(A) - A A^T, whose eigenvalues are at most 1/2 (Boehning, 1992).
SOFTMAX_LOSS = Loss(softmax, softmax_cross_entropy, cross_entropy_dZ, 1 / 2)


def loss_of(name: LossName, k: int) -> Loss:
    """Return a loss of k neurons: one has a sigmoid, several have the softmax and cross-entropy.

    ValueError for another loss of several.
    """
    if k == 1:
        return LOSSES[name]
    if name != "cross-entropy":
        raise ValueError(f"the loss of {k} neurons must be cross-entropy, got {name!r}")
    return SOFTMAX_LOSS


def activation(Z: Array) -> Array:
    """Return the probabilities A of logits Z (k, m)."""
    return loss_of("cross-entropy", len(Z)).activation(Z, None)


def by_class(A: Array) -> Array:
    """Return the probability of each class, (classes, m): one neuron's A is that of label 1."""
    return np.concatenate([1 - A, A]) if len(A) == 1 else A


def n_neurons(n_classes: int) -> int:
    """Return k: one neuron tells two classes apart, more have one each."""
    return 1 if n_classes == 2 else n_classes


def one_hot(labels: Labels, n_classes: int) -> Array:
    """Return Y (k, m) of labels (m,), the indices of classes."""
    if n_neurons(n_classes) == 1:
        return labels.astype(np.float64).reshape(1, -1)
    Y: Array = (labels == np.arange(n_classes)[:, np.newaxis]).astype(np.float64)
    return Y


def example_weights(labels: Labels, n_classes: int, class_weight: ClassWeight) -> Array:
    """Return what each example counts in the cost, 1 on average: (1, m), or (1, 1) where all alike.

    ``none``: all count 1. ``balanced``: each counts ``m / (classes m_class)``, so that all classes
    count alike; where one is absent, all examples do. Labels are (m,).
    """
    m_class = np.bincount(labels, minlength=n_classes)
    if class_weight == "none" or not m_class.all():
        return np.ones((1, 1))
    weights: Array = labels.size / (n_classes * m_class)
    return weights[labels].reshape(1, -1)


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
    return l2 / 2 * sum(dot(w_i, w_i) for w_i in w.T) if l2 else 0.0

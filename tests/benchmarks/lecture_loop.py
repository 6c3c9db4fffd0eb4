"""The reference of every measurement: the course notebook's vectorized loop, in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def descend(
    X: Array, Y: Array, learning_rate: float, iterations: int, every: int = 100
) -> tuple[Array, float, list[float]]:
    """Return w, b and the costs, as the notebook computes them: X is (n_x, m), Y (1, m)."""
    n_x, m = X.shape
    w, b = np.zeros((n_x, 1)), 0.0
    costs = []
    for iteration in range(iterations):
        A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
        cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
        dw = np.dot(X, (A - Y).T) / m
        db = np.sum(A - Y) / m
        w = w - learning_rate * dw
        b = b - learning_rate * db
        if iteration % every == 0:
            costs.append(float(cost))
    return w, b, costs

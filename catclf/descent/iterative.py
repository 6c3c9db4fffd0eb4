"""The lecture's explicit loops, before vectorization: the reference, in plain Python."""

from __future__ import annotations

import math

import numpy as np

from catclf.descent.problem import Problem, State
from catclf.logistic import Array


class Iterative:
    """Gradient descent with one loop over the examples and one, inside it, over the features.

    It shares no formula with the other methods, so that it can check them; see
    `catclf.descent.problem.Method`.
    """

    def __init__(self, problem: Problem, state: State | None = None) -> None:
        w, self.b = problem.start(state)
        self.w: list[float] = w[:, 0].tolist()
        self.x = [[pixel / 255 for pixel in column] for column in problem.columns[:].tolist()]
        self.y = problem.Y[0].tolist()
        self.m, self.n_x = problem.m, problem.n_x
        self.settings = problem.settings

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for."""
        lr, l2 = self.settings.learning_rate, self.settings.l2
        before = self.cost() if with_cost else None
        dw = [0.0] * self.n_x
        db = 0.0
        for i in range(self.m):
            x = self.x[i]
            z = self._z(x)
            a = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
            dz = a - self.y[i]
            if self.settings.loss == "squared-error":
                dz *= a * (1 - a)
            for j in range(self.n_x):
                dw[j] += x[j] * dz
            db += dz
        for j in range(self.n_x):
            self.w[j] = (1 - lr * l2) * self.w[j] - lr * dw[j] / self.m
        self.b -= lr * db / self.m
        return before

    def _z(self, x: list[float]) -> float:
        z = self.b
        for j in range(self.n_x):
            z += self.w[j] * x[j]
        return z

    def cost(self) -> float:
        """Return the cost of w and b as they are."""
        total = 0.0
        for x, y in zip(self.x, self.y, strict=True):
            z = self._z(x)
            if self.settings.loss == "squared-error":
                a = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
                total += (a - y) ** 2 / 2
            else:
                total += max(z, 0) + math.log1p(math.exp(-abs(z))) - y * z
        return total / self.m + self.settings.l2 / 2 * sum(w * w for w in self.w)

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""
        return np.array(self.w).reshape(-1, 1), self.b

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b: nothing."""
        return {}

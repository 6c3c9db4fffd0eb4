"""The lecture's iteration, twice: by explicit loops, and by the four lines that replace them."""

from __future__ import annotations

import math

import numpy as np

from catclf.descent.problem import Problem, State
from catclf.descent.rates import safe_rate
from catclf.logistic import (
    LOSSES,
    Array,
    LossName,
    backward,
    cost,
    forward,
    l2_penalty,
    sigmoid,
)


class _Examples:
    """The columns of X, the labels and the weights of a problem's examples, as lists."""

    def __init__(self, problem: Problem) -> None:
        self.x = [[pixel / 255 for pixel in column] for column in problem.columns[:].tolist()]
        self.y: list[float] = problem.Y[0].tolist()
        self.weight: list[float] = problem.example_weights[0].tolist()


class Iterative:
    """Gradient descent with one loop over the examples and one, inside it, over the features.

    It shares no formula with the other methods, so that it can check them; see
    `catclf.descent.problem.Method`.
    """

    def __init__(self, problem: Problem, state: State | None = None) -> None:
        w, self.b = problem.start(state)
        self.w: list[float] = w[:, 0].tolist()
        self.examples = _Examples(problem)
        self.test = None if problem.test is None else _Examples(problem.test)
        self.m, self.n_x = problem.m, problem.n_x
        self.problem, self.settings = problem, problem.settings

    def step(self, with_cost: bool) -> float | None:
        lr, l2 = self.settings.rate, self.settings.l2
        before = self.cost() if with_cost else None
        dw = [0.0] * self.n_x
        db = 0.0
        for i in range(self.m):
            x = self.examples.x[i]
            z = self._z(x)
            a = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
            dz = a - self.examples.y[i]
            if self.settings.loss == "squared-error":
                dz *= a * (1 - a)
            dz *= self.examples.weight[i]
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
        penalty = self.settings.l2 / 2 * sum(w * w for w in self.w)
        return self._mean_loss(self.examples, self.settings.loss) + penalty

    def test_log_loss(self) -> float | None:
        return None if self.test is None else self._mean_loss(self.test, "cross-entropy")

    def _mean_loss(self, examples: _Examples, loss: LossName) -> float:
        total = 0.0
        for x, y, weight in zip(examples.x, examples.y, examples.weight, strict=True):
            z = self._z(x)
            if loss == "squared-error":
                a = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
                total += weight * (a - y) ** 2 / 2
            else:
                total += weight * (max(z, 0) + math.log1p(math.exp(-abs(z))) - y * z)
        return total / len(examples.x)

    def safe_rate(self) -> float:
        """Return `catclf.descent.rates.safe_rate`: by vectorized code, a moment's work."""
        return safe_rate(self.problem)

    def parameters(self) -> tuple[Array, float]:
        return np.array(self.w).reshape(-1, 1), self.b

    def state(self) -> dict[str, Array]:
        return {}


class Vectorized:
    """Gradient descent on X (n_x, m) in memory, in float64; see `catclf.descent.problem.Method`."""

    def __init__(self, problem: Problem, state: State | None = None) -> None:
        self.w, self.b = problem.start(state)
        self.X = problem.columns[:].T / 255  # (n_x, m)
        self.Y = problem.Y  # (1, m)
        self.weights = problem.example_weights  # (1, m)
        self.problem, self.settings = problem, problem.settings
        if problem.test is not None:
            self.X_test = problem.test.columns[:].T / 255

    def step(self, with_cost: bool) -> float | None:
        lr, l2, loss = self.settings.rate, self.settings.l2, self.settings.loss
        Z = forward(self.w, self.b, self.X)  # (1, m)
        before = self._cost(Z) if with_cost else None
        A = sigmoid(Z)
        dZ = self.weights * LOSSES[loss].dZ(A, self.Y)
        dw, db = backward(self.X, dZ)  # (n_x, 1)
        self.w = (1 - lr * l2) * self.w - lr * dw
        self.b = self.b - lr * db
        return before

    def cost(self) -> float:
        return self._cost(forward(self.w, self.b, self.X))

    def _cost(self, Z: Array) -> float:
        penalty = l2_penalty(self.w, self.settings.l2)
        return cost(Z, self.Y, self.settings.loss, penalty, self.weights)

    def test_log_loss(self) -> float | None:
        if (test := self.problem.test) is None:
            return None
        return cost(forward(self.w, self.b, self.X_test), test.Y)

    def safe_rate(self) -> float:
        return safe_rate(self.problem, self.X)

    def parameters(self) -> tuple[Array, float]:
        return self.w, self.b

    def state(self) -> dict[str, Array]:
        return {}

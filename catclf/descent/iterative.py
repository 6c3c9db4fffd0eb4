"""The lecture's explicit loops, before vectorization: the reference, in plain Python."""

from __future__ import annotations

import math

import numpy as np

from catclf.descent.problem import Problem, State
from catclf.descent.rates import safe_rate
from catclf.logistic import Array


class _Examples:
    """The columns of X, the labels and the weights of a problem's examples, as lists."""

    def __init__(self, problem: Problem) -> None:
        self.x = [[pixel / 255 for pixel in column] for column in problem.columns[:].tolist()]
        self.y: list[float] = problem.Y[0].tolist()
        self.weight: list[float] = np.broadcast_to(problem.weights, problem.Y.shape)[0].tolist()


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
        """Update w and b once; return the cost before the update where it is asked for."""
        lr, l2 = self.settings.learning_rate, self.settings.l2
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
        """Return the cost of w and b as they are."""
        return self._cost(self.examples)

    def test_cost(self) -> float | None:
        """Return the same cost on the test split; None where the problem has none."""
        return None if self.test is None else self._cost(self.test)

    def _cost(self, examples: _Examples) -> float:
        total = 0.0
        for x, y, weight in zip(examples.x, examples.y, examples.weight, strict=True):
            z = self._z(x)
            if self.settings.loss == "squared-error":
                a = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
                total += weight * (a - y) ** 2 / 2
            else:
                total += weight * (max(z, 0) + math.log1p(math.exp(-abs(z))) - y * z)
        return total / len(examples.x) + self.settings.l2 / 2 * sum(w * w for w in self.w)

    def safe_rate(self) -> float:
        """Return `catclf.descent.rates.safe_rate`: by vectorized code, a moment's work."""
        return safe_rate(self.problem)

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""
        return np.array(self.w).reshape(-1, 1), self.b

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b: nothing."""
        return {}

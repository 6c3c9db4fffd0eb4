"""The lecture's iteration, twice: by explicit loops, and by the four lines that replace them."""

from __future__ import annotations

import math

import numpy as np

from catclf.columns import divided
from catclf.descent.problem import Problem, State
from catclf.descent.rates import safe_rate
from catclf.logistic import (
    Array,
    LossName,
    backward,
    cost,
    forward,
    l2_penalty,
    loss_of,
)


class _Examples:
    """The columns of X, the labels and the weights of a problem's examples, as lists."""

    def __init__(self, problem: Problem) -> None:
        self.x = [[pixel / 255 for pixel in column] for column in problem.columns[:].tolist()]
        self.y: list[list[float]] = problem.Y.T.tolist()  # of each, the k labels
        self.weight: list[float] = problem.example_weights[0].tolist()


class Iterative:
    """Gradient descent with a loop over the examples, the neurons, and inside, the features.

    It shares no formula with the other methods, so that it can check them; see
    `catclf.descent.problem.Method`.
    """

    def __init__(self, problem: Problem, state: State | None = None) -> None:
        w, b = problem.start(state)
        self.w: list[list[float]] = w.T.tolist()  # of each neuron, its n_x weights
        self.b: list[float] = b[:, 0].tolist()
        self.examples = _Examples(problem)
        self.test = None if problem.test is None else _Examples(problem.test)
        self.m, self.n_x, self.k = problem.m, problem.n_x, problem.k
        self.problem, self.settings = problem, problem.settings

    def step(self, with_cost: bool) -> float | None:
        lr, l2 = self.settings.rate, self.settings.l2
        before = self.cost() if with_cost else None
        dw = [[0.0] * self.n_x for _ in range(self.k)]
        db = [0.0] * self.k
        for i in range(self.m):
            x = self.examples.x[i]
            a = probabilities([self._z(neuron, x) for neuron in range(self.k)])
            for neuron in range(self.k):
                dz = a[neuron] - self.examples.y[i][neuron]
                if self.settings.loss == "squared-error":
                    dz *= a[neuron] * (1 - a[neuron])
                dz *= self.examples.weight[i]
                for j in range(self.n_x):
                    dw[neuron][j] += x[j] * dz
                db[neuron] += dz
        for neuron in range(self.k):
            for j in range(self.n_x):
                w = self.w[neuron][j]
                self.w[neuron][j] = (1 - lr * l2) * w - lr * dw[neuron][j] / self.m
            self.b[neuron] -= lr * db[neuron] / self.m
        return before

    def _z(self, neuron: int, x: list[float]) -> float:
        z = self.b[neuron]
        w = self.w[neuron]
        for j in range(self.n_x):
            z += w[j] * x[j]
        return z

    def cost(self) -> float:
        penalty = self.settings.l2 / 2 * sum(w * w for neuron in self.w for w in neuron)
        return self._mean_loss(self.examples, self.settings.loss) + penalty

    def test_log_loss(self) -> float | None:
        return None if self.test is None else self._mean_loss(self.test, "cross-entropy")

    def _mean_loss(self, examples: _Examples, loss: LossName) -> float:
        total = 0.0
        for x, y, weight in zip(examples.x, examples.y, examples.weight, strict=True):
            z = [self._z(neuron, x) for neuron in range(self.k)]
            if loss == "squared-error":
                total += weight * (probabilities(z)[0] - y[0]) ** 2 / 2
            elif self.k == 1:
                total += weight * (max(z[0], 0) + math.log1p(math.exp(-abs(z[0]))) - y[0] * z[0])
            else:
                *others, highest = sorted(z)
                sum_of_exp = sum(math.exp(each - highest) for each in others)
                total += weight * (highest - z[y.index(1)] + math.log1p(sum_of_exp))
        return total / len(examples.x)

    def safe_rate(self) -> float:
        """Return `catclf.descent.rates.safe_rate`: by vectorized code, a moment's work."""
        return safe_rate(self.problem)

    def parameters(self) -> tuple[Array, Array]:
        return np.array(self.w).T, np.array(self.b).reshape(-1, 1)

    def state(self) -> dict[str, Array]:
        return {}


def probabilities(z: list[float]) -> list[float]:
    """Return the sigmoid of one neuron's logit, the softmax of several'."""
    if len(z) == 1:
        return [1 / (1 + math.exp(-z[0])) if z[0] >= 0 else math.exp(z[0]) / (1 + math.exp(z[0]))]
    exp = [math.exp(each - max(z)) for each in z]
    return [each / sum(exp) for each in exp]


class Vectorized:
    """Gradient descent on X (n_x, m) in memory, in float64; see `catclf.descent.problem.Method`."""

    def __init__(self, problem: Problem, state: State | None = None) -> None:
        self.w, self.b = problem.start(state)
        self.X = divided(problem.columns[:]).T  # (n_x, m)
        self.Y = problem.Y  # (k, m)
        self.weights = problem.example_weights  # (1, m)
        self.problem, self.settings = problem, problem.settings
        self.loss = loss_of(self.settings.loss, problem.k)
        if problem.test is not None:
            self.X_test = divided(problem.test.columns[:]).T

    def step(self, with_cost: bool) -> float | None:
        lr, l2 = self.settings.rate, self.settings.l2
        Z = forward(self.w, self.b, self.X)  # (k, m)
        before = self._cost(Z) if with_cost else None
        A = self.loss.activation(Z, None)
        dZ = self.weights * self.loss.dZ(A, self.Y)
        dw, db = backward(self.X, dZ)  # (n_x, k), (k, 1)
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

    def parameters(self) -> tuple[Array, Array]:
        return self.w, self.b

    def state(self) -> dict[str, Array]:
        return {}

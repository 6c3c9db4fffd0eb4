"""The lecture's four lines: whole matrices instead of loops."""

from __future__ import annotations

from catclf.descent.problem import Problem, State
from catclf.descent.rates import safe_rate
from catclf.logistic import LOSSES, Array, backward, cost, forward, l2_penalty, sigmoid


class Vectorized:
    """Gradient descent on X (n_x, m) in memory, in float64; see `catclf.descent.problem.Method`."""

    def __init__(self, problem: Problem, state: State | None = None) -> None:
        self.w, self.b = problem.start(state)
        self.X = problem.columns[:].T / 255  # (n_x, m)
        self.Y = problem.Y  # (1, m)
        self.weights = problem.weights  # (1, m)
        self.problem, self.settings = problem, problem.settings
        if problem.test is not None:
            self.X_test = problem.test.columns[:].T / 255

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for."""
        lr, l2, loss = self.settings.learning_rate, self.settings.l2, self.settings.loss
        Z = forward(self.w, self.b, self.X)  # (1, m)
        before = self._cost(Z) if with_cost else None
        A = sigmoid(Z)
        dZ = self.weights * LOSSES[loss].dZ(A, self.Y)
        dw, db = backward(self.X, dZ)  # (n_x, 1)
        self.w = (1 - lr * l2) * self.w - lr * dw
        self.b = self.b - lr * db
        return before

    def cost(self) -> float:
        """Return the cost of w and b as they are."""
        return self._cost(forward(self.w, self.b, self.X))

    def _cost(self, Z: Array) -> float:
        penalty = l2_penalty(self.w, self.settings.l2)
        return cost(Z, self.Y, self.settings.loss, penalty, self.weights)

    def test_cost(self) -> float | None:
        """Return the same cost on the test split; None where the problem has none."""
        if (test := self.problem.test) is None:
            return None
        Z = forward(self.w, self.b, self.X_test)
        penalty = l2_penalty(self.w, self.settings.l2)
        return cost(Z, test.Y, self.settings.loss, penalty, test.weights)

    def safe_rate(self) -> float:
        """Return `catclf.descent.rates.safe_rate`."""
        return safe_rate(self.problem, self.X)

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""
        return self.w, self.b

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b: nothing."""
        return {}

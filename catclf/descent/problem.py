"""What a descent is given, and what every method of it offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from catclf.columns import Columns
from catclf.errors import CatclfError
from catclf.logistic import Array, Labels, example_weights, loss_of, n_neurons, one_hot
from catclf.training import Settings, Training

State = Mapping[str, Array]
"""Where a descent stands: w (n_x, k), b (k, 1), and what `Method.state` gave."""


class Stand(NamedTuple):
    """Where a training stands: weights (n_x, k), biases (k, 1), and what led to them."""

    w: Array
    b: Array
    training: Training


class StateError(ValueError):
    """A state from which a method cannot resume."""


class IterationError(Exception):
    """An iteration that could not be made, and why.

    `before` are w (n_x, k), b (k, 1) and the cost of them, as they were before the last update;
    None where there was none.
    """

    def __init__(self, error: CatclfError, before: tuple[Array, Array, float] | None) -> None:
        super().__init__(error, before)
        self.error, self.before = error, before


@dataclass(frozen=True)
class Problem:
    """The cost to be minimized: the data and the settings.

    `columns` are those of X as rows, (m, n_x) uint8, in memory or in a file; `labels` (m,) the
    index of each example's class, of `n_classes`. Where there is a test split, `test` is the
    problem of the default settings on it, whose cost is the log loss: that is recorded too.
    ValueError for a loss that so many classes do not have.
    """

    columns: Columns
    labels: Labels
    settings: Settings
    test: Problem | None = None
    n_classes: int = 2

    def __post_init__(self) -> None:
        loss_of(self.settings.loss, self.k)

    @property
    def m(self) -> int:
        """The number of examples."""
        return self.columns.shape[0]

    @property
    def n_x(self) -> int:
        """The number of features."""
        return self.columns.shape[1]

    @property
    def k(self) -> int:
        """The number of neurons."""
        return n_neurons(self.n_classes)

    @cached_property
    def Y(self) -> Array:
        """The labels (k, m), 0 or 1."""
        return one_hot(self.labels, self.n_classes)

    @property
    def example_weights(self) -> Array:
        """What each example counts in the cost, (1, m)."""
        each = example_weights(self.labels, self.n_classes, self.settings.class_weight)
        return np.broadcast_to(each, (1, self.m))

    def start(self, state: State | None) -> tuple[Array, Array]:
        """Return the w (n_x, k) and b (k, 1) to begin from: zeros where `state` is None.

        StateError where the state's w or b is of another shape.
        """
        if state is None:
            return np.zeros((self.n_x, self.k)), np.zeros((self.k, 1))
        for name, shape in (("w", (self.n_x, self.k)), ("b", (self.k, 1))):
            if state[name].shape != shape:
                raise StateError(f"{name} must be {shape}, got {state[name].shape}")
        return state["w"], state["b"]


class Method(Protocol):
    """One way to compute the lecture's iteration.

    Each is made of a `Problem` and a `State`, None to begin from w = 0, b = 0; StateError where it
    cannot resume from there.
    """

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for."""

    def cost(self) -> float:
        """Return the cost of w and b as they are."""

    def test_log_loss(self) -> float | None:
        """Return the log loss on the test split, without penalty and class weights, or None."""

    def safe_rate(self) -> float | None:
        """Return `catclf.descent.rates.safe_rate`; None where that would take long."""

    def parameters(self) -> tuple[Array, Array]:
        """Return w, (n_x, k), and b, (k, 1)."""

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b, to resume exactly here."""

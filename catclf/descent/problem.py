"""What a descent is given, and what every method of descent offers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from catclf.columns import Columns
from catclf.logistic import LOSSES, Array, LossName

__all__ = ["Method", "Problem", "Settings", "State", "StateError"]

State = Mapping[str, Array]
"""Where a descent stands: w (n_x, 1), b (), and what `Method.state` gave."""


class StateError(ValueError):
    """A state from which a method cannot resume."""


@dataclass(frozen=True)
class Settings:
    """What one training is asked to do.

    Parameters
    ----------
    learning_rate
        The lecture's alpha: above 0.
    iterations
        How many updates of w and b.
    l2
        LAMBDA of the penalty ``LAMBDA / 2 * |w|^2`` added to the cost: at least 0.
    loss
        A name in `catclf.logistic.LOSSES`.
    every
        Iterations between two recorded costs.

    Raises
    ------
    ValueError
        For a value that no descent can do.
    """

    learning_rate: float = 0.005
    iterations: int = 2000
    l2: float = 0.0
    loss: LossName = "cross-entropy"
    every: int = 100

    def __post_init__(self) -> None:
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not (math.isfinite(self.l2) and self.l2 >= 0):
            raise ValueError(f"l2 must be at least 0, got {self.l2}")
        if self.iterations < 1 or self.every < 1:
            raise ValueError("iterations and every must be at least 1")
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")


@dataclass(frozen=True)
class Problem:
    """The cost to be minimized: the data and the settings.

    Parameters
    ----------
    columns
        The columns of X as rows, (m, n_x) uint8, in memory or in a file.
    Y
        Labels (1, m), 0 or 1.
    settings
        The learning rate, the loss, the penalty and the number of iterations.
    """

    columns: Columns
    Y: Array
    settings: Settings

    @property
    def m(self) -> int:
        """The number of examples."""
        return self.columns.shape[0]

    @property
    def n_x(self) -> int:
        """The number of features."""
        return self.columns.shape[1]

    def start(self, state: State | None) -> tuple[Array, float]:
        """Return the w (n_x, 1) and b to begin from: zeros where `state` is None.

        Raises
        ------
        StateError
            Where the state's w is of another shape.
        """
        if state is None:
            return np.zeros((self.n_x, 1)), 0.0
        if state["w"].shape != (self.n_x, 1):
            raise StateError(f"w must be ({self.n_x}, 1), got {state['w'].shape}")
        return state["w"], float(state["b"])


class Method(Protocol):
    """One way to compute the lecture's iteration.

    Each is made of a `Problem` and a `State`, None to begin from w = 0, b = 0; StateError where it
    cannot resume from there.
    """

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for."""

    def cost(self) -> float:
        """Return the cost of w and b as they are."""

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b, to resume exactly here."""

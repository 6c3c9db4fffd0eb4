"""What a descent is given: the settings and the data, and what every method must offer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catclf.logistic import LOSSES, LossName

__all__ = ["Columns", "Method", "Settings"]

Array = NDArray[np.float64]


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
    """

    learning_rate: float = 0.005
    iterations: int = 2000
    l2: float = 0.0
    loss: LossName = "cross-entropy"
    every: int = 100

    def __post_init__(self) -> None:
        """Refuse what no descent can do, with ValueError."""
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not (math.isfinite(self.l2) and self.l2 >= 0):
            raise ValueError(f"l2 must be at least 0, got {self.l2}")
        if self.iterations < 1 or self.every < 1:
            raise ValueError("iterations and every must be at least 1")
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")


class Columns(Protocol):
    """The columns of X as rows, (m, n_x) uint8: an array in memory, or in an HDF5 file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(m, n_x)."""

    def __getitem__(self, rows: slice, /) -> NDArray[np.uint8]:
        """Read a run of rows."""


class Method(Protocol):
    """One way to compute the lecture's iteration."""

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for."""

    def cost(self) -> float:
        """Return the cost of w and b as they are."""

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""

    def state(self) -> dict[str, Array]:
        """Return what this method needs, besides w and b, to go on exactly where it is."""

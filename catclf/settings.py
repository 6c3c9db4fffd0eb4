"""What one training is asked to do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from catclf.logistic import CLASS_WEIGHTS, LOSSES, ClassWeight, LossName

__all__ = ["Settings"]


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
    class_weight
        ``none``, or ``balanced``: both classes count half in the cost, however many examples each
        has; see `catclf.logistic.example_weights`.

    Raises
    ------
    ValueError
        For a value out of its range.
    """

    learning_rate: float = 0.005
    iterations: int = 2000
    l2: float = 0.0
    loss: LossName = "cross-entropy"
    every: int = 100
    class_weight: ClassWeight = "none"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not (math.isfinite(self.l2) and self.l2 >= 0):
            raise ValueError(f"l2 must be at least 0, got {self.l2}")
        if self.iterations < 1 or self.every < 1:
            raise ValueError("iterations and every must be at least 1")
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")
        if self.class_weight not in CLASS_WEIGHTS:
            raise ValueError(
                f"class_weight must be one of {', '.join(CLASS_WEIGHTS)}, got {self.class_weight!r}"
            )

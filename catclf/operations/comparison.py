"""Two models on the same pictures: which is right where the other is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catclf.metrics import mcnemar_p
from catclf.operations.evaluation import Evaluation

__all__ = ["Comparison", "compare"]

SIGNIFICANT_P = 0.05


@dataclass(frozen=True)
class Comparison:
    """Two evaluations on one split, held against each other.

    Parameters
    ----------
    first, second
        The evaluations.
    only_first, only_second
        How many pictures the first model alone, and the second alone, predicts right.
    p_value
        Of McNemar's exact test that both are right equally often; see `catclf.metrics.mcnemar_p`.
    """

    first: Evaluation
    second: Evaluation
    only_first: int
    only_second: int
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether chance alone would make such a difference in less than 5 % of the cases."""
        return self.p_value < SIGNIFICANT_P


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two models by their evaluations on the same split of one dataset.

    Raises
    ------
    ValueError
        Where the evaluations are of different pictures.
    """
    if first.names != second.names or not np.array_equal(first.labels, second.labels):
        raise ValueError("the evaluations must be of the same pictures")
    first_right, second_right = (each.right for each in (first, second))
    only_first = int(np.count_nonzero(first_right & ~second_right))
    only_second = int(np.count_nonzero(second_right & ~first_right))
    p_value = mcnemar_p(only_first, only_second)
    return Comparison(first, second, only_first, only_second, p_value)

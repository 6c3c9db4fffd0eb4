"""What `compare` does: two models held against each other on the same pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from catclf.columns import Order
from catclf.dataset import open_dataset
from catclf.errors import AnyPath, ModelError, printable
from catclf.model import DEFAULT_THRESHOLD, Model
from catclf.operations.evaluating import evaluate_candidates, path_of, read_candidates
from catclf.operations.evaluation import Evaluation
from catclf.splits import SplitName
from catclf.uncertainty import mcnemar_p

SIGNIFICANT_P = 0.05


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two models, evaluated on the same pictures.

    Parameters
    ----------
    first, second
        The evaluations.
    only_first, only_second
        How many pictures the first model alone predicts right, and the second alone.
    p_value
        Of McNemar's exact test that both models have the same accuracy.
    """

    first: Evaluation
    second: Evaluation
    only_first: int
    only_second: int
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether p is below 5 %: equally good models seldom differ so much."""
        return self.p_value < SIGNIFICANT_P


def compare(
    dataset: AnyPath,
    first: AnyPath | Model,
    second: AnyPath | Model,
    *,
    split: SplitName = "test",
    threshold: float = DEFAULT_THRESHOLD,
    order: Order | None = None,
    classes: Sequence[str] | None = None,
) -> Comparison:
    """Compare two models on a split of a prepared dataset.

    Parameters
    ----------
    dataset, split, threshold, order, classes
        See `catclf.evaluate`.
    first, second
        Models, or their files.

    Returns
    -------
    Comparison
        Both evaluations, how many pictures each model alone predicts right, and the p-value.

    Raises
    ------
    DatasetError, ModelError
        Where a file cannot be used, the split is empty, or they do not fit together.
    SettingsError
        See `catclf.evaluate`.
    """
    models = [(path_of(model), read_candidates(model, order, classes)) for model in (first, second)]
    _refuse_apart(models)
    with open_dataset(dataset) as opened:
        one, other = (
            replace(evaluate_candidates(opened, candidates, split, threshold)[1], model=path)
            for path, candidates in models
        )
    only_first = int(np.count_nonzero(one.right & ~other.right))
    only_second = int(np.count_nonzero(other.right & ~one.right))
    p_value = mcnemar_p(only_first, only_second)
    return Comparison(one, other, only_first, only_second, p_value)


def _refuse_apart(models: list[tuple[str | None, list[Model]]]) -> None:
    """Raise ModelError where no dataset fits two models, each with its path and its candidates."""
    (path, [one, *_]), (where, [other, *_]) = models
    ours, theirs = one.preprocessing, other.preprocessing
    if ours != theirs and not (one.weights_only or other.weights_only):
        mine, others = ours.difference(theirs)
        first = "the first model" if path is None else printable(path)
        raise ModelError(
            f"was trained on pictures with {others}; {first} on pictures with {mine}",
            where,
            "Evaluate each on a dataset that was prepared as its own.",
        )

"""Two models on the same pictures: who is right alone, and whether that is chance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import catclf
from catclf.metrics import mcnemar_p
from catclf.operations.comparison import compare
from catclf.operations.evaluation import Evaluation


@pytest.fixture(scope="module")
def evaluation(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Evaluate a model that was trained a little, on the train split."""
    path = tmp_path_factory.mktemp("compared") / "model.npz"
    catclf.train(small_dataset, path, catclf.Settings(iterations=20))
    return catclf.evaluate(small_dataset, path, split="train")


def turned(evaluation: Evaluation, indices: list[int]) -> Evaluation:
    """Return an evaluation whose answers at some pictures are the other ones."""
    probabilities = evaluation.probabilities.copy()
    probabilities[indices] = 1 - probabilities[indices]
    return replace(evaluation, probabilities=probabilities)


def test_each_picture_that_one_gets_right_alone_is_counted(evaluation: Evaluation) -> None:
    """Turning answers makes right ones wrong and wrong ones right, one by one."""
    right = np.flatnonzero(evaluation.right).tolist()
    wrong = np.flatnonzero(~evaluation.right).tolist()
    other = turned(evaluation, right[:5] + wrong[:2])
    compared = compare(evaluation, other)
    assert (compared.only_first, compared.only_second) == (5, len(wrong[:2]))
    assert compared.p_value == mcnemar_p(5, len(wrong[:2]))
    assert compare(other, evaluation).only_second == 5


def test_a_model_is_no_better_than_itself(evaluation: Evaluation) -> None:
    """No difference, and no significance."""
    compared = compare(evaluation, evaluation)
    assert (compared.only_first, compared.only_second, compared.p_value) == (0, 0, 1)
    assert not compared.significant


def test_all_wrong_is_significantly_worse(evaluation: Evaluation) -> None:
    """Eighteen answers turned are no chance."""
    compared = compare(evaluation, turned(evaluation, [*range(18)]))
    assert compared.significant == (compared.p_value < 0.05)
    assert compared.only_first == int(evaluation.right.sum())


def test_other_pictures_are_refused(evaluation: Evaluation) -> None:
    """The test is one of pairs."""
    with pytest.raises(ValueError, match="of the same pictures"):
        compare(evaluation, replace(evaluation, names=evaluation.names[::-1]))

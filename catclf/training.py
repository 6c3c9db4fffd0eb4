"""What `train` does: gradient descent on a prepared dataset becomes a model file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from catclf import __version__
from catclf.dataset import Dataset, open_dataset
from catclf.descent import (
    METHODS,
    Choice,
    Descent,
    Settings,
    choose,
    descend,
    round_down,
    safe_rate,
)
from catclf.errors import DatasetError, DivergenceError
from catclf.evaluation import Evaluation, evaluate_part
from catclf.model import Model, save_model

__all__ = ["Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """A trained model, and how it does.

    Parameters
    ----------
    model
        As it was saved.
    train, test
        Its evaluation on both parts; test is None where the dataset has no test part.
    """

    model: Model
    train: Evaluation
    test: Evaluation | None


def train(
    dataset: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    method: str = "auto",
    on_choice: Callable[[Choice], None] | None = None,
    on_cost: Callable[[int, float], None] | None = None,
    on_iteration: Callable[[int], None] | None = None,
) -> Trained:
    """Train on the train part of a prepared dataset, and save the model.

    Parameters
    ----------
    dataset
        The prepared dataset file.
    output
        The model file to write; an old one is replaced only by a complete new one.
    settings
        Rate, length and the rest; `catclf.descent.Settings` has the defaults.
    method
        A name in `catclf.descent.METHODS`, or ``auto``.
    on_choice
        Called with the method that ``auto`` chose.
    on_cost, on_iteration
        Called as training goes on; see `catclf.descent.descend`.

    Raises
    ------
    DatasetError
        Where the dataset cannot be used, or has one class only.
    DivergenceError
        Where the learning rate is too high; the message names a safe one.
    CatclfError
        Where `output` cannot be written.
    """
    settings = settings or Settings()
    with open_dataset(dataset) as opened:
        part = opened.train
        _refuse_one_class(opened)
        if method == "auto":
            choice = choose(part.m, opened.preprocessing.n_x, settings.iterations)
            method = choice.method
            if on_choice is not None:
                on_choice(choice)
        stepper = METHODS[method](part.columns, part.Y, settings, None)
        try:
            descent = descend(stepper, settings, on_cost=on_cost, on_iteration=on_iteration)
        except DivergenceError as error:
            safe = round_down(safe_rate(part.columns, settings))
            fix = f"Use --lr {safe:g}: up to there the cost cannot rise on this data."
            raise DivergenceError(error.what, fix=fix) from None
        model = Model(
            w=descent.w,
            b=descent.b,
            classes=opened.classes,
            preprocessing=opened.preprocessing,
            costs=descent.costs,
            state=descent.state,
        )
        on_train = evaluate_part(opened, model, "train")
        on_test = evaluate_part(opened, model, "test") if opened.test.m else None
        model.record.update(_record(opened, settings, method, descent, on_train, on_test))
        save_model(output, model)
    return Trained(model, on_train, on_test)


def _refuse_one_class(dataset: Dataset) -> None:
    labels = dataset.train.labels
    if labels.size == 0 or labels.min() == labels.max():
        raise DatasetError(
            f"its train part holds {labels.size} pictures, not of both classes",
            dataset.path,
            "Prepare it with pictures of both.",
        )


def _record(
    dataset: Dataset,
    settings: Settings,
    method: str,
    descent: Descent,
    on_train: Evaluation,
    on_test: Evaluation | None,
) -> dict[str, Any]:
    return {
        "created_by": f"catclf {__version__}",
        "dataset": {"digest": dataset.digest, "train": dataset.train.m, "test": dataset.test.m},
        "settings": {**asdict(settings), "method": method},
        "results": {
            "iterations": descent.iterations,
            "cost": descent.final_cost,
            "train_accuracy": on_train.accuracy,
            "test_accuracy": None if on_test is None else on_test.accuracy,
        },
    }

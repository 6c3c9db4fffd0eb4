"""What `train` does: gradient descent on a prepared dataset becomes a model file."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from catclf._version import __version__
from catclf.dataset import Dataset, open_dataset
from catclf.descent import (
    METHODS,
    Descent,
    Problem,
    Settings,
    State,
    StateError,
    choose,
    descend,
    memory_needs,
    round_down,
    safe_rate,
)
from catclf.errors import CatclfError, DatasetError, DivergenceError, ModelError, printable
from catclf.machine import available_memory
from catclf.model import Model, load_model, save_model
from catclf.observer import Observer
from catclf.operations.evaluation import Evaluation, evaluate_split
from catclf.storage.outputs import check_output
from catclf.training_record import TrainingRecord

__all__ = ["Trained", "train"]

RESUME_FIX = "Train without `resume`, or write another model with `output`."


@dataclass(frozen=True)
class Trained:
    """A trained model, and how it does.

    Parameters
    ----------
    model
        As it was saved.
    train, test
        Its evaluation on both splits; test is None where the dataset has no test split.
    iterations
        How many were made in all; fewer than asked for where it was stopped.
    """

    model: Model
    train: Evaluation
    test: Evaluation | None
    iterations: int


def train(
    dataset: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    method: str = "auto",
    resume: bool = False,
    observer: Observer | None = None,
) -> Trained:
    """Train on the train split of a prepared dataset, and save the model.

    Long runs also save a checkpoint every half minute.

    Parameters
    ----------
    dataset
        The prepared dataset file.
    output
        The model file to write; an old one is replaced only by a complete new one.
    settings
        The learning rate, iterations and the rest; `catclf.descent.Settings` has the defaults.
    method
        A name in `catclf.descent.METHODS`, or ``auto``.
    resume
        Resume the training of the model in `output`, to ``settings.iterations`` in all; begin
        anew where there is none. By the same method the end is the same, bit for bit, as without
        a pause.
    observer
        Receives warnings, the method that ``auto`` chose, every iteration and every recorded cost.
        Where it stops the training early a checkpoint is saved.

    Raises
    ------
    DatasetError
        Where the dataset cannot be used, or has one class only.
    DivergenceError
        Where the learning rate is too high; the message names a safe one.
    ModelError
        With `resume`, where the old model cannot be read, or was trained otherwise.
    CatclfError
        Where `output` cannot be written, or is the dataset.
    ValueError
        For a method that is not known.
    """
    settings = settings or Settings()
    observer = observer or Observer()
    if method not in ("auto", *METHODS):
        raise ValueError(f"method must be auto or one of {', '.join(METHODS)}, got {method!r}")
    check_output(output, [dataset])
    with open_dataset(dataset) as opened:
        _refuse_one_class(opened)
        problem = Problem(opened.train.columns, opened.train.Y, settings)
        old = before = None
        if resume and os.path.lexists(output):
            old = load_model(output)
        elif resume:
            observer.warning(f"nothing to resume: there is no {printable(output)}")
        if old is not None:
            before = _resumable(old, opened, settings, method, output)
            method = before.method
        elif method == "auto":
            choice = choose(problem.m, problem.n_x, settings.iterations)
            method = choice.method
            observer.method(method, choice.seconds)
        _refuse_too_large(method, problem, opened.path)

        def model_of(descent: Descent) -> Model:
            return Model(
                w=descent.w,
                b=descent.b,
                classes=opened.classes,
                preprocessing=opened.preprocessing,
                training=_record(opened, settings, method, descent),
                costs=descent.costs,
                state=descent.state,
            )

        try:
            descent = descend(
                METHODS[method](problem, None if old is None else _state_of(old)),
                settings,
                costs=None if old is None else old.costs,
                start=0 if before is None else before.done,
                observer=observer,
                checkpoint=lambda checkpoint: save_model(output, model_of(checkpoint)),
            )
        except StateError:
            raise ModelError("does not hold what is needed to resume", output, RESUME_FIX) from None
        except DivergenceError as error:
            safe = round_down(safe_rate(problem))
            fix = f"Use `learning_rate` {safe:g}: up to there the cost cannot rise on this data."
            raise DivergenceError(error.what, fix=fix) from None
        model = model_of(descent)
        try:
            on_train = evaluate_split(opened, model, "train")
            on_test = evaluate_split(opened, model, "test") if opened.test.m else None
        except CatclfError:  # a damaged test split must not cost the training
            save_model(output, model)
            raise
        record = replace(
            _record(opened, settings, method, descent),
            train_accuracy=on_train.accuracy,
            test_accuracy=None if on_test is None else on_test.accuracy,
        )
        model = replace(model, training=record)
        save_model(output, model)
    return Trained(model, on_train, on_test, descent.iterations)


def _state_of(model: Model) -> State:
    return {"w": model.w, "b": np.array(model.b), **model.state}


def _resumable(
    old: Model, dataset: Dataset, settings: Settings, method: str, path: str | os.PathLike[str]
) -> TrainingRecord:
    """Return how `old` was trained; ModelError where this training cannot resume it."""
    before = old.training
    if (
        before is None
        or before.done < 1
        or before.method not in METHODS
        or 0 not in old.costs
        or not all(0 <= iteration < before.done for iteration in old.costs)
    ):
        raise ModelError("does not tell how it was trained", path, RESUME_FIX)
    if (
        before.digest != dataset.digest
        or old.preprocessing != dataset.preprocessing
        or old.classes != dataset.classes
    ):
        raise ModelError(f"was trained on other data than {dataset.path}", path, RESUME_FIX)
    for name, then, now in (
        ("learning_rate", before.learning_rate, settings.learning_rate),
        ("l2", before.l2, settings.l2),
        ("loss", before.loss, settings.loss),
        ("method", before.method, before.method if method == "auto" else method),
    ):
        if then != now:
            raise ModelError(f"was trained with {name} {then}, not {now}", path, RESUME_FIX)
    if before.done > settings.iterations:
        raise ModelError(
            f"has {before.done} iterations already, more than {settings.iterations}",
            path,
            "Ask for more `iterations`.",
        )
    return before


def _refuse_too_large(method: str, problem: Problem, path: str) -> None:
    """Raise DatasetError where a method's arrays do not fit into all the memory there is."""
    needed, available = memory_needs(problem.m, problem.n_x)[method], available_memory()
    if needed > available:
        raise DatasetError(
            f"{problem.m} pictures take {method} {needed / 2**30:.1f} GiB of memory, "
            f"and {available / 2**30:.1f} are free",
            path,
            "Use `method` streaming.",
        )


def _refuse_one_class(dataset: Dataset) -> None:
    labels = dataset.train.labels
    if labels.size == 0 or labels.min() == labels.max():
        raise DatasetError(
            f"its train split holds {labels.size} pictures, not of both classes",
            dataset.path,
            "Prepare it with pictures of both.",
        )


def _record(dataset: Dataset, settings: Settings, method: str, descent: Descent) -> TrainingRecord:
    return TrainingRecord(
        created_by=f"catclf {__version__}",
        dataset=dataset.path,
        digest=dataset.digest,
        train_examples=dataset.train.m,
        test_examples=dataset.test.m,
        method=method,
        learning_rate=settings.learning_rate,
        iterations=settings.iterations,
        l2=settings.l2,
        loss=settings.loss,
        every=settings.every,
        done=descent.iterations,
        cost=descent.final_cost,
    )

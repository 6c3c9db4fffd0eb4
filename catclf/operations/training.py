"""What `train` does: gradient descent on a prepared dataset becomes a model file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from catclf._version import __version__
from catclf.dataset import Dataset, open_dataset
from catclf.descent import (
    METHODS,
    Choice,
    Descent,
    Settings,
    choose,
    descend,
    memory_needs,
    round_down,
    safe_rate,
)
from catclf.errors import CatclfError, DatasetError, DivergenceError, ModelError
from catclf.model import Model, load_model, save_model
from catclf.operations.evaluation import Evaluation, evaluate_split
from catclf.parallel import available_memory
from catclf.storage.outputs import check_output

__all__ = ["Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """A trained model, and how it does.

    Parameters
    ----------
    model
        As it was saved.
    train, test
        Its evaluation on both splits; test is None where the dataset has no test split.
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
    resume: bool = False,
    on_choice: Callable[[Choice], None] | None = None,
    on_cost: Callable[[int, float], None] | None = None,
    on_iteration: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Trained:
    """Train on the train split of a prepared dataset, and save the model.

    Long runs also save the model so far every half minute.

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
    resume
        Go on from the model in `output`, to ``settings.iterations`` in all; begin anew where
        there is none. By the same method the end is the same, bit for bit, as without a pause.
    on_choice
        Called with the method that ``auto`` chose.
    on_cost, on_iteration, stop
        Called as training goes on; see `catclf.descent.descend`. Where `stop` ends it early the
        model so far is saved.

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
    """
    settings = settings or Settings()
    if method not in ("auto", *METHODS):
        raise ValueError(f"method must be auto or one of {', '.join(METHODS)}, got {method!r}")
    check_output(output, [dataset])
    with open_dataset(dataset) as opened:
        split = opened.train
        _refuse_one_class(opened)
        old = load_model(output) if resume and os.path.lexists(output) else None
        if old is not None:
            _refuse_other_training(old, opened, settings, method, output)
            method = old.record["settings"]["method"]
        elif method == "auto":
            choice = choose(split.m, opened.preprocessing.n_x, settings.iterations)
            method = choice.method
            if on_choice is not None:
                on_choice(choice)

        _refuse_too_large(method, split.m, opened.preprocessing.n_x, opened.path)

        def model_of(descent: Descent) -> Model:
            return Model(
                w=descent.w,
                b=descent.b,
                classes=opened.classes,
                preprocessing=opened.preprocessing,
                costs=descent.costs,
                state=descent.state,
                record=_record(opened, settings, method, descent),
            )

        state = None if old is None else {"w": old.w, "b": np.array(old.b), **old.state}
        try:
            descent = descend(
                METHODS[method](split.columns, split.Y, settings, state),
                settings,
                costs=None if old is None else old.costs,
                start=0 if old is None else old.record["results"]["iterations"],
                on_cost=on_cost,
                on_iteration=on_iteration,
                stop=stop,
                on_save=lambda so_far: save_model(output, model_of(so_far)),
            )
        except DivergenceError as error:
            safe = round_down(safe_rate(split.columns, settings))
            fix = f"Use --lr {safe:g}: up to there the cost cannot rise on this data."
            raise DivergenceError(error.what, fix=fix) from None
        model = model_of(descent)
        try:
            on_train = evaluate_split(opened, model, "train")
            on_test = evaluate_split(opened, model, "test") if opened.test.m else None
        except CatclfError:  # a damaged test split must not cost the training
            save_model(output, model)
            raise
        model.record["results"] |= {
            "train_accuracy": on_train.accuracy,
            "test_accuracy": None if on_test is None else on_test.accuracy,
        }
        save_model(output, model)
    return Trained(model, on_train, on_test)


def _refuse_other_training(
    old: Model, dataset: Dataset, settings: Settings, method: str, path: str | os.PathLike[str]
) -> None:
    """Raise ModelError where a training cannot go on from `old`."""
    fix = "Train without --resume, or write another model with -o."
    tables = [old.record.get(name) for name in ("settings", "results", "dataset")]
    before, results, data = (table if isinstance(table, dict) else {} for table in tables)
    done, used = results.get("iterations"), before.get("method")
    costs_fit = 0 in old.costs and type(done) is int and all(0 <= i < done for i in old.costs)
    if type(done) is not int or done < 1 or used not in list(METHODS) or not costs_fit:
        raise ModelError("does not tell how it was trained", path, fix)
    if (
        data.get("digest") != dataset.digest
        or old.preprocessing != dataset.preprocessing
        or old.classes != dataset.classes
    ):
        raise ModelError(f"was trained on other data than {dataset.path}", path, fix)
    wanted = {**asdict(settings), "method": used if method == "auto" else method}
    for name in ("learning_rate", "l2", "loss", "method"):
        if before.get(name) != wanted[name]:
            raise ModelError(
                f"was trained with {name} {before.get(name)}, not {wanted[name]}", path, fix
            )
    if done > settings.iterations:
        raise ModelError(
            f"has {done} iterations already, more than {settings.iterations}",
            path,
            "Ask for more with --iters.",
        )
    needed = {"u": (dataset.train.m,), "c": (dataset.train.m,), "scale": ()}
    held = {name: old.state[name].shape for name in needed if name in old.state}
    start = old.state.get("start")
    if (used == "gram" and held != needed) or (start is not None and start.shape != old.w.shape):
        raise ModelError("does not hold what is needed to go on", path, fix)


def _refuse_too_large(method: str, m: int, n_x: int, path: str) -> None:
    """Raise DatasetError where a method's arrays do not fit into all the memory there is."""
    needed, available = memory_needs(m, n_x)[method], available_memory()
    if needed > available:
        raise DatasetError(
            f"{m} pictures take {method} {needed / 2**30:.1f} GiB of memory, "
            f"and {available / 2**30:.1f} are free",
            path,
            "Use --method streaming.",
        )


def _refuse_one_class(dataset: Dataset) -> None:
    labels = dataset.train.labels
    if labels.size == 0 or labels.min() == labels.max():
        raise DatasetError(
            f"its train split holds {labels.size} pictures, not of both classes",
            dataset.path,
            "Prepare it with pictures of both.",
        )


def _record(dataset: Dataset, settings: Settings, method: str, descent: Descent) -> dict[str, Any]:
    return {
        "created_by": f"catclf {__version__}",
        "dataset": {"digest": dataset.digest, "train": dataset.train.m, "test": dataset.test.m},
        "settings": {**asdict(settings), "method": method},
        "results": {"iterations": descent.iterations, "cost": descent.final_cost},
    }

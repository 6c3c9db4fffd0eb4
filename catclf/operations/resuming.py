"""A training that is resumed: what the model at hand tells of it, and whether it can go on."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass

import numpy as np

from catclf.dataset import Dataset
from catclf.descent import KERNELS, METHODS, History, State
from catclf.errors import ModelError, printable
from catclf.model_file import is_weights_only, load_model
from catclf.observer import Observer
from catclf.settings import Settings
from catclf.training_record import TrainingRecord

__all__ = [
    "RESUME_FIX",
    "RunToResume",
    "refuse_missing_kernel",
    "refuse_other_settings",
    "run_to_resume",
]

RESUME_FIX = "Train without `resume`, or write another model with `output`."


@dataclass(frozen=True)
class RunToResume:
    """A training to be resumed: how it was made, and where it stands."""

    record: TrainingRecord
    history: History
    state: State


def run_to_resume(
    path: str | os.PathLike[str], dataset: Dataset, observer: Observer
) -> RunToResume | None:
    """Return the training of the model at a path; None, with a warning, where there is none.

    ModelError where it does not tell all that is needed, or is of other data.
    """
    if not os.path.lexists(path):
        observer.warning(f"nothing to resume: there is no {printable(path)}")
        return None
    if is_weights_only(path):
        raise ModelError("does not tell how it was trained", path, RESUME_FIX)
    model = load_model(path)
    record = model.training
    if (
        record is None
        or record.iterations < 1
        or record.method not in METHODS
        or (record.method == "streaming") != (record.kernel in KERNELS)
        or 0 not in model.costs
        or not all(0 <= iteration < record.iterations for iteration in model.costs)
    ):
        raise ModelError("does not tell how it was trained", path, RESUME_FIX)
    if model.preprocessing != dataset.preprocessing:
        theirs, ours = model.preprocessing.difference(dataset.preprocessing)
        raise ModelError(
            f"was trained on pictures with {theirs}; {dataset.path} holds them with {ours}",
            path,
            RESUME_FIX,
        )
    if record.digest != dataset.digest or model.classes != dataset.classes:
        raise ModelError(f"was trained on other data than {dataset.path}", path, RESUME_FIX)
    history = History(record.iterations, model.costs, model.test_costs)
    return RunToResume(record, history, {"w": model.w, "b": np.array(model.b), **model.state})


def refuse_other_settings(
    record: TrainingRecord, settings: Settings, method: str, path: str | os.PathLike[str]
) -> None:
    """Raise ModelError where settings are not those that a run to be resumed had."""
    then = {"method": record.method, **asdict(record.settings)}
    now = {"method": record.method if method == "auto" else method, **asdict(settings)}
    for name in ("learning_rate", "l2", "loss", "class_weight", "method"):
        if then[name] != now[name]:
            raise ModelError(
                f"was trained with {name.replace('_', ' ')} {then[name]}, not {now[name]}",
                path,
                RESUME_FIX,
            )
    if record.iterations > settings.iterations:
        raise ModelError(
            f"has {record.iterations} iterations already, more than {settings.iterations}",
            path,
            "Ask for more `iterations`.",
        )


def refuse_missing_kernel(failure: Exception | None, path: str | os.PathLike[str]) -> None:
    """Raise ModelError where the kernel of a run to be resumed failed to load: they round apart."""
    if failure is not None:
        raise ModelError(
            f"was trained by numba's compiled code, which cannot be loaded ({failure})",
            path,
            f"Install it: pip install 'catclf[fast]'.\nOr {RESUME_FIX[0].lower()}{RESUME_FIX[1:]}",
        )

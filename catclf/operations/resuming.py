"""Which trainings may be resumed, or replaced, and from where they continue."""

from __future__ import annotations

import os
from typing import NamedTuple

from catclf.dataset import Dataset
from catclf.descent import KERNELS, METHODS, State
from catclf.errors import AnyPath, CatclfError, ModelError, printable
from catclf.model import Model
from catclf.model_file import read_model
from catclf.observer import Observer
from catclf.training import Settings, Training

RESUME_FIX = "Train without `resume`, or write another model with `output`."


class Resumed(NamedTuple):
    """A model that is resumed, and its training."""

    model: Model
    training: Training

    @property
    def state(self) -> State:
        """Where its descent stands."""
        model = self.model
        return {"w": model.w, "b": model.b, **self.training.state}


def to_resume(resume: bool | Model, path: AnyPath, observer: Observer) -> Resumed | None:
    """Return the model to be resumed; None, with a warning, where there is none.

    ModelError where it does not tell all that is needed.
    """
    if isinstance(resume, Model):
        model = resume
    elif os.path.lexists(path):
        model = read_model(path)
    else:
        observer.warning(f"nothing to resume: there is no {printable(path)}")
        return None
    training = model.training
    if (
        training is None
        or training.iterations < 1
        or training.method not in METHODS
        or (training.method == "streaming") != (training.kernel in KERNELS)
        or 0 not in training.costs
        or not all(0 <= iteration < training.iterations for iteration in training.costs)
    ):
        raise ModelError("does not tell how it was trained", path, RESUME_FIX)
    return Resumed(model, training)


def refuse_unfinished(path: AnyPath) -> None:
    """Raise ModelError where a model that would be replaced is of a training to be resumed."""
    try:
        training = read_model(path).training
    except CatclfError:  # none, or one that is damaged
        return
    if training is not None and training.interrupted:
        raise ModelError(
            f"holds an unfinished training, {training.iterations} of "
            f"{training.settings.iterations} iterations; nothing was changed",
            path,
            "Continue it with `resume`, replace it with `force`, or write another model.",
        )


def refuse_other(
    old: Resumed, dataset: Dataset, settings: Settings, method: str, path: AnyPath
) -> None:
    """Raise ModelError where a run to be resumed had other data, or other settings."""
    if old.model.preprocessing != dataset.preprocessing:
        theirs, ours = old.model.preprocessing.difference(dataset.preprocessing)
        what = f"was trained on pictures with {theirs}; {dataset.path} holds them with {ours}"
        raise ModelError(what, path, RESUME_FIX)
    if old.training.digest != dataset.digest or old.model.classes != dataset.classes:
        raise ModelError(f"was trained on other data than {dataset.path}", path, RESUME_FIX)
    then = old.training.settings
    by = old.training.method
    for name, was, asked in (
        ("learning rate", then.rate, settings.rate),
        ("l2", then.l2, settings.l2),
        ("loss", then.loss, settings.loss),
        ("class weight", then.class_weight, settings.class_weight),
        ("method", by, by if method == "auto" else method),
    ):
        if was != asked:
            raise ModelError(f"was trained with {name} {was}, not {asked}", path, RESUME_FIX)
    if old.training.iterations > settings.iterations:
        what = f"has {old.training.iterations} iterations already, more than {settings.iterations}"
        raise ModelError(what, path, "Ask for more `iterations`.")


def refuse_missing_kernel(failure: Exception | None, path: AnyPath) -> None:
    """Raise ModelError where the kernel of a run to be resumed failed to load: they round apart."""
    if failure is not None:
        what = f"was trained by numba's compiled code, which cannot be loaded ({failure})"
        fix = f"Install it: pip install 'catclf[fast]'.\nOr {RESUME_FIX[0].lower()}{RESUME_FIX[1:]}"
        raise ModelError(what, path, fix)

"""Whether a model and a dataset belong together: made from pictures prepared alike."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from catclf.backbone import EFFICIENTNET_LITE0
from catclf.dataset import Dataset
from catclf.errors import (
    DIGEST_CHARACTERS,
    DatasetError,
    name_classes,
    printable,
)
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.model_file import nameless


def other_data(dataset: Dataset, model: Model) -> str | None:
    """Return the dataset a model was trained on; None where it is this one, or not known."""
    if model.training is None or model.training.digest == dataset.digest:
        return None
    return model.training.dataset


def refuse_mismatch(dataset: Dataset, model: Model) -> None:
    """Raise DatasetError where a dataset was not prepared as the model's pictures were."""
    ours, wanted = dataset.preprocessing, model.preprocessing
    if ours.n_x != wanted.n_x or (not model.weights_only and ours != wanted):
        there, asked = ours.difference(wanted)
        raise DatasetError(
            f"was prepared with {there}; the model's pictures with {asked}",
            dataset.path,
            _changed(ours, wanted) or _prepared_alike(dataset, model),
        )
    if model.classes not in (dataset.classes, nameless(len(dataset.classes))):
        what = _other_classes(dataset.classes, model.classes)
        fix = "Prepare the dataset as the model's was, or train a model on this one."
        if model.weights_only and len(model.classes) == len(dataset.classes) > 2:
            fix = (
                "`classes` are in the order of w's columns; without it the dataset's are taken.\n"
                "If these are in that order, save w and b with columns in the dataset's order."
            )
        raise DatasetError(what, dataset.path, fix)


def _prepared_alike(dataset: Dataset, model: Model) -> str:
    """Return the fix where pictures were prepared otherwise: none that replaces this dataset."""
    instead = "train a model on this one"
    if (other := other_data(dataset, model)) is not None:
        instead = f"name the dataset that the model was trained on, {_quoted(other)}"
    return f"Prepare it with {_as_parameters(model.preprocessing)}, to another file, or {instead}."


def _other_classes(ours: Sequence[str], wanted: Sequence[str]) -> str:
    if len(ours) != len(wanted):
        found, needed = (f"{len(each)} classes ({name_classes(each)})" for each in (ours, wanted))
        return f"has {found}, the model {needed}"
    if len(ours) == 2:
        found, needed = (" and ".join(map(repr, each)) for each in (ours, wanted))
        return f"has the classes {found}, the model {needed}"
    label = next(i for i, name in enumerate(ours) if name != wanted[i])
    return f"has the class {ours[label]!r} as label {label}, the model {wanted[label]!r}"


def _changed(ours: Preprocessing, wanted: Preprocessing) -> str | None:
    """Return what to do where the same parameters mean another network by now; None elsewhere."""
    here, asked = ours.backbone, wanted.backbone
    if here is None or asked is None or here.digest == asked.digest:
        return None
    if _as_parameters(ours) != _as_parameters(wanted):
        return None
    return (
        f"The file {printable(asked.source)} has changed since: its SHA-256 began with "
        f"{asked.digest[:DIGEST_CHARACTERS]}. Train a model on this dataset instead."
    )


def _as_parameters(preprocessing: Preprocessing) -> str:
    """Return what prepares pictures so, as parameters."""
    backbone = preprocessing.backbone
    told = f"`size` {preprocessing.size}, `fit` {preprocessing.fit} and `features` "
    if backbone is None:
        return told + preprocessing.features
    if backbone.is_efficientnet_lite0:
        return told + EFFICIENTNET_LITE0
    taken = f"`normalize` {backbone.normalize}, `backbone_output` {_quoted(backbone.output)}"
    return f"{taken}, {told}{_quoted(backbone.source)}"


def _quoted(text: str) -> str:
    """Return a name as a shell takes it."""
    return printable(shlex.quote(text))

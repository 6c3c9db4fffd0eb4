"""What `info` does: a dataset or a model, known by its content, tells what it holds."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from catclf.columns import blocks_of_bytes, size_of
from catclf.dataset import DATASET_FILE, Dataset, Split, open_dataset
from catclf.dataset import FORMAT_VERSION as DATASET_VERSION
from catclf.errors import CatclfError, DatasetError, ModelError
from catclf.features import Preprocessing
from catclf.files import HEAD_BYTES, Expected, FileKind, kind_of_bytes, open_regular
from catclf.logistic import Array
from catclf.model import FORMAT_VERSION as MODEL_VERSION
from catclf.model import MODEL_FILE, Model, is_weights_only, load_model
from catclf.observer import Observer
from catclf.outputs import OutputKind
from catclf.storage.hdf5 import holds_signature
from catclf.training import TrainingRecord

BLOCK_BYTES = 2**22  # read at once
READABLE = Expected(
    "a dataset or a model",
    "'catclf info' reads a dataset that catclf prepared, or a model (.npz).",
)


@dataclass(frozen=True)
class DatasetInfo:
    """What a prepared dataset holds, and how it was made.

    Parameters
    ----------
    path
        Its file.
    format_version
        The version of the file's format.
    created_by
        The program that wrote it, and its version; empty where the file does not tell.
    classes
        (negative, positive): the class at index 0 has label 0.
    preprocessing
        How its pictures became columns.
    train, test
        How many pictures of each class the splits hold, in the order of `classes`.
    also_in_train
        How many pictures of the test split the train split holds too.
    digest
        SHA-256 of the train split's columns and labels, in hexadecimal.
    """

    path: str
    format_version: int
    created_by: str
    classes: tuple[str, str]
    preprocessing: Preprocessing
    train: tuple[int, int]
    test: tuple[int, int]
    also_in_train: int
    digest: str

    @property
    def n_x(self) -> int:
        """The number of features."""
        return self.preprocessing.n_x


@dataclass(frozen=True)
class ModelInfo:
    """What a model holds, how it was trained, and with which result.

    Parameters
    ----------
    path
        Its file.
    format_version
        The version of the file's format; None for a weights-only model.
    classes, preprocessing
        Of its pictures; None for a weights-only model, which does not tell.
    n_x
        The number of features.
    w_norm
        The Euclidean norm of w.
    b
        The bias.
    training
        How it was trained; None where the file does not tell.
    recorded_costs
        How many costs of the train split were recorded.
    lowest_test_cost
        After how many iterations the test cost was lowest, of those recorded and the final one,
        and that cost in nats; None where there is none.
    """

    path: str
    format_version: int | None
    classes: tuple[str, str] | None
    preprocessing: Preprocessing | None
    n_x: int
    w_norm: float
    b: float
    training: TrainingRecord | None
    recorded_costs: int
    lowest_test_cost: tuple[int, float] | None

    @property
    def weights_only(self) -> bool:
        """Whether the file holds w and b alone."""
        return self.preprocessing is None

    @property
    def size(self) -> int:
        """Height and width of its pictures."""
        return size_of(self.n_x) if self.preprocessing is None else self.preprocessing.size

    @property
    def interrupted(self) -> bool | None:
        """Whether fewer iterations were made than asked for; None where the file does not tell."""
        training = self.training
        return None if training is None else training.iterations < training.settings.iterations


def info(
    path: str | os.PathLike[str], *, observer: Observer | None = None
) -> DatasetInfo | ModelInfo:
    """Tell what a dataset or a model holds and how it was made.

    A file is known by its content, not by its name, and read whole: damage is an error.

    Parameters
    ----------
    path
        The file.
    observer
        Receives the progress of reading the columns.

    Raises
    ------
    DatasetError, ModelError
        Where a dataset or a model is damaged, or of a newer catclf.
    CatclfError
        Where the file is missing, or is neither; the message says what it is, where that is known.
    """
    where = os.fspath(path)
    with open_regular(where, CatclfError) as file:
        found = kind_of_bytes(file.read(HEAD_BYTES))
        is_hdf5 = holds_signature(file)
    if found in (FileKind.MODEL, FileKind.ARRAYS):
        try:
            weights_only = is_weights_only(where)
            # The order permutes the weights only.
            model = load_model(where, order="planes" if weights_only else None)
        except ModelError as error:
            raise _named(error, where, MODEL_FILE, "an .npz of arrays") from error
        return _model_info(where, model)
    if is_hdf5:
        try:
            with open_dataset(where) as dataset:
                return _dataset_info(dataset, observer or Observer())
        except DatasetError as error:
            raise _named(error, where, DATASET_FILE, "an HDF5 file") from error
    raise READABLE.mismatch(found, where, CatclfError)


def _dataset_info(dataset: Dataset, observer: Observer) -> DatasetInfo:
    splits = (dataset.train, dataset.test)
    total, done = sum(split.m for split in splits), 0
    for split in splits:
        _ = split.names  # reading it tells damage
        if split.pixels is not split.columns:
            for _ in blocks_of_bytes(split.pixels, BLOCK_BYTES):
                pass
        for rows, _ in blocks_of_bytes(split.columns, BLOCK_BYTES):
            done += rows.stop - rows.start
            observer.progress(done, total)
    return DatasetInfo(
        path=dataset.path,
        format_version=DATASET_VERSION,
        created_by=dataset.created_by,
        classes=dataset.classes,
        preprocessing=dataset.preprocessing,
        train=_counts(dataset.train),
        test=_counts(dataset.test),
        also_in_train=dataset.test.also_in_train,
        digest=dataset.digest,
    )


def _counts(split: Split) -> tuple[int, int]:
    positives = int(np.count_nonzero(split.labels))
    return split.m - positives, positives


def _model_info(path: str, model: Model) -> ModelInfo:
    training = model.training
    _, test_costs = model.cost_curves()
    return ModelInfo(
        path=path,
        format_version=None if model.weights_only else MODEL_VERSION,
        classes=None if model.weights_only else model.classes,
        preprocessing=None if model.weights_only else model.preprocessing,
        n_x=model.w.size,
        w_norm=_norm(model.w),
        b=model.b,
        training=training,
        recorded_costs=len(model.costs),
        lowest_test_cost=min(test_costs.items(), key=lambda at: at[1], default=None),
    )


def _norm(w: Array) -> float:
    """Return the Euclidean norm, which is finite where w is, though its squares may not be."""
    largest = float(np.abs(w).max())
    return largest * float(np.linalg.norm(w / largest)) if largest else 0.0


def _named(error: CatclfError, path: str, kind: OutputKind, otherwise: str) -> CatclfError:
    """Return the error for a file that cannot be used, with what the file is."""
    name = kind.name if kind.recognizes(path) else otherwise
    return type(error)(error.what, error.where, f"The file is {name}. {error.fix or ''}".rstrip())

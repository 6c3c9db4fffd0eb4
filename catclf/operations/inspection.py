"""What `info` does: a dataset or a model, known by its content, tells what it holds."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass

import numpy as np

from catclf.columns import blocks, size_of
from catclf.dataset import DATASET_FILE, Dataset, Split, open_dataset
from catclf.dataset import FORMAT_VERSION as DATASET_VERSION
from catclf.errors import CatclfError, DatasetError, ModelError, printable
from catclf.logistic import Array
from catclf.model import FORMAT_VERSION as MODEL_VERSION
from catclf.model import MODEL_FILE, Model, is_weights_only, load_model
from catclf.observer import Observer
from catclf.operations.tuned_config import CONFIG_FILE
from catclf.pictures.formats import (
    GIF_SIGNATURE,
    JPEG_SIGNATURE,
    PNG_SIGNATURE,
    TIFF_SIGNATURE,
    WEBP_SIGNATURE,
)
from catclf.pictures.preprocessing import Preprocessing
from catclf.predictions import PREDICTIONS_FILE
from catclf.storage.files import is_lfs_pointer, open_regular
from catclf.storage.hdf5 import holds_signature, open_hdf5
from catclf.training_record import TrainingRecord

__all__ = ["DatasetInfo", "ModelInfo", "info"]

BLOCK_BYTES = 2**22  # read at once
HEAD_BYTES = 4096
ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")  # the second of an empty archive
ZIP_NAME_START = 30  # of the first member's name, whose length stands 4 bytes before
READS = "'catclf info' reads a dataset that catclf prepared, or a model (.npz)."
# BMP's and PPM's first bytes may begin a text too: those are not named.
PICTURE_SIGNATURES = (
    JPEG_SIGNATURE,
    PNG_SIGNATURE,
    WEBP_SIGNATURE,
    GIF_SIGNATURE,
    TIFF_SIGNATURE,
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
        head = file.read(HEAD_BYTES)
        is_hdf5 = holds_signature(file)
    if head.startswith(ZIP_SIGNATURES):
        try:
            weights_only = is_weights_only(where)
            # The order permutes the weights only.
            model = load_model(where, order="planes" if weights_only else None)
        except ModelError as error:
            raise _model_error(where, head, error) from error
        return _model_info(where, model)
    if is_hdf5:
        try:
            with open_dataset(where) as dataset:
                return _dataset_info(dataset, observer or Observer())
        except DatasetError as error:
            raise _dataset_error(where, error) from error
    raise _other_file(where, head)


def _dataset_info(dataset: Dataset, observer: Observer) -> DatasetInfo:
    splits = (dataset.train, dataset.test)
    total, done = sum(split.m for split in splits), 0
    rows = max(1, BLOCK_BYTES // dataset.preprocessing.n_x)
    for split in splits:
        _ = split.names  # reading it tells damage
        for block, _ in blocks(split.columns, rows):
            done += block.stop - block.start
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
    test_costs = dict(model.test_costs)
    if training is not None and training.test_cost is not None:
        test_costs[training.iterations] = training.test_cost
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


def _dataset_error(path: str, error: DatasetError) -> CatclfError:
    """Return the error for an HDF5 file that is no dataset that can be used."""
    if DATASET_FILE.recognizes(path):
        return _named(error, DATASET_FILE.name)
    try:
        with open_hdf5(path) as file:
            names = file.names()
    except DatasetError as damage:
        return _named(damage, "an HDF5 file")
    if {"train_set_x", "test_set_x", "list_classes"} & set(names):
        return DatasetError(
            "is an HDF5 file in the course's layout, not yet a dataset",
            path,
            f"Prepare it first: catclf prepare {printable(shlex.quote(path))}",
        )
    return DatasetError(f"is an HDF5 file, but not {DATASET_FILE.name}", path, READS)


def _model_error(path: str, head: bytes, error: ModelError) -> CatclfError:
    """Return the error for a zip archive that is no model that can be used."""
    if MODEL_FILE.recognizes(path):
        return _named(error, MODEL_FILE.name)
    length = int.from_bytes(head[ZIP_NAME_START - 4 : ZIP_NAME_START - 2], "little")
    first = head[ZIP_NAME_START : ZIP_NAME_START + length]
    # A name that is cut off may have been any.
    if head.startswith(ZIP_SIGNATURES[1]) or (len(first) == length and not first.endswith(b".npy")):
        return ModelError("is a zip archive, but not a model (.npz)", path, READS)
    return _named(error, "an .npz of numpy")


def _named(error: CatclfError, kind: str) -> CatclfError:
    """Return an error that also says what its file is."""
    return type(error)(error.what, error.where, f"The file is {kind}. {error.fix or ''}".rstrip())


def _other_file(path: str, head: bytes) -> CatclfError:
    """Return the error for a file that is neither a dataset nor a model."""
    if is_lfs_pointer(head):
        return CatclfError("a Git LFS pointer, not the file itself", path, "Run 'git lfs pull'.")
    if not head:
        found = "empty"
    elif head.startswith(b"\x93NUMPY"):
        found = "a single array (.npy)"
    elif any(re.match(signature, head, re.DOTALL) for signature in PICTURE_SIGNATURES):
        found = "a picture"
    else:
        kinds = (CONFIG_FILE, PREDICTIONS_FILE)
        found = next((kind.name for kind in kinds if kind.recognizes(path)), "")
    if not found:
        return CatclfError("is neither a dataset nor a model", path, READS)
    return CatclfError(f"is {found}, not a dataset or a model", path, READS)

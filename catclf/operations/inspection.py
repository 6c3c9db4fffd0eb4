"""What `info` does: a dataset or a model, known by its content, is read whole."""

from __future__ import annotations

from catclf.columns import blocks_of_bytes
from catclf.dataset import Dataset, open_dataset
from catclf.errors import AnyPath, CatclfError, ModelError
from catclf.files import HEAD_BYTES, ZIP_SIGNATURE, Expected, FileKind, kind_of_bytes
from catclf.model import Model
from catclf.model_file import MODEL, TRAIN_AGAIN, read_model
from catclf.observer import Observer

READ_BYTES = 2**22  # at once
READABLE = Expected(
    "a dataset or a model", "'catclf info' reads a dataset that catclf prepared, or a model (.npz)."
)


def info(path: AnyPath, *, observer: Observer | None = None) -> Dataset | Model:
    """Read a dataset or a model, all of it: damage is an error.

    A file is known by its content, not by its name.

    Parameters
    ----------
    path
        The file.
    observer
        Receives the progress of reading the columns.

    Returns
    -------
    Dataset or Model
        What the file holds. The columns of a dataset are to be read within `catclf.open_dataset`.
        The weights of a weights-only model are in the order in which they stand in the file.

    Raises
    ------
    DatasetError, ModelError
        Where a dataset or a model is damaged, or of a newer catclf.
    CatclfError
        Where the file is missing, or is neither; the message says what it is, where that is known.
    """
    with READABLE.open(path, CatclfError) as file:
        head = file.read(HEAD_BYTES)
    kind = kind_of_bytes(head)
    if kind is FileKind.DATASET:
        with open_dataset(path) as dataset:
            _read_all(dataset, observer or Observer())
            return dataset
    if not head.startswith(ZIP_SIGNATURE):
        raise READABLE.mismatch(head, path, CatclfError)
    try:
        return read_model(path)
    except ModelError as error:
        if kind is FileKind.MODEL:
            raise
        is_own = error.fix not in (MODEL.fix, TRAIN_AGAIN)  # of weights, which it tells to save
        fix = error.fix if is_own else READABLE.fix
        raise type(error)(error.what, error.where, fix) from error


def _read_all(dataset: Dataset, observer: Observer) -> None:
    splits = (dataset.train, dataset.test)
    total, done = sum(split.m for split in splits), 0
    for split in splits:
        _ = split.names
        if split.pixels is not split.columns:
            for _ in blocks_of_bytes(split.pixels, READ_BYTES):
                pass
        for rows, _ in blocks_of_bytes(split.columns, READ_BYTES):
            done += rows.stop - rows.start
            observer.progress(done, total)

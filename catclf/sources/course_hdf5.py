"""The course's HDF5 layout: train_set_x, train_set_y, test_set_x, test_set_y, list_classes."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from catclf.errors import DatasetError
from catclf.pictures.pixels import MAX_PIXELS
from catclf.sources.labeled import Labeled, Listing, StoredPicture
from catclf.splits import MAX_CLASS_BYTES, SplitName
from catclf.storage.hdf5 import HDF5File
from catclf.storage.hdf5_arrays import StoredArray

SPLITS: tuple[SplitName, ...] = ("train", "test")
MAX_CLASSES = 1000
# Memory is taken for each picture, and blank ones can be compressed to next to nothing: beyond so
# many, each must take so many bytes of the file.
MAX_UNCHECKED_PICTURES = 100_000
MIN_PICTURE_BYTES = 64


def list_course_file(file: HDF5File, held: Set[str]) -> Listing:
    """List the pictures of an open file.

    Parameters
    ----------
    file
        The file: it holds one split or both.
    held
        The names of the arrays in all the files given: labels without pictures are an error, unless
        the pictures stand in another file (which must hold their labels too).

    Raises
    ------
    DatasetError
        Where the file is not in the course's layout.
    """
    names = file.names()
    for split in SPLITS:
        if f"{split}_set_y" in names and f"{split}_set_x" not in held:
            raise DatasetError(
                f"holds {split}_set_y, but no {split}_set_x",
                file.where,
                f"Store the pictures as {split}_set_x, or remove their labels.",
            )
    splits = [split for split in SPLITS if f"{split}_set_x" in names]
    if not splits and {"train", "test"} <= set(names):
        raise DatasetError(
            "holds no pictures but columns: it is a prepared dataset",
            file.where,
            "Run 'catclf train' on it; the dataset to write is named with `output`.",
        )
    if not splits:
        raise DatasetError(
            "holds neither train_set_x nor test_set_x",
            file.where,
            "Name an HDF5 file in the course's layout, or a folder of class folders.",
        )
    classes = _class_names(file.array("list_classes"))
    pictures = []
    for split in splits:
        x, y = file.array(f"{split}_set_x"), file.array(f"{split}_set_y")
        _check_pixels(x)
        labels = _check_labels(y, x.shape[0], len(classes))
        pictures += [
            Labeled(f"{x.where}[{i}]", classes[label], split, StoredPicture(x, i))
            for i, label in enumerate(labels)
        ]
    return Listing(pictures, [])


def _class_names(stored: StoredArray) -> list[str]:
    if len(stored.shape) != 1 or not 2 <= stored.shape[0] <= MAX_CLASSES:
        raise DatasetError(
            f"must be a list of class names, got {_shape(stored)}",
            stored.where,
            f"Store 2 to {MAX_CLASSES} of them.",
        )
    # Some writers pad with spaces.
    names = [name.split("\0")[0].strip() for name in stored.texts(MAX_CLASS_BYTES)]
    if len(set(names)) < len(names) or "" in names:
        raise DatasetError(
            "class names must be distinct and not empty",
            stored.where,
            "Give each class a name of its own.",
        )
    return names


def _check_pixels(x: StoredArray) -> None:
    if len(x.shape) != 4 or x.shape[3] != 3 or 0 in x.shape:
        raise DatasetError(
            f"must be pictures of shape (m, height, width, 3), got {_shape(x)}",
            x.where,
            "Store RGB pictures, one a row.",
        )
    if x.dtype.kind == "f":
        raise DatasetError(
            "pixels must be whole numbers 0 to 255, got floating point",
            x.where,
            "If they lie in 0..1, multiply by 255, round, and store them as uint8.",
        )
    # Whole numbers of any size: their values are checked as each picture is read.
    if x.dtype.kind not in "iu":
        raise DatasetError(
            f"pixels must be whole numbers 0 to 255, got {x.dtype.name}",
            x.where,
            "Store them as uint8, 0 to 255.",
        )
    m, height, width, _ = x.shape
    most = MAX_PIXELS // x.dtype.itemsize
    if height * width > most:
        raise DatasetError(
            f"pictures of more than {most} pixels of {x.dtype.name}, {_shape(x)}",
            x.where,
            "Scale them down, and store them as uint8.",
        )
    if m > MAX_UNCHECKED_PICTURES and x.stored_bytes < MIN_PICTURE_BYTES * m:
        raise DatasetError(
            f"claims {m} pictures, stored in {x.stored_bytes} bytes",
            x.where,
            "Fetch or make the file again.",
        )


def _shape(array: StoredArray) -> str:
    return f"shape {array.shape}"[:80]  # there may be 32 lengths


def _check_labels(y: StoredArray, m: int, classes: int) -> list[int]:
    if y.shape not in ((m,), (1, m), (m, 1)):
        raise DatasetError(
            f"must be {m} labels, one a picture, got {_shape(y)}",
            y.where,
            "Store one label a picture.",
        )
    if y.dtype.kind not in "iufb":
        raise DatasetError(
            f"labels must be numbers, got {y.dtype.name}",
            y.where,
            "Store them as whole numbers, 0 for the first class.",
        )
    labels = y[:].reshape(-1)
    if not np.isin(labels, np.arange(classes)).all():
        raise DatasetError(
            f"labels must be whole numbers 0 to {classes - 1}",
            y.where,
            "Number the classes in the order of list_classes.",
        )
    return [int(label) for label in labels]

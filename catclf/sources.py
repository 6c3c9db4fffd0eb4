"""Where labeled pictures come from: class folders, a CSV, the course's HDF5 files.

A source is only listed here; its pictures are read later, one by one.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catclf.classes import MAX_CLASS_BYTES
from catclf.errors import DatasetError, PictureError
from catclf.pictures.folders import find_pictures, is_litter, subfolders
from catclf.pictures.formats import MAX_PIXELS
from catclf.pictures.pixels import fit_pixels
from catclf.pictures.preprocessing import Preprocessing
from catclf.pictures.reading import read_picture
from catclf.splits import SplitName
from catclf.storage.files import open_regular
from catclf.storage.hdf5 import StoredArray, open_hdf5

__all__ = ["Labeled", "Listing", "StoredPicture", "list_sources"]

# How people name the two splits.
SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train",
    "test": "test",
    "val": "test",
    "valid": "test",
}
MAX_CLASSES = 1000
# Memory is taken for each picture, and blank ones can be compressed to next to nothing: beyond so
# many, each must take so many bytes of the file.
MAX_UNCHECKED_PICTURES = 100_000
MIN_PICTURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """One picture of an (m, height, width, 3) array in an HDF5 file."""

    array: StoredArray
    index: int


@dataclass(frozen=True, slots=True)
class Labeled:
    """A picture and its class, not yet read.

    Parameters
    ----------
    name
        What messages and results call it: its path, or ``file:array[index]``.
    class_name
        Its class.
    split
        The split its source puts it in; None leaves that to `prepare`.
    pixels
        Where its pixels are: the path of a file, or a place in an HDF5 file.
    """

    name: str
    class_name: str
    split: SplitName | None
    pixels: str | StoredPicture

    def read(self, preprocessing: Preprocessing) -> NDArray[np.uint8]:
        """Return its pixels, (size, size, 3); PictureError where they cannot be read."""
        if isinstance(self.pixels, str):
            return read_picture(self.pixels, preprocessing)
        try:
            row = self.pixels.array[self.pixels.index]
        except DatasetError as error:
            raise PictureError(error.what, self.name, error.fix) from error
        return fit_pixels(row, preprocessing)


@dataclass(frozen=True)
class Listing:
    """What some sources hold: their labeled pictures, and the files that are none."""

    pictures: list[Labeled]
    skipped: list[str]


def list_sources(sources: Iterable[str | os.PathLike[str]], files: ExitStack) -> Listing:
    """List the pictures of all sources, in the order given.

    Parameters
    ----------
    sources
        Each a folder of class folders, a folder of ``train`` and ``test`` (or ``val``,
        ``valid``) folders of class folders, a CSV of ``file,label[,split]``, or an HDF5 file in
        the course's layout.
    files
        Keeps HDF5 files open until the pictures have been read.

    Raises
    ------
    DatasetError
        Where a source is missing or is none of these.
    """
    pictures: list[Labeled] = []
    skipped: list[str] = []
    for source in sources:
        path = os.fspath(source)
        if os.path.isdir(path):
            found = _list_folder(path)
        elif path.lower().endswith(".csv"):
            found = _list_csv(path)
        else:
            found = _list_hdf5(path, files)
        pictures += found.pictures
        skipped += found.skipped
    return Listing(pictures, skipped)


def _list_folder(folder: str) -> Listing:
    names = _subfolders(folder)
    splits = {name: SPLIT_FOLDERS[name.lower()] for name in names if name.lower() in SPLIT_FOLDERS}
    if "train" not in splits.values() or (len(names) > 1 and "test" not in splits.values()):
        splits = {}  # a class may be called 'train': the vehicle
    listing = Listing([], [])
    for name in splits or [""]:
        _list_classes(os.path.join(folder, name) if name else folder, splits.get(name), listing)
    if not listing.pictures:
        raise DatasetError(
            "holds no class folders with pictures",
            folder,
            "Make a folder for each class inside it, such as cat/ and noncat/.",
        )
    beside = [name for name in names if name not in splits] if splits else []
    listing.skipped.extend(os.path.join(folder, name) for name in beside)
    return listing


def _subfolders(folder: str) -> list[str]:
    try:
        return subfolders(folder)
    except OSError as error:
        raise DatasetError(
            f"cannot be opened ({error.strerror})", folder, "Let it be read: chmod +rx."
        ) from error


def _list_classes(folder: str, split: SplitName | None, listing: Listing) -> None:
    """Add the pictures of each class folder in `folder`, and what stands beside the folders."""
    for name in _subfolders(folder):
        pictures, skipped = find_pictures(os.path.join(folder, name))
        listing.pictures.extend(Labeled(path, name, split, path) for path in pictures)
        listing.skipped.extend(skipped)
        if not pictures:
            raise DatasetError(
                "a class folder without pictures",
                os.path.join(folder, name),
                "Put pictures into it, or remove it.",
            )
    with os.scandir(folder) as entries:
        files = sorted(entry.path for entry in entries if not is_litter(entry.name))
    listing.skipped.extend(path for path in files if not os.path.isdir(path))


def _list_csv(path: str) -> Listing:
    folder = os.path.dirname(path)
    pictures = []
    try:
        with (
            open_regular(path, DatasetError) as stored,
            TextIOWrapper(stored, encoding="utf-8-sig", newline="") as file,
        ):
            for number, (name, class_name, split) in _csv_rows(csv.reader(file, strict=True), path):
                if split and split.lower() not in SPLIT_FOLDERS:
                    raise DatasetError(
                        f"unknown split {split!r}", f"{path}:{number}", "Write train or test."
                    )
                picture = os.path.join(folder, name)
                pictures.append(
                    Labeled(
                        picture,
                        class_name,
                        SPLIT_FOLDERS[split.lower()] if split else None,
                        picture,
                    )
                )
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(
            f"is not a CSV file in UTF-8 ({error})", path, "Save it as CSV, in UTF-8."
        ) from error
    if not pictures:
        raise DatasetError("lists no pictures", path, "Write one 'file,label' line a picture.")
    return Listing(pictures, [])


def _csv_rows(rows: Any, path: str) -> Iterable[tuple[int, tuple[str, str, str]]]:
    """Yield (line, (file, label, split)); the first line names the columns."""
    header = [name.strip().lower() for name in next(rows, [])]
    if not {"file", "label"} <= set(header) or len(set(header)) < len(header):
        raise DatasetError(
            "its first line does not name the columns, each once",
            path,
            "Begin it with file,label or file,label,split.",
        )
    for row in rows:
        if not row:
            continue
        cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
        if (
            not cells.get("file")
            or not cells.get("label")
            or len(row) > len(header)
            or any("\0" in cell for cell in row)
        ):
            raise DatasetError(
                "is not a line of " + ",".join(header), f"{path}:{rows.line_num}", "Fix the line."
            )
        yield rows.line_num, (cells["file"], cells["label"], cells.get("split", ""))


def _list_hdf5(path: str, files: ExitStack) -> Listing:
    """List the course's layout: train_set_x, train_set_y, test_set_x, test_set_y, list_classes."""
    file = files.enter_context(open_hdf5(path))
    names = file.names()
    splits: list[SplitName] = [split for split in ("train", "test") if f"{split}_set_x" in names]
    if not splits:
        raise DatasetError(
            "holds neither train_set_x nor test_set_x",
            path,
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
    if x.dtype != np.uint8:
        raise DatasetError(
            f"pixels must be uint8, got {x.dtype.name}", x.where, "Store them as uint8, 0 to 255."
        )
    m, height, width, _ = x.shape
    if height * width > MAX_PIXELS:
        raise DatasetError(
            f"pictures of more than {MAX_PIXELS} pixels, {_shape(x)}", x.where, "Scale them down."
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

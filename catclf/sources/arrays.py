"""What named arrays are: which hold pictures, which their labels, and of which split.

The arrays of an .npz or of an HDF5 file belong together, and so do those of all files with a single
one, as an .npy is. They are told apart by their names where these have a usual word (X_train and
y_test, train_images and train_labels, or the course's train_set_x, train_set_y and list_classes),
else, of two, by their shapes. What may mean two things is refused, and what is left over is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from catclf.errors import DatasetError, name_some, printable
from catclf.files import HEAD_BYTES, Expected, FileKind, kind_of_bytes
from catclf.observer import Observer
from catclf.sources.entries import Array, ArrayPicture, class_names, labels_of, pictures_of
from catclf.sources.labeled import Labeled, Listing
from catclf.sources.names import NamedSplit, split_like, words
from catclf.sources.numpy_files import open_numpy_file

_PICTURES = {
    "x", "data", "image", "images", "img", "imgs", "input", "inputs", "photos", "pictures",
    "pixels",
}  # fmt: skip
_LABELS = {"y", "class", "label", "labels", "target", "targets"}
_PARTNERS = {"x": "y", "images": "labels", "image": "label", "data": "target"}
_PARTNERS |= {labels: pictures for pictures, labels in _PARTNERS.items()}
_SPLITS: tuple[NamedSplit | None, ...] = (None, "train", "test", "validation")
LISTED_ARRAYS = 5  # in a message
NAME_THEM = "Name the arrays X_train, y_train, X_test and y_test, or X and y."


class ArrayFile(Protocol):
    """Arrays that stand together: a file, or what a caller has in memory."""

    @property
    def where(self) -> str:
        """What messages call it."""

    def names(self) -> list[str]:
        """Return the names of its arrays."""

    def shape(self, name: str, /) -> tuple[int, ...]:
        """Return the shape of the array of a name."""

    def array(self, name: str, /) -> Array:
        """Return the array of a name; DatasetError where it is not to be read."""


@dataclass(frozen=True)
class _Named:
    """An array that is not yet opened, and what its name says."""

    file: ArrayFile
    key: str
    called: str
    role: Literal["pictures", "labels", "classes"] | None
    split: NamedSplit | None
    rest: frozenset[str]  # what its name says besides


_Pair = tuple[_Named, _Named, list[str] | None]  # pictures, their labels, and names of classes


def list_array_files(
    files: Mapping[str, Expected], opened: ExitStack, observer: Observer
) -> dict[str, Listing]:
    """List the pictures of files, by their paths; they stay open as long as `opened` does.

    DatasetError where one is missing, of another kind, or damaged, and where it is not clear which
    arrays are pictures and which their labels, or what either mean.
    """
    held = {path: _open(path, expected, opened) for path, expected in files.items()}
    return _list(held, observer)


def _list(held: Mapping[str, ArrayFile], observer: Observer) -> dict[str, Listing]:
    """List the pictures of open files, by their paths."""
    names = {path: file.names() for path, file in held.items()}
    pools: list[list[_Named]] = []
    alone: list[_Named] = []
    for path, file in held.items():
        if not names[path]:
            raise DatasetError("holds no arrays", path, NAME_THEM)
        if len(names[path]) > 1:
            pools.append([_name(file, key, key) for key in names[path]])
        else:
            (key,) = names[path]
            called = key if "/" in key else ":".join(filter(None, (Path(path).stem, key)))
            alone.append(_name(file, key, called))
    pools += [alone] if alone else []
    elsewhere = {each.split for pool in pools for each in pool if each.role == "pictures"}
    pairs = [pair for pool in pools for pair in _pairs(pool, elsewhere, observer)]
    # One list of class names in several files of a dataset is the list of all.
    lists = {tuple(classes) for *_, classes in pairs if classes}
    common = list(lists.pop()) if len(lists) == 1 else None
    listed: dict[str, list[Labeled]] = {path: [] for path in held}
    for x, y, classes in pairs:
        pictures = pictures_of(x.file.array(x.key), observer)
        m = pictures.array.shape[0]
        labels = labels_of(y.file.array(y.key), m, classes or common)
        for i, label in enumerate(labels):
            picture = ArrayPicture(pictures, i)
            listed[x.file.where].append(Labeled(picture.name, label, x.split, picture))
    named = {each.class_name for found in listed.values() for each in found}
    numbers = sorted(named, key=int) if all(map(str.isdecimal, named)) else []  # 2 before 10
    order = tuple(common or numbers)
    return {path: Listing(found, [], order) for path, found in listed.items()}


def _open(path: str, expected: Expected, opened: ExitStack) -> ArrayFile:
    with expected.open(path, DatasetError) as file:
        kind = kind_of_bytes(file.read(HEAD_BYTES))
    if kind is FileKind.ARRAYS:
        return opened.enter_context(open_numpy_file(path, expected))
    # h5py takes a tenth of a second to import, which other sources need not wait for.
    from catclf.sources.hdf5 import open_hdf5

    return opened.enter_context(open_hdf5(path, expected))


def _name(file: ArrayFile, key: str, called: str) -> _Named:
    called = re.sub(r"(?<![^\W_])([XxYy])(?=(?i:train|test|val))", r"\1_", called)  # Xtrain
    like = split_like(called)
    said = set(like.rest if like else words(called))
    role: Literal["pictures", "labels", "classes"] | None = None
    if not like and ("classes" in said or ("names" in said and said & _LABELS)):
        role = "classes"
    elif said & _LABELS or "classes" in said:
        role = "labels"
    elif said & _PICTURES or like:
        role = "pictures"
    rest = frozenset(said - _PICTURES - _LABELS - {"classes"})
    return _Named(file, key, called, role, like.split if like else None, rest)


def _pairs(
    pool: Sequence[_Named], elsewhere: set[NamedSplit | None], observer: Observer
) -> list[_Pair]:
    """Return which pictures and labels belong together, of the arrays that stand together.

    Labels without pictures are an error, unless pictures of their split stand `elsewhere` too.
    """
    path = pool[0].file.where
    paired = _told_by_shapes(pool, observer)
    paired = paired or [each for each in pool if each.role in ("pictures", "labels")]
    # X_train_scaled is not X_train, but all may be called mnist_.
    rests = {each.rest for each in paired if each.role == "pictures"}
    rests &= {each.rest for each in paired if each.role == "labels"}
    rests = rests & {frozenset()} or rests or {each.rest for each in paired}
    if len(rests) != 1:
        raise _unclear(pool, path)
    paired = [each for each in paired if each.rest in rests]
    lists = [each for each in pool if each.role == "classes"]
    classes = class_names(lists[0].file.array(lists[0].key)) if len(lists) == 1 else None
    splits = sorted({each.split for each in paired}, key=_SPLITS.index)
    if {None, "train"} <= set(splits) or len(lists) > 1:
        raise _unclear(pool, path)
    pairs: list[_Pair] = []
    for split in splits:
        both = [each for each in paired if each.split == split]
        pictures = [each for each in both if each.role == "pictures"]
        labels = [each for each in both if each.role == "labels"]
        if len(pictures) > 1 or len(labels) > 1:
            raise _unclear(both, path)
        if pictures and labels:
            # Beside a test split, what is none is what that is the test of.
            named = split or ("train" if len(splits) > 1 else None)
            pairs.append((replace(pictures[0], split=named), labels[0], classes))
        elif pictures or split not in elsewhere:
            # What a split lacks is known by its name, but where another array may be that.
            is_known = split and (len(splits) > 1 or all(each.role for each in pool))
            raise _unpaired(both[0], path) if is_known else _unclear(pool, path)
    used = {each.called for pair in pairs for each in pair[:2]}
    unused = [each.called for each in pool if each.called not in used and each.role != "classes"]
    if unused:
        observer.note(f"{printable(path)}: not used: {name_some(unused)}")
    return pairs


def _told_by_shapes(pool: Sequence[_Named], observer: Observer) -> list[_Named]:
    """Return pictures and labels, of two arrays that names do not tell: labels have fewer axes."""
    others = [each for each in pool if each.role != "classes"]
    if len(others) != 2 or all(each.role for each in others):
        return []
    axes = [sum(length > 1 for length in each.file.shape(each.key)) for each in others]
    if axes[0] == axes[1]:
        return []
    x, y = others if axes[0] > axes[1] else others[::-1]
    if x.role == "labels" or y.role == "pictures":
        return []
    names = f"the pictures are {printable(x.called)}, the labels {printable(y.called)}"
    observer.note(f"{printable(x.file.where)}: by their shapes, {names}")
    split = x.split or y.split
    return [
        replace(x, role="pictures", split=split, rest=frozenset()),
        replace(y, role="labels", split=split, rest=frozenset()),
    ]


def _unpaired(found: _Named, path: str) -> DatasetError:
    """Return the error for pictures without labels, or labels without pictures."""
    kind = "labels" if found.role == "pictures" else "pictures"
    other = re.sub(r"[^\W\d_]+", lambda word: _PARTNERS.get(word[0].lower(), word[0]), found.called)
    other = f"{found.called}_{kind}" if other == found.called else other
    fix = f"Store the {kind} as {printable(other)}"
    fix += "." if kind == "labels" else ", or remove their labels."
    return DatasetError(f"holds {printable(found.called)}, but no {printable(other)}", path, fix)


def _unclear(pool: Sequence[_Named], path: str) -> DatasetError:
    """Return the error for arrays of which it is not clear what they are."""
    listed = []
    for each in pool[:LISTED_ARRAYS]:
        try:
            shape = str(each.file.shape(each.key))
        except DatasetError:  # of what is not read here
            if len(pool) == 1:
                raise
            shape = "?"
        listed.append(f"{printable(each.called):.30} {shape:.40}")
    listed += ["..."] if len(pool) > len(listed) else []
    what = f"it is unclear which array is the pictures and which the labels: {', '.join(listed)}"
    fix = NAME_THEM
    if len(pool) == 1:
        what = f"holds only one array: {listed[0]}"
        others = "pictures" if pool[0].role == "labels" else "labels"
        fix = NAME_THEM if pool[0].key else f"Name the file of the {others} as well."
    return DatasetError(what, path, fix)


# ------------------------------------------------------------------------------ from Python


@dataclass(frozen=True)
class MemoryArray:
    """An array that a caller has in memory."""

    array: NDArray[Any]
    where: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its entries."""
        return self.array.dtype

    @property
    def stored_bytes(self) -> int:
        """The number of bytes that it takes."""
        return self.array.nbytes

    @property
    def identity(self) -> str:
        """What it is called: there is no other of the name."""
        return self.where

    def __getitem__(self, row: int | slice) -> NDArray[Any]:
        """Return one row, or some."""
        rows: NDArray[Any] = self.array[row]
        return rows


@dataclass(frozen=True)
class MemoryArrays:
    """Arrays in memory, by their names, as a file has them."""

    arrays: Mapping[str, NDArray[Any]]
    where: str = "arrays"

    def names(self) -> list[str]:
        """Return their names."""
        return list(self.arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array."""
        return self.arrays[name].shape

    def array(self, name: str) -> MemoryArray:
        """Return the array of a name."""
        return MemoryArray(self.arrays[name], name)


def list_arrays(arrays: Mapping[str, Any], observer: Observer) -> Listing:
    """List the pictures of arrays by their names, as those of an .npz; ValueError where unclear."""
    held = {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in held.items():
        if array.dtype == object and all(isinstance(each, str) for each in array.flat):
            held[name] = array.astype(str)  # as pandas has strings
    try:
        return _list({"arrays": MemoryArrays(held)}, observer)["arrays"]
    except DatasetError as error:
        raise ValueError(str(error)) from None

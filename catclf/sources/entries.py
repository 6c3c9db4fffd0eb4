"""What the entries of an array mean: pixels, labels, or names of classes.

All that can be known is read, and nothing is guessed: where entries may mean two things, the error
says what was found.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from catclf.classes import MAX_CLASS_BYTES, MAX_CLASSES
from catclf.errors import DatasetError, PictureError, printable
from catclf.observer import Observer
from catclf.sources.names import class_name, is_missing

MAX_PIXELS = 50_000_000  # of a picture, all of which are held at once
MAX_PIXEL_VALUE = 255
DARK_PIXEL = 64  # where all are below, they may be counted to 1 or 16 as well as to 255
BLOCK_BYTES = 2**22  # read at once
# Memory is taken for each picture, and blank ones can be compressed to next to nothing: beyond so
# many, each must take so many bytes of the file.
MAX_UNCHECKED_PICTURES = 100_000
MIN_PICTURE_BYTES = 64
FETCH_AGAIN = "Fetch or make the file again."


class Array(Protocol):
    """An array, in a file or in memory; indexing it reads one row, or some."""

    @property
    def where(self) -> str:
        """What messages call it."""

    @property
    def identity(self) -> str:
        """What is the same for one array, by whatever path its file is named."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its entries."""

    @property
    def stored_bytes(self) -> int:
        """The number of bytes that it takes, compressed where it is."""

    def __getitem__(self, row: int | slice, /) -> NDArray[Any]:
        """Read one row, or some; DatasetError where it is damaged."""


@dataclass(frozen=True)
class Pictures:
    """An array of pictures, and how a row of it becomes pixels."""

    array: Array
    height: int
    width: int
    colors_first: bool
    scale: int = 1

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Return one picture (height, width, 3) of numbers of any type."""
        row = self.array[index]
        if self.colors_first:
            row = np.moveaxis(row, 0, -1)
        if row.dtype.kind == "f":
            row = np.rint(row.astype(np.result_type(row, np.float32)) * self.scale)
        shape = self.height, self.width
        return np.broadcast_to(row.reshape(*shape, -1), (*shape, 3))


@dataclass(frozen=True, slots=True)
class ArrayPicture:
    """One picture of an array."""

    pictures: Pictures
    index: int

    @property
    def name(self) -> str:
        """What messages and results call it."""
        return f"{self.pictures.array.where}[{self.index}]"

    @property
    def identity(self) -> str:
        """What is the same for one picture, by whatever path its file is named."""
        return f"{self.pictures.array.identity}[{self.index}]"

    def read(self) -> NDArray[np.uint8]:
        """Return its pixels, (height, width, 3).

        PictureError where they are damaged. Where they are not from 0 to 255 those of the others,
        even where they happen to lie there, mean something else too: a DatasetError.
        """
        try:
            pixels = self.pictures[self.index]
        except DatasetError as error:
            raise PictureError(error.what, self.name, error.fix) from error
        if not (pixels.min() >= 0 and pixels.max() <= MAX_PIXEL_VALUE):
            raise DatasetError(
                f"its pixels are not whole numbers from 0 to {MAX_PIXEL_VALUE}, but from "
                f"{pixels.min()} to {pixels.max()}",
                self.name,
                "Scale the pixels of all pictures to 0 to 255, and store them as uint8.",
            )
        return pixels.astype(np.uint8, copy=False)


def pictures_of(x: Array, observer: Observer) -> Pictures:
    """Return an array as pictures; DatasetError where its shape or its values may mean others."""
    m, *row = x.shape or (0,)
    claimed = min(MIN_PICTURE_BYTES, math.prod(row) * x.dtype.itemsize) * m
    what = f"claims {m} pictures, but stores {x.stored_bytes} bytes"
    _require(m <= MAX_UNCHECKED_PICTURES or x.stored_bytes >= claimed, what, x.where, FETCH_AGAIN)
    layout = _layout(row)
    if layout is None or 0 in x.shape:
        raise _no_pictures(x, row)
    height, width, _ = layout
    what, fix = f"pixels must be numbers, got {x.dtype.name}", "Store them as uint8, 0 to 255."
    _require(x.dtype.kind in "iuf", what, x.where, fix)
    most = MAX_PIXELS // x.dtype.itemsize
    what = f"pictures have more than {most} pixels of {x.dtype.name}, {_shape(x)}"
    fix = "Scale them down, and store them as uint8."
    _require(height * width <= most, what, x.where, fix)
    if len(row) == 1:
        observer.note(f"{printable(x.where)}: each row is a gray picture of {height}x{width}")
    if x.dtype.kind == "f":
        return Pictures(x, *layout, _scale(x, observer))
    # Whole numbers of any size: their values are checked as each picture is read.
    _check_brightness(x, observer)
    return Pictures(x, *layout)


def _check_brightness(x: Array, observer: Observer) -> None:
    """Warn where the first of whole-number pixels are dark; DatasetError where all are 0 and 1."""
    low, high = 0, -1
    with suppress(DatasetError):  # a picture that is damaged is told when it is read
        for block in _blocks(x):
            low, high = min(low, block.min()), max(high, block.max())
            if high > 1:
                break
    fix = "Multiply them by 255, and store them as uint8."
    _require(low < 0 or high != 1, "all pixels are 0 or 1", x.where, fix)
    if 0 <= high < DARK_PIXEL:
        observer.warning(
            f"{printable(x.where)}: the first pictures are dark, with pixels from 0 to {high}\n"
            f"If {high} means white, scale the pixels to 0 to 255."
        )


def _no_pictures(x: Array, row: Sequence[int]) -> DatasetError:
    """Return the error for an array whose shape is none of pictures, or of two kinds."""
    what = f"must be pictures of shape (m, height, width, 3), got {_shape(x)}"
    if x.shape and x.shape[0] == 0:
        what, fix = f"holds no pictures: {_shape(x)}", "Store at least one of each class."
    elif len(row) == 3 and {row[0], row[2]} <= {1, 3}:
        what, fix = (
            f"axis 1 or axis 3 may be the colors: {_shape(x)}",
            "Pad the pictures: height and width must not be 1 or 3.",
        )
    elif len(row) == 1 and row[0] % 3 == 0 and (found := _layout([row[0] // 3])):
        side = found[0]
        what = f"rows of {row[0]} numbers may be ordered by color or by pixel"
        fix = (
            f"Store X.reshape(-1, 3, {side}, {side}) if a row begins with all values of red, "
            f"X.reshape(-1, {side}, {side}, 3) if it begins with the three colors of a pixel."
        )
    else:
        fix = "Store one RGB picture in each row."
    return DatasetError(what, x.where, fix)


def _layout(row: Sequence[int]) -> tuple[int, int, bool] | None:
    """Return the height and width of the picture in a row, and whether its colors come first.

    None where the row's shape is none of a picture, or of two kinds.
    """
    match list(row):
        case [length] if length > 1 and math.isqrt(length) ** 2 == length:
            return math.isqrt(length), math.isqrt(length), False
        case [height, width] if not {1, 3} & {height, width}:  # else flat, in colors
            return height, width, False
        case [height, width, 1 | 3] if height not in (1, 3):
            return height, width, False
        case [1 | 3, height, width] if width not in (1, 3):
            return height, width, True
    return None


def _scale(x: Array, observer: Observer) -> int:
    """Return by what floating-point pixels are multiplied; DatasetError where that is not known."""
    with np.errstate(invalid="ignore"):  # numpy warns of some nan
        ranges = [(b.min(), b.max(), not np.any(b != np.floor(b))) for b in _blocks(x)]
    lows, highs, whole = zip(*ranges, strict=True)
    low, high = np.min(lows), np.max(highs)  # of which each is nan where one is
    if low >= 0 and high <= 1:
        observer.note(
            f"{printable(x.where)}: pixels are from 0 to 1: multiplied by 255 and rounded"
        )
        return MAX_PIXEL_VALUE
    if low >= 0 and DARK_PIXEL <= high <= MAX_PIXEL_VALUE and all(whole):
        return 1
    what = "pixels must be whole numbers from 0 to 255, or lie between 0 and 1, got"
    fix = "Scale them to 0 to 255, round, and store them as uint8."
    raise DatasetError(f"{what} {x.dtype.name} from {low:.4g} to {high:.4g}", x.where, fix)


def class_names(stored: Array) -> list[str]:
    """Return names of classes: strings, or whole numbers."""
    where, shape = stored.where, stored.shape
    what = f"must be a list of class names, got {_shape(stored)}"
    is_list = len(shape) == 1 and 2 <= shape[0] <= MAX_CLASSES
    _require(is_list, what, where, f"Store 2 to {MAX_CLASSES} of them.")
    if stored.dtype.kind in "iuf" and _are_whole(numbers := stored[:]).all():
        names = [str(int(number)) for number in numbers]
    else:
        names = _texts(stored)
    is_each_another = len(set(names)) == len(names) and "" not in names
    what = "class names must be distinct and not empty"
    _require(is_each_another, what, where, "Give each class a name of its own.")
    return names


def labels_of(y: Array, m: int, classes: Sequence[str] | None) -> list[str]:
    """Return the names of the classes of m pictures; a class without a name is called by number."""
    kind, shape = y.dtype.kind, y.shape
    is_list = m in shape and math.prod(shape) == m
    is_one_hot = len(shape) == 2 and shape[0] == m and shape[1] <= MAX_CLASSES and kind in "iufb"
    what = f"must be {m} labels, one for each picture, got {_shape(y)}"
    _require(is_list or is_one_hot, what, y.where, "Store one label for each picture.")
    if kind not in "iufb":
        names = _texts(y)
        for i, name in enumerate(names):
            is_class = name in classes if classes else not is_missing(name)
            _require(
                is_class, f"label {i} is {name!r:.40}, which is no class", y.where, "Correct it."
            )
        return names
    if kind == "b" and is_list:
        classes = classes or ("False", "True")
    read = [b.reshape(-1) if is_list else _places_of_ones(b, y.where) for b in _blocks(y)]
    numbers = np.concatenate(read)
    are_known = _are_whole(numbers) & (numbers < (len(classes) if classes else math.inf))
    if not are_known.all():
        first = int(np.argmin(are_known))
        most = f"from 0 to {len(classes) - 1}" if classes else "from 0 on"
        what = f"labels must be whole numbers {most}, got {numbers[first]} at index {first}"
        raise DatasetError(
            what, y.where, "Number the classes from 0 on, in the order of their names."
        )
    return [classes[int(number)] if classes else str(int(number)) for number in numbers]


def _places_of_ones(rows: NDArray[Any], where: str) -> NDArray[Any]:
    """Return the labels that are one-hot, one a row."""
    ones = rows == 1
    are_one_hot = (ones | (rows == 0)).all(axis=1) & (ones.sum(axis=1) == 1)
    if not are_one_hot.all():
        wrong = rows[int(np.argmin(are_one_hot))].tolist()
        what = f"each row must hold a single 1 and zeros, got {wrong}"
        raise DatasetError(what[:150], where, "Store one label for each picture.")
    return np.asarray(ones.argmax(axis=1))


def _are_whole(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell of each whether it is a whole number from 0 on."""
    with np.errstate(invalid="ignore"):  # numpy warns of some nan
        return np.asarray(
            np.isfinite(numbers)
            & (numbers >= 0)
            & ((numbers.dtype.kind != "f") | (numbers == np.floor(numbers)))
        )


def _texts(stored: Array) -> list[str]:
    """Return strings as names of classes; some writers pad them, with spaces or with zeros."""
    most = {"S": MAX_CLASS_BYTES, "U": 4 * MAX_CLASS_BYTES}.get(stored.dtype.kind, 0)
    what = f"must be strings of 1 to {MAX_CLASS_BYTES} bytes, or whole numbers, got"
    fix = "Store strings as np.array(names, dtype='S')."
    _require(stored.dtype.itemsize <= most, f"{what} {stored.dtype.name}"[:150], stored.where, fix)
    texts: list[str] = []
    for block in _blocks(stored):
        if block.dtype.kind == "U":
            codes = np.ascontiguousarray(block).view(block.dtype.byteorder + "u4")
            damaged = bool(codes.max() > sys.maxunicode)
            _require(not damaged, "damaged: holds no text", stored.where, FETCH_AGAIN)
            block = np.char.encode(block, "utf-8", "replace")
        for text in block.reshape(-1).tolist():
            texts.append(class_name(text.decode("utf-8", "replace").split("\0")[0]))
    return texts


def _blocks(array: Array) -> Iterator[NDArray[Any]]:
    """Read an array some rows at a time."""
    rows = 1 + BLOCK_BYTES // (1 + math.prod(array.shape[1:]) * array.dtype.itemsize)
    for start in range(0, array.shape[0], rows):
        yield array[start : start + rows]


def _require(holds: bool, what: str, where: str, fix: str) -> None:
    if not holds:
        raise DatasetError(what, where, fix)


def _shape(array: Array) -> str:
    return f"shape {array.shape}"[:80]  # there may be 32 lengths

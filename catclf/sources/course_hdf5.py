"""The course's HDF5 files: train_set_x, train_set_y, test_set_x, test_set_y, list_classes.

h5py reads them, once it is known that all their bytes stand in the file. Reading one never opens
another: links, external and virtual data are refused. Of what h5py can decompress, gzip alone is
read, in chunks of a bounded size, since it loads plug-ins for others.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf.errors import DatasetError, PictureError
from catclf.files import HEAD_BYTES, Expected
from catclf.pictures.pixels import MAX_PIXELS
from catclf.sources.labeled import Labeled, Listing
from catclf.splits import MAX_CLASS_BYTES, SplitName

SPLITS: tuple[SplitName, ...] = ("train", "test")
MAX_CLASSES = 1000
MAX_PIXEL_VALUE = 255
MAX_CHUNK_BYTES = 64 * 2**20
# Memory is taken for each picture, and blank ones can be compressed to next to nothing: beyond so
# many, each must take so many bytes of the file.
MAX_UNCHECKED_PICTURES = 100_000
MIN_PICTURE_BYTES = 64
FETCH_AGAIN = "Fetch or make the file again."
WRITE_AGAIN = "Write it again: create_dataset(name, data=...) of h5py, strings with dtype='S'."
# What h5py raises on damaged files.
H5PY_ERRORS = (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError)


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Raise what h5py raises on a damaged file as a DatasetError."""
    try:
        yield
    except DatasetError:
        raise
    except (*H5PY_ERRORS, ArithmeticError, MemoryError, zlib.error) as error:
        cut = "truncated file" in str(error)
        what = "damaged: cut short" if cut else "damaged: its contents cannot be read"
        raise DatasetError(what, where, FETCH_AGAIN) from error


@dataclass(frozen=True)
class HDF5Array:
    """An array in an HDF5 file, whose bytes all stand in it; indexing it reads them."""

    dataset: Any  # h5py.Dataset: h5py has no types
    where: str
    checked: set[tuple[int, ...]] = field(default_factory=set, compare=False)  # chunks, by place

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.dataset.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its entries."""
        dtype: np.dtype[Any] = self.dataset.dtype
        return dtype

    @property
    def stored_bytes(self) -> int:
        """The number of bytes that it takes in the file, compressed where it is."""
        return int(self.dataset.id.get_storage_size())

    @property
    def identity(self) -> str:
        """What is the same for one array, by whatever path its file is named."""
        path = os.path.normcase(os.path.realpath(self.dataset.file.filename))
        return f"{path}:{self.dataset.name}"

    def __getitem__(self, row: int | slice) -> NDArray[Any]:
        """Read one row, or all; DatasetError where it is damaged."""
        with _translated(self.where):
            if self.dataset.chunks:
                self._check_chunks(row)
            values: NDArray[Any] = self.dataset[row]
            return values

    def _check_chunks(self, row: int | slice) -> None:
        """Raise ValueError where a chunk of a row is too short: h5py returns any memory then."""
        size = math.prod(self.dataset.chunks) * self.dataset.dtype.itemsize
        rows = row if isinstance(row, slice) else slice(row, row + 1)
        for chunk in self.dataset.iter_chunks((rows, *[slice(None)] * (len(self.shape) - 1))):
            places = zip(chunk, self.dataset.chunks, strict=True)
            first = tuple(place.start // n * n for place, n in places)
            if first in self.checked:
                continue
            # h5py takes memory for what a chunk should be, and HDF5 fills it with what it claims.
            claimed = self.dataset.id.get_chunk_info_by_coord(first).size
            if claimed > MAX_CHUNK_BYTES or (claimed != size and not self.dataset.compression):
                raise ValueError("a chunk of a wrong size")
            skipped, stored = self.dataset.id.read_direct_chunk(first)
            if self.dataset.compression and not skipped:
                stored = zlib.decompressobj().decompress(stored, size + 1)
            if len(stored) != size:
                raise ValueError("a chunk of a wrong size")
            self.checked.add(first)


@dataclass(frozen=True, slots=True)
class HDF5Picture:
    """One picture of an (m, height, width, 3) array."""

    array: HDF5Array
    index: int

    @property
    def name(self) -> str:
        """What messages and results call it."""
        return f"{self.array.where}[{self.index}]"

    @property
    def identity(self) -> str:
        """What is the same for one picture, by whatever path its file is named."""
        return f"{self.array.identity}[{self.index}]"

    def read(self) -> NDArray[np.uint8]:
        """Return its pixels, (height, width, 3).

        PictureError where they are damaged. Where they are not from 0 to 255 those of the others,
        even where they happen to lie there, mean something else too: a DatasetError.
        """
        try:
            pixels = self.array[self.index]
        except DatasetError as error:
            raise PictureError(error.what, self.name, error.fix) from error
        if pixels.min() < 0 or pixels.max() > MAX_PIXEL_VALUE:
            raise DatasetError(
                f"its pixels are not whole numbers from 0 to {MAX_PIXEL_VALUE}, but from "
                f"{pixels.min()} to {pixels.max()}",
                self.name,
                "Scale the pixels of all pictures to 0 to 255, and store them as uint8.",
            )
        return pixels.astype(np.uint8, copy=False)


@dataclass(frozen=True)
class HDF5File:
    """An open HDF5 file, as `open_hdf5` yields it."""

    file: Any  # h5py.File
    where: str

    def names(self) -> list[str]:
        """Return the names of what stands at the root."""
        with _translated(self.where):
            return list(self.file)

    def array(self, name: str) -> HDF5Array:
        """Return the array of a name at the root; DatasetError where it is not to be read."""
        where = f"{self.where}:{name}"
        with _translated(where):
            links, found = self.file.id.links, None
            if not links.exists(name.encode()):
                raise DatasetError(f"holds no {name}", self.where, FETCH_AGAIN)
            if links.get_info(name.encode()).type == h5py.h5l.TYPE_HARD:
                found = self.file[name]
            # Before all else: asking a virtual array for its shape opens other files.
            if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
                raise DatasetError("is not an array that stands in this file", where, WRITE_AGAIN)
            plist = found.id.get_create_plist()
            filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
            chunk_bytes = math.prod(found.chunks or ()) * found.dtype.itemsize
            if (
                found.shape is None
                or filters not in ([], [h5py.h5z.FILTER_DEFLATE])
                or (found.chunks and chunk_bytes > MAX_CHUNK_BYTES)
                or found.dtype.hasobject
                or found.id.get_type().get_size() != found.dtype.itemsize
            ):
                raise DatasetError("is stored in a way that is not read here", where, WRITE_AGAIN)
            if found.chunks:
                lengths = zip(found.shape, found.chunks, strict=True)
                declared = math.prod(-(-length // chunk) for length, chunk in lengths)
                whole = found.id.get_num_chunks() == declared
            else:
                whole = found.id.get_storage_size() >= found.size * found.dtype.itemsize
            if not whole:
                raise DatasetError("damaged: claims more than the file holds", where, FETCH_AGAIN)
            return HDF5Array(found, where)


@contextmanager
def open_hdf5(path: str, expected: Expected) -> Iterator[HDF5File]:
    """Open an HDF5 file; DatasetError where it is missing, of another kind, or cut short."""
    with expected.open(path, DatasetError) as file:
        head = file.read(HEAD_BYTES)
    with _translated(path):
        if not h5py.is_hdf5(path):
            raise expected.mismatch(head, path, DatasetError)
        opened = h5py.File(path, "r", locking=False, rdcc_nbytes=MAX_CHUNK_BYTES)
    try:
        yield HDF5File(opened, path)
    finally:
        opened.close()


def list_course_files(files: Mapping[str, Expected], opened: ExitStack) -> dict[str, Listing]:
    """List the pictures of files, by their paths; they stay open as long as `opened` does."""
    found = {path: opened.enter_context(open_hdf5(path, each)) for path, each in files.items()}
    held = {name for file in found.values() for name in file.names()}
    return {path: list_course_file(file, held) for path, file in found.items()}


def list_course_file(file: HDF5File, held: Set[str]) -> Listing:
    """List the pictures of an open file of one split or both; DatasetError for another layout.

    `held` are the names of the arrays in all the files given: labels without pictures are an error,
    unless the pictures stand in another file (which must hold their labels too).
    """
    names, where = file.names(), file.where
    for split in SPLITS:
        x, y = f"{split}_set_x", f"{split}_set_y"
        fix = f"Store the pictures as {x}, or remove their labels."
        _require(y not in names or x in held, f"holds {y}, but no {x}", where, fix)
    splits = [split for split in SPLITS if f"{split}_set_x" in names]
    prepared = not splits and {"train", "test"} <= set(names)
    what = "holds no pictures but columns: it is a dataset of an older catclf"
    _require(not prepared, what, where, "Prepare its pictures again.")
    fix = "Name an HDF5 file in the course's layout, or a folder of class folders."
    _require(bool(splits), "holds neither train_set_x nor test_set_x", where, fix)
    classes = _class_names(file.array("list_classes"))
    pictures: list[Labeled] = []
    for split in splits:
        array = file.array(f"{split}_set_x")
        _check_pixels(array)
        labels = _labels(file.array(f"{split}_set_y"), array.shape[0], len(classes))
        for i, label in enumerate(labels):
            picture = HDF5Picture(array, i)
            pictures.append(Labeled(picture.name, classes[label], split, picture))
    return Listing(pictures, [])


def _require(holds: bool, what: str, where: str, fix: str) -> None:
    if not holds:
        raise DatasetError(what, where, fix)


def _class_names(stored: HDF5Array) -> list[str]:
    where, shape = stored.where, stored.shape
    what = f"must be a list of class names, got {_shape(stored)}"
    is_list = len(shape) == 1 and 2 <= shape[0] <= MAX_CLASSES
    _require(is_list, what, where, f"Store 2 to {MAX_CLASSES} of them.")
    are_texts = stored.dtype.kind == "S" and stored.dtype.itemsize <= MAX_CLASS_BYTES
    what = f"must hold strings of 1 to {MAX_CLASS_BYTES} bytes"
    _require(are_texts, what, where, WRITE_AGAIN)
    # Some writers pad with spaces.
    names = [name.decode("utf-8", "replace").split("\0")[0].strip() for name in stored[:]]
    is_each_another = len(set(names)) == len(names) and "" not in names
    what = "class names must be distinct and not empty"
    _require(is_each_another, what, where, "Give each class a name of its own.")
    return names


def _check_pixels(x: HDF5Array) -> None:
    shape, kind, where = x.shape, x.dtype.kind, x.where
    are_pictures = len(shape) == 4 and shape[3] == 3 and 0 not in shape
    what = f"must be pictures of shape (m, height, width, 3), got {_shape(x)}"
    _require(are_pictures, what, where, "Store RGB pictures, one a row.")
    what = f"pixels must be whole numbers 0 to 255, got {x.dtype.name}"
    fix = "If they lie in 0..1, multiply by 255, round, and store them as uint8."
    _require(kind != "f", what, where, fix)
    # Whole numbers of any size: their values are checked as each picture is read.
    _require(kind in "iu", what, where, "Store them as uint8, 0 to 255.")
    m, height, width, _ = shape
    most = MAX_PIXELS // x.dtype.itemsize
    what = f"pictures of more than {most} pixels of {x.dtype.name}, {_shape(x)}"
    fix = "Scale them down, and store them as uint8."
    _require(height * width <= most, what, where, fix)
    enough = m <= MAX_UNCHECKED_PICTURES or x.stored_bytes >= MIN_PICTURE_BYTES * m
    what = f"claims {m} pictures, stored in {x.stored_bytes} bytes"
    _require(enough, what, where, FETCH_AGAIN)


def _labels(y: HDF5Array, m: int, classes: int) -> list[int]:
    what = f"must be {m} labels, one a picture, got {_shape(y)}"
    _require(y.shape in ((m,), (1, m), (m, 1)), what, y.where, "Store one label a picture.")
    what = f"labels must be numbers, got {y.dtype.name}"
    fix = "Store them as whole numbers, 0 for the first class."
    _require(y.dtype.kind in "iufb", what, y.where, fix)
    labels = y[:].reshape(-1)
    fix = "Number the classes in the order of list_classes."
    are_known = bool(np.isin(labels, np.arange(classes)).all())
    _require(are_known, f"labels must be whole numbers 0 to {classes - 1}", y.where, fix)
    return [int(label) for label in labels]


def _shape(array: HDF5Array) -> str:
    return f"shape {array.shape}"[:80]  # there may be 32 lengths

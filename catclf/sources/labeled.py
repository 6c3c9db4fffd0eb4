"""A labeled picture, not yet read, and lists of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catclf.errors import printable
from catclf.features import Preprocessing
from catclf.observer import Observer, Skipped
from catclf.pictures.pixels import fit_pixels
from catclf.pictures.reading import read_picture
from catclf.sources.names import NamedSplit, is_plain_split, used_splits


class StoredPicture(Protocol):
    """A picture that stands in no file of its own."""

    @property
    def identity(self) -> str:
        """What is the same for one picture, by whatever path its file is named."""

    def read(self) -> NDArray[np.uint8]:
        """Return its pixels, (height, width, 3); PictureError where they cannot be read."""


@dataclass(frozen=True, slots=True)
class Labeled:
    """A picture and its class, not yet read.

    Messages and results call it by its `name`: its path, or ``file:array[index]``. Its `split` is
    the one its source puts it in; None leaves that to `prepare`. `pixels` is the path of a file, or
    tells where else they stand.
    """

    name: str
    class_name: str
    split: NamedSplit | None
    pixels: str | StoredPicture

    def identity(self, real_folder: Callable[[str], str]) -> str:
        """Return what is the same for one picture, by whatever path it is named.

        `real_folder` is `os.path.realpath`, which asks for every part of a path, or a cache of it.
        """
        if not isinstance(self.pixels, str):
            return self.pixels.identity
        folder, name = os.path.split(self.pixels)
        try:
            # The name itself may be a link, and on Windows one of two names of the file.
            if os.path.islink(self.pixels) or sys.platform == "win32":
                return os.path.normcase(os.path.realpath(self.pixels))
            return os.path.join(real_folder(folder), name)
        except ValueError:  # what the file system cannot encode: no file has that name
            return self.pixels

    def read(self, preprocessing: Preprocessing) -> NDArray[np.uint8]:
        """Return its pixels, (size, size, 3); PictureError where they cannot be read.

        DatasetError where the pixels of an array are not from 0 to 255.
        """
        if isinstance(self.pixels, str):
            return read_picture(self.pixels, preprocessing)
        return fit_pixels(self.pixels.read(), preprocessing)


@dataclass(frozen=True)
class Listing:
    """What some sources hold: their labeled pictures, and the files that are not used.

    `classes` are in the order of their numbers, where the sources number them.
    """

    pictures: list[Labeled]
    skipped: list[Skipped]
    classes: tuple[str, ...] = ()


def tell_splits(splits: Mapping[str, NamedSplit], observer: Observer) -> None:
    """Tell which names were taken for which split, but for those that plainly say it."""
    used = used_splits(splits.values())
    told = [
        f"{printable(name)} as {used.get(split, split)}"
        for name, split in splits.items()
        if not is_plain_split(name) or (split == "validation" and split in used)
    ]
    if told:
        observer.note(f"taken as splits: {', '.join(told)}")

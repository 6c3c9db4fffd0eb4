"""Small datasets for tests, made without pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catclf.backbone import Backbone
from catclf.classes import as_labels
from catclf.dataset import NewSplit, write_dataset
from catclf.features import Preprocessing

Pixels = NDArray[np.uint8]
CLASSES = ("noncat", "cat")


def write_small(
    path: Path,
    m: int = 20,
    n_test: int = 0,
    size: int = 8,
    classes: tuple[str, ...] = CLASSES,
    features: Literal["pixels", "hog-color"] = "pixels",
    seed: int = 0,
    *,
    columns: Pixels | None = None,
    labels: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    test_columns: Pixels | None = None,
    test_labels: ArrayLike | None = None,
    test_names: Sequence[str] | None = None,
    also_in_train: int = 0,
    backbone: Backbone | None = None,
) -> Path:
    """Write a dataset of m pictures to train on and n_test to test, and return its path.

    Columns, (m, n_x), are noise drawn by the seed, labels of all classes by turns, and names
    ``0.png`` and so on, unless they are given; then m and n_test are their number. Where there is a
    backbone, they are taken for its features.
    """
    preprocessing = Preprocessing(size=size, features=features)
    if backbone is not None:
        preprocessing = Preprocessing(backbone=backbone)
    rng = np.random.default_rng(seed)

    def split(
        m: int,
        columns: Pixels | None,
        labels: ArrayLike | None,
        names: Sequence[str] | None,
        also: int,
    ) -> NewSplit:
        m = next((len(np.asarray(each)) for each in (labels, columns) if each is not None), m)
        if columns is None:
            columns = rng.integers(0, 256, (m, preprocessing.n_x), dtype=np.uint8)
        pixels = []
        if preprocessing.features != "pixels":
            pixels = [rng.integers(0, 256, (m, preprocessing.pixel_n_x), dtype=np.uint8)]
        return NewSplit(
            [columns],
            as_labels(np.arange(m) % len(classes) if labels is None else labels, len(classes)),
            [f"{i}.png" for i in range(m)] if names is None else names,
            also,
            pixels,
        )

    train = split(m, columns, labels, names, 0)
    test = split(n_test, test_columns, test_labels, test_names, also_in_train)
    write_dataset(path, classes, preprocessing, train, test)
    return path


def damage(path: Path, stored: bytes) -> Path:
    """Change the first byte of what stands somewhere in a file, and return the file's path."""
    data = path.read_bytes()
    place = data.index(stored)
    path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    return path

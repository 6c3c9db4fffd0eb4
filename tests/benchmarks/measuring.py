"""What the measurements share: a row of the table, taking turns, and the data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catclf import Preprocessing, load_backbone, open_dataset, prepare
from catclf.dataset import NewSplit, write_dataset
from catclf.logistic import Labels

SHARED = Path(__file__).parents[3] / "shared"  # beside the checkout; not ours to ship
COURSE = [SHARED / "catvnoncat" / f"{split}_catvnoncat.h5" for split in ("train", "test")]
PHOTOS = SHARED / "photos"
SAMPLE = Path(__file__).parents[2] / "data" / "sample"
Features = Literal["pixels", "hog-color"]
FEATURES: tuple[Features, ...] = ("pixels", "hog-color")
NETWORK = "efficientnet-lite0"
N_X = 12288
Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]
# ru_maxrss would hold what the parent had when it forked.
PEAK = """
def peak(process="/proc/self"):
    with open(process + "/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    reference: str
    ours: str
    ratio: str


def seconds(function: Callable[[], object]) -> float:
    """Return how long one call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def in_turns(
    reference: Callable[[], object], ours: Callable[[], object], rounds: int = 5, rest: float = 0.0
) -> tuple[float, float, float]:
    """Return both medians, after a warm-up of each, and the median of the ratios pair by pair.

    Before each call the machine may rest for some seconds: after a product OpenBLAS's threads wait
    30 ms for the next, on cores that other processes need.
    """

    def rested(function: Callable[[], object]) -> float:
        time.sleep(rest)
        return seconds(function)

    reference(), ours()
    pairs = [(rested(reference), rested(ours)) for _ in range(rounds)]
    first, second = (median(column) for column in zip(*pairs, strict=True))
    return first, second, median(a / b for a, b in pairs)


def preprocessings() -> dict[str, Preprocessing]:
    """Return all that catclf brings, by the name of their features: pixels first."""
    found: dict[str, Preprocessing] = {
        features: Preprocessing(features=features) for features in FEATURES
    }
    return {**found, NETWORK: Preprocessing(backbone=load_backbone(NETWORK))}


def pictures(m: int) -> tuple[Pixels, Labels]:
    """Return m made-up pictures as rows (m, n_x), smooth like photographs, and labels (m,)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 200, (m, 3, 8, 8), dtype=np.uint8)
    rows = coarse.repeat(8, axis=2).repeat(8, axis=3).reshape(m, N_X)
    return rows, (coarse[:, 0].mean(axis=(1, 2)) + rng.normal(0, 5, m) > 100).astype(np.uint8)


def write_pictures(path: Path, m: int) -> None:
    """Write a dataset of m `pictures`, the same thousand again and again."""
    block, labels = pictures(1000)
    times = m // 1000
    write_train_split(path, (block for _ in range(times)), np.tile(labels, times))


def write_train_split(
    path: Path,
    blocks: Iterable[Pixels],
    labels: ArrayLike,
    preprocessing: Preprocessing | None = None,
    pixel_blocks: Iterable[Pixels] = (),
) -> None:
    """Write a dataset without a test split, of pictures that are called by their numbers."""
    labels = np.asarray(labels, np.uint8)
    names = [str(i) for i in range(labels.size)]
    split = NewSplit(blocks, labels, names, pixel_blocks=pixel_blocks)
    none = NewSplit([], labels[:0], [])
    write_dataset(path, ("noncat", "cat"), preprocessing or Preprocessing(), split, none)


def course_data(folder: Path) -> tuple[Pixels, Labels, Pixels, Labels, str]:
    """Return the course's pictures where they are, else made-up ones of their number."""
    if all(path.exists() for path in COURSE):
        path = folder / "course.npz"
        prepare(COURSE, path)
        with open_dataset(path) as dataset:
            train, test = dataset.train, dataset.test
            files = train.columns[:], train.labels, test.columns[:], test.labels
            return *files, "the course's files"
    rows, labels = pictures(259)
    return rows[:209], labels[:209], rows[209:], labels[209:], "209 made-up pictures"

"""How often a picture is called unlike the training pictures: rightly, and by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import COURSE, PHOTOS, SAMPLE, Array, Pixels, Row
from numpy.typing import NDArray

from catclf import Observer, Preprocessing, load_backbone, open_dataset, prepare
from catclf.metrics import area_under_curve
from catclf.neighbors import Neighbors, draw_neighbors
from catclf.splits import divide_into_folds, duplicate_groups, fingerprint

SOURCES = {
    "the sample's drawings": [SAMPLE],
    "photographs of cats and dogs": [PHOTOS],
    "the course's files": COURSE,
}
FOLDS, REPEATS = 10, 10


@dataclass(frozen=True)
class Pictures:
    """Pictures as columns, their classes, and which of them are duplicates."""

    columns: Pixels
    labels: NDArray[np.uint8]
    classes: tuple[str, ...]
    groups: list[list[int]]

    def neighbors(self, kept: NDArray[np.bool_]) -> Neighbors:
        """Return what a model that is trained on some of them keeps."""
        names = [""] * int(kept.sum())
        drawn = draw_neighbors(self.columns[kept], self.labels[kept], names)
        assert drawn is not None, "they are more than a few"
        return drawn


def measure_unlike(folder: Path) -> list[Row]:
    """Return a row for each source that is there, by the network and by simpler features."""
    rows = []
    for preprocessing in (
        Preprocessing(backbone=load_backbone("efficientnet-lite0")),
        Preprocessing(features="hog-color"),
        Preprocessing(features="pixels"),
    ):
        there = {
            name: read(folder / "d.npz", sources, preprocessing)
            for name, sources in SOURCES.items()
            if all(source.exists() for source in sources)
        }
        rows += [unlike_row(name, there, preprocessing.features_name) for name in there]
    return rows


def read(path: Path, sources: list[Path], preprocessing: Preprocessing) -> Pictures:
    """Prepare pictures, and return those of both splits."""
    prepare(sources, path, preprocessing=preprocessing, observer=Observer())
    with open_dataset(path) as dataset:
        train, test = dataset.train, dataset.test
        return Pictures(
            np.concatenate([train.columns[:], test.columns[:]]),
            np.concatenate([train.labels, test.labels]),
            dataset.classes,
            duplicate_groups(fingerprint(row) for s in (train, test) for row in s.pixels[:]),
        )


def unlike_row(name: str, there: dict[str, Pictures], features: str) -> Row:
    """Count what is unlike the pictures of a name: some held out of them, and all others."""
    known = there[name]
    m, alarms, similarities = len(known.labels), [], []
    for fold_of in divide_into_folds(known.groups, known.labels, FOLDS, REPEATS, seed=0):
        found = list(held_out(known, fold_of))
        alarms.append(sum(unlike for _, unlike in found))
        similarities += [each for each, _ in found]
    familiar = np.concatenate(similarities)
    drawn = known.neighbors(np.ones(m, np.bool_))
    caught, areas = [], []
    for other, pictures in there.items():
        if other != name:
            parts = []
            for label, kind in enumerate(pictures.classes):
                of_it = drawn.similarities(pictures.columns[pictures.labels == label])
                parts.append(f"{kind} {(of_it < drawn.floor).sum()} of {of_it.size}")
                areas.append(f"{told_apart(of_it, familiar):.3f}")
            caught.append(f"{other}: {', '.join(parts)}")
    return Row(
        f"unlike {name} (m = {m}, {features}), and how well similarity tells them apart",
        f"held out in {FOLDS} folds, {REPEATS} times: {min(alarms)} to {max(alarms)} of {m} "
        f"({np.mean(alarms) / m:.1%})",
        "; ".join(caught),
        f"AUC {', '.join(areas)}",
    )


def held_out(known: Pictures, fold_of: NDArray[np.intp]) -> Iterator[tuple[Array, int]]:
    """Yield of each fold how like the others its pictures are, and how many are unlike them."""
    for fold in range(FOLDS):
        drawn = known.neighbors(fold_of != fold)
        similarities = drawn.similarities(known.columns[fold_of == fold])
        yield similarities, int((similarities < drawn.floor).sum())


def told_apart(other: Array, familiar: Array) -> float:
    """Return the chance that a familiar picture is more similar than another."""
    which = np.repeat(np.array([0, 1], np.uint8), [other.size, familiar.size])
    area = area_under_curve(which, np.concatenate([other, familiar]))
    assert area is not None, "there are both"
    return area

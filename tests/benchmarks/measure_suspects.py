"""How often the suspects that tune names are mislabeled: some labels are flipped on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from measuring import COURSE, PHOTOS, SAMPLE, Row, preprocessings, write_train_split

from catclf import open_dataset, prepare, tune
from catclf.features import Preprocessing

SOURCES = {
    "the sample": [SAMPLE],
    "the course's files": COURSE,
    "photographs of cats and dogs": [PHOTOS],
}
FLIPPED_SHARE = 0.05
SEEDS = range(20)
DEPTHS = (5, 10)  # how many of the suspects are looked at


@dataclass(frozen=True)
class Flipped:
    """What tune found in a dataset with some labels flipped.

    Parameters
    ----------
    precision
        Of the first suspects, the share whose label was flipped, by their number.
    withheld
        Whether the command would not have named them.
    """

    precision: dict[int, float]
    withheld: bool


def flip_and_tune(original: Path, flipped: Path, seed: int) -> Flipped:
    """Flip some of the train labels at random, tune with the default search, and look back."""
    with open_dataset(original) as dataset:
        train, rng = dataset.train, np.random.default_rng(seed)
        wrong = rng.choice(train.m, round(FLIPPED_SHARE * train.m), replace=False)
        labels = np.array(train.labels)
        labels[wrong] ^= 1
        pixels = [train.pixels[:]]
        write_train_split(flipped, [train.columns[:]], labels, dataset.preprocessing, pixels)
    tuned = tune(flipped)
    hits = np.isin([int(p.name) for p in tuned.out_of_fold], wrong)
    return Flipped({k: float(hits[:k].mean()) for k in DEPTHS}, not tuned.surely_better)


def precision(found: list[Flipped], spread: bool = True) -> str:
    """Return the mean precision at each depth, and its range."""
    parts = []
    for k in DEPTHS:
        each = [one.precision[k] for one in found]
        span = f" ({min(each):.0%} to {max(each):.0%})" if spread else ""
        parts.append(f"{mean(each):.0%} of the first {k}{span}")
    return ", ".join(parts)


def measure_precision(folder: Path, name: str, preprocessing: Preprocessing) -> Row:
    """Flip labels again and again; the row tells too what is left where suspects are named."""
    prepare(SOURCES[name], folder / "original.npz", preprocessing=preprocessing)
    with open_dataset(folder / "original.npz") as dataset:
        m = dataset.train.m
    found = [flip_and_tune(folder / "original.npz", folder / "flipped.npz", seed) for seed in SEEDS]
    named = [one for one in found if not one.withheld]
    verdict = f"withheld in {len(found) - len(named)} of {len(found)}"
    if named:
        verdict += f"; where named, {precision(named, spread=False)}"
    return Row(
        f"wrong labels among tune's suspects: {FLIPPED_SHARE:.0%} flipped, {len(found)} times "
        f"({name}, m = {m}, {preprocessing.features_name}); mean and range",
        f"at random {FLIPPED_SHARE:.0%}",
        precision(found),
        verdict,
    )


def measure_suspects(folder: Path) -> list[Row]:
    """Return a row for each dataset that is there, and for each kind of features."""
    return [
        measure_precision(folder, name, preprocessing)
        for name, sources in SOURCES.items()
        if all(source.exists() for source in sources)
        for preprocessing in preprocessings().values()
    ]

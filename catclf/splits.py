"""Which examples are duplicates, and which are trained on, held out, or left out of a sample.

Duplicates are pictures with identical pixels. They stay together in every split and fold: a picture
that is trained on is never held out as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Duplicates",
    "SplitName",
    "assign_to_test",
    "divide_into_folds",
    "duplicate_groups",
    "find_duplicates",
    "fingerprint",
    "hold_out",
    "stratified_sample",
]

SplitName = Literal["train", "test"]
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Duplicates:
    """Pictures with identical pixels.

    Parameters
    ----------
    names
        What they are called, in source order.
    splits, labels
        The split and the label of each.
    """

    names: tuple[str, ...]
    splits: tuple[SplitName, ...]
    labels: tuple[int, ...]

    @property
    def leak(self) -> bool:
        """Whether they stand in both splits: the test split then holds a training picture."""
        return len(set(self.splits)) > 1

    @property
    def leaked(self) -> int:
        """How many of them the test split holds that the train split holds too."""
        return self.splits.count("test") if self.leak else 0

    @property
    def contradictory(self) -> bool:
        """Whether they have two labels."""
        return len(set(self.labels)) > 1


def fingerprint(column: NDArray[np.uint8]) -> bytes:
    """Return a digest of one column's pixels: equal for identical pictures alone."""
    import hashlib

    return hashlib.sha256(column.data).digest()


def duplicate_groups(fingerprints: Iterable[bytes]) -> list[list[int]]:
    """Return the indices of equal fingerprints together, in the order of each group's first.

    Every index stands in one group; most groups are of one.
    """
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, each in enumerate(fingerprints):
        groups[each].append(index)
    return list(groups.values())


def find_duplicates(
    names: Sequence[str],
    labels: Labels,
    in_test: NDArray[np.bool_],
    fingerprints: Sequence[bytes],
) -> list[Duplicates]:
    """Return every group of duplicates, given each picture's name, label, split and fingerprint."""
    return [
        Duplicates(
            names=tuple(names[i] for i in group),
            splits=tuple("test" if in_test[i] else "train" for i in group),
            labels=tuple(int(labels[i]) for i in group),
        )
        for group in duplicate_groups(fingerprints)
        if len(group) > 1
    ]


def assign_to_test(
    given: Sequence[SplitName | None],
    labels: Labels,
    fingerprints: Sequence[bytes],
    fraction: float,
    seed: int,
) -> NDArray[np.bool_]:
    """Return (m,): whether each example is in the test split.

    Parameters
    ----------
    given
        The split that the source puts each example in, None where it leaves that open. A source
        that names no test split leaves all of it open.
    labels
        (m,), 0 or 1.
    fingerprints
        Of each example. An open one that is a duplicate of a given one goes where that one is, to
        train if to any.
    fraction
        The fraction of each class to hold out of those that are open.
    seed
        Seed of the shuffle.
    """
    if "test" not in given:
        given = [None] * len(given)
    in_test = np.array([split == "test" for split in given], dtype=bool)
    of_given: dict[bytes, bool] = {}
    for index, split in enumerate(given):
        if split is not None:
            each = fingerprints[index]
            of_given[each] = of_given.get(each, True) and bool(in_test[index])
    free = []
    for index, split in enumerate(given):
        if split is None and fingerprints[index] in of_given:
            in_test[index] = of_given[fingerprints[index]]
        elif split is None:
            free.append(index)
    if free:
        groups = duplicate_groups(fingerprints[index] for index in free)
        in_test[free] = hold_out(groups, labels[free], fraction, seed)
    return in_test


def hold_out(
    groups: Sequence[Sequence[int]], labels: Labels, fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Return (m,): a fraction of each class at random, of whole groups, one at least left behind.

    A group with two labels counts as its first example's class.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(labels.size, dtype=bool)
    for label in (0, 1):
        own = [group for group in groups if labels[group[0]] == label]
        wanted = round(fraction * sum(map(len, own)))
        taken = 0
        for index in rng.permutation(len(own))[:-1]:
            if taken >= wanted:
                break
            held_out[list(own[index])] = True
            taken += len(own[index])
    return held_out


def divide_into_folds(
    groups: Sequence[Sequence[int]], labels: Labels, folds: int, repeats: int, seed: int
) -> NDArray[np.intp]:
    """Return (repeats, m): the fold that holds each example out, stratified.

    Each group, the largest first, goes where its class has the fewest examples, and of such folds
    to the smallest: all are of a size.
    """
    fold_of = np.empty((repeats, labels.size), dtype=np.intp)
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        sizes = np.zeros((2, folds), dtype=np.intp)  # by class
        shuffled = [groups[i] for i in rng.permutation(len(groups))]
        for group in sorted(shuffled, key=len, reverse=True):
            own = sizes[labels[group[0]]]
            fold = int(np.lexsort((sizes.sum(axis=0), own))[0])
            own[fold] += len(group)
            fold_of[repeat, group] = fold
    return fold_of


def stratified_sample(labels: Labels, sample: int | None, seed: int) -> NDArray[np.intp]:
    """Return the indices, in order, of `sample` examples with the classes in proportion.

    All indices where `sample` is None, or not below their number.
    """
    if sample is None or sample >= labels.size:
        return np.arange(labels.size)
    rng = np.random.default_rng(seed)
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    wanted = round(sample * positives.size / labels.size)
    taken = [rng.permutation(positives)[:wanted], rng.permutation(negatives)[: sample - wanted]]
    return np.sort(np.concatenate(taken))

"""Which examples are duplicates, trained on, held out, or left out.

Duplicates are pictures with identical pixels, and near-copies (`catclf.near_copies`). They stay
together in every split and fold: a picture that is trained on is never held out as well. But
near-copies of several labels, and the pictures of one scene, are different pictures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from catclf.errors import name_some
from catclf.logistic import Labels
from catclf.observer import Observer

SplitName = Literal["train", "test"]
MOST_COPIES = 20  # of one picture; more are a film, or what one camera saw


@dataclass(frozen=True)
class Duplicates:
    """Pictures that are one.

    Parameters
    ----------
    names, splits, labels
        Of each, in source order.
    identical
        Whether their pixels are; else some are near-copies.
    leaked
        How many the test split holds that train has too, or nearly and of that label.
    """

    names: tuple[str, ...]
    splits: tuple[SplitName, ...]
    labels: tuple[int, ...]
    identical: bool
    leaked: int

    @property
    def leak(self) -> bool:
        """Whether the test split holds a training picture."""
        return self.leaked > 0

    @property
    def contradictory(self) -> bool:
        """Whether they have several labels."""
        return len(set(self.labels)) > 1


def fingerprint(column: NDArray[np.uint8]) -> bytes:
    """Return a digest of one column's pixels: equal for identical pictures alone."""
    import hashlib

    return hashlib.sha256(column.data).digest()


def duplicate_groups(pictures: Iterable[Hashable]) -> list[list[int]]:
    """Return the indices of what is equal together, in the order of each group's first.

    Every index stands in one group; most groups are of one.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, each in enumerate(pictures):
        groups[each].append(index)
    return list(groups.values())


def without_scenes(
    firsts: Sequence[int],
    fingerprints: Sequence[bytes],
    labels: Labels,
    names: Sequence[str],
    observer: Observer,
) -> list[int]:
    """Return `firsts`, as `first_of_each` does, of identical pictures alone in a scene; warn of it.

    A group of near-copies is a scene, as of a film or a fixed camera, where it has more than
    `MOST_COPIES` different pictures or more than half of a class's: kept together they would leave
    no split to make.
    """
    same: dict[bytes, int] = {}
    identical = [same.setdefault(each, i) for i, each in enumerate(fingerprints)]
    different = set(zip(firsts, identical, labels.tolist(), strict=True))
    of_class = Counter(label for *_, label in different)
    in_group = Counter(first for first, _ in set(zip(firsts, identical, strict=True)))
    scenes = {
        first
        for (first, label), count in Counter(
            (first, label) for first, _, label in different
        ).items()
        if in_group[first] > MOST_COPIES or (in_group[first] > 1 and 2 * count > of_class[label])
    }
    if scenes:
        alike = [name for first, name in zip(firsts, names, strict=True) if first in scenes]
        observer.warning(
            f"{len(alike)} pictures look nearly the same as others, but are too many to be copies "
            f"({name_some(alike)})\n"
            "They count as different pictures, as those of a film or a fixed camera. Test pictures "
            "that are much like training ones make the accuracy look better than it is."
        )
    return [own if first in scenes else first for first, own in zip(firsts, identical, strict=True)]


def kept_together(
    firsts: Sequence[int], fingerprints: Sequence[bytes], labels: Labels
) -> list[Hashable]:
    """Return what is equal for pictures that no split parts: near-copies under one label.

    Under several as well where identical ones have them.
    """
    pictures = list(zip(firsts, fingerprints, labels.tolist(), strict=True))
    label_of: dict[bytes, int] = {}
    mixed = {first for first, each, label in pictures if label_of.setdefault(each, label) != label}
    return [(first, None if first in mixed else label) for first, _, label in pictures]


def find_duplicates(
    names: Sequence[str],
    labels: Labels,
    in_test: NDArray[np.bool_],
    fingerprints: Sequence[bytes],
    pictures: Sequence[Hashable],
) -> list[Duplicates]:
    """Return every group of duplicates: each one's name, label, split, fingerprint, and picture.

    Of `pictures` those of near-copies are equal too, as `first_of_each` returns them.
    """
    found = []
    for group in duplicate_groups(pictures):
        if len(group) == 1:
            continue
        trained = {of for i in group if not in_test[i] for of in (fingerprints[i], int(labels[i]))}
        held_out = [{fingerprints[i], int(labels[i])} for i in group if in_test[i]]
        found.append(
            Duplicates(
                names=tuple(names[i] for i in group),
                splits=tuple("test" if in_test[i] else "train" for i in group),
                labels=tuple(int(labels[i]) for i in group),
                identical=len({fingerprints[i] for i in group}) == 1,
                leaked=sum(not trained.isdisjoint(each) for each in held_out),
            )
        )
    return found


def assign_to_test(
    given: Sequence[str | None],
    labels: Labels,
    pictures: Sequence[Hashable],
    fraction: float,
    seed: int,
) -> NDArray[np.bool_]:
    """Return (m,): whether each example is in the test split.

    Of `given`, the split that the source puts each example in, None is left open; all are where no
    test split is named. Of the open ones a `fraction` of each class is held out. One that is a
    duplicate of a given one, of equal `pictures`, goes where that one is, to train if to any.
    """
    if "test" not in given:
        given = [None] * len(given)
    examples = list(zip(pictures, given, strict=True))
    placed: dict[Hashable, bool] = {}
    for each, split in examples:
        if split is not None:
            placed[each] = placed.get(each, True) and split == "test"
    in_test = np.array(
        [placed.get(each, False) if split is None else split == "test" for each, split in examples],
        dtype=bool,
    )
    free = [i for i, (each, split) in enumerate(examples) if split is None and each not in placed]
    if free:
        groups = duplicate_groups(pictures[index] for index in free)
        in_test[free] = hold_out(groups, labels[free], fraction, seed)
    return in_test


def hold_out(
    groups: Sequence[Sequence[int]], labels: Labels, fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Return (m,): a fraction of each class at random, of whole groups, one at least left behind.

    A group with several labels counts as its first example's class.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(labels.size, dtype=bool)
    by_class: list[list[Sequence[int]]] = [[] for _ in range(_n_labels(labels))]
    for group in groups:
        by_class[labels[group[0]]].append(group)
    for own in by_class:
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
        sizes = np.zeros((_n_labels(labels), folds), dtype=np.intp)  # by class
        total = np.zeros(folds, dtype=np.intp)
        shuffled = [groups[i] for i in rng.permutation(len(groups))]
        for group in sorted(shuffled, key=len, reverse=True):
            own = sizes[labels[group[0]]]
            fold = int(np.lexsort((total, own))[0])
            own[fold] += len(group)
            total[fold] += len(group)
            fold_of[repeat, group] = fold
    return fold_of


def stratified_sample(labels: Labels, sample: int | None, seed: int) -> NDArray[np.intp]:
    """Return the indices, in order, of `sample` examples with the classes in proportion.

    All indices where `sample` is None, or not below their number.
    """
    if sample is None or sample >= labels.size:
        return np.arange(labels.size)
    rng = np.random.default_rng(seed)
    taken, left = [], labels.size  # of which `sample` are still to be taken
    for label in np.unique(labels)[::-1]:
        own = np.flatnonzero(labels == label)
        wanted = round(sample * own.size / left)
        taken.append(rng.permutation(own)[:wanted])
        sample, left = sample - wanted, left - own.size
    return np.sort(np.concatenate(taken))


def _n_labels(labels: Labels) -> int:
    return int(labels.max(initial=0)) + 1

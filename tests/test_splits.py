"""Duplicates stay together; splits, folds and samples keep the classes in proportion."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from catclf.splits import (
    MOST_COPIES,
    SplitName,
    assign_to_test,
    divide_into_folds,
    duplicate_groups,
    find_duplicates,
    fingerprint,
    hold_out,
    kept_together,
    stratified_sample,
    without_scenes,
)
from conftest import Recorder


@given(
    groups=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=2, max_size=30),
    share=st.floats(0, 0.99),
    seed=st.integers(0, 2**32),
)
def test_groups_stay_together_and_classes_in_proportion(
    groups: list[tuple[int, int]], share: float, seed: int
) -> None:
    """Of each class the share is held out, to within one group, and some is left."""
    labels = np.array([label for label, size in groups for _ in range(size)], np.uint8)
    kind = np.array([i for i, (_, size) in enumerate(groups) for _ in range(size)])
    indices = [np.flatnonzero(kind == i).tolist() for i in range(len(groups))]
    held_out = hold_out(indices, labels, share, seed)
    assert np.array_equal(held_out, hold_out(indices, labels, share, seed))
    assert all(len(set(held_out[group].tolist())) == 1 for group in indices)
    largest = max(size for _, size in groups)
    for label in set(labels.tolist()):
        own = held_out[labels == label]
        assert not own.all()
        if np.count_nonzero(~own) > largest:
            assert abs(np.count_nonzero(own) - share * own.size) <= largest


@given(
    given_splits=st.lists(st.sampled_from(["train", "test", None]), min_size=1, max_size=20),
    kinds=st.lists(st.integers(0, 8), min_size=20, max_size=20),
    seed=st.integers(0, 9),
)
def test_what_a_source_puts_in_a_split_stays_there(
    given_splits: list[SplitName | None], kinds: list[int], seed: int
) -> None:
    """An open duplicate joins a given one, to train if to any; without a test split all is open."""
    m = len(given_splits)
    prints = [b"%d" % kind for kind in kinds[:m]]
    labels = np.array([kind % 2 for kind in kinds[:m]], np.uint8)
    in_test = assign_to_test(given_splits, labels, prints, 0.5, seed)
    if "test" in given_splits:
        for index, split in enumerate(given_splits):
            assert split is None or in_test[index] == (split == "test")
    for group in duplicate_groups(prints):
        fixed = {given_splits[i] for i in group} - {None} if "test" in given_splits else set()
        open_ones = {bool(in_test[i]) for i in group if not fixed or given_splits[i] is None}
        assert len(open_ones) <= 1
        if fixed and open_ones:
            assert open_ones == {fixed == {"test"}}


# Whose copy each picture is, its content, and its label; most of few pictures, for groups to meet.
COPIES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 30), st.integers(0, 1)), min_size=1, max_size=90
).map(lambda drawn: [(of, b"%d %d" % (of, i), label) for of, i, label in drawn])


def split_pictures(pictures: list[tuple[int, bytes, int]]) -> tuple[list[list[int]], Recorder]:
    """Return the groups that no split parts, and what was said."""
    kinds, prints, labels = zip(*pictures, strict=True)
    of, observer = np.array(labels, np.uint8), Recorder()
    first = [kinds.index(kind) for kind in kinds]
    alike = without_scenes(first, prints, of, [each.decode() for each in prints], observer)
    return duplicate_groups(kept_together(alike, prints, of)), observer


@given(pictures=COPIES, random=st.randoms())
def test_what_stays_together_is_plausible_as_copies(
    pictures: list[tuple[int, bytes, int]], random: Random
) -> None:
    """Identical pictures always; near-copies while they are few; whatever the order."""
    groups, observer = split_pictures(pictures)
    of_class = Counter(label for _, label in {(each, label) for _, each, label in pictures})
    scattered = 0
    for kind in {kind for kind, *_ in pictures}:
        own = [pictures[i] for i in range(len(pictures)) if pictures[i][0] == kind]
        found = [group for group in groups if pictures[group[0]][0] == kind]
        prints = {each for _, each, _ in own}
        both = len(prints) < len({(each, label) for _, each, label in own})
        shares = Counter(label for _, label in {(each, label) for _, each, label in own})
        most = any(2 * shares[label] > of_class[label] for label in shares)
        if len(prints) > MOST_COPIES or (len(prints) > 1 and most):
            scattered += len(own)
            assert {pictures[i][1] for group in found for i in group} == prints
            assert all(len({pictures[i][1] for i in group}) == 1 for group in found)
        else:
            assert len(found) == (1 if both else len(shares))
    prints_of = [{pictures[i][1] for i in group} for group in groups]
    assert sum(map(len, prints_of)) == len(set().union(*prints_of))  # identical ones: one group
    said = [f"{scattered} pictures look nearly the same"] if scattered else []
    assert [text.split(" as others")[0] for text in observer.warnings] == said
    shuffled = random.sample(range(len(pictures)), len(pictures))
    again, _ = split_pictures([pictures[i] for i in shuffled])
    as_sets = {frozenset(shuffled[i] for i in group) for group in again}
    assert as_sets == {*map(frozenset, groups)}


def test_a_scene_is_told_in_one_warning() -> None:
    """How many pictures, three of them, and what it means."""
    film = [(0, b"frame %d" % i, 0) for i in range(30)]
    groups, observer = split_pictures([*film, *((i, b"%d" % i, 1) for i in range(1, 30))])
    assert len(groups) == 59
    assert observer.warnings == [
        "30 pictures look nearly the same as others, but are too many to be copies "
        "(frame 0, frame 1, frame 2 and 27 more)\n"
        "They count as different pictures, as those of a film or a fixed camera. Test pictures "
        "that are much like training ones make the accuracy look better than it is."
    ]


def test_a_near_copy_of_another_label_is_not_leaked() -> None:
    """It is contradictory; the same pixels in both splits, or one label, are in the train split."""
    in_test, alike = np.array([False, True]), [0, 0]
    for prints, labels, leaked in (
        ([b"a", b"b"], [0, 1], 0),
        ([b"a", b"b"], [1, 1], 1),
        ([b"a", b"a"], [0, 1], 1),
    ):
        (found,) = find_duplicates(["x", "y"], np.array(labels, np.uint8), in_test, prints, alike)
        assert (found.leaked, found.leak, found.contradictory) == (
            leaked,
            leaked > 0,
            labels[0] == 0,
        )


def test_each_repeat_divides_anew() -> None:
    """Else repeats would tell nothing new."""
    groups, labels = [[i] for i in range(40)], (np.arange(40) % 2).astype(np.uint8)
    fold_of = divide_into_folds(groups, labels, 4, 3, seed=1)
    assert not np.array_equal(fold_of[0], fold_of[1])


@given(
    sizes=st.lists(st.integers(1, 9), min_size=8, max_size=30),
    labels=st.lists(st.integers(0, 2), min_size=30, max_size=30),
    folds=st.integers(2, 4),
    seed=st.integers(0, 5),
)
def test_folds_are_stratified_and_none_is_empty(
    sizes: list[int], labels: list[int], folds: int, seed: int
) -> None:
    """Copies stay together; a class's folds differ by the largest group at most, by the seed."""
    labels = [label if label < 2 or labels.count(2) >= 4 else 0 for label in labels]
    labels[:8] = [0, 1] * 4
    kind = np.repeat(np.arange(len(sizes)), sizes)  # the picture each is a copy of
    of = np.array(labels, np.uint8)[kind]
    groups = duplicate_groups(map(fingerprint, kind.astype(np.uint8).reshape(-1, 1)))
    fold_of = divide_into_folds(groups, of, folds, 2, seed)
    assert np.array_equal(fold_of, divide_into_folds(groups, of, folds, 2, seed))
    for fold in fold_of:
        assert all(len(set(fold[kind == k])) == 1 for k in range(len(sizes)))
        for label in (0, 1):
            counts = np.bincount(fold[of == label], minlength=folds)
            assert counts.min() > 0
            largest = max(size for k, size in enumerate(sizes) if labels[k] == label)
            assert counts.max() - counts.min() <= largest


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    sample=st.integers(1, 70),
    seed=st.integers(0, 5),
)
def test_a_sample_keeps_the_classes_in_proportion(
    labels: list[int], sample: int, seed: int
) -> None:
    """It is in order, without repeats, and of each class its share, rounded."""
    of = np.array(labels, np.uint8)
    chosen = stratified_sample(of, sample, seed)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert len(chosen) == min(sample, of.size)
    away = 0.5 if max(labels) < 2 else 1  # what one class is rounded by, the next ones make good
    for label in range(4):
        share = len(chosen) * np.mean(of == label)
        assert abs(np.count_nonzero(of[chosen] == label) - share) <= away

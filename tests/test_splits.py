"""Duplicates stay together; splits, folds and samples keep the classes in proportion."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from catclf.splits import (
    SplitName,
    assign_to_test,
    divide_into_folds,
    duplicate_groups,
    fingerprint,
    hold_out,
    stratified_sample,
)


@given(
    groups=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4)), min_size=2, max_size=30),
    share=st.floats(0, 0.8),
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


def test_the_last_group_is_not_held_out() -> None:
    """However large the share, one group of each class is left to train on."""
    labels = np.array([0, 1, 1], np.uint8)
    held_out = hold_out([[0], [1], [2]], labels, 0.99, 0)
    assert not held_out[0]
    assert not held_out[1:].all()


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


def test_duplicates_are_held_out_together() -> None:
    """Else a training would be asked of a picture it has seen."""
    columns = np.random.default_rng(0).integers(0, 200, (40, 12)).astype(np.uint8)
    labels = (np.arange(40) % 2).astype(np.uint8)
    columns[20:] = columns[:20]
    groups = duplicate_groups(map(fingerprint, columns))
    fold_of = divide_into_folds(groups, labels, 4, 3, seed=1)
    assert fold_of.shape == (3, 40)
    assert np.array_equal(fold_of[:, :20], fold_of[:, 20:])
    assert not np.array_equal(fold_of[0], fold_of[1])
    assert set(fold_of[0]) == {0, 1, 2, 3}


@given(
    sizes=st.lists(st.integers(1, 9), min_size=8, max_size=30),
    labels=st.lists(st.integers(0, 1), min_size=30, max_size=30),
    folds=st.integers(2, 4),
    seed=st.integers(0, 5),
)
def test_folds_are_stratified_and_none_is_empty(
    sizes: list[int], labels: list[int], folds: int, seed: int
) -> None:
    """Copies stay together; a class's pictures differ between folds by the largest group at most.

    The seed decides, and each repeat divides anew.
    """
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
    labels=st.lists(st.integers(0, 1), min_size=1, max_size=60),
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
    assert abs(of[chosen].sum() - len(chosen) * of.mean()) <= 0.5

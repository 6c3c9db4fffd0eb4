"""Which folders are splits, by their names and by what they hold; what is unclear is an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from catclf.errors import DatasetError, name_some
from catclf.pictures.folders import Folder
from catclf.sources.names import NamedSplit, name_splits, split_like, split_of, words

SPLITS: tuple[NamedSplit, ...] = get_args(NamedSplit)


def find_splits(
    folder: Folder, classes_by_folder: bool
) -> tuple[list[tuple[Folder, NamedSplit]], list[Folder]]:
    """Return the splits in a folder, train first, and the folders that are none of them.

    No split where the folders are classes, unless `classes_by_folder` is false: then they can be
    splits alone. DatasetError where it is not known which they are.
    """
    folders = folder.filled
    named = name_splits(each.name for each in folders)
    if len(set(named.values())) < 2:
        likes = {each.name: like for each in folders if (like := split_like(each.name))}
        splits = {like.split for like in likes.values()}
        if len(likes) == len(folders) and len(splits) > 1 and _hold_the_same(folders):
            named = {name: like.split for name, like in likes.items()}  # train, public_test
        else:
            _refuse_classes_with_splits(folder)
    found = [(each, named[each.name]) for each in folders if each.name in named]
    found.sort(key=lambda each: SPLITS.index(each[1]))
    others = [each for each in folders if each.name not in named]
    one_split = len({split for _, split in found}) == 1
    # A class may be called train: the vehicle.
    vehicle = all(split == "train" and each.own.pictures for each, split in found)
    if not found or (one_split and others and (vehicle or not classes_by_folder)):
        return [], []
    for other in others:
        if one_split or _hold_the_same([other, found[0][0]]):
            raise DatasetError(
                f"{other.name!r} is not named as a split, as {found[0][0].name!r} beside it is",
                folder.path,
                "Name every split as one: train, test, val. Or, if all of the folders are "
                "classes, choose `label_from` top.",
            )
    if "train" not in named.values():
        what = f"names only a test split ({name_some(list(named))}): there is nothing to train on"
        raise DatasetError(what, folder.path, "Name the source of the train split beside it.")
    return found, others


def splits_of_classes(classes: Sequence[Folder]) -> dict[str, NamedSplit]:
    """Return the splits, by their names, that stand in class folders: cat/train and cat/test."""
    within = {each.name for folder in classes for each in folder.filled}
    splits = name_splits(within)
    return splits if len(splits) == len(within) or len(set(splits.values())) > 1 else {}


def enter(folder: Folder) -> Folder:
    """Return the folder inside of those that hold nothing but one other; a split is not entered."""
    while (only := folder.only_folder) and not split_of(only.name):
        folder = only
    return folder


def refuse_unclear(folder: Folder) -> None:
    """Refuse class folders that may be splits, or of which one is a copy of the others."""
    names = {each.name for each in folder.filled}
    nested = {each.name: _held(each) for each in folder.filled}
    for name, held in nested.items():
        if len(twice := names & held) > 1:
            what = f"{name!r} holds folders that stand beside it too ({name_some(sorted(twice))})"
            raise DatasetError(what, folder.path, "If it is a copy of them, move it elsewhere.")
    without = [each.name for each in folder.filled if not each.own.pictures]
    times = Counter(held for name in without for held in nested[name])
    shared = sorted(name for name, count in times.items() if count > 1)
    if shared and any(len(nested[name]) > 1 for name in without):
        holding = [name for name in without if nested[name] & {*shared}]
        raise DatasetError(
            f"the same folders ({name_some(shared)}) stand in several ({name_some(holding)}): "
            "which are the classes?",
            folder.path,
            "If the outer ones are splits, rename them train and test. If they are the classes, "
            "choose `label_from` top; if the inner ones are, `label_from` parent.",
        )


def _refuse_classes_with_splits(folder: Folder) -> None:
    """Refuse folders called cat_train and cat_test, dog_train and dog_test; or cat and cat_test."""
    likes = [split_like(each.name) for each in folder.filled]
    rests = Counter(like.rest for like in likes if like and like.rest)
    classes = {words(each.name) for each in folder.filled}
    if any((count > 1 and len(rests) > 1) or rest in classes for rest, count in rests.items()):
        names = name_some([each.name for each in folder.filled])
        raise DatasetError(
            f"the names of its folders hold a class and a split ({names})",
            folder.path,
            "Make folders train and test, and a folder for each class in both.",
        )


def _held(folder: Folder) -> set[str]:
    """Return the names of the folders of pictures in a folder, or in the one that it holds."""
    while only := folder.only_folder:
        folder = only
    return {each.name for each in folder.filled}


def _hold_the_same(folders: Sequence[Folder]) -> bool:
    return bool(set.intersection(*map(_held, folders)))

"""Which folders are splits, by their names and by what they hold; what is unclear is an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import get_args

from catclf.errors import DatasetError, name_some
from catclf.pictures.folders import Folder
from catclf.sources.file_names import labels_in_names
from catclf.sources.names import (
    NamedSplit,
    is_companion,
    is_date,
    is_generic,
    name_splits,
    split_like,
    split_of,
    words,
)

SAMPLED_NAMES = 100
SPLITS: tuple[NamedSplit, ...] = get_args(NamedSplit)


def find_splits(
    folder: Folder, classes_by_folder: bool
) -> tuple[list[tuple[Folder, NamedSplit]], list[Folder]]:
    """Return the splits in a folder, train first, and the folders that are none of them.

    No split where the folders are classes, unless `classes_by_folder` is false: then they can be
    splits alone. DatasetError where it is not known which they are.
    """
    folders = folder.filled
    named = name_splits((each.name for each in folders), lambda: _hold_the_same(folders))
    if len(set(named.values())) < 2 and not (len(folders) > 1 and _hold_the_same(folders)):
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
                f"{other.name!r} is not named as a split, but {found[0][0].name!r} is",
                folder.path,
                "Rename it to train, test or val, or move it into one of them, or elsewhere. If "
                "all of the folders are classes, choose `label_from` top.",
            )
    if "train" not in named.values():
        what = f"holds no train split, only {name_some(list(named))}"
        raise DatasetError(what, folder.path, "Add a folder train, or rename one of them.")
    return found, others


def splits_of_classes(classes: Sequence[Folder]) -> dict[str, NamedSplit]:
    """Return the splits, by their names, that stand in class folders: cat/train and cat/test."""
    within = {each.name for folder in classes for each in folder.filled}
    found = [name_splits(each.name for each in folder.filled) for folder in classes]
    splits = {name: split for each in found for name, split in each.items()}
    is_all = len(splits) == len(within) or len(set(splits.values())) > 1
    return splits if is_all and sum(map(bool, found)) > 1 else {}


def enter(folder: Folder, into_splits: bool = True) -> Folder:
    """Return the folder inside of those that hold nothing but one other, be that a split or not."""
    while (only := folder.only_folder) and (into_splits or not split_of(only.name)):
        folder = only
    return folder


def refuse_unclear(folder: Folder, splits: Collection[str] = ()) -> None:
    """Refuse class folders that may be something else; those in them called `splits` are splits."""
    folders = folder.filled
    names = {each.name for each in folders}
    for each in folders:
        if len(twice := names & _held(each)) > 1:
            same = name_some(sorted(twice))
            what = f"{each.name!r} holds folders with the names of its siblings ({same})"
            raise DatasetError(what, folder.path, "If it is a copy of these, move it elsewhere.")
    nested = {each.name: _held(each) for each in folders if not each.own.pictures}
    if splits:
        within = {each.name: [s for s in each.filled if s.name in splits] for each in folders}
        nested = {name: set[str]().union(*map(_held, held)) for name, held in within.items()}
    times = Counter(held for names in nested.values() for held in names)
    shared = sorted(name for name, count in times.items() if count > 1)
    if shared and any(len(names) > 1 for names in nested.values()):
        holding = [name for name, names in nested.items() if names & {*shared}]
        raise DatasetError(
            f"folders of the same names ({name_some(shared)}) are in several folders "
            f"({name_some(holding)}): it is unclear which are the classes",
            folder.path,
            "If the outer ones are splits, rename them to train and test. If they are classes, "
            "choose `label_from` top; if the inner ones are, `label_from` parent.",
        )
    if (
        len(folders) > 1
        and any(map(is_generic, names))
        and all(is_generic(name) or is_companion(name) for name in names)
    ) or (len(folders) > 2 and all(map(is_date, names))):
        what = f"its folders ({name_some(sorted(names))}) do not look like classes"
        raise DatasetError(what, folder.path, "If they are the classes, choose `label_from` top.")
    for name, held in nested.items():
        if not splits and len(set(name_splits(held).values())) > 1:
            what = f"{name!r} holds splits ({name_some(sorted(held))}), but others beside it do not"
            fix = "Name only that folder; or, if the folders are classes, choose `label_from` top."
            raise DatasetError(what, folder.path, fix)
    flat = [each for each in folders if not each.filled]
    labels = [labels_in_names(each.own.pictures[:SAMPLED_NAMES]) for each in flat]
    if any(labels.count(each) > 1 for each in labels if each):
        said = name_some(max(labels))
        what = f"the file names in several folders begin with the same words ({said})"
        fix = "If these are the classes, choose `label_from` name; if the folders are, top."
        raise DatasetError(what, folder.path, fix)
    outer = [each for each in folders if len(each.filled) > 1 and not each.own.pictures]
    is_outer = outer and len(outer) >= len(folders) - len(flat[:1])
    if any(len(held) > 1 for held in nested.values()) if splits else is_outer:
        deeper = sorted({name for held in nested.values() for name in held})
        raise DatasetError(
            f"the classes may be its folders ({name_some(sorted(names))}), or those inside them "
            f"({name_some(deeper)})",
            folder.path,
            "Choose `label_from` top or parent, or name the folder that holds the classes.",
        )


def _refuse_classes_with_splits(folder: Folder) -> None:
    """Refuse folders called cat_train and cat_test, dog_train and dog_test; or cat and cat_test."""
    likes = [split_like(each.name) for each in folder.filled]
    rests = Counter(like.rest for like in likes if like and like.rest)
    classes = {words(each.name) for each in folder.filled}
    if any((count > 1 and len(rests) > 1) or rest in classes for rest, count in rests.items()):
        names = name_some([each.name for each in folder.filled])
        raise DatasetError(
            f"the names of its folders combine a class and a split ({names})",
            folder.path,
            "Make folders train and test, with a folder for each class in both.",
        )


def _held(folder: Folder) -> set[str]:
    """Return the names of the folders of pictures in a folder, or in the one that it holds."""
    return {each.name for each in enter(folder).filled}


def _hold_the_same(folders: Sequence[Folder]) -> bool:
    return bool(set.intersection(*map(_held, folders)))

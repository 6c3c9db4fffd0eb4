"""Folders as people have them: class folders, in split folders or not, or beside a table.

What a folder's name and what stands in it leave open is an error that asks, never a guess; what was
understood of names that are not plainly train and test is told.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

from catclf.errors import DatasetError, PictureError, name_some, printable
from catclf.observer import Observer, Skipped
from catclf.pictures.folders import Folder, Found
from catclf.sources.file_names import label_from_name, labels_in_names
from catclf.sources.labeled import Labeled, Listing, tell_splits, tell_validation
from catclf.sources.names import (
    NamedSplit,
    class_name,
    name_splits,
    split_like,
    split_of,
    used_splits,
)
from catclf.sources.tables import is_table, list_table

LabelFrom = Literal["layout", "top", "parent", "name"]
LABELS_FROM: tuple[LabelFrom, ...] = get_args(LabelFrom)

SPLITS: tuple[NamedSplit, ...] = get_args(NamedSplit)
STRAY = "picture in no class folder"
LEFT_OUT = "picture in a folder that is left out"
UNLISTED = "picture that the table does not list"


def list_folder(path: str, observer: Observer, label_from: LabelFrom = "layout") -> Listing:
    """List the pictures in a folder, with the class that `label_from` says.

    ``layout``: by the folders. These are class folders; or split folders of them, known by their
    names; or class folders of split folders; all of it inside any number of folders that hold
    nothing else. Where pictures stand in one folder, a table beside them or among them says the
    classes. ``top`` takes the first folder below `path` for the class, ``parent`` the one that a
    picture stands in, and ``name`` what stands before the last number of its name.

    DatasetError where that is not known, where a class folder is empty, or where a folder cannot be
    opened.
    """
    reader = _Reader(observer, label_from)
    try:
        reader.read(Folder(path))
    except PictureError as error:  # a folder that may not be opened
        raise DatasetError(error.what, error.where, error.fix) from None
    return reader.listing(path)


class _Reader:
    """Collects the pictures of one folder."""

    def __init__(self, observer: Observer, label_from: LabelFrom) -> None:
        self.observer, self.label_from = observer, label_from
        self.pictures: list[tuple[Labeled, NamedSplit | None]] = []
        self.skipped: list[Skipped] = []

    def listing(self, path: str) -> Listing:
        """Return what was collected, without a validation split beside train and test."""
        used = used_splits(split for _, split in self.pictures if split)
        pictures = [
            picture if split is None else replace(picture, split=used[split])
            for picture, split in self.pictures
            if split is None or split in used
        ]
        if len(pictures) < len(self.pictures):
            tell_validation(path, len(self.pictures) - len(pictures), self.observer)
        return Listing(pictures, self.skipped)

    def read(self, source: Folder) -> None:
        """Collect the pictures of a source: of its splits, or of all of it."""
        if self.label_from == "top":
            self._read_classes(source)
            return
        folder = self._entered(source, split_may_be=True)
        splits = self._splits(folder)
        if not splits:
            self._read_labeled(folder, None)
            return
        tell_splits({each.name: split for each, split in splits}, self.observer)
        self._skip(folder.own, STRAY)
        for split_folder, split in splits:
            self._read_labeled(self._entered(split_folder), split)
        if not self.pictures or not any(split == "train" for _, split in splits):
            named = name_some([each.name for each, _ in splits])
            what = f"names only a test split ({named}): there is nothing to train on"
            raise DatasetError(what, folder.path, "Name the source of the train split beside it.")

    # ------------------------------------------------------------------ which folders are splits

    def _splits(self, folder: Folder) -> list[tuple[Folder, NamedSplit]]:
        """Return the folders that are splits; none where the folders are classes."""
        folders = _with_pictures(folder)
        named = name_splits(each.name for each in folders)
        likes = {each.name: like for each in folders if (like := split_like(each.name))}
        splits = {like.split for like in likes.values()}
        if len(set(named.values())) < 2 and len(likes) == len(folders) and len(splits) > 1:
            # public_test and private_test beside train, or steam_train beside test_tube?
            if _same_names(folders):
                named = {name: like.split for name, like in likes.items()}
            elif len({like.rest for like in likes.values()}) < len(folders):
                names = name_some([each.name for each in folders])
                raise DatasetError(
                    f"the names of its folders hold a class and a split ({names})",
                    folder.path,
                    "Sort them into folders train and test, and a folder for each class in these.",
                )
        others = [each for each in folders if each.name not in named]
        if not named or (len(set(named.values())) == 1 and others and self._are_classes(folders)):
            return []
        found = [(each, named[each.name]) for each in folders if each.name in named]
        found.sort(key=lambda each: SPLITS.index(each[1]))
        one_split = len(set(named.values())) == 1
        for other in others:
            if one_split or _same_names([other, found[0][0]]):
                raise DatasetError(
                    f"{other.name!r} is not named as a split, as {found[0][0].name!r} beside it is",
                    folder.path,
                    "Name every split as one: train, test, val. Or, if all of the folders are "
                    "classes, choose `label_from` top.",
                )
            self._skip(other.find(), LEFT_OUT)
        return found

    def _are_classes(self, folders: Sequence[Folder]) -> bool:
        """Tell whether folders, one of them called as a split, are classes: train, the vehicle."""
        named = [each for each in folders if split_of(each.name)]
        return self.label_from == "name" or all(
            split_of(each.name) == "train" and each.own.pictures for each in named
        )

    # ------------------------------------------------------------------------- what is a class

    def _read_labeled(self, folder: Folder, split: NamedSplit | None) -> None:
        """Collect the pictures of a folder that holds no splits, or is one."""
        if self.label_from == "name":
            self._read_names(folder, split)
        elif self.label_from == "parent":
            self._read_parents(folder, split)
        elif len(_with_pictures(folder)) < 2 and (tables := _tables(folder)):
            self._read_table(folder, tables, split)
        elif split in ("test", "validation") and not _with_pictures(folder):
            self._skip(folder.own, LEFT_OUT)
            pictures = len(folder.own.pictures)
            self.observer.warning(
                f"{printable(folder.path)}: left out, pictures without labels ({pictures})"
            )
        else:
            self._read_classes(folder, split)

    def _read_classes(self, folder: Folder, split: NamedSplit | None = None) -> None:
        """Collect the pictures of class folders."""
        folders = folder.folders
        if not any(each.has_pictures for each in folders):
            raise _no_class_folders(folder)
        for each in folders:
            if not each.has_pictures:
                what, fix = "a class folder without pictures", "Put pictures of the class into it"
                raise DatasetError(what, each.path, f"{fix}, or move it elsewhere.")
        if self.label_from == "layout":
            deeper = [(each.name, one.name) for each in folders for one in _with_pictures(each)]
            within = {name for _, name in deeper}
            splits = name_splits(within)
            if (
                split is None
                and splits
                and (len(splits) == len(within) or len(set(splits.values())) > 1)
            ):
                for each in folders:
                    self._read_splits_of_class(each, splits)
                self._skip(folder.own, STRAY)
                return
            _refuse_copy(folders)
            _refuse_same_names(folder)
            if deeper:
                self.observer.note(
                    f"the classes are the folders in {printable(folder.path)}; what stands deeper "
                    f"is of them too: {name_some(['/'.join(each) for each in deeper])}"
                )
        for each in folders:
            self._add(each.find(), each.name, split)
        self._skip(folder.own, STRAY)

    def _read_splits_of_class(self, folder: Folder, splits: dict[str, NamedSplit]) -> None:
        """Collect the pictures of a class folder that holds split folders."""
        stray = [*folder.own.pictures]
        for each in folder.folders:
            if each.name in splits:
                self._add(each.find(), folder.name, splits[each.name])
            else:
                stray += each.find().pictures
        if stray:
            raise DatasetError(
                f"holds pictures in no split, beside {name_some(sorted(splits))}: "
                f"{name_some(stray)}",
                folder.path,
                "Move them into one of the splits.",
            )
        self._skip(folder.own, STRAY)

    def _read_table(self, folder: Folder, tables: Sequence[str], split: NamedSplit | None) -> None:
        """Collect the pictures that the one table in a folder lists."""
        if len(tables) > 1:
            raise DatasetError(
                f"holds pictures in no class folders, and {len(tables)} tables",
                folder.path,
                f"Name the table that has their labels: {name_some(tables)}",
            )
        (table,) = tables
        self.observer.note(f"the labels are those of {printable(table)}")
        listing = list_table(table, self.observer)
        self.pictures += [(each, split or each.split) for each in listing.pictures]
        listed = {os.path.normpath(each.name) for each in listing.pictures}
        found = folder.find()
        unlisted = [path for path in found.pictures if os.path.normpath(path) not in listed]
        others = [each for each in found.skipped if each.path != table]
        self._skip(Found(unlisted, others, found.closed), UNLISTED)

    def _read_names(self, folder: Folder, split: NamedSplit | None) -> None:
        """Collect the pictures of a folder, each of the class that its name begins with."""
        found = folder.find()
        labels = {path: label_from_name(os.path.basename(path)) for path in found.pictures}
        without = [path for path, label in labels.items() if label is None]
        if without and len(without) == len(labels) and split in ("test", "validation"):
            self._skip(found, LEFT_OUT)
            self.observer.warning(
                f"{printable(folder.path)}: left out, names without labels "
                f"({len(without)} pictures)"
            )
            return
        if without:
            raise DatasetError(
                f"{len(without)} of {len(labels)} names hold no label before a number "
                f"({name_some(without)})",
                folder.path,
                "Rename them as cat.12.jpg or cat_12.jpg, or move them elsewhere.",
            )
        for path, label in labels.items():
            self._add(Found([path]), label or "", split)
        self._skip(Found([], found.skipped, found.closed), STRAY)

    def _read_parents(self, folder: Folder, split: NamedSplit | None) -> None:
        """Collect the pictures of a folder, each of the class of the folder that it stands in."""
        found = folder.find()
        stray = set(folder.own.pictures)
        for path in found.pictures:
            if path not in stray:
                self._add(Found([path]), os.path.basename(os.path.dirname(path)), split)
        self._skip(Found(folder.own.pictures, found.skipped, found.closed), STRAY)
        if len(stray) == len(found.pictures):
            raise _no_class_folders(folder)

    # ------------------------------------------------------------------------------ bookkeeping

    def _entered(self, folder: Folder, split_may_be: bool = False) -> Folder:
        """Return the folder inside of those that hold nothing but one other; tell of them."""
        inner = folder
        while (only := _only_folder(inner)) and not (split_may_be and split_of(only.name)):
            for other in (each for each in inner.folders if each is not only):
                self._skip(other.find(), LEFT_OUT)
            self._skip(inner.own, STRAY)
            inner = only
        if inner is not folder:
            self.observer.note(f"{printable(folder.path)}: entered {printable(inner.path)}")
        return inner

    def _add(self, found: Found, name: str, split: NamedSplit | None) -> None:
        name = class_name(name)
        self.pictures += [(Labeled(path, name, None, path), split) for path in found.pictures]
        self._skip(Found([], found.skipped, found.closed), STRAY)

    def _skip(self, found: Found, kind: str) -> None:
        """Count what is left out: the pictures as `kind`, and the others as what they are."""
        if found.closed:
            raise found.closed[0]
        self.skipped += [Skipped(path, kind) for path in found.pictures]
        self.skipped += found.skipped


def _with_pictures(folder: Folder) -> list[Folder]:
    return [each for each in folder.folders if each.has_pictures]


def _only_folder(folder: Folder) -> Folder | None:
    """Return the one folder that all pictures stand in, where that holds folders of them itself.

    None where an empty folder stands beside it: that may be meant for a class.
    """
    inside = _with_pictures(folder)
    if folder.own.pictures or len(inside) != 1:
        return None
    (only,) = inside
    empty = any(not each.find().skipped for each in folder.folders if each is not only)
    deeper = len(_with_pictures(only))
    return None if empty or deeper == 0 or (deeper == 1 and only.own.pictures) else only


def _nested(folder: Folder) -> set[str]:
    """Return the names of the folders of pictures in a folder, or in the one that it holds."""
    while only := _only_folder(folder):
        folder = only
    return {each.name for each in _with_pictures(folder)}


def _same_names(folders: Sequence[Folder]) -> bool:
    """Tell whether the same folders stand in all of some folders."""
    return bool(set.intersection(*map(_nested, folders)))


def _tables(folder: Folder) -> list[str]:
    return [each.path for each in folder.own.skipped if is_table(each.path)]


def _refuse_copy(folders: Sequence[Folder]) -> None:
    """Refuse a folder that holds what stands beside it too, as some archives do."""
    names = {each.name for each in folders}
    for each in folders:
        if len(twice := names & _nested(each)) > 1:
            what = f"holds folders that stand beside it too ({name_some(sorted(twice))})"
            raise DatasetError(what, each.path, "If it is a copy of them, move it elsewhere.")


def _refuse_same_names(folder: Folder) -> None:
    """Refuse folders that hold the same folders and no pictures: either may be the classes."""
    nested = {each.name: _nested(each) for each in folder.folders if not each.own.pictures}
    times = Counter(name for names in nested.values() for name in names)
    shared = sorted(name for name, count in times.items() if count > 1)
    if shared and any(len(names) > 1 for names in nested.values()):
        holding = [name for name, names in nested.items() if names & {*shared}]
        raise DatasetError(
            f"the same folders ({name_some(shared)}) stand in several ({name_some(holding)}): "
            "which are the classes?",
            folder.path,
            "If the outer ones are splits, rename them train and test. If they are the classes, "
            "choose `label_from` top; if the inner ones are, `label_from` parent.",
        )


def _no_class_folders(folder: Folder) -> DatasetError:
    """Return the error for a folder without class folders, with what it holds instead."""
    if pictures := folder.own.pictures:
        fix = "Name the folder above it, or sort the pictures into a folder for each class."
        if labels := labels_in_names([os.path.basename(path) for path in pictures]):
            fix = (
                f"If the names of the files say it ({name_some(labels)}), choose `label_from` "
                "name; else sort the pictures into a folder for each class."
            )
        return DatasetError("holds pictures, but no class folders", folder.path, fix)
    skipped = folder.find().skipped
    for kind, fix in (
        ("table", "Name it."),
        ("array file", "Name it."),
        ("archive", "Extract it."),
    ):
        if found := [each.path for each in skipped if each.kind == kind]:
            what = f"holds no class folders with pictures, but {kind}s: {name_some(found)}"
            return DatasetError(what, folder.path, fix)
    return DatasetError(
        "holds no class folders with pictures",
        folder.path,
        "Make a folder for each class inside it, such as cat/ and noncat/.",
    )

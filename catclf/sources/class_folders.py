"""Folders as people have them: class folders, in split folders or not, or beside a table.

What a folder's name and what stands in it leave open is an error that asks, never a guess; what was
understood of names that are not plainly train and test is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

from catclf.errors import DatasetError, PictureError, name_some, printable
from catclf.observer import Observer, Skipped
from catclf.pictures.folders import Folder, Found
from catclf.sources.file_names import label_from_name, labels_in_names
from catclf.sources.folder_tables import (
    has_labels,
    is_of_split,
    list_table_in,
    table_with_splits,
    tables_in,
)
from catclf.sources.labeled import Labeled, Listing, tell_splits
from catclf.sources.names import (
    NamedSplit,
    class_name,
    is_generic,
    name_splits,
    split_like,
    split_of,
)
from catclf.sources.split_folders import enter, find_splits, refuse_unclear, splits_of_classes

LabelFrom = Literal["layout", "top", "parent", "name"]
LABELS_FROM: tuple[LabelFrom, ...] = get_args(LabelFrom)

_MASK = re.compile(r"(.+)[ _-](?:mask|gt|seg|segmentation)(?:_\d+)?", re.DOTALL)
STRAY = "picture outside the class folders"
BESIDE = "picture outside the splits"
UNLABELED = "picture without a label"
UNLISTED = "picture not listed in the table"


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
    _refuse_masks(path, [picture.name for picture in reader.pictures])
    lists = [each.path for each in reader.skipped if each.kind in ("text file", "table")]
    lists = [each for each in lists if split_of(os.path.splitext(os.path.basename(each))[0])]
    if lists and not any(picture.split for picture in reader.pictures):
        observer.note(f"not used, though they may list the splits: {name_some(lists)}")
    return Listing(reader.pictures, reader.skipped)


class _Reader:
    """Collects the pictures of one folder."""

    def __init__(self, observer: Observer, label_from: LabelFrom) -> None:
        self.observer, self.label_from = observer, label_from
        self.pictures: list[Labeled] = []
        self.skipped: list[Skipped] = []
        self.passed: list[str] = []  # tables in folders that were entered

    def read(self, source: Folder) -> None:
        """Collect the pictures of a source: of its splits, or of all of it."""
        if self.label_from == "top":
            self._read_classes(source)
            return
        folder = self._entered(source, enter(source, into_splits=False))
        splits, others = find_splits(folder, self.label_from != "name")
        if not splits:
            self._read_labeled(folder, None)
            return
        tables = tables_in(folder)
        are_flat = self.label_from == "layout" and all(self._is_flat(each) for each, _ in splits)
        with_labels = [each for each in tables if are_flat and has_labels(each, splits)]
        if with_labels:
            self._read_tables(folder, with_labels, None)
            return
        tell_splits({each.name: split for each, split in splits}, self.observer)
        for other in others:
            self._skip(other.find(), BESIDE)
        self._skip(folder.own, BESIDE)
        for each, split in splits:
            self._read_labeled(self._entered(each, enter(each)), split, tables)

    def _read_labeled(
        self, folder: Folder, split: NamedSplit | None, above: Sequence[str] = ()
    ) -> None:
        """Collect the pictures of a folder that holds no splits, or is one; tables stand above."""
        if self.label_from == "name":
            self._read_names(folder, split)
        elif self.label_from == "parent":
            self._read_parents(folder, split)
        elif (inner := self._all_in_one(folder)) is None:
            if (tables := tables_in(folder)) and all(
                is_generic(each.name) for each in folder.filled
            ):
                self._read_tables(folder, tables, split)
            else:
                self._read_classes(folder, split)
        elif tables := tables_in(folder) or tables_in(inner) or self.passed:
            self._read_tables(folder, tables, split)
        elif named := [table for table in above if is_of_split(table, split)]:
            raise _no_class_folders(inner, named)
        elif split in ("test", "validation") and (inner is folder or _is_no_class(inner)):
            self._skip(folder.find(), UNLABELED)
        elif inner is folder or above or _is_no_class(inner):
            raise _no_class_folders(inner, above)
        else:  # another source may have the other classes
            self._read_classes(folder, split)

    def _all_in_one(self, folder: Folder) -> Folder | None:
        """Return the folder that all pictures stand in, if they are of no class of another split.

        None where an empty folder stands beside it: that may be meant for a class.
        """
        if not folder.filled:
            return folder
        inner = folder.filled[0]
        classes = {picture.class_name for picture in self.pictures}
        is_class = inner.filled or class_name(inner.name) in classes
        if len(folder.filled) > 1 or folder.own.pictures or is_class or folder.has_empty:
            return None
        return inner

    def _is_flat(self, folder: Folder) -> bool:
        inner = self._all_in_one(folder)
        return inner is not None and not tables_in(folder) and not tables_in(inner)

    def _read_classes(self, folder: Folder, split: NamedSplit | None = None) -> None:
        """Collect the pictures of class folders."""
        folders = folder.filled
        if not folders:
            raise _no_class_folders(folder)
        _refuse_one_name(folder)
        for each in folder.folders:
            if each.has_pictures:
                continue
            found = each.find()
            if not found.skipped:
                what, fix = "an empty class folder", "Put pictures of the class into it"
                raise DatasetError(what, each.path, f"{fix}, or remove it.")
            self._skip(found, STRAY)
        if self.label_from == "layout":
            if table := table_with_splits(folder):
                self._read_tables(folder, [table], split)
                return
            splits = {} if split else splits_of_classes(folders)
            refuse_unclear(folder, splits)
            if splits:
                tell_splits(splits, self.observer)
                for each in folders:
                    self._read_splits_of_class(each, splits)
                self._skip(folder.own, STRAY)
                return
            deeper = [f"{each.name}/{one.name}" for each in folders for one in each.filled]
            if deeper:
                self.observer.note(
                    f"the classes are the folders in {printable(folder.path)}; those inside them "
                    f"are included: {name_some(deeper)}"
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
                f"holds pictures outside its splits ({name_some(sorted(splits))}): "
                f"{name_some(stray)}",
                folder.path,
                "Move them into one of the splits.",
            )
        self._skip(folder.own, STRAY)

    def _read_tables(self, folder: Folder, tables: Sequence[str], split: NamedSplit | None) -> None:
        """Collect the pictures that the table in a folder lists, or one table for each split."""
        stems = {table: os.path.splitext(os.path.basename(table))[0] for table in tables}
        named = name_splits(stems.values())
        if len(tables) > 1 and (split or len(named) < len(tables)):
            raise DatasetError(
                f"holds pictures without class folders, and {len(tables)} tables",
                folder.path,
                f"Name the tables that hold the labels: {name_some(tables)}",
            )
        self.observer.note(f"the labels are read from {name_some(tables)}")
        for table in tables:
            own = split or (named[stems[table]] if len(tables) > 1 else None)
            listing = list_table_in(table, self.observer)
            if own and any(each.split not in (None, own) for each in listing.pictures):
                what = f"assigns pictures to another split than {own}"
                fix = "Correct it, or name the table itself."
                raise DatasetError(what, table, fix)
            self.pictures += [replace(each, split=own or each.split) for each in listing.pictures]
        listed = {os.path.normpath(each.name) for each in self.pictures}
        found = folder.find()
        unlisted = [path for path in found.pictures if os.path.normpath(path) not in listed]
        self._skip(Found(unlisted, found.skipped, found.closed), UNLISTED)
        self.skipped = [each for each in self.skipped if each.path not in tables]

    def _read_names(self, folder: Folder, split: NamedSplit | None) -> None:
        """Collect the pictures of a folder, each of the class that its name begins with."""
        found = folder.find()
        labels = {path: label_from_name(os.path.basename(path)) for path in found.pictures}
        without = [path for path, label in labels.items() if label is None]
        if without and len(without) == len(labels) and split in ("test", "validation"):
            self._skip(found, UNLABELED)
            return
        if without:
            raise DatasetError(
                f"{len(without)} of {len(labels)} file names have no label before a number "
                f"({name_some(without)})",
                folder.path,
                "Rename them like cat.12.jpg or cat_12.jpg, or move them elsewhere.",
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

    def _entered(self, folder: Folder, inner: Folder) -> Folder:
        """Return the folder inside of those that hold nothing but one other; tell of it."""
        outer = folder
        while outer is not inner and (only := outer.only_folder):
            for other in (each for each in outer.folders if each is not only):
                self._skip(other.find(), BESIDE)
            self._skip(outer.own, STRAY)
            self.passed += tables_in(outer)
            outer = only
        if inner is not folder:
            self.observer.note(
                f"{printable(folder.path)}: used the folder inside it, {printable(inner.path)}"
            )
        return inner

    def _add(self, found: Found, name: str, split: NamedSplit | None) -> None:
        name = class_name(name)
        self.pictures += [Labeled(path, name, split, path) for path in found.pictures]
        self._skip(Found([], found.skipped, found.closed), STRAY)

    def _skip(self, found: Found, kind: str) -> None:
        """Count what is left out: the pictures as `kind`, and the others as what they are."""
        if found.closed:
            raise found.closed[0]
        self.skipped += [Skipped(path, kind) for path in found.pictures]
        self.skipped += found.skipped


def _refuse_one_name(folder: Folder) -> None:
    """Refuse class folders beside each other whose names look the same."""
    first: dict[str, str] = {}
    for name in (each.name for each in folder.filled):
        other = first.setdefault(class_name(name), name)
        if other != name:
            raise DatasetError(
                f"{other!r} and {name!r} may be the same class: they differ only by blanks or "
                "Unicode form",
                folder.path,
                "Give the class one name, or the classes names that differ more.",
            )


def _is_no_class(folder: Folder) -> bool:
    """Tell whether a folder of pictures is surely no class: by its name, or by theirs."""
    is_named = is_generic(folder.name) or split_like(folder.name) is not None
    return is_named or bool(labels_in_names(folder.own.pictures))


def _refuse_masks(folder: str, pictures: Sequence[str]) -> None:
    """Refuse pictures beside their masks, as x_mask.png beside x.png: these are none of a class."""
    stems = [os.path.splitext(path)[0] for path in pictures]
    found = [(path, _MASK.fullmatch(stem)) for path, stem in zip(pictures, stems, strict=True)]
    known = set(stems)
    masks = [path for path, match in found if match and match[1] in known]
    if masks:
        what = f"holds {len(masks)} pictures that are masks of other pictures ({name_some(masks)})"
        raise DatasetError(what, folder, "Move the masks elsewhere.")


def _no_class_folders(folder: Folder, tables: Sequence[str] = ()) -> DatasetError:
    """Return the error for a folder without class folders, with what it holds instead."""
    if pictures := folder.own.pictures:
        fix = "Sort them into a folder for each class, and name the folder above."
        if tables:
            fix = f"Name the tables that hold the labels: {name_some(tables)}"
        if labels := labels_in_names(pictures):
            fix = (
                f"If the file names begin with the class ({name_some(labels)}), choose "
                "`label_from` name; else sort them into a folder for each class."
            )
        return DatasetError("holds pictures, but no class folders", folder.path, fix)
    skipped = folder.find().skipped
    for kind, fix in (
        ("table", "Name the one to read."),
        ("array file", "Name those to read."),
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

"""Tables that stand in folders of pictures, and what they say of these."""

from __future__ import annotations

import os
from collections.abc import Sequence

from catclf.errors import DatasetError, name_some
from catclf.observer import Observer
from catclf.pictures.folders import Folder
from catclf.sources.labeled import Listing
from catclf.sources.names import NamedSplit, class_name, split_like


def tables_in(folder: Folder) -> list[str]:
    """Return the paths of the tables in a folder, in none of its folders."""
    return [each.path for each in folder.own.skipped if each.kind == "table"]


def has_labels(table: str, splits: Sequence[tuple[Folder, NamedSplit]]) -> bool:
    """Tell whether a table lists pictures of the train split, or of the split it is called by.

    A template for results lists those of the test split, with labels that say nothing.
    """
    try:
        listed = {os.path.normpath(each.name) for each in list_table_in(table, Observer()).pictures}
    except DatasetError:
        return False
    return any(
        not listed.isdisjoint(map(os.path.normpath, folder.find().pictures))
        for folder, split in splits
        if split == "train" or is_of_split(table, split)
    )


def is_of_split(table: str, split: NamedSplit | None) -> bool:
    """Tell whether a table is called by a split: test.csv, val_labels.csv."""
    like = split_like(os.path.splitext(os.path.basename(table))[0])
    return like is not None and like.split == split


def list_table_in(path: str, observer: Observer) -> Listing:
    """List a table, of which most folders have none: what reads them is imported here."""
    from catclf.sources.tables import list_table

    return list_table(path, observer)


def table_with_splits(folder: Folder) -> str | None:
    """Return the table beside class folders that says the splits of their pictures.

    DatasetError where a table says other classes of most of them.
    """
    if not (tables := tables_in(folder)):
        return None
    normal = os.path.normpath
    names = {normal(path): each.name for each in folder.folders for path in each.find().pictures}
    for table in tables:
        try:
            listed = list_table_in(table, Observer()).pictures
        except DatasetError:
            continue
        labels = {normal(each.name): each.class_name for each in listed}
        both = labels.keys() & names.keys()
        if 2 * len(both) <= len(names):
            continue
        if any(labels[path] != class_name(names[path]) for path in both):
            raise DatasetError(
                f"its folders ({name_some([each.name for each in folder.folders])}) and "
                f"{os.path.basename(table)} give different classes",
                folder.path,
                "Name the table to use its classes, or choose `label_from` top to use the folders.",
            )
        if any(each.split for each in listed):
            return table
    return None

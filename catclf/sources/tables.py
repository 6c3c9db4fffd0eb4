"""Tables of files and labels, and perhaps splits: a row a picture."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import zip_longest

from catclf.errors import DatasetError, name_some, printable
from catclf.observer import Observer
from catclf.pictures.folders import TABLE_SUFFIXES
from catclf.sources.cells import refuse_rows, shown
from catclf.sources.headers import (
    Column,
    Roles,
    Table,
    assign_roles,
    flagged_split,
    is_one,
    read_table,
    split_cells,
)
from catclf.sources.labeled import Labeled, Listing, tell_splits
from catclf.sources.names import (
    NamedSplit,
    class_name,
    is_missing,
    name_splits,
    several_labels,
)
from catclf.sources.places import Files

_ONE_LABEL = "Give each row one label, or remove it."


def is_table(path: str) -> bool:
    """Tell by a file's suffix whether it may be a table."""
    return os.path.splitext(path)[1].lower() in {*TABLE_SUFFIXES, ".txt"}


def list_table(path: str, observer: Observer) -> Listing:
    """List the pictures of a table, in the order of its rows; paths count from its folder.

    Which column is the file, the label and the split is known by their names, else by what is in
    them, and told where it is not by the names file, label and split. Without a column for it, the
    split is the folder in each path that is named as one. DatasetError where it is not clear; where
    rows lack a file, a label or a split, or have several labels; and where none of the pictures is
    there.
    """
    files = Files(path)
    table = read_table(path, files)
    roles = assign_roles(table, files)
    labels = _labels(table, roles.labels)
    splits = _splits(table, roles.split, observer)
    _check_files(table, roles)
    paths = roles.match.paths
    _check_labels(table, roles.file, paths, labels)
    _tell(table, roles, observer)
    if not any(splits):
        splits = _splits_in_paths(paths, table, observer)
    rows = zip(paths, labels, splits, strict=True)
    return Listing([Labeled(path, label, split, path) for path, label, split in rows], [])


def _check_files(table: Table, roles: Roles) -> None:
    """Raise DatasetError where files are not named, or none is there."""
    names, match = roles.file.cells, roles.match
    addresses = {name for name in names if re.match(r"[A-Za-z][\w+.-]+://", name)}
    table.refuse(roles.file, {""}, "has no file", "have no file", "Write the names of the files.")
    fix = "Download the pictures, and write the names of the files."
    table.refuse(roles.file, addresses, "is a web address", "are web addresses", fix)
    if match.rivals:
        what = f"its pictures may be those in {' or in '.join(match.rivals[:3])}"
        fix = "Write the folder before each name, or move the other pictures elsewhere."
        raise DatasetError(what, table.path, fix)
    if not match.found:
        where = printable(os.path.dirname(table.path) or os.curdir)
        raise DatasetError(
            f"none of its {len(names)} pictures is found: {shown(names[0])} "
            f"(line {table.lines[0]}) is not in {where} or a folder in it",
            table.path,
            "Paths are relative to the table's folder: move the table, or correct the paths.",
        )


def _labels(table: Table, columns: Sequence[Column]) -> list[str]:
    """Return the rows' labels. DatasetError where any have none, or several."""
    if len(columns) > 1:
        rows = [*zip(*(map(is_one, column.cells) for column in columns), strict=True)]
        wrong = [line for line, row in zip(table.lines, rows, strict=True) if sum(row) != 1]
        what = f"not have a single 1 among {name_some([c.name for c in columns])}"
        refuse_rows(table.path, wrong, f"does {what}", f"do {what}", _ONE_LABEL)
        return [class_name(columns[row.index(True)].header) for row in rows]
    (column,) = columns
    names = {cell: class_name(cell) for cell in set(column.cells)}
    fix = "Write the labels, or remove the rows."
    table.refuse(column, {*filter(is_missing, names)}, "has no label", "have no label", fix)
    labels = set(names.values())
    several = {cell for cell, name in names.items() if several_labels(name, labels)}
    table.refuse(column, several, "has several labels", "have several labels", _ONE_LABEL)
    return [names[cell] for cell in column.cells]


def _check_labels(
    table: Table, column: Column, paths: Sequence[str], labels: Sequence[str]
) -> None:
    """Raise DatasetError where rows give one file several labels."""
    first: dict[str, str] = {}
    files = [*map(os.path.normpath, paths)]
    given = zip(files, labels, strict=True)
    several = {file for file, label in given if first.setdefault(file, label) != label}
    wrong = {cell for cell, file in zip(column.cells, files, strict=True) if file in several}
    what, fix = "give a file several labels", "Give each file one label, or remove its rows."
    table.refuse(column, wrong, what, what, fix)


def _splits(table: Table, column: Column | None, observer: Observer) -> list[NamedSplit | None]:
    """Return the rows' splits, or none of any row. DatasetError where they are not known."""
    if not column or all(map(is_missing, set(column.cells))):
        return [None] * len(table.lines)
    known = split_cells(column)
    unknown = set(column.cells) - set(known)
    missing = {*filter(is_missing, unknown)}
    fix = "Write train, test or validation into each row."
    table.refuse(
        column, missing, "has no split, but others do", "have no split, but others do", fix
    )
    table.refuse(column, unknown, "has an unknown split", "have an unknown split", fix)
    if not flagged_split(column):
        tell_splits({cell: known[cell] for cell in sorted(known)}, observer)
    return [known[cell] for cell in column.cells]


def _splits_in_paths(
    paths: Sequence[str], table: Table, observer: Observer
) -> list[NamedSplit | None]:
    """Return the splits that folders in the paths of files are named as, all at the same depth."""
    folders = [*map(os.path.dirname, paths)]
    parts = {folder: os.path.normpath(folder).split(os.sep) for folder in {*folders}}
    for level in zip_longest(*parts.values(), fillvalue=""):
        splits = name_splits({*level})
        by_folder = dict(zip(parts, map(splits.get, level), strict=True))
        found = [by_folder[folder] for folder in folders]
        without = (path for split, path in zip(found, paths, strict=True) if not split)
        if len({*found} - {None}) > 1 and not any(map(os.path.exists, without)):
            observer.note(f"{printable(table.path)}: the splits are read from the paths")
            tell_splits({name: splits[name] for name in sorted(splits)}, observer)
            return found
    return [None] * len(paths)


def _tell(table: Table, roles: Roles, observer: Observer) -> None:
    """Tell what is used, where the columns' names and the paths don't say so, and what is not."""
    one_hot = len(roles.labels) > 1
    label = None if one_hot else roles.labels[0]
    columns = {"file": roles.file, "label": label, "split": roles.split}
    told = [f"the {role} is {c.name}" for role, c in columns.items() if c and c.plain != role]
    if one_hot:
        names = name_some([column.name for column in roles.labels])
        told.append(f"labels: the columns {names} (1 where the picture is of the class)")
    if told:
        told = [("" if table.has_header else "no header: ") + ", ".join(told)]
    used = {*roles.labels, *columns.values()}
    unused = [column.name for column in table.columns if column not in used]
    if unused:
        told.append(f"not used: {name_some(unused)}")
    if roles.match.places:
        told.append(f"its pictures are found in {name_some(roles.match.places)}")
    if told:
        observer.note(f"{printable(table.path)}: {'; '.join(told)}")

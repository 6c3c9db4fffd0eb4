"""CSV and TSV files of file, label and perhaps split: a line a picture."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from io import TextIOWrapper
from typing import Any

from catclf.errors import DatasetError
from catclf.files import open_regular
from catclf.observer import Observer
from catclf.sources.labeled import (
    Labeled,
    Listing,
    tell_validation,
)
from catclf.sources.names import NamedSplit, split_of, used_splits

NAMED_COLUMNS = 5  # in a message
DELIMITERS = {".csv": ",", ".tsv": "\t"}


def is_table(path: str) -> bool:
    """Tell by its suffix whether a file is a table."""
    return os.path.splitext(path)[1].lower() in DELIMITERS


def list_table(path: str, observer: Observer) -> Listing:
    """List a CSV or TSV, in the order of its lines; the paths in it count from its folder.

    DatasetError where a line is wrong, or the file cannot be read.
    """
    folder, kind = os.path.dirname(path), os.path.splitext(path)[1].lower()
    listed: list[tuple[str, str, NamedSplit | None]] = []
    try:
        with (
            open_regular(path, DatasetError) as stored,
            TextIOWrapper(stored, encoding="utf-8-sig", newline="") as file,
        ):
            rows = csv.reader(file, delimiter=DELIMITERS[kind], strict=True)
            for number, (name, class_name, split) in _rows(rows, path):
                if split and not split_of(split):
                    what = f"unknown split {split!r}"
                    raise DatasetError(what, f"{path}:{number}", "Write train, test or validation.")
                picture = os.path.join(folder, name)
                listed.append((picture, class_name, split_of(split)))
    except (csv.Error, UnicodeDecodeError) as error:
        name = kind[1:].upper()
        raise DatasetError(
            f"is not a {name} file in UTF-8 ({error})", path, f"Save it as {name}, in UTF-8."
        ) from error
    if not listed:
        raise DatasetError("lists no pictures", path, "Write one 'file,label' line a picture.")
    used = used_splits(split for *_, split in listed if split)
    pictures = [
        Labeled(picture, class_name, used[split] if split else None, picture)
        for picture, class_name, split in listed
        if split is None or split in used
    ]
    if len(pictures) < len(listed):
        tell_validation(path, len(listed) - len(pictures), observer)
    return Listing(pictures, [])


def _rows(rows: Any, path: str) -> Iterable[tuple[int, tuple[str, str, str]]]:
    """Yield (line, (file, label, split)); the first line names the columns."""
    header = [name.strip().lower() for name in next(rows, [])]
    if not {"file", "label"} <= set(header) or len(set(header)) < len(header):
        raise DatasetError(
            f"its first line names {', '.join(map(repr, header[:NAMED_COLUMNS])) or 'no columns'}, "
            "not 'file' and 'label', each once",
            path,
            "Begin a .csv with file,label or file,label,split; a .tsv has tabs instead.",
        )
    for row in rows:
        if not row:
            continue
        cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
        if (
            not cells.get("file")
            or not cells.get("label")
            or len(row) > len(header)
            or any("\0" in cell for cell in row)
        ):
            empty = [name for name in ("file", "label") if not cells.get(name)]
            what = f"has no {empty[0]}" if empty else "is not a line of " + ",".join(header)
            raise DatasetError(what, f"{path}:{rows.line_num}", "Fix the line.")
        yield rows.line_num, (cells["file"], cells["label"], cells.get("split", ""))

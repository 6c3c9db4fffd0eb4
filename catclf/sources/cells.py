"""A table file as cells of text, whatever its separator, its encoding or its format."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Any

from catclf.errors import DatasetError, name_some
from catclf.files import ZIP_SIGNATURE, open_regular
from catclf.pictures.folders import has_picture_suffix

SEPARATORS = ",;\t|"
JSON_SUFFIXES = (".jsonl", ".ndjson")
SAMPLE_CHARACTERS = 2**16  # by which the separator is known
SHOWN_CHARACTERS = 60  # of a cell, in a message
_SAVE = "Save it as CSV in UTF-8."
_JSON = re.compile(r"\s*(\[\s*)?\{")
_SPREADSHEETS = (ZIP_SIGNATURE, b"\xd0\xcf\x11\xe0")  # of Excel, new and old, and LibreOffice


@dataclass(frozen=True)
class Cells:
    """The rows of a table, all of one length, without blank ones."""

    rows: list[list[str]]
    lines: list[int]  # where each row ends in the file, from 1 on
    has_names: bool  # the first row is of names, surely: it may be in any case


def read_cells(path: str) -> Cells:
    """Read a table of cells between commas, semicolons, tabs or bars, or of JSON lines.

    DatasetError where it cannot be read, or a row is not like the first.
    """
    try:
        with open_regular(path, DatasetError) as stored:
            head = stored.read(4)
            if head in _SPREADSHEETS:
                raise DatasetError("is a spreadsheet", path, _SAVE)
            stored.seek(0)
            # Excel's "Unicode text" is UTF-16.
            is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            encoding = "utf-16" if is_utf16 else "utf-8-sig"
            with TextIOWrapper(stored, encoding=encoding, newline="") as file:
                sample = file.read(SAMPLE_CHARACTERS)
                file.seek(0)
                is_json = path.lower().endswith(JSON_SUFFIXES) or bool(_JSON.match(sample))
                numbered = _json_rows(file, path) if is_json else _rows(file, sample, path)
                kept = [(line, row) for line, row in numbered if any(row)]
    except UnicodeError as error:
        raise DatasetError("is not text in UTF-8", path, _SAVE) from error
    if not kept:
        raise no_pictures(path)
    width = len(kept[0][1])
    has_nul = [line for line, row in kept if any("\0" in cell for cell in row)]
    refuse_rows(path, has_nul, "has a NUL character", "have NUL characters", _SAVE)
    too_long = [line for line, row in kept if any(row[width:])]
    what = "more cells than the first line"
    fix = "Put double quotes around cells that contain the separator."
    refuse_rows(path, too_long, f"has {what}", f"have {what}", fix)
    rows = [[*row[:width], *[""] * (width - len(row))] for _, row in kept]
    return Cells(rows, [line for line, _ in kept], is_json)


def no_pictures(path: str) -> DatasetError:
    """Return the error for a table without rows."""
    return DatasetError("lists no pictures", path, "Write a line 'file,label' for each picture.")


def refuse_rows(path: str, lines: Sequence[int], one: str, many: str, fix: str) -> None:
    """Raise DatasetError where lines are wrong; `one` and `many` say what a row is, or rows are."""
    if len(lines) == 1:
        raise DatasetError(one, f"{path}:{lines[0]}", fix)
    if lines:
        where = name_some([*map(str, lines)])
        raise DatasetError(f"{len(lines)} rows {many} (lines {where})", path, fix)


def shown(text: str) -> str:
    """Return a cell as messages show it."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "...")


def _rows(file: TextIOWrapper, sample: str, path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells)."""
    line, separator = 0, _separator(sample)
    stated = re.match(rf'"?sep=([{re.escape(SEPARATORS)}])"?\s*?(\r\n|\r|\n)', sample)
    if stated:  # a line for Excel
        line, separator = 1, stated[1]
        next(file)
    if not separator:
        first = shown(sample.strip().partition("\n")[0].strip())
        what = f"has only one column: its first line is {first}"
        what = what if sample.strip() else "is empty"
        raise DatasetError(what, path, "Write a line 'file,label' for each picture.")
    skipped = line
    reader = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            line = skipped + reader.line_num
            yield line, [cell.strip() for cell in row]
    except csv.Error as error:
        raise DatasetError(
            f"is not a line of CSV ({error})", f"{path}:{line + 1}", "Close its double quotes."
        ) from error


def _separator(sample: str) -> str:
    """Return what stands between the cells; nothing where there is one a line.

    It leaves names of pictures whole, makes the first lines alike, and the most cells.
    """
    if len(sample) == SAMPLE_CHARACTERS:  # the last line is cut
        sample = sample[: sample.rfind("\n") + 1] or sample
    ranks: list[tuple[int, float, int, str]] = []
    for separator in SEPARATORS:
        reader = csv.reader(
            io.StringIO(sample, newline=""), delimiter=separator, skipinitialspace=True
        )
        try:
            rows = [row for row in reader if any(map(str.strip, row))]
        except csv.Error:
            continue
        if rows and sum(map(bool, rows[0])) > 1:
            pictures = sum(any(has_picture_suffix(cell.strip()) for cell in row) for row in rows)
            alike = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
            ranks.append((pictures, alike, len(rows[0]), separator))
    return max(ranks)[-1] if ranks else ""


def _json_rows(file: TextIOWrapper, path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells), first the names of them all."""
    objects: list[tuple[int, dict[str, str]]] = []
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            found = {key.strip(): _text(value) for key, value in json.loads(line).items()}
        except (ValueError, AttributeError, RecursionError) as error:
            what = "is not a JSON object"
            raise DatasetError(
                what, f"{path}:{number}", "Write one object on each line."
            ) from error
        objects.append((number, found))
    names = [*dict.fromkeys(name for _, found in objects for name in found)]
    yield 0, names
    for number, found in objects:
        yield number, [found.get(name, "") for name in names]


def _text(value: Any) -> str:
    """Return a JSON value as a cell. ValueError where it is not Unicode text."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text.encode()
    return "" if value is None else text.strip()

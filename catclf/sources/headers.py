"""Which columns of a table are the file, the label and the split."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from catclf.errors import DatasetError, name_some
from catclf.pictures.folders import has_picture_suffix
from catclf.sources.cells import no_pictures, read_cells, refuse_rows, shown
from catclf.sources.names import NamedSplit, is_missing, split_like, split_of
from catclf.sources.places import NEARLY_ALL, Files, Match

MOST_NUMBERS = 60  # in a row of what people write of pictures
SAMPLE_ROWS = 20  # by which a column may be the file

# What columns are called, in lower case and without separators. Of two the second is meant where
# no column is called as the first says.
_FILE_NAMES = (
    re.compile(
        "(image|img|picture|pic|photo|file)s?(file)?(name|path|id|index|uri|url|location)?s?"
        "|f(name|path)s?|(full|rel|relative)?paths?"
    ),
    re.compile("(id|name|uri|url)s?|idcode"),
)
_LABEL_NAMES = (
    re.compile(
        "(image|img|true|gt)?(label|class|category|categorie|target)(e?s)?"
        "(label|class|name|id|index|idx|code|text)?s?"
    ),
    re.compile("y|breed|species|diagnosis|dx|tags?|truth|groundtruth|annotations?"),
)
_SPLIT_NAMES = re.compile(
    "(data)?(split|subset|set|k?fold|partition|usage|phase)s?(name|id|no|index)?s?|train(val)?test"
)
_INDEX_NAMES = re.compile("|index|unnamed[0-9]+")  # as pandas writes its index
_TRUTHS = {
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y"), True),
    **dict.fromkeys(("0", "0.0", "false", "f", "no", "n"), False),
}
_CALL_THEM = "Name the columns file and label (or file, label and split)."


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table."""

    header: str
    name: str  # as messages call it
    plain: str  # its header in lower case, without separators
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table's columns, all of one length and without the header, and the lines of its rows."""

    path: str
    has_header: bool
    columns: list[Column]
    lines: list[int]

    def refuse(self, column: Column, wrong: Container[str], one: str, many: str, fix: str) -> None:
        """Raise DatasetError where cells of a column are wrong, with the first and the lines."""
        found = [each for each in zip(self.lines, column.cells, strict=True) if each[1] in wrong]
        if found:
            first = found[0][1] and shown(found[0][1])
            one, many = (f"{one}: {first}", f"{many}, such as {first}") if first else (one, many)
            refuse_rows(self.path, [line for line, _ in found], one, many, fix)


@dataclass(frozen=True)
class Roles:
    """Which columns of a table are used, and for what; of several labels a row has a 1 in one."""

    file: Column
    match: Match  # of the file's cells
    labels: list[Column]
    split: Column | None


def read_table(path: str, files: Files) -> Table:
    """Read a table; its first row is a header where no cell of it is a picture's name.

    DatasetError as of `read_cells`.
    """
    cells = read_cells(path)
    first = cells.rows[0]
    plain = ["".join(re.findall(r"[^\W_]+", name.casefold())) for name in first]
    has_header = cells.has_names or not (
        any(map(has_picture_suffix, first))
        or (not any(map(_is_file_name, plain)) and any(map(files.holds, first)))
    )
    rows = cells.rows[1:] if has_header else cells.rows
    if not rows:
        raise no_pictures(path)
    columns = []
    for number, column in enumerate(zip(*rows, strict=True)):
        name = f"column {number + 1}"
        if has_header and first[number]:
            columns.append(Column(first[number], shown(first[number]), plain[number], column))
        elif any(column):  # not what a separator at the end of each line makes
            columns.append(Column("", name, "" if has_header else name, column))
    return Table(path, has_header, columns, cells.lines[len(cells.rows) - len(rows) :])


def assign_roles(table: Table, files: Files) -> Roles:
    """Return which columns are what, by their names, else by what is in them.

    DatasetError where that is not clear.
    """
    file, match = _file(table, files)
    rest = [column for column in table.columns if column is not file]
    label = _label(table, rest)
    rest = [column for column in rest if column is not label]
    split = _split(table, rest)
    if label:
        return Roles(file, match, [label], split)
    rest = [
        column
        for column in rest
        if column is not split
        and not _INDEX_NAMES.fullmatch(column.plain)
        and not _SPLIT_NAMES.fullmatch(column.plain)
    ]
    if len(rest) == 1:
        return Roles(file, match, rest, split)
    binary = [column for column in rest if {*map(str.lower, column.cells)} <= {*_TRUTHS}]
    sums = [sum(row) for row in zip(*(map(is_one, each.cells) for each in binary), strict=True)]
    if len(binary) > 1 and (len(binary) == len(rest) or {*sums} == {1}):
        return Roles(file, match, binary, split)
    raise _unclear(table, "label")


def _unclear(table: Table, role: str) -> DatasetError:
    numbers = max(len(column.cells[0].split()) for column in table.columns)
    if max(numbers, len(table.columns)) > MOST_NUMBERS:
        what = "seems to hold pixels instead of the names of files"
        fix = "Save its numbers with np.savez(path, X=pixels, y=labels), and name that file."
        return DatasetError(what, table.path, fix)
    if not table.has_header:
        what = f"has {len(table.columns)} columns and no header: it is unclear which is the {role}"
        fix = "Begin it with a line that names them: file,label or file,label,split."
        return DatasetError(what, table.path, fix)
    names = name_some([column.name for column in table.columns])
    return DatasetError(f"no column is clearly the {role}: {names}", table.path, _CALL_THEM)


def _named(columns: Sequence[Column], names: Sequence[re.Pattern[str]]) -> list[Column]:
    """Return the columns with the first of some kinds of names that any column has."""
    found = ([c for c in columns if pattern.fullmatch(c.plain)] for pattern in names)
    return next(filter(None, found), [])


def _rivals(table: Table, columns: Sequence[Column], role: str) -> DatasetError:
    names = name_some([column.name for column in columns])
    fix = f"Name the right one {role}, and rename the others."
    return DatasetError(f"several columns may be the {role}: {names}", table.path, fix)


def _file(table: Table, files: Files) -> tuple[Column, Match]:
    """Return the column called file; else, of those called like it or of all, what names files."""
    exact = [column for column in table.columns if column.plain == "file"]
    called = exact or [column for column in table.columns if _is_file_name(column.plain)]
    matches = {column: files.match(column.cells) for column in called}
    if not exact and not any(match.found for match in matches.values()):
        enough = NEARLY_ALL * len(table.lines)
        for column in table.columns:
            sample = column.cells[:SAMPLE_ROWS]
            if len(set(column.cells)) >= enough and any(
                has_picture_suffix(cell) or files.holds(cell) for cell in sample
            ):
                match = files.match(column.cells)
                if max(match.found, sum(map(has_picture_suffix, column.cells))) >= enough:
                    matches[column] = match
    if not matches:
        raise _unclear(table, "file")
    most = max(match.found for match in matches.values())
    best = {column: match for column, match in matches.items() if match.found == most}
    first = (_named([*best], _FILE_NAMES) or [*best])[0]
    rivals = [c for c, match in best.items() if match.paths != best[first].paths]
    if most and rivals:
        raise _rivals(table, [first, *rivals], "file")
    return first, best[first]


def _is_file_name(plain: str) -> bool:
    return any(names.fullmatch(plain) for names in _FILE_NAMES)


def _label(table: Table, columns: Sequence[Column]) -> Column | None:
    """Return the column that is called the label; of several that say the same, one of words.

    Of several that do not, the one that is called exactly so.
    """
    called = _named([column for column in columns if any(column.cells)], _LABEL_NAMES)
    if not called:
        return next(iter(_named(columns, _LABEL_NAMES)), None)
    for other in called[1:]:
        pairs = set(zip(called[0].cells, other.cells, strict=True))
        if not len(pairs) == len(set(called[0].cells)) == len(set(other.cells)):
            exact = [column for column in called if column.plain == "label"]
            if len(exact) == 1:
                return exact[0]
            raise _rivals(table, called, "label")
    return min(called, key=lambda c: (all(map(_is_number, c.cells)), c.plain != "label"))


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+]?\d+(\.\d*)?", cell))


def _split(table: Table, columns: Sequence[Column]) -> Column | None:
    """Return the column that is a split by its name, with a split in it, or by all its cells."""
    found = []
    for column in columns:
        if _SPLIT_NAMES.fullmatch(column.plain) or flagged_split(column):
            if column.plain == "split" or split_cells(column):
                found.append(column)
        else:
            splits = (split_of(cell) for cell in set(column.cells) if not is_missing(cell))
            if next(splits, None) and all(splits):
                found.append(column)
    found.sort(key=lambda column: column.plain != "split")
    readings = {tuple(map(split_cells(column).get, column.cells)) for column in found}
    if len(readings) > 1 and found[0].plain != "split":
        raise _rivals(table, found, "split")
    return found[0] if found else None


def flagged_split(column: Column) -> NamedSplit | None:
    """Return test where a column is called is_test, and so on."""
    like = split_like(column.header)
    return like.split if like and like.rest in (("is",), ("in",)) else None


def is_one(cell: str) -> bool:
    """Tell whether a cell of a class's column says that the picture is of the class."""
    return _TRUTHS[cell.lower()]


def split_cells(column: Column) -> dict[str, NamedSplit]:
    """Return which split each different cell of a split's column is, of those that are one."""
    cells, flag = set(column.cells), flagged_split(column)
    if flag:
        other: NamedSplit = "test" if flag == "train" else "train"
        truths = {cell: _TRUTHS.get(cell.lower()) for cell in cells}
        return {
            cell: flag if is_so else other for cell, is_so in truths.items() if is_so is not None
        }
    return {cell: like.split for cell in cells if (like := split_like(cell))}

"""Where the pictures are that a table names: beside it, or in a folder beside it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

from catclf.pictures.folders import Folder, has_picture_suffix, leads_to_folder
from catclf.sources.names import name_splits, split_like

MOST_FILES = 2_000_000  # that are looked through: a table may stand in a home
NEARLY_ALL = 0.9  # of the rows, or of those that the best place holds: as good as all

# What a row's name lacks: (the folder it begins in, and the suffix where files differ by it alone).
Place = tuple[str, str]
_HERE: Place = ("", "")


@dataclass(frozen=True)
class Match:
    """Where the files of some names are; those that are not found, where they should be."""

    paths: list[str]
    found: int
    places: list[str] = field(default_factory=list)  # where names are not paths themselves
    rivals: list[str] = field(default_factory=list)  # places that hold them equally: none is taken


class Files:
    """The files beside a table, and in the folders there; searched when first asked for."""

    def __init__(self, table: str) -> None:
        self._folder, self._table = os.path.split(table)
        self._listed: dict[str, frozenset[str]] = {}

    def holds(self, name: str) -> bool:
        """Tell whether a name is a file's, with or without its folder and suffix."""
        return bool(name and (self._literal(name) or self._places(name)))

    def match(self, names: Sequence[str]) -> Match:
        """Return the files of some names: as they stand, else all in the one place that has them.

        Where names differ from files by case or Unicode's form alone, these files are meant. Names
        of which nothing is there may begin with folders of another machine, the same in all.
        """
        match = self._match(names)
        parts = [re.split(r"[/\\]", name, maxsplit=1) for name in names]
        share_one = len({each[0] for each in parts}) == 1 and all(len(each) == 2 for each in parts)
        if match.found or match.rivals or not share_one:
            return match
        shorter = self.match([each[1] for each in parts])
        if shorter.found < NEARLY_ALL * len(names):
            return match
        return replace(shorter, places=shorter.places or ["./"])

    def _match(self, names: Sequence[str]) -> Match:
        literal = [self._literal(name) for name in names]
        if all(literal):
            return Match([self._path(path) for path in literal if path], len(names))
        found = [self._places(name) for name in names]
        for each, path in zip(found, literal, strict=True):
            if path:
                each[_HERE] = path
        counts = Counter(place for each in found for place in each)
        most = max(counts.values(), default=0)
        nearly_all, half = NEARLY_ALL * len(names), len(names) / 2
        is_each_once = sum(map(bool, found)) >= nearly_all and all(len(e) <= 1 for e in found)
        are_splits = len({*name_splits(folder for folder, _ in counts).values()}) > 1
        if is_each_once and (most < nearly_all or are_splits):
            paths = [next(iter(e.values()), name) for e, name in zip(found, names, strict=True)]
            patterns = sorted(map(_pattern, counts))
            return Match([*map(self._path, paths)], counts.total(), patterns)
        best = [place for place, count in counts.items() if count >= NEARLY_ALL * most]
        best = self._of_the_tables_split(best) or best
        if not counts or (most < half and len(counts) > 1) or counts[_HERE] >= half:
            best = [_HERE]
        if len(best) > 1:
            return Match([], 0, rivals=sorted(map(_pattern, best)))
        (place,) = best
        paths = [
            each.get(place) or os.path.join(place[0], name + place[1])
            for each, name in zip(found, names, strict=True)
        ]
        patterns = [_pattern(place)] if place != _HERE else []
        return Match([*map(self._path, paths)], counts[place], patterns)

    def _of_the_tables_split(self, places: Sequence[Place]) -> list[Place]:
        """Return the one place that is named as the split that the table is named as."""
        like = split_like(os.path.splitext(self._table)[0])
        named = [p for p in places if like and (of := split_like(p[0])) and of.split == like.split]
        return named if len(named) == 1 else []

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _literal(self, name: str) -> str | None:
        """Return a name that is a path; if it is none, with slashes, or from the user's home."""
        if self._is_file(name):
            return name
        other = name.replace("\\", "/") if "\\" in name else os.path.expanduser(name)
        return other if other != name and self._is_file(other) else None

    def _is_file(self, name: str) -> bool:
        folder, base = os.path.split(self._path(name))
        if folder not in self._listed:
            self._listed[folder] = frozenset(_files(folder))
        return base in self._listed[folder]

    def _places(self, name: str) -> dict[Place, str]:
        """Return the places where a name is a file's, and the paths of these files."""
        *parents, base = _parts(name)
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for suffix, where, file in self._index.get(base, ()):
            folders = where.split("/") if where else []
            outer = len(folders) - len(parents)
            if outer >= 0 and [*map(_key, folders[outer:])] == parents:
                path = f"{where}/{file}" if where else file
                found["/".join(folders[:outer])].append((suffix, path))
        chosen: dict[Place, str] = {}
        for folder, files in found.items():
            if len(files) > 1:  # files whose names differ by case alone, or by Unicode's form
                exact = re.split(r"[/\\]", name)[-1]
                files = [f for f in files if f[1].rpartition("/")[2] == exact + f[0]] or files
            if len(files) == 1:
                chosen[folder, ""] = files[0][1]
            elif len({suffix for suffix, _ in files}) == len(files):
                chosen |= {(folder, suffix): path for suffix, path in files}
        return chosen

    @cached_property
    def _index(self) -> dict[str, list[tuple[str, str, str]]]:
        """(suffix, folder, file) of each file, by its name, and without its suffix."""
        index: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        folder = os.path.join(self._folder or os.curdir, "")
        for path in islice(Folder(folder).walk([]), MOST_FILES):
            where, _, file = path[len(folder) :].rpartition(os.sep)
            where = where.replace(os.sep, "/")
            index[_key(file)].append(("", where, file))
            if has_picture_suffix(file):
                stem, suffix = os.path.splitext(file)
                index[_key(stem)].append((suffix.lower(), where, file))
        return index


def _files(folder: str) -> list[str]:
    try:
        with os.scandir(folder or os.curdir) as entries:
            return [entry.name for entry in entries if not leads_to_folder(entry)]
    except (OSError, ValueError):  # not there, or not to be opened; nothing that can be a path
        return []


def _parts(name: str) -> list[str]:
    """Return the keys of a path's folders and of its file."""
    if "/" not in name and "\\" not in name:
        return [_key(name)]
    path = os.path.normpath(name.replace("\\", "/")).replace("\\", "/")
    return _key(path).strip("/").split("/")


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _pattern(place: Place) -> str:
    folder, suffix = place
    return (f"{folder}/" if folder else "") + (f"*{suffix}" if suffix else "") or "./"

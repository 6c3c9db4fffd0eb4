"""Sources of every kind, as one list of labeled pictures."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

from catclf.errors import AnyPath, name_some
from catclf.files import Expected, FileKind
from catclf.observer import Observer
from catclf.sources.class_folders import list_folder
from catclf.sources.labeled import (
    HDF5_SUFFIXES,
    Labeled,
    Listing,
    tell_validation,
)
from catclf.sources.names import NamedSplit, name_splits, used_splits
from catclf.sources.tables import DELIMITERS, list_table
from catclf.splits import SplitName

NAME_A_SOURCE = (
    "Name a folder of class folders (cat/ and noncat/), a CSV or TSV of file,label, or the "
    "course's HDF5."
)
SOURCE = Expected(
    "a source of labeled pictures",
    NAME_A_SOURCE,
    {
        FileKind.PICTURE: "Name the folder that holds the class folders.",
        FileKind.DATASET: "It is prepared already: 'catclf train {path}' trains a model on it.",
    },
)


def list_sources(
    sources: Iterable[AnyPath], files: ExitStack, observer: Observer | None = None
) -> Listing:
    """List the pictures of all sources, in the order given, each once.

    A source is a folder of class folders; a folder of split folders of class folders, named as in
    `catclf.sources.labeled`, or these split folders themselves; a CSV or TSV of
    ``file,label[,split]``; or an HDF5 file in the course's layout, which `files` keeps open.
    DatasetError where one is missing or none of these.

    A picture that is given more than once, by the same file however its path is written, is used
    once for each class and each split that it is given with. That it is in no split says nothing
    where it is in one as well.
    """
    observer = observer or Observer()
    paths = [os.fspath(source) for source in sources]
    others = [path for path in paths if not os.path.isdir(path) and _suffix(path) not in DELIMITERS]
    course: dict[str, Listing] = {}
    if others:
        # h5py takes a tenth of a second to import, which folders and tables need not wait for.
        from catclf.sources.course_hdf5 import list_course_files

        course = list_course_files({path: _expected(path) for path in others}, files)
    pictures: list[Labeled] = []
    skipped: dict[str, None] = {}
    splits = _splits_of_folders(paths)
    used = used_splits(splits.values())
    for path in paths:
        if path in course:
            found = course[path]
        elif not os.path.isdir(path):
            found = list_table(path, observer)
        else:
            found = list_folder(path, observer)
            if path in splits:
                found = _in_split(path, found, used.get(splits[path]), observer)
        pictures += found.pictures
        skipped.update(dict.fromkeys(found.skipped))
    return Listing(_each_once(pictures, observer), [*skipped])


def _splits_of_folders(paths: Sequence[str]) -> dict[str, NamedSplit]:
    """Return the splits of folders that are named as splits, a train split among them.

    One folder alone is no source of splits: it may be called anything.
    """
    names = {path: os.path.basename(os.path.normpath(path)) for path in paths}
    found = name_splits(names.values())
    splits = {
        path: found[name] for path, name in names.items() if name in found and os.path.isdir(path)
    }
    return splits if "train" in splits.values() and len(set(splits.values())) > 1 else {}


def _in_split(path: str, found: Listing, split: SplitName | None, observer: Observer) -> Listing:
    """Return a folder's pictures in its split; none of a validation split that is left out."""
    if split is None:
        tell_validation(path, len(found.pictures), observer)
        return Listing([], found.skipped)
    return Listing([replace(picture, split=split) for picture in found.pictures], found.skipped)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _expected(path: str) -> Expected:
    """Return what to say of a source; one that is missing may be meant as the output."""
    if _suffix(path) in HDF5_SUFFIXES:
        return replace(
            SOURCE, missing="Check the path; the dataset to write is named with `output`."
        )
    return SOURCE


def _each_once(pictures: Sequence[Labeled], observer: Observer) -> list[Labeled]:
    """Return the pictures without those that are given again under the same class and split."""
    given: dict[str, list[Labeled]] = defaultdict(list)
    real_folder = cache(os.path.realpath)
    for picture in pictures:
        given[picture.identity(real_folder)].append(picture)
    if len(given) == len(pictures):
        return list(pictures)
    kept: list[Labeled] = []
    repeated: list[str] = []
    contradictory: list[str] = []
    for group in given.values():
        used = _distinct(group)
        kept += used
        if len(group) > 1:
            (repeated if len(used) == 1 else contradictory).append(group[0].name)
    if repeated:
        observer.warning(f"given more than once, used once: {_counted(repeated)}")
    if contradictory:
        observer.warning(
            "given more than once, under different classes or splits, used under each: "
            + _counted(contradictory)
        )
    places = {id(picture): place for place, picture in enumerate(pictures)}
    return sorted(kept, key=lambda picture: places[id(picture)])


def _distinct(group: Sequence[Labeled]) -> list[Labeled]:
    """Return the first of each class and split; of no split only where it is in none at all."""
    in_split = {picture.class_name for picture in group if picture.split}
    first: dict[tuple[str, str | None], Labeled] = {}
    for picture in group:
        if picture.split or picture.class_name not in in_split:
            first.setdefault((picture.class_name, picture.split), picture)
    return list(first.values())


def _counted(names: Sequence[str]) -> str:
    return f"{len(names)} pictures ({name_some(names)})"

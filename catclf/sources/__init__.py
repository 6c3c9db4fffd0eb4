"""Sources of every kind, as one list of labeled pictures.

folders    class_folders; split_folders: which are splits; folder_tables, file_names: their labels
tables     tables; headers: which column is what; cells: any format; places: where pictures are
arrays     arrays: which array is what; entries: what its numbers mean; hdf5, numpy_files
all        names: what people call splits and classes; labeled: a picture that is not yet read
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from catclf.errors import AnyPath, DatasetError, name_some, printable
from catclf.files import Expected, FileKind
from catclf.observer import Observer, Skipped
from catclf.sources.class_folders import LABELS_FROM, LabelFrom, list_folder
from catclf.sources.labeled import Labeled, Listing, tell_splits
from catclf.sources.names import NamedSplit, lookalikes, name_splits, split_like, used_splits

NAME_A_SOURCE = (
    "Name a folder of class folders (cat/ and noncat/), a table of files and labels, or files of "
    "arrays (.npz, .npy, HDF5)."
)
UNUSED = "picture of the validation split"
OUTPUT_SUFFIXES = (".npz", ".h5", ".hdf5")  # which a dataset may be called by
SOURCE = Expected(
    "a source of labeled pictures",
    NAME_A_SOURCE,
    {
        FileKind.PICTURE: "Name the folder that holds the class folders.",
        FileKind.ARCHIVE: "Extract it, and name the folder.",
        FileKind.PICKLE: "It could run any code: load it yourself, and save its arrays with "
        "np.savez(path, X=X, y=y).",
        FileKind.DATASET: "It is prepared already: 'catclf train {path}' trains a model on it.",
    },
)


def list_sources(
    sources: Iterable[AnyPath],
    files: ExitStack,
    observer: Observer | None = None,
    label_from: LabelFrom = "layout",
    arrays: Mapping[str, Any] | None = None,
) -> Listing:
    """List the pictures of all sources, in the order given, each once; and of `arrays` in memory.

    A source is a folder (`list_folder`, with its `label_from`), a table (`list_table`), or arrays
    in files (`list_array_files`) that `files` keeps open. Several sources whose names are splits,
    such as train/ and test/, or train.csv and test.csv, are these splits. DatasetError where one is
    missing or none of these, or where it is not known what is a class and what a split.

    A picture that is given more than once, by the same file however its path is written, is used
    once for each class and each split that it is given with. That it is in no split says nothing
    where it is in one as well.
    """
    observer = observer or Observer()
    paths = [os.fspath(source) for source in sources]
    if label_from not in LABELS_FROM:
        raise ValueError(f"label_from must be one of {', '.join(LABELS_FROM)}, got {label_from!r}")
    found = {path: list_folder(path, observer, label_from) for path in paths if os.path.isdir(path)}
    if len(found) < len(set(paths)):  # imported here: most sources are folders
        from catclf.sources.arrays import list_array_files
        from catclf.sources.tables import is_table, list_table

        others = [path for path in paths if path not in found]
        found |= {path: list_table(path, observer) for path in others if is_table(path)}
        expected = {path: _expected(path) for path in others if path not in found}
        found |= list_array_files(expected, files, observer)
    found = _in_named_splits({path: found[path] for path in paths}, observer)
    listings = [found[path] for path in paths]
    if arrays is not None:
        from catclf.sources.arrays import list_arrays

        listings.append(list_arrays(arrays, observer))
    pictures = [picture for listing in listings for picture in listing.pictures]
    used = used_splits(picture.split for picture in pictures if picture.split)
    skipped = dict.fromkeys(each for listing in listings for each in listing.skipped)
    kept: list[Labeled] = []
    for each in pictures:
        if each.split == "validation" and "validation" in used:
            kept.append(replace(each, split=used["validation"]))
        elif each.split == "validation":
            skipped[Skipped(each.name, UNUSED)] = None
        else:
            kept.append(each)
    once = _each_once(kept, observer)
    _check_classes(once)
    orders = {listing.classes for listing in listings if listing.classes}
    return Listing(once, [*skipped], orders.pop() if len(orders) == 1 else ())


def _in_named_splits(found: Mapping[str, Listing], observer: Observer) -> dict[str, Listing]:
    """Return what each source holds, in the split that its name says where others are named so.

    One source alone is no source of splits: it may be called anything. Nor are several called
    train: their test pictures are still to be drawn.
    """
    open_paths = [
        path
        for path, listing in found.items()
        if listing.pictures and all(picture.split is None for picture in listing.pictures)
    ]
    if len(open_paths) < 2:
        return dict(found)
    names = _names(open_paths)
    classes = [{each.class_name for each in found[path].pictures} for path in open_paths]
    splits = name_splits(names.values(), lambda: bool(set.intersection(*classes)))
    likes = {name: like for name in names.values() if (like := split_like(name))}
    held_out = [name for name, like in likes.items() if like.split != "train"]
    if not held_out:
        together = name_some([printable(path) for path in open_paths])
        observer.note(f"used together, none of them as a split: {together}")
        return dict(found)
    for path, name in names.items():
        if name not in splits:
            raise DatasetError(
                f"is not named as a split, but {held_out[0]!r} is",
                path,
                "Rename it to train, test or val, or give the split in a table: file,label,split.",
            )
    tell_splits({name: splits[name] for name in names.values()}, observer)
    return {
        path: replace(
            listing,
            pictures=[replace(each, split=splits[names[path]]) for each in listing.pictures],
        )
        if path in names
        else listing
        for path, listing in found.items()
    }


def _names(paths: Sequence[str]) -> dict[str, str]:
    """Return what each of some paths is called: the last part in which they differ."""
    parts = {path: [*Path(os.path.abspath(path)).parts] for path in paths}
    while len({each[-1] for each in parts.values()}) == 1:
        for each in parts.values():
            del each[-1]
    return {path: Path(each[-1]).stem for path, each in parts.items()}


def _check_classes(pictures: Sequence[Labeled]) -> None:
    """Refuse class names that may be one class, and a class that only the test split has."""
    splits: dict[str, set[NamedSplit | None]] = defaultdict(set)
    for picture in pictures:
        splits[picture.class_name].add(picture.split)
    for group in lookalikes(splits):
        raise DatasetError(
            f"{' and '.join(map(repr, group))} may be the same class: they differ only by case, "
            "punctuation or the format of a number",
            fix="Give the class one name, or the classes names that differ more.",
        )
    only_test = sorted(name for name, found in splits.items() if found == {"test"})
    if only_test and any(found - {"test"} for found in splits.values()):
        raise DatasetError(
            f"only the test split has pictures of {name_some(only_test)}",
            fix="Add some to the train split, or remove the class.",
        )


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _expected(path: str) -> Expected:
    """Return what to say of a source; one that is missing may be meant as the output."""
    if _suffix(path) in OUTPUT_SUFFIXES:
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
    return f"{len(names)} picture{'s' * (len(names) > 1)} ({name_some(names)})"

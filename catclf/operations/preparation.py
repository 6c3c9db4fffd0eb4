"""What `prepare` does: sources of labeled pictures become one dataset file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Pixels, unroll
from catclf.dataset import NewSplit, write_dataset
from catclf.errors import (
    AnyPath,
    CatclfError,
    DatasetError,
    PictureError,
    name_classes,
    name_some,
    printable,
)
from catclf.features import Preprocessing, column
from catclf.files import SKIPPED_HEADER, FileKind
from catclf.logistic import Labels
from catclf.near_copies import first_of_each
from catclf.observer import Listener, Observer, Skipped
from catclf.operations.staging import Staged, scratch_beside
from catclf.outputs import check_output, is_same_file, write_csv
from catclf.pictures.pixels import fit_pixels
from catclf.sources import list_sources
from catclf.sources.class_folders import LabelFrom
from catclf.sources.labeled import Labeled
from catclf.sources.names import class_name
from catclf.splits import (
    Duplicates,
    as_labels,
    assign_to_test,
    choose_classes,
    class_counts,
    find_duplicates,
    kept_together,
    without_scenes,
)
from catclf.workers import CAN_FORK, map_in_order

DEFAULT_TEST_SPLIT = 0.2
# How the warnings begin whose details the result has.
LEFT_OUT = "pictures left out, since they cannot be read"
IN_TRAIN_TOO = "test pictures with a copy or near-copy in the train split"
UNDER_BOTH = "pictures with a copy or near-copy under the other label"
UNDER_OTHERS = "pictures with a copy or near-copy under another label"  # of more than two


@dataclass(frozen=True, eq=False)
class Prepared:
    """What `prepare` wrote, and what it left out.

    Parameters
    ----------
    path
        The dataset's file.
    classes
        In the order of their labels; of two the first is the negative, the second the positive.
    counts
        ``counts[split][label]``: how many pictures.
    others
        Where `positive` made several classes one, of label 0: how many pictures of each.
    unreadable
        What was wrong with each picture that could not be read.
    skipped
        The other files that are not used.
    duplicates
        Each group of identical pictures and near-copies.
    warnings
        What was warned of.
    """

    path: str
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    others: dict[str, int] = field(repr=False)
    unreadable: list[PictureError] = field(repr=False)
    skipped: list[Skipped] = field(repr=False)
    duplicates: list[Duplicates] = field(repr=False)
    warnings: list[str] = field(repr=False)

    @property
    def leaked(self) -> int:
        """How many test pictures have a copy or near-copy in the train split."""
        return sum(duplicates.leaked for duplicates in self.duplicates)

    @property
    def contradictory(self) -> int:
        """How many pictures are under several labels, or nearly."""
        return sum(len(each.names) for each in self.duplicates if each.contradictory)


def prepare(
    sources: AnyPath | Sequence[AnyPath] | NDArray[Any] | Mapping[str, NDArray[Any]],
    output: AnyPath,
    *,
    labels: Sequence[object] | NDArray[Any] | None = None,
    preprocessing: Preprocessing | None = None,
    positive: str | int | None = None,
    label_from: LabelFrom = "layout",
    test_split: float = DEFAULT_TEST_SPLIT,
    seed: int = 0,
    workers: int | None = None,
    strict: bool = False,
    skipped: AnyPath | None = None,
    force: bool = False,
    observer: Observer | None = None,
    progress: bool = False,
) -> Prepared:
    """Read labeled pictures, split them where their source does not, and write a dataset.

    Parameters
    ----------
    sources
        The path of a folder, a table or a file of arrays, or several. Or pictures themselves: an
        array ``(m, height, width, 3)`` of uint8 with its `labels`, or a mapping of arrays by names
        such as ``X_train``, ``y_train``, ``X_test`` and ``y_test``, as ``np.load`` returns it.
    output
        The dataset file to write.
    labels
        The class of each picture of an array, ``(m,)``: an integer, a string or a boolean, by which
        the class is called.
    preprocessing
        How a picture becomes a column; the default is 64x64, squashed.
    positive
        One class against all others: its label is 1, theirs 0. Without it, each class is its own,
        from 2 to 1000 of them, in the order of their arrays' labels, or sorted order, of more than
        two numbers that of their values; but of two the positive is the one whose name does not
        negate the other (noncat, no cat, background).
    label_from
        What says the class of a picture in a folder: ``layout``, the class folders, and split
        folders, that are found there; ``top``, the first folder below the source; ``parent``, the
        folder the picture is in; or ``name``, its name up to the last number (``cat.12.jpg``).
    test_split
        Fraction of each class held out for testing, from 0 up to 1 (exclusive), of the pictures
        whose source puts them in no split; of all where no source names a test split. Identical
        pictures stay on one side, and near-copies under one label.
    seed
        Seed of the split.
    workers
        How many processes decode pictures; None for one a core.
    strict
        Raise at the first picture that cannot be read, instead of leaving it out.
    skipped
        A CSV file to write, with every file that is not used, and why; hidden files, and those that
        systems leave behind, are not among them.
    force
        Let files of another kind, at `output` or `skipped`, be replaced.
    observer
        Receives the progress while pictures are read, the files that are skipped, notes of what was
        understood of the sources, and warnings: of files that are given more than once, of sources
        that name a train split alone, of pictures of one scene, of a class without test pictures,
        and of pictures that cannot be read, are in both splits, or are under several labels.
        Without an observer, warnings are Python's, of the category `catclf.CatclfWarning`.
    progress
        Draw a progress bar, in a notebook as a widget.

    Returns
    -------
    Prepared
        The classes, the number of pictures by split and label, what was left out and why, the
        duplicates found, and the warnings.

    Raises
    ------
    DatasetError
        Where a source cannot be used or may be understood in several ways, where a class is left
        without pictures, or one of more than two has a single picture.
    PictureError
        With `strict`, at the first picture that cannot be read.
    CatclfError
        Where `output` cannot be written, is one of the sources, or is a file of another kind.
    ValueError
        For no sources; for a `test_split`, `seed`, `workers` or `label_from` out of its range; for
        pictures or labels of another shape or type.
    TypeError
        For `labels` without an array of pictures, or the other way around.
    """
    if seed < 0 or (workers is not None and workers < 1):
        raise ValueError(f"seed must be at least 0 and workers 1, got {seed} and {workers}")
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be at least 0 and below 1, got {test_split}")
    preprocessing = preprocessing or Preprocessing()
    paths, arrays = _told_apart(sources, labels)
    with Listener(observer, progress, "pictures") as listener, ExitStack() as files:
        listing = list_sources(paths, files, listener, label_from, arrays)
        pictured = [p.pixels for p in listing.pictures if isinstance(p.pixels, str)]
        backbone = preprocessing.backbone
        inputs = [*paths, *pictured, *([] if backbone is None else [backbone.source])]
        check_output(output, FileKind.DATASET, inputs, force=force)
        if skipped is not None:
            check_output(skipped, FileKind.SKIPPED, inputs, force=force)
            if is_same_file(skipped, output):
                raise CatclfError("is the dataset too", skipped, "Write to another file.")
        where = os.fspath(paths[0]) if len(paths) == 1 else None
        named = (picture.class_name for picture in listing.pictures)
        classes = choose_classes(
            named,
            None if positive is None else class_name(str(positive)),
            where,
            listing.classes,
        )
        staged = Staged(files.enter_context(scratch_beside(output)), preprocessing, output)
        pictures: list[Labeled] = []
        unreadable: list[PictureError] = []
        # Closed, whatever happens, before the files are that its processes read.
        reading = files.enter_context(closing(_read_all(listing.pictures, preprocessing, workers)))
        for done, (picture, row) in enumerate(zip(listing.pictures, reading, strict=True), start=1):
            if isinstance(row, PictureError):
                if strict:
                    raise row
                unreadable.append(row)
            else:
                pictures.append(picture)
                staged.append(row)
            listener.progress(done, len(listing.pictures))
        if listing.skipped:
            listener.skipped(listing.skipped)
        label_of = {name: label for label, name in enumerate(classes)}
        if positive is not None:  # the others have the label 0
            label_of = {classes[1]: 1}
        labels = as_labels([label_of.get(p.class_name, 0) for p in pictures], len(classes))
        given = [picture.split for picture in pictures]
        if test_split and "train" in given and "test" not in given:
            listener.warning(
                f"the sources have no test split\n{100 * test_split:g} % of each class of the "
                "train split become the test split (`test_split`)."
            )
        names = [picture.name for picture in pictures]
        firsts = first_of_each(staged.fingerprints, staged.hashes(), staged.pixels)
        firsts = without_scenes(firsts, staged.fingerprints, labels, names, listener)
        together = kept_together(firsts, staged.fingerprints, labels)
        in_test = assign_to_test(given, labels, together, test_split, seed)
        if given and all(split == "test" for split in given):
            what = "has only a test split: there is nothing to train on"
            raise DatasetError(what, where, "Name the source of the train split as well.")
        _refuse_empty_class(labels[~in_test], classes, unreadable, where)
        if test_split or "test" in given:
            _warn_of_untested(labels[in_test], classes, "test" in given, listener)
        duplicates = find_duplicates(names, labels, in_test, staged.fingerprints, firsts)

        def new_split(indices: NDArray[np.intp], also_in_train: int = 0) -> NewSplit:
            return NewSplit(
                staged.columns(indices),
                labels[indices],
                [names[i] for i in indices],
                also_in_train,
                staged.pixels(indices),
            )

        train = new_split(np.flatnonzero(~in_test))
        test = new_split(np.flatnonzero(in_test), sum(each.leaked for each in duplicates))
        write_dataset(output, classes, preprocessing, train, test)
        if skipped is not None:
            left_out = [(each.where, each.what) for each in unreadable]
            left_out += [(each.path, each.kind) for each in listing.skipped]
            write_csv(skipped, SKIPPED_HEADER, left_out)
        others: Counter[str] = Counter()
        if positive is not None:
            others.update(each.class_name for each in pictures if each.class_name != classes[1])
        prepared = Prepared(
            path=os.fspath(output),
            classes=classes,
            counts={
                "train": class_counts(labels[~in_test], len(classes)),
                "test": class_counts(labels[in_test], len(classes)),
            },
            others=dict(sorted(others.items())) if len(others) > 1 else {},
            unreadable=unreadable,
            skipped=listing.skipped,
            duplicates=duplicates,
            warnings=[],
        )
        _warn_of_pictures(prepared, listener)
    return replace(prepared, warnings=listener.warnings)


def _warn_of_pictures(prepared: Prepared, observer: Observer) -> None:
    """Warn of pictures that are left out, leak, or contradict each other."""
    if prepared.unreadable:
        names = name_some([each.where or "" for each in prepared.unreadable])
        observer.warning(f"{LEFT_OUT}: {len(prepared.unreadable)} ({names})")
    if prepared.leaked:
        first = next(each.names for each in prepared.duplicates if each.leak)
        observer.warning(
            f"{IN_TRAIN_TOO}: {prepared.leaked} (first {name_some(first)})\n"
            "The accuracy on the test split counts them."
        )
    if prepared.contradictory:
        first = next(each.names for each in prepared.duplicates if each.contradictory)
        under = under_others(prepared.classes)
        observer.warning(f"{under}: {prepared.contradictory} (first {name_some(first)})")


def under_others(classes: tuple[str, ...]) -> str:
    """Return how the warning of pictures under several labels begins."""
    return UNDER_BOTH if len(classes) == 2 else UNDER_OTHERS


def _told_apart(
    sources: AnyPath | Sequence[AnyPath] | NDArray[Any] | Mapping[str, Any], labels: object
) -> tuple[Sequence[AnyPath], Mapping[str, Any] | None]:
    """Return the paths of sources, or the arrays that stand for them, by their names."""
    if isinstance(sources, np.ndarray) and labels is not None:
        return [], {"images": sources, "labels": labels}
    if isinstance(sources, Mapping) and labels is None:
        return [], sources
    if labels is not None or isinstance(sources, np.ndarray | Mapping):
        raise TypeError("an array of pictures needs labels, and no other source takes them")
    paths = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if not paths:
        raise ValueError("sources must name one at least")
    return paths, None


def _read_all(
    pictures: Sequence[Labeled], preprocessing: Preprocessing, workers: int | None
) -> Generator[Pixels | PictureError, None, None]:
    """Yield what `_read_row` returns of each picture, in order."""
    # Forked workers read an open file of arrays, or arrays in memory; no others could have them.
    alone = not CAN_FORK and not all(isinstance(each.pixels, str) for each in pictures)
    read = partial(_read_row, pictures, preprocessing)
    workers = 1 if alone else workers
    yield from map_in_order(
        read, range(len(pictures)), workers, preprocessing.pixel_n_x, preprocessing.picture_ms
    )


def _read_row(
    pictures: Sequence[Labeled], preprocessing: Preprocessing, index: int
) -> Pixels | PictureError:
    """Return a picture's column of X and, where that holds other features, its pixels: (1, bytes).

    What is wrong with it, where it cannot be read.
    """
    picture = pictures[index]
    try:
        pixels = picture.read(preprocessing)
        row = column(pixels, preprocessing)
    except PictureError as error:
        return PictureError(error.what, error.where or picture.name, error.fix)
    if preprocessing.features == "pixels":
        return row
    if preprocessing.kept_size != preprocessing.size:
        pixels = fit_pixels(pixels, Preprocessing(size=preprocessing.kept_size))
    return np.concatenate([row, unroll(pixels[np.newaxis])], axis=1)


def _warn_of_untested(
    labels: Labels, classes: tuple[str, ...], is_given: bool, observer: Observer
) -> None:
    """Warn of classes that the labels of the test split do not hold, be it given or drawn."""
    counts = class_counts(labels, len(classes))
    untested = [name for name, count in zip(classes, counts, strict=True) if not count]
    if not untested:
        return
    one = len(untested) == 1
    to = "the test split" if is_given else "the class" if one else "the classes"
    if len(classes) == 2:
        observer.warning(
            f"the test split has no picture of {' nor of '.join(map(printable, untested))}, "
            f"and cannot tell how good a model is\nAdd pictures to {to}."
        )
        return
    larger = "" if is_given else ", or choose a larger `test_split`"
    them, between = ("it", " ") if one else ("them", "\n")
    observer.warning(
        f"the test split has no picture of {len(untested)} of {len(classes)} classes{between}"
        f"({name_classes(untested)})\nand cannot tell how good a model is at {them}\n"
        f"Add pictures to {to}{larger}."
    )


def _refuse_empty_class(
    labels: Labels,
    classes: tuple[str, ...],
    unreadable: list[PictureError],
    where: str | None,
) -> None:
    counts = class_counts(labels, len(classes))
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if empty:
        left_out = ""
        if unreadable:
            first = unreadable[0]
            left_out = (
                f"; {len(unreadable)} cannot be read, first "
                f"{printable(first.where or '')}: {first.what}"
            )
        named, each = f"class {empty[0]!r}", "the class"
        if len(empty) > 1 and len(classes) > 2:
            named, each = f"{len(empty)} classes ({name_classes(empty)})", "each"
        what = f"no picture of {named} is left to train on{left_out}"
        fix = f"Add {'readable ' if unreadable else ''}pictures of {each}."
        raise DatasetError(what, where, fix)

"""What `prepare` does: sources of labeled pictures become one dataset file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catclf.classes import as_labels, choose_classes, class_counts
from catclf.dataset import NewSplit, write_dataset
from catclf.errors import (
    AnyPath,
    CatclfError,
    DatasetError,
    PictureError,
    name_some,
)
from catclf.features import Preprocessing
from catclf.files import SKIPPED_HEADER, FileKind
from catclf.near_copies import first_of_each
from catclf.observer import Listener, Observer, Skipped
from catclf.operations.empty_classes import refuse_empty_class, warn_of_untested
from catclf.operations.picture_rows import read_rows
from catclf.operations.staging import Staged, scratch_beside
from catclf.outputs import check_output, is_same_file, write_csv
from catclf.sources import list_sources
from catclf.sources.class_folders import LabelFrom
from catclf.sources.labeled import Labeled
from catclf.sources.names import class_name
from catclf.splits import Duplicates, assign_to_test, find_duplicates, kept_together, without_scenes

if TYPE_CHECKING:
    from distributed import Client

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
    client: Client | None = None,
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
        How many processes decode pictures, without a `client`; None for one a core.
    strict
        Raise at the first picture that cannot be read, instead of leaving it out.
    skipped
        A CSV file to write, with every file that is not used, and why; hidden files, and those that
        systems leave behind, are not among them.
    force
        Let files of another kind, at `output` or `skipped`, be replaced.
    client
        A client of a Dask cluster, a ``distributed.Client`` that is not asynchronous: its workers
        read the pictures, each from storage that all of them see, by the paths they have here. The
        dataset is the same. Whoever may reach the cluster's scheduler can run any code on all its
        machines.
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
    ClusterError
        Where the cluster's workers cannot be used or do not see the same files, its scheduler is
        gone, or pictures are in a file of arrays.
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
        rows = read_rows(listing.pictures, preprocessing, workers, client, listener)
        reading = files.enter_context(closing(rows))
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
        refuse_empty_class(labels[~in_test], classes, unreadable, where)
        if test_split or "test" in given:
            warn_of_untested(labels[in_test], classes, "test" in given, listener)
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

"""What `prepare` does: sources of labeled pictures become one dataset file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catclf.columns import fingerprint, group_equal, unroll
from catclf.dataset import NewSplit, write_dataset
from catclf.errors import DatasetError, PictureError, printable
from catclf.parallel import map_in_order
from catclf.pictures.preprocessing import Preprocessing
from catclf.sources import Labeled, choose_classes, list_sources
from catclf.storage.outputs import check_output, made_folder, unwritable

__all__ = ["Duplicates", "Prepared", "prepare", "split_groups"]

Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]
BLOCK = 256 * 12288  # pixels copied at once


@dataclass(frozen=True)
class Duplicates:
    """Pictures with identical pixels, once prepared.

    Parameters
    ----------
    names
        What they are called, in source order.
    splits, labels
        The split and the label of each.
    """

    names: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[int, ...]

    @property
    def leak(self) -> bool:
        """Whether they stand in both splits: the test split then holds a training picture."""
        return len(set(self.splits)) > 1

    @property
    def contradictory(self) -> bool:
        """Whether they have two labels."""
        return len(set(self.labels)) > 1


@dataclass(frozen=True)
class Prepared:
    """What `prepare` wrote, and what it left out.

    Parameters
    ----------
    path
        The dataset file.
    classes
        (negative, positive), in the order of their labels.
    counts
        ``counts[split][label]``: how many pictures.
    unreadable
        What was wrong with each picture that could not be read.
    skipped
        Files and folders that are no pictures by name.
    duplicates
        Every group of identical pictures.
    """

    path: str
    classes: tuple[str, str]
    counts: dict[str, tuple[int, int]]
    unreadable: list[PictureError]
    skipped: list[str]
    duplicates: list[Duplicates]


def prepare(
    sources: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    preprocessing: Preprocessing | None = None,
    positive: str | None = None,
    test_split: float = 0.2,
    seed: int = 0,
    workers: int | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Prepared:
    """Read labeled pictures, split them where their source does not, and write a dataset.

    Parameters
    ----------
    sources
        What `catclf.sources.list_sources` accepts.
    output
        The dataset file to write.
    preprocessing
        How a picture becomes a column; the default is 64x64, squashed.
    positive
        The class whose label is 1; see `catclf.sources.choose_classes`.
    test_split
        Share of each class held out for testing, from 0 up to 1 (exclusive), of the pictures
        whose source puts them in no split. Identical pictures stay on one side.
    seed
        Seed of the split.
    workers
        How many processes decode pictures; None for one a core.
    strict
        Raise at the first picture that cannot be read, instead of leaving it out.
    progress
        Called as ``progress(done, total)`` while pictures are read.

    Raises
    ------
    DatasetError
        Where a source cannot be used, or a class is left without pictures.
    PictureError
        With `strict`, at the first picture that cannot be read.
    CatclfError
        Where `output` cannot be written, or is one of the sources.
    ValueError
        For a `test_split` outside [0, 1).
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be at least 0 and below 1, got {test_split}")
    preprocessing = preprocessing or Preprocessing()
    with ExitStack() as files:
        listing = list_sources(sources, files)
        pictured = [p.pixels for p in listing.pictures if isinstance(p.pixels, str)]
        check_output(output, [*sources, *pictured])
        where = os.fspath(sources[0]) if len(sources) == 1 else None
        classes = choose_classes((p.class_name for p in listing.pictures), positive, where)
        staged = _Staged(files.enter_context(_scratch_beside(output)), preprocessing.n_x, output)
        pictures: list[Labeled] = []
        unreadable: list[PictureError] = []
        # Closed, whatever happens, before the files are that its processes read.
        reading = files.enter_context(closing(_read_all(listing.pictures, preprocessing, workers)))
        for done, (picture, column) in enumerate(
            zip(listing.pictures, reading, strict=True), start=1
        ):
            if isinstance(column, PictureError):
                if strict:
                    raise column
                unreadable.append(column)
            else:
                pictures.append(picture)
                staged.append(column)
            if progress is not None:
                progress(done, len(listing.pictures))
        labels = np.array([p.class_name == classes[1] for p in pictures], dtype=np.uint8)
        in_test = _splits(pictures, labels, staged.digests, test_split, seed)
        _refuse_empty_class(labels[~in_test], classes, unreadable, where)
        duplicates = _find_duplicates(pictures, labels, in_test, staged.digests)
        _write(output, classes, preprocessing, staged, pictures, labels, in_test)
    return Prepared(
        path=os.fspath(output),
        classes=classes,
        counts={
            "train": _count(labels[~in_test]),
            "test": _count(labels[in_test]),
        },
        unreadable=unreadable,
        skipped=listing.skipped,
        duplicates=duplicates,
    )


class _Staged:
    """Columns in source order, on disk, until all are read and the split can be decided.

    The split needs every picture's content (identical ones stay together), and memory must not
    grow with their number.
    """

    def __init__(self, file: FileIO, n_x: int, output: str | os.PathLike[str]) -> None:
        self._file = file
        self._output = output
        self._n_x = n_x
        self.digests: list[bytes] = []

    def append(self, column: Pixels) -> None:
        self.digests.append(fingerprint(column))
        rest = column.data.cast("B")
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise unwritable(error, self._output) from error

    def blocks(self, indices: NDArray[np.intp]) -> Iterator[Pixels]:
        """Yield the columns at `indices`, in that order, as rows (k, n_x)."""
        block = max(1, BLOCK // self._n_x)
        for start in range(0, len(indices), block):
            chosen = indices[start : start + block]
            rows = np.empty((len(chosen), self._n_x), np.uint8)
            for row, index in zip(rows, chosen, strict=True):
                self._file.seek(int(index) * self._n_x)
                self._file.readinto(row.data)
            yield rows


@contextmanager
def _scratch_beside(output: str | os.PathLike[str]) -> Iterator[FileIO]:
    """Open a nameless file beside the output: it vanishes with the process, however that ends."""
    folder = Path(output).absolute().parent
    with ExitStack() as stack:
        try:
            stack.enter_context(made_folder(folder))
            # Unbuffered, so that closing it on a full disk has nothing left to write.
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))
        except OSError as error:
            raise unwritable(error, output) from error
        yield file


def _read_all(
    pictures: Sequence[Labeled], preprocessing: Preprocessing, workers: int | None
) -> Generator[Pixels | PictureError, None, None]:
    """Yield each picture's column of X (1, n_x), or what is wrong with it, in order."""

    def read(picture: Labeled) -> Pixels | PictureError:
        try:
            return unroll(picture.read(preprocessing)[np.newaxis])
        except PictureError as error:
            return error

    # An HDF5 file may be open: forked processes read it at places of their own.
    yield from map_in_order(read, pictures, workers)


def _refuse_empty_class(
    labels: NDArray[np.uint8],
    classes: tuple[str, str],
    unreadable: list[PictureError],
    where: str | None,
) -> None:
    for label, name in enumerate(classes):
        if not np.any(labels == label):
            left_out = ""
            if unreadable:
                first = unreadable[0]
                left_out = (
                    f"; {len(unreadable)} cannot be read, first "
                    f"{printable(first.where or '')}: {first.what}"
                )
            raise DatasetError(
                f"no picture of class {name!r} is left to train on{left_out}",
                where,
                "Add readable pictures of it.",
            )


def _splits(
    pictures: Sequence[Labeled],
    labels: NDArray[np.uint8],
    digests: Sequence[bytes],
    test_split: float,
    seed: int,
) -> NDArray[np.bool_]:
    """Return (m,): whether each picture is in the test split."""
    named = [picture.split for picture in pictures]
    if "test" not in named:  # a source that names a train split alone leaves the test to us
        named = [None] * len(named)
    in_test = np.array([split == "test" for split in named], dtype=bool)
    free = np.array([split is None for split in named], dtype=bool)
    if not free.any():
        return in_test
    # A free picture that is identical to a placed one goes where that one is: to train if to any.
    placed: dict[bytes, bool] = {}
    for index in np.flatnonzero(~free).tolist():
        placed[digests[index]] = placed.get(digests[index], True) and bool(in_test[index])
    loose = []
    for index in np.flatnonzero(free).tolist():
        if digests[index] in placed:
            in_test[index] = placed[digests[index]]
        else:
            loose.append(index)
    if loose:
        chosen = np.array(loose)
        share = split_groups(labels[chosen], [digests[i] for i in loose], [test_split], seed)
        in_test[chosen] = share == 0
    return in_test


def split_groups(
    labels: NDArray[np.uint8], digests: Sequence[bytes], shares: Sequence[float], seed: int
) -> NDArray[np.intp]:
    """Deal examples into splits: stratified, seeded, identical pictures together.

    Parameters
    ----------
    labels
        (m,) labels: each class is dealt by itself.
    digests
        m digests: examples of one digest go to one split.
    shares
        The share of each class that split 0, 1, ... is to hold; the rest is the last split,
        numbered ``len(shares)``.
    seed
        Seed of the shuffle.

    Returns
    -------
    numpy.ndarray
        (m,): the number of each example's split.
    """
    rng = np.random.default_rng(seed)
    groups = group_equal(digests)
    splits = np.full(len(labels), len(shares), dtype=np.intp)
    for label in (0, 1):
        # A group with two labels is dealt once, with its first picture's class.
        own = [group for group in groups if labels[group[0]] == label]
        order = [own[i] for i in rng.permutation(len(own))]
        total = sum(map(len, own))
        dealt = position = 0
        for split, bound in enumerate(np.cumsum(shares)):
            # The last split, the training one, keeps at least one group.
            while position < len(order) - 1 and dealt < round(bound * total):
                splits[order[position]] = split
                dealt += len(order[position])
                position += 1
    return splits


def _find_duplicates(
    pictures: Sequence[Labeled],
    labels: NDArray[np.uint8],
    in_test: NDArray[np.bool_],
    digests: Sequence[bytes],
) -> list[Duplicates]:
    groups = group_equal(digests)
    return [
        Duplicates(
            names=tuple(pictures[i].name for i in group),
            splits=tuple("test" if in_test[i] else "train" for i in group),
            labels=tuple(int(labels[i]) for i in group),
        )
        for group in groups
        if len(group) > 1
    ]


def _write(
    output: str | os.PathLike[str],
    classes: tuple[str, str],
    preprocessing: Preprocessing,
    staged: _Staged,
    pictures: Sequence[Labeled],
    labels: NDArray[np.uint8],
    in_test: NDArray[np.bool_],
) -> None:
    def split(indices: NDArray[np.intp], also_in_train: int = 0) -> NewSplit:
        names = [pictures[i].name for i in indices]
        return NewSplit(staged.blocks(indices), labels[indices], names, also_in_train)

    train, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    in_train = {staged.digests[i] for i in train}
    leaked = sum(staged.digests[i] in in_train for i in test)
    write_dataset(output, classes, preprocessing, split(train), split(test, leaked))


def _count(labels: NDArray[np.uint8]) -> tuple[int, int]:
    positive = int(np.count_nonzero(labels))
    return labels.size - positive, positive

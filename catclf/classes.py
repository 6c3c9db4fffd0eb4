"""The classes: which there are, in what order, and how many examples each has."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from catclf.errors import DatasetError, name_classes, printable
from catclf.logistic import Labels
from catclf.observer import Observer

MAX_CLASSES = 1000
MAX_CLASS_BYTES = 1000
MAX_RATIO = 4  # of the classes' pictures: beyond it accuracy says little
LISTED_CLASSES = 20  # in a message
NO_CLASSES = (
    "If these are no classes, choose what gives them by `label_from`;\n"
    "in a table, call the right column label."
)
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?")
_NEGATIVE = re.compile("no|not|non|none|neg|negative|others?|background|normal|false", re.I)
_POSITIVE = re.compile("yes|pos|positive|true", re.I)


def choose_classes(
    names: Iterable[str],
    positive: str | None,
    where: str | None = None,
    order: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return the classes in the order of their labels, given the class of each picture.

    With `positive`, that class against all others, and last. Otherwise in `order`, by which their
    source numbers them, or where that lacks one, in sorted order: of more than two that are all
    numbers, by their values. But of two classes the first is one whose name says that it is the
    negative, as non-cat, no cat, negative or background do, or whose other is called positive.
    DatasetError for one class, more than MAX_CLASSES, one of more than two that has a single
    picture, or a `positive` that is none of them.
    """
    pictures = Counter(names)
    found = sorted(pictures)
    for name in found:
        if len(os.fsencode(name)) > MAX_CLASS_BYTES:
            what = f"the class name {name[:20]!r}... is longer than {MAX_CLASS_BYTES} bytes"
            raise DatasetError(what, where, "Shorten it.")
    listed = ", ".join(repr(name) for name in found[:LISTED_CLASSES])
    if len(found) > LISTED_CLASSES:
        listed += f" and {len(found) - LISTED_CLASSES} more"
    if len(found) < 2:
        raise DatasetError(
            f"pictures of one class only: {listed}", where, "Add pictures of another class."
        )
    if positive is not None:
        if positive not in found:
            raise DatasetError(
                f"no class {positive!r}", where, f"Choose `positive` among {listed}."
            )
        others = [name for name in found if name != positive]
        return (others[0] if len(others) == 1 else f"non-{positive}"), positive
    if set(found) <= set(order):
        found.sort(key=order.index)
    elif len(found) > 2 and all(map(_NUMBER.fullmatch, found)):
        found.sort(key=float)  # 2 before 10
    if len(found) == 2:
        first, second = found
        swapped = _is_negative(second, first) and not _is_negative(first, second)
        return (second, first) if swapped else (first, second)
    single = [name for name in found if pictures[name] == 1]
    if len(found) > MAX_CLASSES:
        what = f"{len(found)} classes, at most {MAX_CLASSES} ({name_classes(found)})"
        if 2 * len(single) > len(found):
            what += f"; {len(single)} have a single picture"
        fix = f"{NO_CLASSES}\nOr choose one against all others by `positive`."
        raise DatasetError(what, where, fix)
    if len(single) == 1:
        what = f"the class {single[0]!r} has a single picture, and needs two: one to test it"
        raise DatasetError(what, where, f"Add pictures of it, or take it out.\n{NO_CLASSES}")
    if single:
        what = (
            f"{len(single)} of {len(found)} classes have a single picture "
            f"({name_classes(single)}): each needs two, one to test it"
        )
        raise DatasetError(what, where, f"Add pictures of each, or take it out.\n{NO_CLASSES}")
    return tuple(found)


def _is_negative(name: str, other: str) -> bool:
    """Tell whether a class is surely what the other is not: nodule and notebook are not."""
    if _NEGATIVE.fullmatch(name) or _POSITIVE.fullmatch(other):
        return True
    rests = [name[len(no) :] for no in ("non", "not", "no") if name.lower().startswith(no)]
    return any(
        not rest[0].isalnum()
        or (rest[0].isupper() and not name.isupper())
        or rest.lower().startswith(other.lower())
        for rest in rests
        if rest
    )


def as_classes(stored: object) -> tuple[str, ...] | None:
    """Return what a file holds as its classes; None where they are not two or more names."""
    if not isinstance(stored, list) or not 2 <= len(stored) <= MAX_CLASSES:
        return None
    if not all(isinstance(name, str) and name for name in stored):
        return None
    return tuple(stored) if len(set(stored)) == len(stored) else None


def label_type(n_classes: int) -> np.dtype[Any]:
    """Return the type of labels: uint8, of more than 256 classes uint16."""
    return np.min_scalar_type(n_classes - 1)


def as_labels(indices: ArrayLike, n_classes: int) -> Labels:
    """Return the indices of classes as labels (m,), of their `label_type`."""
    labels: Labels = np.asarray(indices, dtype=label_type(n_classes))
    return labels


def class_counts(labels: Labels, n_classes: int) -> tuple[int, ...]:
    """Return how many of labels (m,) are 0, how many 1, and so on."""
    return tuple(np.bincount(labels, minlength=n_classes).tolist())


def warn_of_imbalance(labels: Labels, classes: tuple[str, ...], observer: Observer) -> None:
    """Warn where one class has more than MAX_RATIO times another's examples."""
    counts = sorted(zip(class_counts(labels, len(classes)), classes, strict=True))
    (fewer, rare), *_, (more, frequent) = counts
    if more > MAX_RATIO * fewer:
        alike = "both classes count half" if len(classes) == 2 else "all classes count alike"
        observer.warning(
            f"{more} pictures are {printable(frequent)} and only {fewer} {printable(rare)}\n"
            "Look at the balanced accuracy and the recall of each class.\n"
            f"With `class_weight` balanced {alike}, in the verdict too."
        )

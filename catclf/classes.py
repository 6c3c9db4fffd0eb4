"""Two classes: which is positive, and whether two pairs agree.

A pair is (negative, positive), in the order of the labels 0 and 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from catclf.errors import DatasetError, printable
from catclf.observer import Observer

__all__ = [
    "MAX_CLASS_BYTES",
    "as_pair",
    "choose_classes",
    "refuse_other_classes",
    "warn_of_imbalance",
]


MAX_CLASS_BYTES = 1000
MAX_RATIO = 4  # of the classes' pictures: beyond it accuracy says little
LISTED_CLASSES = 20  # in a message


def choose_classes(
    names: Iterable[str], positive: str | None, where: str | None = None
) -> tuple[str, str]:
    """Return (negative, positive): the classes in the order of their labels.

    The class `positive`, where given, against all others. Otherwise, of two classes, one that
    begins with no, not or non is the negative; else sorted order decides.

    Parameters
    ----------
    names
        The class of each picture.
    positive
        The class whose label is to be 1, where it was named.
    where
        The source, for messages.

    Raises
    ------
    DatasetError
        For one class, more than two without `positive`, or a `positive` that is none of them.
    """
    found = sorted(set(names))
    for name in found:
        if len(os.fsencode(name)) > MAX_CLASS_BYTES:
            raise DatasetError(
                f"the class name {name[:20]!r}... is longer than {MAX_CLASS_BYTES} bytes",
                where,
                "Shorten it.",
            )
    listed = ", ".join(repr(name) for name in found[:LISTED_CLASSES])
    if len(found) > LISTED_CLASSES:
        listed += f" and {len(found) - LISTED_CLASSES} more"
    if len(found) < 2:
        raise DatasetError(
            f"pictures of one class only: {listed}", where, "Add pictures of what it is not."
        )
    if positive is not None:
        if positive not in found:
            raise DatasetError(
                f"no class {positive!r}", where, f"Choose `positive` among {listed}."
            )
        others = [name for name in found if name != positive]
        return (others[0] if len(others) == 1 else f"non-{positive}"), positive
    if len(found) > 2:
        raise DatasetError(
            f"{len(found)} classes: {listed}",
            where,
            f"Choose one against all others, for example `positive` {found[0]!r}.",
        )
    first, second = found
    if _is_negative(second) and not _is_negative(first):
        return second, first
    return first, second


def _is_negative(name: str) -> bool:
    return name.lower().startswith("no")


def as_pair(stored: object) -> tuple[str, str] | None:
    """Return what a file holds as its classes; None where that is no pair of different names."""
    if not isinstance(stored, list) or len(stored) != 2:
        return None
    negative, positive = stored
    if not (isinstance(negative, str) and isinstance(positive, str)) or negative == positive:
        return None
    return (negative, positive) if negative and positive else None


def warn_of_imbalance(
    labels: NDArray[np.uint8], classes: tuple[str, str], observer: Observer
) -> None:
    """Warn where one class has more than MAX_RATIO times the other's examples.

    Parameters
    ----------
    labels
        (m,), 0 or 1.
    classes
        (negative, positive).
    observer
        Receives the warning.
    """
    positives = int(np.count_nonzero(labels))
    counts = sorted(zip((labels.size - positives, positives), classes, strict=True))
    (fewer, rare), (more, frequent) = counts
    if more > MAX_RATIO * fewer:
        observer.warning(
            f"{more} pictures are {printable(frequent)} and only {fewer} {printable(rare)}\n"
            "Judge by the balanced accuracy and the recall of each class, and consider "
            "`class_weight` balanced."
        )


def refuse_other_classes(found: tuple[str, str], wanted: tuple[str, str], where: str) -> None:
    """Raise DatasetError where a dataset's classes are not those of the model."""
    if found != wanted:
        raise DatasetError(
            f"has the classes {found[0]!r} and {found[1]!r}, the model {wanted[0]!r} and "
            f"{wanted[1]!r}",
            where,
            "Prepare the dataset as the model's was, or train a model on this one.",
        )

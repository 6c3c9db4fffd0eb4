"""Classes of which a split has no picture: an error of the train split, a warning of the test's."""

from __future__ import annotations

from catclf.classes import class_counts
from catclf.errors import DatasetError, PictureError, name_classes, printable
from catclf.logistic import Labels
from catclf.observer import Observer


def warn_of_untested(
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


def refuse_empty_class(
    labels: Labels,
    classes: tuple[str, ...],
    unreadable: list[PictureError],
    where: str | None,
) -> None:
    """Raise DatasetError where some class is not among the labels of the train split."""
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

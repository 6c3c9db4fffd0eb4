"""The table of classes that ``catclf prepare`` and ``catclf info`` show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from catclf.classes import LISTED_CLASSES
from catclf.errors import shortened

LARGEST, SMALLEST = 10, 5  # that are shown of more than LISTED_CLASSES


def count_lines(
    classes: Sequence[str], train: Sequence[int], test: Sequence[int], digits: int
) -> Iterator[str]:
    """Yield a table of the classes and their pictures; of many, the largest and the smallest."""
    counts = [sum(both) for both in zip(train, test, strict=True)]
    labels, more = list(range(len(classes))), 0
    if len(classes) > LISTED_CLASSES:
        fewest, most = min(counts), max(counts)
        of = f"{fewest} to {most} pictures" if fewest < most else f"{most} pictures each"
        yield f"{len(classes)} classes of {of}"
        labels.sort(key=lambda label: -counts[label])
        more = len(labels) - LARGEST - SMALLEST
        del labels[LARGEST:-SMALLEST]
    names = {label: shortened(classes[label]) for label in labels}
    width = max(len("class"), *map(len, names.values()))
    yield f"label  {'class':{width}}  {'train':>{digits}}  {'test':>{digits}}"
    for row, (label, name) in enumerate(names.items()):
        if more and row == LARGEST:
            yield f"  ...  {more} more; --format json names all"
        yield f"{label:>5}  {name:{width}}  {train[label]:>{digits}}  {test[label]:>{digits}}"

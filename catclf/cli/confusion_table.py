"""What `evaluate` and `train` tell of classes: which are confused, and how well each is known."""

from __future__ import annotations

from collections.abc import Iterator

from catclf.classes import LISTED_CLASSES
from catclf.cli.output import COLUMNS, number, percent
from catclf.errors import CLASS_CHARACTERS, name_classes, printable, shortened
from catclf.metrics import Confusion
from catclf.operations.evaluation import Evaluation

MATRIX_CLASSES = 8  # whose matrix has columns of 7 characters, enough for counts of 5 digits
NAMED_PAIRS = 10
LOWEST = 5  # of more classes
# Of a class's name: before its numbers, and beside another.
NAME_CHARACTERS, PAIR_CHARACTERS = 30, 26


def classes_as_record(evaluation: Evaluation) -> dict[str, object]:
    """Return the confusion matrix, a row for each label, and the rates of each class, for JSON.

    Of two classes, the four outcomes and the rates of the positive one.
    """
    counts, classes = evaluation.confusion, evaluation.classes
    if len(classes) == 2:
        return _two_classes_as_record(evaluation)
    rates = (counts.examples, counts.recalls, counts.precisions, counts.f1s, evaluation.aucs)
    names = ("examples", "recall", "precision", "f1", "auc")
    return {
        "majority_class": evaluation.majority_class,
        "confusion": counts.matrix.tolist(),
        "most_confused": [
            {
                "label": classes[label],
                "predicted": classes[predicted],
                "count": count,
                "share_of_label": count / counts.examples[label],
            }
            for label, predicted, count in counts.most_confused(NAMED_PAIRS)
        ],
        "by_class": {
            name: dict(zip(names, of_class, strict=True))
            for name, *of_class in zip(classes, *rates, strict=True)
        },
        "macro_recall": counts.balanced_accuracy,
        "macro_precision": counts.macro_precision,
        "macro_f1": counts.macro_f1,
    }


def _two_classes_as_record(evaluation: Evaluation) -> dict[str, object]:
    """Return the four outcomes and the rates of the positive class, for JSON."""
    counts = evaluation.confusion
    return {
        "confusion": {
            "true_positives": counts.true_positives,
            "false_positives": counts.false_positives,
            "false_negatives": counts.false_negatives,
            "true_negatives": counts.true_negatives,
        },
        "recall_by_class": dict(zip(evaluation.classes, counts.recalls, strict=True)),
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
    }


def class_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the confusion matrix and the rates of the classes.

    Of many, the most confused pairs instead of the matrix, and the classes of lowest recall.
    """
    counts, classes = evaluation.confusion, evaluation.classes
    if len(classes) == 2:
        yield from _two_class_lines(evaluation)
        return
    many = len(classes) > MATRIX_CLASSES
    yield from _pair_lines(counts, classes) if many else _matrix_lines(counts, classes)
    yield ""
    yield from _rate_lines(counts, classes)
    yield from undefined_lines(evaluation)
    yield ""


def recall_line(evaluation: Evaluation) -> str:
    """Return the recall of two classes; of more, which are recognized worst."""
    counts, classes = evaluation.confusion, evaluation.classes
    if len(classes) == 2:
        negative, positive = map(printable, classes)
        recalls = percent(counts.specificity), percent(counts.recall)
        return f"recall of {negative} {recalls[0]}, of {positive} {recalls[1]}"
    lowest = lowest_recalls(counts, 2)
    if all(recall == 1 for _, recall in lowest):
        return f"every recall {percent(1)}"
    told = ", ".join(
        f"{shortened(classes[label], CLASS_CHARACTERS)} {percent(recall)}"
        for label, recall in lowest
    )
    return f"lowest recall{'s' * (len(lowest) > 1)}: {told}"


def lowest_recalls(counts: Confusion, count: int) -> list[tuple[int, float]]:
    """Return the classes of lowest recall, at most `count`: each with its recall, by label."""
    defined = [(label, rate) for label, rate in enumerate(counts.recalls) if rate is not None]
    return sorted(defined, key=lambda each: each[1])[:count]


def _two_class_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the confusion matrix, and the precision and F1 of the positive class."""
    counts = evaluation.confusion
    negative, positive = (printable(name) for name in evaluation.classes)
    width = max(len("predicted"), len(negative), len(positive))
    yield f"\n{'':{width}}  {'predicted':>{width}}  {'predicted':>{width}}"
    yield f"{'label':{width}}  {negative:>{width}}  {positive:>{width}}     recall"
    for name, row, recall in zip((negative, positive), counts.matrix, counts.recalls, strict=True):
        yield f"{name:{width}}  {row[0]:>{width}}  {row[1]:>{width}}  {percent(recall):>9}"
    yield f"\nprecision          {number(counts.precision)}"
    yield f"F1                 {number(counts.f1)}"


def _matrix_lines(counts: Confusion, classes: tuple[str, ...]) -> Iterator[str]:
    """Yield the confusion matrix; the columns have numbers where names would be too wide."""
    room = COLUMNS - len("  100.00 %")
    heads = names = [printable(name) for name in classes]
    cell = room // (len(names) + 2)
    if max(map(len, names)) >= cell:
        names = [f"{label} {name}" for label, name in enumerate(names)]
        heads = [str(label) for label in range(len(names))]
    width = min(max(len("label"), *map(len, names)), 2 * cell)
    used = max(*map(len, heads), len(str(counts.matrix.max())))
    cell = min(used + 2, (room - width) // len(names))
    yield f"\n{'':{width}}{'predicted':>{max(cell, len('  predicted'))}}"
    yield f"{'label':{width}}{''.join(f'{head:>{cell}}' for head in heads)}    recall"
    for name, row, recall in zip(names, counts.matrix, counts.recalls, strict=True):
        cells = "".join(f"{count:>{cell}}" for count in row)
        yield f"{shortened(name, width):{width}}{cells}  {percent(recall):>8}"


def _pair_lines(counts: Confusion, classes: tuple[str, ...]) -> Iterator[str]:
    """Yield the pairs of classes that are confused most often."""
    names = [shortened(name, PAIR_CHARACTERS) for name in classes]
    pairs = counts.most_confused(NAMED_PAIRS)
    if not pairs:
        yield "\nno classes are confused"
        return
    width = max(len("predicted"), *(len(names[i]) for pair in pairs for i in pair[:2]))
    of = f", {len(pairs)} of {counts.confused_pairs} pairs"
    yield f"\nmost confused classes{of * (counts.confused_pairs > len(pairs))}:"
    yield f"{'label':{width}}  {'predicted':{width}}  pictures  of the label"
    for label, predicted, count in pairs:
        share = percent(count / counts.examples[label])
        yield f"{names[label]:{width}}  {names[predicted]:{width}}  {count:>8}  {share:>12}"


def _rate_lines(counts: Confusion, classes: tuple[str, ...]) -> Iterator[str]:
    """Yield recall, precision and F1 of each class, and their means."""
    labels = list(range(len(classes)))
    if len(classes) > LISTED_CLASSES:
        labels = [label for label, _ in lowest_recalls(counts, LOWEST)]
        yield f"lowest recalls of {len(classes)} classes (--format json has all):"
    names = {label: shortened(classes[label], NAME_CHARACTERS) for label in labels}
    mean = "macro average"
    width = max(map(len, (mean, *names.values())))
    yield f"label  {'class':{width}}  pictures    recall  precision        F1"
    rates = list(zip(counts.examples, counts.recalls, counts.precisions, counts.f1s, strict=True))
    for label, name in names.items():
        examples, recall, *others = rates[label]
        yield _rate_line(str(label), f"{name:{width}}", examples, recall, *others)
    means = (counts.balanced_accuracy, counts.macro_precision, counts.macro_f1)
    yield _rate_line("", f"{mean:{width}}", counts.total, *means)


def _rate_line(label: str, name: str, examples: int, *rates: float | None) -> str:
    recall, precision, f1 = rates
    told = f"{percent(recall):>8}  {percent(precision):>9}  {percent(f1):>8}"
    return f"{label:>5}  {name}  {examples:>8}  {told}"


def undefined_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield why means are not defined, of more than two classes."""
    classes, precisions = evaluation.classes, evaluation.confusion.precisions
    never = [name for name, rate in zip(classes, precisions, strict=True) if rate is None]
    if absent := evaluation.absent_classes:
        split = evaluation.split
        yield f"balanced accuracy, macro averages and AUC are not defined: no {split} pictures of"
        yield f"  {name_classes(absent)}"
    elif never:
        yield "the macro average of precision is not defined: never predicted are"
        yield f"  {name_classes(never)}"

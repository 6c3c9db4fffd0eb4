"""``catclf evaluate``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from catclf.cli.confusion_table import (
    MATRIX_CLASSES,
    class_lines,
    classes_as_record,
    undefined_lines,
)
from catclf.cli.options import (
    Verb,
    csv_option,
    dataset_argument,
    force_option,
    format_option,
    model_options,
    option,
    quiet_option,
)
from catclf.cli.output import (
    as_json,
    note,
    note_saved,
    number,
    percent,
    with_flags,
    wrapped,
)
from catclf.errors import CLASS_CHARACTERS, NAMED_PICTURES, name_classes, printable, shortened
from catclf.operations.comparison import Comparison, compare
from catclf.operations.evaluating import evaluate
from catclf.operations.evaluation import Evaluation
from catclf.operations.prediction_table import LabeledPrediction


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf evaluate
  catclf evaluate --split train --format json
  catclf evaluate --predictions predictions.csv
  catclf evaluate -m first.npz -m second.npz""",
)
@dataset_argument
@model_options(many=True)
@option(
    "--split",
    group="Data",
    type=click.Choice(["test", "train"]),
    default="test",
    help="The split of the dataset to evaluate on.",
)
@format_option
@csv_option(
    "--predictions",
    "with every picture's label, prediction, probabilities and loss.",
)
@force_option
@quiet_option
def command(dataset: str, model: tuple[str, ...], format: str, quiet: bool, **options: Any) -> None:
    """Evaluate a model, or compare two, on a split of a dataset.

    DATASET is a file that prepare wrote; without it, data/dataset.npz. The accuracy is shown with
    its 95 % interval, and held against that of always predicting the most frequent class; of a
    model trained with --class-weight balanced it is the balanced accuracy, against chance. Of more
    than two classes, recall, precision and F1 are shown by class, with their macro averages, and
    which classes are confused; --format json has all of them, and the confusion matrix with a row
    for each label. Of a model of a network's features, the test pictures that are unlike the
    training pictures are counted, and the least similar listed; --format json lists all.
    """
    if len(model) > 2:
        raise click.UsageError(f"--model names {len(model)} models; at most two are compared.")
    if len(model) == 1:
        evaluation = evaluate(dataset, *model, **options)
        record, lines = as_record(evaluation), lines_of(evaluation)
        worst = evaluation.worst(NAMED_PICTURES)
        record["most_wrong"] = [prediction_as_record(picture) for picture in worst]
        record |= unlike_as_record(evaluation)
        warnings = list(warnings_of(evaluation))
    else:
        if options.pop("predictions") is not None:
            raise click.UsageError("--predictions is for one model.")
        del options["force"]
        compared = compare(dataset, *model, **options)
        record, lines = comparison_as_record(compared), comparison_lines(compared)
        both = lettered(compared).items()
        warnings = [f"{letter}: {text}" for letter, each in both for text in warnings_of(each)]
    record["warnings"] = warnings
    click.echo(as_json(record) if format == "json" else "\n".join(lines))
    for text in warnings:
        note(f"Warning: {text}")
    note_saved(options.get("predictions"), quiet)


def accuracy_lines(evaluation: Evaluation) -> list[str]:
    """Return the accuracy on a split with its interval, and beneath it what to hold it against.

    Where the model was trained with balanced class weights, it is the balanced accuracy.
    """
    judged, *others = evaluation.accuracies
    low, high = map(percent, judged.interval)
    counts = evaluation.confusion
    counted = f" ({counts.correct} of {counts.total})" * (judged.name == "accuracy")
    # Of the pictures that a model was fitted to, being right says nothing sure about others.
    verdict = f"{judged.constant_name} {percent(judged.constant)}"
    if evaluation.split == "test":
        verdict = judged.verdict
    beneath = [verdict, *(f"{each.name} {percent(each.value)}" for each in others)]
    lines = [
        f"{evaluation.split} {judged.name}: {percent(judged.value)}{counted}, "
        f"95 % interval {low} to {high}",
        f"  {'; '.join(beneath)}",
    ]
    absent = evaluation.absent_classes
    if absent and len(evaluation.classes) > 2:
        lines += wrapped(f"  no {evaluation.split} pictures of {name_classes(absent)}").splitlines()
    return lines


def as_record(evaluation: Evaluation) -> dict[str, object]:
    """Return the results for JSON."""
    counts, judged, classes = evaluation.confusion, evaluation.judged, evaluation.classes
    is_test = evaluation.split == "test"
    of_two = {"positive": classes[1], "threshold": evaluation.threshold}
    if len(classes) > 2:
        of_two = {}
    return {
        "dataset": evaluation.dataset,
        "model": evaluation.model,
        "split": evaluation.split,
        "classes": classes,
        **of_two,
        "examples": counts.total,
        "accuracy": evaluation.accuracy,
        "accuracy_interval_95": evaluation.interval,
        "majority_rate": evaluation.majority_rate,
        "balanced_accuracy": counts.balanced_accuracy,
        "balanced_accuracy_interval_95": evaluation.balanced_interval,
        "class_weight": evaluation.class_weight,
        "judged_by": judged.name.replace(" ", "_"),
        "constant": judged.constant,
        # On the train split nothing is sure of other pictures.
        "surely_better_than_constant": judged.surely_better if is_test else None,
        "surely_worse_than_constant": judged.surely_worse if is_test else None,
        **classes_as_record(evaluation),
        "auc": evaluation.auc,
        "log_loss": evaluation.log_loss,
        "constant_log_loss": evaluation.constant_log_loss,
        "also_in_train": evaluation.also_in_train,
        "other_data": evaluation.other_data,
        "order_log_losses": evaluation.order_log_losses or None,
    }


def unlike_as_record(evaluation: Evaluation) -> dict[str, object]:
    """Return which pictures are unlike the training pictures, for JSON; null where not known."""
    similarities, unlike = evaluation.similarities, None
    if similarities is not None:
        unlike = [
            {
                "name": evaluation.names[index],
                "label": evaluation.classes[evaluation.labels[index]],
                "similarity": similarities[index],
            }
            for index in evaluation.unlike_indices()
        ]
    return {"similarity_floor": evaluation.floor, "unlike": unlike}


def comparison_as_record(compared: Comparison) -> dict[str, object]:
    """Return the results of two models, and their difference, for JSON."""
    return {
        "models": [as_record(compared.first), as_record(compared.second)],
        "only_first_right": compared.only_first,
        "only_second_right": compared.only_second,
        "mcnemar_p": compared.p_value,
        "significant": compared.significant,
    }


def lines_of(evaluation: Evaluation) -> Iterator[str]:
    """Yield the results, to be read."""
    yield from _heading(evaluation)
    yield f"model              {_model_line(evaluation)}\n"
    for each in evaluation.accuracies:
        low, high = map(percent, each.interval)
        yield f"{each.name:17}  {percent(each.value):>8}  (95 % interval {low} to {high})"
        constant = percent(each.constant)
        yield f"{each.constant_name:17}  {constant:>8}  (always predicting {each.constant_class})"
    yield from class_lines(evaluation)
    mean = "  (one class against the rest, mean)" * (len(evaluation.classes) > 2)
    yield f"AUC                {number(evaluation.auc)}{mean}"
    yield f"log loss           {number(evaluation.log_loss)}  ({_constant_log_loss(evaluation)})"
    if evaluation.split == "test" and evaluation.doubt is None:
        yield evaluation.verdict
    if evaluation.order_log_losses:
        (fits, loss), (other, other_loss) = evaluation.order_log_losses.items()
        if number(loss) == number(other_loss):
            yield f"\nThese labels do not tell the order: by both the log loss is {number(loss)}."
        else:
            losses = f"log loss {number(loss)}, {other} {number(other_loss)}"
            yield f"\nBy these labels the order {fits} fits better\n({losses})."
            yield f"To predict, use --order {fits}."
    worst = evaluation.worst(NAMED_PICTURES)
    if worst:
        yield "\npredicted wrong, the most confident first:"
    for picture in worst:
        yield prediction_line(picture, evaluation.classes)
    if evaluation.similarities is not None:
        unlike = evaluation.unlike_indices()
        below = f"unlike the training pictures (similarity below {number(evaluation.floor)})"
        yield f"\n{below}: {len(unlike)} of {len(evaluation.names)}" + "," * bool(unlike)
        if unlike:
            yield "the least similar first:"
        for index in unlike[:NAMED_PICTURES]:
            label = printable(evaluation.classes[evaluation.labels[index]])
            similarity = number(float(evaluation.similarities[index]))
            yield f"  {similarity}, label {label}: {printable(evaluation.names[index])}"
        if (more := len(unlike) - NAMED_PICTURES) > 0:
            yield f"  and {more} more; --format json names all"


def _heading(evaluation: Evaluation) -> list[str]:
    counted = f"{len(evaluation.names)} pictures"
    positive = printable(evaluation.classes[1])
    rule = f"predicted {positive} where P({positive}) > {evaluation.threshold:g}"
    if len(evaluation.classes) > 2:
        counted += f" of {len(evaluation.classes)} classes"
        rule = "predicted the most probable class"
    return [f"{evaluation.split} split of {printable(evaluation.dataset)}: {counted}", rule]


def _model_line(evaluation: Evaluation) -> str:
    """Return the model's file, and the order by which a weights-only one was read."""
    order = f" (order {next(iter(evaluation.order_log_losses), '')})"
    name = printable(evaluation.model or "in memory")
    return name + order if evaluation.order_log_losses else name


def _constant_log_loss(evaluation: Evaluation) -> str:
    constant = "the classes' shares"
    if len(evaluation.classes) == 2:
        share = number(float(evaluation.labels.mean()))
        constant = f"P({printable(evaluation.classes[1])}) = {share}"
    return f"always predicting {constant}: {number(evaluation.constant_log_loss)}"


def warnings_of(evaluation: Evaluation) -> Iterator[str]:
    """Yield what a reader of the results should know."""
    if evaluation.doubt is not None:
        yield with_flags(evaluation.doubt)
    if evaluation.other_data is not None:
        # The digest cannot tell which: it may be but another order of the same pictures.
        yield (
            f"the model was trained on other data: {printable(evaluation.other_data)} as "
            "it was then\nPictures, labels or order differ; it may hold pictures of this "
            f"{evaluation.split} split."
        )
    if evaluation.also_in_train:
        also = evaluation.also_in_train
        yield f"pictures with a copy or near-copy in the train split: {also}"


def lettered(compared: Comparison) -> dict[str, Evaluation]:
    """Return both evaluations, by what their models are called."""
    return {"A": compared.first, "B": compared.second}


def comparison_lines(compared: Comparison) -> Iterator[str]:
    """Yield the results of two models side by side, and their difference, to be read."""
    both = lettered(compared)
    first = compared.first
    found = zip(*map(_compared_by, both.values()), strict=True)
    rows = [(name, one, other) for (name, one), (_, other) in found]
    right = "right where the other is wrong"
    rows.append((right, str(compared.only_first), str(compared.only_second)))
    width = max(len(name) for name, *_ in rows)
    yield from _heading(first)
    yield f"majority class: {percent(first.majority_rate)}"
    yield f"log loss of {_constant_log_loss(first)}"
    for letter, each in both.items():
        yield f"{letter}: {_model_line(each)}"
    yield f"\n{'':{width}}  {'A':>9}  {'B':>9}"
    for name, one, other in rows:
        yield f"{name:{width}}  {one:>9}  {other:>9}"
    if len(first.classes) > 2:
        yield from _compared_undefined(both)
    yield ""
    for letter, each in both.items():
        if each.split == "test" and each.doubt is None:
            yield f"{letter}: {each.verdict}"
    yield f"McNemar's exact test of the two accuracies: p = {compared.p_value:.3g}"
    if compared.only_first == compared.only_second:
        yield "They do not differ."
    elif compared.significant:
        yield "Their difference is significant: chance alone would seldom make it."
    else:
        yield "Their difference is not significant: it may be chance."


def _compared_undefined(both: dict[str, Evaluation]) -> Iterator[str]:
    """Yield why means are not defined: of both models, or of each."""
    told = {letter: [*undefined_lines(each)] for letter, each in both.items()}
    if told["A"] == told["B"]:
        yield from told["A"]
        return
    for letter, lines in told.items():
        if lines:
            yield f"{letter}: {lines[0]}"
            yield from lines[1:]


def _compared_by(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return what two models are compared by: names, and texts."""
    counts, classes = evaluation.confusion, evaluation.classes
    low, high = evaluation.interval
    balanced_low, balanced_high = evaluation.balanced_interval or (None, None)
    recalls = []
    if len(classes) <= MATRIX_CLASSES:
        names = (f"recall of {shortened(name)}" for name in classes)
        recalls = list(zip(names, map(percent, counts.recalls), strict=True))
    means = [
        ("macro precision", percent(counts.macro_precision)),
        ("macro F1", percent(counts.macro_f1)),
    ]
    if len(classes) == 2:
        means = [("precision", number(counts.precision)), ("F1", number(counts.f1))]
    return [
        ("accuracy", percent(evaluation.accuracy)),
        ("95 % interval, from", percent(low)),
        ("to", percent(high)),
        ("balanced accuracy", percent(counts.balanced_accuracy)),
        ("95 % interval, from", percent(balanced_low)),
        ("to", percent(balanced_high)),
        *recalls,
        *means,
        ("AUC", number(evaluation.auc)),
        ("log loss", number(evaluation.log_loss)),
    ]


def prediction_as_record(picture: LabeledPrediction) -> dict[str, object]:
    """Return a prediction for JSON; its probabilities by class where there are more than two."""
    if picture.probabilities is None:
        record = asdict(picture)
        del record["probabilities"]
        return record
    names = {"probability": "confidence"}
    return {names.get(name, name): value for name, value in asdict(picture).items()}


def prediction_line(picture: LabeledPrediction, classes: Sequence[str]) -> str:
    """Return a line about a picture whose label and prediction disagree."""
    of, label = printable(classes[1]), printable(picture.label)
    if len(classes) > 2:
        of, label = (
            shortened(name, CLASS_CHARACTERS) for name in (picture.predicted, picture.label)
        )
    return f"  P({of}) = {picture.probability:.4f}, label {label}: {printable(picture.name)}"

"""``catclf evaluate``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from catclf.cli.options import (
    Verb,
    dataset_argument,
    format_option,
    model_options,
    option,
    quiet_option,
)
from catclf.cli.output import NAMED_PICTURES, loaded_model, percent, prediction_line
from catclf.errors import printable
from catclf.operations.evaluation import Evaluation, evaluate
from catclf.predictions import write_predictions
from catclf.storage.outputs import check_output


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf evaluate
  catclf evaluate --split train --format json
  catclf evaluate --predictions predictions.csv""",
)
@dataset_argument
@model_options
@option(
    "--split",
    group="Data",
    type=click.Choice(["test", "train"]),
    default="test",
    help="The split of the dataset to evaluate on.",
)
@format_option
@option(
    "--predictions",
    group="Output",
    type=click.Path(),
    metavar="FILE",
    help="Also write a CSV file with every picture's label, prediction, probability and loss.",
)
@quiet_option
def command(
    dataset: str,
    model: str,
    threshold: float,
    order: str | None,
    split: str,
    format: str,
    predictions: str | None,
    quiet: bool,
) -> None:
    """Evaluate a model on a split of a prepared dataset.

    DATASET is a file that prepare wrote; without it, data/dataset.h5. The accuracy stands beside
    its 95 % interval and the accuracy of always answering the more frequent class.
    """
    loaded = loaded_model(model, order, quiet)
    if predictions is not None:
        check_output(predictions, [dataset, model])
    evaluation = evaluate(dataset, loaded, split=split, threshold=threshold)  # type: ignore[arg-type]
    if predictions is not None:
        write_predictions(predictions, evaluation.predictions(), loaded.positive)
    click.echo(as_json(evaluation) if format == "json" else as_text(evaluation))


def as_json(evaluation: Evaluation) -> str:
    """Return the results as one JSON object."""
    counts = evaluation.confusion
    return json.dumps(
        {
            "split": evaluation.split,
            "classes": evaluation.classes,
            "positive": evaluation.classes[1],
            "threshold": evaluation.threshold,
            "examples": counts.total,
            "accuracy": evaluation.accuracy,
            "accuracy_interval_95": evaluation.interval,
            "majority_rate": evaluation.majority_rate,
            "confusion": asdict(counts),
            "precision": counts.precision,
            "recall": counts.recall,
            "f1": counts.f1,
            "auc": evaluation.auc,
            "log_loss": evaluation.log_loss,
            "also_in_train": evaluation.also_in_train,
            "most_wrong": [asdict(row) for row in evaluation.worst(NAMED_PICTURES)],
        },
        indent=2,
    )


def as_text(evaluation: Evaluation) -> str:
    """Return the results as lines to read."""
    negative, positive = (printable(name) for name in evaluation.classes)
    counts = evaluation.confusion
    low, high = evaluation.interval
    width = max(len("predicted"), len(negative), len(positive))
    lines = [
        f"{evaluation.split} split: {counts.total} pictures; "
        f"{positive} where P({positive}) > {evaluation.threshold:g}",
        f"accuracy       {percent(evaluation.accuracy)}  "
        f"(95 % interval {percent(low)} to {percent(high)})",
        f"majority class {percent(evaluation.majority_rate)}  (always answering the same)",
        "",
        f"{'':{width}}  {'predicted':>{width}}  {'predicted':>{width}}",
        f"{'label':{width}}  {negative:>{width}}  {positive:>{width}}",
        f"{negative:{width}}  {counts.true_negatives:>{width}}  {counts.false_positives:>{width}}",
        f"{positive:{width}}  {counts.false_negatives:>{width}}  {counts.true_positives:>{width}}",
        "",
        f"precision      {number(counts.precision)}",
        f"recall         {number(counts.recall)}",
        f"F1             {number(counts.f1)}",
        f"AUC            {number(evaluation.auc)}",
        f"log loss       {number(evaluation.log_loss)}",
    ]
    if evaluation.also_in_train:
        lines.append(f"warning: {evaluation.also_in_train} of them are in the train split too")
    worst = evaluation.worst(NAMED_PICTURES)
    if worst:
        lines += ["", "most confidently wrong:"]
        lines += [prediction_line(row, positive) for row in worst]
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Return a number with four decimals; a dash where it is not defined."""
    return "-" if value is None else f"{value:.4f}"

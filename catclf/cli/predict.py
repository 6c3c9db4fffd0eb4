"""``catclf predict``."""

from __future__ import annotations

import json
import sys

import click

from catclf.cli.options import Verb, model_options, option, quiet_option
from catclf.cli.output import Display, note
from catclf.columns import Order
from catclf.errors import printable
from catclf.model import Model, load_model
from catclf.operations.prediction import predict
from catclf.predictions import Prediction
from catclf.storage.outputs import csv_line

COLUMNS = ("file", "predicted", "positive", "probability", "error")


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf predict cat.jpg holiday/
  catclf predict --format csv holiday > predictions.csv
  curl -s https://example.org/cat.jpg | catclf predict -""",
)
@click.argument("image", nargs=-1, required=True, type=click.Path(allow_dash=True))
@model_options()
@option(
    "--format",
    group="Output",
    type=click.Choice(["text", "csv", "jsonl"]),
    default="text",
    help="Format of the line for each picture.",
)
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    image: tuple[str, ...],
    model: str,
    threshold: float,
    order: Order | None,
    classes: tuple[str, str] | None,
    format: str,
    quiet: bool,
) -> None:
    """Predict the class of pictures, and its probability.

    IMAGE is a picture, a folder to search for pictures, or - for one picture on stdin. Every
    probability is that of the positive class, which is named beside it. Where a picture cannot be
    read the others are still predicted, and the exit code is 1.
    """
    loaded = load_model(model, order, classes)
    note(f"Model: {printable(model)}, {described(loaded, order)}", quiet)
    show = {"text": show_text, "csv": show_csv, "jsonl": show_json}[format]
    if format == "csv":
        click.echo(csv_line(COLUMNS))
    failed = 0
    for prediction in predict(
        [sys.stdin.buffer if name == "-" else name for name in image],
        loaded,
        threshold=threshold,
        observer=Display("pictures", quiet=quiet),
    ):
        show(prediction, loaded.positive)
        failed += prediction.error is not None
    ctx.exit(1 if failed else 0)


def described(model: Model, order: Order | None) -> str:
    """Return what a model tells apart, and what was assumed of a weights-only one."""
    classes = " or ".join(map(printable, model.classes))
    if not model.weights_only:
        return classes
    size = model.preprocessing.size
    return (
        f"{classes}; w and b alone, so assumed:\n"
        f"pictures of {size}x{size} pixels, squashed, divided by 255, {order}"
    )


def show_text(prediction: Prediction, positive: str) -> None:
    """Write ``file: class, P(positive) = probability``, or the error on stderr."""
    if prediction.error is not None:
        note(f"Error: {prediction.error}")
    else:
        click.echo(
            f"{printable(prediction.name)}: {printable(prediction.predicted or '')}, "
            f"P({printable(positive)}) = {prediction.probability:.4f}"
        )


def show_csv(prediction: Prediction, positive: str) -> None:
    """Write a line of COLUMNS."""
    click.echo(csv_line(cells(prediction, positive)))


def show_json(prediction: Prediction, positive: str) -> None:
    """Write an object with the keys COLUMNS."""
    click.echo(json.dumps(dict(zip(COLUMNS, cells(prediction, positive), strict=True))))


def cells(prediction: Prediction, positive: str) -> tuple[str | float | None, ...]:
    """Return what stands in COLUMNS; None where there is nothing."""
    return (
        prediction.name,
        prediction.predicted,
        positive,
        prediction.probability,
        None if prediction.error is None else prediction.error.what,
    )

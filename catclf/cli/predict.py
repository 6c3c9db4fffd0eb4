"""``catclf predict``."""

from __future__ import annotations

import json
import sys

import click

from catclf.cli.options import Verb, model_options, option, quiet_option
from catclf.cli.output import Display, error_text, note
from catclf.columns import Order
from catclf.errors import printable
from catclf.model import Model, load_model
from catclf.operations.prediction import Prediction, predict
from catclf.outputs import csv_line


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf predict cat.jpg holiday/
  catclf predict --format csv holiday > predictions.csv
  curl -s https://example.org/cat.jpg | catclf predict -""",
)
@click.argument("image", nargs=-1, required=True, type=click.Path(readable=False, allow_dash=True))
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

    IMAGE is a picture, a folder to search for pictures, or - for one picture on stdin. Text gives
    the probability of the class predicted, the confidence; csv and jsonl give that of both
    classes too. At a --threshold other than 0.5 the confidence may be below 0.5. Where a picture
    cannot be read the others are still predicted, and the exit code is 1.
    """
    loaded = load_model(model, order, classes)
    note(f"Model: {printable(model)}, {described(loaded, order)}", quiet)
    show = {"text": show_text, "csv": show_csv, "jsonl": show_json}[format]
    if format == "csv":
        click.echo(csv_line(csv_header(loaded.classes)))
    failed = 0
    for prediction in predict(
        [sys.stdin.buffer if name == "-" else name for name in image],
        loaded,
        threshold=threshold,
        observer=Display("pictures", quiet=quiet),
    ):
        show(prediction)
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


def show_text(prediction: Prediction) -> None:
    """Write ``file: class, P(class) = confidence``, or the error on stderr."""
    if prediction.error is not None:
        note(f"Error: {error_text(prediction.error)}")
    else:
        predicted = printable(prediction.predicted or "")
        click.echo(
            f"{printable(prediction.name)}: {predicted}, "
            f"P({predicted}) = {prediction.confidence:.4f}"
        )


def show_json(prediction: Prediction) -> None:
    """Write a JSON object, with null for what an unreadable picture does not have."""
    click.echo(
        json.dumps(
            {
                "file": prediction.name,
                "predicted": prediction.predicted,
                "confidence": prediction.confidence,
                "probabilities": prediction.probabilities,
                "error": error_of(prediction),
            }
        )
    )


def csv_header(classes: tuple[str, str]) -> tuple[str, ...]:
    """Return the names of the columns, one for the probability of each class."""
    return ("file", "predicted", "confidence", *(f"P({name})" for name in classes), "error")


def show_csv(prediction: Prediction) -> None:
    """Write a line of CSV, with nothing between the commas where JSON has null."""
    probabilities = prediction.probabilities
    click.echo(
        csv_line(
            (
                prediction.name,
                prediction.predicted,
                prediction.confidence,
                *((None, None) if probabilities is None else probabilities.values()),
                error_of(prediction),
            )
        )
    )


def error_of(prediction: Prediction) -> str | None:
    """Return what is wrong with a picture, without its name and the fix."""
    return None if prediction.error is None else prediction.error.what

"""``catclf predict``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, count
from typing import BinaryIO

import click

from catclf.cli.options import (
    Verb,
    argument,
    force_option,
    model_options,
    option,
    quiet_option,
)
from catclf.cli.output import (
    EXIT_UNREADABLE,
    Display,
    Results,
    counted,
    error_text,
    note,
    wrapped,
)
from catclf.cli.scheduler import cluster_client, scheduler_options
from catclf.columns import Order
from catclf.errors import CatclfError, name_classes, printable
from catclf.files import HEAD_BYTES, Expected
from catclf.model import Model
from catclf.model_file import load_model
from catclf.neighbors import NEAREST, Neighbor, Neighbors
from catclf.operations.prediction import Prediction, predict
from catclf.outputs import csv_line

STDIN = "-"
MAX_LINE_BYTES = 2**16  # of a list; systems allow paths of 4096
LIST = Expected("a list of paths", "Name a text file in UTF-8 that holds one path a line.")


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf predict cat.jpg holiday/
  catclf predict --format csv holiday > predictions.csv
  catclf predict holiday --evidence evidence
  curl -s https://example.org/cat.jpg | catclf predict -
  find . -name '*.jpg' | catclf predict --files-from -""",
)
@argument("image", nargs=-1, type=click.Path(readable=False, allow_dash=True))
@model_options()
@option(
    "--files-from",
    group="Input",
    type=click.Path(readable=False, allow_dash=True),
    metavar="LIST",
    help="A text file of pictures to predict as well, one path a line; - is stdin.",
)
@option(
    "--format",
    group="Output",
    type=click.Choice(["text", "csv", "jsonl"]),
    default="text",
    help="Format of the line for each picture.",
)
@option(
    "--evidence",
    group="Output",
    type=click.Path(),
    metavar="FOLDER",
    help="Also write each picture to FOLDER as a PNG, with its evidence by place over it: orange "
    "speaks for the positive class (of more than two for the predicted one), blue against. The "
    "strongest place of each picture has full color. Not for hog-color, nor for a network whose "
    "output is no map.",
)
@partial(force_option, replaces="files of another kind in FOLDER, photographs too")
@partial(scheduler_options, what="predict the files, by the paths they have here")
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    image: tuple[str, ...],
    model: str,
    threshold: float,
    order: Order | None,
    classes: tuple[str, ...] | None,
    files_from: str | None,
    format: str,
    evidence: str | None,
    force: bool,
    scheduler: str | None,
    scheduler_file: str | None,
    quiet: bool,
) -> None:
    """Predict the class of pictures, and its probability.

    IMAGE is a picture, a folder to search for pictures, or - for one picture on stdin. Text shows
    the probability of the predicted class, the confidence; csv and jsonl also show those of all
    classes. With more than two classes, or a --threshold other than 0.5, the confidence may be
    below 0.5.

    Of a model of a network's features, csv and jsonl also have each picture's similarity to the
    training pictures, 0 to 1, and the three nearest of them. A picture is unlike them where 99 % of
    them have a higher similarity to the others; text then says so in a line more. With --evidence,
    csv and jsonl also have the PNG's path.

    Pictures that cannot be read are reported, and the others are predicted. The exit code is then
    3, or 1 if no picture can be read.
    """
    if not image and files_from is None:
        raise click.UsageError("Name pictures as IMAGE, or a list of them with --files-from.")
    if STDIN in image and files_from == STDIN:
        raise click.UsageError("IMAGE and --files-from cannot both be read from stdin.")
    listed = () if files_from is None else paths_in(_open_list(ctx, files_from), files_from)
    loaded = load_model(model, order, classes)
    told = f"Model: {printable(model)}, {described(loaded, order)}"
    note(told if len(loaded.classes) == 2 else "\n".join(map(wrapped, told.splitlines())), quiet)
    draws, results = evidence is not None, Results()
    forms: dict[str, Callable[[Prediction, Neighbors | None], str]] = {
        "text": as_text,
        "csv": partial(as_csv, draws=draws, n_classes=len(loaded.classes)),
        "jsonl": partial(as_json, draws=draws),
    }
    client = ctx.with_resource(cluster_client(scheduler, scheduler_file))
    predictions = predict(
        chain((sys.stdin.buffer if name == STDIN else name for name in image), listed),
        loaded,
        threshold=threshold,
        evidence=evidence,
        force=force,
        client=client,
        observer=Display("pictures", quiet=quiet),
    )
    # Whoever reads the results may have seen enough of them, but the PNG files are results too.
    write = results.write if draws else click.echo
    if format == "csv":
        write(csv_line(csv_header(loaded.classes, loaded.neighbors, draws)))
    done = failed = drawn = 0
    for prediction in predictions:
        if format == "text" and prediction.error is not None:
            note(f"Error: {error_text(prediction.error)}")
        else:
            write(forms[format](prediction, loaded.neighbors))
        done += 1
        failed += prediction.error is not None
        drawn += prediction.evidence is not None
    if not done:
        raise CatclfError("lists no pictures", files_from, LIST.fix)
    if evidence is not None:
        saved = f"{printable(evidence)}: {counted(drawn, 'PNG file')} saved"
        speaks_for = loaded.classes[1] if len(loaded.classes) == 2 else "the prediction"
        note(f"{saved}; orange speaks for {printable(speaks_for)}, blue against", quiet)
        results.finish()
    if failed:
        ctx.exit(EXIT_UNREADABLE if failed < done else 1)


def _open_list(ctx: click.Context, path: str) -> BinaryIO:
    """Open a list of paths, until the command ends; CatclfError where it is none."""
    if path == STDIN:
        return sys.stdin.buffer
    file = ctx.with_resource(LIST.open(path, CatclfError))
    head = file.read(HEAD_BYTES)
    if b"\0" in head:
        raise LIST.mismatch(head, path, CatclfError)
    file.seek(0)
    return file


def paths_in(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the paths that a file lists, one a line, as they are read; blank lines are ignored.

    CatclfError where a line can be no path.
    """
    lines = iter(partial(file.readline, MAX_LINE_BYTES), b"")
    for number, line in enumerate(lines, start=1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")  # a byte order mark
        if b"\0" in line or len(line) == MAX_LINE_BYTES:
            raise CatclfError(f"is not {LIST.name} (line {number})", name, LIST.fix)
        if line.strip():
            path = line.removesuffix(b"\n").removesuffix(b"\r")
            yield path.decode("utf-8", "surrogateescape")


def described(model: Model, order: Order | None) -> str:
    """Return what a model tells apart, and what was assumed of a weights-only one."""
    classes, alone = f"one of {len(model.classes)} classes ({name_classes(model.classes)})", ";\n"
    if len(model.classes) == 2:
        classes, alone = " or ".join(map(printable, model.classes)), "; "
    if not model.weights_only:
        return classes
    size = model.preprocessing.size
    return (
        f"{classes}{alone}w and b alone, so assumed:\n"
        f"pictures of {size}x{size} pixels, squashed, divided by 255, {order}"
    )


def as_text(prediction: Prediction, neighbors: Neighbors | None) -> str:
    """Return ``file: class, P(class) = confidence`` of a picture that could be read.

    A line more says where it is unlike the training pictures.
    """
    name, predicted = printable(prediction.name), printable(prediction.predicted or "")
    text = f"{name}: {predicted}, P({predicted}) = {prediction.confidence:.4f}"
    if neighbors is not None and prediction.unlike:
        nearest = prediction.nearest[0]
        similarity, floor = told_apart(prediction.similarity or 0.0, neighbors.floor)
        text += (
            f"\n  unlike the training pictures (similarity {similarity}, below {floor}); "
            f"nearest: {printable(nearest.name)} ({printable(nearest.label)})"
        )
    return text


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Return two different numbers with four decimals, or as many as show that they differ."""
    texts = ((f"{one:.{decimals}f}", f"{other:.{decimals}f}") for decimals in count(4))
    return next((a, b) for a, b in texts if a != b)


def as_json(prediction: Prediction, neighbors: Neighbors | None, draws: bool) -> str:
    """Return a JSON object, with null for what an unreadable picture does not have."""
    record: dict[str, object] = {
        "file": prediction.name,
        "predicted": prediction.predicted,
        "confidence": prediction.confidence,
        "probabilities": prediction.probabilities,
        "error": error_of(prediction),
    }
    if neighbors is not None:
        nearest = [
            {"name": each.name, "class": each.label, "similarity": each.similarity}
            for each in prediction.nearest
        ]
        record |= {
            "similarity": prediction.similarity,
            "unlike": prediction.unlike,
            "nearest": nearest or None,
        }
    if draws:
        record["evidence"] = prediction.evidence
    return json.dumps(record)


def csv_header(classes: Sequence[str], neighbors: Neighbors | None, draws: bool) -> list[str]:
    """Return the names of the columns, one for the probability of each class."""
    names = ["file", "predicted", "confidence", *(f"P({name})" for name in classes), "error"]
    if neighbors is not None:
        names += ["similarity", "unlike"]
        for rank in range(1, NEAREST + 1):
            names += [f"nearest_{rank}", f"nearest_{rank}_class", f"nearest_{rank}_similarity"]
    return [*names, "evidence"] if draws else names


def as_csv(prediction: Prediction, neighbors: Neighbors | None, draws: bool, n_classes: int) -> str:
    """Return a line of CSV, with nothing between the commas where JSON has null."""
    probabilities = prediction.probabilities
    cells = [
        prediction.name,
        prediction.predicted,
        prediction.confidence,
        *((None,) * n_classes if probabilities is None else probabilities.values()),
        error_of(prediction),
    ]
    if neighbors is not None:
        unlike = None if prediction.unlike is None else json.dumps(prediction.unlike)
        nearest = prediction.nearest or ((None,) * len(Neighbor._fields),) * NEAREST
        cells += [prediction.similarity, unlike, *chain.from_iterable(nearest)]
    if draws:
        cells.append(prediction.evidence)
    return csv_line(cells)


def error_of(prediction: Prediction) -> str | None:
    """Return what is wrong with a picture, without its name and the fix."""
    return None if prediction.error is None else prediction.error.what

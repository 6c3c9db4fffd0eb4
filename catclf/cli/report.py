"""``catclf report``."""

from __future__ import annotations

from textwrap import fill

import click

from catclf.cli.evaluate import accuracy_lines
from catclf.cli.options import INPUT, Verb, dataset_argument, option, output_option, quiet_option
from catclf.cli.output import COLUMNS, counted, note, with_flags
from catclf.errors import printable
from catclf.operations.reporting import Reported, report


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf report
  catclf report data/photos.npz -m model.npz -o photos.html""",
)
@dataset_argument
@option(
    "-m",
    "--model",
    group="Model",
    type=INPUT,
    default="model.npz",
    metavar="FILE",
    help="The model to show.",
)
@output_option("report.html", "page")
@quiet_option
def command(dataset: str, model: str, output: str, force: bool, quiet: bool) -> None:
    """Write one page that shows a model and classifies photos.

    DATASET is a file that prepare wrote; without it, data/dataset.npz. The page is one HTML file
    for any browser: how good the model is on the test split, its mistakes (of more than two
    classes also which are taken for which), its weights as pictures, or of a network's features
    the training pictures that speak most for each class, and each step from a picture to its
    probability. It needs no internet connection. It classifies photos by itself, unless the
    features are those of a network of your own. It holds up to 24 of the test pictures and their
    names, of more than two classes up to 224; of a network's features also the up to 500 training
    pictures that the model keeps.
    """
    written = report(dataset, model, output, force=force)
    if written.test is None:
        note("Warning: the dataset has no test split: how good the model is, is not known")
    else:
        for line in accuracy_lines(written.test):
            click.echo(line)
        if written.test.doubt is not None:
            note(f"Warning: {with_flags(written.test.doubt)}")
    for warning in written.warnings:
        note(f"Warning: {warning}")
    if written.pictures or written.train_names:
        held = f"The page holds {_held(written)}: mind whom you give it to."
        note(fill(held, COLUMNS), quiet)
    click.echo(
        f"{printable(output)}: saved, {written.size_bytes / 1e6:.1f} MB; open it in a browser"
    )


def _held(written: Reported) -> str:
    """Return what is in the page that may be private."""
    kinds = {"test picture": written.pictures, "training picture": written.train_pictures}
    shown = [counted(count, kind) for kind, count in kinds.items() if count]
    names = "its name" if sum(kinds.values()) == 1 else "their names"
    held = [f"{' and '.join(shown)} and {names}"] if shown else []
    if written.train_names > written.train_pictures:
        held.append(f"the names of {counted(written.train_names, 'training picture')}")
    return ", and ".join(held)

"""``catclf report``."""

from __future__ import annotations

import click

from catclf.cli.evaluate import accuracy_lines
from catclf.cli.options import INPUT, Verb, dataset_argument, option, output_option, quiet_option
from catclf.cli.output import counted, note, with_flags
from catclf.errors import printable
from catclf.operations.reporting import report


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
    for any browser: how good the model is on the test split, its mistakes, its weights as
    pictures, and each step from a picture to its probability. It needs no internet connection. It
    holds up to 24 of the test pictures and their names.
    """
    written = report(dataset, model, output, force=force)
    if written.test is None:
        note("Warning: the dataset has no test split: how good the model is, is not known")
    else:
        for line in accuracy_lines(written.test):
            click.echo(line)
        if written.test.doubt is not None:
            note(f"Warning: {with_flags(written.test.doubt)}")
    if written.pictures:
        held = counted(written.pictures, "test picture")
        names = "its name" if written.pictures == 1 else "their names"
        note(f"The page holds {held} and {names}: mind whom you give it to.", quiet)
    click.echo(
        f"{printable(output)}: saved, {written.size_bytes / 1e6:.1f} MB; open it in a browser"
    )

"""``catclf export``."""

from __future__ import annotations

import click

from catclf.cli.options import Verb, model_options, output_option, quiet_option
from catclf.cli.output import note, wrapped
from catclf.columns import Order
from catclf.errors import name_classes, printable
from catclf.model_file import load_model
from catclf.operations.exporting import export


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf export
  catclf export -m pets.npz -o pets.onnx""",
)
@model_options(threshold=False)
@output_option("model.onnx", "file")
@quiet_option
def command(
    model: str,
    order: Order | None,
    classes: tuple[str, ...] | None,
    output: str,
    force: bool,
    quiet: bool,
) -> None:
    """Write a model as one ONNX file, for any runtime.

    The file is the whole way from a picture to its probabilities, resizing and a network included:
    it gives what predict gives for the same pixels. Its input is image, a picture of any size,
    (height, width, 3) in uint8: RGB, upright, what is transparent on white. Its outputs are
    probabilities, of each class, and label, the name of the most probable class. The file's
    metadata name the classes.

    It is tried with onnxruntime before it is saved. Needs the extra photos.
    """
    written = export(load_model(model, order, classes), output, force=force)
    click.echo(f"{printable(output)}: saved, {written.size_bytes / 1e6:.1f} MB")
    note(
        "input: image (height, width, 3) uint8, RGB, upright\n"
        + wrapped(f"outputs: probabilities of {name_classes(written.classes)}; label")
        + f"\ntried with onnxruntime on 3 pictures: within {written.difference:.0e} of predict's",
        quiet,
    )

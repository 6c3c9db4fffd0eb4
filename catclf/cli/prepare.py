"""``catclf prepare``."""

from __future__ import annotations

import os
from typing import Any

import click

from catclf.cli.options import (
    INPUT,
    Number,
    Verb,
    flag,
    option,
    output_option,
    quiet_option,
    setting,
    taken,
)
from catclf.cli.output import Display, note
from catclf.errors import DatasetError, name_some, printable
from catclf.features import Preprocessing
from catclf.fields import Range
from catclf.operations.preparation import DEFAULT_TEST_SPLIT, Prepared, prepare
from catclf.sources import NAME_A_SOURCE

SAMPLE = "data/sample"


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf prepare                          the sample in data/sample
  catclf prepare pets --positive cat      pets/cat, pets/dog, ...: cat or not
  catclf prepare pets --features hog-color
  catclf prepare train_catvnoncat.h5 test_catvnoncat.h5""",
)
@click.argument("source", nargs=-1, type=INPUT)
@output_option("data/dataset.npz", "dataset")
@setting(Preprocessing, "size", "Pictures", "Width and height of every picture.")
@setting(
    Preprocessing,
    "fit",
    "Pictures",
    "Make a picture square: squash it, crop its middle, or pad it with white.",
)
@setting(
    Preprocessing,
    "features",
    "Pictures",
    "What the columns hold: the pixels, or, for photographs, histograms of edges and colors "
    "(of a --size from 8 up).",
)
@option(
    "--positive",
    group="Classes and splits",
    metavar="CLASS",
    help="The class whose label is 1; all others are 0. By default, of two classes, the one that "
    "does not begin with non, not or no, else the last in sorted order.",
)
@option(
    "--test-split",
    group="Classes and splits",
    type=Number(Range(least=0, below=1)),
    default=DEFAULT_TEST_SPLIT,
    metavar="FRACTION",
    help="Fraction of each class held out for testing, where the source names no splits.",
)
@option(
    "--seed",
    group="Classes and splits",
    type=Number(Range(whole=True, least=0)),
    default=0,
    metavar="N",
    help="Seed of the split.",
)
@option(
    "--workers",
    group="Pictures",
    type=Number(Range(whole=True, least=1, most=256)),
    metavar="N",
    show_default="one for each core",
    help="Processes that decode pictures.",
)
@flag(
    "--strict",
    group="Pictures",
    help="Stop at the first picture that cannot be read, instead of leaving it out.",
)
@quiet_option
@click.pass_context
def command(
    ctx: click.Context, /, source: tuple[str, ...], output: str, quiet: bool, **options: Any
) -> None:
    """Turn labeled pictures into one dataset file.

    SOURCE is a folder of class folders; a folder of train/ and test/ folders of class folders; a
    CSV or TSV of file,label[,split]; or one or two HDF5 files in the course's layout. The pictures
    of several sources make one dataset. The default is data/sample.

    Splits may also be called training, testing, val, valid and validation. A validation split is
    the test split where there is no other; beside train and test it is left out, with a warning.

    A file that is given twice is used once, with a warning; given under two classes, or in two
    splits, it is used under each. Where a picture cannot be read, the dataset is written from the
    others, and the exit code is 1.
    """
    try:
        preprocessing = taken(Preprocessing, options)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    with Display("pictures", quiet) as display:
        prepared = prepare(
            source or _sample(), output, preprocessing=preprocessing, observer=display, **options
        )
    _warn(prepared, quiet)
    _show(prepared, preprocessing)
    ctx.exit(1 if prepared.unreadable else 0)


def _sample() -> tuple[str]:
    """Return the default source, which stands in a checkout only."""
    if not os.path.exists(SAMPLE):
        raise DatasetError("no such folder, and no SOURCE is named", SAMPLE, NAME_A_SOURCE)
    return (SAMPLE,)


def _show(prepared: Prepared, preprocessing: Preprocessing) -> None:
    pictures = sum(map(sum, prepared.counts.values()))
    size = preprocessing.size
    features = "" if preprocessing.features == "pixels" else f"{preprocessing.features}, "
    click.echo(
        f"{printable(prepared.path)}: {pictures} pictures of {size}x{size} pixels, "
        f"{features}n_x = {preprocessing.n_x}"
    )
    width = max(len("class"), *(len(printable(name)) for name in prepared.classes))
    click.echo(f"label  {'class':{width}}  {'train':>7}  {'test':>7}")
    for label, name in enumerate(prepared.classes):
        train, test = (prepared.counts[split][label] for split in ("train", "test"))
        click.echo(f"{label:>5}  {printable(name):{width}}  {train:>7}  {test:>7}")
    if prepared.unreadable:
        click.echo(f"left out, since they cannot be read: {len(prepared.unreadable)}")
    if prepared.leaked:
        click.echo(f"test pictures that are in the train split too: {prepared.leaked}")
    contradictory = sum(duplicates.contradictory for duplicates in prepared.duplicates)
    if contradictory:
        click.echo(f"under both labels: {contradictory} different pictures")


def _warn(prepared: Prepared, quiet: bool) -> None:
    for error in prepared.unreadable:
        where = printable(error.where or "")
        note(f"Left out: {where}: {error.what}", quiet)
    for duplicates in prepared.duplicates:
        same = "the same picture" if duplicates.identical else "nearly the same picture"
        if duplicates.leak:
            note(f"In both splits: {name_some(duplicates.names)} are {same}", quiet)
        if duplicates.contradictory:
            note(f"Under both labels: {name_some(duplicates.names)} are {same}", quiet)
    together = [each for each in prepared.duplicates if not (each.identical or each.leak)]
    if together:
        pictures = sum(len(each.names) for each in together)
        example = f"first {name_some(together[0].names)}"
        note(f"Kept in one split: {pictures} pictures nearly the same as another, {example}", quiet)

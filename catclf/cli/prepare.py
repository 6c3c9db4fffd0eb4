"""``catclf prepare``."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import partial
from typing import Any

import click

from catclf.backbone import EFFICIENTNET_LITE0, NORMALIZATIONS
from catclf.classes import LISTED_CLASSES
from catclf.cli.class_counts import count_lines
from catclf.cli.options import (
    INPUT,
    Number,
    Verb,
    argument,
    csv_option,
    flag,
    format_option,
    option,
    output_option,
    quiet_option,
    setting,
    taken,
)
from catclf.cli.output import EXIT_UNREADABLE, Display, as_json, note, note_saved, with_flags
from catclf.cli.scheduler import cluster_client, scheduler_options
from catclf.errors import NAMED, DatasetError, PictureError, name_some, printable
from catclf.features import BY_RULE, Preprocessing
from catclf.fields import Range
from catclf.onnx_file import load_backbone
from catclf.operations.preparation import (
    DEFAULT_TEST_SPLIT,
    IN_TRAIN_TOO,
    LEFT_OUT,
    UNDER_BOTH,
    UNDER_OTHERS,
    Prepared,
    prepare,
    under_others,
)
from catclf.pictures.pixels import REPLACE
from catclf.sources import NAME_A_SOURCE
from catclf.sources.class_folders import LABELS_FROM

SAMPLE = "data/sample"


class FeaturesName(click.ParamType):  # type: ignore[type-arg]
    """Features by name, or the file of a network."""

    name = "features"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name or the path; a usage error where it is neither."""
        named = (*BY_RULE, EFFICIENTNET_LITE0)
        if value not in named and not os.path.lexists(value) and not value.endswith(".onnx"):
            self.fail(f"{value!r} is none of {', '.join(named)}, and no file.", param, ctx)
        return str(value)


# Of pictures that are one: by whether they leak, and are contradictory.
HEADINGS = {
    (True, False): "In both splits",
    (False, True): "Under {} labels",
    (True, True): "In both splits and under {} labels",
}


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf prepare                          the sample in data/sample
  catclf prepare flowers                  flowers/daisy, flowers/rose, ...
  catclf prepare pets --positive cat      pets/cat, pets/dog, ...: cat or not
  catclf prepare pets --features efficientnet-lite0
  catclf prepare train_catvnoncat.h5 test_catvnoncat.h5""",
)
@argument("source", nargs=-1, type=INPUT)
@output_option("data/dataset.npz", "dataset")
@setting(
    Preprocessing,
    "size",
    "Pictures",
    "Width and height of every picture.",
    show_default="64, or the network's",
)
@setting(
    Preprocessing,
    "fit",
    "Pictures",
    "Make a picture square: squash it, crop its middle, or pad it with white.",
)
@option(
    "--features",
    group="Pictures",
    type=FeaturesName(),
    default="pixels",
    metavar="NAME",
    help="Features of a picture: its pixels; for photographs the output of a frozen network "
    "(efficientnet-lite0, or your own as FILE.onnx; both need pip install 'catclf[photos]'); or "
    "histograms of its edges and colors (hog-color, for which --size must be 8 or more).",
)
@option(
    "--normalize",
    group="Pictures",
    type=click.Choice(list(NORMALIZATIONS)),
    show_default="what FILE.onnx says, else imagenet",
    help="Only for FILE.onnx: how the network wants its pixels: by ImageNet's mean and deviation, "
    "-1 to 1 (half), 0 to 1 (unit), or 0 to 255 (raw).",
)
@option(
    "--backbone-output",
    group="Pictures",
    metavar="NAME",
    help="Only for FILE.onnx: which of its outputs are the features, where it has several.",
)
@option(
    "--positive",
    group="Classes and splits",
    metavar="CLASS",
    help="One class against all others: it has label 1, they have label 0. Of two classes, the "
    "default is the one that the other negates (noncat, no cat, background), else the last in "
    "sorted order.",
)
@option(
    "--label-from",
    group="Classes and splits",
    type=click.Choice(LABELS_FROM),
    default="layout",
    help="What gives the class of a picture in a folder: layout (class folders, in split folders "
    "or not), top (the first folder below SOURCE), parent (the picture's folder), name (the "
    "file's name before its last number: cat.12.jpg).",
)
@option(
    "--test-split",
    group="Classes and splits",
    type=Number(Range(least=0, below=1)),
    default=DEFAULT_TEST_SPLIT,
    metavar="FRACTION",
    help="Fraction of each class held out for testing, where the source has no test split.",
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
    help="Processes that decode pictures, where no cluster does.",
)
@flag(
    "--strict",
    group="Pictures",
    help="Stop at the first picture that cannot be read, instead of leaving it out.",
)
@csv_option(
    "--skipped",
    "of the files that were left out, and why (except hidden and system files).",
)
@partial(scheduler_options, what="read the picture files, by the paths they have here")
@format_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    source: tuple[str, ...],
    output: str,
    scheduler: str | None,
    scheduler_file: str | None,
    format: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Turn labeled pictures into one dataset file.

    SOURCE is one of:

    \b
      a folder with a folder for each class (cat/, dog/)
      a folder of splits (train/, test/) of class folders, or the reverse
      a table of files and labels (CSV, TSV, JSON lines), or the folder it is in
      arrays of pictures and labels (.npz, .npy, HDF5)

    Several sources make one dataset, of 2 to 1000 classes. The default is data/sample.

    Splits are known by their names: train, training_set, test_images, val and the like. A
    validation split is the test split where there is no other, and is left out where there is.
    Copies of a picture stay in one split. Where a folder can be understood in two ways, nothing is
    written, and the message says what to do.

    A file that is given twice is used once, with a warning; one that is given under two classes,
    or in two splits, is used in both. Pictures that cannot be read are reported and left out, and
    the exit code is then 3.
    """  # noqa: D301
    try:
        preprocessing = _preprocessing(options)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    with (
        _Display("pictures", quiet) as display,
        cluster_client(scheduler, scheduler_file) as client,
    ):
        prepared = prepare(
            source or _sample(),
            output,
            preprocessing=preprocessing,
            client=client,
            observer=display,
            **options,
        )
    _warn(prepared, quiet)
    if format == "json":
        click.echo(
            as_json(
                _record(prepared) | {"warnings": [with_flags(text) for text in prepared.warnings]}
            )
        )
    else:
        _show(prepared, preprocessing)
    note_saved(options["skipped"], quiet)
    ctx.exit(EXIT_UNREADABLE if prepared.unreadable else 0)


def _preprocessing(options: dict[str, Any]) -> Preprocessing:
    """Take the options of the preprocessing out of all; ValueError where they do not go together.

    The network that is named is read.
    """
    features = options["features"]
    normalize, output = options.pop("normalize"), options.pop("backbone_output")
    if features in BY_RULE:
        for name, given in (("--normalize", normalize), ("--backbone-output", output)):
            if given is not None:
                raise ValueError(f"{name} is for --features FILE.onnx")
        return taken(Preprocessing, options)
    del options["features"]
    size, fit = options.pop("size"), options.pop("fit")
    backbone = load_backbone(features, size=size, backbone_output=output, normalize=normalize)
    return Preprocessing(fit=fit, backbone=backbone)


class _Display(Display):
    """Leaves what the result tells in detail to `_warn` and `_show`."""

    def warning(self, text: str) -> None:
        if not text.startswith((LEFT_OUT, IN_TRAIN_TOO, UNDER_BOTH, UNDER_OTHERS)):
            super().warning(text)


def _sample() -> tuple[str]:
    """Return the default source, which stands in a checkout only."""
    if not os.path.exists(SAMPLE):
        fix = f"{NAME_A_SOURCE}\nThe sample comes with the source distribution, not with the wheel."
        raise DatasetError("no such folder, and no SOURCE is named", SAMPLE, fix)
    return (SAMPLE,)


def _show(prepared: Prepared, preprocessing: Preprocessing) -> None:
    counts = prepared.counts
    pictures = sum(map(sum, counts.values()))
    size = preprocessing.size
    name = printable(preprocessing.features_name)
    features = "" if preprocessing.features == "pixels" else f"{name}, "
    click.echo(
        f"{printable(prepared.path)}: {pictures} pictures of {size}x{size} pixels, "
        f"{features}n_x = {preprocessing.n_x}"
    )
    for line in count_lines(prepared.classes, counts["train"], counts["test"], digits=7):
        click.echo(line)
    if prepared.others:
        listed = [f"{name} ({pictures})" for name, pictures in prepared.others.items()]
        more = len(listed) - LISTED_CLASSES
        listed[LISTED_CLASSES:] = [f"and {more} more"] if more > 0 else []
        click.echo(f"{printable(prepared.classes[0])}: {', '.join(map(printable, listed))}")
    if prepared.unreadable:
        click.echo(f"{LEFT_OUT}: {len(prepared.unreadable)}")
    if prepared.leaked:
        click.echo(f"{IN_TRAIN_TOO}: {prepared.leaked}")
    if prepared.contradictory:
        click.echo(f"{under_others(prepared.classes)}: {prepared.contradictory}")


def _warn(prepared: Prepared, quiet: bool) -> None:
    alike: dict[str, list[PictureError]] = defaultdict(list)
    for error in prepared.unreadable:
        alike[re.sub(r"\d+", "0", error.what)].append(error)
    for errors in alike.values():
        where, what = name_some([error.where or "" for error in errors]), errors[0].what
        many = f"{len(errors)} pictures, {what} ({where})"
        fix = "" if errors[0].fix in (None, REPLACE) else f"\n{errors[0].fix}"
        note(f"Left out: {many if len(errors) > 1 else f'{where}: {what}'}{fix}", quiet)
    several = "both" if len(prepared.classes) == 2 else "several"
    for (leak, contradictory), text in HEADINGS.items():
        heading = text.format(several)
        found = [
            each
            for each in prepared.duplicates
            if each.leak == leak and each.contradictory == contradictory
        ]
        for each in found[:NAMED]:
            same = "the same picture" if each.identical else "nearly the same picture"
            note(f"{heading}: {name_some(each.names)} are {same}", quiet)
        if len(found) > NAMED:
            note(f"{heading}: {len(found) - NAMED} more; --format json names all", quiet)
    together = [e for e in prepared.duplicates if not (e.identical or e.leak or e.contradictory)]
    if together:
        pictures = sum(len(each.names) for each in together)
        example = f"first {name_some(together[0].names)}"
        rest = "; --format json names all" if pictures > min(NAMED, len(together[0].names)) else ""
        note(
            f"Kept in one split: {pictures} pictures with near-copies, {example}{rest}",
            quiet,
        )


def _record(prepared: Prepared) -> dict[str, Any]:
    """Return what JSON has of a result."""
    return {
        "dataset": prepared.path,
        "classes": prepared.classes,
        **({"positive": prepared.classes[1]} if len(prepared.classes) == 2 else {}),
        "counts": {
            split: dict(zip(prepared.classes, counts, strict=True))
            for split, counts in prepared.counts.items()
        },
        "others": prepared.others,
        "unreadable": [{"file": each.where, "reason": each.what} for each in prepared.unreadable],
        "skipped": [{"file": each.path, "reason": each.kind} for each in prepared.skipped],
        "duplicates": prepared.duplicates,
        "leaked": prepared.leaked,
        "warnings": list(map(with_flags, prepared.warnings)),
    }

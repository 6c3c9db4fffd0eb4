"""``catclf tune``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import click

from catclf.cli.options import (
    Count,
    Numbers,
    Verb,
    dataset_argument,
    format_option,
    option,
    output_option,
    quiet_option,
)
from catclf.cli.output import NAMED_PICTURES, Display, note, percent, prediction_line
from catclf.descent.cross_validation import Score
from catclf.errors import CatclfError, printable
from catclf.operations.tuning import Search, Tuned, tune, write_config
from catclf.predictions import write_predictions
from catclf.storage.outputs import check_output

DEFAULT = Search()


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf tune && catclf --config tuned.toml train
  catclf tune --lr 0.001,0.005 --l2 0,0.1,1 --iters 5000 --folds 5 --repeats 4
  catclf tune --save-predictions oof.csv      which pictures may be mislabeled""",
)
@dataset_argument
@option(
    "--lr",
    group="Settings to try",
    type=Numbers(above_zero=True),
    default=",".join(map(str, DEFAULT.learning_rates)),
    metavar="RATES",
    help="Learning rates, with commas between them.",
)
@option(
    "--l2",
    group="Settings to try",
    type=Numbers(),
    default=",".join(f"{l2:g}" for l2 in DEFAULT.l2),
    metavar="LAMBDAS",
    help="Penalties, with commas between them.",
)
@option(
    "--iters",
    group="Settings to try",
    type=Count(),
    default=DEFAULT.iterations,
    metavar="N",
    help="Largest number of iterations; fewer are compared along the way.",
)
@option(
    "--folds",
    group="Cross-validation",
    type=Count(2),
    default=DEFAULT.folds,
    metavar="N",
    help="Number of folds, each held out in turn.",
)
@option(
    "--repeats",
    group="Cross-validation",
    type=Count(),
    default=DEFAULT.repeats,
    metavar="N",
    help="Number of times that the pictures are divided into folds.",
)
@option(
    "--seed",
    group="Cross-validation",
    type=click.IntRange(0),
    default=DEFAULT.seed,
    metavar="N",
    help="Seed of the divisions, and of the sample.",
)
@option(
    "--sample",
    group="Cross-validation",
    type=click.IntRange(4),
    metavar="N",
    help="Use a stratified sample of N pictures.",
)
@output_option("tuned.toml", "config file")
@option(
    "--save-predictions",
    group="Output",
    type=click.Path(),
    metavar="FILE",
    help="Also write a CSV file with every training picture's out-of-fold probability and loss, "
    "the largest loss first.",
)
@format_option
@quiet_option
def command(
    dataset: str,
    lr: tuple[float, ...],
    l2: tuple[float, ...],
    iters: int,
    folds: int,
    repeats: int,
    seed: int,
    sample: int | None,
    output: str,
    save_predictions: str | None,
    format: str,
    quiet: bool,
) -> None:
    """Choose learning rate, penalty and iterations by cross-validation.

    DATASET is a file that prepare wrote; without it, data/dataset.h5. Only its train split is
    used. Of all settings whose held-out log loss is within one standard error of the lowest the
    simplest is chosen: the largest penalty and, with that, the smallest rate times iterations.
    """
    for written in filter(None, (output, save_predictions)):
        check_output(written, [dataset])
    if save_predictions is not None and os.path.realpath(output) == os.path.realpath(
        save_predictions
    ):
        raise CatclfError("is named for two outputs", output, "Write to two files.")
    search = Search(lr, l2, iters, folds, repeats, seed, sample)
    with Display("iterations", quiet) as display:
        tuned = tune(dataset, search, observer=display)
    write_config(output, tuned)
    if save_predictions is not None:
        write_predictions(save_predictions, tuned.out_of_fold, tuned.positive)
    click.echo(as_json(tuned) if format == "json" else as_text(tuned))
    note(f"{printable(output)}: saved. Next: catclf --config {printable(output)} train", quiet)


def as_json(tuned: Tuned) -> str:
    """Return the results as one JSON object; numbers that are not defined are null."""

    def row(score: Score) -> dict[str, object]:
        values = asdict(score)
        return {k: None if v != v else v for k, v in values.items()}

    return json.dumps(
        {
            "dataset": tuned.dataset,
            "examples": tuned.m,
            "train_examples": tuned.total,
            "iterations": tuned.search.iterations,
            "folds": tuned.search.folds,
            "repeats": tuned.search.repeats,
            "seed": tuned.search.seed,
            "majority_rate": tuned.majority_rate,
            "base_log_loss": tuned.base_log_loss,
            "chosen": row(tuned.chosen),
            "scores": [row(score) for score in tuned.scores],
            "positive": tuned.positive,
            "most_wrong": [asdict(held) for held in tuned.out_of_fold[:NAMED_PICTURES]],
        },
        indent=2,
    )


def as_text(tuned: Tuned) -> str:
    """Return the leaderboard and the choice as lines to read."""
    folds = f"{tuned.search.folds} folds x {tuned.search.repeats}"
    lines = [
        f"{tuned.m} training pictures, {folds}; always answering the same: "
        f"accuracy {percent(tuned.majority_rate)}, log loss {tuned.base_log_loss:.4f}",
        f"{'rate':>8} {'l2':>8} {'iterations':>10}  {'held-out accuracy':>19}  "
        f"{'held-out log loss':>17}",
    ]
    lines += [_line(score) for score in tuned.scores]
    lines += [
        "chosen, of all within one standard error of the lowest log loss the simplest (largest l2,",
        "then smallest rate x iterations):",
        _line(tuned.chosen),
        "",
        "pictures most at odds with their label, by the setting of the lowest log loss:",
    ]
    lines += [prediction_line(held, tuned.positive) for held in tuned.out_of_fold[:NAMED_PICTURES]]
    return "\n".join(lines)


def _line(score: Score) -> str:
    setting = f"{score.learning_rate:>8g} {score.l2:>8g} {score.iterations:>10}"
    if score.diverged:
        return f"{setting}  {'diverged':>19}"
    return (
        f"{setting}  {percent(score.accuracy):>9} +- {100 * score.accuracy_error:4.2f} %  "
        f"{score.log_loss:>7.4f} +- {score.log_loss_error:.4f}"
    )

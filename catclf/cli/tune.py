"""``catclf tune``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import click

from catclf.cli.evaluate import prediction_line
from catclf.cli.options import (
    Count,
    Numbers,
    Verb,
    WholeNumber,
    dataset_argument,
    format_option,
    option,
    output_option,
    quiet_option,
    refuse_config,
)
from catclf.cli.output import Display, note, percent, stopped_by_signals
from catclf.descent.cross_validation import METRICS, Metric, Score
from catclf.errors import CatclfError, printable
from catclf.logistic import CLASS_WEIGHTS, ClassWeight
from catclf.operations.search import RULES, Rule, Search, Tuned
from catclf.operations.tuning import tune

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
    metavar="RATES",
    show_default="five around the safe rate of the data",
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
    "--class-weight",
    group="Settings to try",
    type=click.Choice(CLASS_WEIGHTS),
    default=DEFAULT.class_weight,
    help="balanced: both classes count half, in the cost and in what is held out.",
)
@option(
    "--metric",
    group="Choice",
    type=click.Choice(METRICS),
    default=DEFAULT.metric,
    help="The held-out mean that is to be best.",
)
@option(
    "--rule",
    group="Choice",
    type=click.Choice(list(RULES)),
    default=DEFAULT.rule,
    help="Choose the best, or the simplest within one standard error of it: the largest penalty, "
    "then the smallest learning rate times iterations.",
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
    type=WholeNumber(0),
    default=DEFAULT.seed,
    metavar="N",
    help="Seed of the folds, and of the sample.",
)
@option(
    "--sample",
    group="Cross-validation",
    type=WholeNumber(4),
    metavar="N",
    help="Use a stratified sample of N pictures.",
)
@output_option("tuned.toml", "config file")
@option(
    "--suspects",
    group="Output",
    type=Count(0),
    default=5,
    metavar="N",
    help="Name the N pictures that disagree most with their label, to be looked at: with 5 % of "
    "labels wrong, 2 to 7 of 10 named were, by data and features. None are named where the model "
    "shows no skill.",
)
@option(
    "--save-predictions",
    group="Output",
    type=click.Path(),
    metavar="FILE",
    callback=refuse_config,
    help="Also write a CSV file with every training picture's out-of-fold probability and loss, "
    "the largest loss first.",
)
@format_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    dataset: str,
    lr: tuple[float, ...] | None,
    l2: tuple[float, ...],
    iters: int,
    class_weight: ClassWeight,
    metric: Metric,
    rule: Rule,
    folds: int,
    repeats: int,
    seed: int,
    sample: int | None,
    output: str,
    force: bool,
    suspects: int,
    save_predictions: str | None,
    format: str,
    quiet: bool,
) -> None:
    """Choose the settings of train by cross-validation.

    DATASET is a file that prepare wrote; without it, data/dataset.h5. Only its train split is
    used. Learning rates and penalties are compared, and the number of iterations along the way. A
    setting is never chosen whose held-out log loss is not below that of always predicting the
    fraction of the positive class.
    """
    search = Search(lr or (), l2, iters, folds, repeats, seed, sample, metric, rule, class_weight)
    with stopped_by_signals() as signals, Display("iterations", quiet, signals) as display:
        tuned = tune(
            dataset,
            search,
            output=output,
            predictions=save_predictions,
            force=force,
            observer=display,
        )
    click.echo(as_json(tuned, suspects) if format == "json" else as_text(tuned, suspects))
    if tuned.interrupted:
        note(f"Interrupted; {printable(output)} is not written.")
        ctx.exit(128 + signals[0])
    if tuned.chosen is None:
        raise CatclfError(
            f"nothing is chosen, and {printable(output)} is not written"
            + (" anew" if os.path.lexists(output) else ""),
            dataset,
            "Prepare it with "
            + "--features hog-color, or with " * (tuned.features == "pixels")
            + "more pictures, or try other --lr and --l2.",
        )
    doubt = "" if tuned.surely_better else ", though nothing surely beats the constant"
    note(
        f"{printable(output)}: saved{doubt}\nNext: catclf --config {printable(output)} train", quiet
    )


def as_json(tuned: Tuned, suspects: int) -> str:
    """Return the results as one JSON object; numbers that are not defined are null."""

    def row(score: Score | None) -> dict[str, object] | None:
        if score is None:
            return None
        return {name: None if value != value else value for name, value in asdict(score).items()}

    withheld = _why_withheld(tuned)
    return json.dumps(
        {
            "dataset": tuned.dataset,
            "features": tuned.features,
            "examples": tuned.m,
            "train_examples": tuned.total,
            "search": asdict(tuned.search),
            "interrupted": tuned.interrupted,
            "majority_rate": tuned.majority_rate,
            "constant_log_loss": tuned.constant_log_loss,
            "safe_learning_rate": tuned.safe_rate,
            "surely_better_than_constant": tuned.surely_better,
            "chosen": row(tuned.chosen),
            "edges": tuned.edges,
            "scores": [row(score) for score in tuned.scores],
            "positive": tuned.positive,
            "suspects_withheld": withheld,
            "suspects": [] if withheld else [asdict(p) for p in tuned.out_of_fold[:suspects]],
        },
        indent=2,
    )


HEADER = f"{'lr':>8} {'l2':>8} {'iters':>7}  {'accuracy':>18}  {'log loss':>17}  {'AUC':>14}"


def as_text(tuned: Tuned, suspects: int) -> str:
    """Return the verdict, the leaderboard and the choice as lines to read."""
    search = tuned.search
    repeats = f", {search.repeats} times" if search.repeats > 1 else ""
    lines = [
        f"{printable(tuned.dataset)}: {tuned.m} training pictures, {search.folds} folds{repeats}",
        *_verdict(tuned),
        "",
        "interrupted: the means held out up to there" if tuned.interrupted else "held-out means:",
        HEADER,
        *map(_line, tuned.scores),
        f"{'constant':>25}  {percent(tuned.majority_rate):>9}           "
        f"{tuned.constant_log_loss:>7.4f}",
    ]
    if tuned.interrupted:
        return "\n".join(lines)
    if tuned.edges:
        lines += [
            "",
            f"The best stands at {' and at '.join(tuned.edges)}",
            "of those tried: a better one may lie beyond.",
        ]
    if tuned.chosen is not None:
        lines += ["", f"chosen by {search.metric}, {RULES[search.rule]}:", _line(tuned.chosen)]
    if suspects:
        lines.append("")
        withheld = _why_withheld(tuned)
        if withheld is not None:
            lines += ["No pictures are suspected of a wrong label:", withheld]
        else:
            lines.append("pictures that disagree most with their label:")
            lines += [prediction_line(p, tuned.positive) for p in tuned.out_of_fold[:suspects]]
    return "\n".join(lines)


def _verdict(tuned: Tuned) -> list[str]:
    """Return whether anything beats the constant, and what to try where nothing surely does."""
    best = tuned.scores[0]
    losses = (
        f"(log loss {best.log_loss:.4f} +- {best.log_loss_error:.4f}, constant "
        f"{tuned.constant_log_loss:.4f})"
    )
    if tuned.surely_better:
        return ["The best setting surely beats always predicting the same", f"{losses}."]
    surely = "surely " if best.log_loss < tuned.constant_log_loss else ""
    return [
        f"Nothing {surely}beats always predicting the same",
        f"{losses}.",
        "Try prepare --features hog-color, or more pictures."
        if tuned.features == "pixels"
        else "Try more pictures.",
    ]


def _why_withheld(tuned: Tuned) -> str | None:
    """Return why no suspects are named; None where they are."""
    if tuned.surely_better:
        return None
    return "the held-out log loss does not surely beat the constant's."


def _line(score: Score) -> str:
    setting = f"{score.learning_rate:>8.3g} {score.l2:>8.3g} {score.iterations:>7}"
    if score.diverged:
        return f"{setting}  {'diverged':>18}"
    return (
        f"{setting}  {percent(score.accuracy):>9} +- {100 * score.accuracy_error:5.2f}  "
        f"{score.log_loss:>7.4f} +- {score.log_loss_error:.4f}  "
        f"{score.auc:.3f} +- {score.auc_error:.3f}"
    )

"""``catclf tune``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from signal import SIGINT, SIGTERM
from typing import Any

import click

from catclf.cli.evaluate import prediction_as_record, prediction_line
from catclf.cli.options import (
    Number,
    Verb,
    csv_option,
    dataset_argument,
    format_option,
    option,
    output_option,
    quiet_option,
    setting,
    taken,
)
from catclf.cli.output import Display, as_json, note, note_saved, percent, with_flags
from catclf.descent.cross_validation import METRICS, Score
from catclf.errors import CatclfError, printable
from catclf.features import BY_RULE
from catclf.fields import Range
from catclf.operations.advice import BETTER_FEATURES
from catclf.operations.prediction_table import LabeledPrediction
from catclf.operations.search import RULES, Search, Tuned
from catclf.operations.tuning import tune
from catclf.signals import stopped_by_signals


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf tune && catclf --config tuned.toml train
  catclf tune --lr 0.001,0.005 --l2 0,0.1,1 --iters 5000 --folds 5 --repeats 4
  catclf tune --save-predictions oof.csv      which pictures may be mislabeled""",
)
@dataset_argument
@setting(
    Search,
    "learning_rates",
    "Settings to try",
    "Learning rates, with commas between them.",
    show_default="five around the safe rate of the data",
)
@setting(Search, "l2", "Settings to try", "Penalties, with commas between them.")
@setting(
    Search,
    "iterations",
    "Settings to try",
    "Largest number of iterations; fewer are compared along the way.",
)
@setting(
    Search,
    "class_weight",
    "Settings to try",
    "balanced: all classes count alike in the cost, and in the held-out means, which are the "
    "balanced accuracy and the balanced log loss then.",
)
@setting(Search, "metric", "Choice", "The held-out mean that is to be best.")
@setting(
    Search,
    "rule",
    "Choice",
    "Choose the best, or the simplest within one standard error of it: the largest penalty, "
    "then the smallest learning rate times iterations.",
)
@setting(Search, "folds", "Cross-validation", "Number of folds, each held out in turn.")
@setting(
    Search,
    "repeats",
    "Cross-validation",
    "Number of times that the pictures are divided into folds.",
)
@setting(Search, "seed", "Cross-validation", "Seed of the folds, and of the sample.")
@setting(Search, "sample", "Cross-validation", "Use a stratified sample of N pictures.")
@output_option("tuned.toml", "config file")
@option(
    "--suspects",
    group="Output",
    type=Number(Range(whole=True, least=0)),
    default=5,
    metavar="N",
    help="Name the N pictures whose label is least probable when they are held out, to be checked. "
    "In trials with 5 % of the labels changed, of the first 10 pictures named on average 7.5 to 10 "
    "were mislabeled by efficientnet-lite0, 2.1 to 7.2 by hog-color, 3 by pixels. None are "
    "named where the model does not surely beat the constant prediction.",
)
@csv_option(
    "--save-predictions",
    "with every training picture's out-of-fold probabilities and loss, the largest loss first.",
)
@format_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    dataset: str,
    output: str,
    force: bool,
    suspects: int,
    save_predictions: str | None,
    format: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Choose the settings of train by cross-validation.

    DATASET is a file that prepare wrote; without it, data/dataset.npz. Only its train split is
    used. Learning rates and penalties are compared, and the number of iterations along the way.
    Nothing is chosen where no held-out log loss is below that of the constant prediction: the same
    probabilities for every picture, which are the classes' shares, or equal with balanced class
    weights.
    """
    search = taken(Search, options)
    with (
        stopped_by_signals(SIGINT, SIGTERM) as signals,
        Display("iterations", quiet, signals) as display,
    ):
        tuned = tune(
            dataset,
            search,
            output=output,
            predictions=save_predictions,
            force=force,
            observer=display,
        )
    record, lines = as_record(tuned, suspects), lines_of(tuned, suspects)
    click.echo(as_json(record) if format == "json" else "\n".join(lines))
    if tuned.interrupted:
        note(f"Interrupted; {printable(output)} is not written.")
        ctx.exit(128 + signals[0])
    note_saved(save_predictions, quiet)
    if tuned.chosen is None:
        raise CatclfError(
            f"nothing is chosen, and {printable(output)} is not written"
            + (" anew" if os.path.lexists(output) else ""),
            dataset,
            f"{_to_try(tuned)}, or other --lr and --l2.",
        )
    doubt = "" if tuned.surely_better else ", though the best does not surely beat the constant"
    note(
        f"{printable(output)}: saved{doubt}\nNext: catclf --config {printable(output)} train", quiet
    )


def as_record(tuned: Tuned, suspects: int) -> dict[str, object]:
    """Return the results for JSON; numbers that are not defined are null."""
    search, withheld = tuned.search, _why_withheld(tuned)
    named, two = [] if withheld else tuned.out_of_fold[:suspects], len(tuned.classes) == 2
    return {
        "dataset": tuned.dataset,
        "features": tuned.features,
        "examples": tuned.m,
        "train_examples": tuned.total,
        "search": search,
        "interrupted": tuned.interrupted,
        "warnings": list(map(with_flags, tuned.warnings)),
        "majority_rate": tuned.majority_rate,
        **_named(search, {"constant_accuracy": tuned.judged.constant}),
        **_named(search, {"constant_log_loss": tuned.constant_log_loss}),
        "safe_learning_rate": tuned.safe_rate,
        "surely_better_than_constant": tuned.surely_better,
        "chosen": None if tuned.chosen is None else _named(search, asdict(tuned.chosen)),
        "edges": tuned.edges,
        "scores": [_named(search, asdict(score)) for score in tuned.scores],
        **({"positive": tuned.classes[1]} if two else {"classes": tuned.classes}),
        "suspects_withheld": withheld,
        "suspects": [prediction_as_record(picture) for picture in named],
    }


def _named(search: Search, means: dict[str, Any]) -> dict[str, Any]:
    """Return held-out means by the names that they have: balanced where all classes count alike."""
    for mean in ("accuracy", "log_loss") if search.class_weight == "balanced" else ():
        means = {name.replace(mean, f"balanced_{mean}"): value for name, value in means.items()}
    return means


def lines_of(tuned: Tuned, suspects: int) -> Iterator[str]:
    """Yield the verdict, the leaderboard and the choice, to be read."""
    search = tuned.search
    repeats = f", {search.repeats} repeats" if search.repeats > 1 else ""
    dataset = printable(tuned.dataset)
    loss, accuracy, auc = (search.names[metric] for metric in METRICS)
    majority, constant = percent(tuned.judged.constant), tuned.constant_log_loss
    yield f"{dataset}: {tuned.m} training pictures, {search.folds} folds{repeats}"
    yield from _verdict(tuned)
    means = "held-out means +- standard error"
    yield f"\n{f'interrupted: {means} up to there' if tuned.interrupted else means}:"
    yield f"{'lr':>8} {'l2':>8} {'iters':>7}  {accuracy:>18}  {loss:>17}  {auc:>14}"
    yield from map(_line, tuned.scores)
    yield f"{'constant':>25}  {majority:>9}           {constant:>7.4f}"
    if len(tuned.classes) > 2:
        yield "AUC: one class against the rest, mean"
    if tuned.interrupted:
        return
    if tuned.edges:
        yield f"\nThe best setting has {' and '.join(tuned.edges)}"
        yield "of those tried: a better one may lie beyond."
    if tuned.chosen is not None:
        yield f"\nchosen by {search.names[search.metric]}, {RULES[search.rule]}:"
        yield _line(tuned.chosen)
    withheld = _why_withheld(tuned)
    if suspects and withheld is not None:
        yield f"\nNo pictures are suspected of a wrong label:\n{withheld}"
    elif suspects:
        yield "\npictures whose held-out label is least probable:"
        for picture in tuned.out_of_fold[:suspects]:
            yield suspect_line(picture, tuned.classes)


def suspect_line(picture: LabeledPrediction, classes: Sequence[str]) -> str:
    """Return a line about a picture whose label is improbable, though it may be predicted."""
    if picture.probabilities is None:
        return prediction_line(picture, classes)
    label, predicted = printable(picture.label), printable(picture.predicted)
    return (
        f"  P({label}) = {picture.probabilities[picture.label]:.4f}, "
        f"predicted {predicted} ({picture.probability:.4f}): {printable(picture.name)}"
    )


def _verdict(tuned: Tuned) -> Iterator[str]:
    """Yield whether the best setting beats the constant, and what to try where it is not good."""
    best, judged = tuned.scores[0], tuned.judged
    # Never "surely worse": cross-validated, a model without skill loses to the constant too often.
    beats = "No setting beats"
    if tuned.surely_better:
        beats = "The best setting surely beats"
    elif best.log_loss < tuned.constant_log_loss:
        beats = "The best setting does not surely beat"
    constant = f"the constant prediction P({printable(tuned.classes[1])}) = {tuned.constant[1]:.4f}"
    if len(tuned.classes) > 2:
        balanced = tuned.search.class_weight == "balanced"
        shares = "equal probabilities" if balanced else "the classes' shares"
        constant = f"always predicting {shares}"
    yield f"{beats} {constant}"
    yield (
        f"({tuned.search.names['log-loss']} {best.log_loss:.4f} +- {best.log_loss_error:.4f}, "
        f"the constant's {tuned.constant_log_loss:.4f})."
    )
    if not tuned.surely_better:
        yield f"{_to_try(tuned)}."
    elif tuned.hint is not None:
        yield f"The held-out {judged.name}, {percent(judged.value)}, is {judged.weakness}."
        yield with_flags(tuned.hint)


def _to_try(tuned: Tuned) -> str:
    """Return what may give a model that beats the constant."""
    features = f"{with_flags(BETTER_FEATURES)}, or " * (tuned.features in BY_RULE)
    return f"Try {features}more pictures"


def _why_withheld(tuned: Tuned) -> str | None:
    """Return why no suspects are named; None where they are."""
    if tuned.surely_better:
        return None
    return f"the held-out {tuned.search.names['log-loss']} is not surely below the constant's."


def _line(score: Score) -> str:
    setting = f"{score.learning_rate:>8.3g} {score.l2:>8.3g} {score.iterations:>7}"
    if score.diverged:
        return f"{setting}  {'diverged':>18}"
    return (
        f"{setting}  {percent(score.accuracy):>9} +- {100 * score.accuracy_error:5.2f}  "
        f"{score.log_loss:>7.4f} +- {score.log_loss_error:.4f}  "
        f"{score.auc:.3f} +- {score.auc_error:.3f}"
    )

"""What a search for settings is asked, what it finds, and the config file of that."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from catclf.descent.cross_validation import METRICS, Metric, Score
from catclf.errors import AnyPath
from catclf.fields import MAX_COUNT, check_ranges, ranged
from catclf.files import CONFIG_LINE
from catclf.logistic import CLASS_WEIGHTS, ClassWeight
from catclf.operations.advice import features_hint
from catclf.operations.prediction_table import LabeledPrediction
from catclf.outputs import replacing
from catclf.training import Settings
from catclf.uncertainty import Z_95, Judged

Rule = Literal["best", "one-se"]
RULES: dict[Rule, str] = {"best": "the best", "one-se": "the simplest within one standard error"}
"""What each rule chooses, in words."""


@dataclass(frozen=True)
class Search:
    """Which settings to compare, and how.

    Parameters
    ----------
    learning_rates, l2
        Learning rates above 0 and penalties of at least 0; every pair is tried. Without learning
        rates five around the safe rate of the data are tried, `catclf.descent.safe_rate`.
    iterations
        The largest number of iterations; smaller ones are compared along the way.
    folds, repeats
        How many folds the pictures are divided into, and how often: stratified, duplicates
        together.
    seed
        Seed of the folds and of the sample.
    sample
        Use this many of the pictures, at least 4, stratified; None for all.
    metric
        The held-out mean that is to be best: ``log-loss``, ``accuracy`` or ``auc``.
    rule
        ``best``, or ``one-se`` for the simplest within one standard error of the best (Breiman et
        al., Classification and Regression Trees, 1984).
    class_weight
        ``balanced``: all classes count alike, in the trainings and in the held-out means, which are
        the balanced accuracy and the balanced log loss then.

    Raises
    ------
    ValueError
        For values that make no sense.
    """

    learning_rates: tuple[float, ...] = ranged((), above=0, unit="RATES")
    l2: tuple[float, ...] = ranged((0.0, 0.01, 0.1), least=0, unit="LAMBDAS")
    iterations: int = ranged(2000, whole=True, least=1, most=MAX_COUNT, unit="N")
    folds: int = ranged(10, whole=True, least=2, most=MAX_COUNT, unit="N")
    repeats: int = ranged(1, whole=True, least=1, most=MAX_COUNT, unit="N")
    seed: int = ranged(0, whole=True, least=0, unit="N")
    sample: int | None = ranged(None, whole=True, least=4, unit="N")
    metric: Metric = ranged("log-loss", choices=METRICS)
    rule: Rule = ranged("best", choices=RULES)
    class_weight: ClassWeight = ranged("none", choices=CLASS_WEIGHTS)

    def __post_init__(self) -> None:
        check_ranges(self)
        if not self.l2:
            raise ValueError("l2 must name a penalty at least")

    @property
    def names(self) -> dict[Metric, str]:
        """What the held-out means are called."""
        balanced = "balanced " * (self.class_weight == "balanced")
        return {"log-loss": f"{balanced}log loss", "accuracy": f"{balanced}accuracy", "auc": "AUC"}

    def settings(self) -> list[tuple[float, float]]:
        """Return every pair of a learning rate and a penalty."""
        return list(product(map(float, self.learning_rates), map(float, self.l2)))


@dataclass(frozen=True, eq=False)
class Tuned:
    """The scores of all settings, the one chosen, and what they rest on.

    The constant is the prediction of the same probabilities for every picture: the share of each
    class, or equal ones where all classes count alike.

    Parameters
    ----------
    dataset
        Its file.
    search
        What was asked, with the learning rates that were tried.
    scores
        Each setting's score after its best number of iterations, the best first.
    chosen
        The one chosen; None where none has a lower log loss than the constant, or the search was
        interrupted.
    majority_rate
        The accuracy of always predicting the most frequent class.
    constant, constant_log_loss
        The constant's probabilities, by class, and log loss: the balanced one where all classes
        count alike.
    m, total
        How many pictures were used, and how many the train split has.
    features
        What the columns hold: ``pixels``, ``hog-color``, or the output of a backbone, by its name.
    safe_rate
        The learning rate up to which the cost cannot rise on this data, without a penalty.
    classes
        In the order of their labels; of two the first is the negative, the second the positive.
    out_of_fold
        Each picture's prediction by trainings that held it out, the largest loss first.
    interrupted
        Whether an observer stopped the search; the scores are those up to there.
    warnings
        What was warned of.
    """

    dataset: str
    search: Search
    scores: list[Score] = field(repr=False)
    chosen: Score | None
    majority_rate: float
    constant: list[float]
    constant_log_loss: float
    m: int
    total: int
    features: str
    safe_rate: float
    classes: tuple[str, ...]
    out_of_fold: list[LabeledPrediction] = field(repr=False)
    interrupted: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Settings | None:
        """The setting chosen, for `catclf.train`; None where nothing is chosen."""
        if self.chosen is None:
            return None
        return Settings(
            self.chosen.learning_rate,
            self.chosen.iterations,
            self.chosen.l2,
            class_weight=self.search.class_weight,
        )

    @property
    def surely_better(self) -> bool:
        """Whether the best score's log loss lies below the constant's by more than its 95 % error.

        Otherwise the data does not show that the model learned anything.
        """
        best = self.scores[0]
        return best.log_loss + Z_95 * best.log_loss_error < self.constant_log_loss

    @property
    def judged(self) -> Judged:
        """The best score's accuracy, held against that of always predicting one class."""
        best, balanced = self.scores[0], self.search.class_weight == "balanced"
        error = Z_95 * best.accuracy_error
        return Judged(
            self.search.names["accuracy"],
            best.accuracy,
            (best.accuracy - error, best.accuracy + error),
            1 / len(self.classes) if balanced else self.majority_rate,
            len(self.classes),
        )

    @property
    def hint(self) -> str | None:
        """The advice to try a network's features, where the accuracy is not good without."""
        return features_hint(self.judged, self.features)

    @property
    def edges(self) -> list[str]:
        """Of what the best score has the smallest or largest value that was tried, in words."""
        best, search = self.scores[0], self.search
        rates = search.learning_rates
        edges = []
        # Below the safe rate a smaller one takes the same path in more iterations.
        if len(rates) > 1 and best.learning_rate == min(rates) > self.safe_rate:
            edges.append("the smallest learning rate")
        if len(rates) > 1 and best.learning_rate == max(rates):
            edges.append("the largest learning rate")
        if len(search.l2) > 1 and best.l2 == max(search.l2):
            edges.append("the largest penalty")
        if best.iterations == search.iterations:
            edges.append("the largest number of iterations")
        return edges


def write_config(path: AnyPath, tuned: Tuned, chosen: Score) -> None:
    """Write a setting, and how it was chosen, as a config file, whole or not at all."""
    search = tuned.search
    dataset = _dataset_line(tuned.dataset)
    loss, accuracy, auc = (search.names[metric] for metric in METRICS)
    against = ", one class against the rest" * (len(tuned.classes) > 2)
    doubt = (
        "" if tuned.surely_better else f"# The best {loss} is not surely below the constant's.\n"
    )
    text = f"""\
# Chosen on {tuned.m} of {tuned.total} training pictures, {search.folds} folds,
# repeats: {search.repeats}, seed: {search.seed}.
# Learning rates tried: {", ".join(f"{rate:g}" for rate in search.learning_rates)}
# Penalties (l2) tried: {", ".join(f"{l2:g}" for l2 in search.l2)}
# Iterations tried: up to {search.iterations}
# Held-out means +- standard error, and those of a constant prediction:
# {loss} {chosen.log_loss:.4f} +- {chosen.log_loss_error:.4f} \
(constant: {tuned.constant_log_loss:.4f}),
# {accuracy} {chosen.accuracy:.4f} +- {chosen.accuracy_error:.4f} \
(constant: {tuned.judged.constant:.4f}),
# {auc} {chosen.auc:.4f} +- {chosen.auc_error:.4f} (constant: 0.5000){against}.
# Chosen by {search.names[search.metric]}: {RULES[search.rule]}.
{doubt}
[train]
{dataset}
lr = {chosen.learning_rate!r}
l2 = {chosen.l2!r}
iters = {chosen.iterations}
loss = "cross-entropy"
class-weight = "{search.class_weight}"

[evaluate]
{dataset}
"""
    with replacing(path) as temporary:
        encoded = text.encode()
        temporary.write_bytes(CONFIG_LINE.format(zlib.crc32(encoded)).encode() + encoded)


def _dataset_line(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return "# The dataset's name is not UTF-8, as TOML must be: give it on the command line."
    # JSON's escapes are TOML's, but for the half characters of its \\u, and for DEL.
    return "dataset = " + json.dumps(path, ensure_ascii=False).replace("\x7f", "\\u007f")

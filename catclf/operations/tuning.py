"""What `tune` does: learning rate, penalty and iterations chosen by cross-validation."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from catclf.columns import blocks
from catclf.dataset import Dataset, open_dataset
from catclf.descent.cross_validation import CrossValidation, Score, compared_lengths
from catclf.descent.gram import gram_matrix
from catclf.errors import DatasetError
from catclf.logistic import Array
from catclf.machine import available_memory
from catclf.metrics import majority_rate
from catclf.observer import Observer
from catclf.predictions import LabeledPrediction
from catclf.splits import divide_into_folds, duplicate_groups, fingerprint, stratified_sample
from catclf.storage.outputs import replacing

__all__ = ["Search", "Tuned", "tune", "write_config"]

BYTES_A_TRAINING = 12 * 8  # by example: a dozen arrays (k, m) in float64
BLOCK_EXAMPLES = 1024


@dataclass(frozen=True)
class Search:
    """Which settings to compare, and how.

    Parameters
    ----------
    learning_rates, l2
        Learning rates above 0 and penalties of at least 0; every pair is tried.
    iterations
        The longest training; shorter ones are compared along the way.
    folds, repeats
        How many folds the pictures are divided into, and how often: stratified, duplicates
        together.
    seed
        Seed of the divisions and of the sample.
    sample
        Use this many of the pictures, at least 4, stratified; None for all.

    Raises
    ------
    ValueError
        For values that make no sense.
    """

    learning_rates: tuple[float, ...] = (0.001, 0.002, 0.003, 0.005, 0.01)
    l2: tuple[float, ...] = (0.0, 0.01, 0.1)
    iterations: int = 2000
    folds: int = 10
    repeats: int = 1
    seed: int = 0
    sample: int | None = None

    def __post_init__(self) -> None:
        rates = self.learning_rates
        if not rates or not all(math.isfinite(rate) and rate > 0 for rate in rates):
            raise ValueError(f"learning_rates must be above 0, got {rates}")
        if not self.l2 or not all(math.isfinite(l2) and l2 >= 0 for l2 in self.l2):
            raise ValueError(f"l2 must be at least 0, got {self.l2}")
        if self.iterations < 1 or self.folds < 2 or self.repeats < 1:
            raise ValueError("iterations and repeats must be at least 1, folds at least 2")
        if self.sample is not None and self.sample < 4:
            raise ValueError(f"sample must be at least 4, got {self.sample}")

    def settings(self) -> list[tuple[float, float]]:
        """Return every pair of a rate and a penalty."""
        return list(product(map(float, self.learning_rates), map(float, self.l2)))


@dataclass(frozen=True)
class Tuned:
    """The leaderboard, the choice, and what it rests on.

    Parameters
    ----------
    dataset
        The dataset file.
    search
        What was asked.
    scores
        Every rate and penalty at its best length, lowest log loss first, diverged ones last.
    chosen
        By the one-standard-error rule; see `tune`.
    majority_rate, base_log_loss
        Accuracy of always answering the more frequent class, and log loss of always answering the
        share of the positive class.
    m, total
        Pictures used, and pictures in the train split.
    positive
        The class whose probability is reported.
    out_of_fold
        Predictions of each picture by trainings that held it out, by the setting of the lowest log
        loss, the largest loss first.
    """

    dataset: str
    search: Search
    scores: list[Score] = field(repr=False)
    chosen: Score
    majority_rate: float
    base_log_loss: float
    m: int
    total: int
    positive: str
    out_of_fold: list[LabeledPrediction] = field(repr=False)


def tune(
    dataset: str | os.PathLike[str],
    search: Search | None = None,
    *,
    observer: Observer | None = None,
) -> Tuned:
    """Choose learning rate, penalty and number of iterations on the train split of a dataset.

    The choice follows the one-standard-error rule (Breiman et al., Classification and Regression
    Trees, 1984): of all settings whose held-out log loss is within one standard error of the
    lowest, the simplest, which is the one with the largest penalty, among those the smallest rate
    times iterations, and among those the fewest iterations.

    Parameters
    ----------
    dataset
        The prepared dataset file; its test split is never read.
    search
        What to compare; `Search` has the defaults.
    observer
        Receives every iteration.

    Raises
    ------
    DatasetError
        Where the dataset cannot be used, has too few pictures, or too many for the memory; or
        where every setting diverged.
    """
    search = search or Search()
    settings = search.settings()
    with open_dataset(dataset) as opened:
        chosen = stratified_sample(opened.train.labels, search.sample, search.seed)
        _refuse_too_many(opened.path, chosen.size, search)
        columns = _columns_at(opened, chosen)
        names = [opened.train.names[i] for i in chosen]
        labels, classes, total = opened.train.labels[chosen], opened.classes, opened.train.m
    groups = duplicate_groups(map(fingerprint, columns))
    _refuse_too_few(opened.path, labels, groups, search.folds, chosen.size < total)
    K = gram_matrix(columns)
    Y = labels.astype(np.float64).reshape(1, -1)
    fold_of = divide_into_folds(groups, labels, search.folds, search.repeats, search.seed)
    trials = CrossValidation(K, Y, settings, fold_of, search.folds)
    curves = trials.run(compared_lengths(search.iterations), observer or Observer())
    scores = sorted(
        (curves.best(index) for index in range(len(settings))),
        key=lambda score: (score.diverged, score.log_loss),
    )
    best = scores[0]
    if best.diverged:
        raise DatasetError(
            "every setting diverged",
            opened.path,
            "Try smaller `learning_rates`, such as 0.0001,0.001.",
        )
    once_more = CrossValidation(
        K, Y, [(best.learning_rate, best.l2)], fold_of, search.folds
    ).out_of_fold(best.iterations)
    share = float(Y.mean())
    return Tuned(
        dataset=opened.path,
        search=search,
        scores=scores,
        chosen=curves.simplest_within_one_error(),
        majority_rate=majority_rate(labels),
        base_log_loss=-share * math.log(share) - (1 - share) * math.log(1 - share),
        m=labels.size,
        total=total,
        positive=classes[1],
        out_of_fold=_worst_first(names, labels, classes, *once_more),
    )


def _columns_at(dataset: Dataset, indices: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the train split's columns at sorted indices as rows (k, n_x)."""
    kept = []
    for rows, block in blocks(dataset.train.columns, BLOCK_EXAMPLES):
        first, last = np.searchsorted(indices, [rows.start, rows.stop])
        kept.append(block[indices[first:last] - rows.start])
    return np.concatenate(kept) if kept else np.empty((0, dataset.preprocessing.n_x), np.uint8)


def _worst_first(
    names: list[str],
    labels: NDArray[np.uint8],
    classes: tuple[str, str],
    probability: Array,
    loss: Array,
) -> list[LabeledPrediction]:
    return [
        LabeledPrediction(
            name=names[i],
            label=classes[labels[i]],
            predicted=classes[int(probability[i] > 0.5)],
            probability=float(probability[i]),
            loss=float(loss[i]),
        )
        for i in np.argsort(-loss, kind="stable")
    ]


def _refuse_too_many(path: str, m: int, search: Search) -> None:
    quarter = available_memory() // 4
    fit = math.isqrt(quarter // 12)  # K and what it is made of, as descent.choice counts for gram
    if m > fit:
        raise DatasetError(
            f"has {m} training pictures, and the matrix of their products does not fit into a "
            f"quarter of the memory; {fit} would",
            path,
            f"Use a `sample` of {fit}: tune on a stratified sample.",
        )
    trainings = len(search.settings()) * (search.folds * search.repeats + 1)
    if trainings * m * BYTES_A_TRAINING > quarter:
        raise DatasetError(
            f"{trainings} trainings at once on {m} pictures do not fit into a quarter of the "
            "memory",
            path,
            "Use fewer `learning_rates`, `l2`, `folds` or `repeats`, or a `sample`.",
        )


def _refuse_too_few(
    path: str, labels: NDArray[np.uint8], groups: list[list[int]], folds: int, sampled: bool
) -> None:
    positive = sum(labels[group[0]] == 1 for group in groups)
    fewest = min(positive, len(groups) - positive)
    if fewest < folds:
        fix = f"Use `folds` {fewest}" if fewest >= 2 else "Prepare it with more pictures"
        raise DatasetError(
            f"{'the sample' if sampled else 'its train split'} has {fewest} different pictures of "
            f"a class, too few for {folds} folds",
            path,
            f"{fix}, or a larger `sample`." if sampled else f"{fix}.",
        )


def write_config(path: str | os.PathLike[str], tuned: Tuned) -> None:
    """Write the choice as a config file for `catclf --config FILE train`."""
    chosen, search = tuned.chosen, tuned.search
    text = f"""\
# Chosen by catclf tune on {tuned.m} of {tuned.total} training pictures, {search.folds} folds,
# repeats: {search.repeats}, seed: {search.seed}.
# Learning rates tried: {", ".join(map(str, search.learning_rates))}
# Penalties (l2) tried: {", ".join(map(str, search.l2))}
# Iterations tried: up to {search.iterations}
# Held-out log loss {chosen.log_loss:.4f} +- {chosen.log_loss_error:.4f} \
(always answering the same: {tuned.base_log_loss:.4f}),
# held-out accuracy {chosen.accuracy:.4f} +- {chosen.accuracy_error:.4f} \
(always answering the same: {tuned.majority_rate:.4f}).
# Of all within one standard error of the lowest log loss, {tuned.scores[0].log_loss:.4f}, it has
# the largest penalty, then the smallest rate x iterations.

[train]
{_dataset_line(tuned.dataset)}
lr = {chosen.learning_rate!r}
l2 = {chosen.l2!r}
iters = {chosen.iterations}
loss = "cross-entropy"
"""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _dataset_line(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return "# The dataset's name is not UTF-8, as TOML must be: give it on the command line."
    # JSON's escapes are TOML's, but for the half characters of its \\u, and for DEL.
    return "dataset = " + json.dumps(path, ensure_ascii=False).replace("\x7f", "\\u007f")

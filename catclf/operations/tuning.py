"""What `tune` does: learning rate, penalty and iterations chosen by cross-validation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from catclf.classes import class_counts, warn_of_imbalance
from catclf.columns import Columns, blocks_of_bytes
from catclf.dataset import StoredRows, open_dataset
from catclf.descent import Problem, round_down
from catclf.descent.cross_validation import CrossValidation, compared_iterations
from catclf.descent.gram import gram_matrix, gram_safe_rate
from catclf.errors import AnyPath, CatclfError, DatasetError, printable
from catclf.files import FileKind
from catclf.logistic import Array, Labels, n_neurons
from catclf.metrics import class_shares, constant_log_loss
from catclf.near_copies import first_of_each, hashes
from catclf.observer import Listener, Observer
from catclf.operations.prediction_table import (
    LabeledPrediction,
    labeled_prediction,
    write_predictions,
)
from catclf.operations.search import Search, Tuned, write_config
from catclf.outputs import check_output, is_same_file
from catclf.splits import (
    divide_into_folds,
    duplicate_groups,
    fingerprint,
    kept_together,
    stratified_sample,
    without_scenes,
)
from catclf.training import Settings
from catclf.workers import available_memory

SAFE_RATE_FACTORS = (1 / 4, 1 / 2, 1, 2, 4)  # of the learning rates tried by default
BYTES_A_TRAINING = 12 * 8  # by example and neuron: a dozen arrays (t, k, m) in float64
BLOCK_BYTES = 2**24  # read at once


def tune(
    dataset: AnyPath,
    search: Search | None = None,
    *,
    output: AnyPath | None = None,
    predictions: AnyPath | None = None,
    force: bool = False,
    progress: bool = False,
    observer: Observer | None = None,
) -> Tuned:
    """Choose learning rate, penalty and number of iterations on the train split of a dataset.

    Parameters
    ----------
    dataset
        The prepared dataset file; its test split is never read.
    search
        What to compare; `Search` has the defaults.
    output
        A config file to write, for `catclf --config FILE train` and `evaluate`; it is not written
        where nothing is chosen.
    predictions
        A CSV file to write, with every picture's label and out-of-fold prediction, the largest
        loss first.
    force
        Let files of another kind, at `output` or `predictions`, be replaced.
    progress
        Draw a progress bar, in a notebook as a widget.
    observer
        Receives warnings, which are Python's where there is none, and every iteration. Where it
        stops the work the scores are those up to there, and nothing is written.

    Returns
    -------
    Tuned
        Every setting's score, the best first; the one chosen, also as `Settings` for
        `catclf.train`; and each picture's out-of-fold prediction.

    Raises
    ------
    DatasetError
        Where the dataset cannot be used, has too few pictures, or too many for the memory; or
        where every setting diverged.
    CatclfError
        Where a file cannot be written, is the dataset, or is a file of another kind.
    """
    _check_outputs(dataset, output, predictions, force)
    with Listener(observer, progress, "iterations") as listener:
        tuned = _tuned(dataset, search or Search(), listener)
    tuned = replace(tuned, warnings=listener.warnings)
    if output is not None and tuned.chosen is not None:
        write_config(output, tuned, tuned.chosen)
    if predictions is not None and not tuned.interrupted:
        write_predictions(predictions, tuned.out_of_fold, tuned.classes)
    return tuned


def _tuned(dataset: AnyPath, search: Search, observer: Observer) -> Tuned:
    with open_dataset(dataset) as opened:
        sampled = stratified_sample(opened.train.labels, search.sample, search.seed)
        _refuse_too_many(opened.path, sampled.size, len(opened.classes), search)
        columns = np.concatenate([*_rows_at(opened.train.columns, sampled)])
        names = [opened.train.names[i] for i in sampled]
        labels, classes, total = opened.train.labels[sampled], opened.classes, opened.train.m
        groups = _groups(opened.train.pixels, sampled, labels, names, observer)
    n_classes = len(classes)
    _refuse_too_few(opened.path, labels, groups, classes, search.folds, sampled.size < total)
    if search.class_weight == "none":
        warn_of_imbalance(labels, classes, observer)
    K = gram_matrix(columns)
    asked = Settings(class_weight=search.class_weight)
    problem = Problem(columns, labels, asked, None, n_classes)
    safe = gram_safe_rate(K, problem)
    if not search.learning_rates:
        rates = tuple(round_down(factor * safe) for factor in SAFE_RATE_FACTORS)
        search = replace(search, learning_rates=rates)
    fold_of = divide_into_folds(groups, labels, search.folds, search.repeats, search.seed)
    weighted = search.class_weight, n_classes
    validation = CrossValidation(K, labels, search.settings(), fold_of, *weighted)
    curves = validation.run(compared_iterations(search.iterations), observer)
    balanced = search.class_weight == "balanced"
    shares = class_shares(labels, n_classes)
    counted = np.full(n_classes, 1 / n_classes) if balanced else shares
    constant = constant_log_loss(counted)
    settings = range(len(curves.settings))
    scores = sorted(
        (curves.best(index, search.metric, constant) for index in settings),
        # Those that lose to the constant come last.
        key=lambda score: (
            score.diverged,
            score.log_loss >= constant,
            score.badness(search.metric),
            score.log_loss,
        ),
    )
    best = scores[0]
    if best.diverged:
        raise DatasetError("every setting diverged", opened.path, "Try smaller `learning_rates`.")
    interrupted = curves.iterations[-1] < search.iterations
    chosen = None
    if not interrupted and best.log_loss < constant:
        chosen = best
        if search.rule == "one-se":
            chosen = curves.simplest(best, search.metric, constant)
    tuned = Tuned(
        dataset=opened.path,
        search=search,
        scores=scores,
        chosen=chosen,
        majority_rate=float(shares.max()),
        constant=counted.tolist(),
        constant_log_loss=constant,
        m=labels.size,
        total=total,
        features=opened.preprocessing.features_name,
        safe_rate=safe,
        classes=classes,
        out_of_fold=[],
        interrupted=interrupted,
    )
    if interrupted:
        return tuned
    setting = [(best.learning_rate, best.l2)]
    out_of_fold = CrossValidation(K, labels, setting, fold_of, *weighted).out_of_fold(
        best.iterations
    )
    return replace(tuned, out_of_fold=_worst_first(names, labels, classes, *out_of_fold))


def _check_outputs(
    dataset: AnyPath, output: AnyPath | None, predictions: AnyPath | None, force: bool
) -> None:
    if output is not None:
        check_output(output, FileKind.CONFIG, [dataset], force=force)
    if predictions is not None:
        check_output(predictions, FileKind.PREDICTIONS, [dataset], force=force)
        if output is not None and is_same_file(output, predictions):
            raise CatclfError("is named for two outputs", output, "Write to two files.")


def _rows_at(stored: Columns, indices: NDArray[np.intp]) -> Iterator[NDArray[np.uint8]]:
    """Yield the rows at sorted indices, a block at a time; an empty block where there are none."""
    yield np.empty((0, stored.shape[1]), np.uint8)
    for rows, block in blocks_of_bytes(stored, BLOCK_BYTES):
        first, last = np.searchsorted(indices, [rows.start, rows.stop])
        yield block[indices[first:last] - rows.start]


def _groups(
    pixels: StoredRows,
    sampled: NDArray[np.intp],
    labels: Labels,
    names: list[str],
    observer: Observer,
) -> list[list[int]]:
    """Return the pictures sampled in groups that no fold parts."""
    fingerprints, hashed = [], [np.empty(0, np.uint64)]
    for rows in _rows_at(pixels, sampled):
        fingerprints += [fingerprint(row) for row in rows]
        hashed.append(hashes(rows))
    firsts = first_of_each(
        fingerprints,
        np.concatenate(hashed),
        lambda indices: (pixels[i : i + 1] for i in sampled[indices].tolist()),
    )
    firsts = without_scenes(firsts, fingerprints, labels, names, observer)
    return duplicate_groups(kept_together(firsts, fingerprints, labels))


def _worst_first(
    names: list[str],
    labels: Labels,
    classes: tuple[str, ...],
    probabilities: Array,
    loss: Array,
) -> list[LabeledPrediction]:
    return [
        labeled_prediction(names[i], classes, int(labels[i]), probabilities[i], float(loss[i]))
        for i in np.argsort(-loss, kind="stable")
    ]


def _refuse_too_many(path: str, m: int, n_classes: int, search: Search) -> None:
    quarter = available_memory() // 4
    fit = math.isqrt(quarter // 12)  # K and what it is made of, as descent.choice counts for gram
    if m > fit:
        raise DatasetError(
            f"has {m} training pictures, and the matrix of their products does not fit into a "
            f"quarter of the memory; {fit} would",
            path,
            f"Use a `sample` of {fit}: tune on a stratified sample.",
        )
    rates = len(search.learning_rates) or len(SAFE_RATE_FACTORS)
    trainings = rates * len(search.l2) * (search.folds * search.repeats + 1)
    if trainings * n_neurons(n_classes) * m * BYTES_A_TRAINING > quarter:
        of_classes = f" of {n_classes} classes" * (n_classes > 2)
        raise DatasetError(
            f"{trainings} trainings at once on {m} pictures{of_classes} do not fit into a quarter "
            "of the memory",
            path,
            "Use fewer `learning_rates`, `l2`, `folds` or `repeats`, or a `sample`.",
        )


def _refuse_too_few(
    path: str,
    labels: Labels,
    groups: list[list[int]],
    classes: tuple[str, ...],
    folds: int,
    sampled: bool,
) -> None:
    counts = class_counts(labels[[group[0] for group in groups]], len(classes))
    fewest = min(counts)
    if fewest < folds:
        of = "a class" if len(classes) == 2 else printable(classes[counts.index(fewest)])
        once = ", copies counted once" if len(groups) < labels.size else ""
        fix = f"Use `folds` {fewest}" + ", or a larger `sample`" * sampled
        if fewest < 2:
            fix = "Prepare it with more pictures"
            if sampled:
                fix = "Use a larger `sample`, or prepare it with more pictures"
        raise DatasetError(
            f"{'the sample' if sampled else 'its train split'} has {fewest} different pictures of "
            f"{of}{once}, too few for {folds} folds",
            path,
            f"{fix}.",
        )

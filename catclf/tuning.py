"""What `tune` does: rate, penalty and length chosen by cross-validation, all trainings at once.

Every combination on every fold is one row of the gram method's recurrence, so an iteration of all
of them is one matrix product. A picture held out of a fold counts nothing in that row's update,
but its logit is followed all the same: the held-out loss is known along the iterations, and the
length is chosen at no extra training. Only the train part is read.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from catclf.dataset import open_dataset
from catclf.descent import hill
from catclf.descent.gram import Recurrence, gram_matrix
from catclf.errors import DatasetError, printable
from catclf.files import replacing, write_csv
from catclf.logistic import cross_entropy, sigmoid
from catclf.metrics import majority_rate
from catclf.parallel import available_memory
from catclf.preparation import split_groups

__all__ = ["HeldOut", "Score", "Tuned", "tune", "write_config", "write_held_out"]

Array = NDArray[np.float64]
CHECKS = 200  # lengths compared: the held-out loss is computed this often along the iterations
HOPELESS = 1e6  # times its first cost: such a training is frozen before it overflows


@dataclass(frozen=True)
class Score:
    """How one rate and penalty do, at their best length.

    Parameters
    ----------
    learning_rate, l2, iterations
        The setting.
    accuracy, log_loss
        Means over the folds of the held-out pictures; nan where it diverged.
    accuracy_error, log_loss_error
        Standard errors of these means.
    diverged
        Whether a training overflowed, or ended above where it began.
    """

    learning_rate: float
    l2: float
    iterations: int
    accuracy: float
    accuracy_error: float
    log_loss: float
    log_loss_error: float
    diverged: bool = False


@dataclass(frozen=True)
class HeldOut:
    """What trainings that did not see a picture say of it.

    Parameters
    ----------
    name
        What the picture is called.
    label
        Its class, by name.
    probability
        Of the positive class; over several repeats, the mean.
    loss
        Cross-entropy in nats; over several repeats, the mean.
    """

    name: str
    label: str
    probability: float
    loss: float


@dataclass(frozen=True)
class Tuned:
    """The leaderboard, the choice, and what it rests on.

    Parameters
    ----------
    dataset
        The dataset file.
    scores
        Every rate and penalty at its best length, lowest log loss first, diverged ones last.
    chosen
        By the one-standard-error rule; see `tune`.
    majority_rate
        The accuracy of always answering the more frequent class.
    m, folds, repeats, seed, iterations
        What was asked: pictures trained on, and the rest.
    positive
        The class whose probability is reported.
    held_out
        The chosen setting's out-of-fold predictions, the largest loss first.
    """

    dataset: str
    scores: list[Score]
    chosen: Score
    majority_rate: float
    m: int
    folds: int
    repeats: int
    seed: int
    iterations: int
    positive: str
    held_out: list[HeldOut]


def tune(
    dataset: str | os.PathLike[str],
    *,
    rates: Sequence[float] = (0.001, 0.002, 0.003, 0.005, 0.01),
    penalties: Sequence[float] = (0.0, 0.01, 0.1),
    iterations: int = 2000,
    folds: int = 10,
    repeats: int = 1,
    seed: int = 0,
    sample: int | None = None,
    on_iteration: Callable[[int], None] | None = None,
) -> Tuned:
    """Choose learning rate, penalty and number of iterations on the train part of a dataset.

    The choice follows the one-standard-error rule (Breiman et al., Classification and Regression
    Trees, 1984): of all settings whose held-out log loss is within one standard error of the
    lowest, the simplest, which is the one with the largest penalty and, among those, the smallest
    rate times iterations: the one that has moved w least from 0.

    Parameters
    ----------
    dataset
        The prepared dataset file; its test part is never read.
    rates, penalties
        Learning rates above 0 and penalties of at least 0; every pair is tried.
    iterations
        The longest training; shorter ones are compared along the way.
    folds, repeats
        How often the pictures are divided, and into how many parts: stratified, identical
        pictures together.
    seed
        Seed of the divisions.
    sample
        Use this many of the pictures, stratified; None for all.
    on_iteration
        Called with the number of iterations made, after each.

    Raises
    ------
    DatasetError
        Where the dataset cannot be used, has too few pictures, or too many for the memory; or
        where every setting diverged.
    ValueError
        For values that make no sense.
    """
    _check(rates, penalties, iterations, folds, repeats)
    with open_dataset(dataset) as opened:
        part = opened.train
        chosen = _sampled(part.labels, sample, seed)
        _refuse_misfit(opened.path, part.labels[chosen], folds)
        columns = np.concatenate(
            [part.columns[i : i + 1024][_within(chosen, i)] for i in range(0, part.m, 1024)]
        )
        names = [part.names[i] for i in chosen]
        labels, classes = part.labels[chosen], opened.classes
    K = gram_matrix(columns)
    Y = labels.astype(np.float64).reshape(1, -1)
    fold_of = _divide(columns, labels, folds, repeats, seed)
    settings = list(product(rates, penalties))
    trials = _Trials(K, Y, settings, fold_of, folds)
    curves = trials.run(iterations, max(1, iterations // CHECKS), on_iteration)
    scores = [curves.best(index) for index in range(len(settings))]
    if all(score.diverged for score in scores):
        raise DatasetError(
            "every setting diverged", opened.path, "Try smaller rates, with --lr 0.0001,0.001."
        )
    choice = curves.simplest_within_one_error()
    return Tuned(
        dataset=opened.path,
        scores=sorted(scores, key=lambda score: (score.diverged, score.log_loss)),
        chosen=choice,
        majority_rate=majority_rate(labels),
        m=labels.size,
        folds=folds,
        repeats=repeats,
        seed=seed,
        iterations=iterations,
        positive=classes[1],
        held_out=_held_out(K, Y, choice, fold_of, folds, names, classes),
    )


def _check(
    rates: Sequence[float], penalties: Sequence[float], iterations: int, folds: int, repeats: int
) -> None:
    if not rates or not all(math.isfinite(rate) and rate > 0 for rate in rates):
        raise ValueError(f"rates must be above 0, got {rates}")
    if not penalties or not all(math.isfinite(l2) and l2 >= 0 for l2 in penalties):
        raise ValueError(f"penalties must be at least 0, got {penalties}")
    if iterations < 1 or folds < 2 or repeats < 1:
        raise ValueError("iterations and repeats must be at least 1, folds at least 2")


def _sampled(labels: NDArray[np.uint8], sample: int | None, seed: int) -> NDArray[np.intp]:
    """Return the indices, in order, of a stratified sample."""
    if sample is None or sample >= labels.size:
        return np.arange(labels.size)
    rng = np.random.default_rng(seed)
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    share = round(sample * positives.size / labels.size)
    taken = [rng.permutation(positives)[:share], rng.permutation(negatives)[: sample - share]]
    return np.sort(np.concatenate(taken))


def _within(indices: NDArray[np.intp], start: int) -> NDArray[np.intp]:
    """Return which of 1024 rows from `start` on are among sorted indices, counted from there."""
    first, last = np.searchsorted(indices, [start, start + 1024])
    return indices[first:last] - start


def _refuse_misfit(path: str, labels: NDArray[np.uint8], folds: int) -> None:
    fewest = min(np.count_nonzero(labels == 0), np.count_nonzero(labels == 1))
    if fewest < folds:
        raise DatasetError(
            f"has {fewest} training pictures of a class, too few for {folds} folds",
            path,
            f"Use --folds {fewest}." if fewest >= 2 else "Prepare it with more pictures.",
        )
    fit = math.isqrt(available_memory() // 4 // 12)  # as descent.choice counts for gram
    if labels.size > fit:
        raise DatasetError(
            f"has {labels.size} training pictures, and the matrix of their products does not fit "
            f"into a quarter of the memory; {fit} would",
            path,
            f"Use --sample {fit // 2}: tune on a stratified sample.",
        )


def _divide(
    columns: NDArray[np.uint8], labels: NDArray[np.uint8], folds: int, repeats: int, seed: int
) -> NDArray[np.intp]:
    """Return (repeats, m): the fold that holds each picture out."""
    digests = [hashlib.blake2b(row.data, digest_size=16).digest() for row in columns]
    shares = [1 / folds] * (folds - 1)
    return np.stack([split_groups(labels, digests, shares, seed + r) for r in range(repeats)])


class _Trials:
    """Every setting on every fold of every repeat: rows of one recurrence.

    Row ``(s * repeats + r) * folds + f`` is setting s, trained without fold f of repeat r.
    """

    def __init__(
        self,
        K: Array,
        Y: Array,
        settings: Sequence[tuple[float, float]],
        fold_of: NDArray[np.intp],
        folds: int,
    ) -> None:
        self.Y, self.settings = Y, settings
        held_out = np.concatenate([fold == np.arange(folds)[:, None] for fold in fold_of])
        self.splits = len(held_out)  # repeats x folds
        self.held_out = np.tile(held_out, (len(settings), 1))  # (k, m)
        trained_on = ~self.held_out
        self.weight = trained_on / trained_on.sum(axis=1, keepdims=True)  # (k, m)
        self.held_weight = self.held_out / self.held_out.sum(axis=1, keepdims=True)
        rate, l2 = (
            np.repeat([setting[i] for setting in settings], self.splits).reshape(-1, 1)
            for i in (0, 1)
        )
        self.recurrence = Recurrence(K, Y, rate, l2, self.weight, "cross-entropy")

    def logits(self) -> Array:
        """Return (k, m)."""
        return self.recurrence.U + self.recurrence.b

    @np.errstate(over="ignore", invalid="ignore")  # what overflows is frozen and shown
    def run(
        self, iterations: int, every: int, on_iteration: Callable[[int], None] | None = None
    ) -> _Curves:
        """Train, and follow the held-out loss and accuracy every so many iterations."""
        lengths = list(range(every, iterations + 1, every))
        if lengths[-1:] != [iterations]:
            lengths.append(iterations)
        checks = iter(lengths)
        due = next(checks)
        frozen = np.zeros(len(self.weight), dtype=bool)
        loss, accuracy, cost = [], [], []
        for done in range(1, iterations + 1):
            self.recurrence.step()
            if done == due:
                Z = self.logits()
                each = cross_entropy(Z, self.Y)
                costs = np.sum(self.weight * each, axis=1)
                hopeless = ~(costs < HOPELESS * math.log(2)) & ~frozen
                if hopeless.any():
                    self.recurrence.freeze(hopeless)
                    frozen |= hopeless
                costs[frozen] = np.inf
                cost.append(costs)
                loss.append(np.sum(self.held_weight * each, axis=1))
                right = (Z > 0) == (self.Y == 1)
                accuracy.append(np.sum(self.held_weight * right, axis=1))
                due = next(checks, 0)
            if on_iteration is not None:
                on_iteration(done)
        shape = (len(lengths), len(self.settings), self.splits)
        return _Curves(
            self.settings,
            lengths,
            np.reshape(loss, shape),
            np.reshape(accuracy, shape),
            np.reshape(cost, shape),
        )


@dataclass(frozen=True)
class _Curves:
    """Held-out loss and accuracy and training cost, by (length, setting, split)."""

    settings: Sequence[tuple[float, float]]
    lengths: list[int]
    loss: Array
    accuracy: Array
    cost: Array

    def sound(self) -> NDArray[np.bool_]:
        """Return (lengths, settings): whether no training stands above what `hill` allows."""
        highest = math.log(2) * np.array([hill(length) for length in self.lengths])[:, None]
        below: NDArray[np.bool_] = self.cost.max(axis=2) <= highest
        return below

    def score(self, length: int, setting: int) -> Score:
        """Return the score of a setting at the length of an index."""
        rate, l2 = self.settings[setting]
        losses, accuracies = self.loss[length, setting], self.accuracy[length, setting]
        return Score(
            rate,
            l2,
            self.lengths[length],
            float(accuracies.mean()),
            _standard_error(accuracies),
            float(losses.mean()),
            _standard_error(losses),
        )

    def best(self, setting: int) -> Score:
        """Return a setting's score at the length of its lowest held-out loss."""
        sound = self.sound()[:, setting]
        if not sound[-1]:  # its training would end in an error
            rate, l2 = self.settings[setting]
            nan = math.nan
            return Score(rate, l2, self.lengths[-1], nan, nan, nan, nan, diverged=True)
        means = np.where(sound, self.loss[:, setting].mean(axis=1), np.inf)
        return self.score(int(np.argmin(means)), setting)

    def simplest_within_one_error(self) -> Score:
        """Return the simplest setting within one standard error of the lowest held-out loss."""
        sound = self.sound()
        sound &= sound[-1]
        means = np.where(sound, self.loss.mean(axis=2), np.inf)
        length, setting = np.unravel_index(int(np.argmin(means)), means.shape)
        best = self.score(int(length), int(setting))
        within = [
            self.score(int(i), int(s))
            for i, s in np.argwhere(means <= best.log_loss + best.log_loss_error)
        ]
        return min(within, key=lambda s: (-s.l2, s.learning_rate * s.iterations, s.iterations))


def _standard_error(values: Array) -> float:
    return float(values.std(ddof=1) / math.sqrt(values.size))


def _held_out(
    K: Array,
    Y: Array,
    chosen: Score,
    fold_of: NDArray[np.intp],
    folds: int,
    names: Sequence[str],
    classes: tuple[str, str],
) -> list[HeldOut]:
    """Train the chosen setting on the folds once more, and return what it says of each picture."""
    trials = _Trials(K, Y, [(chosen.learning_rate, chosen.l2)], fold_of, folds)
    for _ in range(chosen.iterations):
        trials.recurrence.step()
    Z = trials.logits()
    times = trials.held_out.sum(axis=0)  # once in every repeat
    probability = np.sum(trials.held_out * sigmoid(Z), axis=0) / times
    loss = np.sum(trials.held_out * cross_entropy(Z, Y), axis=0) / times
    return [
        HeldOut(names[i], classes[int(Y[0, i])], float(probability[i]), float(loss[i]))
        for i in np.argsort(-loss, kind="stable")
    ]


def write_config(path: str | os.PathLike[str], tuned: Tuned) -> None:
    """Write the choice as a config file for `catclf --config FILE train`."""
    chosen = tuned.chosen
    text = f"""\
# Chosen by catclf tune on {tuned.m} training pictures: {tuned.folds} folds,
# repeats: {tuned.repeats}, seed {tuned.seed},
# {len(tuned.scores)} rates and penalties, up to {tuned.iterations} iterations.
# Held-out log loss {chosen.log_loss:.4f} +- {chosen.log_loss_error:.4f},
# held-out accuracy {chosen.accuracy:.4f} +- {chosen.accuracy_error:.4f}.
# It is the simplest within one standard error of the lowest, {tuned.scores[0].log_loss:.4f}.

[train]
dataset = {json.dumps(printable(tuned.dataset))}
lr = {chosen.learning_rate!r}
l2 = {chosen.l2!r}
iters = {chosen.iterations}
loss = "cross-entropy"
"""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_held_out(path: str | os.PathLike[str], tuned: Tuned) -> None:
    """Write a CSV line a training picture: name, label, probability, loss; the worst first."""
    header = ("file", "label", "probability", "loss")
    write_csv(path, header, ((r.name, r.label, r.probability, r.loss) for r in tuned.held_out))

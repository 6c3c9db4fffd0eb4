"""What `tune` does: rate, penalty and length chosen by cross-validation, all trainings at once.

Every combination on every fold is one row of the gram method's recurrence, so an iteration of all
of them is one matrix product. A picture held out of a fold counts nothing in that row's update,
but its logit is followed all the same: the held-out loss is known along the iterations, and the
length is chosen at no extra training. One more row a setting trains on all pictures, as `train`
will: a setting is chosen only where that does not diverge either. Only the train split is read.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from catclf.columns import fingerprint, group_equal
from catclf.dataset import open_dataset
from catclf.descent import divergence_factor
from catclf.descent.gram import Recurrence, gram_matrix
from catclf.errors import DatasetError
from catclf.logistic import cross_entropy, sigmoid
from catclf.metrics import majority_rate
from catclf.parallel import available_memory
from catclf.storage.outputs import replacing, write_csv

__all__ = ["HeldOut", "Score", "Tuned", "tune", "write_config", "write_held_out"]

Array = NDArray[np.float64]
CHECKS = 200  # lengths compared at most, at equal ratios: 1, 2, 3, ..., 1924, 2000
TRIAL_BYTES = 12 * 8  # of a training, by picture: a dozen arrays (k, m) in float64
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
        Standard errors of these means, over the folds of one division: to divide the same pictures
        again and again makes no mean more certain of other pictures.
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
    majority_rate, base_log_loss
        Accuracy of always answering the more frequent class, and log loss of always answering the
        share of the positive class.
    rates, penalties, iterations, folds, repeats, seed
        What was asked.
    m, total
        Pictures used, and pictures in the train split.
    positive
        The class whose probability is reported.
    held_out
        Out-of-fold predictions by the setting of the lowest log loss, the largest loss first.
    """

    dataset: str
    scores: list[Score]
    chosen: Score
    majority_rate: float
    base_log_loss: float
    rates: tuple[float, ...]
    penalties: tuple[float, ...]
    iterations: int
    folds: int
    repeats: int
    seed: int
    m: int
    total: int
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
    """Choose learning rate, penalty and number of iterations on the train split of a dataset.

    The choice follows the one-standard-error rule (Breiman et al., Classification and Regression
    Trees, 1984): of all settings whose held-out log loss is within one standard error of the
    lowest, the simplest, which is the one with the largest penalty, among those the smallest rate
    times iterations, and among those the fewest iterations.

    Parameters
    ----------
    dataset
        The prepared dataset file; its test split is never read.
    rates, penalties
        Learning rates above 0 and penalties of at least 0; every pair is tried.
    iterations
        The longest training; shorter ones are compared along the way.
    folds, repeats
        How often the pictures are divided, and into how many splits: stratified, identical
        pictures together.
    seed
        Seed of the divisions and of the sample.
    sample
        Use this many of the pictures, at least 4, stratified; None for all.
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
    rates, penalties = tuple(map(float, rates)), tuple(map(float, penalties))
    _check(rates, penalties, iterations, folds, repeats, sample)
    with open_dataset(dataset) as opened:
        split = opened.train
        chosen = _sampled(split.labels, sample, seed)
        _refuse_too_many(opened.path, chosen.size, len(rates) * len(penalties), folds, repeats)
        columns = np.concatenate(
            [split.columns[i : i + 1024][_within(chosen, i)] for i in range(0, split.m, 1024)]
        )
        names = [split.names[i] for i in chosen]
        labels, classes = split.labels[chosen], opened.classes
    groups = _groups(columns)
    _refuse_too_few(opened.path, labels, groups, folds, chosen.size < split.m)
    K = gram_matrix(columns)
    Y = labels.astype(np.float64).reshape(1, -1)
    fold_of = _divide(groups, labels, folds, repeats, seed)
    settings = list(product(rates, penalties))
    trials = _Trials(K, Y, settings, fold_of, folds)
    curves = trials.run(_lengths(iterations), on_iteration)
    scores = sorted(
        (curves.best(index) for index in range(len(settings))),
        key=lambda score: (score.diverged, score.log_loss),
    )
    if all(score.diverged for score in scores):
        raise DatasetError(
            "every setting diverged", opened.path, "Try smaller rates, with --lr 0.0001,0.001."
        )
    share = float(Y.mean())
    return Tuned(
        dataset=opened.path,
        scores=scores,
        chosen=curves.simplest_within_one_error(),
        majority_rate=majority_rate(labels),
        base_log_loss=-share * math.log(share) - (1 - share) * math.log(1 - share),
        rates=rates,
        penalties=penalties,
        iterations=iterations,
        folds=folds,
        repeats=repeats,
        seed=seed,
        m=labels.size,
        total=split.m,
        positive=classes[1],
        held_out=_held_out(K, Y, scores[0], fold_of, folds, names, classes),
    )


def _check(
    rates: Sequence[float],
    penalties: Sequence[float],
    iterations: int,
    folds: int,
    repeats: int,
    sample: int | None,
) -> None:
    if not rates or not all(math.isfinite(rate) and rate > 0 for rate in rates):
        raise ValueError(f"rates must be above 0, got {rates}")
    if not penalties or not all(math.isfinite(l2) and l2 >= 0 for l2 in penalties):
        raise ValueError(f"penalties must be at least 0, got {penalties}")
    if iterations < 1 or folds < 2 or repeats < 1:
        raise ValueError("iterations and repeats must be at least 1, folds at least 2")
    if sample is not None and sample < 4:
        raise ValueError(f"sample must be at least 4, got {sample}")


def _lengths(iterations: int) -> list[int]:
    """Return the lengths compared, up to `iterations`: short ones matter as much as long ones."""
    even = np.geomspace(1, iterations, CHECKS).round().astype(int)
    return np.unique(even).tolist()  # type: ignore[no-any-return]


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


def _refuse_too_many(path: str, m: int, settings: int, folds: int, repeats: int) -> None:
    quarter = available_memory() // 4
    fit = math.isqrt(quarter // 12)  # K and what it is made of, as descent.choice counts for gram
    if m > fit:
        raise DatasetError(
            f"has {m} training pictures, and the matrix of their products does not fit into a "
            f"quarter of the memory; {fit} would",
            path,
            f"Use --sample {fit}: tune on a stratified sample.",
        )
    trainings = settings * (folds * repeats + 1)
    if trainings * m * TRIAL_BYTES > quarter:
        raise DatasetError(
            f"{trainings} trainings at once on {m} pictures do not fit into a quarter of the "
            "memory",
            path,
            "Use fewer rates, penalties, folds or repeats, or a --sample.",
        )


def _refuse_too_few(
    path: str, labels: NDArray[np.uint8], groups: list[list[int]], folds: int, sampled: bool
) -> None:
    positive = sum(labels[group[0]] == 1 for group in groups)
    fewest = min(positive, len(groups) - positive)
    if fewest < folds:
        fix = f"Use --folds {fewest}" if fewest >= 2 else "Prepare it with more pictures"
        raise DatasetError(
            f"{'the sample' if sampled else 'its train split'} has {fewest} different pictures of "
            f"a class, too few for {folds} folds",
            path,
            f"{fix}, or a larger --sample." if sampled else f"{fix}.",
        )


def _groups(columns: NDArray[np.uint8]) -> list[list[int]]:
    """Return the indices of identical pictures together."""
    return group_equal(map(fingerprint, columns))


def _divide(
    groups: list[list[int]], labels: NDArray[np.uint8], folds: int, repeats: int, seed: int
) -> NDArray[np.intp]:
    """Return (repeats, m): the fold that holds each picture out.

    Each group of identical pictures, the largest first, goes where its class has the fewest
    pictures, and of such folds to the smallest: all are of a size, and stratified.
    """
    fold_of = np.empty((repeats, labels.size), dtype=np.intp)
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        sizes = np.zeros((2, folds), dtype=np.intp)  # by class
        shuffled = [groups[i] for i in rng.permutation(len(groups))]
        for group in sorted(shuffled, key=len, reverse=True):
            own = sizes[labels[group[0]]]
            fold = int(np.lexsort((sizes.sum(axis=0), own))[0])
            own[fold] += len(group)
            fold_of[repeat, group] = fold
    return fold_of


class _Trials:
    """Every setting on every fold of every repeat, and on all pictures: rows of one recurrence.

    Row ``s * splits + r * folds + f`` is setting s, trained without fold f of repeat r; the last
    of a setting's ``splits = repeats * folds + 1`` rows is trained on all pictures.
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
        self.repeats, self.folds = len(fold_of), folds
        divided = [fold == np.arange(folds)[:, None] for fold in fold_of]
        held_out = np.concatenate([*divided, np.zeros((1, Y.size), dtype=bool)])
        self.splits = len(held_out)
        self.held_out = np.tile(held_out, (len(settings), 1))  # (k, m)
        trained_on = ~self.held_out
        self.weight = trained_on / trained_on.sum(axis=1, keepdims=True)  # (k, m)
        self.held_weight = self.held_out / np.maximum(self.held_out.sum(axis=1, keepdims=True), 1)
        rate, self.l2 = (
            np.repeat([setting[i] for setting in settings], self.splits).reshape(-1, 1)
            for i in (0, 1)
        )
        self.recurrence = Recurrence(K, Y, rate, self.l2, self.weight, "cross-entropy")

    def logits(self) -> Array:
        """Return (k, m)."""
        return self.recurrence.U + self.recurrence.b

    @np.errstate(over="ignore", invalid="ignore")  # what overflows is frozen and shown
    def run(self, lengths: list[int], on_iteration: Callable[[int], None] | None = None) -> _Curves:
        """Train to the last of the lengths; at each, note losses, accuracies and costs."""
        checks = iter(lengths)
        due = next(checks)
        frozen = np.zeros(len(self.weight), dtype=bool)
        loss, accuracy, cost = [], [], []
        for done in range(1, lengths[-1] + 1):
            self.recurrence.step()
            if done == due:
                Z = self.logits()
                each = cross_entropy(Z, self.Y)
                squares = np.sum(self.recurrence.U * self.recurrence.C, axis=1)  # |w|^2
                costs = np.sum(self.weight * each, axis=1) + self.l2[:, 0] / 2 * squares
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
        by_split = (len(lengths), len(self.settings), self.splits)
        by_fold = (len(lengths), len(self.settings), self.repeats, self.folds)
        return _Curves(
            self.settings,
            lengths,
            np.reshape(loss, by_split)[..., :-1].reshape(by_fold),
            np.reshape(accuracy, by_split)[..., :-1].reshape(by_fold),
            np.reshape(cost, by_split),
        )


@dataclass(frozen=True)
class _Curves:
    """Along the lengths: held-out means, and the costs of the trainings.

    `loss` and `accuracy` are (lengths, settings, repeats, folds); `cost` is (lengths, settings,
    splits), that of the training on all pictures last.
    """

    settings: Sequence[tuple[float, float]]
    lengths: list[int]
    loss: Array
    accuracy: Array
    cost: Array

    def sound(self) -> NDArray[np.bool_]:
        """Return (lengths, settings): whether no training diverged, by here or to the end."""
        highest = (
            math.log(2) * np.array([divergence_factor(length) for length in self.lengths])[:, None]
        )
        below = self.cost.max(axis=2) <= highest
        sound: NDArray[np.bool_] = below & below[-1]
        return sound

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

    def means(self) -> Array:
        """Return (lengths, settings): the held-out loss, infinite where a training diverged."""
        means: Array = np.where(self.sound(), self.loss.mean(axis=(2, 3)), np.inf)
        return means

    def best(self, setting: int) -> Score:
        """Return a setting's score at the length of its lowest held-out loss."""
        means = self.means()[:, setting]
        if np.isinf(means).all():
            rate, l2 = self.settings[setting]
            nan = math.nan
            return Score(rate, l2, self.lengths[-1], nan, nan, nan, nan, diverged=True)
        return self.score(int(np.argmin(means)), setting)

    def simplest_within_one_error(self) -> Score:
        """Return the simplest setting within one standard error of the lowest held-out loss."""
        means = self.means()
        length, setting = np.unravel_index(int(np.argmin(means)), means.shape)
        best = self.score(int(length), int(setting))
        within = [
            self.score(int(i), int(s))
            for i, s in np.argwhere(means <= best.log_loss + best.log_loss_error)
        ]
        return min(within, key=lambda s: (-s.l2, s.learning_rate * s.iterations, s.iterations))


def _standard_error(values: Array) -> float:
    """Return the standard error of the mean of (repeats, folds) values over one division's folds.

    The repeats share their pictures, so their number does not divide it.
    """
    return math.sqrt(float(values.var(axis=1, ddof=1).mean()) / values.shape[1])


def _held_out(
    K: Array,
    Y: Array,
    best: Score,
    fold_of: NDArray[np.intp],
    folds: int,
    names: Sequence[str],
    classes: tuple[str, str],
) -> list[HeldOut]:
    """Train one setting on the folds once more, and return what it says of each picture."""
    trials = _Trials(K, Y, [(best.learning_rate, best.l2)], fold_of, folds)
    for _ in range(best.iterations):
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
# Chosen by catclf tune on {tuned.m} of {tuned.total} training pictures, {tuned.folds} folds,
# repeats: {tuned.repeats}, seed: {tuned.seed}.
# Rates tried: {", ".join(map(str, tuned.rates))}
# Penalties tried: {", ".join(map(str, tuned.penalties))}
# Iterations tried: up to {tuned.iterations}
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


def write_held_out(path: str | os.PathLike[str], tuned: Tuned) -> None:
    """Write a CSV line a training picture, the worst first."""
    header = ("file", "label", "positive", "probability", "loss")
    rows = ((r.name, r.label, tuned.positive, r.probability, r.loss) for r in tuned.held_out)
    write_csv(path, header, rows)

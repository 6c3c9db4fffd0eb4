"""Cross-validation of many settings at once, as rows of the gram method's recurrence.

Every setting on every fold is one row, so an iteration of all of them is one matrix product. An
example held out of a fold counts nothing in that row's update, but its logit is followed all the
same: the held-out loss is known along the iterations, and the length is chosen at no extra
training. One more row a setting trains on all examples, as `train` will: a setting is chosen only
where that does not diverge either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catclf.descent.gram import Recurrence
from catclf.descent.loop import divergence_factor
from catclf.logistic import Array, cross_entropy, sigmoid
from catclf.observer import Observer

__all__ = ["CrossValidation", "Curves", "Score", "compared_lengths"]

COMPARED_LENGTHS = 200  # at most, at equal ratios: 1, 2, 3, ..., 1924, 2000
OVERFLOW_FACTOR = 1e6  # times its first cost: such a training is frozen before it overflows


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


def compared_lengths(iterations: int) -> list[int]:
    """Return the lengths compared, up to `iterations`: short ones matter as much as long ones."""
    even = np.geomspace(1, iterations, COMPARED_LENGTHS).round().astype(int)
    return np.unique(even).tolist()  # type: ignore[no-any-return]


class CrossValidation:
    """Every setting on every fold of every repeat, and on all pictures: rows of one recurrence.

    Parameters
    ----------
    K
        ``X.T @ X``, (m, m).
    Y
        Labels (1, m).
    settings
        Learning rate and penalty of each setting.
    fold_of
        (repeats, m): the fold that holds each example out; see `catclf.splits.divide_into_folds`.
    folds
        How many there are.

    Notes
    -----
    Row ``s * runs + r * folds + f`` is setting s, trained without fold f of repeat r; the last
    of a setting's ``runs = repeats * folds + 1`` rows is trained on all pictures.
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
        self.runs = len(held_out)
        self.held_out = np.tile(held_out, (len(settings), 1))  # (k, m)
        trained_on = ~self.held_out
        self.weight = trained_on / trained_on.sum(axis=1, keepdims=True)  # (k, m)
        self.held_weight = self.held_out / np.maximum(self.held_out.sum(axis=1, keepdims=True), 1)
        rate, self.l2 = (
            np.repeat([setting[i] for setting in settings], self.runs).reshape(-1, 1)
            for i in (0, 1)
        )
        self.recurrence = Recurrence(K, Y, rate, self.l2, self.weight, "cross-entropy")

    def logits(self) -> Array:
        """Return (k, m)."""
        return self.recurrence.U + self.recurrence.b

    def out_of_fold(self, iterations: int) -> tuple[Array, Array]:
        """Train so long, and return the probability and the loss of each example, (m,).

        Both are means over the trainings that held the example out: one in every repeat.
        """
        for _ in range(iterations):
            self.recurrence.step()
        Z = self.logits()
        times = self.held_out.sum(axis=0)
        probability: Array = np.sum(self.held_out * sigmoid(Z), axis=0) / times
        loss: Array = np.sum(self.held_out * cross_entropy(Z, self.Y), axis=0) / times
        return probability, loss

    @np.errstate(over="ignore", invalid="ignore")  # what overflows is frozen and shown
    def run(self, lengths: list[int], observer: Observer) -> Curves:
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
                overflowing = ~(costs < OVERFLOW_FACTOR * math.log(2)) & ~frozen
                if overflowing.any():
                    self.recurrence.freeze(overflowing)
                    frozen |= overflowing
                costs[frozen] = np.inf
                cost.append(costs)
                loss.append(np.sum(self.held_weight * each, axis=1))
                right = (Z > 0) == (self.Y == 1)
                accuracy.append(np.sum(self.held_weight * right, axis=1))
                due = next(checks, 0)
            observer.progress(done, lengths[-1])
        by_run = (len(lengths), len(self.settings), self.runs)
        by_fold = (len(lengths), len(self.settings), self.repeats, self.folds)
        return Curves(
            self.settings,
            lengths,
            np.reshape(loss, by_run)[..., :-1].reshape(by_fold),
            np.reshape(accuracy, by_run)[..., :-1].reshape(by_fold),
            np.reshape(cost, by_run),
        )


@dataclass(frozen=True)
class Curves:
    """Along the lengths: held-out means, and the costs of the trainings.

    `loss` and `accuracy` are (lengths, settings, repeats, folds); `cost` is (lengths, settings,
    runs), that of the training on all pictures last.
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

"""Cross-validation of many settings at once, as trainings of the gram method's recurrence.

Every setting on every fold is a training, and an iteration of all of them is one matrix product. An
example held out of a fold counts nothing in that training's update, but its logits are followed all
the same: the held-out loss is known along the iterations, and their number is chosen at no extra
training. One more training for each setting is on all examples, as `train` will be: a setting is
chosen only where that does not diverge either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from catclf.descent.gram import Recurrence
from catclf.descent.loop import divergence_factor
from catclf.logistic import Array, ClassWeight, Labels, by_class, loss_of, one_hot
from catclf.metrics import areas_under_curves, class_scores
from catclf.observer import Observer

Metric = Literal["log-loss", "accuracy", "auc"]
METRICS: tuple[Metric, ...] = ("log-loss", "accuracy", "auc")
MAX_COMPARED_ITERATIONS = 200  # at equal ratios: 1, 2, 3, ..., 1924, 2000
OVERFLOW_FACTOR = 1e6  # times its first cost: such a training is frozen before it overflows


@dataclass(frozen=True)
class Score:
    """The cross-validated result of one learning rate and penalty, after some iterations.

    Means over the folds of the held-out pictures, nan where it diverged; with balanced class
    weights all classes count alike: the balanced accuracy, and a balanced log loss. Their standard
    errors are over the folds of one repeat: to divide the same pictures again and again makes no
    mean more certain of other pictures.

    Parameters
    ----------
    learning_rate, l2, iterations
        The setting.
    accuracy, accuracy_error
        Fraction predicted right, and its standard error.
    log_loss, log_loss_error
        Mean cross-entropy in nats, and its standard error.
    auc, auc_error
        Area under the ROC curve, of more than two classes the mean of each against the rest, and
        its standard error.
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
    auc: float
    auc_error: float
    diverged: bool = False

    def badness(self, metric: Metric) -> float:
        """Return the mean that is to be minimized."""
        return {"log-loss": self.log_loss, "accuracy": -self.accuracy, "auc": -self.auc}[metric]

    def error(self, metric: Metric) -> float:
        """Return the standard error of a mean."""
        error: float = getattr(self, f"{metric.replace('-', '_')}_error")
        return error


def compared_iterations(iterations: int) -> list[int]:
    """Return the numbers of iterations compared: small ones matter as much as large ones."""
    even = np.geomspace(1, iterations, MAX_COMPARED_ITERATIONS).round().astype(int)
    return np.unique(even).tolist()  # type: ignore[no-any-return]


class CrossValidation:
    """Every setting on every fold of every repeat, and on all pictures: t trainings at once.

    `K` is ``X.T @ X`` (m, m), `labels` (m,) are the indices of `n_classes` classes, `settings` the
    learning rate and penalty of each, and `fold_of` (repeats, m) the fold that holds each example
    out. Training ``s * runs + r * folds + f`` is of setting s, without fold f of repeat r; the last
    of a setting's ``runs = repeats * folds + 1`` is on all pictures.
    """

    def __init__(
        self,
        K: Array,
        labels: Labels,
        settings: Sequence[tuple[float, float]],
        fold_of: NDArray[np.intp],
        class_weight: ClassWeight = "none",
        n_classes: int = 2,
    ) -> None:
        self.labels, self.settings, self.n_classes = labels, settings, n_classes
        self.Y = one_hot(labels, n_classes)  # (k, m)
        self.repeats, self.folds = len(fold_of), int(fold_of.max()) + 1
        divided = [fold == np.arange(self.folds)[:, None] for fold in fold_of]
        held_out = np.concatenate([*divided, np.zeros((1, labels.size), dtype=bool)])
        self.runs = len(held_out)
        self.folds_by_size = _folds_by_size(held_out[:-1])
        self.held_out = np.tile(held_out, (len(settings), 1))  # (t, m)
        self.weight = _shares(~self.held_out, by_class(self.Y), class_weight)  # (t, m)
        self.held_weight = _shares(self.held_out, by_class(self.Y), class_weight)
        rate, self.l2 = (
            np.repeat([setting[i] for setting in settings], self.runs) for i in (0, 1)
        )  # (t,)
        self.loss = loss_of("cross-entropy", len(self.Y))
        self.recurrence = Recurrence(K, self.Y, rate, self.l2, self.weight, "cross-entropy")

    def logits(self) -> Array:
        """Return (t, k, m)."""
        return self.recurrence.U + self.recurrence.b

    def out_of_fold(self, iterations: int) -> tuple[Array, Array]:
        """Train so long, and return each example's probabilities (m, classes) and loss (m,).

        Both are means over the trainings that held the example out: one in every repeat.
        """
        for _ in range(iterations):
            self.recurrence.step()
        Z = self.logits()
        times = self.held_out.sum(axis=0)
        held_out = self.held_out[:, np.newaxis]  # (t, 1, m)
        A: Array = np.sum(held_out * self.loss.activation(Z, None), axis=0) / times
        loss: Array = np.sum(held_out * self.loss.value(Z, self.Y), axis=0) / times
        return by_class(A).T, loss[0]

    @np.errstate(over="ignore", invalid="ignore")  # what overflows is frozen and shown
    def run(self, compared: list[int], observer: Observer) -> Curves:
        """Train to the last of the numbers of iterations; at each, record means and costs.

        Where the observer stops the training the curves end early.
        """
        checks = iter(compared)
        due = next(checks)
        frozen = np.zeros(len(self.weight), dtype=bool)
        first = math.log(self.n_classes)  # every training's first cost
        loss, accuracy, auc, cost = [], [], [], []
        for done in range(1, compared[-1] + 1):
            self.recurrence.step()
            if done == due:
                Z = self.logits()
                each = self.loss.value(Z, self.Y)[:, 0]  # (t, m)
                squares = np.sum(self.recurrence.U * self.recurrence.C, axis=(1, 2))  # |w|^2
                costs = np.sum(self.weight * each, axis=1) + self.l2 / 2 * squares
                overflowing = ~(costs < OVERFLOW_FACTOR * first) & ~frozen
                if overflowing.any():
                    self.recurrence.freeze(overflowing)
                    frozen |= overflowing
                costs[frozen] = np.inf
                cost.append(costs)
                loss.append(np.sum(self.held_weight * each, axis=1))
                accuracy.append(np.sum(self.held_weight * self._right(Z), axis=1))
                auc.append(self._areas(Z))
                due = next(checks, 0)
            observer.progress(done, compared[-1])
            if observer.stop():
                break
        by_run = (len(cost), len(self.settings), self.runs)
        by_fold = (len(cost), len(self.settings), self.repeats, self.folds)
        return Curves(
            self.settings,
            compared[: len(cost)],
            np.reshape(loss, by_run)[..., :-1].reshape(by_fold),
            np.reshape(accuracy, by_run)[..., :-1].reshape(by_fold),
            np.reshape(auc, by_fold),
            np.reshape(cost, by_run),
            first,
        )

    def _right(self, Z: Array) -> NDArray[np.bool_]:
        """Return (t, m): whether each example is predicted right.

        By logits, which need no softmax: as `catclf.model.predicted_labels` of the probabilities,
        but where these round to a tie.
        """
        predicted = Z[:, 0] > 0 if len(self.Y) == 1 else np.argmax(Z, axis=1)
        right: NDArray[np.bool_] = predicted == self.labels
        return right

    def _areas(self, Z: Array) -> Array:
        """Return (settings, runs - 1): the area under the ROC curve of each fold.

        Of several neurons, the mean of each class against the rest.
        """
        by_setting = class_scores(Z).reshape(len(self.settings), self.runs, *self.Y.shape)
        areas = np.empty((len(self.settings), self.runs - 1))
        for runs, examples in self.folds_by_size:
            held_out = by_setting[:, runs[:, None], :, examples]  # (runs, held out, settings, k)
            held_out = held_out.transpose(2, 0, 3, 1)  # (settings, runs, k, held out)
            Y = self.Y[:, examples].swapaxes(0, 1)  # (runs, k, held out)
            areas[:, runs] = areas_under_curves(Y, held_out).mean(axis=2)
        return areas


def _folds_by_size(held_out: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return (runs, examples held out) of the folds of each size: (r,) and (r, size)."""
    sizes = held_out.sum(axis=1)
    together = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
    return [(runs, np.nonzero(held_out[runs])[1].reshape(len(runs), -1)) for runs in together]


def _shares(chosen: NDArray[np.bool_], of_class: Array, class_weight: ClassWeight) -> Array:
    """Return (t, m): what each chosen example counts in a mean over its row; 0 for the others.

    `of_class` (classes, m) is 1 where an example is of a class.
    """
    if class_weight == "none":
        shares: Array = chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1)
        return shares
    shares = np.zeros(chosen.shape)
    for of_this in of_class == 1:
        own = chosen & of_this
        shares += own / np.maximum(len(of_class) * own.sum(axis=1, keepdims=True), 1)
    return shares


@dataclass(frozen=True)
class Curves:
    """Along the iterations: held-out means, and the costs of the trainings.

    `loss`, `accuracy` and `auc` are (iterations, settings, repeats, folds); `cost` is (iterations,
    settings, runs), that of the training on all pictures last; all began at `first_cost`.
    """

    settings: Sequence[tuple[float, float]]
    iterations: list[int]
    loss: Array
    accuracy: Array
    auc: Array
    cost: Array
    first_cost: float

    def sound(self) -> NDArray[np.bool_]:
        """Return (iterations, settings): whether no training diverged, by here or to the end."""
        factors = [divergence_factor(iterations) for iterations in self.iterations]
        below = self.cost.max(axis=2) <= self.first_cost * np.array(factors)[:, None]
        sound: NDArray[np.bool_] = below & below[-1]
        return sound

    def score(self, at: int, setting: int) -> Score:
        """Return the score of a setting at an index of `iterations`."""
        accuracy, loss, auc = (curve[at, setting] for curve in (self.accuracy, self.loss, self.auc))
        rate, l2 = self.settings[setting]
        return Score(
            rate,
            l2,
            self.iterations[at],
            float(accuracy.mean()),
            _standard_error(accuracy),
            float(loss.mean()),
            _standard_error(loss),
            float(auc.mean()),
            _standard_error(auc),
        )

    def badness(self, metric: Metric) -> Array:
        """Return (iterations, settings): the held-out mean to be minimized, inf where diverged."""
        curve = {"log-loss": self.loss, "accuracy": -self.accuracy, "auc": -self.auc}[metric]
        means: Array = np.where(self.sound(), curve.mean(axis=(2, 3)), np.inf)
        return means

    def best(self, setting: int, metric: Metric, constant_log_loss: float = math.inf) -> Score:
        """Return a setting's score after the number of iterations that is best for it.

        Of those whose log loss is below the constant's, where there are any.
        """
        badness = self.badness(metric)[:, setting]
        if np.isinf(badness).all():
            nan = math.nan
            rate, l2 = self.settings[setting]
            return Score(rate, l2, self.iterations[-1], nan, nan, nan, nan, nan, nan, diverged=True)
        below = self.loss[:, setting].mean(axis=(1, 2)) < constant_log_loss
        if np.isfinite(badness[below]).any():
            badness = np.where(below, badness, np.inf)
        return self.score(int(np.argmin(badness)), setting)

    def simplest(self, best: Score, metric: Metric, constant_log_loss: float) -> Score:
        """Return the simplest score within one standard error of the best.

        It is that of the largest penalty, then the smallest learning rate times iterations, then
        the fewest iterations, of all whose log loss is below the constant's.
        """
        below = self.loss.mean(axis=(2, 3)) < constant_log_loss
        limit = best.badness(metric) + best.error(metric)
        within = [
            self.score(int(at), int(setting))
            for at, setting in np.argwhere(below & (self.badness(metric) <= limit))
        ]
        return min(within, key=lambda s: (-s.l2, s.learning_rate * s.iterations, s.iterations))


def _standard_error(values: Array) -> float:
    """Return the standard error of the mean of (repeats, folds) values over one repeat's folds.

    The repeats share their pictures, so their number does not divide it.
    """
    return math.sqrt(float(values.var(axis=1, ddof=1).mean()) / values.shape[1])

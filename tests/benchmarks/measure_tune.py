"""Tuning, against training each fold by itself and against scikit-learn's search."""

from __future__ import annotations

from pathlib import Path

import lecture_loop
import numpy as np
import peers
from measuring import Pixels, Row, course_data, in_turns, seconds, write_train_split

from catclf import tune
from catclf.descent.cross_validation import CrossValidation
from catclf.descent.gram import gram_matrix
from catclf.logistic import Labels, cost, one_hot
from catclf.observer import Observer
from catclf.operations.search import Search
from catclf.splits import divide_into_folds, duplicate_groups, fingerprint
from catclf.training import Settings


def tune_apart(columns: Pixels, labels: Labels) -> float:
    """Return how far tune's held-out losses are, relatively, from those of 20 vectorized runs."""
    settings = [(0.003, 0.0), (0.005, 0.01)]
    groups = duplicate_groups(map(fingerprint, columns))
    fold_of = divide_into_folds(groups, labels, folds=10, repeats=1, seed=0)
    validation = CrossValidation(gram_matrix(columns), labels, settings, fold_of)
    curves = validation.run([500], Observer())
    apart = 0.0
    for index, (rate, l2) in enumerate(settings):
        for fold in range(10):
            held_out = fold_of[0] == fold
            seen, alone = columns[~held_out], Settings(rate, 500, l2)
            w, b, _ = peers.trained("vectorized", seen, labels[~held_out], alone)
            Z = w.T @ (columns[held_out].T / 255) + b
            loss = cost(Z, one_hot(labels[held_out], 2))
            apart = max(apart, abs(curves.loss[0, index, 0, fold] / loss - 1))
    return apart


def measure_tune(folder: Path) -> list[Row]:
    """Ten rates on ten folds, against the loop, and scikit-learn's search over ten penalties."""
    columns, labels, _, _, name = course_data(folder)
    write_train_split(folder / "tune.npz", [columns], labels)
    rates = [float(rate) for rate in np.geomspace(1e-4, 1e-2, 10)]
    kept = np.arange(len(columns)) % 10 != 0
    X, Y = columns[kept].T / 255, one_hot(labels[kept], 2)

    def loop() -> None:
        for rate in rates[::4]:  # 3 of the 100
            lecture_loop.descend(X, Y, rate, 2000)

    def ours() -> None:
        tune(folder / "tune.npz", Search(learning_rates=tuple(rates), l2=(0.0,)))

    three, fast, ratio = in_turns(loop, ours, rounds=3)
    apart = tune_apart(columns, labels)
    row = Row(
        f"tune: 10 rates x 10 folds x 2000 iterations ({name}); held-out losses within "
        f"{apart:.0e} of training each fold by itself",
        f"notebook's loop {three * 100 / 3:.0f} s (3 of 100 timed, scaled)",
        f"{fast:.2f} s",
        f"{ratio * 100 / 3:.0f}x faster",
    )
    try:
        import warnings

        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV
    except ImportError:
        return [row]

    grid = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=10)  # of ten values, two
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reached its iteration limit: so be it
        search = 5 * seconds(lambda: grid.fit(columns / 255, labels))
    theirs = (
        f"GridSearchCV(LogisticRegression), 10 C x 10 folds, {search:.0f} s (2 C timed, scaled)"
    )
    return [row, Row("the same number of fits", theirs, f"{fast:.2f} s", f"{search / fast:.0f}x")]

"""Tuning, against training each fold by itself and against scikit-learn's search."""

from __future__ import annotations

from pathlib import Path

import lecture_loop
import numpy as np
import peers
from measuring import Array, Pixels, Row, course_data, in_turns, seconds, write_train_split

from catclf import tune
from catclf.descent.cross_validation import CrossValidation
from catclf.descent.gram import gram_matrix
from catclf.logistic import cost
from catclf.observer import Observer
from catclf.operations.search import Search
from catclf.splits import divide_into_folds, duplicate_groups, fingerprint
from catclf.training import Settings


def tune_apart(columns: Pixels, Y: Array) -> float:
    """Return how far tune's held-out losses are, relatively, from those of 20 vectorized runs."""
    settings = [(0.003, 0.0), (0.005, 0.01)]
    labels = Y[0].astype(np.uint8)
    groups = duplicate_groups(map(fingerprint, columns))
    fold_of = divide_into_folds(groups, labels, folds=10, repeats=1, seed=0)
    validation = CrossValidation(gram_matrix(columns), Y, settings, fold_of)
    curves = validation.run([500], Observer())
    apart = 0.0
    for index, (rate, l2) in enumerate(settings):
        for fold in range(10):
            held_out = fold_of[0] == fold
            seen, alone = columns[~held_out], Settings(rate, 500, l2)
            w, b, _ = peers.trained("vectorized", seen, Y[:, ~held_out], alone)
            Z = w.T @ (columns[held_out].T / 255) + b
            loss = cost(Z, Y[:, held_out])
            apart = max(apart, abs(curves.loss[0, index, 0, fold] / loss - 1))
    return apart


def measure_tune(folder: Path) -> list[Row]:
    """Ten rates on ten folds, against the loop, and scikit-learn's search over ten penalties."""
    columns, Y, _, _, name = course_data(folder)
    write_train_split(folder / "tune.npz", [columns], Y[0])
    rates = [float(rate) for rate in np.geomspace(1e-4, 1e-2, 10)]
    kept = np.arange(len(columns)) % 10 != 0
    X, Y_kept = columns[kept].T / 255, Y[:, kept]

    def loop() -> None:
        for rate in rates[::4]:  # 3 of the 100
            lecture_loop.descend(X, Y_kept, rate, 2000)

    def ours() -> None:
        tune(folder / "tune.npz", Search(learning_rates=tuple(rates), l2=(0.0,)))

    three, fast, ratio = in_turns(loop, ours, rounds=3)
    apart = tune_apart(columns, Y)
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
        search = 5 * seconds(lambda: grid.fit(columns / 255, Y[0]))
    theirs = (
        f"GridSearchCV(LogisticRegression), 10 C x 10 folds, {search:.0f} s (2 C timed, scaled)"
    )
    return [row, Row("the same number of fits", theirs, f"{fast:.2f} s", f"{search / fast:.0f}x")]

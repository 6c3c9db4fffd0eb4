"""How accurate a model is by each kind of features, trained with the default settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from measuring import COURSE, PHOTOS, SAMPLE, Array, Row, preprocessings

from catclf import Observer, open_dataset, prepare, train
from catclf.descent.cross_validation import CrossValidation, Curves
from catclf.descent.gram import gram_matrix
from catclf.features import Preprocessing
from catclf.metrics import class_shares
from catclf.operations.evaluation import Evaluation
from catclf.splits import divide_into_folds, duplicate_groups, fingerprint
from catclf.training import Settings
from catclf.uncertainty import mcnemar_p

SPLIT = {"the sample": [SAMPLE], "the course's files": COURSE}
UNSPLIT = {"photographs of cats and dogs": [PHOTOS]}
FOLDS, REPEATS = 10, 10
DEFAULT = Settings()


def measure_features(folder: Path) -> list[Row]:
    """Return a row for each data set that is there."""
    tests = [test_row(folder, name) for name, sources in SPLIT.items() if all_exist(sources)]
    others = [folds_row(folder, name) for name, sources in UNSPLIT.items() if all_exist(sources)]
    return tests + others


def all_exist(sources: list[Path]) -> bool:
    """Return whether all sources of a data set are there."""
    return all(source.exists() for source in sources)


def test_row(folder: Path, name: str) -> Row:
    """Train on the train split and evaluate on the test split that the source names."""
    pixels, *others = (tested(folder, name, each) for each in preprocessings().values())
    return Row(
        f"accuracy on the test split, with its 95% interval ({name}, m = {pixels.labels.size})",
        f"majority {pixels.majority_rate:.1%}; pixels {interval(pixels)}",
        "; ".join(f"{each.features} {interval(each)}" for each in others),
        "; ".join(better(each, pixels) for each in others),
    )


def better(one: Evaluation, other: Evaluation) -> str:
    """Return how much more accurate one model is than another, and the p-value of that."""
    p = mcnemar_p(
        int(np.count_nonzero(one.right & ~other.right)),
        int(np.count_nonzero(other.right & ~one.right)),
    )
    return f"{one.accuracy - other.accuracy:+.1%}, exact McNemar p {p:.2g}"


def tested(folder: Path, name: str, preprocessing: Preprocessing) -> Evaluation:
    """Return the evaluation on the test split of a model trained with the default settings."""
    path = folder / f"{preprocessing.features}.npz"
    prepare(SPLIT[name], path, preprocessing=preprocessing)
    evaluation = train(path, folder / "m.npz", DEFAULT).test
    assert evaluation is not None, "the source names a test split"
    return evaluation


def interval(evaluation: Evaluation) -> str:
    """Return the accuracy and its interval."""
    low, high = evaluation.interval
    return f"{evaluation.accuracy:.1%} ({low:.1%} to {high:.1%})"


def folds_row(folder: Path, name: str) -> Row:
    """Cross-validate all pictures: no split is named, and a test split of some would be small."""
    shown, accuracies = [], []
    for features, preprocessing in preprocessings().items():
        path = folder / f"{features}.npz"
        prepare(UNSPLIT[name], path, preprocessing=preprocessing, test_split=0)
        curves = cross_validated(path, DEFAULT)
        accuracies.append(curves.accuracy[0, 0])  # (repeats, folds)
        score = curves.score(0, 0)
        shown.append(f"{features} {score.accuracy:.1%} +- {score.accuracy_error:.1%}")
    with open_dataset(path) as dataset:
        labels = dataset.train.labels
    return Row(
        f"accuracy held out in {FOLDS} folds, {REPEATS} times, with its standard error over the "
        f"folds ({name}, m = {labels.size})",
        f"majority {class_shares(labels, 2).max():.1%}; {shown[0]}",
        "; ".join(shown[1:]),
        "; ".join(difference(each - accuracies[0]) for each in accuracies[1:]),
    )


def difference(accuracies: Array) -> str:
    """Return the mean of differences (repeats, folds), with its standard error over the folds."""
    # The repeats share their pictures, so their number does not divide the error.
    error = np.sqrt(accuracies.var(axis=1, ddof=1).mean() / FOLDS)
    return f"{accuracies.mean():+.1%} +- {error:.1%}"


def cross_validated(path: Path, settings: Settings) -> Curves:
    """Return the means held out of a dataset's train split after all iterations, by fold."""
    with open_dataset(path) as dataset:
        columns, labels = dataset.train.columns[:], dataset.train.labels
        groups = duplicate_groups(fingerprint(row) for row in dataset.train.pixels[:])
    fold_of = divide_into_folds(groups, labels, FOLDS, REPEATS, seed=0)
    pair = (settings.rate, settings.l2)
    validation = CrossValidation(gram_matrix(columns), labels, [pair], fold_of)
    return validation.run([settings.iterations], Observer())

"""How accurate a model is on pixels and on hog-color, trained with the default settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from measuring import COURSE, FEATURES, PHOTOS, SAMPLE, Features, Row

from catclf import Observer, open_dataset, prepare, train
from catclf.descent.cross_validation import CrossValidation, Curves
from catclf.descent.gram import gram_matrix
from catclf.features import Preprocessing
from catclf.metrics import majority_rate, mcnemar_p
from catclf.operations.evaluation import Evaluation
from catclf.splits import divide_into_folds, duplicate_groups, fingerprint
from catclf.training import Settings

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
    pixels, hog_color = (tested(folder, name, features) for features in FEATURES)
    p = mcnemar_p(
        int(np.count_nonzero(pixels.right & ~hog_color.right)),
        int(np.count_nonzero(hog_color.right & ~pixels.right)),
    )
    return Row(
        f"accuracy on the test split, with its 95% interval ({name}, m = {pixels.labels.size})",
        f"majority {pixels.majority_rate:.1%}; pixels {interval(pixels)}",
        f"hog-color {interval(hog_color)}",
        f"{hog_color.accuracy - pixels.accuracy:+.1%}, exact McNemar p {p:.2f}",
    )


def tested(folder: Path, name: str, features: Features) -> Evaluation:
    """Return the evaluation on the test split of a model trained with the default settings."""
    path = folder / f"{features}.npz"
    prepare(SPLIT[name], path, preprocessing=Preprocessing(features=features))
    evaluation = train(path, folder / "m.npz", DEFAULT).test
    assert evaluation is not None, "the source names a test split"
    return evaluation


def interval(evaluation: Evaluation) -> str:
    """Return the accuracy and its interval."""
    low, high = evaluation.interval
    return f"{evaluation.accuracy:.1%} ({low:.1%} to {high:.1%})"


def folds_row(folder: Path, name: str) -> Row:
    """Cross-validate all pictures: no split is named, and a test split of some would be small."""
    shown, curves = [], []
    for features in FEATURES:
        path = folder / f"{features}.npz"
        prepare(UNSPLIT[name], path, preprocessing=Preprocessing(features=features), test_split=0)
        curves.append(cross_validated(path, DEFAULT))
        score = curves[-1].score(0, 0)
        shown.append(f"{features} {score.accuracy:.1%} +- {score.accuracy_error:.1%}")
    difference = (curves[1].accuracy - curves[0].accuracy)[0, 0]  # (repeats, folds)
    # The repeats share their pictures, so their number does not divide the error.
    error = np.sqrt(difference.var(axis=1, ddof=1).mean() / FOLDS)
    with open_dataset(path) as dataset:
        labels = dataset.train.labels
    return Row(
        f"accuracy held out in {FOLDS} folds, {REPEATS} times, with its standard error over the "
        f"folds ({name}, m = {labels.size})",
        f"majority {majority_rate(labels):.1%}; {shown[0]}",
        shown[1],
        f"{difference.mean():+.1%} +- {error:.1%}",
    )


def cross_validated(path: Path, settings: Settings) -> Curves:
    """Return the means held out of a dataset's train split after all iterations, by fold."""
    with open_dataset(path) as dataset:
        columns, labels = dataset.train.columns[:], dataset.train.labels
        groups = duplicate_groups(fingerprint(row) for row in dataset.train.pixels[:])
    fold_of = divide_into_folds(groups, labels, FOLDS, REPEATS, seed=0)
    Y = labels.astype(np.float64).reshape(1, -1)
    pair = (settings.rate, settings.l2)
    validation = CrossValidation(gram_matrix(columns), Y, [pair], fold_of)
    return validation.run([settings.iterations], Observer())

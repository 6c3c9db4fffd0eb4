"""catclf.Classifier is a scikit-learn classifier, and trains as `catclf.train` does."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import catclf
from catclf import CatclfError, Classifier, DivergenceError, Preprocessing
from catclf.pictures.reading import read_picture

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


def not_ours(estimator: Classifier) -> dict[str, str]:
    """Return which of scikit-learn's checks do not apply, and why."""
    return {"check_class_weight_classifiers": "a weight for each class is none of our settings"}


with warnings.catch_warnings(action="ignore"):  # of a class that does not inherit theirs
    of_scikit_learn: Any = parametrize_with_checks(
        [Classifier(iterations=300)], expected_failed_checks=not_ours
    )


@of_scikit_learn  # type: ignore[untyped-decorator]
def test_scikit_learn_s_own_checks(estimator: Classifier, check: Any) -> None:
    """Of a matrix of features: parameters, shapes, types, labels, NaN, what is not fitted."""
    with warnings.catch_warnings(action="ignore"):  # costs that rise, on data that they make
        check(estimator)


@pytest.fixture(scope="module")
def paths() -> list[str]:
    """Return paths of the sample, 20 of each class."""
    found = [sorted((SAMPLE / "train" / label).iterdir())[:20] for label in ("cat", "noncat")]
    return [str(path) for each in found for path in each]


LABELS = np.repeat(["yes", "no"], 20)


def test_it_trains_as_train_does(paths: list[str], tmp_path: Path) -> None:
    """The same iterates, of the same columns, to the bit; paths, arrays and images are one."""
    preprocessing = Preprocessing(size=8)
    arrays = np.stack([read_picture(path, preprocessing) for path in paths])
    catclf.prepare(
        arrays, tmp_path / "d.npz", labels=LABELS, preprocessing=preprocessing, test_split=0
    )
    settings = catclf.Settings(0.01, 200)
    trained = catclf.train(tmp_path / "d.npz", tmp_path / "m.npz", settings)
    made = Classifier(learning_rate=0.01, iterations=200, size=8)
    for X in (paths, np.array(paths), arrays, list(arrays)):
        made.fit(X, LABELS)
        assert made.classes_.tolist() == ["no", "yes"]
        np.testing.assert_array_equal(made.w_, trained.model.w)
        assert made.b_ == trained.model.b
        np.testing.assert_array_equal(made.predict_proba(X), trained.model.predict_proba(arrays))
        assert made.score(X, LABELS) == trained.train.accuracy
    assert made.model_ is not None
    assert made.model_.preprocessing == preprocessing
    assert made.model_.training is not None
    assert made.model_.training.train_examples == 40
    assert repr(clone(made)) == repr(made)


def test_pictures_are_cross_validated_and_searched(paths: list[str]) -> None:
    """By their paths; better than chance."""
    scores = cross_val_score(Classifier(features="hog-color", iterations=100), paths, LABELS, cv=4)
    assert scores.mean() > 0.7
    grid = {"l2": [0.0, 0.1], "size": [8, 16]}
    search = GridSearchCV(Classifier(iterations=20, learning_rate=0.001), grid, cv=2)
    assert search.fit(paths, LABELS).best_params_.keys() == grid.keys()


def test_several_classes_and_a_pipeline() -> None:
    """Features that others computed: the softmax of a neuron for each class."""
    rng = np.random.default_rng(0)
    y = np.repeat([3, 1, 2], 30)
    X = 5 + 3 * (rng.normal(size=(90, 3)) + 4 * np.eye(3)[y - 1])
    pipeline = make_pipeline(StandardScaler(), Classifier(learning_rate=0.5, iterations=200))
    assert cross_val_score(pipeline, X, y, cv=3).min() > 0.9
    np.testing.assert_allclose(pipeline.fit(X, y).predict_proba(X).sum(axis=1), 1)


def test_the_lecture_s_iterates_of_any_features() -> None:
    """From w = 0: four lines."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 4)), np.arange(50) % 2
    w, b = np.zeros(4), 0.0
    for _ in range(30):
        dz = 1 / (1 + np.exp(-(X @ w + b))) - y
        w, b = w - 0.3 * X.T @ dz / 50, b - 0.3 * dz.mean()
    made = Classifier(learning_rate=0.3, iterations=30).fit(X, y)
    np.testing.assert_allclose(made.w_[:, 0], w, rtol=0, atol=1e-12)
    assert made.b_.item() == pytest.approx(b)


def test_a_rate_that_is_too_high() -> None:
    """The default one is mended, as `train` mends it; another is an error that names a safe one."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)) * 300, np.arange(40) % 2
    assert np.isfinite(Classifier(iterations=1500).fit(X, y).w_).all()
    with pytest.raises(DivergenceError, match=r"Use `learning_rate` .* or less") as caught:
        Classifier(iterations=1500, learning_rate=100).fit(X, y)
    assert caught.value.safe_rate is not None


class Column:
    """A column of a table, as pandas has it: neither an array nor a sequence."""

    def __init__(self, values: list[str]) -> None:
        self.values, self.shape = values, (len(values),)

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.values, object)


def test_a_column_of_paths_is_pictures(paths: list[str]) -> None:
    """One path alone is not."""
    made = Classifier(iterations=5, size=8)
    with pytest.raises(AttributeError, match="not fitted yet"):
        made.predict(paths)
    made.fit(Column(paths), LABELS)
    np.testing.assert_array_equal(made.predict(Column(paths)), made.predict(paths))
    with pytest.raises(ValueError, match="X must be a sequence of pictures, got one path"):
        made.predict(paths[0])


def test_a_matrix_needs_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so; pictures do not."""
    monkeypatch.setitem(sys.modules, "sklearn.utils.multiclass", None)
    with pytest.raises(CatclfError, match=r"needs scikit-learn.*\n.*pip install scikit-learn"):
        Classifier().fit(np.eye(4), [0, 1, 0, 1])


def test_what_is_given_must_fit(paths: list[str]) -> None:
    """Labels for each picture, two classes, and in predict what fit had."""
    made = Classifier(iterations=5, size=8)
    with pytest.raises(ValueError, match=r"y must be \(40,\) for these pictures, got \(39,\)"):
        made.fit(paths, LABELS[1:])
    with pytest.raises(ValueError, match="two classes at least"):
        made.fit(paths, ["one"] * 40)
    with pytest.raises(ValueError, match="'iters' is none of learning_rate, iterations"):
        made.set_params(iters=3)
    made.fit(paths, LABELS)
    with pytest.raises(ValueError, match="either pictures or features"):
        made.predict(np.zeros((2, 192)))
    made.fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="either pictures or features"):
        made.predict(paths)

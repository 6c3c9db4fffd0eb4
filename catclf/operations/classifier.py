"""A training as a scikit-learn classifier: of pictures, or of features that others computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catclf.classes import as_labels
from catclf.columns import Pixels
from catclf.descent import Choice, Problem, Stand, choose, descend, round_down, safe_rate, start
from catclf.errors import CatclfError, DivergenceError
from catclf.features import BY_RULE, Preprocessing, column
from catclf.logistic import Array, ClassWeight, activation, by_class, forward
from catclf.model import Model
from catclf.observer import Listener
from catclf.onnx_file import load_backbone
from catclf.pictures.reading import Picture, is_picture, pixels_of
from catclf.training import Settings, Training
from catclf.workers import map_in_order


class Classifier:
    """Logistic regression of pictures, for scikit-learn's `cross_val_score` and pipelines.

    Parameters
    ----------
    learning_rate, iterations, l2, class_weight
        As `catclf.Settings` has them.
    features
        Of pictures: ``pixels``, ``hog-color``, ``efficientnet-lite0``, or the ONNX file of a
        network.
    size
        Height and width that pictures are made to; None for 64, or the network's.

    Attributes
    ----------
    classes_
        The labels that `y` had, sorted.
    w_, b_
        Weights (n_x, k) and biases (k, 1).
    model_
        The `catclf.Model` of pictures; None of a matrix of features.

    Notes
    -----
    `X` is pictures: a sequence of paths, of PIL images or of arrays (height, width, 3) of uint8. Or
    it is a matrix (m, n_x) of features of a size about 1, which scikit-learn checks.
    """

    def __init__(
        self,
        *,
        learning_rate: float | None = None,
        iterations: int = 2000,
        l2: float = 0.0,
        class_weight: ClassWeight = "none",
        features: str = "pixels",
        size: int | None = None,
    ) -> None:
        self.learning_rate, self.iterations, self.l2 = learning_rate, iterations, l2
        self.class_weight, self.features, self.size = class_weight, features, size

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name."""
        names = Classifier.__init__.__kwdefaults__ or {}
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name; ValueError for a name that is none."""
        if unknown := params.keys() - self.get_params().keys():
            raise ValueError(f"{min(unknown)!r} is none of {', '.join(self.get_params())}")
        vars(self).update(params)
        return self

    def __repr__(self) -> str:
        return f"Classifier({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Train on pictures, or features, and their labels (m,), from w = 0 and b = 0.

        PictureError where a picture cannot be read; DivergenceError where the learning rate is too
        high; ValueError for parameters out of range, or fewer than two classes.
        """
        preprocessing = None if _is_matrix(X) else self._preprocessing()
        if preprocessing is None:
            columns, y = self._validated(X, y)
        else:
            columns, y = _columns(X, preprocessing), np.asarray(y)
            self.n_features_in_ = columns.shape[1]
            if y.shape != columns.shape[:1]:
                raise ValueError(f"y must be {columns.shape[:1]} for these pictures, got {y.shape}")
        self.classes_, labels = np.unique(y, return_inverse=True)
        if (n := len(self.classes_)) < 2:
            raise ValueError("y must have two classes at least, got one class")
        balance = self.class_weight
        settings = Settings(self.learning_rate, self.iterations, self.l2, class_weight=balance)
        self.w_, self.b_, training = _descended(
            Problem(columns, as_labels(labels.tolist(), n), settings, None, n)
        )
        self.n_iter_, self.model_ = training.iterations, None
        if preprocessing is not None:
            names = tuple(map(str, self.classes_))
            self.model_ = Model(self.w_, self.b_, names, preprocessing, training)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (m, classes), columns in the order of `classes_`."""
        if _is_matrix(X):
            columns = self._validated(X)
            if self.model_ is None:
                return by_class(activation(forward(self.w_, self.b_, columns.T))).T
        elif not hasattr(self, "model_"):
            raise AttributeError("this Classifier is not fitted yet: call fit first")
        elif self.model_ is not None:
            return self.model_.probabilities(_columns(X, self.model_.preprocessing))
        raise ValueError("X must be what fit was given, either pictures or features")

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each picture (m,)."""
        labels = self.predict_proba(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[labels]
        return found

    def score(self, X: Any, y: ArrayLike) -> float:
        """Return the accuracy."""
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags("classifier", TargetTags(required=True), classifier_tags=ClassifierTags())

    def _validated(self, X: Any, *y: Any) -> Any:
        """Return a matrix of features, and in `fit` the labels, as scikit-learn accepts them."""
        try:
            from sklearn.utils.multiclass import check_classification_targets
            from sklearn.utils.validation import check_is_fitted, validate_data
        except ImportError as error:
            what = f"a matrix of features needs scikit-learn, which cannot be loaded ({error})"
            raise CatclfError(what, fix="Install it: pip install scikit-learn.") from error
        if not y:
            check_is_fitted(self)
            return validate_data(self, X, reset=False, dtype=np.float64)
        columns, labels = validate_data(self, X, *y, dtype=np.float64)
        check_classification_targets(labels)
        return columns, labels

    def _preprocessing(self) -> Preprocessing:
        sized: dict[str, Any] = {} if self.size is None else {"size": self.size}
        for name in BY_RULE:
            if name == self.features:
                return Preprocessing(features=name, **sized)
        return Preprocessing(backbone=load_backbone(self.features, **sized))


def _is_matrix(X: Any) -> bool:
    """Tell whether X holds features, and no pictures."""
    if isinstance(X, str):
        raise ValueError("X must be a sequence of pictures, got one path")
    if (shape := getattr(X, "shape", None)) is not None:  # of a table's column, too
        return len(shape) == 2 or (len(shape) != 4 and np.asarray(X).dtype.kind not in "OUT")
    return not (isinstance(X, Sequence) and len(X) > 0 and is_picture(X[0]))


def _columns(images: Iterable[Picture], preprocessing: Preprocessing) -> Pixels:
    """Return the columns of X of pictures, as rows (m, n_x)."""
    read = partial(_column, preprocessing)
    return np.concatenate([*map_in_order(read, images, item_ms=preprocessing.picture_ms)])


def _column(preprocessing: Preprocessing, image: Picture) -> Pixels:
    return column(pixels_of(image, preprocessing), preprocessing)


def _descended(problem: Problem) -> Stand:
    """Return where the descent ends; by a default rate that is too high, by the safe one."""
    settings = problem.settings
    choice = choose(problem.m, problem.n_x, settings.iterations, k=problem.k)
    if problem.columns[:1].dtype != np.uint8:  # the other methods add up bytes
        choice = Choice("vectorized", None)
    with Listener(None, False, "iterations") as listener:
        try:
            training = Training(settings, choice.method, choice.kernel, train_examples=problem.m)
            return descend(start(choice, problem), training, observer=listener)
        except DivergenceError as error:
            error.safe_rate = round_down(safe_rate(problem))
            if settings.learning_rate is not None:
                error.fix = f"Use `learning_rate` {error.safe_rate:g} or less."
                raise
            settings = replace(settings, learning_rate=error.safe_rate)
    return _descended(replace(problem, settings=settings))

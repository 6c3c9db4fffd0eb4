"""A model from Python: the probabilities of pictures, and how results are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import catclf
from catclf import PictureError, Preprocessing, Search, Settings
from catclf.model import Model
from catclf.operations.prediction import predict
from catclf.training_record import TrainingRecord


def test_probabilities_of_both_classes_are_those_that_predict_gives(
    small_pictures: Path,
) -> None:
    """Columns in the order of the classes, a row a picture, bit for bit; rows sum to 1."""
    w = np.random.default_rng(0).normal(size=(192, 1))
    model = Model(w, 0.25, ("noncat", "cat"), Preprocessing(size=8))
    paths = sorted(small_pictures.rglob("*.png"))
    probabilities = model.predict_proba(paths)
    assert probabilities.shape == (len(paths), 2)
    assert probabilities.dtype == np.float64
    assert (probabilities.sum(axis=1) == 1).all()
    answers = predict(paths, model)
    assert [list((answer.probabilities or {}).items()) for answer in answers] == [
        list(zip(model.classes, row, strict=True)) for row in probabilities.tolist()
    ]
    with Image.open(paths[0]) as image:
        for one in (paths[0], str(paths[0]), image, np.asarray(image), [image]):
            np.testing.assert_array_equal(model.predict_proba(one), probabilities[:1])


@given(b=st.floats(-800, 800))
def test_both_probabilities_sum_to_1(b: float) -> None:
    """Exactly, however sure the model is."""
    model = Model(np.zeros((3, 1)), b, ("a", "b"), Preprocessing(size=1))
    assert model.predict_proba(np.zeros((1, 1, 3), np.uint8)).sum() == 1


def test_no_pictures_have_no_probabilities() -> None:
    """An empty iterable gives no rows of two columns."""
    model = Model(np.zeros((3, 1)), 0.0, ("a", "b"), Preprocessing(size=1))
    assert model.predict_proba([]).shape == (0, 2)


@pytest.mark.parametrize(
    ("image", "error"),
    [("missing.png", PictureError), (1, TypeError), (np.zeros((2, 2)), ValueError)],
)
def test_a_picture_that_has_no_probability_is_an_error(image: Any, error: type[Exception]) -> None:
    """There is no row for it, and none is left out in silence."""
    model = Model(np.zeros((3, 1)), 0.0, ("a", "b"), Preprocessing(size=1))
    for images in (image, [image]):
        with pytest.raises(error):
            model.predict_proba(images)


def test_a_model_is_shown_in_a_line() -> None:
    """Its classes, its size and how it came to be, and no array."""
    w = np.zeros((12288, 1))
    model = Model(w, 0.0, ("noncat", "cat"), Preprocessing())
    shown = "<Model 'noncat' or 'cat': size 64, n_x 12288, "
    assert repr(model) == shown + "not told how it was trained>"
    assert repr(replace(model, weights_only=True)) == shown + "weights only>"
    training = TrainingRecord("catclf", "d.h5", "0", 18, 6, "gram", Settings(), 20, 0.5)
    trained = replace(model, training=training)
    assert repr(trained) == shown + "20 iterations of gram on 18 pictures>"
    assert "\x1b" not in repr(replace(model, classes=("\x1b[31m", "a")))


def test_no_result_shows_its_arrays(small_dataset: Path, tmp_path: Path) -> None:
    """What a verb returns is read at a glance in an interactive session."""
    trained = catclf.train(small_dataset, tmp_path / "m.npz", Settings(iterations=5))
    tuned = catclf.tune(small_dataset, Search(iterations=5, folds=2))
    with catclf.open_dataset(small_dataset) as dataset:
        for result in (trained, trained.model, trained.test, tuned, dataset, dataset.train):
            assert len(repr(result)) < 1500
            assert "array" not in repr(result).lower()
        assert repr(dataset.train) == "<Split: m 18, n_x 192>"

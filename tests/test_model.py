"""A model: its probabilities, and how it is shown."""

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
from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.logistic import sigmoid
from catclf.model import Model
from catclf.operations.prediction import predict
from catclf.training import Settings, Training
from descent.problems import printed_by_any_threads


def constant(*b: float) -> Model:
    """Return a model of one pixel that looks at none, of a neuron for each b."""
    classes = ("a", "b") if len(b) == 1 else tuple(f"c{i}" for i in range(len(b)))
    w, column = np.zeros((3, len(b))), np.array(b).reshape(-1, 1)
    return Model(w, column, classes, Preprocessing(size=1))


# --------------------------------------------------------------------------- probabilities


def test_probabilities_of_both_classes_are_those_that_predict_gives(
    small_pictures: Path,
) -> None:
    """Columns in the order of the classes, a row a picture, bit for bit; rows sum to 1."""
    w = np.random.default_rng(0).normal(size=(192, 1))
    model = Model(w, np.array([[0.25]]), ("noncat", "cat"), Preprocessing(size=8))
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
    """Exactly, however sure the model is; no pictures have no rows."""
    assert constant(b).predict_proba([]).shape == (0, 2)
    assert constant(b).predict_proba(np.zeros((1, 1, 3), np.uint8)).sum() == 1


def test_probabilities_of_several_classes_are_the_softmax() -> None:
    """A column for each class, in their order, however large the logits are."""
    pixel = np.zeros((1, 1, 3), np.uint8)
    exp = np.exp([0.5, -1.0, 2.0])
    found = constant(0.5, -1.0, 2.0).predict_proba([pixel, pixel])
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found, [exp / exp.sum()] * 2, rtol=1e-15)
    assert constant(0.5, -1.0, 2.0).predict_proba([]).shape == (0, 3)
    assert constant(-1e300, 1e300, 0).predict_proba(pixel).tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("image", "error"),
    [("missing.png", PictureError), (1, TypeError), (np.zeros((2, 2)), ValueError)],
)
def test_a_picture_that_has_no_probability_is_an_error(image: Any, error: type[Exception]) -> None:
    """There is no row for it, and none is left out in silence."""
    for images in (image, [image]):
        with pytest.raises(error):
            constant(0.0).predict_proba(images)


def test_the_probability_of_a_column_is_independent_of_its_company() -> None:
    """A picture has the same logit, to the last bit, alone and among others."""
    rng = np.random.default_rng(0)
    for k, classes in ((1, ("a", "b")), (3, ("a", "b", "c"))):
        w, b = rng.normal(size=(3 * 64 * 64, k)), np.full((k, 1), 0.1)
        model = Model(w, b, classes, Preprocessing())
        columns = rng.integers(0, 256, (7, 3 * 64 * 64), dtype=np.uint8)
        together = model.logits(columns)
        assert together.shape == (k, 7)
        alone = [model.logits(columns[i : i + 1])[:, 0].tolist() for i in range(7)]
        assert alone == together.T.tolist()
        pixels = columns[3].reshape(3, 64, 64).transpose(1, 2, 0)
        expected = model.probabilities(columns)[3].tolist()
        assert model.predict_proba(pixels).tolist() == [expected]
        if k == 1:
            assert expected[1] == float(sigmoid(together)[0, 3])


THREADS = """
import numpy as np
from catclf.features import Preprocessing
from catclf.model import Model
rng = np.random.default_rng(0)
for size in (64, 128):
    preprocessing = Preprocessing(size=size)
    w, b = rng.normal(size=(preprocessing.n_x, 1)), np.array([[0.1]])
    model = Model(w, b, ("a", "b"), preprocessing)
    columns = rng.integers(0, 256, (20, preprocessing.n_x), dtype=np.uint8)
    print(model.logits(columns).tolist(), model.w_norm)
"""


def test_threads_of_the_matrix_library_change_no_probability() -> None:
    """OpenBLAS with one thread or with four: the same bits."""
    assert len(printed_by_any_threads(THREADS)) == 2


def test_the_norm_of_w_is_finite() -> None:
    """Though the squares of its entries may not be."""
    for w, norm in (
        ([[0.0], [0.0], [0.0]], 0),
        ([[3.0], [0.0], [-4.0]], 5),
        ([[3e200], [0.0], [4e200]], 5e200),
        ([[1.0, 5.0, 0.0], [1.0, 0.0, 2.0], [0.0, 3.0, 3.0]], 7),
    ):
        assert replace(constant(0.0), w=np.array(w)).w_norm == pytest.approx(norm)


# --------------------------------------------------------------------------- how it is shown


def test_a_model_is_shown_in_a_line() -> None:
    """Its classes, its size and how it came to be, and no array."""
    model = Model(np.zeros((12288, 1)), np.zeros((1, 1)), ("noncat", "cat"), Preprocessing())
    shown = "<Model 'noncat' or 'cat': size 64, n_x 12288, "
    assert repr(model) == shown + "not told how it was trained>"
    assert repr(replace(model, weights_only=True)) == shown + "weights only>"
    training = Training(Settings(), method="gram", train_examples=18, iterations=20)
    trained = replace(model, training=training)
    assert repr(trained) == shown + "20 iterations of gram on 18 pictures>"
    assert "\x1b" not in repr(replace(model, classes=("\x1b[31m", "a")))
    several = "<Model of 3 classes: size 1, n_x 3, not told how it was trained>"
    assert repr(constant(0, 0, 0)) == several


def test_no_result_shows_its_arrays(small_dataset: Path, tmp_path: Path) -> None:
    """What a verb returns is read at a glance in an interactive session."""
    trained = catclf.train(small_dataset, tmp_path / "m.npz", Settings(iterations=5))
    tuned = catclf.tune(small_dataset, catclf.Search(iterations=5, folds=2))
    with catclf.open_dataset(small_dataset) as dataset:
        for result in (trained, trained.model, trained.test, tuned, dataset, dataset.train):
            assert len(repr(result)) < 1500
            assert "array" not in repr(result).lower()
        assert repr(dataset.train) == "<Split: m 18, n_x 192>"

"""Neighbors: what is kept of the training pictures, and how like them others are."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import ArrayLike, NDArray

import catclf
from catclf import dataset as dataset_module
from catclf.model import Model
from catclf.model_file import load_model
from catclf.neighbors import FLOOR_QUANTILE, KEPT, NEAREST, Neighbors, draw_neighbors
from catclf.training import Settings
from conftest import ColumnsMaker, Recorder
from datasets import CLASSES, write_small
from networks import small_backbone

Pixels = NDArray[np.uint8]


def drawn(columns: Pixels, labels: ArrayLike | None = None) -> Neighbors:
    """Draw the neighbors of columns as rows (m, n_x), labels 0 and 1 by turns unless given."""
    m = len(columns)
    labels = np.asarray(np.arange(m) % 2 if labels is None else labels, np.uint8)
    found = draw_neighbors(columns, labels, [f"{i}.png" for i in range(m)])
    assert found is not None
    return found


def cosine(one: Pixels, other: Pixels) -> float:
    """Return the cosine of two columns, by whole numbers."""
    x, y = one.tolist(), other.tolist()
    lengths = sum(a * a for a in x) * sum(b * b for b in y)
    return sum(a * b for a, b in zip(x, y, strict=True)) / math.sqrt(lengths) if lengths else 0.0


def third_highest(column: Pixels, others: Pixels) -> float:
    """Return the third highest cosine of a column to others, as rows."""
    return sorted(cosine(column, other) for other in others)[-3]


# --------------------------------------------------------------------------- how like they are

some_columns = hnp.arrays(np.uint8, st.tuples(st.integers(4, 9), st.integers(1, 40)))


@given(columns=some_columns, seed=st.integers(0, 9))
def test_cosines_are_those_of_whole_numbers_to_the_last_bit(columns: Pixels, seed: int) -> None:
    """Of a picture alone or in a batch, its features in any order, of zeros too: 0 to 1."""
    neighbors = drawn(columns)
    x = np.random.default_rng(seed).integers(0, 256, (3, columns.shape[1]), dtype=np.uint8)
    x[0] = columns[0]
    cosines = neighbors.cosines(x)
    assert cosines.tolist() == [[cosine(one, other) for other in columns] for one in x]
    assert ((cosines >= 0) & (cosines <= 1)).all()
    assert [neighbors.cosines(x[i : i + 1]).tolist() for i in range(3)] == [
        [row] for row in cosines.tolist()
    ]
    order = np.random.default_rng(seed).permutation(columns.shape[1])
    shuffled = drawn(columns[:, order])
    assert shuffled.cosines(x[:, order]).tolist() == cosines.tolist()
    assert shuffled.floor == neighbors.floor


def test_cosines_of_many_features_are_exact_too(make_columns: ColumnsMaker) -> None:
    """Where the sums of products are large, by any division of the work."""
    columns, x = (np.maximum(make_columns(m, 5000, seed=m), 128) for m in (8, 300))
    neighbors = drawn(columns)
    cosines = neighbors.cosines(x)
    assert cosines[:2].tolist() == [[cosine(one, other) for other in columns] for one in x[:2]]
    for i in (0, 131, 299):
        assert neighbors.cosines(x[i : i + 1])[0].tolist() == cosines[i].tolist()


@given(columns=some_columns, seed=st.integers(0, 9))
def test_the_similarity_is_the_third_highest_cosine(columns: Pixels, seed: int) -> None:
    """Alone, with the three nearest by name and class, and of many at once: the same bits."""
    neighbors = drawn(columns)
    x = np.random.default_rng(seed).integers(0, 256, (2, columns.shape[1]), dtype=np.uint8)
    similarities = neighbors.similarities(x).tolist()
    assert similarities == [third_highest(one, columns) for one in x]
    for i, similarity in enumerate(similarities):
        likeness = neighbors.likeness(x[i : i + 1], CLASSES)
        assert (likeness.similarity, likeness.unlike) == (similarity, similarity < neighbors.floor)
        assert len(likeness.nearest) == NEAREST
        assert likeness.nearest[-1].similarity == similarity
        assert all(a.similarity >= b.similarity for a, b in pairwise(likeness.nearest))
        for name, label, each in likeness.nearest:
            row = int(name.removesuffix(".png"))
            assert (label, each) == (CLASSES[row % 2], cosine(x[i], columns[row]))


def test_a_training_picture_that_is_kept_is_its_own_nearest(make_columns: ColumnsMaker) -> None:
    """With a cosine of exactly 1; and since itself counts, it is never unlike by more than that."""
    columns = make_columns(40, 30)
    neighbors = drawn(columns)
    for row in range(40):
        nearest = neighbors.likeness(columns[row : row + 1], CLASSES).nearest
        assert nearest[0] == (f"{row}.png", CLASSES[row % 2], 1.0)
        assert nearest[1].similarity < 1


def test_a_column_of_zeros_is_unlike_all(make_columns: ColumnsMaker) -> None:
    """It has no direction; nothing is divided by its length."""
    neighbors = drawn(make_columns(9, 5))
    likeness = neighbors.likeness(np.zeros((1, 5), np.uint8), CLASSES)
    assert (likeness.similarity, likeness.unlike) == (0, True)


# ------------------------------------------------------------------------------- what is kept


@pytest.mark.parametrize("m", [4, 5, 99, 101, 150, 201])
def test_the_floor_is_reached_by_99_percent(make_columns: ColumnsMaker, m: int) -> None:
    """By the third highest cosines of the kept ones, each to the others: a second computation."""
    columns = make_columns(m, 12, seed=m)
    neighbors = drawn(columns)
    among = sorted(third_highest(columns[i], np.delete(columns, i, axis=0)) for i in range(m))
    assert neighbors.floor == among[int(FLOOR_QUANTILE * (m - 1))]
    assert sum(each >= neighbors.floor for each in among) >= 0.99 * m
    if len(set(among)) == m > 100:
        assert among[0] < neighbors.floor


@pytest.mark.parametrize(
    ("counts", "kept"),
    [
        ((400, 400), (250, 250)),
        ((2000, 900), (250, 250)),
        ((700, 10), (490, 10)),
        ((1, 600), (1, 499)),
        ((300, 100), (300, 100)),
        ((0, 600), (0, 500)),
        ((5, 0), (5, 0)),
    ],
)
def test_as_many_of_each_class_are_kept_where_it_has_as_many(
    make_columns: ColumnsMaker, counts: tuple[int, int], kept: tuple[int, int]
) -> None:
    """500 at most, in the order of their rows, each with its column, label and name."""
    labels = np.random.default_rng(1).permutation(np.repeat([0, 1], counts)).astype(np.uint8)
    columns = make_columns(labels.size, 6)
    neighbors = drawn(columns, labels)
    rows = neighbors.rows
    assert (rows.size, np.unique(rows).tolist()) == (min(KEPT, labels.size), rows.tolist())
    assert tuple(np.bincount(neighbors.labels, minlength=2)) == kept
    assert neighbors.labels.tolist() == labels[rows].tolist()
    assert neighbors.columns.tolist() == columns[rows].tolist()
    assert neighbors.names == [f"{row}.png" for row in rows]
    again = drawn(columns, labels)
    assert (again.rows.tolist(), again.floor) == (rows.tolist(), neighbors.floor)


def test_they_are_drawn_from_the_whole_split(make_columns: ColumnsMaker) -> None:
    """At random, not the first ones."""
    rows = drawn(make_columns(5000, 4)).rows
    assert np.histogram(rows, 5, (0, 5000))[0].min() > 70


@pytest.mark.parametrize("m", range(5))
def test_of_a_few_pictures_nothing_is_kept(make_columns: ColumnsMaker, m: int) -> None:
    """Each of four has three others, to which it can be compared; fewer have not."""
    columns, labels = make_columns(m, 6), np.arange(m, dtype=np.uint8) % 2
    found = draw_neighbors(columns, labels, ["a.png"] * m)
    assert (found is None) == (m < 4)


@given(order=st.permutations(range(11)))
def test_the_order_of_the_pictures_changes_nothing(
    make_columns: ColumnsMaker, order: list[int]
) -> None:
    """Where all are kept: the floor, and how like them a picture is, are the same bits."""
    columns, labels = make_columns(11, 7), np.array([0] * 8 + [1] * 3)
    one, other = drawn(columns, labels), drawn(columns[order], labels[order])
    assert one.floor == other.floor
    x = make_columns(1, 7, seed=1)
    ours, theirs = (each.likeness(x, CLASSES) for each in (one, other))
    assert ours.similarity == theirs.similarity
    assert [each[1:] for each in ours.nearest] == [each[1:] for each in theirs.nearest]


# ------------------------------------------------------------------------- those of a model


def same(one: Neighbors | None, other: Neighbors | None) -> bool:
    """Return whether two models keep the same, at all."""
    if one is None or other is None:
        return False
    return all(
        np.array_equal(getattr(one, each.name), getattr(other, each.name)) for each in fields(one)
    )


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 600 columns of a small backbone: more than are kept, in three blocks."""
    path = tmp_path_factory.mktemp("features") / "d.npz"
    return write_small(path, 600, backbone=small_backbone())


@pytest.fixture(scope="module")
def model(features: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Train on them, and read the model."""
    path = tmp_path_factory.mktemp("model") / "m.npz"
    catclf.train(features, path, Settings(iterations=20))
    return load_model(path)


def test_a_model_keeps_columns_of_its_train_split(features: Path, model: Model) -> None:
    """Through its file, bit for bit those that are drawn of the dataset's columns."""
    with catclf.open_dataset(features) as dataset:
        train = dataset.train
        expected = draw_neighbors(train.columns[:], train.labels, train.names)
    assert same(model.neighbors, expected)
    assert model.neighbors is not None
    assert len(model.neighbors.columns) == KEPT


@pytest.mark.parametrize("method", ["gram", "streaming", "vectorized", "iterative"])
def test_every_method_keeps_the_same(
    features: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Also from a dataset that does not fit into memory."""
    settings = Settings(iterations=1)
    trained = catclf.train(features, tmp_path / "m.npz", settings, method=method)
    assert same(trained.model.neighbors, model.neighbors)
    monkeypatch.setattr(dataset_module, "available_memory", lambda: 0)
    trained = catclf.train(features, tmp_path / "m.npz", settings, method=method)
    assert same(trained.model.neighbors, model.neighbors)


def test_a_checkpoint_and_a_resumed_run_keep_the_same(
    features: Path, model: Model, tmp_path: Path
) -> None:
    """As an uninterrupted one."""
    path = tmp_path / "m.npz"
    stopped = catclf.train(features, path, Settings(iterations=20), observer=Recorder(5))
    assert stopped.model.training is not None
    assert stopped.model.training.iterations == 5
    assert same(load_model(path).neighbors, model.neighbors)
    resumed = catclf.train(features, path, Settings(iterations=20), resume=True)
    assert same(resumed.model.neighbors, model.neighbors)
    assert resumed.model.w.tolist() == model.w.tolist()


@pytest.mark.parametrize("features", ["pixels", "hog-color"])
def test_pixels_and_hog_color_keep_nothing(
    features: Literal["pixels", "hog-color"], tmp_path: Path
) -> None:
    """By them pictures of another kind are hardly less similar."""
    path = write_small(tmp_path / "d.npz", 12, features=features)
    model = catclf.train(path, tmp_path / "m.npz", Settings(iterations=1)).model
    assert model.neighbors is None
    assert load_model(tmp_path / "m.npz").neighbors is None


def test_of_three_pictures_a_model_keeps_nothing(tmp_path: Path) -> None:
    """It is trained, saved and read like others."""
    path = write_small(tmp_path / "d.npz", 3, backbone=small_backbone())
    assert catclf.train(path, tmp_path / "m.npz", Settings(iterations=1)).model.neighbors is None
    assert load_model(tmp_path / "m.npz").neighbors is None

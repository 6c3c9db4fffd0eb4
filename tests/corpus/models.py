"""Model files whose contents are wrong; those of no sound .npz are in `corpus.npz`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catclf.errors import ModelError
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.model_file import load_model, save_model
from catclf.training import Settings, Training
from corpus.npz import N_X, SIZE, npz
from networks import small_backbone, small_network


def good_model() -> Model:
    """Return a small good model."""
    training = Training(
        Settings(0.01, 150),
        method="gram",
        dataset="d.npz",
        digest="0" * 64,
        train_examples=2,
        created_by="catclf",
        iterations=150,
        costs={0: 0.7, 100: 0.6},
        cost=0.5,
        state={"u": np.zeros(2), "c": np.ones(2)},
    )
    w = np.linspace(-1, 1, N_X).reshape(N_X, 1)
    return Model(w, np.array([[0.25]]), ("noncat", "cat"), Preprocessing(size=SIZE), training)


def good_backbone_model() -> Model:
    """Return a small good model of a backbone."""
    preprocessing = Preprocessing(backbone=small_backbone(SIZE))
    w = np.linspace(-1, 1, preprocessing.n_x).reshape(-1, 1)
    return replace(good_model(), w=w, preprocessing=preprocessing)


def backbone_but(**changed: object) -> bytes:
    """Return a good model of a backbone with some arrays changed, or left out where None."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.npz"
        save_model(path, good_backbone_model())
        with np.load(path) as arrays:
            stored = {**arrays, **changed}
    return npz(**{name: array for name, array in stored.items() if array is not None})


def backbone_settings_but(**changed: object) -> bytes:
    """Return a good model of a backbone with some of the backbone's settings changed."""
    model = good_backbone_model()
    assert model.training is not None
    preprocessing = model.preprocessing.to_record()
    backbone = preprocessing["backbone"]
    assert isinstance(backbone, dict)
    record = {
        "format": "catclf-model",
        "version": 1,
        **model.training.to_record(),
        "classes": model.classes,
        "preprocessing": preprocessing | {"backbone": backbone | changed},
    }
    return backbone_but(record=np.array(json.dumps(record)))


def good_arrays() -> dict[str, NDArray[Any]]:
    """Return the arrays of its file, as catclf 0.1 wrote them."""
    model = good_model()
    assert model.training is not None
    record = {
        "format": "catclf-model",
        "version": 1,
        **model.training.to_record(),
        "classes": model.classes,
        "preprocessing": model.preprocessing.to_record(),
    }
    return {
        "w": model.w,
        "b": np.array(0.25),
        "costs": np.array([0.7, 0.6]),
        "iterations": np.array([0, 100]),
        **{f"state_{name}": array for name, array in model.training.state.items()},
        "record": np.array(json.dumps(record)),
    }


def but(**changed: object) -> bytes:
    """Return a good model with some arrays changed, or left out where they are None."""
    arrays: dict[str, object] = {**good_arrays(), **changed}
    return npz(**{name: array for name, array in arrays.items() if array is not None})


def record_but(**changed: object) -> bytes:
    """Return a good model with some entries of its record changed, or left out if None."""
    record = {**json.loads(str(good_arrays()["record"])), **changed}
    kept = {name: value for name, value in record.items() if value is not None}
    return but(record=np.array(json.dumps(kept)))


def preprocessing_but(**changed: object) -> bytes:
    """Return a good model with some settings of its preprocessing changed."""
    return record_but(preprocessing={**Preprocessing(size=SIZE).to_record(), **changed})


def good_neighbors() -> dict[str, NDArray[Any]]:
    """Return the arrays of five training columns that a model keeps."""
    return {
        "neighbors": np.arange(5 * N_X, dtype=np.uint8).reshape(5, N_X),
        "neighbor_labels": np.array([0, 1, 0, 1, 1], np.uint8),
        "neighbor_names": np.array([b"a.png", b"b.png", b"\xff.png", b"", b"c.png"]),
        "neighbor_rows": np.array([0, 1, 4, 5, 9]),
        "neighbor_floor": np.array(0.25),
    }


def neighbors_but(**changed: object) -> bytes:
    """Return a good model that keeps training columns, with some of their arrays changed."""
    return but(**{**good_neighbors(), **changed})


def loads_or_refuses(path: Path) -> None:
    """Check the promise of any file: a sound Model or a ModelError that names it, nothing else."""
    try:
        model = load_model(path)
    except ModelError as error:
        assert str(error).startswith(str(path))  # noqa: PT017
        return
    n_x, n_classes = model.preprocessing.n_x, len(model.classes)
    k = 1 if n_classes == 2 else n_classes
    assert (model.w.shape, model.b.shape) == ((n_x, k), (k, 1))
    white = np.full((1, n_x), 255, np.uint8)
    [probabilities] = model.probabilities(white)
    assert len(probabilities) == n_classes
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    if model.neighbors is not None:
        assert 0 <= model.neighbors.likeness(white, model.classes).similarity <= 1


def bad_contents() -> Iterator[tuple[str, bytes]]:
    """Yield the names and bytes of models whose arrays or record are wrong."""
    w = np.zeros((N_X, 1))
    yield "no-w", npz(b=0.0)
    yield "no-b", npz(w=w)
    yield "other-names", npz(weights=w, bias=0.0)
    yield "record-alone", but(w=None, b=None)
    yield "pickled-w", npz(w=w.astype(object), b=0.0)
    yield "pickled-dict", npz(arr_0=np.array({"w": 0.0, "b": 0.0}))  # np.savez(path, d)
    yield "complex", npz(w=w.astype(complex), b=0.0)
    yield "bool", npz(w=w.astype(bool), b=0.0)
    yield "structured", npz(w=np.zeros(N_X, [("w", "<f8"), ("b", "<f8")]), b=0.0)
    yield "extended-precision", npz(w=w.astype(np.longdouble), b=0.0)
    yield "nan-in-w", but(w=np.full((N_X, 1), np.nan))
    yield "infinity-as-b", but(b=np.inf)
    yield "sum-overflows", but(w=np.full((N_X, 1), 1.7e308))
    yield "w-square", npz(w=w.reshape(3, 4), b=0.0)
    yield "w-a-number", npz(w=1.0, b=0.0)
    yield "w-empty", npz(w=np.zeros((0, 1)), b=0.0)
    yield "w-of-no-square", npz(w=np.zeros((N_X + 1, 1)), b=0.0)
    yield "w-other-than-recorded", but(w=np.zeros((3 * 4 * 4, 1)))
    yield "b-of-two", npz(w=w, b=[0.0, 1.0])
    four = np.zeros((N_X, 4))
    yield "two-columns", npz(w=four[:, :2], b=[0.0, 1.0])
    yield "w-transposed", npz(w=four.T, b=np.zeros(4))
    yield "columns-and-one-b", npz(w=four, b=0.0)
    yield "columns-and-fewer-b", npz(w=four, b=np.zeros((3, 1)))
    yield "columns-beyond-1000", npz(w=np.zeros((N_X, 1001)), b=np.zeros(1001))
    yield "neurons-beyond-classes", but(w=four, b=np.zeros(4))
    yield "classes-beyond-neurons", record_but(classes=["a", "b", "c"])
    yield "costs-missing", but(costs=None)
    yield "costs-of-another-length", but(costs=[0.7])
    yield "more-test-costs-than-costs", but(test_log_losses=[0.7, 0.6, 0.5])
    yield "test-costs-whole-numbers", but(test_log_losses=[1])
    yield "costs-square", but(costs=np.zeros((2, 2)), iterations=np.zeros((2, 2), int))
    yield "costs-nan", but(costs=[0.7, np.nan])
    yield "state-complex", but(state_c=[1j])
    yield "iterations-fractions", but(iterations=[0.0, 100.5])
    columns = good_neighbors()["neighbors"]
    few = {name: array[:3] for name, array in good_neighbors().items() if array.ndim}
    yield "neighbors-too-few", neighbors_but(**few)
    yield "neighbors-of-other-features", neighbors_but(neighbors=columns[:, 1:])
    yield "neighbors-flat", neighbors_but(neighbors=columns.ravel())
    yield "neighbors-a-number", neighbors_but(neighbors=np.uint8(1))
    yield "neighbors-fractions", neighbors_but(neighbors=columns / 255)
    yield "neighbors-fewer-than-labels", neighbors_but(neighbors=columns[:4])
    yield "neighbor-labels-missing", neighbors_but(neighbor_labels=None)
    yield "neighbor-labels-of-three", neighbors_but(neighbor_labels=np.arange(5, dtype=np.uint8))
    yield "neighbor-labels-signed", neighbors_but(neighbor_labels=np.zeros(5, np.int8))
    yield "neighbor-names-no-bytes", neighbors_but(neighbor_names=np.array(list("abcde")))
    yield "neighbor-rows-unsorted", neighbors_but(neighbor_rows=np.array([0, 1, 5, 4, 9]))
    yield "neighbor-rows-twice", neighbors_but(neighbor_rows=np.array([0, 1, 4, 4, 9]))
    yield "neighbor-rows-negative", neighbors_but(neighbor_rows=np.arange(-1, 4))
    yield "neighbor-rows-fractions", neighbors_but(neighbor_rows=np.arange(5.0))
    yield "neighbor-floor-nan", neighbors_but(neighbor_floor=np.nan)
    yield "neighbor-floor-above-1", neighbors_but(neighbor_floor=1.5)
    yield "neighbor-floor-a-word", neighbors_but(neighbor_floor=b"0.5")
    yield "neighbor-floor-of-two", neighbors_but(neighbor_floor=np.zeros(2))
    yield "record-cut", but(record=np.array(str(good_arrays()["record"])[:-1]))
    yield "foreign-record", but(record=np.array('{"epochs": 3}'))
    yield "foreign-format", record_but(format="onnx")
    yield "dataset-format", record_but(format="catclf-dataset")
    yield "newer-version", record_but(version=2)
    yield "long-version", record_but(version="\x1b[31m" + "9" * 100_000)
    yield "no-classes", record_but(classes=None)
    yield "no-preprocessing", record_but(preprocessing=None)
    yield "preprocessing-of-the-future", preprocessing_but(rotation=90)
    yield "no-network", backbone_but(backbone=None)
    yield "another-network", backbone_but(backbone=np.frombuffer(small_network(seed=1), np.uint8))
    yield "network-of-a-model-of-pixels", but(backbone=np.frombuffer(small_network(), np.uint8))
    yield "backbone-of-another-digest", backbone_settings_but(digest="0" * 64)
    yield "backbone-of-more-outputs", backbone_settings_but(n_outputs=9)
    yield "backbone-of-many-pictures-at-once", backbone_settings_but(batch=10**9)
    yield "backbone-of-odd-places", backbone_settings_but(places=3)
    yield "preprocessing-long-size", preprocessing_but(size="\x1b[31m" + "8" * 100_000)

"""Model files that must be refused: those of `corpus.npz`, and those whose contents are wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catclf.errors import ModelError
from catclf.features import Preprocessing
from catclf.model import Model, load_model, save_model
from catclf.training import Settings, Training
from corpus.npz import N_X, SIZE, Case, bad_npz, bad_places, npz, written


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
    return Model(w, 0.25, ("noncat", "cat"), Preprocessing(size=SIZE), training)


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


def bad_contents() -> Iterator[tuple[str, bytes]]:
    """Yield the names and bytes of models whose arrays or record are wrong."""
    yield from _arrays()
    yield from _records()


def bad_models(folder: Path) -> list[Case]:
    """Write every bad model into a folder, those of no sound .npz too."""
    scratch = folder / "good.npz"
    save_model(scratch, good_model())
    good = scratch.read_bytes()
    scratch.unlink()
    file = io.BytesIO()
    np.savez_compressed(file, **good_arrays())  # type: ignore[arg-type]
    cases = written(folder, (*bad_npz(good, file.getvalue()), *bad_contents()))
    return [*cases, *bad_places(folder, good)]


def loads_or_refuses(path: Path) -> None:
    """Check the promise of any file: a sound Model or a ModelError that names it, nothing else."""
    try:
        model = load_model(path)
    except ModelError as error:
        assert str(error).startswith(str(path))  # noqa: PT017
        return
    assert model.w.shape == (model.preprocessing.n_x, 1)
    size = model.preprocessing.size
    assert 0 <= model.probability(np.full((size, size, 3), 255, np.uint8)) <= 1


def _arrays() -> Iterator[tuple[str, bytes]]:
    w = np.zeros((N_X, 1))
    yield "no-w", npz(b=0.0)
    yield "no-b", npz(w=w)
    yield "other-names", npz(weights=w, bias=0.0)
    yield "record-alone", but(w=None, b=None)
    yield "pickled-w", npz(w=w.astype(object), b=0.0)
    yield "pickled-b", npz(w=w, b=np.array(None))
    yield "pickled-costs", but(costs=np.array({"costs": [0.7]}))
    yield "complex", npz(w=w.astype(complex), b=0.0)
    yield "complex-b", npz(w=w, b=1j)
    yield "bool", npz(w=w.astype(bool), b=0.0)
    yield "text-weights", npz(w=w.astype("U4"), b=0.0)
    yield "bytes-weights", npz(w=w.astype("S4"), b=0.0)
    yield "datetime", npz(w=w.astype("M8[s]"), b=0.0)
    yield "timedelta", npz(w=w.astype("m8[s]"), b=0.0)
    yield "structured", npz(w=np.zeros(N_X, [("w", "<f8"), ("b", "<f8")]), b=0.0)
    yield "void", npz(w=np.zeros(N_X, "V8"), b=0.0)
    yield "extended-precision", npz(w=w.astype(np.longdouble), b=0.0)
    for name, value in (("nan", np.nan), ("infinity", np.inf), ("minus-infinity", -np.inf)):
        spoilt = w.copy()
        spoilt[5] = value
        yield f"{name}-in-w", but(w=spoilt)
        yield f"{name}-as-b", but(b=value)
    yield "sum-overflows", but(w=np.full((N_X, 1), 1.7e308))
    yield "w-square", npz(w=w.reshape(3, 4), b=0.0)
    yield "w-of-three-axes", npz(w=w.reshape(N_X, 1, 1), b=0.0)
    yield "w-as-pictures", npz(w=w.reshape(1, SIZE, SIZE, 3), b=0.0)
    yield "w-a-number", npz(w=1.0, b=0.0)
    yield "w-empty", npz(w=np.zeros((0, 1)), b=0.0)
    yield "w-of-no-square", npz(w=np.zeros((N_X + 1, 1)), b=0.0)
    yield "w-of-gray-pictures", npz(w=np.zeros((64 * 64, 1)), b=0.0)
    yield "w-other-than-recorded", but(w=np.zeros((3 * 4 * 4, 1)))
    yield "b-of-two", npz(w=w, b=[0.0, 1.0])
    yield "b-empty", npz(w=w, b=[])
    yield "costs-missing", but(costs=None)
    yield "costs-without-iterations", but(iterations=None)
    yield "costs-of-another-length", but(costs=[0.7])
    yield "more-test-costs-than-costs", but(test_costs=[0.7, 0.6, 0.5])
    yield "test-costs-whole-numbers", but(test_costs=[1])
    yield "costs-square", but(costs=np.zeros((2, 2)), iterations=np.zeros((2, 2), int))
    yield "costs-nan", but(costs=[0.7, np.nan])
    yield "costs-complex", but(costs=[0.7, 1j])
    yield "state-complex", but(state_c=[1j])
    yield "state-text", but(state_c="abc")
    yield "state-nan", but(state_u=[np.nan, 0.5])
    yield "iterations-fractions", but(iterations=[0.0, 100.5])


def _records() -> Iterator[tuple[str, bytes]]:
    good = json.loads(str(good_arrays()["record"]))
    yield "record-no-json", but(record=np.array("format: catclf-model"))
    yield "record-empty", but(record=np.array(""))
    yield "record-a-list", but(record=np.array("[1, 2]"))
    yield "record-a-number", but(record=np.array(1.0))
    yield "record-two", but(record=np.array([json.dumps(good)] * 2))
    yield "record-one-in-a-row", but(record=np.array([json.dumps(good)]))
    yield "record-pickled", but(record=np.array(good))
    yield "record-nested", but(record=np.array("[" * 100_000))
    yield "record-nested-table", but(record=np.array('{"a":' * 100_000))
    yield "record-cut", but(record=np.array(json.dumps(good)[:-1]))
    yield "record-with-nan", record_but(results={"cost": float("nan")})
    yield "record-with-infinity", record_but(results={"cost": float("-inf")})
    yield "record-long-number", but(record=np.array('{"version": ' + "1" * 5000 + "}"))
    beyond = np.frombuffer(b"\xff\xff\xff\xff" * 20, "<U20").reshape(())
    yield "record-beyond-unicode", but(record=beyond)
    yield "foreign-record", but(record=np.array('{"epochs": 3}'))
    yield "foreign-format", record_but(format="onnx")
    yield "dataset-format", record_but(format="catclf-dataset")
    yield "newer-version", record_but(version=2)
    yield "no-version", record_but(version=None)
    yield "long-version", record_but(version="\x1b[31m" + "9" * 100_000)
    yield "no-classes", record_but(classes=None)
    yield "one-class", record_but(classes=["cat"])
    yield "three-classes", record_but(classes=["cat", "dog", "emu"])
    yield "same-class-twice", record_but(classes=["cat", "cat"])
    yield "classes-of-numbers", record_but(classes=[0, 1])
    yield "classes-a-text", record_but(classes="ab")
    yield "no-preprocessing", record_but(preprocessing=None)
    yield "preprocessing-a-list", record_but(preprocessing=[SIZE, "squash"])
    yield "preprocessing-lacks-size", record_but(preprocessing={"fit": "squash"})
    yield "preprocessing-of-the-future", preprocessing_but(rotation=90)
    yield "preprocessing-unknown-fit", preprocessing_but(fit="stretch")
    yield "preprocessing-unknown-order", preprocessing_but(order="interleaved")
    yield "preprocessing-other-size", preprocessing_but(size=SIZE + 1)
    yield "preprocessing-huge-size", preprocessing_but(size=10**9)
    yield "preprocessing-size-true", preprocessing_but(size=True)
    yield "preprocessing-long-size", preprocessing_but(size="\x1b[31m" + "8" * 100_000)

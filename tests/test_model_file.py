"""The file of a model, and the files of notebooks."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

import catclf
from catclf.errors import ModelError, SettingsError
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.model_file import load_model, save_model
from catclf.operations.prediction import predict
from catclf.training import Settings, Training
from command_line import invoke, run
from conftest import positive_probability
from corpus.models import (
    bad_contents,
    but,
    good_arrays,
    good_model,
    good_neighbors,
    loads_or_refuses,
    neighbors_but,
)
from corpus.npz import N_X, SIZE, Case, Member, npy, npz, pack, written, wrongly_met


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name a file for the examples of one property after the other."""
    return tmp_path_factory.mktemp("scratch") / "model.npz"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Save the small good model."""
    path = tmp_path / "model.npz"
    save_model(path, good_model())
    return path


# ------------------------------------------------------------------------ a file for anyone


def test_numpy_alone_opens_a_model(saved: Path) -> None:
    """np.load without pickles gives w (n_x, 1), b, the costs, and a record in JSON."""
    with np.load(saved, allow_pickle=False) as arrays:
        assert arrays["w"].dtype == np.float64
        assert arrays["w"].tolist() == good_model().w.tolist()
        assert arrays["b"].tolist() == 0.25
        assert dict(zip(arrays["iterations"], arrays["costs"], strict=True)) == {0: 0.7, 100: 0.6}
        record = json.loads(arrays["record"].item())
    assert (record["format"], record["version"]) == ("catclf-model", 1)
    assert record["classes"] == ["noncat", "cat"]
    assert record["preprocessing"] == Preprocessing(size=SIZE).to_record()


def test_numpy_computes_the_same_probability(saved: Path, tmp_path: Path) -> None:
    """Three lines of numpy on w and b, as in the README, give what `catclf predict` gives."""
    pixels = np.random.default_rng(3).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    picture = tmp_path / "picture.png"
    Image.fromarray(pixels).save(picture)
    with np.load(saved) as arrays:
        x = pixels.transpose(2, 0, 1).reshape(-1, 1) / 255
        expected = 1 / (1 + np.exp(-(arrays["w"].T @ x + arrays["b"])))
    [[_, found]] = load_model(saved).predict_proba(picture)
    assert found == pytest.approx(expected.item(), rel=1e-14)


texts = st.text(max_size=20)
finite = st.floats(-1e6, 1e6)
counts = st.integers(0, 2**60)
costs = st.dictionaries(st.integers(0, 10**9), finite, max_size=5)


@given(
    numbers=hnp.arrays(np.float64, (N_X + 1, 4), elements=finite),
    classes=st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=4, unique=True),
    fit=st.sampled_from(["squash", "crop", "pad"]),
    training=st.builds(
        Training,
        settings=st.builds(Settings, learning_rate=st.floats(1e-9, 1e6)),
        method=texts,
        kernel=st.none() | texts,
        dataset=texts,
        digest=texts,
        train_examples=counts,
        test_examples=counts,
        created_by=texts,
        iterations=counts,
        costs=costs,
        test_log_losses=st.just({}),
        cost=finite,
        test_log_loss=st.none() | st.floats(0, 1e6),
        train_accuracy=st.none() | st.floats(0, 1),
        test_accuracy=st.none() | st.floats(0, 1),
        state=st.dictionaries(
            st.sampled_from(["c", "u"]), hnp.arrays(np.float64, (3, 1), elements=finite)
        ),
    ),
)
def test_a_model_is_read_as_it_was_saved(
    scratch: Path,
    numbers: NDArray[np.float64],
    classes: list[str],
    fit: Any,
    training: Training,
) -> None:
    """Saving and loading change nothing, bit for bit, its training and the order of costs too."""
    tested = dict(list(training.costs.items())[len(training.costs) // 2 :])
    training = replace(training, test_log_losses=tested)
    k = 1 if len(classes) == 2 else len(classes)
    w, b = numbers[:-1, :k], numbers[-1:, :k].T
    model = Model(w, b, tuple(classes), Preprocessing(size=SIZE, fit=fit), training)
    save_model(scratch, model)
    again = load_model(scratch)
    np.testing.assert_array_equal(again.w, w)
    np.testing.assert_array_equal(again.b, b)
    with np.load(scratch) as arrays:
        assert (arrays["w"].shape, arrays["b"].shape) == ((N_X, k), () if k == 1 else (k,))
    assert (again.classes, again.weights_only) == (model.classes, False)
    assert (again.path, model.path) == (str(scratch), None)
    assert again.preprocessing == model.preprocessing
    found = again.training
    assert found is not None
    assert vars(replace(found, state={})) == vars(replace(training, state={}))
    assert list(found.costs) == list(training.costs)
    assert list(found.test_log_losses) == list(tested)
    assert found.state.keys() == training.state.keys()
    for name, array in training.state.items():
        np.testing.assert_array_equal(found.state[name], array)


def test_a_model_of_the_largest_size_is_read(tmp_path: Path) -> None:
    """1024x1024 pixels, the most that prepare makes, are within the bounds, training or not."""
    n_x = 3 * 1024 * 1024
    path = tmp_path / "large.npz"
    b = np.array([[0.5]])
    save_model(path, Model(np.ones((n_x, 1)), b, ("a", "b"), Preprocessing(size=1024)))
    found = load_model(path)
    assert (found.w.size, found.training) == (n_x, None)


# ------------------------------------------------------------- what others, and catclf 0.1, wrote


def record_of_0_1(method: str) -> str:
    """Return what catclf 0.1.0 wrote into a model."""
    record = {
        "format": "catclf-model",
        "version": 1,
        "created_by": "catclf 0.1.0",
        "dataset": {"name": "v01.h5", "digest": "dca5c60bc4d9", "train": 2, "test": 60},
        "settings": {
            **{"method": method, "learning_rate": 0.005, "iterations": 200},
            **{"l2": 0.0, "loss": "cross-entropy", "every": 100},
        },
        "results": {"iterations": 150, "cost": 0.5, "train_accuracy": 0.75},
        "classes": ["noncat", "cat"],
        "preprocessing": {
            **{"size": 2, "fit": "squash", "filter": "bilinear"},
            **{"background": "white", "order": "planes"},
        },
    }
    return json.dumps(record)


@pytest.mark.parametrize(("method", "kernel"), [("gram", None), ("streaming", "numpy")])
def test_a_model_of_catclf_0_1_is_read(tmp_path: Path, method: str, kernel: str | None) -> None:
    """Its record is UTF-32, perhaps at the end; it knew no test costs, kernels or features."""
    arrays = {**good_arrays(), "record": np.array(record_of_0_1(method))}
    [case] = written(tmp_path, [("old", npz(**arrays))])
    model = load_model(case.path)
    np.testing.assert_array_equal(model.w, good_model().w)
    assert model.preprocessing == Preprocessing(size=2, features="pixels")
    training = model.training
    assert training is not None
    expected = Training(
        Settings(0.005, 200, class_weight="none"),
        method=method,
        kernel=kernel,
        dataset="v01.h5",
        digest="dca5c60bc4d9",
        train_examples=2,
        test_examples=60,
        created_by="catclf 0.1.0",
        iterations=150,
        costs={0: 0.7, 100: 0.6},
        cost=0.5,
        train_accuracy=0.75,
    )
    assert vars(dataclasses.replace(training, state={})) == vars(expected)
    state = {name: array.tolist() for name, array in training.state.items()}
    assert state == {"u": [0, 0], "c": [1, 1]}


def test_the_training_columns_of_a_model_are_read_as_they_were_saved(
    tmp_path: Path, scratch: Path
) -> None:
    """Bit for bit, whatever their names; and the same arrays are written of them."""
    [case] = written(tmp_path, [("kept", neighbors_but())])
    model = load_model(case.path)
    expected, neighbors = good_neighbors(), model.neighbors
    assert neighbors is not None
    assert neighbors.columns.tolist() == expected["neighbors"].tolist()
    assert neighbors.labels.tolist() == expected["neighbor_labels"].tolist()
    assert neighbors.names == ["a.png", "b.png", "\udcff.png", "", "c.png"]
    assert neighbors.rows.tolist() == expected["neighbor_rows"].tolist()
    assert neighbors.floor == 0.25
    save_model(scratch, model)
    with np.load(scratch) as arrays:
        for name, array in expected.items():
            np.testing.assert_array_equal(arrays[name], array)
            assert arrays[name].dtype == array.dtype


def test_a_future_catclf_may_add_arrays(tmp_path: Path) -> None:
    """Arrays that this version does not know are not read."""
    extra = np.array({"pickled": 1})
    cases = written(tmp_path, [("more", but(extra=extra)), ("notebook", but(extra=np.arange(5)))])
    assert [load_model(case.path).classes for case in cases] == [("noncat", "cat")] * 2


@pytest.mark.parametrize("shape", [(N_X,), (N_X, 1), (1, N_X)])
@pytest.mark.parametrize("dtype", ["f2", "<f4", ">f4", "<f8", ">f8", "i1", "u8"])
def test_weights_of_any_real_type_and_layout(
    shape: tuple[int, ...], dtype: str, tmp_path: Path
) -> None:
    """However a notebook kept its weights, they become w (n_x, 1) float64 of the same values."""
    path = tmp_path / "weights_only.npz"
    np.savez(path, w=np.arange(N_X).astype(dtype).reshape(shape), b=np.array([[2]], dtype))
    model = load_model(path, "planes")
    assert model.w.shape == (N_X, 1)
    assert model.w.dtype == np.dtype("=f8")
    assert model.w[:, 0].tolist() == list(range(N_X))
    assert model.b == 2.0


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3)])
def test_weights_of_several_neurons(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Their w is (n_x, classes), b as a notebook may have it; classes are named, or numbered."""
    path = tmp_path / "weights_only.npz"
    w, b = np.arange(36).reshape(12, 3), np.arange(3.0)
    np.savez(path, w=w, b=b.reshape(shape))
    model = load_model(path, "planes")
    assert model.classes == ("class 0", "class 1", "class 2")
    assert (model.w.tolist(), model.b.tolist()) == (w.tolist(), [[0], [1], [2]])
    # Entry 1 of a column is the green of the first of four pixels.
    interleaved = load_model(path, "interleaved", classes=["ant", "bee", "cat"])
    assert interleaved.classes == ("ant", "bee", "cat")
    assert interleaved.w[4].tolist() == w[1].tolist()
    with pytest.raises(SettingsError, match=r"tells 3 classes apart, and 2 are named\nName 3\."):
        load_model(path, "planes", classes=["ant", "bee"])
    with pytest.raises(ValueError, match="must be different names"):
        load_model(path, "planes", classes=["ant", "bee", "ant"])


def test_two_softmax_neurons_are_one(tmp_path: Path) -> None:
    """What the message tells to save gives the softmax's probabilities."""
    rng = np.random.default_rng(2)
    w, b, pixels = rng.normal(size=(12, 2)), rng.normal(size=2), np.full((2, 2, 3), 99, np.uint8)
    path = tmp_path / "weights_only.npz"
    np.savez(path, w=w[:, 1:] - w[:, :1], b=b[1] - b[0])
    exp = np.exp(w.T @ np.full(12, 99 / 255) + b)
    found = load_model(path, "planes").predict_proba(pixels)
    np.testing.assert_allclose(found, [exp / exp.sum()], rtol=1e-12)


def notebook(X: NDArray[np.float64], Y: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Train as the course's notebook does, statement by statement."""
    m = X.shape[1]
    w, b = np.zeros((X.shape[0], 1)), 0.0
    for _ in range(50):
        A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
        dw = np.dot(X, (A - Y).T) / m
        db = np.sum(A - Y) / m
        w = w - 0.05 * dw
        b = b - 0.05 * db
    return w, b


@pytest.fixture(scope="module", params=["planes", "interleaved"])
def lesson(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Path, list[Path], NDArray[np.float64]]:
    """Train a notebook on 10 noisy 8x8 pictures, whose left half is red (5) or blue.

    Return the order in which it unrolled them, its model, the pictures and their probabilities.
    """
    order, folder = request.param, tmp_path_factory.mktemp("lesson")
    pictures = np.random.default_rng(1).integers(0, 160, (10, 8, 8, 3), dtype=np.uint8)
    pictures[:5, :, :4, 0] += 90
    pictures[5:, :, :4, 2] += 90
    paths = [folder / f"{i}.png" for i in range(10)]
    for path, pixels in zip(paths, pictures, strict=True):
        Image.fromarray(pixels).save(path)
    unrolled = pictures if order == "interleaved" else pictures.transpose(0, 3, 1, 2)
    X = unrolled.reshape(10, -1).T / 255
    w, b = notebook(X, np.array([[1.0] * 5 + [0.0] * 5]))
    np.savez(folder / "notebook.npz", w=w, b=b)
    return order, folder / "notebook.npz", paths, 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))[0]


def test_a_notebooks_weights_predict_what_the_notebook_does(lesson: Any) -> None:
    """np.savez(path, w=w, b=b) gives the notebook's probabilities, in its order alone."""
    order, path, pictures, expected = lesson
    for each in ("planes", "interleaved"):
        answers = [positive_probability(p) for p in predict(pictures, load_model(path, each))]
        away = np.abs(np.array(answers) - expected).max()
        assert away < 1e-12 if each == order else away > 0.01


def test_evaluate_finds_the_order(lesson: Any, tmp_path: Path) -> None:
    """It evaluates both, shows the one that fits, and says what to type."""
    order, path, pictures, _ = lesson
    table = "file,label\n" + "".join(f"{p},{'ab'[i < 5]}\n" for i, p in enumerate(pictures))
    (tmp_path / "pictures.csv").write_text(table)
    data, preprocessing = tmp_path / "d.npz", Preprocessing(size=8)
    catclf.prepare([tmp_path / "pictures.csv"], data, preprocessing=preprocessing, test_split=0.5)
    found = catclf.evaluate(data, path, split="train")
    assert next(iter(found.order_log_losses)) == order
    assert set(found.order_log_losses) == {"planes", "interleaved"}
    assert found.log_loss == found.order_log_losses[order]
    assert found.accuracy == 1
    known = catclf.evaluate(data, path, split="train", order=order)
    assert known.probabilities.tolist() == found.probabilities.tolist()
    shown = invoke("evaluate", data, "-m", path, "--split", "train").stdout
    assert f"By these labels the order {order} fits better\n(log loss " in shown
    assert f"To predict, use --order {order}." in shown


def test_what_is_assumed_of_a_weights_only_model_is_said(tmp_path: Path) -> None:
    """Size, fit, scaling and classes; its order is required: any would be wrong for others."""
    path, picture = tmp_path / "weights_only.npz", tmp_path / "p.png"
    np.savez(path, w=np.zeros((3 * 8 * 8, 1)), b=0.0)
    Image.new("RGB", (8, 8)).save(picture)
    model = load_model(path, "planes")
    assert model.preprocessing == Preprocessing(size=8)
    assert model.classes == ("class 0", "class 1")
    assert (model.weights_only, model.path) == (True, str(path))
    told = invoke("predict", "-m", path, "--order", "planes", picture).stderr
    for word in ("8x8", "squashed", "255", "planes", "class 1"):
        assert word in told
    words = ["--order", "interleaved", "--classes", "dog,cat"]
    told = invoke("predict", "-m", path, *words, picture).stderr
    assert "dog or cat" in told
    assert "interleaved" in told
    with pytest.raises(ModelError, match="does not tell how its pictures were unrolled"):
        load_model(path)
    ended = run("predict", "-m", path, picture)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Give its --order: interleaved for X.reshape(m, -1).T" in ended.stderr
    assert "'catclf evaluate' tries both" in ended.stderr


def test_order_and_classes_are_only_for_weights_only_models(saved: Path) -> None:
    """A model that records them is not read with others."""
    with pytest.raises(ModelError, match="Leave out `order`"):
        load_model(saved, "interleaved")
    with pytest.raises(ModelError, match="Leave out `classes`"):
        load_model(saved, classes=("a", "b"))


# ------------------------------------------------------------------------ files not to be trusted


@pytest.fixture(scope="module")
def bad_models(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """Write models of wrong contents into a folder."""
    return written(tmp_path_factory.mktemp("bad"), bad_contents())


def test_every_model_of_wrong_contents_is_refused_in_few_words(bad_models: list[Case]) -> None:
    """By one message; those of `corpus.npz` are refused by the reader."""
    assert len({case.name for case in bad_models}) == len(bad_models) > 30
    assert wrongly_met(bad_models, load_model, ModelError) == {}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("missing", "no such file\nRun 'catclf train' first, or check"),
        ("newer-version", "Update catclf"),
        ("dataset-format", "is not a model that catclf trained\nName a model"),
        ("record-cut", "damaged: its record cannot be read"),
        ("pickled-w", "w: holds Python objects: a pickle, which could run any code\nSave arrays"),
        ("pickled-dict", "arr_0: holds Python objects: a pickle, which could run any code\nSave"),
        ("nan-in-w", "w: damaged: holds nan or infinity"),
        ("neighbor-rows-twice", "damaged: its neighbors do not fit together"),
        ("neighbor-labels-missing", "damaged: holds no neighbor_labels"),
        ("w-transposed", "(n_x, classes), got (4, 12)\nSave w.T."),
        ("two-columns", "got (12, 2)\nTwo neurons of a softmax are one: save w[:, 1:] - w[:, :1]"),
        ("columns-and-one-b", "b must be 4 numbers, one for each column of w, got the shape ()"),
        ("neurons-beyond-classes", "damaged: names 2 classes; its number of neurons is 4"),
        ("classes-beyond-neurons", "damaged: names 3 classes; its number of neurons is 1"),
        ("no-b", "holds no b\nName a model that catclf trained, or an .npz of w and b"),
        ("w-other-than-recorded", "48 weights, for pictures of 12 features"),
        ("no-network", "its preprocessing is unknown: the network of its backbone is missing\n"),
        ("neighbors-of-other-features", "damaged: its neighbors do not fit together"),
        ("preprocessing-of-the-future", "'rotation'"),
    ],
)
def test_the_message_says_what_is_wrong(bad_models: list[Case], case: str, said: str) -> None:
    """Who runs an old catclf, or has a damaged file, is told just that."""
    with pytest.raises(ModelError) as caught:
        load_model(bad_models[0].path.with_name(f"{case}.npz"))
    assert said in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(key=st.sampled_from(["format", "version", "classes", "preprocessing"]), value=json_values)
def test_any_record_is_a_model_or_a_model_error(scratch: Path, key: str, value: object) -> None:
    """A record may say anything."""
    record = json.loads(str(good_arrays()["record"]))
    scratch.write_bytes(but(record=np.array(json.dumps({**record, key: value}))))
    loads_or_refuses(scratch)


@given(
    w=hnp.arrays(
        hnp.scalar_dtypes() | hnp.array_dtypes(), hnp.array_shapes(min_dims=0, max_side=12)
    ),
    b=hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_side=2)),
)
def test_any_arrays_are_a_model_or_a_model_error(
    scratch: Path, w: NDArray[Any], b: NDArray[Any]
) -> None:
    """Weights and bias may be of any type and shape."""
    scratch.write_bytes(npz(w=w, b=b))
    loads_or_refuses(scratch)


@given(
    name=st.sampled_from(["w", "b", "costs", "iterations", "record", *good_neighbors()]),
    place=st.floats(0, 1, exclude_max=True),
    new=st.binary(max_size=12),
)
def test_mutated_members_are_a_model_or_a_model_error(
    scratch: Path, name: str, place: float, new: bytes
) -> None:
    """Damage below the checksums, as a hostile writer would make it, is met by the checks."""
    arrays = good_arrays() | good_neighbors()
    members = {key: bytearray(npy(array)) for key, array in arrays.items()}
    at = int(place * len(members[name]))
    members[name][at : at + len(new)] = new
    scratch.write_bytes(pack(*(Member(f"{key}.npy", bytes(v)) for key, v in members.items())))
    loads_or_refuses(scratch)

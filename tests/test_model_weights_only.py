"""Weights-only models: w and b predict as in the notebook; what is assumed of them is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from catclf.errors import ModelError
from catclf.model_file import load_model, save_model
from catclf.operations.evaluation import evaluate
from catclf.operations.prediction import predict
from catclf.operations.preparation import prepare
from catclf.pictures.preprocessing import Preprocessing
from command_line import run
from conftest import positive_probability
from corpus.models import good_model
from corpus.npz import N_X


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


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], NDArray[np.uint8]]:
    """Make 10 noisy 8x8 pictures, whose left half is red (5) or blue: their order matters."""
    folder = tmp_path_factory.mktemp("lesson")
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 160, (10, 8, 8, 3), dtype=np.uint8)
    pictures[:5, :, :4, 0] += 90
    pictures[5:, :, :4, 2] += 90
    paths = [folder / f"{i}.png" for i in range(10)]
    for path, pixels in zip(paths, pictures, strict=True):
        Image.fromarray(pixels).save(path)
    return paths, pictures


@pytest.mark.parametrize("order", ["planes", "interleaved"])
def test_a_notebooks_weights_predict_what_the_notebook_does(
    order: Any, lesson: tuple[list[Path], NDArray[np.uint8]], tmp_path: Path
) -> None:
    """np.savez(path, w=w, b=b) gives the notebook's probabilities, in either order."""
    paths, pictures = lesson
    if order == "interleaved":
        X = pictures.reshape(10, -1).T / 255
    else:
        X = pictures.transpose(0, 3, 1, 2).reshape(10, -1).T / 255
    w, b = notebook(X, np.array([[1.0] * 5 + [0.0] * 5]))
    expected = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
    path = tmp_path / "notebook.npz"
    np.savez(path, w=w, b=b)

    right = load_model(path, order)
    answers = np.array([positive_probability(answer) for answer in predict(paths, right)])
    np.testing.assert_allclose(answers, expected[0], rtol=1e-12)

    wrong = load_model(path, "planes" if order == "interleaved" else "interleaved")
    others = np.array([positive_probability(answer) for answer in predict(paths, wrong)])
    assert np.abs(others - expected[0]).max() > 0.01


def test_what_is_assumed_of_a_weights_only_model_is_said(tmp_path: Path) -> None:
    """Size, fit, scaling, order and classes; --order and --classes say otherwise."""
    path = tmp_path / "weights_only.npz"
    np.savez(path, w=np.zeros((3 * 8 * 8, 1)), b=0.0)
    model = load_model(path, "planes")
    assert model.preprocessing == Preprocessing(size=8)
    assert model.classes == ("class 0", "class 1")
    assert model.weights_only
    assert load_model(path, "interleaved").weights_only
    picture = tmp_path / "p.png"
    Image.new("RGB", (8, 8)).save(picture)
    told = run("predict", "-m", path, "--order", "planes", picture).stderr
    for word in ("8x8", "squashed", "255", "planes", "class 1"):
        assert word in told
    words = ["--order", "interleaved", "--classes", "dog,cat"]
    told = run("predict", "-m", path, *words, picture).stderr
    assert "dog or cat" in told
    assert "interleaved" in told


def test_an_order_is_required(tmp_path: Path) -> None:
    """Assumed, it would be wrong for every other notebook; the error says how to find out."""
    path, picture = tmp_path / "weights_only.npz", tmp_path / "p.png"
    np.savez(path, w=np.zeros((3 * 8 * 8, 1)), b=0.0)
    Image.new("RGB", (8, 8)).save(picture)
    with pytest.raises(ModelError, match="does not tell how its pictures were unrolled"):
        load_model(path)
    ended = run("predict", "-m", path, picture)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Give its --order: interleaved for X.reshape(m, -1).T" in ended.stderr
    assert "'catclf evaluate' tries both" in ended.stderr


@pytest.mark.parametrize("order", ["planes", "interleaved"])
def test_evaluate_finds_the_order(
    order: Any, lesson: tuple[list[Path], NDArray[np.uint8]], tmp_path: Path
) -> None:
    """It evaluates both, shows the one that fits, and says what to type."""
    paths, pictures = lesson
    unrolled = pictures if order == "interleaved" else pictures.transpose(0, 3, 1, 2)
    w, b = notebook(unrolled.reshape(10, -1).T / 255, np.array([[1.0] * 5 + [0.0] * 5]))
    np.savez(tmp_path / "notebook.npz", w=w, b=b)
    table = "file,label\n" + "".join(f"{p},{'ab'[i < 5]}\n" for i, p in enumerate(paths))
    (tmp_path / "pictures.csv").write_text(table)
    data = tmp_path / "d.h5"
    prepare([tmp_path / "pictures.csv"], data, preprocessing=Preprocessing(size=8), test_split=0.5)
    found = evaluate(data, tmp_path / "notebook.npz", split="train")
    assert next(iter(found.order_log_losses)) == order
    assert set(found.order_log_losses) == {"planes", "interleaved"}
    assert found.log_loss == found.order_log_losses[order]
    assert found.accuracy == 1
    known = evaluate(data, tmp_path / "notebook.npz", split="train", order=order)
    assert known.probabilities.tolist() == found.probabilities.tolist()
    shown = run("evaluate", data, "-m", tmp_path / "notebook.npz", "--split", "train").stdout
    assert f"By these labels the order {order} fits better (log loss " in shown
    assert f"To predict, use --order {order}." in shown


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


def test_an_order_is_only_for_weights_only_models(tmp_path: Path) -> None:
    """A model that records its order is not read in another."""
    saved = tmp_path / "model.npz"
    save_model(saved, good_model())
    with pytest.raises(ModelError, match="Leave out `order`"):
        load_model(saved, "interleaved")
    with pytest.raises(ModelError, match="Leave out `classes`"):
        load_model(saved, classes=("a", "b"))

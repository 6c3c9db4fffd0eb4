"""What may be evaluated together: a model and data that was prepared as its pictures were."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

import catclf
from catclf.errors import DatasetError, ModelError
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.model_file import save_model
from catclf.operations.comparison import compare
from catclf.operations.evaluating import evaluate
from catclf.training import Settings
from datasets import CLASSES, write_small

SIZE = 8


@pytest.fixture(scope="module")
def model() -> Model:
    """Return a model whose weights are small and random."""
    w = np.random.default_rng(5).normal(size=(3 * SIZE * SIZE, 1)) / 10
    return Model(w, np.array([[0.01]]), CLASSES, Preprocessing(size=SIZE))


def test_a_model_may_be_its_file(small_dataset: Path, model: Model, tmp_path: Path) -> None:
    """Ours, or a notebook's w and b, which take the dataset's names of the classes."""
    save_model(tmp_path / "m.npz", model)
    np.savez(tmp_path / "w.npz", w=model.w, b=model.b)
    expected = evaluate(small_dataset, model)
    assert expected.model is None
    for path, order in ((tmp_path / "m.npz", None), (tmp_path / "w.npz", "planes")):
        found = evaluate(small_dataset, path, order=order)  # type: ignore[arg-type]
        assert found.probabilities.tolist() == expected.probabilities.tolist()
        assert (found.model, found.classes) == (str(path), ("noncat", "cat"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"preprocessing": Preprocessing(size=SIZE, fit="crop")}, "crop"),
        ({"preprocessing": Preprocessing(size=4), "w": np.zeros((48, 1))}, "pictures with size 4"),
        ({"classes": ("noncat", "dog")}, "dog"),
        ({"classes": ("cat", "noncat")}, "cat"),
    ],
    ids=["fit", "size", "class", "turned about"],
)
def test_a_dataset_prepared_otherwise_is_refused(
    small_dataset: Path, model: Model, changed: dict[str, object], said: str
) -> None:
    """A model meets only pictures made as those it was trained on, and its own classes."""
    other = dataclasses.replace(model, **changed)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match=said):
        evaluate(small_dataset, other)
    with pytest.raises((DatasetError, ModelError), match=said):
        compare(small_dataset, model, other)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("a", "c", "b"), "has the class 'b' as label 1, the model 'c'"),
        (("a", "b", "c", "d"), "has 3 classes (a, b, c), the model 4 classes (a, b, c and 1 more)"),
        (("a", "b"), "has 3 classes (a, b, c), the model 2 classes (a, b)"),
    ],
)
def test_other_classes_of_several_are_told(
    tmp_path: Path, classes: tuple[str, ...], said: str
) -> None:
    """How many there are, or the first label that differs; a notebook's are the dataset's."""
    dataset = write_small(tmp_path / "d.npz", 9, 6, classes=("a", "b", "c"))
    k = 1 if len(classes) == 2 else len(classes)
    w, b = np.zeros((192, k)), np.zeros((k, 1))
    with pytest.raises(DatasetError) as caught:
        evaluate(dataset, Model(w, b, classes, Preprocessing(size=SIZE)))
    assert said in str(caught.value)
    np.savez(tmp_path / "w.npz", w=np.zeros((192, 3)), b=np.zeros(3))
    assert evaluate(dataset, tmp_path / "w.npz").classes == ("a", "b", "c")
    with pytest.raises(DatasetError, match="`classes` are in the order of w's columns"):
        evaluate(dataset, tmp_path / "w.npz", classes=("a", "c", "b"))


def test_weights_of_another_size_are_refused(small_dataset: Path, tmp_path: Path) -> None:
    """A notebook's too."""
    np.savez(tmp_path / "other.npz", w=np.zeros(3 * 4 * 4), b=0)
    with pytest.raises(DatasetError, match="the model's pictures with size 4"):
        evaluate(small_dataset, tmp_path / "other.npz")


def test_a_dataset_prepared_anew_is_the_same_data(
    small_dataset: Path, small_pictures: Path, tmp_path: Path
) -> None:
    """From the same pictures with the same options, wherever they are; with another seed it is not.

    Nor where only a label was corrected.
    """
    catclf.train(small_dataset, tmp_path / "m.npz", Settings(iterations=5))
    moved, anew = shutil.copytree(small_pictures, tmp_path / "moved"), tmp_path / "anew.npz"
    size = Preprocessing(size=SIZE)

    def other_data(seed: int = 0) -> str | None:
        catclf.prepare([moved], anew, preprocessing=size, test_split=0.25, seed=seed)
        return evaluate(anew, tmp_path / "m.npz").other_data

    assert other_data() is None
    assert other_data(seed=1) == str(small_dataset)
    (moved / "cat" / "00.png").rename(moved / "noncat" / "corrected.png")
    assert other_data() == str(small_dataset)


def test_other_data_and_leaks_are_told(small_dataset: Path, tmp_path: Path) -> None:
    """A model may be evaluated on what it was not trained on; what it was trained on is counted."""
    path = tmp_path / "model.npz"
    catclf.train(small_dataset, path, catclf.Settings(iterations=5))
    assert evaluate(small_dataset, path).other_data is None
    assert evaluate(small_dataset, path).also_in_train == 0
    other = write_small(tmp_path / "other.npz", 2, 4, also_in_train=2)
    assert evaluate(other, path).other_data == str(small_dataset)
    assert evaluate(other, path).also_in_train == 2


def test_the_dataset_of_the_model_is_named(small_dataset: Path, tmp_path: Path) -> None:
    """Where another one was prepared otherwise: to prepare that again would replace it."""
    trained = catclf.train(
        small_dataset, tmp_path / "m.npz", Settings(iterations=2), observer=catclf.Observer()
    )
    other = write_small(tmp_path / "other.npz", 8, size=4, seed=1)
    with pytest.raises(DatasetError) as caught:
        evaluate(other, trained.model)
    assert caught.value.fix is not None
    assert "to another file, or name the dataset that the model was trained on" in caught.value.fix
    assert str(small_dataset) in caught.value.fix

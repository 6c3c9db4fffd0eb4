"""The page tells of the test split what `evaluate` finds, and holds some of its pictures."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import catclf
from catclf.model import Model
from catclf.model_file import save_model
from catclf.operations.evaluation import Evaluation
from catclf.operations.page_results import CELL_BYTES, choose_pictures, results_data
from datasets import write_small
from networks import small_backbone


def evaluated(
    folder: Path, probabilities: NDArray[Any], labels: NDArray[Any], size: int = 8
) -> tuple[Evaluation, Path]:
    """Evaluate a model on noise as if it had given these probabilities, (m, classes)."""
    m, k = probabilities.shape
    classes, preprocessing = tuple(f"c{i}" for i in range(k)), catclf.Preprocessing(size=size)
    data = write_small(folder / "d.npz", 2 * k, m, size, classes, test_labels=labels)
    save_model(
        folder / "m.npz",
        Model(np.zeros((preprocessing.n_x, k)), np.zeros((k, 1)), classes, preprocessing),
    )
    found = catclf.evaluate(data, folder / "m.npz")
    predicted = probabilities.argmax(axis=1)
    return dataclasses.replace(
        found,
        probabilities=probabilities,
        losses=-np.log(probabilities[np.arange(m), labels]),
        confusion=catclf.metrics.confusion(labels, predicted.astype(np.uint16), k),
    ), data


def random_case(
    folder: Path, k: int, m: int, size: int = 8, seed: int = 0
) -> tuple[Evaluation, Path]:
    """Evaluate random probabilities, some right and some wrong."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, m)
    Z = rng.normal(size=(m, k))
    Z[np.arange(m), labels] += 1
    A = np.exp(Z)
    return evaluated(folder, A / A.sum(axis=1, keepdims=True), labels.astype(np.uint16), size)


def data_of(test: Evaluation, path: Path) -> dict[str, Any]:
    """Return what the page holds of an evaluation, as its scripts read it."""
    model = catclf.load_model(path.with_name("m.npz"))
    with catclf.open_dataset(path) as dataset:
        pictures = choose_pictures(dataset, model, test)
        data = results_data(dataset, model, test, pictures)
    found: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    return found


def test_each_cell_has_its_pictures(tmp_path: Path) -> None:
    """Every number of the matrix above 0, and of each some pictures, the most confident first."""
    test, path = random_case(tmp_path, 4, 200)
    data = data_of(test, path)
    assert data["is_matrix"]
    counts = {(each["label"], each["predicted"]): each["count"] for each in data["cells"]}
    matrix = test.confusion.matrix
    assert counts == {(i, j): matrix[i, j] for i, j in np.argwhere(matrix)}
    wrong = [each["count"] for each in data["cells"] if each["label"] != each["predicted"]]
    assert wrong == sorted(wrong, reverse=True)
    assert [each["count"] for each in data["cells"][: len(wrong)]] == wrong  # right ones behind
    assert data["confused_pairs"] == len(wrong)
    for cell in data["cells"]:
        label, predicted = cell["label"], cell["predicted"]
        members = np.flatnonzero((test.labels == label) & (test.predicted == predicted))
        order = members[np.argsort(-test.probabilities[members, predicted])]
        assert len(cell["pictures"]) == min(len(members), 12)
        for picture, index in zip(cell["pictures"], order, strict=False):
            assert picture["name"] == test.names[index]
            assert picture["of_label"] == test.probabilities[index, label]
            assert picture["of_predicted"] == test.probabilities[index, predicted]


def test_rates_are_those_of_evaluate(tmp_path: Path) -> None:
    """By class and as macro averages, undefined where a class has no picture."""
    labels = np.array([0, 0, 1, 1], np.uint16)
    A = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2]])
    data = data_of(*evaluated(tmp_path, A, labels))
    assert data["counts"] == [2, 2, 0]
    assert data["rates"]["recall"] == [0.5, 1.0, None]
    assert data["rates"]["precision"] == [1.0, 2 / 3, None]
    assert data["macro"] == {"recall": None, "precision": None, "f1": None}
    A_third = np.eye(3)[[0, 2, 1, 2]] * 0.7 + 0.1  # the third class is predicted
    asked = data_of(*evaluated(tmp_path, A_third, labels))
    assert asked["rates"]["precision"] == [1.0, 1.0, 0.0]
    assert asked["rates"]["f1"] == [2 / 3, 2 / 3, 0.0]
    assert asked["macro"] == {"recall": None, "precision": None, "f1": None}
    [each] = data["calibration"]  # of the predicted class: three of four are right
    assert each["fraction"] == 0.75
    assert each["probability"] == pytest.approx((0.6 + 0.7 + 0.8 + 0.6) / 4)


def test_of_many_classes_the_most_confused_pairs_are_kept(tmp_path: Path) -> None:
    """Thirty, and how many there are; and no more than 200 pictures together."""
    test, path = random_case(tmp_path, 13, 2000)
    data = data_of(test, path)
    assert not data["is_matrix"]
    wrong = test.confusion.matrix.copy()
    np.fill_diagonal(wrong, 0)
    assert data["confused_pairs"] == np.count_nonzero(wrong)
    counts = [each["count"] for each in data["cells"]]
    assert counts == sorted(wrong.ravel().tolist(), reverse=True)[:30]
    assert all(each["label"] != each["predicted"] for each in data["cells"])
    shown = [len(each["pictures"]) for each in data["cells"]]
    assert sum(shown) == 200
    assert max(shown) - min(shown) <= 1


def test_every_cell_shows_a_picture(tmp_path: Path) -> None:
    """Where there are more cells than room for several of each: one at least."""
    test, path = random_case(tmp_path, 12, 3000)
    data = data_of(test, path)
    shown = [len(each["pictures"]) for each in data["cells"]]
    assert len(shown) == 144
    assert sum(shown) == 200
    assert min(shown) == 1
    assert max(shown) == 2


@pytest.mark.parametrize(("size", "k", "m"), [(8, 3, 30), (64, 13, 400), (160, 3, 30)])
def test_cells_hold_small_pictures(tmp_path: Path, size: int, k: int, m: int) -> None:
    """JPEGs of 64 x 64 at most, which take 400 kB of the page at most, of noise too."""
    test, path = random_case(tmp_path, k, m, size)
    data = data_of(test, path)
    jpegs = [picture["jpeg"] for cell in data["cells"] for picture in cell["pictures"]]
    assert sum(map(len, jpegs)) < CELL_BYTES * 4 / 3 < 401_000
    rows = {name: row for row, name in enumerate(test.names)}
    with catclf.open_dataset(path) as dataset:
        for cell in data["cells"]:
            for picture in cell["pictures"][:1]:
                image = Image.open(io.BytesIO(base64.b64decode(picture["jpeg"])))
                assert image.size == (min(size, 64),) * 2
                planes = dataset.test.pixels[rows[picture["name"]]].reshape(3, size, size)
                wanted = planes.mean(axis=(1, 2))
                assert np.abs(np.asarray(image).mean(axis=(0, 1)) - wanted).max() < 6


def test_the_gallery_is_by_pairs(tmp_path: Path) -> None:
    """The wrong ones by label and predicted class, the most frequent first; right ones of all."""
    test, path = random_case(tmp_path, 4, 120)
    data = data_of(test, path)
    assert {each["name"] for each in data["wrong"]} == {
        test.names[index] for index in test.most_confident(False, 12)
    }
    alike = [each["alike"] for each in data["wrong"]]
    assert alike == sorted(alike, reverse=True)
    pairs = [(each["label"], int(np.argmax(each["probabilities"]))) for each in data["wrong"]]
    assert alike == [test.confusion.matrix[pair] for pair in pairs]
    once = [pair for pair, before in zip(pairs, [None, *pairs], strict=False) if pair != before]
    assert len(once) == len(set(pairs))
    right = Counter(each["label"] for each in data["right"])
    assert right == dict.fromkeys(range(4), 3)


def test_of_two_classes_there_are_no_cells(small_dataset: Path, tmp_path: Path) -> None:
    """A threshold moves them: the page computes them from all probabilities."""
    heard = catclf.Observer()
    catclf.train(small_dataset, tmp_path / "m.npz", catclf.Settings(iterations=5), observer=heard)
    test = catclf.evaluate(small_dataset, tmp_path / "m.npz")
    with catclf.open_dataset(small_dataset) as dataset:
        model = catclf.load_model(tmp_path / "m.npz")
        pictures = choose_pictures(dataset, model, test)
        data = results_data(dataset, model, test, pictures)
    assert not {"cells", "rates", "is_matrix"} & set(data)
    assert pictures.count == min(12, test.confusion.correct) + min(
        12, test.confusion.total - test.confusion.correct
    )
    found = np.frombuffer(base64.b64decode(str(data["probabilities"])), "<f8")
    np.testing.assert_array_equal(found, test.probabilities[:, 1])


def test_the_page_tells_how_many_pictures_it_holds(tmp_path: Path) -> None:
    """Each once, though it stands in a cell and in the gallery."""
    _, path = random_case(tmp_path, 3, 60)
    written = catclf.report(path, path.with_name("m.npz"), tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])["test"]
    shown = {each["name"] for each in data["wrong"] + data["right"]}
    shown |= {each["name"] for cell in data["cells"] for each in cell["pictures"]}
    assert written.pictures == len(shown) < 60


def test_evidence_is_that_of_the_predicted_class_and_the_label(tmp_path: Path) -> None:
    """By place, of a backbone; of other classes the page does without."""
    rng, names = np.random.default_rng(0), []
    backbone = small_backbone()
    preprocessing = catclf.Preprocessing(backbone=backbone)
    for i in range(6):
        names.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).save(names[-1])
    columns = [
        catclf.features.column(catclf.read_picture(name, preprocessing), preprocessing)
        for name in names
    ]
    classes = ("a", "b", "c")
    path = write_small(
        tmp_path / "d.npz",
        6,
        classes=classes,
        backbone=backbone,
        test_columns=np.concatenate(columns),
        test_names=names,
    )
    model = Model(rng.normal(size=(backbone.n_x, 3)), np.zeros((3, 1)), classes, preprocessing)
    save_model(tmp_path / "m.npz", model)
    data = data_of(catclf.evaluate(path, tmp_path / "m.npz"), path)
    for each in data["wrong"] + data["right"]:
        predicted = int(np.argmax(each["probabilities"]))
        assert set(each["evidence"]) == {str(predicted), str(each["label"])}
        for neuron, encoded in each["evidence"].items():
            found = np.frombuffer(base64.b64decode(encoded), "<f8")
            wanted = model.evidence(tmp_path / Path(each["name"]).name, classes[int(neuron)])
            np.testing.assert_array_equal(found, wanted.ravel())
        assert each["logit"] == pytest.approx(
            np.frombuffer(base64.b64decode(each["evidence"][str(predicted)]), "<f8").sum()
        )

"""What the page of a backbone's model holds besides: the network, training pictures, evidence."""

from __future__ import annotations

import base64
import dataclasses
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import catclf
from catclf.efficientnet import stored_weights
from catclf.errors import CatclfError
from catclf.features import column
from catclf.model import Model
from catclf.operations.page_backbone import evidence_of_file, neighbors_data, network_data
from networks import small_backbone


@pytest.fixture(scope="module")
def dataset(small_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare the small pictures by a small network."""
    path = tmp_path_factory.mktemp("backbone") / "d.npz"
    preprocessing = catclf.Preprocessing(backbone=small_backbone())
    catclf.prepare(small_pictures, path, preprocessing=preprocessing, test_split=0.25)
    return path


@pytest.fixture(scope="module")
def model(dataset: Path) -> Model:
    """Train on it."""
    settings, heard = catclf.Settings(iterations=3), catclf.Observer()
    return catclf.train(dataset, dataset.with_name("m.npz"), settings, observer=heard).model


def test_the_network_is_the_one_that_predicts() -> None:
    """Every weight of it, as it is stored; of other features, and of a user's network, none."""
    backbone = catclf.load_backbone("efficientnet-lite0")
    data = network_data(catclf.Preprocessing(backbone=backbone))
    assert data is not None
    levels, scales, biases = stored_weights(backbone.network)
    for name, dtype, arrays in (
        ("levels", "i1", levels),
        ("scales", "<f4", scales),
        ("biases", "<f4", biases),
    ):
        found = np.frombuffer(base64.b64decode(str(data[name])), dtype)
        np.testing.assert_array_equal(found, np.concatenate(arrays, axis=None))
    assert network_data(catclf.Preprocessing()) is None
    for name in ("small.onnx", "efficientnet-lite0"):
        other = dataclasses.replace(small_backbone(), name=name)
        assert network_data(catclf.Preprocessing(backbone=other)) is None


def test_without_onnx_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error."""
    preprocessing = catclf.Preprocessing(backbone=catclf.load_backbone("efficientnet-lite0"))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(CatclfError, match="needs onnx") as error:
        network_data(preprocessing)
    assert "pip install 'catclf[photos]'" in str(error.value)


def test_the_training_pictures_are_those_of_the_neighbors(dataset: Path, model: Model) -> None:
    """By row, in color, under names that begin below the folder of all."""
    assert model.neighbors is not None
    with catclf.open_dataset(dataset) as opened:
        data = neighbors_data(opened, model)
        assert data is not None
        pictures, names = data["pictures"], data["names"]
        assert isinstance(pictures, list)
        assert isinstance(names, list)
        assert len(pictures) == len(names) == len(model.neighbors.names) == 18
        for row, name, picture, path in zip(
            model.neighbors.rows, names, pictures, model.neighbors.names, strict=True
        ):
            image = Image.open(io.BytesIO(base64.b64decode(picture)))
            assert image.size == (64, 64)
            wanted = opened.train.pixels[int(row)].reshape(3, 64, 64).transpose(1, 2, 0)
            assert np.abs(np.asarray(image).astype(int) - wanted).mean() < 8
            assert name == "/".join(Path(path).parts[-2:])


def test_what_the_page_holds_is_told(dataset: Path, model: Model, tmp_path: Path) -> None:
    """How many training pictures it names, and shows; of a model without neighbors none."""
    for each, names, pictures in (
        (model, 18, 18),
        (dataclasses.replace(model, training=None), 18, 0),
        (dataclasses.replace(model, neighbors=None), 0, 0),
    ):
        written = catclf.report(dataset, each, tmp_path / "r.html")
        assert (written.train_names, written.train_pictures) == (names, pictures)


def test_of_another_dataset_there_are_no_pictures(
    dataset: Path, model: Model, small_pictures: Path, tmp_path: Path
) -> None:
    """Nor of a model that does not tell what it was trained on, or whose rows are beyond it."""
    other = tmp_path / "other.npz"
    catclf.prepare(small_pictures, other, preprocessing=model.preprocessing, seed=1, test_split=0.5)
    assert model.neighbors is not None
    beyond = dataclasses.replace(model.neighbors, rows=model.neighbors.rows + 1)
    for path, each in (
        (other, model),
        (dataset, dataclasses.replace(model, training=None)),
        (dataset, dataclasses.replace(model, neighbors=beyond)),
    ):
        with catclf.open_dataset(path) as opened:
            data = neighbors_data(opened, each)
        assert data is not None
        assert data["pictures"] is None
    with catclf.open_dataset(dataset) as opened:
        assert neighbors_data(opened, dataclasses.replace(model, neighbors=None)) is None


def model_of(*, pooled: bool = False) -> Model:
    """Return a model of a small network."""
    preprocessing = catclf.Preprocessing(backbone=small_backbone(pooled=pooled))
    w = np.random.default_rng(0).normal(size=(preprocessing.n_x, 1))
    return Model(w, 0.5, ("noncat", "cat"), preprocessing)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Write a picture of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def column_of(picture: Path, model: Model) -> np.ndarray:
    """Return the column of a picture's file, (1, n_x)."""
    return column(catclf.read_picture(picture, model.preprocessing), model.preprocessing)


def test_the_file_gives_its_evidence(
    picture: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also by a path from the current folder, as `prepare` may have recorded it."""
    model = model_of()
    x = column_of(picture, model)
    monkeypatch.chdir(tmp_path)
    for name in (str(picture), "cat.png"):
        found = evidence_of_file(name, x, model)
        assert found is not None
        np.testing.assert_array_equal(found, model.evidence(picture))
        assert found.sum() + model.b == pytest.approx(model.logits(x)[0], abs=1e-9)


def test_another_picture_gives_none(picture: Path) -> None:
    """Where one feature differs by 1, the file is not what was prepared."""
    model = model_of()
    x = column_of(picture, model)
    x[0, 0] ^= 1
    assert evidence_of_file(str(picture), x, model) is None


@pytest.mark.parametrize(
    "name", ["none.png", "d.h5:test_x[0]", "", ".", "a\0b", "text", "\udcff.png"]
)
def test_what_is_no_picture_gives_none(name: str, picture: Path, tmp_path: Path) -> None:
    """A file that is gone, a picture within a file of arrays, a folder, and text."""
    model = model_of()
    (tmp_path / "text").write_text("no picture")
    assert evidence_of_file(str(tmp_path / name), column_of(picture, model), model) is None


def test_other_machines_are_not_asked(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a dataset's names say: on Windows such a path sends the user's name to a server."""
    model = model_of()
    x = column_of(picture, model)
    monkeypatch.setattr("catclf.operations.page_backbone.read_picture", pytest.fail)
    for name in ("\\\\host\\share\\cat.png", "//host/share/cat.png", "/\\host/cat.png", ""):
        assert evidence_of_file(name, x, model) is None


def test_there_is_none_without_a_map(picture: Path) -> None:
    """A pooled output has no places."""
    model = model_of(pooled=True)
    assert evidence_of_file(str(picture), column_of(picture, model), model) is None


def test_there_is_none_without_onnxruntime(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report needs no network, but for the evidence."""
    model = model_of()
    x = column_of(picture, model)
    catclf.backbone.open_session.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert evidence_of_file(str(picture), x, model) is None

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
from catclf.dataset import NewSplit, write_dataset
from catclf.efficientnet import stored_weights
from catclf.errors import CatclfError
from catclf.features import column
from catclf.model import Model
from catclf.operations.page_backbone import (
    PUT_BACK,
    evidence_of_file,
    missing_evidence,
    neighbors_data,
    network_data,
)
from networks import prepare_small, small_backbone


@pytest.fixture(scope="module")
def dataset(small_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare the small pictures by a small network."""
    return prepare_small(small_pictures, tmp_path_factory.mktemp("backbone") / "d.npz")


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
    return Model(w, np.array([[0.5]]), ("noncat", "cat"), preprocessing)


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
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, [model.evidence(picture)])
        assert found.sum() + model.b == pytest.approx(model.logits(x), abs=1e-9)


def test_another_picture_gives_none(picture: Path) -> None:
    """Where one feature differs by 1, the file is not what was prepared."""
    model = model_of()
    x = column_of(picture, model)
    x[0, 0] ^= 1
    assert why_none(evidence_of_file(str(picture), x, model)) == "the file is not what was prepared"


def why_none(found: object) -> str:
    """Return why there is no evidence."""
    assert isinstance(found, CatclfError)
    assert found.fix is not None
    return found.what


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.png", "no such file"),
        ("d.h5:test_x[0]", "pictures of an array have no files of their own"),
        ("", "a folder"),
        (".", "a folder"),
        ("a\0b", "not a valid file name"),
        ("text", "is a text file, not a picture"),
        ("\udcff.png", "no such file"),
    ],
)
def test_what_is_no_picture_says_why(name: str, why: str, picture: Path, tmp_path: Path) -> None:
    """A file that is gone, a picture within a file of arrays, a folder, and text."""
    model = model_of()
    (tmp_path / "text").write_text("no picture")
    found = evidence_of_file(str(tmp_path / name), column_of(picture, model), model)
    assert why in why_none(found)


def test_other_machines_are_not_asked(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a dataset's names say: on Windows such a path sends the user's name to a server."""
    model = model_of()
    x = column_of(picture, model)
    monkeypatch.setattr("catclf.operations.page_backbone.read_picture", pytest.fail)
    for name in ("\\\\host\\share\\cat.png", "//host/share/cat.png", "/\\host/cat.png"):
        assert "another machine" in why_none(evidence_of_file(name, x, model))


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
    found = evidence_of_file(str(picture), x, model)
    assert "a network needs onnxruntime" in why_none(found)
    assert isinstance(found, CatclfError)
    [said] = missing_evidence([found, found], 5)
    assert said == (
        "the evidence of 2 of the 5 test pictures shown is left out: a network needs onnxruntime, "
        "which cannot be loaded. Install it: pip install 'catclf[photos]'."
    )


def test_why_evidence_is_missing_is_told(dataset: Path, model: Model, tmp_path: Path) -> None:
    """Once for each kind, with its fix; nothing of pictures that have it."""
    assert catclf.report(dataset, model, tmp_path / "r.html").warnings == ()
    with catclf.open_dataset(dataset) as opened:
        count = opened.test.m
        columns, labels, pixels = (
            array[:] for array in (opened.test.columns, opened.test.labels, opened.test.pixels)
        )
        train = NewSplit(
            [opened.train.columns[:]],
            opened.train.labels,
            opened.train.names,
            pixel_blocks=[opened.train.pixels[:]],
        )
    names = [f"course.h5:test_x[{i}]" for i in range(count)]
    test = NewSplit([columns], labels, ["gone.png", *names[1:]], pixel_blocks=[pixels])
    write_dataset(tmp_path / "d.npz", model.classes, model.preprocessing, train, test)
    written = catclf.report(tmp_path / "d.npz", model, tmp_path / "r.html")
    left = f"of the {count} test pictures shown is left out: "
    assert sorted(written.warnings) == [
        f"the evidence of 1 {left}no such file. {PUT_BACK}",
        f"the evidence of {count - 1} {left}pictures of an array have no files of their own. "
        "Prepare from picture files to see it.",
    ]


def test_the_model_says_what_its_network_is_called(
    dataset: Path, model: Model, tmp_path: Path
) -> None:
    """The same network may have another name in the dataset."""
    backbone = model.preprocessing.backbone
    assert backbone is not None
    named = dataclasses.replace(backbone, name="other.onnx")
    preprocessing = dataclasses.replace(model.preprocessing, backbone=named)
    other = dataclasses.replace(model, preprocessing=preprocessing)
    catclf.report(dataset, other, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert '"features_name":"other.onnx"' in page
    assert "small.onnx" not in page


def test_the_largest_page_is_below_7_mb(tmp_path: Path) -> None:
    """With the network, 500 training pictures of noise and the 24 test pictures."""
    preprocessing = catclf.Preprocessing(backbone=catclf.load_backbone("efficientnet-lite0"))
    rng = np.random.default_rng(0)
    train, test = (
        NewSplit(
            [rng.integers(0, 256, (m, 1280), np.uint8)],
            np.arange(m, dtype=np.uint8) % 2,
            [f"/photos/{'a' * 60}/{i:04}.jpg" for i in range(m)],
            pixel_blocks=[rng.integers(0, 256, (m, 64 * 64 * 3), np.uint8)],
        )
        for m in (520, 100)
    )
    write_dataset(tmp_path / "d.npz", ("noncat", "cat"), preprocessing, train, test)
    settings = catclf.Settings(iterations=1)
    catclf.train(tmp_path / "d.npz", tmp_path / "m.npz", settings, observer=catclf.Observer())
    written = catclf.report(tmp_path / "d.npz", tmp_path / "m.npz", tmp_path / "r.html")
    assert (written.train_pictures, written.pictures) == (500, 24)
    evidence = 24 * 49 * 8 * 4 / 3
    assert written.size_bytes + evidence < 7_000_000

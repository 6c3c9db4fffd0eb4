"""Evidence of a test picture is that of its own file, or there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import catclf
from catclf.features import column
from catclf.model import Model
from catclf.operations.page_backbone import evidence_of_file
from networks import small_backbone


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

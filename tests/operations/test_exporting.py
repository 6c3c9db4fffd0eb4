"""An export gives what `predict` gives, names itself, and takes no other file's place."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import catclf
from catclf import CatclfError, Model, ModelError, Preprocessing
from catclf.backbone import open_session
from catclf.features import FeaturesKind
from catclf.files import FileKind, file_kind
from catclf.onnx_export import exported
from catclf.operations import exporting

PHOTOS = Path(__file__).parents[3] / "shared" / "photos"


def small_model(k: int = 1, features: FeaturesKind = "pixels", **preprocessing: object) -> Model:
    """Return a model of random weights of 8 x 8 pixels."""
    rng = np.random.default_rng(0)
    made = Preprocessing(size=8, features=features, **preprocessing)  # type: ignore[arg-type]
    classes = ("noncat", "cat") if k == 1 else tuple(f"class {i}" for i in range(k))
    return Model(rng.normal(0, 0.2, (made.n_x, k)), rng.normal(0, 1, (k, 1)), classes, made)


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
@pytest.mark.parametrize(("k", "features"), [(1, "pixels"), (3, "pixels"), (1, "hog-color")])
def test_any_runtime_gives_what_predict_gives(
    k: int, features: FeaturesKind, fit: str, tmp_path: Path
) -> None:
    """By its own settings: threads, optimizations; a picture of any size."""
    model = small_model(k, features, fit=fit)
    written = catclf.export(model, tmp_path / "m.onnx")
    assert written.difference < 1e-6
    assert (written.path, written.classes) == (str(tmp_path / "m.onnx"), model.classes)
    assert written.size_bytes == (tmp_path / "m.onnx").stat().st_size
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    pictures = [np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)]
    pictures += [np.full((8, 8, 3), value, np.uint8) for value in (0, 255)]
    for picture in pictures:
        probabilities, label = session.run(None, {"image": picture})
        [expected] = model.predict_proba(picture)
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)
        assert label == model.classes[expected.argmax()]


def test_the_file_tells_what_it_is(tmp_path: Path) -> None:
    """Classes, preprocessing, digest, how to use it, who wrote it; ONNX's checker accepts it."""
    catclf.prepare(Path("data/sample"), tmp_path / "d.npz", preprocessing=Preprocessing(size=8))
    settings = catclf.Settings(iterations=10, learning_rate=0.01)
    dataset, quiet = tmp_path / "d.npz", catclf.Observer()
    model = catclf.train(dataset, tmp_path / "m.npz", settings, observer=quiet).model
    catclf.export(tmp_path / "m.npz", tmp_path / "m.onnx")
    file = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(file, full_check=True)
    told = {each.key: each.value for each in file.metadata_props}
    assert json.loads(told["classes"]) == ["noncat", "cat"]
    assert json.loads(told["preprocessing"])["size"] == 8
    assert model.training is not None
    assert told["digest"] == model.training.digest
    assert (file.producer_name, file.producer_version) == ("catclf", catclf.__version__)
    assert "RGB" in file.doc_string
    assert [each.name for each in file.graph.input] == ["image"]
    assert [each.name for each in file.graph.output] == ["probabilities", "label"]
    assert file_kind(tmp_path / "m.onnx") is FileKind.EXPORT


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs the photographs beside the checkout")
def test_photographs_as_other_programs_decode_them(tmp_path: Path) -> None:
    """By Pillow alone, as the README has it, the probabilities are `predict`'s."""
    model = small_model()
    catclf.export(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    for path in sorted(PHOTOS.glob("*/*"))[::20]:
        picture = np.asarray(Image.open(path).convert("RGB"))
        probabilities, _ = session.run(None, {"image": picture})
        np.testing.assert_allclose(probabilities, model.predict_proba(picture)[0], atol=1e-6)


def test_a_weights_only_model_needs_its_order(tmp_path: Path) -> None:
    """The file does not tell how its pictures were unrolled."""
    w = np.random.default_rng(0).normal(0, 0.1, (192, 1))
    np.savez(tmp_path / "w.npz", w=w, b=0.5)
    with pytest.raises(ModelError, match="order"):
        catclf.export(tmp_path / "w.npz", tmp_path / "w.onnx")
    model = catclf.load_model(tmp_path / "w.npz", order="interleaved", classes=["no", "yes"])
    assert catclf.export(model, tmp_path / "w.onnx").classes == ("no", "yes")
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    [found, _] = onnxruntime.InferenceSession(tmp_path / "w.onnx").run(None, {"image": picture})
    z = (picture.reshape(-1) / 255) @ w[:, 0] + 0.5
    assert found[1] == pytest.approx(1 / (1 + np.exp(-z)), abs=1e-6)


def test_a_class_is_named_whatever_its_folder_is_called(tmp_path: Path) -> None:
    """What is no UTF-8 in a name is escaped; all else stays."""
    model = replace(small_model(), classes=("a\udcff", "\N{CAT FACE}"), b=np.full((1, 1), -50.0))
    catclf.export(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    _, label = session.run(None, {"image": np.zeros((8, 8, 3), np.uint8)})
    told = session.get_modelmeta().custom_metadata_map
    assert label == "a\\udcff"
    assert json.loads(told["classes"]) == [label, "\N{CAT FACE}"]


def test_only_an_export_is_replaced(tmp_path: Path) -> None:
    """A user's own network, and the model itself, stay; `force` is the way out."""
    output, model = tmp_path / "m.onnx", small_model()
    network = onnx.helper.make_model(onnx.helper.make_graph([], "own", [], []))
    onnx.save(network, output)
    before = output.read_bytes()
    with pytest.raises(CatclfError, match="exists, and is not an ONNX file that catclf exported"):
        catclf.export(model, output)
    assert output.read_bytes() == before
    catclf.export(model, output, force=True)
    catclf.export(model, output)
    with pytest.raises(CatclfError, match="is an input too"):
        catclf.export(replace(model, path=str(output)), output, force=True)


def test_an_export_that_gives_something_else_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried before it is saved."""
    model = small_model()
    of_another = exported(replace(model, b=model.b + 1))
    monkeypatch.setattr(exporting, "exported", lambda _: of_another)
    with pytest.raises(CatclfError, match="its export gives probabilities that differ by"):
        catclf.export(model, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_the_extra_is_missing(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    open_session.cache_clear()
    with pytest.raises(CatclfError, match=rf"needs {package}, .*\n.*catclf\[photos\]"):
        catclf.export(small_model(), tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()

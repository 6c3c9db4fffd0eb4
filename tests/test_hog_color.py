"""Every verb does on hog-color what it does on pixels."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import catclf
from catclf import DatasetError, ModelError, Preprocessing, Settings
from catclf.columns import unroll
from catclf.features import column
from catclf.pictures.reading import read_picture
from command_line import invoke, results, run
from conftest import positive_probability
from datasets import damage

SIZE = 16
HOG_COLOR = Preprocessing(size=SIZE, features="hog-color")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make two class folders of 16x16 pictures: stripes that stand or lie, in noise."""
    folder = tmp_path_factory.mktemp("stripes")
    rng = np.random.default_rng(0)
    for name in ("standing", "lying"):
        (folder / name).mkdir()
        for number in range(16):
            stripes = np.broadcast_to(np.arange(SIZE) // 2 % 2 * 60, (SIZE, SIZE))
            stripes = stripes if name == "standing" else stripes.T
            noise = rng.integers(0, 190, (SIZE, SIZE, 3)) + stripes[..., np.newaxis]
            Image.fromarray(noise.astype(np.uint8)).save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def dataset(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare them as hog-color."""
    path = tmp_path_factory.mktemp("hog") / "dataset.npz"
    catclf.prepare([pictures], path, preprocessing=HOG_COLOR, test_split=0.25)
    return path


@pytest.fixture(scope="module")
def model(dataset: Path) -> Path:
    """Train on it."""
    path = dataset.with_name("model.npz")
    catclf.train(dataset, path, Settings(0.05, 200))
    return path


def test_a_dataset_holds_the_features_and_the_pixels(dataset: Path) -> None:
    """A row of columns is the features of the pixels beside it, for every picture by its name."""
    with catclf.open_dataset(dataset) as opened:
        assert opened.preprocessing == HOG_COLOR
        assert opened.train.X.shape == (5576, 24)
        for split in (opened.train, opened.test):
            for name, row, pixels in zip(
                split.names, split.columns[:], split.pixels[:], strict=True
            ):
                picture = read_picture(name, HOG_COLOR)
                assert np.array_equal(pixels, unroll(picture[np.newaxis])[0])
                assert np.array_equal(row, column(picture, HOG_COLOR)[0])


def test_workers_change_no_byte(tmp_path: Path) -> None:
    """One picture at a time, or many by several processes."""
    sample = Path(__file__).parents[1] / "data" / "sample" / "test"  # enough for workers
    for workers in (1, 2):
        path = tmp_path / f"{workers}.npz"
        catclf.prepare([sample], path, preprocessing=HOG_COLOR, workers=workers)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def test_the_model_tells_what_pixels_hardly_show(dataset: Path, model: Path) -> None:
    """The direction of stripes in noise; evaluate, predict and predict_proba agree on every bit."""
    assert catclf.evaluate(dataset, model).accuracy == 1.0
    found, loaded = catclf.evaluate(dataset, model, split="train"), catclf.load_model(model)
    assert loaded.w.shape == (5576, 1)
    assert loaded.predict_proba(found.names).tolist() == found.probabilities.tolist()
    predicted = catclf.predict(found.names, loaded)
    assert [*map(positive_probability, predicted)] == found.probabilities[:, 1].tolist()


def test_duplicates_are_found_by_pixels(tmp_path: Path) -> None:
    """Pictures of one plain color and of the next shade have the same features, and are two."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(4 if name == "a" else 8):
            noise = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "pets" / name / f"{name}{number}.png")
    for stem, shade in (("5", 100), ("6", 101), ("7", 100)):
        Image.new("RGB", (SIZE, SIZE), (shade,) * 3).save(tmp_path / "pets" / "a" / f"{stem}.png")
    output = tmp_path / "d.npz"
    prepared = catclf.prepare([tmp_path / "pets"], output, preprocessing=HOG_COLOR, test_split=0)
    [duplicates] = prepared.duplicates
    assert [Path(name).stem for name in duplicates.names] == ["5", "7"]
    with catclf.open_dataset(output) as opened:
        rows = {Path(name).stem: row for name, row in zip(opened.train.names, opened.train.X.T)}  # noqa: B905
    assert np.array_equal(rows["5"], rows["6"])
    # Six different pictures of a: tune keeps the two of one shade in one fold.
    with pytest.raises(DatasetError, match="has 6 different pictures of a class"):
        catclf.tune(output, catclf.Search(folds=7, iterations=5))


def test_tune_and_info_work_alike(dataset: Path, model: Path, tmp_path: Path) -> None:
    """The settings are chosen on features; info names them."""
    search = catclf.Search(folds=4, iterations=100)
    tuned = catclf.tune(dataset, search, output=tmp_path / "t.toml")
    assert tuned.features == "hog-color"
    assert tuned.surely_better
    for file in (dataset, model):
        shown = json.loads(results("info", file, "--format", "json"))
        assert shown["preprocessing"]["features"] == "hog-color"
        assert shown["n_x"] == 5576


def test_one_kind_on_the_other_is_refused(pictures: Path, model: Path, tmp_path: Path) -> None:
    """A model of features does not fit a dataset of pixels, though its pictures are the same."""
    pixels = tmp_path / "pixels.npz"
    catclf.prepare([pictures], pixels, preprocessing=replace(HOG_COLOR, features="pixels"))
    with pytest.raises(DatasetError, match=r"features pixels; the model's .* features hog-color"):
        catclf.evaluate(pixels, model)
    with pytest.raises(ModelError, match=r"with features hog-color; .* with features pixels"):
        catclf.train(pixels, model, resume=True)
    ended = run("evaluate", pixels, "-m", model)
    assert ended.returncode == 1
    assert "and --features hog-color" in ended.stderr


def test_fixed_features_that_fail_name_a_network(pictures: Path, tmp_path: Path) -> None:
    """After a training that is not surely better than the majority class: a network's."""
    flat = tmp_path / "flat"
    for name in ("a", "b"):
        (flat / name).mkdir(parents=True)
        for number, file in enumerate(sorted((pictures / "lying").iterdir())[:12]):
            pixels = np.roll(np.asarray(Image.open(file)), number + 20 * (name == "a"), axis=0)
            Image.fromarray(pixels).save(flat / name / file.name)
    assert invoke("prepare", flat, "--size", "16", "-o", tmp_path / "d.npz").exit_code == 0
    ended = invoke("train", tmp_path / "d.npz", "--iters", "20", "-o", tmp_path / "m.npz")
    assert ended.exit_code == 0
    assert "not surely above the majority class" in ended.stderr
    assert "For photographs, try prepare --features efficientnet-lite0" in ended.stderr
    assert "hog-color" not in ended.stderr
    words = ["--size", "16", "--features", "hog-color", "-o", str(tmp_path / "h.npz")]
    assert invoke("prepare", flat, *words).exit_code == 0
    ended = invoke("train", tmp_path / "h.npz", "--iters", "20", "-o", tmp_path / "m.npz")
    assert "For photographs, try prepare --features efficientnet-lite0" in ended.stderr


def test_too_small_a_size_is_a_usage_error(pictures: Path, tmp_path: Path) -> None:
    """Cells need a pixel each."""
    ended = invoke(
        "prepare", pictures, "--size", "7", "--features", "hog-color", "-o", tmp_path / "d"
    )
    assert ended.exit_code == 2
    assert "8 or more for hog-color" in ended.stderr
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("split", ["train", "test"])
def test_damaged_pixels_are_told(split: str, dataset: Path, tmp_path: Path) -> None:
    """Info reads them too: what it calls whole is."""
    path = shutil.copy(dataset, tmp_path)
    with catclf.open_dataset(path) as opened:
        pixels = getattr(opened, split).pixels[:].tobytes()
    damage(Path(path), pixels)
    with pytest.raises(DatasetError, match=f"{split}_pixels: damaged"):
        catclf.info(path)

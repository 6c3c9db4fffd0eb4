"""A report is written whole, of a model and a dataset that fit, in the place of reports alone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import catclf
from catclf.errors import DatasetError, ModelError
from catclf.operations.advice import verdict_of
from catclf.operations.page_names import names_below
from conftest import training_of
from datasets import write_small


@pytest.fixture(scope="module")
def model(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model on the small dataset."""
    path = tmp_path_factory.mktemp("model") / "model.npz"
    catclf.train(small_dataset, path, catclf.Settings(iterations=20))
    return path


def test_it_tells_what_it_wrote(small_dataset: Path, model: Path, tmp_path: Path) -> None:
    """Where, how large, and how good the model is on the test split; twice, the same bytes."""
    one, other = tmp_path / "one.html", tmp_path / "other.html"
    written = catclf.report(small_dataset, model, one)
    assert (written.path, written.size_bytes) == (str(one), one.stat().st_size)
    assert written.test is not None
    wanted = catclf.evaluate(small_dataset, model).confusion.matrix
    assert written.test.confusion.matrix.tolist() == wanted.tolist()
    catclf.report(str(small_dataset), str(model), other)
    assert one.read_bytes() == other.read_bytes()


def test_a_page_names_no_folder_above_the_pictures(tmp_path: Path) -> None:
    """Of the dataset, the model and what that was trained on, the file; of pictures, from there."""
    names = [f"{tmp_path}/pets/{split}/cat/{i}.png" for split in ("train", "test") for i in "012"]
    data, model = tmp_path / "d.npz", tmp_path / "m.npz"
    write_small(data, 3, 3, names=names[:3], test_names=names[3:])
    catclf.train(data, model, catclf.Settings(iterations=2), observer=catclf.Observer())
    written = catclf.report(data, model, tmp_path / "r.html")
    assert written.pictures == 3
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert tmp_path.name not in text
    assert "pets" not in text
    assert all(f'"name":"test/cat/{i}.png"' in text for i in "012")


def test_what_is_judged_is_what_was_asked_for(small_dataset: Path, tmp_path: Path) -> None:
    """With balanced class weights the balanced accuracy; and a model of other data is told of."""
    other, page = write_small(tmp_path / "other.npz", 30, 10, seed=1), tmp_path / "r.html"
    balanced = catclf.Settings(iterations=3, class_weight="balanced")
    for settings, name in ((balanced, "balanced accuracy"), (catclf.Settings(), "accuracy")):
        output, heard = tmp_path / "m.npz", catclf.Observer()
        model = catclf.train(other, output, settings, observer=heard).model
        for dataset, trained_on in ((other, None), (small_dataset, "other.npz")):
            judged = catclf.report(dataset, model, page).test
            assert judged is not None
            text = page.read_text(encoding="utf-8")
            data = json.loads(text.split('id="data">')[1].split("</script>")[0])
            assert data["test"]["judged"]["name"] == name
            assert data["test"]["verdict"] == verdict_of(judged.judged)
            assert (data["test"]["hint"] or "") in (judged.doubt or "")
            assert (data["test"]["hint"] is not None) == (judged.doubt is not None)
            assert data["other_data"] == trained_on


@pytest.mark.parametrize(
    ("settings", "labels", "is_log_loss"),
    [
        ({}, [0, 0, 1], True),
        ({"l2": 0.1}, [0, 0, 1], False),
        ({"loss": "squared-error"}, [0, 0, 1], False),
        ({"class_weight": "balanced"}, [0, 0, 1], False),
        ({"class_weight": "balanced"}, [0, 1], True),
    ],
)
def test_the_page_knows_where_the_cost_is_the_log_loss(
    settings: dict[str, Any], labels: list[int], is_log_loss: bool, tmp_path: Path
) -> None:
    """Without penalty, by cross-entropy, and with the same weight for each picture."""
    data, page = write_small(tmp_path / "d.npz", labels=labels), tmp_path / "r.html"
    asked, heard = catclf.Settings(iterations=2, **settings), catclf.Observer()
    trained = catclf.train(data, tmp_path / "m.npz", asked, observer=heard)
    catclf.report(data, trained.model, page)
    assert f'"cost_is_log_loss":{str(is_log_loss).lower()}' in page.read_text(encoding="utf-8")
    cost = training_of(tmp_path / "m.npz").cost
    same = math.isclose(cost, trained.train.log_loss, rel_tol=1e-9)
    assert same == is_log_loss


@pytest.mark.parametrize(
    ("names", "others", "below"),
    [
        (["/a/b/c/1.png", "/a/b/d/2.png"], [], ["c/1.png", "d/2.png"]),
        (["/a/b/test/c/1.png"], ["/a/b/train/c/1.png"], ["test/c/1.png"]),
        (["../x/cat/1.jpg"], ["../x/dog/1.jpg"], ["cat/1.jpg"]),
        (["/a/x.h5:test_x[0]"], ["/a/y.h5:train_x[0]"], ["x.h5:test_x[0]"]),
        (["C:\\ann\\pets\\cat\\1.jpg"], ["C:\\ann\\pets\\dog\\1.jpg"], ["cat/1.jpg"]),
        (["/home/ann/pets/cat/1.jpg"], ["/mnt/dogs/2.jpg"], ["cat/1.jpg"]),
        (["C:\\ann\\cat\\1.jpg"], ["C:\\bob\\2.jpg"], ["cat/1.jpg"]),
        (["../a/b/cat/1.jpg"], ["../c/d/2.jpg"], ["cat/1.jpg"]),
        (["x_train[3]"], ["x_test[3]"], ["x_train[3]"]),
    ],
)
def test_names_begin_below_the_folder_of_all(
    names: list[str], others: list[str], below: list[str]
) -> None:
    """Of sources in different places, each with its own folder."""
    assert names_below(names, others) == below


def test_a_model_in_memory_has_a_report(small_dataset: Path, model: Path, tmp_path: Path) -> None:
    """From Python, the model need not be a file."""
    catclf.report(small_dataset, catclf.load_model(model), tmp_path / "r.html")
    assert "in memory" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_what_does_not_fit_is_refused(small_dataset: Path, model: Path, tmp_path: Path) -> None:
    """Another size, missing files: one clear error, and no page."""
    other = write_small(tmp_path / "other.npz", size=9)
    page = tmp_path / "r.html"
    with pytest.raises(DatasetError, match="was prepared with size 9"):
        catclf.report(other, model, page)
    with pytest.raises(ModelError):
        catclf.report(small_dataset, tmp_path / "none.npz", page)
    with pytest.raises(DatasetError):
        catclf.report(tmp_path / "none.npz", model, page)
    assert not page.exists()


def test_large_pictures_are_shown_in_part(tmp_path: Path) -> None:
    """However large a picture is, those shown take about half a megabyte, one of each kind."""
    sizes = {}
    for size in (8, 400):
        dataset, model = tmp_path / f"{size}.npz", tmp_path / f"{size}-m.npz"
        write_small(dataset, 12, 12, size=size)
        settings = catclf.Settings(iterations=2, learning_rate=1e-5)
        catclf.train(dataset, model, settings, observer=catclf.Observer())
        sizes[size] = catclf.report(dataset, model, tmp_path / "r.html").size_bytes
    assert sizes[400] < 3 * 400 * 400 * (8 + 1 + 2) * 4 / 3 + sizes[8] + 10_000

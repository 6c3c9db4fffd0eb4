"""A report is written whole, of a model and a dataset that fit, in the place of reports alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import catclf
from catclf.errors import CatclfError, DatasetError, ModelError
from catclf.files import FileKind, file_kind
from catclf.operations.reporting import REPORT_FILE
from command_line import results, run


@pytest.fixture(scope="module")
def model(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model on the small dataset."""
    path = tmp_path_factory.mktemp("model") / "model.npz"
    catclf.train(small_dataset, path, catclf.Settings(iterations=20))
    return path


def test_the_command_writes_what_the_function_writes(
    small_dataset: Path, model: Path, tmp_path: Path
) -> None:
    """And says what it is, how large, and what to do with it."""
    one, other = tmp_path / "one.html", tmp_path / "other.html"
    shown = results("report", small_dataset, "-m", model, "-o", one)
    written = catclf.report(str(small_dataset), str(model), other)
    assert one.read_bytes() == other.read_bytes()
    assert written.path == str(other)
    assert written.size_bytes == other.stat().st_size
    assert written.test is not None
    assert written.test.confusion == catclf.evaluate(small_dataset, model).confusion
    assert shown.splitlines()[0].startswith("test accuracy: ")
    assert shown.splitlines()[1].startswith("  majority class 50.00 %, ")
    assert shown.splitlines()[2:] == [f"{one}: saved, 0.1 MB; open it in a browser"]


def test_its_defaults_take_up_what_train_wrote(small_pictures: Path, tmp_path: Path) -> None:
    """`catclf prepare && catclf train && catclf report`."""
    assert run("prepare", small_pictures, "--size", "8", cwd=tmp_path).returncode == 0
    assert run("train", "--iters", "5", cwd=tmp_path).returncode == 0
    ended = run("report", cwd=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "report.html: saved, 0.1 MB; open it in a browser"
    doubt = "Warning: the test accuracy is not surely above the majority class\n"
    assert ended.stderr in ("", doubt)
    assert file_kind(tmp_path / "report.html") is FileKind.REPORT


def test_a_report_is_replaced_by_a_report_alone(
    small_dataset: Path, model: Path, tmp_path: Path
) -> None:
    """A web page of the user's, even one that speaks of reports, stays."""
    page = tmp_path / "page.html"
    catclf.report(small_dataset, model, page)
    catclf.report(small_dataset, model, page)
    assert REPORT_FILE.recognizes(str(page))
    page.write_text("<!doctype html>\n<title>My catclf-report</title>\n")
    with pytest.raises(CatclfError, match=r"exists, and is not a report of catclf"):
        catclf.report(small_dataset, model, page)
    assert page.read_text().endswith("</title>\n")
    catclf.report(small_dataset, model, page, force=True)
    assert REPORT_FILE.recognizes(str(page))


@pytest.mark.parametrize("which", ["dataset", "model"])
def test_an_input_is_not_the_output(
    small_dataset: Path, model: Path, tmp_path: Path, which: str
) -> None:
    """Even with force."""
    copies = {"dataset": tmp_path / "d.h5", "model": tmp_path / "m.npz"}
    for copy, original in zip(copies.values(), (small_dataset, model), strict=True):
        copy.write_bytes(original.read_bytes())
    with pytest.raises(CatclfError, match="is an input too"):
        catclf.report(copies["dataset"], copies["model"], copies[which], force=True)


def test_a_model_in_memory_has_a_report(small_dataset: Path, model: Path, tmp_path: Path) -> None:
    """From Python, the model need not be a file."""
    catclf.report(small_dataset, catclf.load_model(model), tmp_path / "r.html")
    assert "in memory" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_what_does_not_fit_is_refused(
    small_dataset: Path, small_pictures: Path, model: Path, tmp_path: Path
) -> None:
    """Another size, missing files, a picture: one clear error, and no page."""
    other = tmp_path / "other.h5"
    catclf.prepare(small_pictures, other, preprocessing=catclf.Preprocessing(size=9))
    page = tmp_path / "r.html"
    with pytest.raises(DatasetError, match="was prepared with size 9"):
        catclf.report(other, model, page)
    with pytest.raises(ModelError):
        catclf.report(small_dataset, tmp_path / "none.npz", page)
    with pytest.raises(DatasetError):
        catclf.report(tmp_path / "none.h5", model, page)
    assert not page.exists()
    ended = run("report", small_dataset, "-m", small_pictures / "cat" / "00.png", "-o", page)
    assert ended.returncode == 1
    assert "is a picture" in ended.stderr


def test_large_pictures_are_shown_in_part(tmp_path: Path) -> None:
    """However large a picture is, those shown take about half a megabyte, one of each kind."""
    from operations.conftest import draw

    for i in range(12):
        for name in ("cat", "noncat"):
            draw(tmp_path / "pets" / name / f"{i}.png", i + 100 * (name == "cat"))
    sizes = {}
    for size in (8, 400):
        dataset, model = tmp_path / f"{size}.h5", tmp_path / f"{size}.npz"
        preprocessing = catclf.Preprocessing(size=size)
        catclf.prepare(tmp_path / "pets", dataset, preprocessing=preprocessing, test_split=0.5)
        catclf.train(dataset, model, catclf.Settings(iterations=2, learning_rate=1e-5))
        sizes[size] = catclf.report(dataset, model, tmp_path / "r.html").size_bytes
    assert sizes[400] < 3 * 400 * 400 * (8 + 1 + 2) * 4 / 3 + sizes[8] + 10_000


def test_the_most_confident_predictions_come_first(small_dataset: Path, model: Path) -> None:
    """Wrong ones with the highest loss, right ones with the lowest; each picture is one of both."""
    trained = catclf.load_model(model)
    noise = np.random.default_rng(5).normal(size=trained.w.shape)
    evaluation = catclf.evaluate(small_dataset, dataclasses.replace(trained, w=noise))
    wrong, right = (evaluation.most_confident(kind, 100) for kind in (False, True))
    assert sorted(wrong + right) == list(range(6))
    assert wrong
    assert evaluation.right[right].all()
    assert not evaluation.right[wrong].any()
    assert list(evaluation.losses[right]) == sorted(evaluation.losses[right])
    assert list(evaluation.losses[wrong]) == sorted(evaluation.losses[wrong], reverse=True)
    assert evaluation.most_confident(True, 1) == right[:1]


def test_cost_curves_end_with_the_final_costs(model: Path) -> None:
    """They are the recorded ones and what the training ended with."""
    loaded = catclf.load_model(model)
    assert loaded.training is not None
    train, test = loaded.cost_curves()
    assert train == {**loaded.costs, 20: loaded.training.cost}
    assert test == {**loaded.test_costs, 20: loaded.training.test_cost}
    told = dataclasses.replace(loaded, training=None, costs={}, test_costs={})
    assert told.cost_curves() == ({}, {})

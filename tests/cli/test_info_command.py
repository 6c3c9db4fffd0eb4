"""catclf info: text of 80 columns or JSON, of what the library returns."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import catclf
from catclf.cli import info as module
from catclf.model import save_model
from command_line import results
from conftest import Recorder, training_of
from corpus.models import good_model


def test_a_dataset_in_text(dataset: Path) -> None:
    """All that it holds, with a prefix of the digest, and that its columns are whole."""
    with catclf.open_dataset(dataset) as opened:
        digest = opened.digest
    assert results("info", dataset).splitlines() == [
        f"{dataset}: a dataset that catclf prepared",
        "format version    3",
        f"created by        catclf {catclf.__version__}",
        "",
        "label  class      train      test",
        "    0  noncat         9         3",
        "    1  cat            9         3",
        "",
        "size              8",
        "fit               squash",
        "filter            bilinear",
        "background        white",
        "order             planes",
        "features          pixels",
        "n_x               192",
        "also in train     0 of the test pictures",
        f"digest            {digest[:12]} (of the train split)",
        "columns           all 24 were read, and are whole",
    ]


def test_a_dataset_in_json(dataset: Path) -> None:
    """The same, with the whole digest."""
    with catclf.open_dataset(dataset) as opened:
        digest = opened.digest
    assert json.loads(results("info", dataset, "--format", "json")) == {
        "path": str(dataset),
        "kind": "dataset",
        "format_version": 3,
        "created_by": f"catclf {catclf.__version__}",
        "classes": ["noncat", "cat"],
        "counts": {"train": {"noncat": 9, "cat": 9}, "test": {"noncat": 3, "cat": 3}},
        "also_in_train": 0,
        "preprocessing": catclf.Preprocessing(size=8).to_record(),
        "n_x": 192,
        "digest": digest,
    }


def test_a_model_in_text(model: Path, dataset: Path) -> None:
    """Everything of its training: data, method, every setting, iterations and results."""
    record = training_of(model)
    lines = results("info", model).splitlines()
    assert lines[0] == f"{model}: a model that catclf trained"
    rows = {line[:18].strip(): line[18:] for line in lines[1:] if line}
    for name, value in {
        "created by": record.created_by,
        "label 0": "noncat",
        "label 1": "cat",
        "size": "8",
        "n_x": "192",
        "dataset": str(dataset),
        "digest": f"{record.digest[:12]} (of the train split)",
        "pictures": "18 train, 6 test",
        "method": record.method,
        "learning rate": "0.005",
        "l2": "0",
        "loss": "cross-entropy",
        "class weight": "none",
        "iterations": "20 of 20",
        "recorded costs": "1, one every 100 iterations",
        "final cost": f"{record.cost:.6f}",
        "final test cost": f"{record.test_cost:.6f}",
    }.items():
        assert rows[name] == value
    assert {"norm of w", "b", "lowest test cost", "train accuracy", "test accuracy"} <= set(rows)


def test_a_model_in_json(model: Path) -> None:
    """Its record, every setting, and what its arrays tell."""
    found = json.loads(results("info", model, "--format", "json"))
    record, loaded = training_of(model), catclf.load_model(model)
    told = {**found, "dataset": found["trained_on"]}
    assert {name: told[name] for name in record.to_record()} == record.to_record()
    assert {each.name for each in dataclasses.fields(catclf.Settings)} <= set(found["settings"])
    assert (found["kind"], found["weights_only"], found["interrupted"]) == ("model", False, False)
    assert found["classes"] == ["noncat", "cat"]
    assert (found["n_x"], found["size"], found["recorded_costs"]) == (192, 8, 1)
    assert found["lowest_test_cost"]["iteration"] in (0, 20)
    assert (found["b"], found["w_norm"]) == (loaded.b, loaded.w_norm)


def test_what_is_not_known_of_a_training_is_not_made_up(
    noise_dataset: Path, tmp_path: Path
) -> None:
    """Of a checkpoint without a test split: how far it is, and dashes; null in JSON."""
    path, settings = tmp_path / "m.npz", catclf.Settings(iterations=40)
    catclf.train(noise_dataset, path, settings, observer=Recorder(stop_after=7))
    shown = results("info", path)
    assert "\niterations        7 of 40: interrupted\n" in shown
    assert "\nfinal test cost   -\n" in shown
    assert shown.endswith("\ntest accuracy     -\n")
    assert "lowest test cost" not in shown
    save_model(path, dataclasses.replace(good_model(), training=None))
    assert results("info", path).endswith("\nIt does not tell how it was trained.\n")
    found = json.loads(results("info", path, "--format", "json"))
    assert (found["settings"], found["lowest_test_cost"], found["interrupted"]) == (None,) * 3


def test_a_weights_only_model_says_how_to_use_it(weights_only: Path) -> None:
    """The sizes, the options that it needs, and who finds out the order."""
    shown = results("info", weights_only)
    assert shown.startswith(f"{weights_only}: a weights-only model, w and b alone\n")
    for word in ("n_x               192", "--order interleaved", "--order planes", "--classes"):
        assert word in shown
    assert "'catclf evaluate' tries both" in shown
    found = json.loads(results("info", weights_only, "--format", "json"))
    assert (found["weights_only"], found["classes"], found["n_x"]) == (True, None, 192)


def test_text_fits_80_columns_and_a_terminal(
    dataset: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the file holds: long names are shortened, control characters escaped."""
    long = "\x1b[31m" + "x" * 900
    of_data: Any = catclf.info(dataset)
    of_model: Any = catclf.info(model)
    training = dataclasses.replace(
        of_model.training,
        dataset="d.npz",
        created_by=long,
        method=long,
        digest=long,
        train_examples=10**9,
        iterations=10**9,
        cost=1e300 / 3,
        settings=catclf.Settings(learning_rate=1e-300 / 3, iterations=10**9, every=10**9),
    )
    for found in (
        dataclasses.replace(of_data, created_by=long, classes=(long, long + "y")),
        dataclasses.replace(of_model, training=training, classes=(long,) * 2),
    ):
        monkeypatch.setattr(module, "info", lambda path, observer, found=found: found)
        for line in results("info", "m").splitlines():
            assert len(line) <= 80
            assert line.isprintable()

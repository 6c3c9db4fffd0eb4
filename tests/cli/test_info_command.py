"""catclf info: JSON of what the library returns; transcript.md has what it prints."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import catclf
from catclf.cli import info as module
from catclf.model_file import save_model
from command_line import invoke, results
from conftest import Recorder, training_of
from corpus.models import good_model
from networks import small_backbone


def in_json(path: Path) -> Any:
    """Return what is printed as JSON."""
    return json.loads(results("info", path, "--format", "json"))


def test_a_dataset_in_json(dataset: Path) -> None:
    """All that it holds, with the whole digest."""
    with catclf.open_dataset(dataset) as opened:
        digest = opened.digest
    assert in_json(dataset) == {
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


def test_a_model_in_json(model: Path) -> None:
    """Its record, every setting, and what its arrays tell."""
    found = in_json(model)
    record, loaded = training_of(model), catclf.load_model(model)
    told, expected = {**found, "dataset": found["trained_on"]}, record.to_record()
    assert {name: told[name] for name in expected} == expected | {"settings": found["settings"]}
    assert found["settings"]["learning_rate"] == record.settings.rate
    assert (found["settings"]["method"], found["settings"]["kernel"]) == ("gram", None)
    assert {each.name for each in dataclasses.fields(catclf.Settings)} <= set(found["settings"])
    assert (found["kind"], found["weights_only"], found["interrupted"]) == ("model", False, False)
    assert found["classes"] == ["noncat", "cat"]
    assert (found["n_x"], found["size"], found["recorded_costs"]) == (192, 8, 1)
    assert found["lowest_test_log_loss"]["iteration"] in (0, 20)
    assert (found["b"], found["w_norm"]) == (loaded.b.item(), loaded.w_norm)


def test_what_is_not_known_is_not_made_up(
    noise_dataset: Path, weights_only: Path, tmp_path: Path
) -> None:
    """Of a checkpoint, of a model that tells no training, and of weights: null in JSON."""
    path, settings = tmp_path / "m.npz", catclf.Settings(iterations=40)
    catclf.train(noise_dataset, path, settings, observer=Recorder(stop_after=7))
    assert "\niterations        7 of 40: interrupted\n" in results("info", path)
    assert in_json(path)["interrupted"] is True
    save_model(path, dataclasses.replace(good_model(), training=None))
    assert results("info", path).endswith("\nIt does not tell how it was trained.\n")
    for file, keys in (
        (path, ("settings", "lowest_test_log_loss", "interrupted")),
        (weights_only, ("format_version", "classes", "preprocessing", "settings")),
    ):
        found = in_json(file)
        assert [found[key] for key in keys] == [None] * len(keys)
        assert found["weights_only"] == (file == weights_only)


def several(name: str, k: int) -> catclf.Model:
    """Return a model of k classes, called by a name and a number, whose b is the number."""
    classes = tuple(f"{name}{i}" for i in range(k))
    b = np.arange(k, dtype=np.float64).reshape(k, 1)
    return catclf.Model(np.ones((192, k)), b, classes, catclf.Preprocessing(size=8))


def test_a_model_of_several_classes(tmp_path: Path) -> None:
    """A line for each of up to 20; b is a list in JSON, and its range in text."""
    path = tmp_path / "m.npz"
    save_model(path, several("ant", 20))
    lines = results("info", path).splitlines()
    assert {"label 0           ant0", "label 19          ant19"} <= set(lines)
    assert {"neurons           20, one a class (softmax)", "b                 0 to 19"} <= set(
        lines
    )
    found = in_json(path)
    assert (found["n_x"], found["b"]) == (192, list(range(20)))
    assert found["classes"] == [f"ant{i}" for i in range(20)]
    save_model(path, several("ant", 21))
    assert "\nlabel 19          ant19\nand 1 more; --format json names all\n" in results(
        "info", path
    )


def test_weights_of_several_classes(tmp_path: Path) -> None:
    """How many there are to name; and what is wrong with a file is told with its own fix."""
    path = tmp_path / "w.npz"
    np.savez(path, w=np.zeros((192, 3)), b=np.zeros(3))
    naming = "\n  --classes NAMES      to name its 3 classes, in the order of its columns\n"
    assert naming in results("info", path)
    np.savez(path, w=np.zeros((3, 192)), b=np.zeros(3))
    assert str(invoke("info", path).exception).endswith("got (3, 192)\nSave w.T.")


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
    backbone = dataclasses.replace(small_backbone(), name=long, source=long, output=long)
    network = catclf.Preprocessing(backbone=backbone)
    for found in (
        dataclasses.replace(of_data, created_by=long, classes=(long, long + "y")),
        dataclasses.replace(of_data, preprocessing=network),
        dataclasses.replace(of_model, training=training, classes=(long,) * 2),
        several(long, 1000),
        dataclasses.replace(several(long, 1000), weights_only=True),
    ):
        monkeypatch.setattr(module, "info", lambda path, observer, found=found: found)
        for line in results("info", "m").splitlines():
            assert len(line) <= 80
            assert line.isprintable()

"""catclf info: text of 80 columns or JSON, and exit 1 for what cannot be described."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from corpus.hdf5 import write_cases

import catclf
from catclf.cli.info import dataset_as_text, model_as_text
from catclf.dataset import open_dataset
from catclf.errors import CatclfError
from catclf.model import save_model
from command_line import invoke, results, run
from conftest import Recorder, training_of
from corpus.models import bad_models, good_model
from corpus.prepared import PREPARED


def test_a_dataset_in_text(dataset: Path) -> None:
    """All that it holds, with a prefix of the digest, and that its columns are whole."""
    with open_dataset(dataset) as opened:
        digest = opened.digest
    assert results("info", dataset).splitlines() == [
        f"{dataset}: a dataset that catclf prepared",
        "format version    2",
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
    with open_dataset(dataset) as opened:
        digest = opened.digest
    assert json.loads(results("info", dataset, "--format", "json")) == {
        "path": str(dataset),
        "kind": "dataset",
        "format_version": 2,
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


def test_every_setting_is_shown(model: Path) -> None:
    """A setting that is added to Settings is shown too."""
    shown = results("info", model)
    in_json = json.loads(results("info", model, "--format", "json"))["settings"]
    for field in dataclasses.fields(catclf.Settings):
        assert field.name in in_json
        assert f"\n{field.name.replace('_', ' ')} " in shown or field.name == "every"


def test_a_model_in_json(model: Path) -> None:
    """Its record, and what its arrays tell."""
    found = json.loads(results("info", model, "--format", "json"))
    record = training_of(model)
    told = {**found, "dataset": found["trained_on"]}
    assert {name: told[name] for name in record.to_record()} == record.to_record()
    assert (found["kind"], found["weights_only"], found["interrupted"]) == ("model", False, False)
    assert found["classes"] == ["noncat", "cat"]
    assert (found["n_x"], found["size"], found["recorded_costs"]) == (192, 8, 1)
    assert found["lowest_test_cost"]["iteration"] in (0, 20)
    loaded = catclf.load_model(model)
    assert found["b"] == loaded.b
    assert found["w_norm"] == pytest.approx(np.linalg.norm(loaded.w))


def test_an_interrupted_model_says_so(dataset: Path, tmp_path: Path) -> None:
    """And how far it is."""
    path = tmp_path / "m.npz"
    settings = catclf.Settings(iterations=40)
    catclf.train(dataset, path, settings, observer=Recorder(stop_after=7))
    assert "\niterations        7 of 40: interrupted\n" in results("info", path)


def test_a_model_without_a_test_split_shows_dashes(noise_dataset: Path, tmp_path: Path) -> None:
    """What was not measured is not shown as a number."""
    catclf.train(noise_dataset, tmp_path / "m.npz", catclf.Settings(iterations=3))
    shown = results("info", tmp_path / "m.npz")
    assert "\nfinal test cost   -\n" in shown
    assert shown.endswith("\ntest accuracy     -\n")
    assert "lowest test cost" not in shown


def test_a_model_that_tells_no_training_says_so(tmp_path: Path) -> None:
    """In text; null in JSON."""
    save_model(tmp_path / "m.npz", good_model())
    assert results("info", tmp_path / "m.npz").endswith("\nIt does not tell how it was trained.\n")
    found = json.loads(results("info", tmp_path / "m.npz", "--format", "json"))
    assert found["settings"] is None
    assert found["lowest_test_cost"] is None


def test_a_weights_only_model_says_how_to_use_it(weights_only: Path) -> None:
    """The sizes, the options that it needs, and who finds out the order."""
    shown = results("info", weights_only)
    assert shown.startswith(f"{weights_only}: a weights-only model, w and b alone\n")
    for word in ("n_x               192", "--order interleaved", "--order planes", "--classes"):
        assert word in shown
    assert "'catclf evaluate' tries both" in shown
    found = json.loads(results("info", weights_only, "--format", "json"))
    assert (found["weights_only"], found["classes"], found["n_x"]) == (True, None, 192)


def test_text_fits_80_columns_and_a_terminal(dataset: Path, model: Path) -> None:
    """Whatever the file holds: long names are shortened, control characters escaped."""
    long = "\x1b[31m" + "x" * 900
    of_data, of_model = catclf.info(dataset), catclf.info(model)
    assert isinstance(of_data, catclf.DatasetInfo)
    assert isinstance(of_model, catclf.ModelInfo)
    assert of_model.training is not None
    training = dataclasses.replace(
        of_model.training,
        dataset="d.h5",
        created_by=long,
        method=long,
        digest=long,
        train_examples=10**9,
        iterations=10**9,
        cost=1e300 / 3,
        settings=catclf.Settings(learning_rate=1e-300 / 3, iterations=10**9, every=10**9),
    )
    data = dataclasses.replace(of_data, path="d.h5", created_by=long, classes=(long, long + "y"))
    for text in (
        dataset_as_text(data),
        model_as_text(
            dataclasses.replace(of_model, path="m", training=training, classes=(long,) * 2)
        ),
        results("info", "--help"),
    ):
        assert all(len(line) <= 80 and line.isprintable() for line in text.splitlines())


def test_the_file_must_be_named() -> None:
    """There is no default: a usage error."""
    assert invoke("info").exit_code == 2
    assert invoke("info", "a", "b").exit_code == 2
    assert invoke("info", "a", "--format", "csv").exit_code == 2


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_cannot_be_described_is_exit_1(
    dataset: Path, model: Path, tmp_path: Path, form: str
) -> None:
    """Truncated copies, a text, and nothing at all: two lines on stderr, and no results."""
    for name, data in (
        ("half.h5", dataset.read_bytes()[:3000]),
        ("half.npz", model.read_bytes()[:3000]),
        ("tuned.toml", b"# Chosen by catclf tune\n[train]\n"),
        ("missing", None),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        ended = run("info", name, "--format", form, cwd=tmp_path)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith(f"Error: {name}")
        assert len(ended.stderr.splitlines()) == 2


def test_every_bad_file_of_the_corpus_is_an_error(tmp_path: Path) -> None:
    """Datasets and models alike end in an error with a fix, and print no result."""
    for name in ("datasets", "models"):
        (tmp_path / name).mkdir()
    bad = [case.path for case in write_cases(tmp_path / "datasets", PREPARED)]
    bad += [case.path for case in bad_models(tmp_path / "models") if "\0" not in str(case.path)]
    for path in bad:
        result = invoke("info", path)
        assert isinstance(result.exception, CatclfError), path
        assert result.stdout == ""
        assert result.exception.fix

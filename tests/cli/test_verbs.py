"""All verbs: their defaults chain, stdout holds results alone, and their help explains them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

from catclf.cli import VERBS, app
from catclf.errors import CatclfError
from command_line import invoke, results


def test_the_verbs_work_without_options(
    small_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each verb's defaults take up what the one before wrote."""
    shutil.copytree(small_pictures, tmp_path / "data" / "sample")
    monkeypatch.chdir(tmp_path)
    for words, begins in (
        ("prepare", "data/dataset.npz: 24 pictures of 64x64 pixels, n_x = 12288\n"),
        ("train --iters 150", "dataset: data/dataset.npz\nsettings: lr 0.005, iters 150, l2 0\n"),
        ("evaluate", "test split of data/dataset.npz: "),
        ("predict data/sample/cat/00.png", "data/sample/cat/00.png: "),
        ("report", "test accuracy: "),
        ("info model.npz", "model.npz: a model that catclf trained\n"),
    ):
        assert results(*words.split()).startswith(begins)
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert {name for name in files if not name.endswith(".png")} == {
        "data/dataset.npz",
        "model.npz",
        "report.html",
    }


def test_a_file_beside_the_result_is_named(
    small_pictures: Path, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr, when it is written; -q leaves it out."""
    monkeypatch.chdir(tmp_path)
    invoke("train", small_dataset, "--iters", "5")
    for words, path in (
        (f"prepare {small_pictures} --size 8 --skipped left-out.csv", "left-out.csv"),
        (f"evaluate {small_dataset} --split train --predictions p.csv", "p.csv"),
        (f"tune {small_dataset} --iters 5 --folds 2 --save-predictions oof.csv", "oof.csv"),
    ):
        assert f"{path}: saved\n" in invoke(*words.split()).stderr
        assert "saved" not in invoke(*words.split(), "-q").stderr
        assert os.path.exists(path)


@pytest.mark.parametrize("verb", ["prepare", "train", "evaluate", "predict cat.png", "report"])
def test_what_is_missing_is_one_message(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder, without a sample, each verb says what to name or do first."""
    monkeypatch.chdir(tmp_path)
    result = invoke(*verb.split())
    assert isinstance(result.exception, CatclfError)
    assert result.stdout == ""
    assert os.listdir(tmp_path) == []
    fix = str(result.exception.fix)
    if verb == "prepare":
        assert result.exception.what == "no such folder, and no SOURCE is named"
        for kind in ("folder of class folders", "table", "HDF5"):
            assert kind in fix
    else:
        assert re.match("Run 'catclf (prepare|train)' first, or check the path", fix)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_explained(verb: str) -> None:
    """Its help has a one-sentence summary, an example to copy, and a word on every option."""
    context = click.Context(app, info_name="catclf")
    command = app.get_command(context, verb)
    assert command is not None
    summary = (command.help or "").split("\n\n")[0]
    assert summary.endswith(".")
    assert summary.count(".") == 1
    assert len(summary) < 80
    shown = results(verb, "--help")
    assert shown.startswith(f"Usage: app {verb} ") or shown.startswith(f"Usage: catclf {verb} ")
    assert f"  catclf {verb}" in shown
    assert "-q, --quiet" in shown
    assert max(map(len, shown.splitlines())) <= 80
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help, param.name
            assert param.opts[-1] in shown


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_in_help_can_be_parsed(verb: str) -> None:
    """Every line of an example is a command that this version takes."""
    context = click.Context(app)
    command = app.get_command(context, verb)
    assert command is not None
    lines = [line.strip() for line in (command.epilog or "").splitlines() if "catclf " in line]
    assert lines
    for line in lines:
        example = re.split(r"  | > ", line)[0].split("catclf ")[-1]  # without what it is for
        words = shlex.split(example)
        if words[0] == "--config":
            words = words[2:]
        shown = app.get_command(context, words[0])
        assert shown is not None, line
        shown.make_context(words[0], words[1:]).close()

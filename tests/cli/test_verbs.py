"""All verbs: their defaults chain, stdout holds results alone, and their help explains them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

import readme
from catclf.cli import VERBS, app
from catclf.errors import CatclfError
from catclf.operations import benchmarking
from command_line import invoke, results

COLUMNS = 80
STEPS = """
prepare sample --size 16
train --iters 50 --lr 0.01
train --iters 50 --lr 1 --loss squared-error -o other.npz
evaluate
evaluate -m model.npz -m other.npz
predict sample/test/cat
tune --iters 200
tune --iters 200 --lr 0.0001234,12345 --l2 0.0001234,123.4
benchmark --iters 10000000
report
info data/dataset.npz
info model.npz
"""


def too_long(text: str) -> list[str]:
    """Return the lines that do not fit."""
    return [line for line in text.splitlines() if len(line) > COLUMNS]


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


def test_stdout_holds_results_alone(
    small_pictures: Path, weights_only: Path, tmp_path: Path
) -> None:
    """Notes and warnings are on stderr, and --quiet leaves the warnings alone."""
    folder = tmp_path / "pets"
    shutil.copytree(small_pictures, folder)
    (folder / "cat" / "notes.txt").touch()
    (folder / "cat" / "bad.png").touch()
    shutil.copy(folder / "cat" / "00.png", folder / "noncat" / "duplicate.png")
    for words in (
        ["prepare", folder, "-o", tmp_path / "d.npz", "--size", "8"],
        ["predict", folder, "-m", weights_only, "--order", "planes"],
    ):
        loud, quiet = invoke(*words), invoke(*words, "-q")
        assert (loud.exit_code, quiet.exit_code) == (1, 1)  # for bad.png
        notes = re.compile(r"^(Skipped|Left out|Under both|Model)", re.MULTILINE)
        assert (bool(notes.search(loud.stderr)), notes.search(quiet.stderr)) == (True, None)
        assert loud.stdout == quiet.stdout


@pytest.mark.parametrize("verb", ["prepare", "train", "evaluate", "predict cat.png", "report"])
def test_what_is_missing_is_one_message(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder each verb says what to do first, and leaves it empty."""
    monkeypatch.chdir(tmp_path)
    result = invoke(*verb.split())
    assert isinstance(result.exception, CatclfError)
    assert result.exception.fix
    assert result.stdout == ""
    assert os.listdir(tmp_path) == []


def test_prepare_elsewhere_says_what_to_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a SOURCE, where there is no sample."""
    monkeypatch.chdir(tmp_path)
    what, fix = str(invoke("prepare").exception).splitlines()
    assert what == "data/sample: no such folder, and no SOURCE is named"
    for kind in ("folder of class folders", "CSV", "HDF5"):
        assert kind in fix


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
    assert too_long(shown) == []
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


@pytest.mark.slow
def test_results_and_notes_fit_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a whole run on the sample, on stdout and on stderr, where names are of usual length."""
    (tmp_path / "sample").symlink_to(readme.ROOT / "data" / "sample")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmarking, "ROUND_SECONDS", 0.001)
    for step in STEPS.strip().splitlines():
        ended = invoke(*step.split())
        assert ended.exit_code == 0, ended.output
        assert too_long(ended.stdout + ended.stderr) == [], step

"""All verbs: their defaults chain, stdout holds results alone, and their help explains them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

import catclf
from catclf.cli import VERBS, app
from command_line import invoke, results, run


def test_the_four_verbs_work_without_options(small_pictures: Path, tmp_path: Path) -> None:
    """Each verb's defaults take up what the one before wrote."""
    shutil.copytree(small_pictures, tmp_path / "data" / "sample")
    assert run("prepare", cwd=tmp_path).returncode == 0
    trained = run("train", "--iters", "150", cwd=tmp_path)
    assert trained.returncode == 0
    lines = trained.stdout.splitlines()
    assert lines[4] == "Cost after iteration 0: 0.693147 (test 0.693147)"
    assert [line.split(":")[0] for line in lines if ":" in line] == [
        "dataset",
        "settings",
        "loss",
        "method",
        "Cost after iteration 0",
        "Cost after iteration 100",
        "Final cost",
        "train accuracy",
        "test accuracy",
        "model.npz",
    ]
    evaluated = run("evaluate", cwd=tmp_path)
    assert evaluated.returncode == 0
    assert evaluated.stdout.startswith("test split of data/dataset.npz: ")
    predicted = run("predict", "data/sample/cat/00.png", cwd=tmp_path)
    assert predicted.returncode == 0
    assert predicted.stdout.startswith("data/sample/cat/00.png: ")
    assert "P(cat) = 0." in predicted.stdout
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.suffix != ".png"}
    assert files - {"data", "data/sample", "data/sample/cat", "data/sample/noncat"} == {
        "data/dataset.npz",
        "model.npz",
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
    made, trained = tmp_path / "d.h5", tmp_path / "m.npz"
    (tmp_path / "good").mkdir()
    shutil.copy(folder / "cat" / "00.png", tmp_path / "good")
    shutil.copy(folder / "cat" / "notes.txt", tmp_path / "good")
    for arguments in (
        ("prepare", folder, "-o", made, "--size", "8"),
        ("train", made, "-o", trained, "--iters", "2"),
        ("predict", tmp_path / "good", "-m", weights_only, "--order", "planes"),
    ):
        loud, quiet = invoke(*arguments), invoke(*arguments, "-q")
        code = 1 if arguments[0] == "prepare" else 0  # for bad.png
        assert (loud.exit_code, quiet.exit_code) == (code, code), loud.output
        assert loud.stderr != "" or "train" in arguments
        assert quiet.stderr == "" or quiet.stderr.startswith("Warning: ")
        shown = loud.stdout.splitlines()
        if "train" in arguments:  # whose --quiet drops the costs
            shown = [line for line in shown if not line.startswith("Cost")]
        assert shown == quiet.stdout.splitlines()


@pytest.mark.parametrize("verb", ["prepare", "train", "evaluate", "predict"])
def test_what_is_missing_is_one_message(verb: str, tmp_path: Path) -> None:
    """In an empty folder each verb says what to do first: exit 1, two lines, no traceback."""
    arguments = [verb, "cat.png"] if verb == "predict" else [verb]
    ended = run(*arguments, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: ")
    assert len(ended.stderr.splitlines()) == 2
    assert os.listdir(tmp_path) == []


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


def test_the_group_lists_every_verb() -> None:
    """`catclf --help` names each verb with its summary, and shows the first commands."""
    shown = results("--help")
    for verb in VERBS:
        assert f"\n  {verb} " in shown
    assert "..." not in shown.split("Commands:")[1]  # every summary fits
    assert "catclf prepare && catclf train && catclf evaluate" in shown


def test_version() -> None:
    """`catclf --version` and `python -m catclf --version` tell the one version there is."""
    assert results("--version") == f"catclf, version {catclf.__version__}\n"
    assert run("--version").stdout == f"catclf, version {catclf.__version__}\n"

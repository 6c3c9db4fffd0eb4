"""The program: options from the config file and the environment, and errors as one message."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import catclf
from catclf.cli import VERBS, app
from catclf.errors import CatclfError
from catclf.training import Settings
from command_line import invoke, results, run
from conftest import training_of
from corpus.places import make_pipe
from datasets import write_small

CONFIGS = Path(__file__).parents[2] / "configs"


def learning_rate(tmp_path: Path, dataset: Path, *flags: str, env: dict[str, str]) -> float:
    """Return the learning rate that a training took."""
    config = tmp_path / "config.toml"
    before = ["--config", str(config)] if config.exists() else []
    output = tmp_path / "m.npz"
    results(*before, "train", dataset, "-o", output, "--iters", "1", *flags, env=env)
    return training_of(output).settings.rate


def test_precedence(dataset: Path, tmp_path: Path) -> None:
    """A flag goes before the environment, that before the config file, that before the default."""
    flag, env = ["--lr", "0.03"], {"CATCLF_TRAIN_LR": "0.02"}
    assert learning_rate(tmp_path, dataset, env={}) == Settings().rate
    assert learning_rate(tmp_path, dataset, env=env) == 0.02
    (tmp_path / "config.toml").write_text("[train]\nlr = 0.01\n[predict]\nthreshold = 0.9\n")
    assert learning_rate(tmp_path, dataset, env={}) == 0.01
    assert learning_rate(tmp_path, dataset, env=env) == 0.02
    assert learning_rate(tmp_path, dataset, *flag, env={}) == 0.03
    assert learning_rate(tmp_path, dataset, *flag, env=env) == 0.03


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("split", "train", ": 18 pictures"),
        ("format", "json", '"split": "test"'),
        ("threshold", "0.25", "> 0.25"),
    ],
)
def test_keys_and_variables_are_the_flags_names(
    dataset: Path, model: Path, tmp_path: Path, key: str, value: str, said: str
) -> None:
    """What is --split on the command line is split in the file, and CATCLF_EVALUATE_SPLIT."""
    words = ["evaluate", dataset, "-m", model]
    assert said in results(*words, env={f"CATCLF_EVALUATE_{key.upper()}": value})
    config = tmp_path / "config.toml"
    stored = value if key == "threshold" else json.dumps(value)
    config.write_text(f"[evaluate]\n{key} = {stored}\n")
    assert said in results("--config", config, *words)


def test_arguments_may_stand_in_the_config(pictures: Path, model: Path, tmp_path: Path) -> None:
    """IMAGE, DATASET and SOURCE are keys too."""
    config = tmp_path / "config.toml"
    images = [str(pictures / "0.png"), str(pictures / "1.png")]
    config.write_text(f"[predict]\nimage = {json.dumps(images)}\nmodel = {json.dumps(str(model))}")
    shown = results("--config", config, "predict").splitlines()
    assert [line.split(": ")[0] for line in shown] == images


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "export"])  # which has none
def test_arguments_may_stand_in_the_environment(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all verbs, after the command line and before the file; several have os.pathsep between."""
    command = app.get_command(click.Context(app), verb)
    assert command is not None
    [argument] = [param for param in command.params if isinstance(param, click.Argument)]
    variable = f"CATCLF_{verb.upper()}_{argument.name.upper()}"

    def value(*words: str, env: str) -> object:
        monkeypatch.setenv(variable, env)
        parent = click.Context(app, info_name="catclf", auto_envvar_prefix="CATCLF")
        parent.default_map = {
            verb: {argument.name: ["in file"] if argument.nargs < 0 else "in file"}
        }
        context = command.make_context(verb, [*words], parent=parent)
        return context.params[argument.name]

    def taken(*names: str) -> object:
        return names if argument.nargs < 0 else os.pathsep.join(names)

    assert value(env="") == taken("in file")
    assert value(env="in env") == taken("in env")
    assert value("in words", env="in env") == taken("in words")
    assert value(env=f"a{os.pathsep}b") == taken("a", "b")


@pytest.mark.parametrize("given", [{}, {"CATCLF_TRAIN_DATASET": "other.npz"}])
def test_resuming_takes_the_dataset_that_is_given(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    """The model's own, unless a variable names another."""
    monkeypatch.chdir(tmp_path)
    results("train", dataset, "-o", "m.npz", "--iters", "1")
    result = invoke("train", "-o", "m.npz", "--iters", "2", "--resume", env=given)
    assert (result.exception is None) == (not given)
    assert not given or "other.npz: no such file" in str(result.exception)


WRONG_FILES = {
    "[trian]\nlr = 1": "Did you mean train?",
    "[train]\nitres = 1": "Did you mean iters?",
    "[train]\nlearning_rate_of_descent = 1": "Valid names are ",
    "[train]\nhelp = true": "unknown key 'help'",
    "train = 1": "is not a table",
    "[train": "is not TOML",
    "[train]\nlr = '\udcff'": "is not TOML",
    f"[train]\nlr = {'[' * 100_000}": "is not TOML",
    f"[train]\niters = {'9' * 5000}": "is not TOML",
    '[train]\n"\\u001b[31m" = 1': "\\x1b[31m",
    '["\\u001b[31m"]\nlr = 1': "\\x1b[31m",
}
WRONG_VALUES = """
lr = nan
lr = -1
lr = []
lr = true
iters = {a = 1}
iters = 10.7
iters = true
quiet = 1
output = 1
output = "a\\u0000b"
method = "fast"
"""
WRONG_VALUES += f"lr = 1{'0' * 400}\niters = 1{'0' * 400}"
WRONG_FILES |= {
    f"[train]\n{line}": f"[train] {line.split()[0]}: " for line in WRONG_VALUES.split("\n") if line
}


@pytest.mark.parametrize("content", WRONG_FILES, ids=lambda content: ascii(content[:40]))
def test_a_wrong_config_is_one_message(dataset: Path, tmp_path: Path, content: str) -> None:
    """The file, the key and the nearest known one are named; nothing is trained."""
    config = tmp_path / "config.toml"
    config.write_text(content, encoding="utf-8", errors="surrogateescape")
    result = invoke("--config", config, "train", dataset, "-o", tmp_path / "m.npz")
    assert isinstance(result.exception, CatclfError), result.output
    assert str(result.exception).startswith(f"{config}: ")
    assert WRONG_FILES[content] in str(result.exception)
    assert "\x1b" not in str(result.exception)
    assert os.listdir(tmp_path) == ["config.toml"]


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_a_config_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody writes into it."""
    make_pipe(tmp_path / "pipe.toml")
    result = invoke("--config", tmp_path / "pipe.toml", "train")
    assert "pipe.toml: not a regular file" in str(result.exception)


@pytest.mark.parametrize("preset", sorted(CONFIGS.glob("*.toml")), ids=lambda p: p.stem)
@pytest.mark.parametrize("verb", ["prepare", "train", "evaluate", "predict", "tune", "report"])
def test_the_presets_are_valid(preset: Path, verb: str) -> None:
    """Every key of configs/ is known and has a good value."""
    assert "Usage: " in results("--config", preset, verb, "--help")


def test_a_misspelt_variable_is_warned_of(dataset: Path, model: Path) -> None:
    """With the nearest that is known; the other verbs' variables are none of this one's."""
    env = {"CATCLF_EVALUATE_SPLITS": "1", "CATCLF_EVALAUTE_SPLIT": "2", "CATCLF_PREDICT_X": "3"}
    env["CATCLF_EVALUATE_DATSET"] = "d.npz"
    known = {"CATCLF_EVALUATE_FORMAT": "json", "CATCLF_CONFIG": "", "CATCLF_EVALUATE_DATASET": "d"}
    result = invoke("evaluate", dataset, "-m", model, env=env | known)
    assert result.exit_code == 0
    assert sorted(line for line in result.stderr.splitlines() if "CATCLF" in line) == [
        f"Warning: {name} is no option or argument of evaluate; did you mean "
        f"CATCLF_EVALUATE_{near}?"
        for name, near in (
            ("CATCLF_EVALAUTE_SPLIT", "SPLIT"),
            ("CATCLF_EVALUATE_DATSET", "DATASET"),
            ("CATCLF_EVALUATE_SPLITS", "SPLIT"),
        )
    ]


# ------------------------------------------------------------------------------ the boundary


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of memory")
def test_too_little_memory_is_one_message(tmp_path: Path) -> None:
    """A traceback helps nobody to more memory; a sound file is not called damaged."""
    data = write_small(tmp_path / "d.npz", 3000, size=64)
    limited = (
        "import resource, runpy\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))\n"
        "runpy.run_module('catclf', run_name='__main__')\n"
    )
    words = ["train", str(data), "--method", "vectorized", "-o", str(tmp_path / "m.npz")]
    ended = subprocess.run([sys.executable, "-c", limited, *words], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "memory" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "damaged" not in ended.stderr


def test_an_error_names_the_flag(dataset: Path, tmp_path: Path) -> None:
    """What to do about it can be typed as it stands; the library knows no flags."""
    words = ["--lr", "1e6", "--iters", "5", "--l2", "1"]
    ended = run("train", dataset, "-o", tmp_path / "model.npz", *words)
    assert ended.returncode == 1
    assert re.search(r"^Error: the cost rose from ", ended.stderr, re.MULTILINE)
    assert re.search(r"^Use --lr \S+ or less: the cost", ended.stderr, re.MULTILINE)


def test_a_usage_error_is_told_on_stderr() -> None:
    """The process ends with 2, the reason, no traceback, and nothing that the terminal obeys."""
    ended = run("train", "--lr", "\x1b[31mred")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Usage: catclf train")
    assert "Traceback" not in ended.stderr
    assert "\x1b" not in ended.stderr


@pytest.mark.parametrize("words", ["", "prdict", "--bogus"])
def test_without_a_verb_there_is_nothing_to_do(words: str) -> None:
    """The usage, or the help, on stderr: exit 2."""
    result = invoke(*words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")


def test_the_group_lists_every_verb() -> None:
    """`catclf --help` names each verb with its summary, and shows the first commands."""
    shown = results("--help")
    for verb in VERBS:
        assert f"\n  {verb} " in shown
    assert "..." not in shown.split("Commands:")[1]  # every summary fits
    assert "catclf prepare && catclf train && catclf evaluate" in shown
    assert results("--version") == f"catclf, version {catclf.__version__}\n"


def test_force_is_for_the_command_line_alone(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable and no config file lets files be replaced from now on, and each says so."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.npz").write_bytes(b"notes")
    words = ["train", str(dataset), "-o", "m.npz"]
    told = invoke(*words, env={"CATCLF_TRAIN_FORCE": "1"})
    assert "--force is for the command line alone" in told.stderr
    (tmp_path / "c.toml").write_text("[train]\nforce = true\n")
    told = invoke("--config", "c.toml", *words)
    assert isinstance(told.exception, CatclfError)
    assert told.exception.fix == "--force is for the command line alone."
    assert (tmp_path / "m.npz").read_bytes() == b"notes"

"""Options from the config file and the environment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from catclf.errors import CatclfError
from catclf.training import Settings
from command_line import invoke, results, run
from conftest import training_of

CONFIGS = Path(__file__).parents[2] / "configs"


def learning_rate(tmp_path: Path, dataset: Path, *flags: str, env: dict[str, str]) -> float:
    """Return the learning rate that a training took."""
    config = tmp_path / "config.toml"
    before = ["--config", str(config)] if config.exists() else []
    output = tmp_path / "m.npz"
    results(*before, "train", dataset, "-o", output, "--iters", "1", *flags, env=env)
    return training_of(output).settings.learning_rate


def test_precedence(dataset: Path, tmp_path: Path) -> None:
    """A flag goes before the environment, that before the config file, that before the default."""
    flag, env = ["--lr", "0.03"], {"CATCLF_TRAIN_LR": "0.02"}
    assert learning_rate(tmp_path, dataset, env={}) == Settings().learning_rate
    assert learning_rate(tmp_path, dataset, env=env) == 0.02
    (tmp_path / "config.toml").write_text("[train]\nlr = 0.01\n[predict]\nthreshold = 0.9\n")
    assert learning_rate(tmp_path, dataset, env={}) == 0.01
    assert learning_rate(tmp_path, dataset, env=env) == 0.02
    assert learning_rate(tmp_path, dataset, *flag, env={}) == 0.03
    assert learning_rate(tmp_path, dataset, *flag, env=env) == 0.03


@pytest.mark.parametrize(
    ("verb", "table", "said"),
    [
        ("evaluate", '[evaluate]\nsplit = "train"\n', ": 18 pictures"),
        ("evaluate", '[evaluate]\nformat = "json"\n', '"split": "test"'),
        ("evaluate", "[evaluate]\nthreshold = 0.25\n", "> 0.25"),
    ],
)
def test_config_keys_are_the_flags_names(
    dataset: Path, model: Path, tmp_path: Path, verb: str, table: str, said: str
) -> None:
    """What is --split on the command line is split in the file."""
    config = tmp_path / "config.toml"
    config.write_text(table)
    assert said in results("--config", config, verb, dataset, "-m", model)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CATCLF_EVALUATE_SPLIT", "train", ": 18 pictures"),
        ("CATCLF_EVALUATE_FORMAT", "json", '"split": "test"'),
        ("CATCLF_EVALUATE_THRESHOLD", "0.25", "> 0.25"),
    ],
)
def test_variables_are_the_flags_names(
    dataset: Path, model: Path, variable: str, value: str, said: str
) -> None:
    """What is --split on the command line is CATCLF_EVALUATE_SPLIT in the environment."""
    assert said in results("evaluate", dataset, "-m", model, env={variable: value})


def test_arguments_may_stand_in_the_config(pictures: Path, model: Path, tmp_path: Path) -> None:
    """IMAGE, DATASET and SOURCE are keys too."""
    config = tmp_path / "config.toml"
    images = [str(pictures / "0.png"), str(pictures / "1.png")]
    config.write_text(f"[predict]\nimage = {json.dumps(images)}\nmodel = {json.dumps(str(model))}")
    shown = results("--config", config, "predict").splitlines()
    assert [line.split(": ")[0] for line in shown] == images


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[trian]\nlr = 1\n", "Did you mean train?"),
        ("[train]\nitres = 1\n", "Did you mean iters?"),
        ("[train]\nlearning_rate_of_descent = 1\n", "Known are "),
        ("[train]\nhelp = true\n", "unknown key 'help'"),
        ("train = 1\n", "is not a table"),
        ("[train\n", "is not TOML"),
        ("[train]\nlr = nan\n", "[train] lr"),
        ("[train]\nlr = -1\n", "[train] lr"),
        ("[train]\nlr = []\n", "[train] lr"),
        ("[train]\niters = {a = 1}\n", "[train] iters"),
        ("[train]\niters = 10.7\n", "[train] iters"),
        ("[train]\niters = true\n", "[train] iters"),
        ("[train]\nlr = true\n", "[train] lr"),
        ("[train]\nquiet = 1\n", "[train] quiet"),
        ("[train]\noutput = 1\n", "[train] output"),
        ('[train]\noutput = "a\\u0000b"\n', "[train] output"),
        ('[train]\nmethod = "fast"\n', "[train] method"),
        ('[train]\n"\\u001b[31m" = 1\n', "\\x1b[31m"),
        ('["\\u001b[31m"]\nlr = 1\n', "\\x1b[31m"),
        (b"[train]\nlr = '\xff'\n", "is not TOML"),
    ],
)
def test_a_wrong_config_is_one_message(
    dataset: Path, tmp_path: Path, content: str | bytes, said: str
) -> None:
    """The file, the key and the nearest known one are named; nothing is trained."""
    config = tmp_path / "config.toml"
    config.write_bytes(content.encode() if isinstance(content, str) else content)
    result = invoke("--config", config, "train", dataset, "-o", tmp_path / "m.npz")
    assert isinstance(result.exception, CatclfError), result.output
    assert str(result.exception).startswith(f"{config}: ")
    assert said in str(result.exception)
    assert "\x1b" not in str(result.exception)
    assert os.listdir(tmp_path) == ["config.toml"]


def test_a_config_that_cannot_be_read_is_one_message(tmp_path: Path) -> None:
    """A missing file or a folder is named; a pipe that nobody writes into is not waited for."""
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.toml")
        piped = run("--config", tmp_path / "pipe.toml", "train")
        assert piped.returncode == 1
        assert "pipe.toml: not a regular file" in piped.stderr
    missing = run("--config", tmp_path / "none.toml", "train")
    assert missing.returncode == 1
    assert "none.toml: no such file" in missing.stderr
    assert run("--config", tmp_path, "train").returncode == 2


@pytest.mark.parametrize("preset", sorted(CONFIGS.glob("*.toml")), ids=lambda p: p.stem)
@pytest.mark.parametrize("verb", ["prepare", "train", "evaluate", "predict"])
def test_the_presets_are_valid(preset: Path, verb: str) -> None:
    """Every key of configs/ is known and has a good value."""
    assert "Usage: " in results("--config", preset, verb, "--help")


@pytest.mark.parametrize(
    "line",
    [
        "lr = " + "[" * 100_000,
        "iters = " + "9" * 5000,
        "lr = 1" + "0" * 400,
        "iters = 1" + "0" * 400,
    ],
    ids=["deep", "digits", "large rate", "large length"],
)
def test_a_config_of_nonsense_is_one_message(line: str, dataset: Path, tmp_path: Path) -> None:
    """However deep or long a value is."""
    config = tmp_path / "c.toml"
    config.write_text(f"[train]\n{line}\n")
    ended = run("--config", config, "train", dataset, "-o", tmp_path / "m.npz")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr


def test_a_misspelt_variable_is_warned_of(dataset: Path, tmp_path: Path) -> None:
    """With the nearest that is known; the other verbs' variables are none of this one's."""
    env = {"CATCLF_TRAIN_LRR": "1", "CATCLF_TRIAN_LR": "2", "CATCLF_PREDICT_X": "3"}
    ended = run("train", dataset, "-o", tmp_path / "m.npz", "--iters", "2", env=env)
    assert ended.returncode == 0
    warnings = [line for line in ended.stderr.splitlines() if line.startswith("Warning: CATCLF")]
    assert sorted(warnings) == [
        "Warning: CATCLF_TRAIN_LRR sets no option of train; did you mean CATCLF_TRAIN_LR?",
        "Warning: CATCLF_TRIAN_LR sets no option of train; did you mean CATCLF_TRAIN_LR?",
    ]
    known = run("predict", "--help", env={"CATCLF_PREDICT_FORMAT": "csv", "CATCLF_CONFIG": ""})
    assert "Warning" not in known.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["prepare", "-o", "c.toml"],
        ["train", "-o", "c.toml", "--force"],
        ["tune", "-o", "./c.toml"],
        ["tune", "--save-predictions", "c.toml"],
        ["evaluate", "--predictions", "c.toml"],
    ],
    ids=" ".join,
)
def test_the_config_is_no_output(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even with --force: it is read by the same command."""
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text("[train]\nlr = 0.1\n")
    ended = run("--config", "c.toml", *words)
    assert ended.returncode == 1
    assert "c.toml: is the config file\nWrite to another file.\n" in ended.stderr
    assert Path("c.toml").read_text() == "[train]\nlr = 0.1\n"

"""catclf.cli: what is typed, what is printed, and the exit code."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

import catclf
from catclf.cli import VERBS, app
from catclf.dataset import NewSplit, write_dataset
from catclf.descent import Settings
from catclf.errors import CatclfError
from catclf.model import load_model, save_model
from catclf.pictures.preprocessing import Preprocessing

ROOT = Path(__file__).parents[1]
CLI = [sys.executable, "-m", "catclf"]
Run = subprocess.CompletedProcess[Any]  # of text, unless encoding=None


def run(*arguments: str | Path, cwd: Path | None = None, env: Any = (), **settings: Any) -> Run:
    """Run the command line as its users do."""
    return subprocess.run(
        [*CLI, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **dict(env)},
        **{
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "stdin": subprocess.DEVNULL,
            "encoding": "utf-8",
            "timeout": 60,
            **settings,
        },
    )


def invoke(*arguments: str | Path, **settings: Any) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **settings)


def results(*arguments: str | Path, **settings: Any) -> str:
    """Return the stdout of a command that goes well."""
    result = invoke(*arguments, **settings)
    assert (result.exit_code, result.exception) == (0, None), result.output
    return result.stdout


@pytest.fixture(scope="module")
def dataset(small_dataset: Path) -> Path:
    """Name the small dataset."""
    return small_dataset


@pytest.fixture(scope="module")
def model(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model on it, and spoil its weights, so that some answers are wrong."""
    path = tmp_path_factory.mktemp("model") / "model.npz"
    trained = catclf.train(small_dataset, path, Settings(iterations=20)).model
    noise = np.random.default_rng(5).normal(size=trained.w.shape) / 10
    save_model(path, dataclasses.replace(trained, w=trained.w + noise))
    return path


@pytest.fixture(scope="module")
def bare(model: Path) -> Path:
    """Save w and b alone, as a notebook would."""
    path = model.with_name("bare.npz")
    with np.load(model) as arrays:
        np.savez(path, w=arrays["w"], b=arrays["b"])
    return path


@pytest.fixture
def pictures(small_pictures: Path, tmp_path: Path) -> Path:
    """Copy three pictures beside one that is damaged and a text."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in (0, 1, 3):
        shutil.copy(small_pictures / "cat" / f"{number:02}.png", folder / f"{number}.png")
    (folder / "2.png").write_bytes((folder / "1.png").read_bytes()[:70])
    (folder / "notes.txt").write_text("notes")
    return folder


# ------------------------------------------------------------------------ the road


def test_the_four_verbs_work_without_options(small_pictures: Path, tmp_path: Path) -> None:
    """Each verb's defaults take up what the one before wrote."""
    shutil.copytree(small_pictures, tmp_path / "data" / "sample")
    assert run("prepare", cwd=tmp_path).returncode == 0
    trained = run("train", "--iters", "150", cwd=tmp_path)
    assert trained.returncode == 0
    lines = trained.stdout.splitlines()
    assert lines[0] == "Cost after iteration 0: 0.693147"
    assert lines[1].startswith("Cost after iteration 100: 0.")
    assert [line.split(":")[0] for line in lines[2:]] == [
        "train accuracy",
        "test accuracy",
        "model.npz",
    ]
    evaluated = run("evaluate", cwd=tmp_path)
    assert evaluated.returncode == 0
    assert evaluated.stdout.startswith("test split: ")
    predicted = run("predict", "data/sample/cat/00.png", cwd=tmp_path)
    assert predicted.returncode == 0
    assert predicted.stdout.startswith("data/sample/cat/00.png: ")
    assert "P(cat) = 0." in predicted.stdout
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.suffix != ".png"}
    assert files - {"data", "data/sample", "data/sample/cat", "data/sample/noncat"} == {
        "data/dataset.h5",
        "model.npz",
    }


def test_stdout_holds_results_alone(small_pictures: Path, bare: Path, tmp_path: Path) -> None:
    """Notes and warnings are on stderr, and --quiet leaves nothing there."""
    folder = tmp_path / "pets"
    shutil.copytree(small_pictures, folder)
    (folder / "cat" / "notes.txt").touch()
    (folder / "cat" / "bad.png").touch()
    shutil.copy(folder / "cat" / "00.png", folder / "noncat" / "twin.png")
    made, trained = tmp_path / "d.h5", tmp_path / "m.npz"
    (tmp_path / "good").mkdir()
    shutil.copy(folder / "cat" / "00.png", tmp_path / "good")
    shutil.copy(folder / "cat" / "notes.txt", tmp_path / "good")
    for arguments in (
        ("prepare", folder, "-o", made, "--size", "8"),
        ("train", made, "-o", trained, "--iters", "2"),
        ("evaluate", made, "-m", bare),
        ("predict", tmp_path / "good", "-m", bare),
    ):
        loud, quiet = invoke(*arguments), invoke(*arguments, "-q")
        assert (loud.exit_code, quiet.exit_code) == (0, 0), loud.output
        assert loud.stderr != ""
        assert quiet.stderr == ""
        assert loud.stdout == quiet.stdout


def test_progress_is_drawn_on_a_terminal_only(dataset: Path, tmp_path: Path) -> None:
    """With stderr in a file there is no bar and no carriage return."""
    ended = run("train", dataset, "-o", tmp_path / "m.npz", "--iters", "200")
    assert "\r" not in ended.stderr
    assert "%|" not in ended.stderr


@pytest.mark.parametrize("verb", ["prepare", "train", "evaluate", "predict"])
def test_what_is_missing_is_one_message(verb: str, tmp_path: Path) -> None:
    """In an empty folder each verb says what to do first: exit 1, two lines, no traceback."""
    arguments = [verb, "cat.png"] if verb == "predict" else [verb]
    ended = run(*arguments, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: ")
    assert len(ended.stderr.splitlines()) == 2
    assert os.listdir(tmp_path) == []


# ------------------------------------------------------------------------ configuration


def learning_rate(tmp_path: Path, dataset: Path, *flags: str, env: dict[str, str]) -> float:
    """Return the learning rate that a training took."""
    config = tmp_path / "config.toml"
    before = ["--config", str(config)] if config.exists() else []
    output = tmp_path / "m.npz"
    results(*before, "train", dataset, "-o", output, "--iters", "1", *flags, env=env)
    settings = load_model(output).record["settings"]
    return float(settings["learning_rate"])


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
        ("evaluate", '[evaluate]\nsplit = "train"\n', "train split: 18"),
        ("evaluate", '[evaluate]\nformat = "json"\n', '"split": "test"'),
        ("evaluate", "[evaluate]\nthreshold = 0.25\nquiet = true\n", "> 0.25"),
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
        ("CATCLF_EVALUATE_SPLIT", "train", "train split: 18"),
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
    os.mkfifo(tmp_path / "pipe.toml")
    piped = run("--config", tmp_path / "pipe.toml", "train")
    assert piped.returncode == 1
    assert "pipe.toml: not a regular file" in piped.stderr
    missing = run("--config", tmp_path / "none.toml", "train")
    assert missing.returncode == 1
    assert "none.toml: no such file" in missing.stderr
    assert run("--config", tmp_path, "train").returncode == 2


@pytest.mark.parametrize("preset", sorted((ROOT / "configs").glob("*.toml")), ids=lambda p: p.stem)
@pytest.mark.parametrize("verb", ["prepare", "train", "evaluate", "predict"])
def test_the_presets_are_valid(preset: Path, verb: str) -> None:
    """Every key of configs/ is known and has a good value."""
    assert "Usage: " in results("--config", preset, verb, "--help")


# ------------------------------------------------------------------------ usage errors


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "prdict",
        "--bogus",
        "predict",
        "train --bogus",
        "train a.h5 b.h5",
        "train --lr nan",
        "train --lr inf",
        "train --lr -inf",
        "train --lr 0",
        "train --lr -1",
        "train --lr 1e999",
        "train --lr x",
        "train --lr",
        "train --iters 0",
        "train --iters -1",
        "train --iters 1.5",
        "train --iters nan",
        "train --every 0",
        "train --l2 -1",
        "train --l2 nan",
        "train --l2 inf",
        "train --loss hinge",
        "train --method fast",
        "prepare --size 0",
        "prepare --size 1025",
        "prepare --size 99999999999999999999",
        "prepare --size 8.5",
        "prepare --fit stretch",
        "prepare --test-split 1",
        "prepare --test-split -0.1",
        "prepare --test-split nan",
        "prepare --seed -1",
        "prepare --workers 0",
        "prepare --workers 1000000",
        "predict --threshold 1.1 x.png",
        "predict --threshold nan x.png",
        "predict --threshold -0.1 x.png",
        "predict --format xml x.png",
        "predict --order rows x.png",
        "evaluate --split valid",
        "evaluate --format csv",
        "evaluate --threshold inf",
    ],
)
def test_a_usage_error_is_exit_2(arguments: str) -> None:
    """What is not possible is refused before any work, with the usage, on stderr."""
    result = invoke(*arguments.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(("Usage: ", "Error: "))


def test_a_usage_error_of_the_real_command() -> None:
    """The process ends with 2, the reason on stderr and no traceback."""
    ended = run("train", "--lr", "nan")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Usage: catclf train")
    assert "nan is not a finite number" in ended.stderr
    assert "Traceback" not in ended.stderr


# ------------------------------------------------------------------------ predict


def test_text_is_a_line_a_picture(pictures: Path, model: Path) -> None:
    """A class and its probability for each, in order; what cannot be read is told on stderr."""
    result = invoke("predict", pictures, "-m", model)
    assert result.exit_code == 1
    shown = result.stdout.splitlines()
    assert [line.split(": ")[0] for line in shown] == [
        str(pictures / f"{i}.png") for i in (0, 1, 3)
    ]
    loaded = load_model(model)
    for line, answer in zip(
        shown, (a for a in catclf.predict([pictures], loaded) if not a.error), strict=True
    ):
        assert line == f"{answer.name}: {answer.predicted}, P(cat) = {answer.probability:.4f}"
    assert f"Error: {pictures / '2.png'}: " in result.stderr
    assert "Skipped, no pictures: 1" in result.stderr


def records(form: str, stdout: str) -> list[dict[str, Any]]:
    """Parse csv or jsonl results, numbers as numbers and nothing as None."""
    if form == "jsonl":
        return [json.loads(line) for line in stdout.splitlines()]
    rows = list(csv.DictReader(io.StringIO(stdout), strict=True))
    return [
        {
            key: None if value == "" else float(value) if key == "probability" else value
            for key, value in row.items()
        }
        for row in rows
    ]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_picture_that_cannot_be_read_is_a_record_too(
    pictures: Path, model: Path, form: str
) -> None:
    """In csv and jsonl it stands in its place, without a probability and with its error: exit 1."""
    result = invoke("predict", pictures, "-m", model, "--format", form)
    assert result.exit_code == 1
    answers = list(catclf.predict([pictures], load_model(model)))
    shown = records(form, result.stdout)
    assert [list(record) for record in shown] == [
        ["file", "predicted", "positive", "probability", "error"]
    ] * 4
    for record, answer in zip(shown, answers, strict=True):
        assert record["file"] == answer.name
        assert record["predicted"] == answer.predicted
        assert record["positive"] == "cat"
        assert record["probability"] == answer.probability
        assert record["error"] == (answer.error.what if answer.error else None)
    assert [record["error"] is None for record in shown] == [True, True, False, True]


def test_input_order_is_kept(pictures: Path, model: Path) -> None:
    """Named twice, or in any order, pictures are answered as they were asked."""
    asked = [str(pictures / f"{i}.png") for i in (3, 0, 2, 0, 1)]
    result = invoke("predict", *asked, "-m", model, "--format", "jsonl")
    assert [record["file"] for record in records("jsonl", result.stdout)] == asked


def test_a_picture_on_stdin(pictures: Path, model: Path) -> None:
    """A dash is one picture on stdin, with the probability it has as a file."""
    with open(pictures / "0.png", "rb") as file:
        ended = run("predict", "-", pictures / "0.png", "-m", model, "--format", "csv", stdin=file)
    assert ended.returncode == 0
    piped, named = records("csv", ended.stdout)
    assert piped["file"] == "-"
    assert piped["probability"] == named["probability"]


@pytest.mark.parametrize("closed", [False, True])
def test_no_picture_on_stdin(model: Path, closed: bool) -> None:
    """An empty or a closed stdin is an error of the picture '-'."""
    command = [*CLI, "predict", "-", "-m", str(model)]
    shell = subprocess.run(
        ["sh", "-c", '"$@" <&-' if closed else '"$@" </dev/null', "sh", *command],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (shell.returncode, shell.stdout) == (1, "")
    assert shell.stderr.startswith("Error: -: ")
    assert "Traceback" not in shell.stderr


def test_a_bare_model_says_what_is_assumed(pictures: Path, bare: Path, model: Path) -> None:
    """A notebook's w and b predict as the model does, with a warning on stderr."""
    by_bare = invoke("predict", pictures / "0.png", "-m", bare)
    assert by_bare.exit_code == 0
    assert by_bare.stderr.startswith(f"Warning: {bare} holds w and b alone; assumed: 8x8 pixels")
    by_model = results("predict", pictures / "0.png", "-m", model)
    assert by_bare.stdout.split(" = ")[1] == by_model.split(" = ")[1]
    turned = invoke("predict", pictures / "0.png", "-m", bare, "--order", "interleaved")
    assert turned.stdout != by_bare.stdout
    assert "interleaved" in turned.stderr


def test_an_order_for_a_model_that_has_its_own_is_refused(pictures: Path, model: Path) -> None:
    """--order is for bare models."""
    ended = run("predict", pictures / "0.png", "-m", model, "--order", "planes")
    assert ended.returncode == 1
    assert "Leave out --order" in ended.stderr


# ------------------------------------------------------------------------ names and places


@pytest.fixture
def odd_names(pictures: Path) -> list[str]:
    """Copy pictures to names with control characters, other alphabets, and no UTF-8."""
    folder = pictures.parent / "odd"
    folder.mkdir()
    names = [b"a\x1b[31m\nb.png", b"caf\xe9.png", "żółw 猫.png".encode(), b'-x,".png']
    paths = [os.path.join(os.fsencode(folder), name) for name in names]
    for path in paths:
        shutil.copy(os.fsencode(pictures / "0.png"), path)
    return [os.fsdecode(path) for path in paths]


@pytest.mark.parametrize("form", ["text", "csv", "jsonl"])
@pytest.mark.parametrize(
    "env",
    [
        {},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=lambda env: " ".join(env) or "usual",
)
def test_any_name_is_printed_in_any_locale(
    odd_names: list[str], model: Path, form: str, env: dict[str, str]
) -> None:
    """A line a picture, control characters escaped, whatever the terminal can show."""
    ended = run("predict", "-m", model, "--format", form, "--", *odd_names, env=env, encoding=None)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) == len(odd_names) + (form == "csv")
    text = ended.stdout.decode("utf-8", "replace")
    assert "\x1b" not in text
    assert "31m" in text
    assert ended.stderr == b""


def test_json_names_lead_back_to_the_file(odd_names: list[str], model: Path) -> None:
    """A program that reads jsonl can open every file by its name."""
    ended = run("predict", "-m", model, "--format", "jsonl", "--", *odd_names)
    assert [record["file"] for record in records("jsonl", ended.stdout)] == odd_names


def test_an_odd_name_in_an_error_is_escaped(odd_names: list[str], model: Path) -> None:
    """Errors on stderr do not write what a name holds to the terminal either."""
    for name in odd_names:
        Path(name).write_bytes(b"")
    ended = run("predict", "-m", model, "--", *odd_names)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "\x1b" not in ended.stderr
    assert ended.stderr.count("Error: ") == len(odd_names)


def test_class_names_of_any_bytes(small_pictures: Path, tmp_path: Path) -> None:
    """Class folders may be called anything: prepared, trained, evaluated, predicted, escaped."""
    pets = tmp_path / "pets"
    pets.mkdir()
    for old, new in (("cat", b"c\xe9t\x1b[31m"), ("noncat", "no\nż".encode())):
        shutil.copytree(small_pictures / old, pets / os.fsdecode(new))
    steps = [
        ("prepare", "pets", "--size", "8", "-o", "d.h5"),
        ("train", "d.h5", "--iters", "5", "-o", "m.npz"),
        ("evaluate", "d.h5", "-m", "m.npz", "--predictions", "p.csv"),
        ("evaluate", "d.h5", "-m", "m.npz", "--format", "json"),
        ("predict", small_pictures, "-m", "m.npz"),
        ("predict", small_pictures, "-m", "m.npz", "--format", "csv"),
        ("predict", small_pictures, "-m", "m.npz", "--format", "jsonl"),
    ]
    for step in steps:
        ended = run(*step, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert "\x1b" not in ended.stdout + ended.stderr
        assert "31m" in ended.stdout or step[0] == "train"
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 1 + 4


# ------------------------------------------------------------------------ pipes and full disks


def commands(dataset: Path, model: Path, pictures: Path) -> dict[str, list[str | Path]]:
    """Return a command line of every kind that writes results."""
    return {
        "predict": ["predict", pictures / "0.png", "-m", model],
        "predict-csv": ["predict", pictures / "0.png", "-m", model, "--format", "csv"],
        "evaluate": ["evaluate", dataset, "-m", model],
        "train": ["train", dataset, "-o", pictures / "m.npz", "--iters", "20", "--every", "1"],
        "prepare": ["prepare", pictures.parent / "pets", "--size", "4", "-o", pictures / "d.h5"],
        "help": ["predict", "--help"],
        "version": ["--version"],
    }


KINDS = ["predict", "predict-csv", "evaluate", "train", "prepare", "help", "version"]


@pytest.fixture
def lines(
    dataset: Path, model: Path, pictures: Path, small_pictures: Path
) -> dict[str, list[str | Path]]:
    """Return `commands`, with pictures to prepare."""
    shutil.copytree(small_pictures, pictures.parent / "pets")
    return commands(dataset, model, pictures)


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_pipe_ends_quietly(lines: dict[str, list[str | Path]], kind: str) -> None:
    """Whoever read the results has seen enough: exit 0, and nothing on stderr of it."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = run(*lines[kind], stdout=writing)
    finally:
        os.close(writing)
    notes = [line for line in ended.stderr.splitlines() if not line.startswith("Method: ")]
    assert (ended.returncode, notes) == (0, [])


def test_head_of_many_lines(small_pictures: Path, model: Path) -> None:
    """`catclf predict FOLDER | head -1` prints one line and no complaint."""
    command = [*CLI, "predict", "-m", str(model), *[str(small_pictures)] * 300]
    piped = subprocess.run(
        ["bash", "-c", '"$@" | head -1; echo "${PIPESTATUS[0]}"', "bash", *command],
        capture_output=True,
        text=True,
        timeout=120,
    )
    first, status = piped.stdout.splitlines()
    assert first.startswith(f"{small_pictures}/cat/00.png: ")
    assert (status, piped.stderr) == ("0", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_under_stdout_is_an_error(
    lines: dict[str, list[str | Path]], kind: str
) -> None:
    """Results that could not be written are not passed off as written: exit 1, one line."""
    with open("/dev/full", "wb") as full:
        ended = run(*lines[kind], stdout=full)
    assert ended.returncode == 1
    notes = [line for line in ended.stderr.splitlines() if not line.startswith("Method: ")]
    assert notes == ["Error: the results cannot be written (No space left on device)"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_stream_is_no_traceback(
    lines: dict[str, list[str | Path]], kind: str, stream: str
) -> None:
    """With stdout or stderr closed (>&-) a command still ends, without a traceback."""
    redirection = ">&-" if stream == "stdout" else "2>&-"
    shell = subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *CLI, *map(str, lines[kind])],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in shell.stderr
    assert shell.returncode in (0, 1)
    assert stream == "stdout" or shell.returncode == 0


# ------------------------------------------------------------------------ evaluate


def test_evaluate_in_words(dataset: Path, model: Path) -> None:
    """The accuracy stands beside its interval and the majority class; the worst have names."""
    text = results("evaluate", dataset, "-m", model, "--split", "train")
    expected = catclf.evaluate(dataset, model, split="train")
    low, high = expected.interval
    assert text.startswith("train split: 18 pictures; cat where P(cat) > 0.5\n")
    assert (
        f"accuracy       {expected.accuracy:.2%}  (95 % interval {low:.2%} to {high:.2%})"
    ) in text.replace(" %  ", "%  ").replace(" % to", "% to").replace(" %)", "%)")
    assert "majority class 50.00 %" in text
    assert f"AUC            {expected.auc:.4f}" in text
    assert f"log loss       {expected.log_loss:.4f}" in text
    assert expected.worst(5)
    for row in expected.worst(5):
        assert f"P(cat) = {row.probability:.4f}, label {row.label}: {row.name}" in text


def test_evaluate_in_json(dataset: Path, model: Path) -> None:
    """The same results for a program, in full precision, on stdout alone."""
    found = json.loads(results("evaluate", dataset, "-m", model, "--format", "json"))
    expected = catclf.evaluate(dataset, model)
    assert found["split"] == "test"
    assert found["classes"] == ["noncat", "cat"]
    assert found["positive"] == "cat"
    assert found["examples"] == sum(found["confusion"].values()) == len(expected.names)
    assert found["accuracy"] == expected.accuracy
    assert found["accuracy_interval_95"] == list(expected.interval)
    assert found["majority_rate"] == expected.majority_rate
    assert found["auc"] == expected.auc
    assert found["log_loss"] == expected.log_loss
    assert [wrong["name"] for wrong in found["most_wrong"]] == [
        row.name for row in expected.worst(5)
    ]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_picture_predicted_by_file_is_the_column_that_was_stored(
    dataset: Path, model: Path, tmp_path: Path, split: str
) -> None:
    """`predict` gives each picture exactly the probability `evaluate --predictions` gives it."""
    table = tmp_path / "p.csv"
    results("evaluate", dataset, "-m", model, "--split", split, "--predictions", table)
    with open(table, encoding="utf-8", newline="") as file:
        stored = {row["file"]: row["probability"] for row in csv.DictReader(file)}
    shown = results("predict", "-m", model, "--format", "csv", *stored)
    assert {row["file"]: row["probability"] for row in csv.DictReader(io.StringIO(shown))} == stored


def test_the_threshold_decides_for_both_verbs(dataset: Path, model: Path, pictures: Path) -> None:
    """At 1 nothing is a cat, at 0 everything is, in predict and in evaluate."""
    picture = pictures / "0.png"
    for threshold, said in (("1", "noncat"), ("0", "cat")):
        shown = results("predict", picture, "-m", model, "--threshold", threshold)
        assert shown.startswith(f"{picture}: {said}, ")
        counts = json.loads(
            results("evaluate", dataset, "-m", model, "--threshold", threshold, "--format", "json")
        )["confusion"]
        positive = counts["true_positives"] + counts["false_positives"]
        assert positive == (sum(counts.values()) if said == "cat" else 0)


def test_predictions_that_cannot_be_written_are_an_error(
    dataset: Path, model: Path, tmp_path: Path
) -> None:
    """The message names the file."""
    ended = run("evaluate", dataset, "-m", model, "--predictions", tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: {tmp_path}: a folder, not a file\n")


# ------------------------------------------------------------------------ help


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
    assert "catclf prepare && catclf train && catclf evaluate" in shown


def test_version() -> None:
    """`catclf --version` and `python -m catclf --version` tell the one version there is."""
    assert results("--version") == f"catclf, version {catclf.__version__}\n"
    assert run("--version").stdout == f"catclf, version {catclf.__version__}\n"


# ------------------------------------------------------------------------ nobody listens


@pytest.mark.parametrize("gone", ["broken", "full"])
def test_without_anybody_at_stderr_the_work_goes_on(
    gone: str, dataset: Path, tmp_path: Path
) -> None:
    """Notes are dispensable: the model is written, and results stand on stdout."""
    if gone == "broken":
        reading, stderr = os.pipe()
        os.close(reading)
    else:
        stderr = os.open("/dev/full", os.O_WRONLY)
    model = tmp_path / "m.npz"
    words = [sys.executable, "-m", "catclf", "train", str(dataset), "-o", str(model)]
    ended = subprocess.run(
        [*words, "--iters", "5", "--lr", "0.001"], stdout=subprocess.PIPE, stderr=stderr, text=True
    )
    os.close(stderr)
    assert ended.returncode == 0
    assert "saved" in ended.stdout
    assert model.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["train", "DATASET", "-o", "/dev/null"],
        ["tune", "DATASET", "-o", "/dev/null"],
        ["evaluate", "DATASET", "--predictions", "/dev/null"],
        ["prepare", "PICTURES", "-o", "/dev/null"],
        ["prepare", "PICTURES", "-o", "folder/"],
        ["prepare", "PICTURES", "-o", "PICTURES/cat/00.png"],
    ],
    ids=" ".join,
)
def test_an_output_that_will_not_do_is_refused_before_the_work(
    words: list[str], small_dataset: Path, small_pictures: Path, tmp_path: Path
) -> None:
    """A device, a folder, or one of the pictures themselves: nothing is read, trained or lost."""
    source = shutil.copytree(small_pictures, tmp_path / "pictures")
    picture = (source / "cat" / "00.png").read_bytes()
    given = {"DATASET": str(small_dataset), "PICTURES": str(source)}
    for name, path in given.items():
        words = [word.replace(name, path) for word in words]
    ended = run(*words, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 2
    assert "Method" not in ended.stderr
    assert (source / "cat" / "00.png").read_bytes() == picture
    assert os.listdir(tmp_path) == ["pictures"]


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


def test_escape_sequences_in_arguments_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """What click says of an argument is escaped as well."""
    ended = run("train", "a", "\x1b[31mextra")
    assert ended.returncode == 2
    assert "\x1b" not in ended.stderr


def test_too_little_memory_is_one_message(tmp_path: Path) -> None:
    """A traceback helps nobody to more memory; a sound file is not called damaged."""
    data = tmp_path / "d.h5"
    labels = np.arange(3000, dtype=np.uint8) % 2
    split = NewSplit([np.zeros((3000, 12288), np.uint8)], labels, [str(i) for i in range(3000)])
    write_dataset(data, ("noncat", "cat"), Preprocessing(), split, NewSplit([], labels[:0], []))
    limited = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))\n"
        "runpy.run_module('catclf', run_name='__main__')\n"
    )
    words = ["train", str(data), "--method", "vectorized", "-o", str(tmp_path / "m.npz")]
    ended = subprocess.run(
        [sys.executable, "-c", limited, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert ended.returncode == 1
    assert "memory" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "damaged" not in ended.stderr

"""No verb takes the place of a file that catclf did not write, unless --force says so."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from catclf.cli.output import error_text
from catclf.errors import CatclfError
from catclf.files import FileKind, file_kind
from command_line import invoke

JPEG = b"\xff\xd8\xff\xe0 a photograph"
WRITERS = {
    "prepare -o": (FileKind.DATASET, "prepare pets --size 8 -o"),
    "train -o": (FileKind.MODEL, "train d.npz --iters 5 -o"),
    "tune -o": (FileKind.CONFIG, "tune d.npz --folds 3 --iters 60 -o"),
    "tune --save-predictions": (
        FileKind.PREDICTIONS,
        "tune d.npz --folds 3 --iters 60 --save-predictions",
    ),
    "evaluate --predictions": (FileKind.PREDICTIONS, "evaluate d.npz -m m.npz --predictions"),
    "report -o": (FileKind.REPORT, "report d.npz -m m.npz -o"),
}
INPUTS = {"prepare -o": "pets/cat/00.png", "evaluate --predictions": "m.npz", "report -o": "m.npz"}
every_writer = pytest.mark.parametrize("writer", WRITERS)


@pytest.fixture
def folder(
    small_pictures: Path,
    dataset: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Work in a user's folder: pictures, a dataset, a model and a photograph."""
    shutil.copytree(small_pictures, tmp_path / "pets")
    shutil.copy(dataset, tmp_path / "d.npz")
    shutil.copy(model, tmp_path / "m.npz")
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(writer: str, file: str, *words: str) -> str:
    """Return the message of a verb that refuses to write a file."""
    result = invoke(*WRITERS[writer][1].split(), file, *words)
    assert isinstance(result.exception, CatclfError), result.output
    assert result.stdout == ""
    return error_text(result.exception)


@every_writer
def test_a_verb_replaces_its_own_kind_alone(writer: str, folder: Path) -> None:
    """A photograph stays, and the way out is named; what the verb then wrote is replaced."""
    kind, words = WRITERS[writer]
    assert refusal(writer, "photo.jpg") == (
        f"photo.jpg: exists, and is not {kind.value}; nothing was changed\n"
        "Write to another file, or replace this one with --force."
    )
    assert (folder / "photo.jpg").read_bytes() == JPEG
    for force in (["--force"], []):
        assert invoke(*words.split(), "photo.jpg", *force).exit_code == 0
        assert file_kind("photo.jpg") is kind


@every_writer
def test_an_input_is_no_output(writer: str, folder: Path) -> None:
    """With --force neither: a picture of the source, the dataset, the model."""
    file = INPUTS.get(writer, "d.npz")
    before = (folder / file).read_bytes()
    assert refusal(writer, file, "--force") == f"{file}: is an input too\nWrite to another file."
    assert (folder / file).read_bytes() == before


@every_writer
@pytest.mark.usefixtures("folder")
def test_an_output_that_will_not_do_is_refused_before_the_work(writer: str) -> None:
    """A folder, or a device."""
    said = "not a regular file" if sys.platform != "win32" else ""
    for place, what in (("nowhere/", "a folder, not a file"), (os.devnull, said)):
        assert refusal(writer, place).startswith(f"{place}: {what}")
    assert not os.path.exists("nowhere")


@every_writer
def test_the_config_is_no_output(writer: str, folder: Path) -> None:
    """Not even with --force, and by any path: it is read by the same command."""
    (folder / "c.toml").write_text("[train]\nlr = 0.1\n")
    words = WRITERS[writer][1].split()
    result = invoke("--config", "c.toml", *words, "./c.toml", "--force")
    assert str(result.exception) == "./c.toml: is the config file\nWrite to another file."
    assert (folder / "c.toml").read_text() == "[train]\nlr = 0.1\n"


@pytest.mark.usefixtures("folder")
def test_two_outputs_are_two_files() -> None:
    """The config and the predictions of one tuning."""
    said = "x: is named for two outputs\nWrite to two files."
    assert refusal("tune -o", "x", "--save-predictions", "./x") == said


def test_an_edited_config_is_the_users(folder: Path) -> None:
    """What tune wrote is replaced, until somebody adds a line to it."""
    assert invoke(*WRITERS["tune -o"][1].split(), "tuned.toml").exit_code == 0
    with open("tuned.toml", "a", encoding="utf-8") as file:
        file.write("[prepare]\nsize = 32\n")
    edited = (folder / "tuned.toml").read_bytes()
    assert "is not an unedited config file of catclf tune" in refusal("tune -o", "tuned.toml")
    assert (folder / "tuned.toml").read_bytes() == edited


def test_force_is_said_each_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a variable nor a config file lets files be replaced from now on."""
    monkeypatch.setenv("CATCLF_TRAIN_FORCE", "1")
    assert "exists, and is not a model" in refusal("train -o", "photo.jpg")
    (folder / "c.toml").write_text("[train]\nforce = true\n")
    result = invoke("--config", "c.toml", *WRITERS["train -o"][1].split(), "photo.jpg")
    assert "unknown key 'force'" in str(result.exception)
    assert (folder / "photo.jpg").read_bytes() == JPEG

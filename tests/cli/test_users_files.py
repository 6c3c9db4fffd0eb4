"""No verb takes the place of a file that catclf did not write, unless --force says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from command_line import run

PETS = ["prepare", "pets", "--size", "8"]
VERBS_WITH_OUTPUT = {
    "prepare": [*PETS, "-o"],
    "train": ["train", "d.h5", "--iters", "5", "--lr", "0.001", "-o"],
    "tune": ["tune", "d.h5", "--folds", "3", "--iters", "60", "-o"],
    "tune predictions": ["tune", "d.h5", "--folds", "3", "--iters", "60", "--save-predictions"],
    "evaluate": ["evaluate", "d.h5", "-m", "m.npz", "--predictions"],
    "report": ["report", "d.h5", "-m", "m.npz", "-o"],
}
# Each verb's own file, made by the command above.
OWN = {name: f"own {name}" for name in VERBS_WITH_OUTPUT}


@pytest.fixture(scope="module")
def folder(
    small_pictures: Path, small_dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Make a user's folder: pictures, a photograph, hand-written files, and each verb's own."""
    folder = tmp_path_factory.mktemp("user")
    shutil.copytree(small_pictures, folder / "pets")
    shutil.copy(small_dataset, folder / "d.h5")
    Image.new("RGB", (8, 8)).save(folder / "photo.jpg")
    (folder / "mine.toml").write_text("[train]\nlr = 0.001\n")
    (folder / "labels.csv").write_text("file,label\npets/cat/00.png,cat\n")
    assert run("train", "d.h5", "--iters", "5", "-o", "m.npz", cwd=folder).returncode == 0
    for name, words in VERBS_WITH_OUTPUT.items():
        ended = run(*words, OWN[name], cwd=folder)
        assert ended.returncode == 0, ended.stderr
    return folder


@pytest.mark.parametrize("verb", VERBS_WITH_OUTPUT)
@pytest.mark.parametrize("file", ["photo.jpg", "mine.toml", "labels.csv", *OWN.values()])
def test_only_a_verbs_own_kind_is_replaced(verb: str, file: str, folder: Path) -> None:
    """Recognized by content: a photograph, a config written by hand, another verb's file are not.

    The refusal is one message with both ways out, exit 1, and the file is as it was.
    """
    before = (folder / file).read_bytes()
    ended = run(*VERBS_WITH_OUTPUT[verb], file, cwd=folder)
    kinds = {"evaluate": "predictions", "tune predictions": "predictions"}
    own = [name for name in OWN if kinds.get(name, name) == kinds.get(verb, verb)]
    if file in [OWN[name] for name in own]:
        assert ended.returncode == 0, ended.stderr
        return
    assert ended.returncode == 1
    assert f"Error: {file}: exists, and is not a" in ended.stderr
    assert "--force" in ended.stderr.splitlines()[-1]
    assert (folder / file).read_bytes() == before


@pytest.mark.parametrize("verb", VERBS_WITH_OUTPUT)
def test_force_is_the_way_out(verb: str, folder: Path, tmp_path: Path) -> None:
    """Then the file is what the verb writes, and is replaced without it from there on."""
    file = tmp_path / "photo.jpg"
    shutil.copy(folder / "photo.jpg", file)
    words: list[str | Path] = [*VERBS_WITH_OUTPUT[verb], file]
    assert run(*words, "--force", cwd=folder).returncode == 0
    assert not file.read_bytes().startswith(b"\xff\xd8")
    assert run(*words, cwd=folder).returncode == 0


def test_force_spares_an_input(folder: Path) -> None:
    """A picture of the source, or the dataset itself, is never the output."""
    picture = folder / "pets" / "cat" / "00.png"
    before = picture.read_bytes()
    ended = run(*PETS, "-o", picture, "--force", cwd=folder)
    assert ended.returncode == 1
    assert "is an input too" in ended.stderr
    assert picture.read_bytes() == before


def test_an_edited_config_is_the_users(folder: Path, tmp_path: Path) -> None:
    """What tune wrote is replaced, until somebody adds a line to it."""
    config = tmp_path / "tuned.toml"
    words: list[str | Path] = [*VERBS_WITH_OUTPUT["tune"], config]
    assert run(*words, cwd=folder).returncode == 0
    assert run(*words, cwd=folder).returncode == 0
    edited = config.read_bytes() + b"[prepare]\nsize = 32\n"
    config.write_bytes(edited)
    ended = run(*words, cwd=folder)
    assert ended.returncode == 1
    assert "is not a config file as catclf tune wrote it" in ended.stderr
    assert config.read_bytes() == edited


def test_force_is_said_each_time(folder: Path, tmp_path: Path) -> None:
    """Neither a variable nor a config file lets files be replaced from now on."""
    photo = tmp_path / "photo.jpg"
    shutil.copy(folder / "photo.jpg", photo)
    before = photo.read_bytes()
    words: list[str | Path] = [*VERBS_WITH_OUTPUT["train"], photo]
    assert run(*words, cwd=folder, env={"CATCLF_TRAIN_FORCE": "1"}).returncode == 1
    (tmp_path / "c.toml").write_text("[train]\nforce = true\n")
    ended = run("--config", tmp_path / "c.toml", *words, cwd=folder)
    assert ended.returncode == 1
    assert "unknown key 'force'" in ended.stderr
    assert photo.read_bytes() == before

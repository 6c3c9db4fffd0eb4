"""Every verb with every kind of file: what is refused says what it is, and harms nothing."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import catclf
from catclf.cli.output import error_text
from catclf.errors import CatclfError
from catclf.files import CONFIG_LINE, FileKind
from command_line import invoke
from corpus.course_hdf5 import good_course, pixels

TRAIN_TABLE = "[train]\nlr = 0.01\n"
FILES = {
    "empty": FileKind.FOLDER,
    "photos": FileKind.FOLDER,
    "dataset.npz": FileKind.DATASET,
    "model.npz": FileKind.MODEL,
    "report.html": FileKind.REPORT,
    "tuned.toml": FileKind.CONFIG,
    "predictions.csv": FileKind.PREDICTIONS,
    "photo.png": FileKind.PICTURE,
    "photo.png.evidence.png": FileKind.EVIDENCE,
    "course.h5": FileKind.HDF5,
    "notes.txt": FileKind.OTHER,
    "weights.npz": FileKind.OTHER,
}
READERS = {
    "prepare": "prepare FILE -o OUT --size 8",
    "train": "train FILE --iters 2 -o OUT",
    "evaluate": "evaluate FILE -m model.npz",
    "report": "report FILE -m model.npz -o OUT",
    "tune": "tune FILE --iters 2 --folds 2 --lr 0.01 -o OUT",
    "benchmark": "benchmark FILE --iters 1",
    "predict": "predict -q FILE -m model.npz",
    "info": "info FILE",
    "predict -m": "predict -q photo.png -m FILE",
    "evaluate -m": "evaluate dataset.npz -m FILE",
    "report -m": "report dataset.npz -m FILE -o OUT",
    "--config": "--config FILE train dataset.npz --iters 2 -o OUT",
}
DATASET, MODEL = FileKind.DATASET.value, FileKind.MODEL.value
WANTED = {  # what messages call what each of them reads
    "prepare": "a source of labeled pictures",
    "predict": "a picture",
    "info": "a dataset or a model",
    **dict.fromkeys(("predict -m", "evaluate -m", "report -m"), MODEL),
    "--config": "a config file",
}
READ = {  # what each of them is for
    "prepare": {"course.h5", "photos", "predictions.csv"},  # a table of files and labels, too
    "predict": {"photo.png", "photos"},
    "info": {"dataset.npz", "model.npz", "weights.npz"},
    "predict -m": {"model.npz", "weights.npz"},
    "evaluate -m": {"model.npz", "weights.npz"},
    "report -m": {"model.npz", "weights.npz"},
    "--config": {"tuned.toml"},
}
SAID = {  # where it is not said what it is, but what is wrong with it
    ("prepare", "empty"): "holds no class folders with pictures",
    ("predict", "empty"): "a folder without pictures",
    ("predict", "notes.txt"): "is a text file, not a picture",
    ("predict", "weights.npz"): "is an array file, not a picture",
    ("--config", "notes.txt"): "is not TOML: ",
    ("prepare", "notes.txt"): "has only one column: its first line is 'Dear diary,'",
    ("--config", "weights.npz"): "is not TOML: ",
}
TO_DO = {  # the fix, where it depends on the file
    ("prepare", "dataset.npz"): "It is prepared already: 'catclf train dataset.npz' trains",
    ("prepare", "photo.png"): "Name the folder that holds the class folders.",
    ("train", "photos"): "If it holds class folders, prepare it first: catclf prepare photos",
    ("train", "photo.png"): "Prepare a folder of class folders first; one picture is for",
    ("train", "model.npz"): "Name a dataset that 'catclf prepare' wrote.",
    ("evaluate", "model.npz"): "Name a dataset that 'catclf prepare' wrote; a model is named with",
    ("evaluate", "course.h5"): "Prepare it first: catclf prepare course.h5",
    ("predict", "dataset.npz"): "Name a picture; a dataset is for 'catclf evaluate'.",
    ("predict", "model.npz"): "Name a picture; a model is given as --model.",
    ("predict", "photo.png.evidence.png"): "Name the picture that it was drawn over.",
    ("predict", "course.h5"): "Name a picture; arrays are for 'catclf prepare'.",
    ("predict -m", "dataset.npz"): "Name a model; 'catclf train dataset.npz' trains one on this",
    ("evaluate -m", "photo.png"): "Name a model that catclf trained, or an .npz of w and b: np.sav",
    ("--config", "dataset.npz"): "Name a TOML file with a table for each verb",
}


@pytest.fixture(scope="module")
def folder(
    small_pictures: Path, dataset: Path, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Make a file of every kind that people have."""
    folder = tmp_path_factory.mktemp("people")
    shutil.copytree(small_pictures, folder / "photos")
    shutil.copy(small_pictures / "cat" / "00.png", folder / "photo.png")
    shutil.copy(dataset, folder / "dataset.npz")
    shutil.copy(model, folder / "model.npz")
    list(catclf.predict(folder / "photo.png", model, evidence=folder))
    catclf.report(dataset, model, folder / "report.html")
    catclf.evaluate(dataset, model, predictions=folder / "predictions.csv")
    config = CONFIG_LINE.format(zlib.crc32(TRAIN_TABLE.encode())) + TRAIN_TABLE
    (folder / "tuned.toml").write_text(config)
    good_course(folder / "course.h5", train_set_x=pixels(6, size=8))
    (folder / "notes.txt").write_text("Dear diary,\n")
    with np.load(model) as arrays:
        np.savez(folder / "weights.npz", w=arrays["w"], b=arrays["b"])
    (folder / "empty").mkdir()
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of everything in a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha1(path.read_bytes()).hexdigest()
        if path.is_file()
        else "a folder"
        for path in folder.rglob("*")
    }


@pytest.fixture
def intact(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in the folder; afterwards every file is as it was, and there is none besides."""
    before = contents(folder)
    monkeypatch.chdir(folder)
    yield folder
    assert contents(folder) == before


def told(words: str, out: Path) -> tuple[int, str]:
    """Return the exit code and stderr of a command line."""
    result = invoke(*(str(out) if word == "OUT" else word for word in words.split()))
    if isinstance(result.exception, CatclfError):
        return result.exception.exit_code, f"{result.stderr}Error: {error_text(result.exception)}"
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr


PAIRS = [
    (reader, file)
    for reader in READERS
    for file in FILES
    if file not in READ.get(reader, {"dataset.npz"})
]


@pytest.mark.parametrize(("reader", "file"), PAIRS)
@pytest.mark.usefixtures("intact")
def test_a_file_of_another_kind_is_refused_in_two_lines(
    reader: str, file: str, tmp_path: Path
) -> None:
    """What it is, what it should be, and what to do: never to delete it."""
    code, stderr = told(READERS[reader].replace("FILE", file), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    kind, wanted = FILES[file], WANTED.get(reader, DATASET)
    if (reader, kind) == ("--config", FileKind.FOLDER):  # click's own words
        assert (code, f"'{file}' is a directory" in stderr) == (2, True)
        return
    by_kind = {FileKind.FOLDER: "a folder, not a file", FileKind.OTHER: f"is not {wanted}"}
    said = SAID.get((reader, file), by_kind.get(kind, f"is {kind.value}, not {wanted}"))
    first, fix = stderr.splitlines()
    assert code == 1
    assert first.startswith(f"Error: {file}: {said}")
    assert fix.startswith(TO_DO.get((reader, file), ""))
    assert not re.search(r"delete|remove|replace", stderr, re.IGNORECASE)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.usefixtures("intact")
def test_a_file_that_is_not_there_is_told(reader: str, tmp_path: Path) -> None:
    """And what makes it, where a verb does."""
    makes = {DATASET: "Run 'catclf prepare' first, or c", MODEL: "Run 'catclf train' first, or c"}
    fix = makes.get(WANTED.get(reader, DATASET), "C") + "heck the path."
    for path, said in (
        ("missing", f"no such file\n{fix}"),
        ("photo.png/below", "part of the path is a file, not a folder\nCheck the path."),
    ):
        code, stderr = told(READERS[reader].replace("FILE", path), tmp_path / "out")
        assert (code, stderr.rstrip()) == (1, f"Error: {path}: {said}")


@pytest.mark.skipif(sys.platform == "win32", reason="has other permissions")
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may read anything")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.usefixtures("intact")
def test_what_may_not_be_read_is_told(reader: str, tmp_path: Path) -> None:
    """And how to let it be read."""
    file, locked = tmp_path / "file", tmp_path / "folder"
    file.touch(mode=0)
    locked.mkdir(mode=0)
    code, stderr = told(READERS[reader].replace("FILE", str(file)), tmp_path / "out")
    assert code == 1
    assert "file: permission denied\nMake it readable: chmod +r." in stderr
    code, stderr = told(READERS[reader].replace("FILE", str(locked)), tmp_path / "out")
    assert code == (2 if reader == "--config" else 1)
    assert reader not in ("prepare", "predict") or "chmod +rx" in stderr


SLIPS = [
    # A model where a dataset belongs, and the reverse.
    ("evaluate model.npz dataset.npz", 1, "'catclf prepare' wrote; a model is named with -m."),
    ("evaluate dataset.npz model.npz", 2, "evaluate takes one DATASET; a model is named with -m."),
    ("train dataset.npz model.npz", 2, "takes one DATASET; the file to write is named with -o."),
    ("benchmark dataset.npz model.npz", 2, "benchmark takes one DATASET."),
    ("train model.npz --resume", 1, "Name a dataset that 'catclf prepare' wrote."),
    ("prepare photos out.h5", 1, "the dataset to write is named with --output."),
    # A space instead of a comma.
    ("tune --lr 0.001 0.01", 2, "Lists have commas and no spaces: --lr 0.001,0.01"),
    ("tune dataset.npz --lr 0.001 0.01 0.1", 2, "commas and no spaces: --lr 0.001,0.01"),
    ("tune dataset.npz --lr 0.001, 0.01", 2, "'0.001,' is not a list of numbers such as 0.001,"),
    ("train --iters 100 200", 2, "an option takes one value."),
    # Names that are nearly right.
    ("train dataset.npz --config tuned.toml", 2, "before the verb: catclf --config FILE train"),
    ("train dataset.npz --learning-rate 0.1", 2, "Did you mean --lr?"),
    ("train dataset.npz --iterations 10", 2, "Did you mean --iters?"),
    ("predict photo.png --modle model.npz", 2, "(Did you mean one of: '--model', "),
    ("train dataset.npz --nothing-like-it", 2, "No such option"),
    ("trian dataset.npz", 2, "No such command 'trian'. Did you mean 'train'?"),
    ("eval dataset.npz", 2, "Did you mean 'evaluate'?"),
]


@pytest.mark.parametrize(("words", "code", "said"), SLIPS)
@pytest.mark.usefixtures("intact")
def test_a_slip_is_told_what_to_type(words: str, code: int, said: str, tmp_path: Path) -> None:
    """A usage error ends with 2, a file that is not what it should be with 1."""
    found, stderr = told(words, tmp_path / "out")
    assert (found, said in " ".join(stderr.split())) == (code, True), stderr


def test_a_dataset_may_be_called_by_a_number(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is such a file, it is no slip."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(dataset, "7")
    assert told("train 7 --iters 2 -o OUT", tmp_path / "out")[0] == 0

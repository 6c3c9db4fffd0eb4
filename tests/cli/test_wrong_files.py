"""Every verb with every kind of file: what is refused says what it is, and harms nothing."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from catclf.cli.output import error_text
from catclf.errors import CatclfError
from command_line import invoke

FILES = (
    "dataset.npz",
    "model.npz",
    "weights.npz",
    "arrays.npz",
    "single.npy",
    "course_train.h5",
    "course_test.h5",
    "other.h5",
    "photo.png",
    "photos",
    "photos/cat",
    "empty",
    "folders",
    "notes.txt",
    "nothing.txt",
    "page.html",
    "predictions.csv",
    "list.csv",
    "config.toml",
    "tuned.toml",
    "archive.zip",
    "office.docx",
    "document.pdf",
    "pickle.pkl",
    "pointer.h5",
    "missing",
    "nowhere/missing",
    "photo.png/below",
    "loop",
    "dangling",
    "cut.png",
    "cut.h5",
    "cut.npz",
)

READERS = {
    "prepare": "prepare FILE -o OUT --size 8",
    "train": "train FILE --iters 2 -o OUT",
    "evaluate": "evaluate FILE -m model.npz",
    "tune": "tune FILE --iters 2 --folds 2 --lr 0.01 -o OUT",
    "benchmark": "benchmark FILE --iters 1",
    "predict": "predict -q FILE -m model.npz",
    "info": "info FILE",
    "predict -m": "predict -q photo.png -m FILE",
    "evaluate -m": "evaluate dataset.npz -m FILE",
    "--config": "--config FILE train dataset.npz --iters 2 -o OUT",
}
READ = {  # what each of them is for
    "prepare": {"course_train.h5", "photos", "list.csv", "predictions.csv"},
    "predict": {"photo.png", "photos", "photos/cat"},
    "info": {"dataset.npz", "model.npz", "weights.npz"},
    "predict -m": {"model.npz"},
    "evaluate -m": {"model.npz", "weights.npz"},
    "--config": {"config.toml", "tuned.toml", "nothing.txt"},
}

WRITERS = {
    "prepare -o": "prepare photos --size 8 -o FILE",
    "train -o": "train dataset.npz --iters 2 -o FILE",
    "evaluate --predictions": "evaluate dataset.npz -m model.npz --predictions FILE",
    "tune -o": "tune dataset.npz --iters 2 --folds 2 --lr 0.01 -o FILE",
    "tune --save-predictions": "tune dataset.npz --iters 2 --folds 2 --lr 0.01 -o OUT "
    "--save-predictions FILE",
}
WRITTEN = {  # what each of them may replace
    "prepare -o": {"dataset.npz", "cut.h5"},
    "train -o": {"model.npz", "cut.npz"},
    "evaluate --predictions": {"predictions.csv"},
    "tune -o": {"tuned.toml"},
    "tune --save-predictions": {"predictions.csv"},
}
NEW = {"nothing.txt", "missing", "nowhere/missing", "dangling"}  # nothing is lost by writing there


@pytest.fixture(scope="module")
def folder(
    small_pictures: Path, dataset: Path, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Make a file of every kind that people have."""
    folder = tmp_path_factory.mktemp("people")
    shutil.copytree(small_pictures, folder / "photos")
    shutil.copytree(small_pictures / "noncat", folder / "photos" / "noncat", dirs_exist_ok=True)
    picture = small_pictures / "cat" / "00.png"
    for source, name in ((dataset, "dataset.npz"), (model, "model.npz"), (picture, "photo.png")):
        shutil.copy(source, folder / name)
        (folder / f"cut{source.suffix}").write_bytes(source.read_bytes()[:150])
    (folder / "cut.h5").write_bytes(dataset.read_bytes()[:3000])
    (folder / "cut.npz").write_bytes(model.read_bytes()[:5000])
    with np.load(model) as arrays:
        np.savez(folder / "weights.npz", w=arrays["w"], b=arrays["b"])
        np.save(folder / "single.npy", arrays["w"])
    np.savez(folder / "arrays.npz", X=np.zeros(3))
    for split in ("train", "test"):
        with h5py.File(folder / f"course_{split}.h5", "w") as file:
            file[f"{split}_set_x"] = np.arange(8 * 192, dtype=np.uint8).reshape(8, 8, 8, 3)
            file[f"{split}_set_y"] = np.arange(8) % 2
            file["list_classes"] = [b"non-cat", b"cat"]
    with h5py.File(folder / "other.h5", "w") as file:
        file.create_group("model_weights")
    for name in ("empty", "folders/a", "folders/b"):
        (folder / name).mkdir(parents=True)
    names = [f"photos/{name}/{i:02}.png,{name}" for name in ("cat", "noncat") for i in range(12)]
    texts = {
        "notes.txt": "Dear diary,\n",
        "nothing.txt": "",
        "page.html": "<!DOCTYPE html>\n<p>404\n",
        "list.csv": "\n".join(["file,label", *names, ""]),
        "predictions.csv": "\n".join(
            [
                "file,label,predicted,positive,probability,loss",
                *(f"{name},cat,cat,0.5,0.69" for name in names),
                "",
            ]
        ),
        "config.toml": "# by hand\n\n[train]\nlr = 0.01\n",
        "tuned.toml": "# Chosen by catclf tune on 4\n\n[train]\nlr = 0.01\n",
        "document.pdf": "%PDF-1.7 ...",
        "pointer.h5": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "pickle.pkl").write_bytes(b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94.")
    for name, member in (("archive.zip", "cats/1.jpg"), ("office.docx", "[Content_Types].xml")):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr(member, "text")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("gone")
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of everything in a folder."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha1(path.read_bytes()).hexdigest()
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


HARMFUL = re.compile(r"delete|remove|replace", re.IGNORECASE)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.usefixtures("intact")
def test_a_file_of_another_kind_is_refused_in_two_lines(
    reader: str, file: str, tmp_path: Path
) -> None:
    """Where, what, how to fix it: never by deleting it."""
    if file in READ.get(reader, {"dataset.npz"}):
        return
    code, stderr = told(READERS[reader].replace("FILE", file), tmp_path / "out")
    assert not HARMFUL.search(stderr)
    assert not (tmp_path / "out").exists()
    if "Usage: " in stderr:  # a folder as the config file
        assert (code, reader) == (2, "--config")
        assert f"'{file}' is a directory" in stderr
        return
    assert code == 1, stderr
    lines = stderr.splitlines()
    assert lines[0].startswith(f"Error: {file}")
    # Which order the pictures of weights have takes a third line.
    assert len(lines) == (3 if (reader, file) == ("predict -m", "weights.npz") else 2), stderr


SAID = [
    ("predict", "dataset.npz", "is a prepared dataset, not a picture", "for 'catclf evaluate'"),
    ("predict", "course_test.h5", "is an HDF5 file, not a picture", "for 'catclf prepare'"),
    ("predict", "model.npz", "is a model, not a picture", "a model is given as --model"),
    ("predict", "weights.npz", "is an .npz of arrays, not a picture", "given as --model"),
    ("predict", "single.npy", "is a single array, not a picture", "Name a picture"),
    ("predict", "empty", "a folder without pictures", "Name a picture, or a folder of pictures."),
    ("predict", "folders", "a folder without pictures", "Name a picture, or a folder of"),
    ("predict", "notes.txt", "is a text file, not a picture", "Name a picture"),
    ("predict", "tuned.toml", "is a config file, not a picture", "Name a picture"),
    ("predict", "list.csv", "is a list of pictures, not a picture", "Name a picture"),
    ("predict", "archive.zip", "is an archive, not a picture", "Unpack it"),
    ("predict", "page.html", "is a web page, not a picture", "Fetch the picture itself."),
    ("predict", "cut.png", "not a readable picture (truncated", "or use another picture."),
    ("predict", "nothing.txt", "empty file", "or use another picture."),
    ("train", "photos", "a folder, not a file", "prepare it first: catclf prepare photos"),
    ("evaluate", "list.csv", "is a list of pictures", "Prepare it first: catclf prepare list.csv"),
    ("evaluate", "course_train.h5", "is not a dataset", "catclf prepare course_train.h5"),
    ("evaluate", "course_test.h5", "is not a dataset", "catclf prepare TRAIN course_test.h5"),
    ("evaluate", "other.h5", "is not a dataset", "Name a dataset that 'catclf prepare' wrote."),
    (
        "evaluate",
        "model.npz",
        "is a model, not a prepared",
        "with -m: catclf evaluate -m model.npz",
    ),
    ("evaluate", "weights.npz", "is an .npz of arrays", "catclf evaluate -m weights.npz"),
    ("train", "model.npz", "is a model, not a prepared", "Name a dataset that 'catclf prepare'"),
    ("train", "tuned.toml", "is a config file", "verb: catclf --config tuned.toml train"),
    ("train", "photo.png", "is a picture, not a prepared", "one picture is for 'catclf predict'"),
    ("train", "pointer.h5", "a Git LFS pointer, not the file itself", "Run 'git lfs pull'."),
    ("train", "missing", "no such file", "Run 'catclf prepare' first, or check the path."),
    ("prepare", "dataset.npz", "it is a prepared dataset", "Run 'catclf train' on it"),
    ("prepare", "course_test.h5", "names only a test split", "Name the source of the train split"),
    ("prepare", "photos/cat", "holds pictures, but no class folders", "Name the folder above it"),
    ("prepare", "photo.png", "is a picture, not a source", "Name the folder that holds the class"),
    ("prepare", "notes.txt", "is a text file, not a source", "Name a folder of class folders"),
    ("prepare", "archive.zip", "is an archive, not a source", "Unpack it"),
    ("predict -m", "dataset.npz", "is a prepared dataset, not a model", "catclf train dataset.npz"),
    ("predict -m", "photo.png", "is a picture, not a model", "Name a model"),
    ("predict -m", "single.npy", "is a single array, not a model", "np.savez(path, w=w, b=b)"),
    ("evaluate -m", "arrays.npz", "holds no w", "np.savez(path, w=w, b=b)"),
    ("evaluate -m", "office.docx", "is a document, not a model", "Name a model"),
    ("--config", "dataset.npz", "is a prepared dataset, not a config file", "Name a TOML file"),
    ("--config", "list.csv", "is a list of pictures, not a config file", "Name a TOML file"),
    ("--config", "notes.txt", "is not TOML: ", "Name a TOML file with a table for each verb"),
]


@pytest.mark.parametrize(("reader", "file", "what", "fix"), SAID)
@pytest.mark.usefixtures("intact")
def test_the_message_says_what_it_is_and_what_to_do(
    reader: str, file: str, what: str, fix: str, tmp_path: Path
) -> None:
    """True of the file, and to be typed as it stands."""
    _, stderr = told(READERS[reader].replace("FILE", file), tmp_path / "out")
    first, second = stderr.splitlines()
    assert what in first
    assert fix in second


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.usefixtures("intact")
def test_an_output_takes_no_other_files_place(writer: str, file: str, tmp_path: Path) -> None:
    """A link that leads nowhere but to itself is no place either."""
    if file in WRITTEN[writer] | NEW:
        return
    code, stderr = told(WRITERS[writer].replace("FILE", file), tmp_path / "out")
    assert code == 1, stderr
    assert "delete" not in stderr
    lines = stderr.splitlines()
    assert lines[-2].startswith(f"Error: {file}: "), stderr


@pytest.mark.skipif(sys.platform == "win32", reason="has other permissions")
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may read anything")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.usefixtures("intact")
def test_what_may_not_be_read_is_told(reader: str, kind: str, tmp_path: Path) -> None:
    """And how to let it be read."""
    locked = tmp_path / "locked"
    locked.touch() if kind == "file" else locked.mkdir()
    locked.chmod(0)
    code, stderr = told(READERS[reader].replace("FILE", str(locked)), tmp_path / "out")
    assert code == (2 if (reader, kind) == ("--config", "folder") else 1), stderr
    if kind == "file":
        assert "locked: permission denied\nLet it be read: chmod +r." in stderr
    elif reader in ("prepare", "predict"):
        assert "chmod +rx" in stderr


SLIPS = [
    ("predict model.npz photo.png", 1, "Name a picture; a model is given as --model."),
    ("evaluate model.npz dataset.npz", 1, "catclf evaluate -m model.npz"),
    ("evaluate dataset.npz model.npz", 2, "evaluate takes one DATASET; a model is named with -m."),
    (
        "train dataset.npz model.npz",
        2,
        "takes one DATASET; the file to write is named with -o.",
    ),
    ("benchmark dataset.npz model.npz", 2, "benchmark takes one DATASET."),
    ("train model.npz --resume", 1, "Name a dataset that 'catclf prepare' wrote."),
    ("prepare photos out.h5", 1, "the dataset to write is named with --output."),
    ("prepare photos dataset.npz", 1, "the dataset to write is named with --output."),
    ("predict", 2, "Missing argument 'IMAGE...'"),
    ("tune --lr 0.001 0.01", 2, "Lists have commas and no spaces: --lr 0.001,0.01"),
    ("tune --lr 0.001 0.01 0.1", 2, "commas and no spaces: --lr 0.001,0.01"),
    ("tune dataset.npz --lr 0.001 0.01", 2, "commas and no spaces: --lr 0.001,0.01"),
    ("tune dataset.npz --lr 0.001, 0.01", 2, "'0.001,' is not a list of numbers such as 0.001,"),
    ("train --iters 100 200", 2, "an option takes one value."),
    ("train dataset.npz --config tuned.toml", 2, "before the verb: catclf --config FILE train"),
    ("train dataset.npz --learning-rate 0.1", 2, "Did you mean --lr?"),
    ("train dataset.npz --iterations 10", 2, "Did you mean --iters?"),
    ("train dataset.npz --epochs 10", 2, "Did you mean --iters?"),
    ("train dataset.npz -m model.npz", 2, "The model to write is named with -o."),
    ("predict photo.png -o out.csv", 2, "catclf predict IMAGE > FILE"),
    ("predict photo.png --modle model.npz", 2, "--model"),
    ("train dataset.npz --nothing-like-it", 2, "No such option"),
    ("trian dataset.npz", 2, "No such verb 'trian'. Did you mean train?"),
    ("eval dataset.npz", 2, "Did you mean evaluate?"),
    ("photo.png", 2, "The verbs are prepare, train, predict"),
]


@pytest.mark.parametrize(("words", "code", "said"), SLIPS)
@pytest.mark.usefixtures("intact")
def test_a_slip_is_told_what_to_type(words: str, code: int, said: str, tmp_path: Path) -> None:
    """A usage error ends with 2, a file that is not what it should be with 1."""
    found, stderr = told(words, tmp_path / "out")
    assert (found, said in stderr) == (code, True), stderr


def test_a_dataset_may_be_called_by_a_number(intact: Path, tmp_path: Path) -> None:
    """Where there is such a file, it is no slip."""
    shutil.copy(intact / "dataset.npz", tmp_path / "0.01")
    assert told(f"train {tmp_path / '0.01'} --iters 2 -o OUT", tmp_path / "out")[0] == 0
    (intact / "7").write_bytes((intact / "dataset.npz").read_bytes())
    try:
        assert told("train 7 --iters 2 -o OUT", tmp_path / "out")[0] == 0
    finally:
        (intact / "7").unlink()


def test_prepare_elsewhere_says_what_to_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a SOURCE, where there is no sample."""
    monkeypatch.chdir(tmp_path)
    code, stderr = told("prepare", tmp_path / "out")
    first, fix = stderr.splitlines()
    assert (code, first) == (1, "Error: data/sample: no such folder, and no SOURCE is named")
    assert fix.startswith("Name a folder of class folders")

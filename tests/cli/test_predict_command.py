"""catclf predict: csv and jsonl, and standard input; transcript.md has its text."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catclf
from catclf.backbone import open_session
from catclf.cli.output import error_text
from catclf.cli.predict import as_text
from catclf.errors import CatclfError
from catclf.files import FileKind, file_kind
from catclf.model_file import load_model, save_model
from catclf.neighbors import Neighbors
from catclf.operations.prediction import Prediction
from cli.conftest import with_floor
from command_line import CATCLF, invoke, records, results, run


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_picture_that_cannot_be_read_is_a_record_too(
    pictures: Path, model: Path, form: str
) -> None:
    """In csv and jsonl it stands in its place, with nothing but its name and error: exit 3."""
    result = invoke("predict", pictures, "-m", model, "--format", form)
    assert result.exit_code == 3
    shown = records(form, result.stdout)
    probabilities = {"csv": ["P(noncat)", "P(cat)"], "jsonl": ["probabilities"]}[form]
    keys = ["file", "predicted", "confidence", *probabilities, "error"]
    assert [list(record) for record in shown] == [keys] * 4
    for record, answer in zip(shown, catclf.predict([pictures], model), strict=True):
        assert record["file"] == answer.name
        assert record["predicted"] == answer.predicted
        assert record["confidence"] == answer.confidence
        found = record.get("probabilities")
        if form == "csv" and not answer.error:
            found = {name: record[f"P({name})"] for name in ("noncat", "cat")}
        assert found == answer.probabilities
        assert record["error"] == (answer.error.what if answer.error else None)
    assert [record["error"] is None for record in shown] == [True, True, False, True]


@pytest.mark.parametrize(("threshold", "predicted"), [("0", "cat"), ("1", "noncat")])
def test_a_probability_says_of_which_class_it_is(
    pictures: Path, model: Path, threshold: str, predicted: str
) -> None:
    """In every format it is that of the class predicted, whichever the threshold made that."""
    words = ["predict", pictures / "0.png", "-m", model, "--threshold", threshold, "--format"]
    [record] = records("jsonl", results(*words, "jsonl"))
    confidence = record["confidence"]
    assert record["predicted"] == predicted
    assert list(record["probabilities"]) == ["noncat", "cat"]
    assert sum(record["probabilities"].values()) == 1
    assert confidence == record["probabilities"][predicted]
    [row] = records("csv", results(*words, "csv"))
    assert (row["predicted"], row["confidence"]) == (predicted, confidence)
    assert row[f"P({predicted})"] == confidence
    line = f"{pictures / '0.png'}: {predicted}, P({predicted}) = {confidence:.4f}\n"
    assert results(*words, "text") == line


@pytest.mark.parametrize("name", ["error", 'a,"b"', "a (b)", "\U0001f600"])
def test_any_class_name_has_a_column_of_its_own(
    pictures: Path, model: Path, tmp_path: Path, name: str
) -> None:
    """A class may be called like another column, or need quotes."""
    renamed = dataclasses.replace(load_model(model), classes=("file", name))
    save_model(tmp_path / "m.npz", renamed)
    words = ["predict", pictures / "0.png", "-m", tmp_path / "m.npz", "--format", "csv"]
    [row] = records("csv", results(*words))
    assert list(row) == ["file", "predicted", "confidence", "P(file)", f"P({name})", "error"]
    assert row["P(file)"] + row[f"P({name})"] == 1


def save_several(path: Path, classes: tuple[str, ...]) -> Path:
    """Save a model of some classes of 8x8 pictures, and return its path."""
    k = len(classes)
    w = np.random.default_rng(0).normal(size=(192, k)) / 10
    save_model(path, catclf.Model(w, np.zeros((k, 1)), classes, catclf.Preprocessing(size=8)))
    return path


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_of_several_classes_records_have_all_in_their_order(
    pictures: Path, tmp_path: Path, form: str
) -> None:
    """Whatever they are called; of a picture that cannot be read the cells are there, empty."""
    classes = ("z", 'a,"b"', "error", "\U0001f600", "\x1b\n;")
    model = save_several(tmp_path / "m.npz", classes)
    result = invoke("predict", pictures, "-m", model, "--format", form)
    assert result.exit_code == 3
    shown = records(form, result.stdout)
    named = [f"P({name})" for name in (*classes[:-1], r"\x1b\n;")]  # escaped: a line is a line
    probabilities = named if form == "csv" else ["probabilities"]
    keys = ["file", "predicted", "confidence", *probabilities, "error"]
    assert [list(record) for record in shown] == [keys] * 4
    for record, answer in zip(shown, catclf.predict(pictures, model), strict=True):
        found = record.get("probabilities")
        if form == "csv":
            found = dict(zip(classes, (record[name] for name in named), strict=True))
        if answer.error:
            assert record["error"] == answer.error.what
            assert found == (dict.fromkeys(classes) if form == "csv" else None)
        else:
            assert found is not None
            assert list(found.items()) == list((answer.probabilities or {}).items())
            assert record["confidence"] == max(found.values())
    assert [record["error"] is None for record in shown] == [True, True, False, True]


def test_of_several_classes_text_names_the_one_predicted(pictures: Path, tmp_path: Path) -> None:
    """With its probability; what the model tells apart is a line that can be read."""
    classes = tuple(f"kind of thing {i}" for i in range(100))
    model = save_several(tmp_path / "m.npz", classes)
    result = invoke("predict", pictures / "0.png", "-m", model)
    [answer] = catclf.predict(pictures / "0.png", model)
    told = f"{answer.predicted}, P({answer.predicted}) = {answer.confidence:.4f}"
    assert result.stdout == f"{pictures / '0.png'}: {told}\n"
    assert " ".join(result.stderr.split()) == (
        f"Model: {model}, one of 100 classes (kind of thing 0, kind of thing 1, kind of thing 2 "
        "and 97 more)"
    )
    assert max(map(len, result.stderr.splitlines())) <= max(80, len(f"Model: {model},"))


@pytest.mark.parametrize("form", ["text", "csv", "jsonl"])
def test_a_threshold_with_several_classes_is_a_usage_error(
    pictures: Path, tmp_path: Path, form: str
) -> None:
    """Before a picture is read or a line is written; 0.5 is the default, and no error."""
    model = save_several(tmp_path / "m.npz", ("a", "b", "c"))
    words = ["predict", pictures / "0.png", "-m", model, "--format", form, "--threshold"]
    result = invoke(*words, "0.4", "--evidence", tmp_path / "e")
    assert isinstance(result.exception, CatclfError)
    assert result.exception.exit_code == 2
    assert error_text(result.exception) == (
        "a threshold is for two classes, and these are 3\n"
        "Leave out --threshold: the most probable class is predicted."
    )
    assert result.stdout == ""
    assert not (tmp_path / "e").exists()
    assert results(*words, "0.5") == results(*words[:-1])


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_records_tell_how_like_the_training_pictures_each_is(
    pictures: Path, backbone_model: Path, form: str
) -> None:
    """After all that other models tell, and nothing of one that cannot be read."""
    words = ["predict", pictures, "-m", backbone_model, "--format", form]
    result = invoke(*words)
    assert result.exit_code == 3
    shown = records(form, result.stdout)
    ranks = [f"nearest_{rank}" for rank in (1, 2, 3)]
    three = [f"{rank}{part}" for rank in ranks for part in ("", "_class", "_similarity")]
    told = ["similarity", "unlike", *(three if form == "csv" else ["nearest"])]
    probabilities = {"csv": ["P(noncat)", "P(cat)"], "jsonl": ["probabilities"]}[form]
    keys = ["file", "predicted", "confidence", *probabilities, "error", *told]
    assert [list(record) for record in shown] == [keys] * 4
    for record, answer in zip(shown, catclf.predict([pictures], backbone_model), strict=True):
        if answer.error:
            assert [record[key] for key in told] == [None] * len(told)
            continue
        assert record["similarity"] == answer.similarity
        if form == "csv":
            assert record["unlike"] == str(answer.unlike).lower()
            assert [record[key] for key in three] == [v for each in answer.nearest for v in each]
        else:
            assert record["unlike"] is answer.unlike
            assert record["nearest"] == [
                {"name": each.name, "class": each.label, "similarity": each.similarity}
                for each in answer.nearest
            ]
    assert [record["error"] is None for record in shown] == [True, True, False, True]


def test_text_tells_where_a_picture_is_unlike_the_training_pictures(
    pictures: Path, backbone_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one line more, with the nearest of them, whose name may hold anything; exit 0."""
    monkeypatch.chdir(pictures)
    words = ["predict", "0.png", "1.png", "-m"]
    usual = results(*words, with_floor(backbone_model, 0))
    assert usual.count("\n") == 2
    lines = results(*words, with_floor(backbone_model, 1, "\x1b.png")).splitlines()
    assert lines[::2] == usual.splitlines()
    answers = catclf.predict(["0.png", "1.png"], backbone_model)
    for line, answer in zip(lines[1::2], answers, strict=True):
        assert line == (
            f"  unlike the training pictures (similarity {answer.similarity:.4f}, below 1.0000); "
            f"nearest: \\x1b.png ({answer.nearest[0].label})"
        )


@given(
    seed=st.integers(0, 99),
    shape=st.tuples(st.integers(5, 9), st.integers(1, 30)),
    floor=st.floats(0, 1) | st.sampled_from([0.0, 1e-5, 1e-9, 2e-16]),
    near=st.booleans(),
)
def test_the_line_never_lies(seed: int, shape: tuple[int, int], floor: float, near: bool) -> None:
    """It is there where a picture is below the floor, however little, and its numbers show it."""
    columns = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    kept, column = columns[1:], columns[:1]
    labels = np.arange(len(kept), dtype=np.uint8) % 2
    names = [f"{i}.png" for i in range(len(kept))]
    neighbors = Neighbors(kept, labels, names, np.arange(len(kept)), floor=0.0)
    [similarity] = neighbors.similarities(column)
    if near:
        floor = float(min(1.0, max(0.0, similarity + floor)))
    neighbors = dataclasses.replace(neighbors, floor=floor)
    likeness = neighbors.likeness(column, ("noncat", "cat"))
    answer = Prediction("a.png", "cat", {"noncat": 0.25, "cat": 0.75}, None, *likeness)
    first, *more = as_text(answer, neighbors).splitlines()
    assert first == "a.png: cat, P(cat) = 0.7500"
    assert bool(more) == (similarity < floor)
    for line in more:
        found = re.fullmatch(
            r"  unlike the training pictures \(similarity (0\.\d{4,}), below ([01]\.\d{4,})\); "
            r"nearest: (\d)\.png \((noncat|cat)\)",
            line,
        )
        assert found is not None
        told, below = float(found[1]), float(found[2])
        assert told < below or found[1] < found[2]
        assert max(abs(told - similarity), abs(below - floor)) <= 0.00005 + 1e-12
        row = int(found[3])
        assert (neighbors.cosines(column)[0, row], labels[row]) == (
            neighbors.cosines(column).max(),
            ("noncat", "cat").index(found[4]),
        )


def test_a_picture_on_stdin(pictures: Path, model: Path) -> None:
    """A dash is one picture on stdin, with the probability it has as a file."""
    data = BytesIO((pictures / "0.png").read_bytes())
    words = ["predict", "-", pictures / "0.png", "-m", model, "--format", "csv"]
    piped, named = records("csv", results(*words, input=data))
    assert piped == {**named, "file": "-"}


@pytest.mark.parametrize(
    ("images", "code"), [("0.png 1.png", 0), ("0.png 2.png", 3), ("2.png notes.txt missing", 1)]
)
@pytest.mark.parametrize("form", ["text", "csv", "jsonl"])
@pytest.mark.parametrize("listed", [False, True])
def test_the_exit_code_tells_some_failed_from_all(
    pictures: Path, model: Path, images: str, code: int, form: str, listed: bool
) -> None:
    """0 where all were predicted, 3 where some could not be read, 1 where none could."""
    paths = [str(pictures / name) for name in images.split()]
    words = ["--files-from", "-"] if listed else paths
    given = "\n".join(paths) if listed else ""
    result = invoke("predict", *words, "-m", model, "--format", form, input=given)
    assert result.exit_code == code


@pytest.mark.parametrize("form", ["--files-from=list.txt", "--files-from=-"])
@pytest.mark.parametrize("written", ["{}", "\ufeff{}", "{}\n", "\n\n{}\n  \n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_of_paths_is_predicted_as_they_are(
    pictures: Path, model: Path, monkeypatch: pytest.MonkeyPatch, form: str, written: str, end: str
) -> None:
    """One a line, in UTF-8 but of any bytes, after the pictures that are named beside it."""
    monkeypatch.chdir(pictures)
    names = ["0.png", "a b,'.png", "\u732b.png", os.fsdecode(b"mod\xe8le.png"), " 1.png ", "-"]
    for name in names[1:]:
        shutil.copy("1.png", name)
    text = written.format("\n".join(names)).replace("\n", end)
    data = text.encode("utf-8", "surrogateescape")
    Path("list.txt").write_bytes(data)
    words = ["predict", "-m", model, "--format", "jsonl"]
    listed = records("jsonl", results(*words, form, input=data))
    named = records("jsonl", results(*words, *[f"./{name}" for name in names]))
    assert [each["file"] for each in listed] == names
    assert [{**each, "file": f"./{each['file']}"} for each in listed] == named
    both = records("jsonl", results(*words, "1.png", form, input=data))
    assert [each["file"] for each in both] == ["1.png", *names]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "no such file\nCheck the path."),
        ("cat", "a folder, not a file\nName a text file in UTF-8 that holds one path a line."),
        ("0.png", "is a picture, not a list of paths\nName a text file in UTF-8"),
        ("m.npz", "is a model that catclf trained, not a list of paths\nName a text file"),
        ("utf-16", "is not a list of paths\nName a text file in UTF-8"),
        ("empty", "lists no pictures\nName a text file"),
        ("late NUL", "is not a list of paths (line 5001)\nName a text file"),
        ("one line", "is not a list of paths (line 1)\nName a text file"),
    ],
)
def test_what_is_no_list_is_one_message(
    pictures: Path, model: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    """Nothing is predicted, and no more of it is read than a path is long."""
    monkeypatch.chdir(pictures)
    os.mkdir("cat")
    shutil.copy(model, "m.npz")
    Path("utf-16").write_bytes("0.png\n".encode("utf-16"))
    Path("empty").write_text("\n\n")
    Path("late NUL").write_text("no such.png\n" * 5000 + "0.png\0")
    Path("one line").write_text("x" * 2**20)
    result = invoke("predict", "-m", model, "--files-from", name)
    assert str(result.exception).startswith(f"{name}: {said}")
    assert isinstance(result.exception, CatclfError)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Name pictures as IMAGE, or a list of them with --files-from."),
        ("- --files-from -", "IMAGE and --files-from cannot both be read from stdin."),
    ],
)
def test_pictures_come_from_somewhere_and_stdin_is_read_once(words: str, said: str) -> None:
    """A usage error says so."""
    result = invoke("predict", *words.split())
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("stdin", ["<&-", "</dev/null"])
def test_no_picture_on_stdin(model: Path, stdin: str) -> None:
    """An empty or a closed stdin is an error of the picture '-'."""
    command = [*CATCLF, "predict", "-", "-q", "-m", str(model)]
    shell = subprocess.run(
        ["sh", "-c", f'"$@" {stdin}', "sh", *command], capture_output=True, text=True, timeout=60
    )
    assert (shell.returncode, shell.stdout) == (1, "")
    assert shell.stderr.startswith("Error: -: ")
    assert "Traceback" not in shell.stderr


def test_evidence_is_written_beside_the_result(
    pictures: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many files, where, and what their colors say, stands on stderr; -q leaves it out."""
    monkeypatch.chdir(tmp_path)
    words = ["predict", pictures, "-m", model]
    plain = invoke(*words)
    for quiet in ([], ["-q"]):
        result = invoke(*words, "--evidence", "e", *quiet)
        assert (result.exit_code, result.stdout) == (3, plain.stdout)
        said = "e: 3 PNG files saved; orange speaks for cat, blue against\n"
        assert result.stderr.endswith(said) is not bool(quiet)
    assert sorted(os.listdir("e")) == [f"{n}.png.evidence.png" for n in (0, 1, 3)]
    several = save_several(tmp_path / "several.npz", ("a", "b", "c"))
    result = invoke("predict", pictures / "0.png", "-m", several, "--evidence", "s")
    assert "orange speaks for the prediction, blue against\n" in result.stderr


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("which", ["model", "backbone_model"])
def test_records_name_the_evidence(
    pictures: Path,
    which: str,
    form: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Last, where it is asked for; nothing of a picture that cannot be read."""
    monkeypatch.chdir(tmp_path)
    words = ["predict", pictures, "-m", request.getfixturevalue(which), "--format", form]
    shown = records(form, invoke(*words, "--evidence", "e").stdout)
    assert [list(each)[-1] for each in shown] == ["evidence"] * 4
    written = [each.pop("evidence") for each in shown]
    assert written[2] is None
    assert written[:2] + written[3:] == [
        os.path.join("e", name) for name in sorted(os.listdir("e"))
    ]
    assert shown == records(form, invoke(*words).stdout)


@pytest.mark.parametrize("form", ["text", "csv", "jsonl"])
@pytest.mark.slow
def test_evidence_is_written_where_nobody_reads_the_results(
    pictures: Path, model: Path, tmp_path: Path, form: str
) -> None:
    """All of it, as behind `| head -1`: exit 0. On a full disk too, which then is the error."""
    reading, broken = os.pipe()
    os.close(reading)
    words = ["predict", pictures, "-m", model, "--format", form, "--evidence"]
    ended = run(*words, "e", stdout=broken, cwd=tmp_path)
    os.close(broken)
    assert (ended.returncode, len(os.listdir(tmp_path / "e"))) == (0, 3)
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full:
            ended = run(*words, "f", stdout=full, cwd=tmp_path)
        assert (ended.returncode, len(os.listdir(tmp_path / "f"))) == (1, 3)
        assert "the results cannot be written" in ended.stderr


def test_a_network_that_does_not_run_is_told_by_the_models_file(
    pictures: Path, backbone_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And by what whoever has the model alone can do."""
    open_session.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused = invoke("predict", pictures, "-m", backbone_model).exception
    assert isinstance(refused, CatclfError)
    assert refused.where == str(backbone_model)
    assert refused.what.startswith("a network needs onnxruntime, which cannot be loaded")
    assert refused.fix == "Install it: pip install 'catclf[photos]'."


def test_evidence_takes_no_other_files_place(
    pictures: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way out is named; without places in the features nothing is written."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("e")
    place = Path("e/0.png.evidence.png")
    place.write_text("mine")
    words = ["predict", pictures / "0.png", "-m", model, "--evidence", "e"]
    refused = invoke(*words).exception
    assert isinstance(refused, CatclfError)
    assert error_text(refused).endswith("replace this one with --force.")
    assert place.read_text() == "mine"
    assert invoke(*words, "--force").exit_code == 0
    assert file_kind(place) is FileKind.EVIDENCE
    preprocessing = catclf.Preprocessing(size=8, features="hog-color")
    w, b = np.zeros((5576, 1)), np.zeros((1, 1))
    save_model("h.npz", catclf.Model(w, b, ("a", "b"), preprocessing))
    refused = invoke(*words[:2], "-m", "h.npz", "--evidence", "new").exception
    assert isinstance(refused, CatclfError)
    assert "Prepare with other --features, pixels or efficientnet-lite0" in error_text(refused)
    assert not os.path.exists("new")

"""catclf predict: its formats, standard input and weights-only models."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

import catclf
from catclf.model import load_model, save_model
from command_line import CATCLF, invoke, records, results, run


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
        probability = f"P({answer.predicted}) = {answer.confidence:.4f}"
        assert line == f"{answer.name}: {answer.predicted}, {probability}"
    assert f"Error: {pictures / '2.png'}: " in result.stderr
    assert "Skipped, not named as pictures: 1" in result.stderr


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_picture_that_cannot_be_read_is_a_record_too(
    pictures: Path, model: Path, form: str
) -> None:
    """In csv and jsonl it stands in its place, with nothing but its name and error: exit 1."""
    result = invoke("predict", pictures, "-m", model, "--format", form)
    assert result.exit_code == 1
    answers = list(catclf.predict([pictures], load_model(model)))
    shown = records(form, result.stdout)
    probabilities = {"csv": ["P(noncat)", "P(cat)"], "jsonl": ["probabilities"]}[form]
    keys = ["file", "predicted", "confidence", *probabilities, "error"]
    assert [list(record) for record in shown] == [keys] * 4
    for record, answer in zip(shown, answers, strict=True):
        assert record["file"] == answer.name
        assert record["predicted"] == answer.predicted
        assert record["confidence"] == answer.confidence
        found = record.get("probabilities")
        if form == "csv" and not answer.error:
            found = {name: record[f"P({name})"] for name in ("noncat", "cat")}
        assert found == answer.probabilities
        assert record["error"] == (answer.error.what if answer.error else None)
    assert [record["error"] is None for record in shown] == [True, True, False, True]


@pytest.mark.parametrize("threshold", ["0", "0.5", "1"])
def test_a_probability_says_of_which_class_it_is(
    pictures: Path, model: Path, threshold: str
) -> None:
    """In every format, whichever class is predicted, and in the order of the labels."""
    words: list[str | Path] = [
        "predict",
        pictures / "0.png",
        "-m",
        model,
        "--threshold",
        threshold,
        "--format",
    ]
    [record] = map(json.loads, results(*words, "jsonl").splitlines())
    predicted, confidence = record["predicted"], record["confidence"]
    assert list(record["probabilities"]) == ["noncat", "cat"]
    assert sum(record["probabilities"].values()) == 1
    assert confidence == record["probabilities"][predicted]
    if threshold != "0.5":
        assert predicted == {"0": "cat", "1": "noncat"}[threshold]
    [row] = records("csv", results(*words, "csv"))
    assert (row["predicted"], row["confidence"], row[f"P({predicted})"]) == (
        predicted,
        confidence,
        confidence,
    )
    line = f"{pictures / '0.png'}: {predicted}, P({predicted}) = {confidence:.4f}\n"
    assert results(*words, "text") == line


@pytest.mark.parametrize("name", ["error", 'a,"b"', "a (b)", "\U0001f600"])
def test_any_class_name_has_a_column_of_its_own(pictures: Path, model: Path, name: str) -> None:
    """A class may be called like another column, or need quotes."""
    renamed = model.with_name("renamed.npz")
    save_model(renamed, dataclasses.replace(load_model(model), classes=("file", name)))
    words: list[str | Path] = ["predict", pictures / "0.png", "-m", renamed, "--format", "csv"]
    [row] = records("csv", results(*words))
    assert list(row) == ["file", "predicted", "confidence", "P(file)", f"P({name})", "error"]
    assert row["P(file)"] + row[f"P({name})"] == 1


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
    probabilities = ("confidence", "P(noncat)", "P(cat)")
    assert piped["file"] == "-"
    assert [piped[key] for key in probabilities] == [named[key] for key in probabilities]


@pytest.mark.parametrize("closed", [False, True])
def test_no_picture_on_stdin(model: Path, closed: bool) -> None:
    """An empty or a closed stdin is an error of the picture '-'."""
    command = [*CATCLF, "predict", "-", "-q", "-m", str(model)]
    shell = subprocess.run(
        ["sh", "-c", '"$@" <&-' if closed else '"$@" </dev/null', "sh", *command],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (shell.returncode, shell.stdout) == (1, "")
    assert shell.stderr.startswith("Error: -: ")
    assert "Traceback" not in shell.stderr


def test_a_weights_only_model_says_what_is_assumed(
    pictures: Path, weights_only: Path, model: Path
) -> None:
    """A notebook's w and b predict as the model does, and stderr tells what was assumed."""
    words = ["predict", str(pictures / "0.png"), "-m", str(weights_only)]
    by_weights = invoke(*words, "--order", "planes")
    assert by_weights.exit_code == 0
    assert by_weights.stderr.startswith(f"Model: {weights_only}, class 0 or class 1; w and b alone")
    by_model = results("predict", pictures / "0.png", "-m", model)
    assert by_weights.stdout.split(" = ")[1] == by_model.split(" = ")[1]
    turned = invoke(*words, "--order", "interleaved")
    assert turned.stdout != by_weights.stdout
    assert "interleaved" in turned.stderr
    named = invoke(*words, "--order", "planes", "--classes", "noncat,cat")
    assert named.stdout == by_model


def test_an_order_for_a_model_that_has_its_own_is_refused(pictures: Path, model: Path) -> None:
    """--order is for weights-only models."""
    ended = run("predict", pictures / "0.png", "-m", model, "--order", "planes")
    assert ended.returncode == 1
    assert "Leave out --order" in ended.stderr

"""catclf predict: its formats, standard input and weights-only models."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import catclf
from catclf.model import load_model
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
        assert line == f"{answer.name}: {answer.predicted}, P(cat) = {answer.probability:.4f}"
    assert f"Error: {pictures / '2.png'}: " in result.stderr
    assert "Skipped, no pictures: 1" in result.stderr


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

"""catclf predict: csv and jsonl, and standard input; transcript.md has its text."""

from __future__ import annotations

import dataclasses
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

import catclf
from catclf.model import load_model, save_model
from command_line import CATCLF, invoke, records, results


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_picture_that_cannot_be_read_is_a_record_too(
    pictures: Path, model: Path, form: str
) -> None:
    """In csv and jsonl it stands in its place, with nothing but its name and error: exit 1."""
    result = invoke("predict", pictures, "-m", model, "--format", form)
    assert result.exit_code == 1
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


def test_a_picture_on_stdin(pictures: Path, model: Path) -> None:
    """A dash is one picture on stdin, with the probability it has as a file."""
    data = BytesIO((pictures / "0.png").read_bytes())
    words = ["predict", "-", pictures / "0.png", "-m", model, "--format", "csv"]
    piped, named = records("csv", results(*words, input=data))
    assert piped == {**named, "file": "-"}


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

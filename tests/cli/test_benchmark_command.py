"""catclf benchmark: a line and a record for every method, and its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from catclf.cli.benchmark import as_json, as_text
from catclf.descent import METHODS
from catclf.operations.benchmarking import Timing
from command_line import invoke, run

TIMINGS = [
    Timing("iterative", 0.5, 0.25, 209, 100, 1, 1e-15, "vectorized"),
    Timing("streaming", 0.01, 0.02, 209, 209, 70, 3e-2, "vectorized"),
    Timing("vectorized", 0.005, 0.01, 209, 209, 140, None, "vectorized"),
    Timing("gram", 0.0001, 0.03, 209, 209, 7000, 0.0, "vectorized"),
]


def test_the_table_and_the_json_tell_of_every_method(small_dataset: Path) -> None:
    """Both forms name each method; JSON parses."""
    text = invoke("benchmark", small_dataset)
    assert text.exit_code == 0
    assert all(method in text.stdout for method in METHODS)
    assert "iterative was timed on 1 iteration of 18 pictures\n" in text.stdout
    form = invoke("benchmark", "-q", small_dataset, "--format", "json")
    rows = json.loads(form.stdout)["methods"]
    assert {row["method"] for row in rows} == set(METHODS)
    assert all(row["agrees"] for row in rows)


def test_notes_name_the_method_that_is_timed(dataset: Path) -> None:
    """A line each on stderr; --quiet leaves none, and stdout holds the table alone."""
    loud, quiet = invoke("benchmark", dataset), invoke("benchmark", dataset, "-q")
    assert (loud.exit_code, quiet.exit_code) == (0, 0)
    timed = re.findall(r"^Timing (\w+) \.\.\.$", loud.stderr, re.MULTILINE)
    assert sorted(timed) == sorted(METHODS)
    assert len(loud.stderr.splitlines()) == len(METHODS)
    assert quiet.stderr == ""
    for shown in (loud.stdout, quiet.stdout):
        assert shown.startswith("method ")
        assert len(shown.splitlines()) == len(METHODS) + 2


def test_benchmark_in_words() -> None:
    """Seconds, how much faster, the time of a descent, and whether the costs are the same."""
    assert as_text(TIMINGS, 100).splitlines() == [
        "method      s/iteration     faster    100 iters  costs agree",
        "iterative           0.5         1x       50.2 s  yes, to 1e-15",
        "streaming          0.01        50x       1.02 s  NO, to 3e-02",
        "vectorized        0.005       100x       0.51 s  (the reference)",
        "gram             0.0001      5000x       0.04 s  yes, exactly",
        "iterative was timed on 1 iteration of 100 pictures, and scaled",
    ]


def test_benchmark_in_json() -> None:
    """The same in full precision, with what was timed and what it was compared with."""
    found = json.loads(as_json(TIMINGS, 100))
    assert found["iterations"] == 100
    assert found["methods"][0] == {
        "method": "iterative",
        "seconds": 0.5,
        "start_seconds": 0.25,
        "m": 209,
        "examples": 100,
        "iterations": 1,
        "difference": 1e-15,
        "reference": "vectorized",
        "ratio_to_slowest": 1.0,
        "descent_seconds": 50.25,
        "agrees": True,
    }
    assert [row["agrees"] for row in found["methods"]] == [True, False, True, True]
    assert found["methods"][2]["difference"] is None
    assert found["methods"][3]["ratio_to_slowest"] == 5000


def test_iters_is_the_length_that_is_told(dataset: Path) -> None:
    """--iters changes the descent whose time is told, in either form."""
    text = invoke("benchmark", dataset, "--iters", "7").stdout
    assert " 7 iters " in text.splitlines()[0]
    found = json.loads(invoke("benchmark", dataset, "--iters", "7", "--format", "json").stdout)
    assert found["iterations"] == 7
    for row in found["methods"]:
        expected = row["start_seconds"] + 7 * row["seconds"]
        assert row["descent_seconds"] == pytest.approx(expected)


def test_a_missing_dataset_is_exit_1(tmp_path: Path) -> None:
    """One message of two lines, which says what to run."""
    ended = run("benchmark", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: data/dataset.h5: ")
    assert len(ended.stderr.splitlines()) == 2
    assert "catclf prepare" in ended.stderr


@pytest.mark.parametrize("words", ["--iters 0", "--iters x", "--format csv", "--lr 1", "a.h5 b.h5"])
def test_a_benchmark_that_is_none_is_exit_2(words: str) -> None:
    """What is not possible is a usage error."""
    result = invoke("benchmark", *words.split())
    assert (result.exit_code, result.stdout) == (2, "")

"""catclf benchmark: a line and a record for every method, and its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from catclf.cli.benchmark import as_json, as_text
from catclf.descent import METHODS
from catclf.operations import benchmarking
from catclf.operations.benchmarking import Timing
from command_line import invoke, run


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for a moment: no test is of a time."""
    monkeypatch.setattr(benchmarking, "ROUND_SECONDS", 0.001)


def timing(method: str, seconds: tuple[float, float, float], **settings: Any) -> Timing:
    """Return a timing of 209 pictures: the fastest, the median and the slowest round."""
    fastest, median, slowest = seconds
    fixed: dict[str, Any] = {
        "method": method,
        "seconds": median,
        "min_seconds": fastest,
        "max_seconds": slowest,
        "start_seconds": 0.25,
        "m": 209,
        "examples": 209,
        "rounds": 7,
        "iterations": 70,
        "waiting": 0.0,
        "difference": 1e-15,
        "reference": "vectorized",
    }
    return Timing(**{**fixed, **settings})


TIMINGS = [
    timing("iterative", (0.4, 0.5, 0.55), examples=100, iterations=7),
    timing("streaming", (0.009, 0.01, 0.0301), difference=3e-2, waiting=0.314),
    timing("vectorized", (0.00499, 0.005, 0.0051), difference=None),
    timing("gram", (0.0001, 0.0001, 0.00012), difference=0.0, waiting=0.01),
]


def test_the_table_and_the_json_tell_of_every_method(small_dataset: Path) -> None:
    """Both forms name each method; JSON parses."""
    text = invoke("benchmark", small_dataset)
    assert text.exit_code == 0
    assert all(method in text.stdout for method in METHODS)
    assert re.search(r"^iterative was timed on \d+ iterations of 18 pictures$", text.stdout, re.M)
    form = invoke("benchmark", "-q", small_dataset, "--format", "json")
    assert text.stdout.startswith(f"{small_dataset}: 18 training pictures\n")
    found = json.loads(form.stdout)
    assert found["dataset"] == str(small_dataset)
    rows = found["methods"]
    assert {row["method"] for row in rows} == set(METHODS)
    assert all(row["agrees"] for row in rows)


def test_notes_name_the_method_that_is_timed(dataset: Path) -> None:
    """A line each on stderr; --quiet leaves none, and stdout holds the table alone."""
    loud, quiet = invoke("benchmark", dataset), invoke("benchmark", dataset, "-q")
    assert (loud.exit_code, quiet.exit_code) == (0, 0)
    timed = re.findall(r"^Timing (\w+) \.\.\.$", loud.stderr, re.MULTILINE)
    assert sorted(timed) == sorted([*METHODS, "numba"])  # streaming by the other kernel
    assert len(loud.stderr.splitlines()) == len(METHODS) + 1
    assert quiet.stderr == ""
    for shown in (loud.stdout, quiet.stdout):
        assert shown.startswith(f"{dataset}: ")
        assert len([line for line in shown.splitlines() if line[0] != " "]) in (
            len(METHODS) + 8,
            len(METHODS) + 9,  # on a busy machine
        )


def test_benchmark_in_words() -> None:
    """Seconds and their spread, a whole descent's, whether costs agree, where it was busy."""
    shown = as_text("cats.h5", TIMINGS, 100).splitlines()
    assert shown == [
        "cats.h5: 209 training pictures",
        "seconds an iteration, in 7 rounds, and for 100 iterations:",
        "method           min    median       max   faster    in all  costs agree",
        "iterative        0.4       0.5      0.55       1x      50.2  yes, to 1e-15",
        "streaming      0.009      0.01    0.0301      50x      1.25  NO, to 3e-02",
        "vectorized   0.00499     0.005    0.0051     100x      0.75  (the reference)",
        "gram          0.0001    0.0001   0.00012    5000x      0.26  yes, exactly",
        "iterative was timed on 7 iterations of 100 pictures, and scaled",
        "the machine may have been busy with something else; benchmark again if so:",
        "  streaming: slowest round 3.3x the fastest, waiting 31 % of the time",
    ]
    assert max(map(len, shown)) <= 80


def test_streaming_with_and_without_the_extra() -> None:
    """A row for each kernel, the bytes of pixels that they read, and what the extra is for."""
    numpys = timing("streaming", (0.01, 0.01, 0.01), kernel="numpy", bytes_per_second=5.26e9)
    numbas = timing("streaming", (0.004, 0.004, 0.004), kernel="numba", bytes_per_second=16.41e9)
    with_extra = as_text("cats.h5", [numpys, numbas], 100).splitlines()
    assert with_extra[4].startswith("numba          0.004     0.004     0.004       2x")
    assert with_extra[5:] == [
        "streaming reads 5.3 GB/s of pixels",
        "numba reads 16.4 GB/s of pixels",
        "numba is streaming by compiled code, which long trainings use",
    ]
    assert as_text("cats.h5", [numpys], 100).splitlines()[4:] == [
        "streaming reads 5.3 GB/s of pixels",
        "compiled code for long trainings needs numba: pip install 'catclf[fast]'",
    ]
    rows = json.loads(as_json("cats.h5", [numpys, numbas], 100))["methods"]
    assert [row["kernel"] for row in rows] == ["numpy", "numba"]
    assert [row["bytes_per_second"] for row in rows] == [5.26e9, 16.41e9]


def test_a_quiet_machine_is_not_called_busy() -> None:
    """Where the rounds agree and the process never waits, nothing is said of it."""
    quiet = [timing for timing in TIMINGS if timing.method != "streaming"]
    assert "busy" not in as_text("cats.h5", quiet, 100)


@pytest.mark.parametrize("seconds", [1.2345e-7, 123456.0])
def test_the_table_fits_80_columns(seconds: float) -> None:
    """Whatever the machine, the data and the number of iterations."""
    timings = [
        timing(method, (seconds, seconds, 2 * seconds), waiting=1.0)
        for method in ("iterative", "vectorized")
    ]
    text = as_text("cats.h5", timings, 10**9)
    assert max(map(len, text.splitlines())) <= 80


def test_benchmark_in_json() -> None:
    """The same in full precision, with what was timed and what it was compared with."""
    found = json.loads(as_json("cats.h5", TIMINGS, 100))
    assert found["dataset"] == "cats.h5"
    assert found["iterations"] == 100
    assert found["methods"][0] == {
        "method": "iterative",
        "seconds": 0.5,
        "min_seconds": 0.4,
        "max_seconds": 0.55,
        "start_seconds": 0.25,
        "kernel": None,
        "bytes_per_second": None,
        "m": 209,
        "examples": 100,
        "rounds": 7,
        "iterations": 7,
        "waiting": 0.0,
        "difference": 1e-15,
        "reference": "vectorized",
        "ratio_to_slowest": 1.0,
        "descent_seconds": 50.25,
        "agrees": True,
        "busy": False,
    }
    assert [row["busy"] for row in found["methods"]] == [False, True, False, False]
    assert [row["agrees"] for row in found["methods"]] == [True, False, True, True]
    assert found["methods"][2]["difference"] is None
    assert found["methods"][3]["ratio_to_slowest"] == 5000


def test_iters_is_the_length_that_is_told(dataset: Path) -> None:
    """--iters changes the descent whose time is told, in either form."""
    text = invoke("benchmark", dataset, "--iters", "7").stdout
    assert text.splitlines()[1].endswith(" and for 7 iterations:")
    found = json.loads(invoke("benchmark", dataset, "--iters", "7", "--format", "json").stdout)
    assert found["iterations"] == 7
    for row in found["methods"]:
        expected = row["start_seconds"] + 7 * row["seconds"]
        assert row["descent_seconds"] == pytest.approx(expected)


def test_a_missing_dataset_is_exit_1(tmp_path: Path) -> None:
    """One message of two lines, which says what to run."""
    ended = run("benchmark", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: data/dataset.npz: ")
    assert len(ended.stderr.splitlines()) == 2
    assert "catclf prepare" in ended.stderr


@pytest.mark.parametrize("words", ["--iters 0", "--iters x", "--format csv", "--lr 1", "a.h5 b.h5"])
def test_a_benchmark_that_is_none_is_exit_2(words: str) -> None:
    """What is not possible is a usage error."""
    result = invoke("benchmark", *words.split())
    assert (result.exit_code, result.stdout) == (2, "")

"""catclf benchmark: a line and a record for every method, and its exit codes."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from catclf.cli import benchmark as module
from catclf.descent import METHODS
from catclf.operations import benchmarking
from catclf.operations.benchmarking import Timing
from command_line import invoke, results


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


def shown(
    monkeypatch: pytest.MonkeyPatch, timings: list[Timing], *words: str, iters: int = 100
) -> str:
    """Return what is printed of timings."""
    monkeypatch.setattr(module, "benchmark", lambda dataset, observer: timings)
    return results("benchmark", "cats.npz", "--iters", str(iters), *words)


@pytest.mark.slow
def test_every_method_is_told_in_both_forms(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes on stderr name the one that is timed; --quiet leaves none."""
    monkeypatch.setattr(benchmarking, "ROUND_SECONDS", 0.001)
    text = invoke("benchmark", dataset, "--iters", "7")
    assert text.exit_code == 0
    assert text.stdout.startswith(f"{dataset}: 18 training pictures\n")
    timed = re.findall(r"^Timing (\w+) \.\.\.$", text.stderr, re.MULTILINE)
    assert sorted(timed) == sorted([*METHODS, "numba"])  # streaming by the other kernel
    assert len(text.stderr.splitlines()) == len(METHODS) + 1
    for name in (*METHODS, "numba"):
        assert re.search(rf"^{name} +[\d.]", text.stdout, re.MULTILINE)
    form = invoke("benchmark", "-q", dataset, "--iters", "7", "--format", "json")
    assert form.stderr == ""
    found = json.loads(form.stdout)
    assert (found["dataset"], found["iterations"]) == (str(dataset), 7)
    assert {row["method"] for row in found["methods"]} == set(METHODS)
    assert all(row["agrees"] for row in found["methods"])


def test_benchmark_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds and their spread, a whole descent's, whether costs agree, where it was busy."""
    assert shown(monkeypatch, TIMINGS).splitlines() == [
        "cats.npz: 209 training pictures",
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
    quiet = [timing for timing in TIMINGS if timing.method != "streaming"]
    assert "busy" not in shown(monkeypatch, quiet)


def test_streaming_with_and_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each kernel, the bytes of pixels that they read, and what the extra is for."""
    numpys = timing("streaming", (0.01, 0.01, 0.01), kernel="numpy", bytes_per_second=5.26e9)
    numbas = timing("streaming", (0.004, 0.004, 0.004), kernel="numba", bytes_per_second=16.41e9)
    with_extra = shown(monkeypatch, [numpys, numbas]).splitlines()
    assert with_extra[4].startswith("numba          0.004     0.004     0.004       2x")
    assert with_extra[5:] == [
        "streaming reads 5.3 GB/s of pixels",
        "numba reads 16.4 GB/s of pixels",
        "numba is streaming by compiled code, which long trainings use",
    ]
    assert shown(monkeypatch, [numpys]).splitlines()[4:] == [
        "streaming reads 5.3 GB/s of pixels",
        "compiled code for long trainings needs numba: pip install 'catclf[fast]'",
    ]
    rows = json.loads(shown(monkeypatch, [numpys, numbas], "--format", "json"))["methods"]
    assert [row["kernel"] for row in rows] == ["numpy", "numba"]
    assert [row["bytes_per_second"] for row in rows] == [5.26e9, 16.41e9]


@pytest.mark.parametrize("seconds", [1.2345e-7, 123456.0])
def test_the_table_fits_80_columns(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Whatever the machine, the data and the number of iterations."""
    timings = [
        timing(method, (seconds, seconds, 2 * seconds), waiting=1.0)
        for method in ("iterative", "vectorized")
    ]
    text = shown(monkeypatch, timings, iters=10**9)
    assert max(map(len, text.splitlines())) <= 80


def test_benchmark_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in full precision, with what was timed and what it was compared with."""
    found = json.loads(shown(monkeypatch, TIMINGS, "--format", "json"))
    assert (found["dataset"], found["iterations"]) == ("cats.npz", 100)
    assert found["methods"][0] == {
        **asdict(TIMINGS[0]),
        "ratio_to_slowest": 1.0,
        "descent_seconds": 50.25,
        "agrees": True,
        "busy": False,
    }
    assert [row["busy"] for row in found["methods"]] == [False, True, False, False]
    assert [row["agrees"] for row in found["methods"]] == [True, False, True, True]
    assert found["methods"][2]["difference"] is None
    assert found["methods"][3]["ratio_to_slowest"] == 5000

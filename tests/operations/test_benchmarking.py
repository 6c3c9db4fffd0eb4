"""The benchmark verb's library: every method timed and compared."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import pytest

from catclf import benchmark
from catclf.descent import METHODS, memory_needs
from catclf.operations import benchmarking
from catclf.operations.benchmarking import Timing
from conftest import Recorder
from datasets import write_small

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for a moment: no test is of a time."""
    monkeypatch.setattr(benchmarking, "ROUND_SECONDS", 0.001)


def test_every_method_is_timed_in_rounds_and_agrees(small_dataset: Path) -> None:
    """All appear, slowest first; the median lies between the fastest and the slowest round."""
    timings = benchmark(small_dataset)
    assert {timing.method for timing in timings} == set(METHODS)
    assert [t.seconds for t in timings] == sorted((t.seconds for t in timings), reverse=True)
    for timing in timings:
        assert timing.agrees
        assert timing.rounds == benchmarking.TIMED_ROUNDS > 1
        assert timing.iterations % timing.rounds == 0
        assert 0 < timing.min_seconds <= timing.seconds <= timing.max_seconds
        assert timing.spread == timing.max_seconds / timing.min_seconds >= 1
        assert 0 <= timing.waiting <= 1


@pytest.mark.parametrize(
    ("slowest", "waiting", "busy"),
    [(1.0, 0.0, False), (1.4, 0.09, False), (1.6, 0.0, True), (1.0, 0.11, True)],
)
def test_rounds_that_differ_or_waiting_tell_of_a_busy_machine(
    slowest: float, waiting: float, busy: bool
) -> None:
    """Either is enough."""
    timing = Timing(
        "gram", 1.0, 1.0, slowest, 0.0, 9, 9, 7, 7, waiting, difference=None, reference="gram"
    )
    assert timing.busy is busy


def test_a_process_that_waits_is_seen(small_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the process does not compute for half of the time, half is told as waiting."""
    monkeypatch.setattr(benchmarking, "process_time", lambda: perf_counter() / 2)
    for timing in benchmark(small_dataset):
        assert timing.waiting == pytest.approx(0.5, abs=0.05)
        assert timing.busy


def test_a_kernel_that_cannot_be_loaded_is_warned_of(
    small_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numba is installed and broken: the others are timed."""
    monkeypatch.setitem(sys.modules, "catclf.descent.compiled", None)
    recorder = Recorder()
    kernels = {timing.kernel for timing in benchmark(small_dataset, recorder)}
    assert kernels == {None, "numpy"}
    assert [text.split(" (")[0] for text in recorder.warnings] == ["numba cannot be loaded"]


def test_what_fits_into_memory_is_asked_for_all_neurons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several classes a method needs more: one that would fit for two is not timed."""
    dataset = write_small(tmp_path / "d.npz", 9, size=2, classes=("cat", "dog", "tree"))
    one, three = (memory_needs(9, 12, k=k)["vectorized"] for k in (1, 3))
    monkeypatch.setattr(benchmarking, "available_memory", lambda: one + three)  # half is taken
    monkeypatch.setattr(benchmarking, "installed_kernels", lambda: ["numpy"])
    assert {timing.method for timing in benchmark(dataset)} == {"streaming"}


def test_methods_agree_where_streaming_is_all_there_is_to_hold_them_to(
    course_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where X does not fit in float64, gram is compared in float32's precision."""
    m, n_x = 209, 12288
    needs = memory_needs(m, n_x)
    between = (needs["gram"] + needs["vectorized"]) // 2
    monkeypatch.setattr(benchmarking, "available_memory", lambda: 2 * between)
    timings = {timing.method: timing for timing in benchmark(course_dataset)}
    assert "vectorized" not in timings
    assert timings["gram"].reference == "streaming"
    assert timings["gram"].agrees

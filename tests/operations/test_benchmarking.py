"""The benchmark verb's library: every method timed and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from catclf import benchmark
from catclf.descent import METHODS, memory_needs
from catclf.operations import benchmarking


def test_every_method_is_timed_and_agrees(small_dataset: Path) -> None:
    """All four appear, slowest first, and compute the same costs."""
    timings = benchmark(small_dataset)
    assert {timing.method for timing in timings} == set(METHODS)
    assert [t.seconds for t in timings] == sorted((t.seconds for t in timings), reverse=True)
    assert all(timing.agrees and timing.seconds > 0 for timing in timings)


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

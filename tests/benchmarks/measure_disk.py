"""Descents out of core: an iteration on pictures that stay on disk, up to a million."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from measuring import PEAK, Row, write_pictures

STREAM = (
    PEAK
    + """
import json, sys, time
from catclf import open_dataset
from catclf.descent import METHODS, Problem
from catclf.training import Settings
import catclf.dataset
catclf.dataset.available_memory = lambda: 0  # as where the file is larger than memory: not kept
with open_dataset(sys.argv[1]) as dataset:
    problem = Problem(dataset.train.columns, dataset.train.labels, Settings())
    method = METHODS["streaming"](problem, None)
    method.step(False)
    began = time.perf_counter()
    for _ in range(int(sys.argv[2])):
        method.step(False)
    took = (time.perf_counter() - began) / int(sys.argv[2])
    workers = [f"/proc/{worker.process.pid}" for worker in method.sums.pool._workers]
    print(json.dumps([took, peak() + sum(map(peak, workers))]))
"""
)


def stream(folder: Path, m: int, iterations: int) -> tuple[float, float]:
    """Return seconds an iteration and peak MiB of a process that streams m pictures from disk."""
    path = folder / f"{m}.npz"
    write_pictures(path, m)
    done = subprocess.run(
        [sys.executable, "-c", STREAM, str(path), str(iterations)],
        check=True,
        capture_output=True,
        text=True,
    )
    path.unlink()
    took, peak = json.loads(done.stdout)
    return took, peak


def measure_disk(folder: Path) -> list[Row]:
    """Out of core: memory and time an iteration while the file grows fourfold."""
    small, large = (stream(folder, m, 3) for m in (25_000, 100_000))
    return [
        Row(
            "an iteration on disk, m = 25,000 and 100,000 (the file cached by the system)",
            f"{small[0]:.2f} s, peak {small[1]:.0f} MiB",
            f"{large[0]:.2f} s, peak {large[1]:.0f} MiB",
            f"time x{large[0] / small[0]:.2f} for 4x the pictures",
        )
    ]


def measure_million(folder: Path) -> list[Row]:
    """A million pictures: 12 GB on disk."""
    took, peak = stream(folder, 1_000_000, 1)
    return [
        Row(
            "an iteration on disk, m = 1,000,000 (12 GB)",
            "-",
            f"{took:.1f} s, peak {peak:.0f} MiB",
            f"{1e6 / took:,.0f} pictures a second",
        )
    ]

"""Measure every number the README quotes, against its reference, in one run.

    python tests/benchmarks/run.py             all of it, about fifteen minutes
    python tests/benchmarks/run.py course cold  some of it
    python tests/benchmarks/run.py million      12 GB on disk: only where it is asked for

One Markdown table goes to stdout. A reference and what is held against it are timed in turns, in
one process or in pairs of processes, and the medians' ratio is quoted.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from importlib import metadata
from pathlib import Path

from measure_cluster import measure_cluster
from measure_descent import (
    measure_choice,
    measure_classes,
    measure_course,
    measure_growth,
    measure_iteration,
)
from measure_disk import measure_disk, measure_million
from measure_features import measure_features
from measure_photos import measure_photos
from measure_pictures import measure_cold, measure_prepare
from measure_report import measure_report
from measure_shared_files import measure_shared_files
from measure_streaming import measure_streaming
from measure_suspects import measure_suspects
from measure_threads import measure_threads
from measure_tune import measure_tune
from measure_unlike import measure_unlike
from measuring import Row

MEASUREMENTS: dict[str, Callable[[Path], list[Row]]] = {
    "course": measure_course,
    "iteration": measure_iteration,
    "streaming": measure_streaming,
    "disk": measure_disk,
    "cluster": measure_cluster,
    "shared": measure_shared_files,
    "prepare": measure_prepare,
    "photos": measure_photos,
    "cold": measure_cold,
    "threads": measure_threads,
    "growth": measure_growth,
    "choice": measure_choice,
    "classes": measure_classes,
    "tune": measure_tune,
    "features": measure_features,
    "report": measure_report,
    "suspects": measure_suspects,
    "unlike": measure_unlike,
    "million": measure_million,
}


def machine() -> str:
    """Return a line about the machine and the versions."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
            model = names[0] if names else model
    except OSError:
        pass
    versions = [f"Python {platform.python_version()}"]
    for name in (
        "numpy",
        "pillow",
        "h5py",
        "numba",
        "distributed",
        "scikit-learn",
        "onnxruntime",
        "torch",
    ):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return f"{date.today()}, {model}, {os.cpu_count()} cores, {', '.join(versions)}."


def main() -> None:
    """Run the measurements named on the command line, or all but the largest."""
    chosen = sys.argv[1:] or [name for name in MEASUREMENTS if name != "million"]
    print(machine(), end="\n\n")
    print("| what | reference | catclf | ratio |\n| --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in chosen:
            folder = Path(scratch) / name
            folder.mkdir()
            for row in MEASUREMENTS[name](folder):
                print(f"| {row.what} | {row.reference} | {row.ours} | {row.ratio} |", flush=True)


if __name__ == "__main__":
    main()

"""Streaming by each kernel, in memory and from a file, beside the read bandwidth of the machine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from os import environ
from pathlib import Path
from statistics import median
from typing import Any

import lecture_loop
import numpy as np
from measuring import N_X, Pixels, Row, in_turns, pictures, seconds, write_pictures

from catclf import open_dataset
from catclf.descent import KERNELS, Choice, Method, Problem, start
from catclf.logistic import Labels, one_hot
from catclf.training import Settings
from catclf.workers import available_cores

SETTINGS = Settings(0.0005)
ITERATIONS = 10
FILE_EXAMPLES = 120_000
# A process of its own: seconds of the import and of the first sums, which are compiled or loaded.
START = """
import json, time
import numpy as np
from catclf.descent import Problem
from catclf.descent.sums import Examples
from catclf.training import Settings
pixels = np.ones((256, 12288), np.uint8), np.ones(256, np.uint8)
examples = Examples.of(Problem(*pixels, Settings()))
began = time.perf_counter()
from catclf.descent.compiled import ThreadSums
imported = time.perf_counter()
ThreadSums(examples)
print(json.dumps([imported - began, time.perf_counter() - imported]))
"""


def measure_bandwidth() -> float:
    """Return the bytes a second that all cores together read from memory, and do no more with."""
    from numba import njit

    @njit(nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
    def total(words: Any) -> int:
        found = 0
        for k in range(words.size):
            found += words[k]
        return found

    words = np.arange(2**30 // 8, dtype=np.int64)
    parts = np.array_split(words, available_cores())
    with ThreadPoolExecutor(len(parts)) as threads:
        list(threads.map(total, parts))
        took = median(seconds(lambda: list(threads.map(total, parts))) for _ in range(9))
    return words.nbytes / took


def gigabytes(m: int, took: float, bandwidth: float) -> str:
    """Return a time an iteration, its bytes a second, and what share of the bandwidth these are."""
    rate = m * N_X / took
    return f"{took * 1e3:.2f} ms, {rate / 1e9:.1f} GB/s, {rate / bandwidth:.0%} of the bandwidth"


def iterate(method: Method) -> None:
    """Make some iterations."""
    for _ in range(ITERATIONS):
        method.step(False)


def measure_streaming(folder: Path) -> list[Row]:
    """Both kernels in memory, against the notebook's loop, and from a cached file; their start."""
    bandwidth = measure_bandwidth()
    rows = [Row("reading memory, by all cores", "-", f"{bandwidth / 1e9:.1f} GB/s", "-")]
    for m in (4000, 20000):
        columns, labels = pictures(m)
        rows += in_memory(columns, labels, bandwidth)
        del columns
    rows.append(from_file(folder, bandwidth))
    rows.append(starts())
    return rows


def in_memory(columns: Pixels, labels: Labels, bandwidth: float) -> list[Row]:
    """Return a row for each kernel, and one that compares them."""
    m, X, Y = len(columns), columns.T / 255, one_hot(labels, 2)
    methods = {
        kernel: start(Choice("streaming", kernel), Problem(columns, labels, SETTINGS))
        for kernel in KERNELS
    }
    rows = []
    for kernel, method in methods.items():
        slow, fast, ratio = in_turns(
            lambda: lecture_loop.descend(X, Y, SETTINGS.rate, ITERATIONS),
            lambda method=method: iterate(method),  # type: ignore[misc]
            rest=0.1,
        )
        rows.append(
            Row(
                f"an iteration at m = {m}, in memory, {kernel}",
                f"notebook's loop {slow / ITERATIONS * 1e3:.1f} ms",
                gigabytes(m, fast / ITERATIONS, bandwidth),
                f"{ratio:.1f}x faster",
            )
        )
    rows.append(compared(f"an iteration at m = {m}, in memory", m, methods, bandwidth))
    return rows


def compared(what: str, m: int, methods: dict[str, Method], bandwidth: float) -> Row:
    """Return a row of numba's kernel beside numpy's, in turns."""
    slow, fast, ratio = in_turns(
        lambda: iterate(methods["numpy"]), lambda: iterate(methods["numba"]), rest=0.1
    )
    return Row(
        what,
        f"numpy {gigabytes(m, slow / ITERATIONS, bandwidth)}",
        f"numba {gigabytes(m, fast / ITERATIONS, bandwidth)}",
        f"{ratio:.1f}x faster",
    )


def from_file(folder: Path, bandwidth: float) -> Row:
    """Compare the kernels on a dataset that the system holds in its cache."""
    m, path = FILE_EXAMPLES, folder / "pictures.npz"
    write_pictures(path, m)
    with open_dataset(path) as dataset:
        problem = Problem(dataset.train.columns, dataset.train.labels, SETTINGS)
        first = start(Choice("streaming", "numpy"), problem)
        checking = seconds(lambda: first.step(False))
        methods: dict[str, Method] = {
            "numpy": first,
            "numba": start(Choice("streaming", "numba"), problem),
        }
        what = (
            f"an iteration at m = {m}, from the dataset's file, cached; the first pass, which "
            f"checks it, {checking:.2f} s"
        )
        row = compared(what, m, methods, bandwidth)
    path.unlink()
    return row


def starts() -> Row:
    """Return what the compiled kernel costs before its first iteration, first and later."""
    with tempfile.TemporaryDirectory() as cache:
        found = [
            json.loads(
                subprocess.run(
                    [sys.executable, "-c", START],
                    env={**environ, "NUMBA_CACHE_DIR": cache},
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
            )
            for _ in range(4)
        ]
    imports = median(each[0] for each in found[1:])
    return Row(
        "the start of numba's kernel",
        "-",
        f"import {imports:.2f} s; compiling {found[0][1]:.1f} s, "
        f"loading it later {median(each[1] for each in found[1:]):.2f} s",
        "-",
    )

"""Descents in memory: the course's run, an iteration, growth, and auto's choice of a method."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from statistics import median

import lecture_loop
import numpy as np
import peers
from measuring import (
    N_X,
    SAMPLE,
    Array,
    Pixels,
    Row,
    course_data,
    in_turns,
    pictures,
    seconds,
)

from catclf import open_dataset, prepare
from catclf.descent import METHODS, Method, Problem, choose, descend
from catclf.descent.gram import Gram
from catclf.logistic import Labels, one_hot, sigmoid
from catclf.training import Settings, Training


def accuracy(w: Array, b: float, columns: Pixels, labels: Labels) -> float:
    """Return the share of pictures predicted right."""
    positive = sigmoid(columns / 255 @ w + b)[:, 0] > 0.5
    return float(np.mean(positive == (labels == 1)))


def measure_course(folder: Path) -> list[Row]:
    """The course's run: 2000 iterations at 0.005, from pixels to w, b and costs."""
    columns, labels, test, test_labels, name = course_data(folder)
    Y = one_hot(labels, 2)

    def reference() -> tuple[Array, float, list[float]]:
        return lecture_loop.descend(columns.T / 255, Y, 0.005, 2000)

    def gram() -> tuple[Array, float, list[float]]:
        w, b, training = peers.trained("gram", columns, labels, Settings())
        return w, float(b[0, 0]), list(training.costs.values())

    slow, fast, ratio = in_turns(reference, gram)
    (w, _, costs), (w_gram, _, costs_gram) = reference(), gram()
    apart = float(np.max(np.abs(w - w_gram)))
    equal = [f"{c:.6f}" for c in costs] == [f"{c:.6f}" for c in costs_gram]
    rows = [
        Row(
            f"the course's run ({name}), 2000 iterations; printed costs "
            f"{'equal' if equal else 'DIFFERENT'}, weights within {apart:.0e}",
            f"notebook's loop {slow:.3f} s",
            f"gram {fast:.4f} s",
            f"{ratio:.1f}x faster",
        )
    ]

    def score(fit: peers.Fit) -> str:
        return f"{accuracy(fit.w, fit.b, test, test_labels):.1%} on the test split"

    def memory(fit: str) -> str:
        command = [sys.executable, peers.__file__, fit, str(folder / "pictures.npz")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return f"peak {float(done.stdout):.0f} MiB"

    np.savez(folder / "pictures.npz", columns=columns, labels=labels)
    ours = f"{score(peers.gram(columns, labels))}, 2000 iterations, {memory('gram')}"
    for peer, fit in peers.installed().items():
        if peer != "gram":
            fitted = fit(columns, labels)
            theirs, fast, ratio = in_turns(
                lambda fit=fit: fit(columns, labels),  # type: ignore[misc]
                lambda: peers.gram(columns, labels),
                rounds=3,
                rest=0.1,
            )
            told = f"{score(fitted)}, {fitted.iterations} iterations, {memory(peer)}"
            rows.append(
                Row(
                    "the same pictures, fitted by a peer",
                    f"{peer} {theirs:.3f} s: {told}",
                    f"gram {fast:.4f} s: {ours}",
                    f"{ratio:.1f}x faster",
                )
            )
    return rows


# What a process and its workers hold; pages that they share are counted once (Linux).
HELD = """
import os, sys
sys.path.insert(0, sys.argv[2])
import lecture_loop, measuring
from catclf.descent import METHODS, Problem
from catclf.training import Settings
m = int(sys.argv[3])
columns, labels = measuring.pictures(m)
if sys.argv[1] == "notebook":
    X = columns.T / 255
    del columns
    lecture_loop.descend(X, labels.reshape(1, m), 0.005, 1)
    pids = [os.getpid()]
else:
    method = METHODS["streaming"](Problem(columns, labels, Settings()), None)
    method.step(False)
    pids = [os.getpid(), *(worker.process.pid for worker in method.sums.pool._workers)]
lines = [line for pid in pids for line in open(f"/proc/{pid}/smaps_rollup")]
print(sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024)
"""


def held(method: str, m: int) -> float:
    """Return the MiB that a process holds, pictures and all, after an iteration."""
    command = [sys.executable, "-c", HELD, method, str(Path(__file__).parent), str(m)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_iteration(folder: Path) -> list[Row]:
    """One iteration on thousands of pictures, and the memory of the whole process."""
    rows = []
    for m in (4000, 20000):
        columns, labels = pictures(m)
        method = METHODS["streaming"](Problem(columns, labels, Settings()), None)
        X, Y = columns.T / 255, one_hot(labels, 2)

        def reference(X: Array = X, Y: Array = Y) -> object:
            return lecture_loop.descend(X, Y, 0.005, 20)

        def ours(method: Method = method) -> None:
            for _ in range(20):
                method.step(False)

        slow, fast, ratio = in_turns(reference, ours, rest=0.1)
        del X, method, reference, ours
        theirs, held_here = held("notebook", m), held("streaming", m)
        rows.append(
            Row(
                f"an iteration at m = {m}, pictures in memory",
                f"notebook's loop {slow / 20 * 1e3:.1f} ms, {theirs:.0f} MiB",
                f"streaming {fast / 20 * 1e3:.1f} ms, {held_here:.0f} MiB",
                f"{ratio:.1f}x faster, {theirs / held_here:.1f}x less memory",
            )
        )
    return rows


def measure_growth(folder: Path) -> list[Row]:
    """How time grows with m and with iterations, by what auto chooses."""

    def run(m: int, iterations: int) -> tuple[float, str]:
        columns, labels = pictures(m)
        settings = Settings(learning_rate=0.001, iterations=iterations, every=iterations)
        name = choose(m, N_X, iterations).method
        took = [
            seconds(lambda: peers.trained(name, columns, labels, settings))
            for _ in range(3 if m < 5000 else 1)
        ]
        return median(took), name

    rows = []
    for axis, points in (
        ("m", [(250, 500), (1000, 500), (4000, 500), (16000, 500)]),
        ("iterations", [(1000, 500), (1000, 2000), (1000, 8000)]),
    ):
        measured = [run(*point) for point in points]
        index = 0 if axis == "m" else 1
        xs = [math.log(point[index]) for point in points]
        ys = [math.log(took) for took, _ in measured]
        exponent = float(np.polyfit(xs, ys, 1)[0])
        shown = ", ".join(
            f"{point[index]}: {took:.2f} s ({name})"
            for point, (took, name) in zip(points, measured, strict=True)
        )
        fixed = "500 iterations" if axis == "m" else "m = 1000"
        rows.append(Row(f"growth with {axis}, {fixed}", "-", shown, f"exponent {exponent:.2f}"))
    return rows


def time_method(name: str, m: int) -> tuple[float, float]:
    """Return seconds before and after the iterations of a descent, and of an iteration."""
    columns, labels = pictures(m)
    method: Method | None = None

    def start() -> None:
        nonlocal method
        method = METHODS[name](Problem(columns, labels, Settings()), None)

    def iterate() -> None:
        assert method is not None
        for _ in range(calls):
            method.step(False)

    starting = min(seconds(start) for _ in range(3 if m < 4000 else 1))
    assert method is not None
    calls = max(3, min(200, 200_000 // m))
    iterate()
    iteration = median(seconds(iterate) for _ in range(3)) / calls
    starting += seconds(method.parameters)
    print(f"{name:10} {m:6} {starting:7.4f} s + {iteration * 1e3:8.4f} ms", file=sys.stderr)
    return starting, iteration


def measure_classes(folder: Path) -> list[Row]:
    """A training of several classes by gram, beside one of two on the same pictures."""
    prepare([SAMPLE], folder / "sample.npz", label_from="name")
    with open_dataset(folder / "sample.npz") as dataset:
        sample = dataset.train.columns[:], dataset.train.labels
    rows = []
    made_up, _ = pictures(2000)
    for name, columns, labels in (
        ("the sample", *sample),
        *((f"made-up, {n} by turns", made_up, np.arange(2000) % n) for n in (3, 6, 100)),
    ):
        m, n = len(labels), int(labels.max()) + 1
        settings = Settings(1e-4, 2000 if m < 1000 else 200)
        two, several = (
            Problem(columns, (labels % k).astype(np.uint8), settings, None, k) for k in (2, n)
        )
        one, all_of_them, ratio = in_turns(
            lambda two=two: descend(Gram(two), Training(two.settings)),  # type: ignore[misc]
            lambda several=several: descend(  # type: ignore[misc]
                Gram(several), Training(several.settings)
            ),
            rest=0.1,
        )
        rows.append(
            Row(
                f"{n} classes by gram ({name}, m = {m}), {settings.iterations} iterations",
                f"two classes {one:.3f} s",
                f"{all_of_them:.3f} s",
                f"{1 / ratio:.1f}x the time",
            )
        )
    return rows


def measure_choice(folder: Path) -> list[Row]:
    """Whether auto picks well: how much longer its choice takes than the best, on a grid."""
    lengths = (1, 10, 100, 500, 2000, 8000, 32000)
    sizes = (30, 100, 250, 500, 1000, 2000, 4000, 8000, 16000)
    ratios = {}
    for m in sizes:
        # Beyond 8000 pictures gram takes minutes: were it chosen, it would show as infinite.
        names = ("gram", "vectorized", "streaming") if m <= 8000 else ("vectorized", "streaming")
        times = {name: time_method(name, m) for name in names}
        for length in lengths:
            took = {name: start + length * step for name, (start, step) in times.items()}
            chosen = choose(m, N_X, length, kernels=["numpy"]).method  # the core's
            ratio = took.get(chosen, math.inf) / min(took.values())
            ratios[ratio] = f"m = {m}, {length} iterations ({chosen})"
    worst = max(ratios)
    return [
        Row(
            f"auto's choice, {len(sizes) * len(lengths)} sizes and lengths up to m = 16000",
            "the best method at each",
            f"farthest at {ratios[worst]}",
            f"{worst:.2f}x the time",
        )
    ]

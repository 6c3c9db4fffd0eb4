"""What `benchmark` does: the lecture's table, loops against vectorized code, on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

import numpy as np

from catclf.dataset import open_dataset
from catclf.descent import (
    Choice,
    Method,
    Problem,
    installed_kernels,
    kernel_failure,
    memory_needs,
    start,
)
from catclf.errors import AnyPath, DatasetError
from catclf.logistic import Array
from catclf.observer import Listener, Observer
from catclf.training import Settings
from catclf.workers import available_memory

# Plain loops take 2 ms a picture of 64x64 and iteration: they are timed on a few, and scaled.
ITERATIVE_FEATURES = 100 * 12288
# Costs that are compared: fewer of the loops, which take a second for each.
COMPARED_COSTS, ITERATIVE_COSTS = 20, 3
TIMED_ROUNDS = 7  # enough for a median
ROUND_SECONDS = 0.1  # enough for the clock
# Beyond these something else used the machine: on a quiet one the rounds differ by a tenth.
BUSY_SPREAD = 1.5
BUSY_WAITING = 0.1


@dataclass(frozen=True)
class Timing:
    """One method's time on a dataset.

    Seconds are of one iteration on all m examples. Where fewer were timed they are scaled by
    m / examples.

    Parameters
    ----------
    method
        ``iterative``, ``vectorized``, ``gram`` or ``streaming``.
    seconds, min_seconds, max_seconds
        Median of the rounds, the fastest, and the slowest.
    start_seconds
        Before the first iteration: reading, converting, and for gram X.T @ X.
    m, examples
        How many training pictures the dataset has, and how many were timed.
    rounds, iterations
        How many rounds, and how many iterations in all of them.
    waiting
        Fraction of the time in which the process waited for a core or the disk.
    difference
        Largest relative difference of the first costs from the reference's; None for itself.
    reference
        The method it was compared with, on the same examples.
    kernel
        Of streaming, ``numpy`` or ``numba``; else None.
    bytes_per_second
        Of pixels that streaming reads; else None.
    """

    method: str
    seconds: float
    min_seconds: float
    max_seconds: float
    start_seconds: float
    m: int
    examples: int
    rounds: int
    iterations: int
    waiting: float
    difference: float | None
    reference: str
    kernel: str | None = None
    bytes_per_second: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether it computes the reference's costs: to 1e-9, in float32 to 1e-5."""
        float32 = "streaming" in (self.method, self.reference)
        return self.difference is None or self.difference < (1e-5 if float32 else 1e-9)

    @property
    def spread(self) -> float:
        """How many times as long as the fastest round the slowest took."""
        return self.max_seconds / self.min_seconds

    @property
    def busy(self) -> bool:
        """Whether the machine was busy with something else while it was timed."""
        return self.spread > BUSY_SPREAD or self.waiting > BUSY_WAITING


def benchmark(dataset: AnyPath, observer: Observer | None = None) -> list[Timing]:
    """Time an iteration of every method on the train split of a dataset, and compare their costs.

    Each is timed in several rounds; their spread, and the time the process waited, tell whether
    the machine was busy with something else.

    Parameters
    ----------
    dataset
        The prepared dataset file.
    observer
        Receives each method before it is timed, and warnings; without one these are Python's.

    Returns
    -------
    list of Timing
        The methods that fit into memory, slowest first; streaming by every kernel installed.

    Raises
    ------
    DatasetError
        Where the dataset cannot be used.
    """
    with (
        Listener(observer, False, "methods") as listener,
        open_dataset(dataset, keep=True) as opened,
    ):
        split = opened.train
        if split.m == 0:
            raise DatasetError("its train split is empty", dataset, "Prepare it with pictures.")
        n_classes = len(opened.classes)
        whole = Problem(split.columns, split.labels, Settings(), None, n_classes)
        few = max(1, min(whole.m, ITERATIVE_FEATURES // whole.n_x))
        needs = memory_needs(whole.m, whole.n_x, k=whole.k)
        needs["iterative"] = needs["iterative"] * few // whole.m
        available = available_memory() // 2
        # The reference comes first: the others are compared with its costs, one at a time.
        streaming = [Choice("streaming", kernel) for kernel in _kernels(listener)]
        choices = [Choice("vectorized"), *streaming, Choice("gram")]
        choices = [choice for choice in choices if needs[choice.method] <= available]
        timings = []
        expected = None
        for choice in choices:
            listener.method(choice.method, choice.kernel, None)
            timing, costs = _time(choice, whole, whole.m, choices[0].method, expected)
            expected = costs if expected is None else expected
            timings.append(timing)
        if needs["iterative"] <= available:
            listener.method("iterative", None, None)
            some = split.columns[:few], split.labels[:few]
            first = Problem(*some, Settings(), None, n_classes)
            expected = _costs(start(Choice("vectorized"), first), ITERATIVE_COSTS)
            loops = Choice("iterative")
            timings.append(_time(loops, first, whole.m, "vectorized", expected)[0])
    return sorted(timings, key=lambda timing: -timing.seconds)


def _kernels(observer: Observer) -> list[str]:
    """Return the kernels that can be loaded; warn of one that is installed and cannot."""
    loaded = []
    for kernel in installed_kernels():
        if (failure := kernel_failure(kernel)) is None:
            loaded.append(kernel)
        else:
            observer.warning(f"{kernel} cannot be loaded ({failure}): it is not timed")
    return loaded


def _time(
    choice: Choice, problem: Problem, m: int, reference: str, expected: Array | None
) -> tuple[Timing, Array]:
    """Return a method's timing, scaled to m examples, and its costs.

    The costs `expected` are the reference's; None where this is the reference.
    """
    began = perf_counter()
    method = start(choice, problem)
    start_seconds = perf_counter() - began
    costs = _costs(method, ITERATIVE_COSTS if choice.method == "iterative" else COMPARED_COSTS)
    difference = None if expected is None else float(np.max(np.abs(costs / expected - 1)))
    calls = max(1, int(ROUND_SECONDS / _seconds(method, 1)))
    began, computing = perf_counter(), process_time()
    rounds = [_seconds(method, calls) for _ in range(TIMED_ROUNDS)]
    timed_seconds, computing = perf_counter() - began, process_time() - computing
    scale = m / problem.m
    timing = Timing(
        method=choice.method,
        seconds=median(rounds) * scale,
        min_seconds=min(rounds) * scale,
        max_seconds=max(rounds) * scale,
        start_seconds=start_seconds * scale,
        m=m,
        examples=problem.m,
        rounds=TIMED_ROUNDS,
        iterations=TIMED_ROUNDS * calls,
        waiting=max(0.0, 1 - computing / timed_seconds),
        difference=difference,
        reference=reference,
        kernel=choice.kernel,
        bytes_per_second=problem.m * problem.n_x / median(rounds) if choice.kernel else None,
    )
    return timing, costs


def _costs(method: Method, iterations: int) -> Array:
    """Return the costs before the first updates."""
    return np.array([method.step(True) for _ in range(iterations)], dtype=np.float64)


def _seconds(method: Method, calls: int) -> float:
    began = perf_counter()
    for _ in range(calls):
        method.step(False)
    return (perf_counter() - began) / calls

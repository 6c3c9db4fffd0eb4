"""What `benchmark` does: the lecture's table, loops against vectorized code, on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np

from catclf.dataset import open_dataset
from catclf.descent import METHODS, Method, Problem, Settings, memory_needs
from catclf.errors import DatasetError
from catclf.logistic import Array
from catclf.machine import available_memory
from catclf.observer import Observer

__all__ = ["Timing", "benchmark"]

# Plain loops take 2 ms a picture of 64x64 and iteration: they are timed on a few, and scaled.
ITERATIVE_PIXELS = 100 * 12288
# Costs that are compared: fewer of the loops, which take a second for each.
COMPARED_COSTS, ITERATIVE_COSTS = 20, 3
TIMED_ROUNDS = 7  # enough for a median
ROUND_SECONDS = 0.1  # enough for the clock


@dataclass(frozen=True)
class Timing:
    """One method's time on a dataset.

    Parameters
    ----------
    method
        A name in `catclf.descent.METHODS`.
    seconds
        Of one iteration on all m examples: the median of a few rounds.
    start_seconds
        Before the first iteration: reading and converting the pictures, and for gram X.T @ X.
    m
        The dataset's training pictures.
    examples, iterations
        What was timed; where `examples` is fewer than m, `seconds` is scaled by m / examples.
    difference
        Largest relative difference of the first 20 costs (iterative: 3) from those of the
        reference; None for the reference itself.
    reference
        The method it was compared with, on the same examples.
    """

    method: str
    seconds: float
    start_seconds: float
    m: int
    examples: int
    iterations: int
    difference: float | None
    reference: str

    @property
    def agrees(self) -> bool:
        """Whether it computes the reference's costs: to 1e-9, in float32 to 1e-5."""
        float32 = "streaming" in (self.method, self.reference)
        return self.difference is None or self.difference < (1e-5 if float32 else 1e-9)


def benchmark(
    dataset: str | os.PathLike[str],
    observer: Observer | None = None,
) -> list[Timing]:
    """Time an iteration of every method on the train split of a dataset, and compare their costs.

    Parameters
    ----------
    dataset
        The prepared dataset file.
    observer
        Receives each method before it is timed.

    Returns
    -------
    list of Timing
        The methods that fit into memory, slowest first.

    Raises
    ------
    DatasetError
        Where the dataset cannot be used.
    """
    observer = observer or Observer()
    with open_dataset(dataset) as opened:
        split = opened.train
        if split.m == 0:
            raise DatasetError("its train split is empty", dataset, "Prepare it with pictures.")
        whole = Problem(split.columns, split.Y, Settings())
        few = max(1, min(whole.m, ITERATIVE_PIXELS // whole.n_x))
        needs = memory_needs(whole.m, whole.n_x)
        needs["iterative"] = needs["iterative"] * few // whole.m
        # Half of the memory, since the pixels may be held twice for a while.
        available = available_memory() // 2
        # The reference comes first: the others are compared with its costs, one at a time.
        order = [name for name in ("vectorized", "streaming", "gram") if needs[name] <= available]
        timings = []
        expected = None
        for name in order:
            observer.method(name, None)
            timing, costs = _time(name, whole, whole.m, order[0], expected)
            expected = costs if expected is None else expected
            timings.append(timing)
        if needs["iterative"] <= available:
            observer.method("iterative", None)
            first = Problem(split.columns[:few], split.Y[:, :few], Settings())
            expected = _costs(METHODS["vectorized"](first, None), ITERATIVE_COSTS)
            timings.append(_time("iterative", first, whole.m, "vectorized", expected)[0])
    return sorted(timings, key=lambda timing: -timing.seconds)


def _time(
    name: str, problem: Problem, m: int, reference: str, expected: Array | None
) -> tuple[Timing, Array]:
    """Return a method's timing, scaled to m examples, and its costs.

    The costs `expected` are the reference's; None where this is the reference.
    """
    looped = name == "iterative"
    began = perf_counter()
    method = METHODS[name](problem, None)
    start_seconds = perf_counter() - began
    costs = _costs(method, ITERATIVE_COSTS if looped else COMPARED_COSTS)
    difference = None if expected is None else float(np.max(np.abs(costs / expected - 1)))
    rounds, calls = (
        (1, 1) if looped else (TIMED_ROUNDS, max(1, int(ROUND_SECONDS / _seconds(method, 1))))
    )
    seconds = median(_seconds(method, calls) for _ in range(rounds))
    timing = Timing(
        method=name,
        seconds=seconds * m / problem.m,
        start_seconds=start_seconds * m / problem.m,
        m=m,
        examples=problem.m,
        iterations=rounds * calls,
        difference=difference,
        reference=reference,
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

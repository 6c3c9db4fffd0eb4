"""What `benchmark` does: the lecture's table, loops against vectorized code, on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from catclf.dataset import open_dataset
from catclf.descent import METHODS, Columns, Method, Settings, memory_needs
from catclf.errors import DatasetError
from catclf.parallel import available_memory

__all__ = ["Timing", "benchmark"]

Array = NDArray[np.float64]
# Plain loops take 2 ms a picture and iteration: they are timed on a few, and scaled.
ITERATIVE_EXAMPLES = 100
# Enough iterations for a median, and enough seconds for the clock.
ROUNDS = 7
SECONDS = 0.1


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
        Largest relative difference of the costs after 0, 1, ... iterations from those of the
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
    on_method: Callable[[str], None] | None = None,
) -> list[Timing]:
    """Time an iteration of every method on the train part of a dataset, and compare their costs.

    Parameters
    ----------
    dataset
        The prepared dataset file.
    on_method
        Called with each method's name before it is timed.

    Returns
    -------
    list of Timing
        The methods that fit into memory, slowest first.

    Raises
    ------
    DatasetError
        Where the dataset cannot be used.
    """
    settings = Settings()
    with open_dataset(dataset) as opened:
        part = opened.train
        if part.m == 0:
            raise DatasetError("its train part is empty", dataset, "Prepare it with pictures.")
        available = available_memory()
        needs = memory_needs(part.m, opened.preprocessing.n_x)
        fitting = [name for name in METHODS if needs.get(name, 0) <= available // 2]
        timings = []
        for name in fitting:
            if on_method is not None:
                on_method(name)
            examples = min(part.m, ITERATIVE_EXAMPLES) if name == "iterative" else part.m
            reference = "vectorized"
            if "vectorized" not in fitting and name != "iterative":
                reference = "streaming"
            columns: Columns = part.columns if examples == part.m else part.columns[:examples]
            Y = part.Y[:, :examples]
            timings.append(_time(name, reference, columns, Y, settings, part.m))
    return sorted(timings, key=lambda timing: -timing.seconds)


def _time(
    name: str, reference: str, columns: Columns, Y: Array, settings: Settings, m: int
) -> Timing:
    began = perf_counter()
    method = METHODS[name](columns, Y, settings, None)
    start_seconds = perf_counter() - began
    costs = _costs(method)
    difference = None
    if name != reference:
        expected = _costs(METHODS[reference](columns, Y, settings, None))
        difference = float(np.max(np.abs(costs / expected - 1)))
    rounds = 1 if name == "iterative" else ROUNDS
    calls = 1
    if name != "iterative":
        began = perf_counter()
        method.step(False)
        calls = max(1, int(SECONDS / (perf_counter() - began)))
    seconds = median(_seconds(method, calls) for _ in range(rounds))
    return Timing(
        method=name,
        seconds=seconds * m / Y.size,
        start_seconds=start_seconds * m / Y.size,
        m=m,
        examples=Y.size,
        iterations=rounds * calls,
        difference=difference,
        reference=reference,
    )


def _costs(method: Method) -> Array:
    """Return the costs before the first three updates."""
    return np.array([method.step(True) for _ in range(3)], dtype=np.float64)


def _seconds(method: Method, calls: int) -> float:
    began = perf_counter()
    for _ in range(calls):
        method.step(False)
    return (perf_counter() - began) / calls

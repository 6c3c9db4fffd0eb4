"""A shard of a problem's examples on a worker of a Dask cluster: what `cluster` has it do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any, Protocol

import numpy as np
from distributed import get_worker

from catclf.columns import BLOCK_EXAMPLES, Columns, Rows, blocks
from catclf.descent import kernel_failure
from catclf.descent.problem import Problem
from catclf.descent.streaming import sums_over
from catclf.descent.sums import Examples, Sum, Sums, divide
from catclf.errors import CatclfError, ClusterError
from catclf.logistic import Array
from catclf.workers import available_memory


class SharedProblem(Protocol):
    """A problem that can be opened wherever its data can be read; pickled for the workers."""

    def open(self) -> AbstractContextManager[Problem]:
        """Open it; CatclfError where its data is not there, or is other data."""


class Shard:
    """A run of a problem's examples, and of its test split's, on a worker.

    Parameters
    ----------
    shared
        The problem.
    number, of
        Which of how many shards.
    kernel
        What computes the sums.
    """

    def __init__(self, shared: SharedProblem, number: int, of: int, kernel: str) -> None:
        worker = get_worker()
        self.address = worker.address
        threads = 1 if kernel == "numpy" else worker.state.nthreads
        self.members: list[Any] = []
        self.joined = 0
        self.computing = asyncio.Lock()
        self.opened = ExitStack()
        with self._named():
            problem = self.opened.enter_context(shared.open())
            self.examples: dict[str, Examples] = {}
            self.splits: dict[str, Sum] = {}
            for name, each in (("train", problem), ("test", problem.test)):
                runs = [] if each is None else divide(each.m, of)
                if each is not None and number < len(runs):
                    self.examples[name] = _examples(each, runs[number], _free_memory(worker))
                    self.splits[name] = sums_over(self.examples[name], kernel, threads)

    def lead(self, members: list[Any], joined: int) -> None:
        """Add the sums of other shards to this one's; `joined` tells this group from the last."""
        self.members, self.joined = members, joined

    async def sums(self, split: str, w: Array, b: float, joined: int = 0) -> Sums:
        """Return the sums over this shard's examples, and its members', of a split.

        RuntimeError where the members are not those that the client means.
        """
        if joined != self.joined:
            raise RuntimeError("was not told whom it leads")
        asked = [member.sums(split, w, b) for member in self.members]
        total = Sums(np.zeros(len(w), np.int64), 0, 0)
        if split in self.splits:
            # One at a time: where a member was lost, this is asked again before it has answered.
            async with self.computing:
                with self._named():
                    total += await asyncio.to_thread(self.splits[split], w, b)
        for each in asked:
            total += await each
        return total

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let an error tell the worker."""
        try:
            yield
        except CatclfError as error:
            raise on_worker(self.address, error, error.fix) from error


def _examples(problem: Problem, run: slice, memory: int) -> Examples:
    """Return a run of a problem's examples: in memory, where that has so many bytes for them."""
    whole = Examples.of(problem)
    columns: Columns = Rows(whole.columns, run)
    m, n_x = columns.shape
    if m * n_x <= memory:
        pixels = np.empty((m, n_x), np.uint8)
        for rows, block in blocks(columns, BLOCK_EXAMPLES):
            pixels[rows] = block
        columns = pixels
    return replace(whole, columns=columns, y=whole.y[run].copy(), weights=whole.weights[run].copy())


def _free_memory(worker: Any) -> int:
    """Return half of the bytes that a worker may still take: the rest is for all else it does."""
    limit, free = worker.memory_manager.memory_limit, available_memory()
    if limit is not None:
        free = min(free, limit - worker.monitor.get_process_memory())
    return max(0, free // 2)


@dataclass(frozen=True)
class Survey:
    """What a worker says of itself before it takes part.

    Parameters
    ----------
    versions
        As `versions` returns them there.
    kernel_failure
        Why it cannot load the kernel; None where it can, or none is chosen yet.
    error
        Why it cannot open the problem; None where it can.
    """

    versions: dict[str, str | None]
    kernel_failure: str | None
    error: CatclfError | None


def survey(shared: SharedProblem, kernel: str | None) -> Survey:
    """Return whether this machine can compute a problem's sums by a kernel."""
    failure = kernel_failure(kernel)
    error = None
    try:
        with shared.open():
            pass
    except CatclfError as found:
        error = found
    return Survey(versions(kernel), None if failure is None else str(failure), error)


def versions(kernel: str | None) -> dict[str, str | None]:
    """Return the versions of the packages that decide the bits; None of one that is not there."""
    packages = ["catclf", "numpy"] if kernel != "numba" else ["catclf", "numpy", "numba"]
    return {package: _version(package) for package in packages}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def on_worker(worker: str, error: CatclfError, fix: str | None) -> ClusterError:
    """Return an error that a worker met, as the error of that worker."""
    where = worker if error.where is None else f"{worker}: {error.where}"
    return ClusterError(error.what, where, fix)

"""The sums of an iteration by the workers of a Dask cluster: the extra `cluster`.

Each worker reads a shard, a run of the examples, for itself from storage that all of them see. The
shard stays there as the result of a task, and each iteration is a task on each shard. The sums are
exact (`catclf.descent.sums`): how many workers there are, and which of them is lost on the way,
changes no bit. A worker that computes what a lost one kept reads the shard again (see
`catclf.cluster`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import cached_property, partial, reduce
from operator import add
from threading import Lock
from typing import Any, Protocol

import numpy as np
from distributed import Client, Future, get_worker

from catclf.cluster import Cluster, Versions, named, refuse_other_versions, versions
from catclf.columns import BLOCK_EXAMPLES, Columns, Run, blocks, n_blocks
from catclf.descent import Choice, installed_kernels, kernel_failure
from catclf.descent.problem import Method, Problem, State
from catclf.descent.streaming import Streaming, sums_over
from catclf.descent.sums import KERNELS, Examples, Sum, Sums, divide
from catclf.errors import CatclfError, ClusterError, name_some
from catclf.logistic import Array
from catclf.observer import Observer
from catclf.workers import available_memory

MAX_FLAT_SHARDS = 64  # beyond, the workers add up the sums of some before the client does
PACKAGES = {"numpy": ("catclf", "numpy"), "numba": ("catclf", "numpy", "numba")}
SAME_PATH = "Every worker must read the dataset by this path."


class SharedProblem(Protocol):
    """A problem that can be opened wherever its data can be read; pickled for the workers."""

    def open(self) -> AbstractContextManager[Problem]:
        """Open it; CatclfError where its data is not there, or is other data."""


class ClusterSums:
    """The sums over a problem's examples, and over its test split, by the workers of a cluster.

    `shared` is the problem as the workers open it; see `Cluster` for the client and the observer.
    ClusterError as there, and where a worker does not read the same data.
    """

    def __init__(
        self, client: Client, problem: Problem, shared: SharedProblem, observer: Observer
    ) -> None:
        self.cluster = Cluster(client, observer, PACKAGES["numpy"])
        self.observer, self.problem, self.shared = observer, problem, shared
        self.shards: list[Future] = []
        self.asked: list[Future] = []
        self.kernels = self.cluster.on_each(survey, shared, self.cluster.expected)
        self.n_workers = min(len(self.kernels), n_blocks(problem.m))

    def close(self) -> None:
        """Let the workers forget their shards."""
        self.cluster.close()
        for future in (*self.shards, *self.asked):
            future.release()

    def installed_kernels(self) -> list[str]:
        """Return the kernels whose packages all workers have; warn of one that only some have."""
        for kernel in KERNELS:
            lacking = [worker for worker, has in self.kernels.items() if kernel not in has]
            if 0 < len(lacking) < len(self.kernels):
                self.observer.warning(
                    f"{kernel} is not installed on {name_some(lacking)}: no worker computes by it"
                )
        return [kernel for kernel in KERNELS if all(kernel in has for has in self.kernels.values())]

    def kernel_failure(self, kernel: str | None) -> Exception | None:
        """Return why some worker cannot load a kernel; None where all can."""
        failures = self.cluster.on_each(kernel_failure, kernel).items()
        return next((ClusterError(str(error), worker) for worker, error in failures if error), None)

    def start(self, choice: Choice, problem: Problem, state: State | None = None) -> Method:
        """Have the workers read the examples, and return the descent; see `Method`.

        The problem has the examples of the cluster's own, but may have another learning rate.
        """
        assert choice.kernel is not None, "a cluster streams"
        n, kernel = self.n_workers, choice.kernel
        expected = versions(PACKAGES[kernel])
        shards = [Shard(self.shared, number, n, kernel, expected) for number in range(n)]
        # To no worker in particular: where all are lost, Dask has no new one compute a task that
        # was, `allow_other_workers` or not. One by one, or it gives one worker many at once.
        self.shards = [self.cluster.submit(read, shard) for shard in shards]
        sums, test_sums = (partial(self._sums, split) for split in ("train", "test"))
        return Streaming(problem, state, sums, test_sums)

    def _sums(self, split: str, w: Array, b: Array) -> Sums:
        client = self.cluster.client
        if client.status != "running":
            self.cluster.look()
        shards = self.shards[: len(divide(splits_of(self.problem)[split].m, self.n_workers))]
        with warnings.catch_warnings(action="ignore"):  # Dask's, of a w above 10 MB
            # w stands in the function: of a large keyword Dask makes a key, by the keyword's name.
            task = partial(sums_of, split=split, w=w, b=b)
            last = asked = client.map(task, shards, pure=False)
            if len(asked) > MAX_FLAT_SHARDS:
                n = math.isqrt(len(asked))
                last = [self.cluster.submit(add_up, asked[k::n]) for k in range(n)]
        # Those of the iteration before are held until here: of a kind of task of which it has none
        # any more, the scheduler makes new records, and keeps the old ones for ever.
        self.asked = [*asked, *last]
        return add_up(self.cluster.results(last))


# ------------------------------------------------------------------------------- on the workers


@named()
def survey(shared: SharedProblem, expected: Versions) -> list[str]:
    """Return the kernels there are; ClusterError where the versions, or the data, are others."""
    with ExitStack() as held:
        opened(shared, expected, held)
        return installed_kernels()


@named()
def read(shard: Shard) -> Shard:
    """Return a shard whose examples are read."""
    assert shard.splits
    return shard


@named()
def sums_of(shard: Shard, split: str, w: Array, b: Array) -> Sums:
    """Return the sums over a shard's examples of a split."""
    return shard.splits[split](w, b)


def add_up(sums: Sequence[Sums]) -> Sums:
    """Return the sums over the examples of several shards."""
    return reduce(add, sums)


class Shard:
    """A run of a problem's examples, and of its test split's: the `number`-th of so many.

    It pickles as what to read. Where Dask moves it to another worker, or out of its memory, it is
    read again when it is next used: examples are never sent.
    """

    reading = Lock()  # of all shards of a worker: each sees how much memory the others have taken

    def __init__(
        self, shared: SharedProblem, number: int, of: int, kernel: str, expected: Versions
    ) -> None:
        self.arguments = shared, number, of, kernel, expected
        self.kept_bytes = 0
        self.file = ExitStack()  # of the examples that memory does not hold

    def __reduce__(self) -> tuple[type[Shard], tuple[Any, ...]]:
        return Shard, self.arguments

    def __sizeof__(self) -> int:
        return 1000 + self.kept_bytes  # by which Dask knows what it would cost to move it

    @cached_property
    def splits(self) -> dict[str, Sum]:
        """The sums over its examples of each split that has some, read when they are first used."""
        shared, number, of, kernel, expected = self.arguments
        threads = 1 if kernel == "numpy" else get_worker().state.nthreads
        with self.reading:
            problem = opened(shared, expected, self.file)
            examples = {
                name: self._read(split, run)
                for name, split in splits_of(problem).items()
                for run in divide(split.m, of)[number : number + 1]
            }
            if all(isinstance(each.columns, np.ndarray) for each in examples.values()):
                self.file.close()
            return {name: sums_over(each, kernel, threads) for name, each in examples.items()}

    def _read(self, split: Problem, run: slice) -> Examples:
        """Return a run of examples: in memory, where these and others take half of it at most."""
        whole = Examples.of(split)
        columns: Columns = Run(whole.columns, run)
        worker, n_bytes = get_worker(), math.prod(columns.shape)
        free, limit = available_memory() // 2, worker.memory_manager.memory_limit
        if limit is not None:
            free = min(free, limit // 2 - worker.monitor.get_process_memory())
        if n_bytes <= free:
            pixels = np.empty(columns.shape, np.uint8)
            for rows, block in blocks(columns, BLOCK_EXAMPLES):
                pixels[rows] = block
            columns = pixels
            self.kept_bytes += n_bytes
        labels, weights = whole.labels[run].copy(), whole.weights[run].copy()
        return replace(whole, columns=columns, labels=labels, weights=weights)


def splits_of(problem: Problem) -> dict[str, Problem]:
    """Return a problem's train split, and its test split where it has one."""
    return {"train": problem} if problem.test is None else {"train": problem, "test": problem.test}


def opened(shared: SharedProblem, expected: Versions, held: ExitStack) -> Problem:
    """Return a problem that is open on a worker of the expected versions as long as it is held."""
    refuse_other_versions(expected)
    try:
        return held.enter_context(shared.open())
    except CatclfError as error:
        raise ClusterError(error.what, error.where, SAME_PATH) from error

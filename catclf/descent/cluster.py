"""The sums of an iteration by the workers of a Dask cluster: the extra `cluster`.

Each worker reads a shard, a run of the examples, for itself from storage that all of them see. The
shard stays there as the result of a task, and each iteration is a task on each shard. The sums are
exact (`catclf.descent.sums`): how many workers there are, and which of them is lost on the way,
changes no bit. What a lost worker kept Dask has another compute, which reads the shard again; where
none is left, it waits for one. Where the scheduler is gone, the workers are too: an error.
"""

from __future__ import annotations

import asyncio
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property, partial, reduce
from importlib import metadata
from operator import add
from threading import Lock
from time import monotonic
from typing import Any, Protocol

import numpy as np
from distributed import Client, Future, get_worker

from catclf.columns import BLOCK_EXAMPLES, Columns, Run, blocks, n_blocks
from catclf.descent import Choice, installed_kernels, kernel_failure
from catclf.descent.problem import Method, Problem, State
from catclf.descent.streaming import Streaming, sums_over
from catclf.descent.sums import KERNELS, Examples, Sum, Sums, divide
from catclf.errors import CatclfError, ClusterError, name_some
from catclf.logistic import Array
from catclf.observer import Observer
from catclf.workers import available_memory

SCHEDULER_SECONDS = 10.0  # in which it answers a question that takes it a moment
SILENT_SECONDS = 60.0  # after which the user is told which worker is waited for
STOP_SECONDS = 10.0  # for the answers that are outstanding when the user stops the descent
POLL_SECONDS = 0.5
MAX_FLAT_SHARDS = 64  # beyond, the workers add up the sums of some before the client does
MAX_LOSSES = 4  # of all workers in a row: then it is not the workers' fault
WITHOUT_WORKERS = "the cluster has no worker: waiting for one"
PACKAGES = {"numpy": ("catclf", "numpy"), "numba": ("catclf", "numpy", "numba")}
SAME_MACHINES = "Has each machine the same catclf, and memory enough?"
SAME_PATH = "Every worker must read the dataset by this path."
Versions = dict[str, str | None]
Gathered = futures.Future[list[Any]]


class SharedProblem(Protocol):
    """A problem that can be opened wherever its data can be read; pickled for the workers."""

    def open(self) -> AbstractContextManager[Problem]:
        """Open it; CatclfError where its data is not there, or is other data."""


class Cluster:
    """The sums over a problem's examples, and over its test split, by the workers of a cluster.

    The client is connected to the scheduler; `shared` is the problem as the workers open it. The
    observer is warned of what is lost and waited for, and may stop the waiting. ClusterError where
    a worker has other versions, or does not read the same data; where the scheduler is gone, or the
    observer stopped the waiting.
    """

    def __init__(
        self, client: Client, problem: Problem, shared: SharedProblem, observer: Observer
    ) -> None:
        if client.asynchronous:
            raise ValueError("client must not be asynchronous")
        self.client, self.observer = client, observer
        self.problem, self.shared = problem, shared
        self.address = client.scheduler.address
        self.workers: set[str] = set()  # as last seen
        self.looked = -math.inf
        self.told: set[str] = set()
        self.shards: list[Future] = []
        self.asked: list[Future] = []
        ours = versions(PACKAGES["numpy"])
        # By a function that every Python has: a worker that cannot load a task's function ends.
        for worker, theirs in self._on_each(metadata.version, "catclf").items():
            refuse_other_version("catclf", theirs, ours["catclf"], worker)
        self.kernels = self._on_each(survey, shared, ours)
        self.n_workers = min(len(self.kernels), n_blocks(problem.m))

    def close(self) -> None:
        """Let the workers forget their shards."""
        if self.looked < math.inf:
            with suppress(ClusterError):
                self._look()  # a worker that was lost at the end is told too
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
        failures = self._on_each(kernel_failure, kernel).items()
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
        self.shards = [self.client.submit(read, shard, pure=False) for shard in shards]
        sums, test_sums = (partial(self._sums, split) for split in ("train", "test"))
        return Streaming(problem, state, sums, test_sums)

    def _sums(self, split: str, w: Array, b: Array) -> Sums:
        if self.client.status != "running":
            self._look()
        shards = self.shards[: len(divide(splits_of(self.problem)[split].m, self.n_workers))]
        with warnings.catch_warnings(action="ignore"):  # Dask's, of a w above 10 MB
            # w stands in the function: of a large keyword Dask makes a key, by the keyword's name.
            task = partial(sums_of, split=split, w=w, b=b)
            last = asked = self.client.map(task, shards, pure=False)
            if len(asked) > MAX_FLAT_SHARDS:
                n = math.isqrt(len(asked))
                last = [self.client.submit(add_up, asked[k::n], pure=False) for k in range(n)]
        # Those of the iteration before are held until here: of a kind of task of which it has none
        # any more, the scheduler makes new records, and keeps the old ones for ever.
        self.asked = [*asked, *last]
        return add_up(self._results(last))

    def _on_each(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return what a function returns on each worker; wait for the first where there is none."""
        for _ in range(MAX_LOSSES):
            self._results([self.client.submit(int, pure=False)])  # once there is a worker
            self._look()
            asked = {
                worker: self.client.submit(function, *arguments, workers=[worker], pure=False)
                for worker in sorted(self.workers)
            }
            answers = {worker: self._results([asked[worker]], worker) for worker in asked}
            if found := {worker: answer for worker in asked for answer in answers[worker]}:
                return found
        raise ClusterError("every worker is lost when it is asked", fix=SAME_MACHINES)

    def _results(self, asked: Sequence[Future], worker: str | None = None) -> list[Any]:
        """Wait for the results of tasks; none where they are one worker's, and this is lost."""
        # By the scheduler, which knows of a loss: a client tries for 30 s to reach a lost worker.
        gathering = self.client.gather(asked, direct=False, asynchronous=True)
        loop = self.client.loop.asyncio_loop
        gathered: Gathered = asyncio.run_coroutine_threadsafe(gathering, loop)
        began, stopping = monotonic(), math.inf
        try:
            while not futures.wait([gathered], POLL_SECONDS).done:
                self._look()
                if worker is not None and worker not in self.workers:
                    return []
                if monotonic() - began > SILENT_SECONDS:
                    self._tell_silent()
                if self.observer.stop():
                    stopping = min(stopping, monotonic() + STOP_SECONDS * bool(self.workers))
                    if monotonic() >= stopping:
                        raise ClusterError("stopped while it waited for the cluster")
            if monotonic() - self.looked > POLL_SECONDS:
                self._look()
            return gathered.result()
        except CatclfError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            self._look()
            what = f"the cluster failed ({type(error).__name__}: {error!s:.200})"
            raise ClusterError(what, worker, SAME_MACHINES) from error

    def _look(self) -> None:
        """Tell which workers were lost since the last look, and whether none is left."""
        self.looked = math.inf  # for good where the scheduler is gone
        found = {*self._ask("ncores")}
        self.looked = monotonic()
        if lost := self.workers - found:
            self.observer.warning(
                f"the cluster lost worker{'s' * (len(lost) > 1)} {name_some(sorted(lost))}: "
                "others read the examples again"
            )
        self.workers = found
        if found:
            self.told.discard(WITHOUT_WORKERS)
        elif WITHOUT_WORKERS not in self.told:
            self.told.add(WITHOUT_WORKERS)
            self.observer.warning(WITHOUT_WORKERS)

    def _tell_silent(self) -> None:
        """Tell which workers compute what is waited for, each once."""
        ours, found = self.client.futures, self._ask("processing")
        busy = {worker for worker, keys in found.items() if any(key in ours for key in keys)}
        busy = busy or self.workers  # none was given the task: all stopped before they could be
        if silent := sorted(busy - self.told):
            self.told.update(silent)
            self.observer.warning(
                f"no answer for {SILENT_SECONDS:g} s from worker {name_some(silent)}: waiting"
            )

    def _ask(self, question: str) -> Any:
        """Ask the scheduler something that takes it a moment."""
        try:
            if self.client.status != "running":
                raise OSError("the connection is lost")
            asked = getattr(self.client.scheduler, question)
            return self.client.sync(asked, callback_timeout=SCHEDULER_SECONDS)
        except OSError as error:  # a TimeoutError too
            fix = "Start it and its workers again."
            raise ClusterError("the scheduler is gone", self.address, fix) from error


# ------------------------------------------------------------------------------- on the workers


@contextmanager
def named() -> Iterator[None]:
    """Let an error tell which worker met it."""
    try:
        yield
    except CatclfError as error:
        worker = get_worker().address
        where = worker if error.where is None else f"{worker}: {error.where}"
        raise ClusterError(error.what, where, error.fix) from error


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
    for package, theirs in versions(expected).items():
        refuse_other_version(package, theirs, expected[package])
    try:
        return held.enter_context(shared.open())
    except CatclfError as error:
        raise ClusterError(error.what, error.where, SAME_PATH) from error


def versions(packages: Iterable[str]) -> Versions:
    """Return the versions of packages; None of one that is not installed."""
    found: Versions = dict.fromkeys(packages)
    for package in found:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def refuse_other_version(
    package: str, theirs: str | None, ours: str | None, worker: str | None = None
) -> None:
    """Raise ClusterError where a worker's version of a package is not the client's."""
    if theirs != ours:
        has = f"has {package} {theirs}" if theirs else f"has no {package}"
        fix = f"Install the same version of {package} everywhere."
        raise ClusterError(f"{has}, and here is {ours}", worker, fix)

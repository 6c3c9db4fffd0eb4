"""The sums of an iteration by the workers of a Dask cluster: the extra `cluster`.

Each worker keeps a shard, a run of the examples that it reads for itself from storage that all of
them see, in an actor, and answers with its sums. These are exact (`catclf.descent.sums`): how many
workers there are, and which of them is lost on the way, changes no bit.

The shard of a worker that is lost is read again by another. Where none is left, the descent waits
for one. Where the scheduler is gone, the workers are too: that is an error.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

from distributed import Client, Future

from catclf.columns import n_blocks
from catclf.descent import installed_kernels, kernel_failure
from catclf.descent.problem import Method, Problem, State
from catclf.descent.shard import Shard, SharedProblem, on_worker, try_to_open
from catclf.descent.streaming import Streaming
from catclf.descent.sums import KERNELS, Sums
from catclf.errors import CatclfError, ClusterError, name_some
from catclf.logistic import Array
from catclf.observer import Observer

__all__ = ["Cluster"]

ANSWER_SECONDS = 10.0  # of the scheduler, to a question that takes it a moment
POLL_SECONDS = 0.5
MAX_FLAT_SHARDS = 64  # beyond, a tree of two levels: asking one takes the client a millisecond
MAX_LOSSES = 5  # of one shard in a row: then it is not the worker's fault
PACKAGES = ("catclf", "numpy")  # whose versions decide the bits
SAME_VERSIONS = "Install the same versions of catclf and numpy everywhere."
SAME_PATH = "Every worker must read the dataset by this path."


class Cluster:
    """The sums over a problem's examples, and over its test split, by the workers of a cluster.

    Parameters
    ----------
    client
        Connected to the scheduler.
    problem, shared
        The problem here, and as the workers open it.
    observer
        Receives as warnings what is lost and waited for, and may stop the waiting.

    Raises
    ------
    ClusterError
        Where a worker has other versions, or does not read the same data; where the scheduler is
        gone, or the observer stopped the waiting for a worker.
    """

    def __init__(
        self, client: Client, problem: Problem, shared: SharedProblem, observer: Observer
    ) -> None:
        if client.asynchronous:
            raise ValueError("client must not be asynchronous")
        self.client, self.observer = client, observer
        self.problem, self.shared = problem, shared
        self.kernel = ""
        self.shards: dict[int, _Held] = {}
        self.losses: Counter[int] = Counter()
        self.groups: list[list[int]] = []
        self.rejected: set[str] = set()
        workers = self._wait_for_workers()
        for failure in self._failures(workers).values():
            if failure is not None:
                raise failure
        self.n_workers = min(len(workers), n_blocks(problem.m))

    def installed_kernels(self) -> list[str]:
        """Return the kernels whose packages all workers have; warn of one that only some have."""
        found = self.client.run(installed_kernels, on_error="ignore")
        for kernel in KERNELS:
            lacking = [worker for worker in sorted(found) if kernel not in found[worker]]
            if 0 < len(lacking) < len(found):
                self.observer.warning(
                    f"{kernel} is not installed on {name_some(lacking)}: no worker computes by it"
                )
        return [kernel for kernel in KERNELS if all(kernel in each for each in found.values())]

    def kernel_failure(self, kernel: str | None) -> Exception | None:
        """Return why some worker cannot load a kernel; None where all can."""
        found = self.client.run(kernel_failure, kernel, on_error="ignore")
        failures = [(worker, error) for worker, error in found.items() if error is not None]
        return ClusterError(str(failures[0][1]), failures[0][0]) if failures else None

    def start(self, kernel: str, state: State | None) -> Method:
        """Have the workers read the examples, and return the descent; see `Method`."""
        self.kernel = kernel
        self.groups = groups_of(self.n_workers)
        self._place(range(self.n_workers))
        for group in self.groups:
            self._join(group)
        sums, test_sums = (partial(self._sums, split) for split in ("train", "test"))
        return Streaming(self.problem, state, sums, test_sums)

    def _sums(self, split: str, w: Array, b: float) -> Sums:
        calls = [self._ask(group, split, w, b) for group in self.groups]
        answers = []
        for group, call in zip(self.groups, calls, strict=True):
            while (answer := self._answer(group, call)) is None:
                self._restore(group)
                call = self._ask(group, split, w, b)
            answers.append(answer)
        return reduce(add, answers)

    def _ask(self, group: Sequence[int], split: str, w: Array, b: float) -> Any:
        """Ask the first shard of a group for the group's sums; None where it is lost."""
        try:
            return self.shards[group[0]].actor.sums(split, w, b)
        except RuntimeError:  # what an actor says of itself
            return None

    def _answer(self, group: Sequence[int], call: Any) -> Sums | None:
        """Wait for the sums of a group; None where one of its workers is lost."""
        while call is not None:
            try:
                sums: Sums = call.result(timeout=POLL_SECONDS)
            except CatclfError:
                raise
            except Exception:
                if call.done():
                    return None
                # An answer of a worker that is gone may never come.
                self._check_scheduler()
                if not all(self.shards[number].is_there for number in group):
                    return None
            else:
                for number in group:
                    self.losses[number] = 0
                return sums
        self._check_scheduler()
        return None

    def _restore(self, group: Sequence[int]) -> None:
        """Have the lost shards of a group read again."""
        self._pause()  # until the scheduler knows of the loss
        # Where none is known to be lost, one cannot be reached: another worker can be, perhaps.
        lost = [number for number in group if not self.shards[number].is_there] or group
        for number in lost:
            held = self.shards.pop(number)
            held.future.release()
            self.losses[number] += 1
            if self.losses[number] > MAX_LOSSES:
                raise ClusterError(
                    f"{MAX_LOSSES} workers in a row were lost, or not reached, with one shard",
                    held.worker,
                    "Was memory short? Does this machine reach the workers' addresses?",
                )
            self.observer.warning(f"worker {held.worker} is lost: its examples are read again")
        self._place(lost)
        self._join(group)

    def _place(self, numbers: Sequence[int]) -> None:
        """Have shards read, each by the worker that keeps the fewest."""
        missing = list(numbers)
        while missing:
            ready = self._ready_workers()
            kept = Counter(held.worker for held in self.shards.values())
            started = {}
            for number in missing:
                worker = min(ready, key=lambda each: kept[each])
                kept[worker] += 1
                started[number] = self._start(number, worker)
            for number, held in started.items():
                if self._has_read(held):
                    self.shards[number] = held
            missing = [number for number in missing if number not in self.shards]

    def _start(self, number: int, worker: str) -> _Held:
        shard = (self.shared, number, self.n_workers, self.kernel)
        future = self.client.submit(Shard, *shard, actor=True, workers=[worker], pure=False)
        return _Held(worker, future)

    def _has_read(self, held: _Held) -> bool:
        """Wait until a worker has read a shard; return False where it is lost on the way."""
        while True:
            try:
                held.actor = held.future.result(timeout=POLL_SECONDS)
            except CatclfError:
                raise
            except Exception:
                if held.future.status != "pending":
                    return False
                self._pause()
                if held.worker not in self._workers():
                    held.future.release()
                    return False
            else:
                return True

    def _join(self, group: Sequence[int]) -> None:
        """Tell the first shard of a group which others it adds up."""
        if len(group) > 1:
            first, *others = (self.shards[number].actor for number in group)
            with suppress(Exception):  # lost again: so is what it will be asked for
                first.lead(others).result(timeout=ANSWER_SECONDS)

    def _ready_workers(self) -> list[str]:
        """Return the workers that can take part; wait for one where there is none."""
        while True:
            ready = []
            for worker, failure in self._failures(self._wait_for_workers()).items():
                if failure is None:
                    ready.append(worker)
                elif worker not in self.rejected:
                    self.rejected.add(worker)
                    self.observer.warning(f"a worker takes no part: {failure}")
            if ready:
                return ready
            self._pause()

    def _wait_for_workers(self) -> list[str]:
        """Return the addresses of the workers; wait for the first where there is none."""
        told = False
        while not (workers := self._workers()):
            if not told:
                self.observer.warning("the cluster has no worker: waiting for one")
                told = True
            self._pause()
        return workers

    def _workers(self) -> list[str]:
        self._check_scheduler()
        try:
            known = self.client.sync(
                self.client.scheduler.identity, n_workers=-1, callback_timeout=ANSWER_SECONDS
            )
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        return sorted(known["workers"])

    def _failures(self, workers: Sequence[str]) -> dict[str, ClusterError | None]:
        """Return what keeps each of some workers from taking part, None where nothing does."""
        versions = self.client.get_versions(packages=list(PACKAGES))
        ours = versions["client"]["packages"]
        failures: dict[str, ClusterError | None] = {}
        for worker in workers:
            theirs = versions["workers"].get(worker, {"packages": None})["packages"]
            failures[worker] = _version_failure(worker, ours, theirs)
        same = [worker for worker in workers if failures[worker] is None]
        found = self.client.run(try_to_open, self.shared, workers=same, on_error="return")
        for worker in same:
            error = found.get(worker)
            if isinstance(error, CatclfError):
                failures[worker] = on_worker(worker, error, fix=SAME_PATH)
            elif error is not None:
                failures[worker] = ClusterError(f"does not answer ({error!r})", worker)
        return failures

    def _pause(self) -> None:
        """Wait a moment; ClusterError where the scheduler is gone, or the observer stops it."""
        self._check_scheduler()
        if self.observer.stop():
            raise ClusterError("stopped while it waited for the cluster")
        time.sleep(POLL_SECONDS)

    def _check_scheduler(self) -> None:
        if self.client.status != "running":
            raise self._gone()

    def _gone(self) -> ClusterError:
        return ClusterError(
            "the scheduler is gone",
            self.client.scheduler.address,
            "Start it and its workers again.",
        )


@dataclass
class _Held:
    """A shard that a worker keeps, or is reading."""

    worker: str
    future: Future
    actor: Any = None

    @property
    def is_there(self) -> bool:
        """Whether the scheduler knows of no loss."""
        return bool(self.future.status == "finished")


def groups_of(n: int) -> list[list[int]]:
    """Return the shards, numbered, in groups whose first adds up the sums of the others.

    Each is a group of its own, but where they are more than MAX_FLAT_SHARDS: then about as many
    groups as a group has shards, so that neither the client nor a first asks many.
    """
    groups = n if n <= MAX_FLAT_SHARDS else math.isqrt(n)
    return [list(range(first, n, groups)) for first in range(groups)]


def _version_failure(
    worker: str, ours: dict[str, str | None], theirs: dict[str, str | None] | None
) -> ClusterError | None:
    if theirs is None:
        return ClusterError("does not answer", worker, "Start it again.")
    for package in PACKAGES:
        if theirs[package] != ours[package]:
            has = f"has {package} {theirs[package]}" if theirs[package] else f"has no {package}"
            return ClusterError(f"{has}, and here is {ours[package]}", worker, SAME_VERSIONS)
    return None

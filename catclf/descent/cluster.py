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
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

from distributed import Client, Future, wait

from catclf.columns import n_blocks
from catclf.descent import Choice, installed_kernels, kernel_failure
from catclf.descent.problem import Method, Problem, State
from catclf.descent.shard import Shard, SharedProblem, Survey, on_worker, survey, versions
from catclf.descent.streaming import Streaming
from catclf.descent.sums import KERNELS, Sums
from catclf.errors import CatclfError, ClusterError, name_some
from catclf.logistic import Array
from catclf.observer import Observer

SCHEDULER_SECONDS = 10.0  # in which it answers a question that takes it a moment
WORKER_SECONDS = 60.0  # in which a worker says whether it can take part: it opens the dataset
SILENT_SECONDS = 60.0  # after which the user is told which worker is waited for
STOP_SECONDS = 10.0  # for the answers that are outstanding when the user stops the descent
POLL_SECONDS = 0.5
MAX_FLAT_SHARDS = 64  # beyond, a tree of two levels: asking one takes the client a millisecond
MAX_LOSSES = 5  # of one shard in a row: then it is not the workers' fault
SAME_PATH = "Every worker must read the dataset by this path."


class _LostError(Exception):
    """A shard that cannot be asked, or read, any more: why."""


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
        self.kernel: str | None = None
        self.shards: dict[int, _Held] = {}
        self.losses: Counter[int] = Counter()
        self.groups: list[list[int]] = []
        self.joined: Counter[int] = Counter()  # how often each first was told whom it leads
        self.told: set[tuple[str, str]] = set()
        self.workers = self._ready_workers(strict=True)
        self.n_workers = min(len(self.workers), n_blocks(problem.m))

    def close(self) -> None:
        """Let the workers forget their shards."""
        if self.client.status == "running":
            with suppress(Exception):  # the scheduler is gone, and the shards with it
                self.client.cancel([held.future for held in self.shards.values()])
        self.shards.clear()

    def installed_kernels(self) -> list[str]:
        """Return the kernels whose packages all workers have; warn of one that only some have."""
        found = self._ask_workers(self.workers, installed_kernels)
        if not found:
            raise ClusterError("none of the workers answers any more", fix="Start them again.")
        for kernel in KERNELS:
            lacking = [worker for worker in sorted(found) if kernel not in found[worker]]
            if 0 < len(lacking) < len(found):
                self.observer.warning(
                    f"{kernel} is not installed on {name_some(lacking)}: no worker computes by it"
                )
        return [kernel for kernel in KERNELS if all(kernel in each for each in found.values())]

    def kernel_failure(self, kernel: str | None) -> Exception | None:
        """Return why some worker cannot load a kernel; None where all can."""
        for worker, error in self._ask_workers(self.workers, kernel_failure, kernel).items():
            if error is not None:
                return ClusterError(str(error), worker)
        return None

    def start(self, choice: Choice, state: State | None) -> Method:
        """Have the workers read the examples, and return the descent; see `Method`."""
        assert choice.kernel is not None, "a cluster streams"
        self.kernel = choice.kernel
        self.groups = groups_of(self.n_workers)
        self._place(range(self.n_workers))
        for group in self.groups:
            self._join(group)
        sums, test_sums = (partial(self._sums, split) for split in ("train", "test"))
        return Streaming(self.problem, state, sums, test_sums)

    # ------------------------------------------------------------------------------- the shards

    def _sums(self, split: str, w: Array, b: float) -> Sums:
        calls = [self._ask(group, split, w, b) for group in self.groups]
        answers = []
        for group, call in zip(self.groups, calls, strict=True):
            while True:
                try:
                    answers.append(self._answer(group, call))
                    break
                except _LostError as lost:
                    self._restore(group, lost)
                    call = self._ask(group, split, w, b)
        return reduce(add, answers)

    def _ask(self, group: Sequence[int], split: str, w: Array, b: float) -> Any:
        """Ask the first shard of a group for the group's sums; None where it is lost."""
        first = group[0]
        try:
            return self.shards[first].actor.sums(split, w, b, self.joined[first])
        except RuntimeError:  # what an actor says of itself
            return None

    def _answer(self, group: Sequence[int], call: Any) -> Sums:
        """Wait for the sums of a group; _LostError where one of its workers is lost."""
        asked, stopping = time.monotonic(), math.inf
        while call is not None:
            try:
                sums: Sums = call.result(timeout=POLL_SECONDS)
            except CatclfError:
                raise
            except Exception as error:
                if call.done():
                    raise _LostError(f"{error!r:.200}") from error
                # An answer of a worker that is gone may never come.
                self._check_scheduler()
                if not all(self.shards[number].is_there for number in group):
                    break
                if time.monotonic() - asked > SILENT_SECONDS:
                    others = "or another whose sums it adds up " * (len(group) > 1)
                    silent = f"has not answered for {SILENT_SECONDS:g} s: waiting for it"
                    self._tell(self.shards[group[0]].worker, others + silent)
                if self.observer.stop():
                    stopping = min(stopping, time.monotonic() + STOP_SECONDS)
                    if time.monotonic() > stopping:
                        raise _stopped() from error
            else:
                for number in group:
                    self.losses[number] = 0
                return sums
        self._check_scheduler()
        raise _LostError("it left the cluster")

    def _restore(self, group: Sequence[int], lost: _LostError) -> None:
        """Have the lost shards of a group read again."""
        self._pause()  # until the scheduler knows of the loss
        # Where none is known to be lost, one cannot be reached: another worker can be, perhaps.
        numbers = [number for number in group if not self.shards[number].is_there] or group
        for number in numbers:
            self._forget(number, self.shards.pop(number), lost)
        self._place(numbers)
        self._join(group)

    def _place(self, numbers: Iterable[int]) -> None:
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
                try:
                    self._wait_until_read(held)
                    self.shards[number] = held
                except _LostError as lost:
                    self._forget(number, held, lost)
            missing = [number for number in missing if number not in self.shards]

    def _start(self, number: int, worker: str) -> _Held:
        shard = (self.shared, number, self.n_workers, self.kernel)
        future = self.client.submit(Shard, *shard, actor=True, workers=[worker], pure=False)
        return _Held(worker, future)

    def _wait_until_read(self, held: _Held) -> None:
        """Wait until a worker has read a shard; _LostError where it is lost on the way."""
        began = time.monotonic()
        while held.actor is None:
            try:
                held.actor = held.future.result(timeout=POLL_SECONDS)
            except CatclfError:
                raise
            except Exception as error:
                if held.future.status != "pending":
                    raise _LostError(f"{error!r:.200}") from error
                self._pause()
                if held.worker not in self._workers():
                    raise _LostError("it left the cluster") from error
                if time.monotonic() - began > SILENT_SECONDS:
                    silent = f"has read for {SILENT_SECONDS:g} s: waiting for it"
                    self._tell(held.worker, silent)

    def _forget(self, number: int, held: _Held, lost: _LostError) -> None:
        """Count and tell a loss; ClusterError where the same shard is lost again and again."""
        held.future.release()
        self.losses[number] += 1
        if self.losses[number] > MAX_LOSSES:
            raise ClusterError(
                f"{MAX_LOSSES} workers in a row were lost with one shard; the last: {lost}",
                held.worker,
                "Was memory short? Does this machine reach the workers' addresses?",
            )
        self._tell(held.worker, f"is lost ({lost}): its examples are read by another")

    def _join(self, group: Sequence[int]) -> None:
        """Tell the first shard of a group which others it adds up."""
        if len(group) > 1:
            first, *others = (self.shards[number].actor for number in group)
            self.joined[group[0]] += 1
            with suppress(Exception):  # it refuses what it is asked next, since it was not told
                first.lead(others, self.joined[group[0]]).result(timeout=SCHEDULER_SECONDS)

    # ------------------------------------------------------------------------------ the workers

    def _ready_workers(self, strict: bool = False) -> list[str]:
        """Return the workers that can take part; wait for one where there is none.

        Of one that cannot the user is warned; where `strict`, that is an error.
        """
        while True:
            failures = self._failures(self._wait_for_workers())
            for worker, failure in failures.items():
                if failure is not None and strict:
                    raise failure
                if failure is not None:
                    self._tell(worker, f"takes no part: {failure}")
            ready = [worker for worker, failure in failures.items() if failure is None]
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
                self.client.scheduler.identity, n_workers=-1, callback_timeout=SCHEDULER_SECONDS
            )
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        return sorted(known["workers"])

    def _failures(self, workers: Sequence[str]) -> dict[str, ClusterError | None]:
        """Return what keeps each worker that answers from taking part, None where nothing does."""
        found = self._ask_workers(workers, survey, self.shared, self.kernel)
        for worker in {*workers} & {*self._workers()} - {*found}:
            self._tell(worker, "does not answer: it takes no part")
        ours = versions(self.kernel)
        return {worker: _failure(worker, ours, answer) for worker, answer in found.items()}

    def _ask_workers(
        self, workers: Sequence[str], function: Callable[..., Any], *arguments: Any
    ) -> dict[str, Any]:
        """Return what a function returns on each of some workers, or the exception it raises there.

        A worker that does not answer is left out.
        """
        asked = {
            worker: self.client.submit(function, *arguments, workers=[worker], pure=False)
            for worker in workers
        }
        deadline = time.monotonic() + WORKER_SECONDS
        while waiting := [worker for worker in asked if asked[worker].status == "pending"]:
            try:
                wait([asked[worker] for worker in waiting], timeout=POLL_SECONDS)
            except Exception:  # not all yet; or the scheduler is gone
                self._pause()
                if time.monotonic() > deadline or not {*waiting} & {*self._workers()}:
                    break
        answers = {}
        for worker, future in asked.items():
            if future.status == "finished":
                with suppress(Exception):  # it left meanwhile
                    answers[worker] = future.result(timeout=SCHEDULER_SECONDS)
            elif future.status == "error":
                answers[worker] = future.exception(timeout=SCHEDULER_SECONDS)
            future.release()
        return answers

    def _tell(self, worker: str, what: str) -> None:
        """Warn of a worker, once of the same."""
        if (worker, what) not in self.told:
            self.told.add((worker, what))
            self.observer.warning(f"worker {worker} {what}")

    def _pause(self) -> None:
        """Wait a moment; ClusterError where the scheduler is gone, or the observer stops it."""
        self._check_scheduler()
        if self.observer.stop():
            raise _stopped()
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


def _failure(worker: str, ours: dict[str, str | None], found: Any) -> ClusterError | None:
    """Return what keeps a worker from taking part, given its survey, or why there is none."""
    if not isinstance(found, Survey):
        return ClusterError(f"cannot run this catclf ({found!r:.200})", worker, _same("catclf"))
    for package, version in ours.items():
        theirs = found.versions.get(package)
        if theirs != version:
            has = f"has {package} {theirs}" if theirs else f"has no {package}"
            return ClusterError(f"{has}, and here is {version}", worker, _same(package))
    if found.kernel_failure is not None:
        return ClusterError(f"cannot load numba ({found.kernel_failure})", worker, _same("numba"))
    return None if found.error is None else on_worker(worker, found.error, fix=SAME_PATH)


def _same(package: str) -> str:
    return f"Install the same version of {package} everywhere."


def _stopped() -> ClusterError:
    return ClusterError("stopped while it waited for the cluster")

"""The workers of a Dask cluster: asked, waited for, and told of by name; the extra `cluster`.

What a lost worker had computed, or was to, Dask has another do; where none is left, it waits for
one. Where the scheduler is gone, the workers are too: an error.
"""

from __future__ import annotations

import asyncio
import math
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager, suppress
from functools import partial
from importlib import metadata
from itertools import islice
from time import monotonic
from typing import Any, TypeVar

from distributed import Client, Future, get_worker

from catclf.errors import CatclfError, ClusterError, name_some
from catclf.observer import Observer

SCHEDULER_SECONDS = 10.0  # in which it answers a question that takes it a moment
SILENT_SECONDS = 60.0  # after which the user is told which worker is waited for
STOP_SECONDS = 10.0  # for the answers that are outstanding when the user stops the work
POLL_SECONDS = 0.5
MAX_LOSSES = 4  # of all workers in a row: then it is not the workers' fault
WITHOUT_WORKERS = "the cluster has no worker: waiting for one"
SAME_MACHINES = "Has each machine the same catclf, and memory enough?"
TASK_MS = 1000  # of items together: a task costs the scheduler a millisecond or more
TASK_BYTES = 2**22
TASKS_AHEAD = 3  # for each core, given to the cluster before their results are taken
MAX_TAKEN = 8  # tasks at once, of those that are done; 16 pass on 1.4 times as many as one
Versions = dict[str, str | None]
Gathered = futures.Future[list[Any]]
T = TypeVar("T")
R = TypeVar("R")


class Cluster:
    """The workers that a client's scheduler has.

    The observer is warned of workers that are lost, or waited for, and may stop the waiting. Each
    must have the same versions of `packages`, which are catclf and others. ClusterError where one
    has not, where the scheduler is gone, or the observer stopped the waiting.
    """

    def __init__(self, client: Client, observer: Observer, packages: Sequence[str]) -> None:
        if client.asynchronous:
            raise ValueError("client must not be asynchronous")
        self.client, self.observer = client, observer
        self.address = client.scheduler.address
        self.cores: dict[str, int] = {}  # of each worker, as last seen
        self.looked = -math.inf
        self.told: set[str] = set()
        self.expected = versions(packages)
        # By a function that every Python has: a worker that cannot load a task's function ends.
        for worker, theirs in self.on_each(metadata.version, "catclf").items():
            refuse_other_version("catclf", theirs, self.expected["catclf"], worker)

    def close(self) -> None:
        """Tell of a worker that was lost at the end, too."""
        if self.looked < math.inf:
            with suppress(ClusterError):
                self.look()

    def stream(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        result_bytes: int = 1,
        item_ms: int = 1,
    ) -> Generator[tuple[R, str], None, None]:
        """Yield ``function(item)`` for each item, in order, and the worker that computed it.

        As `catclf.workers.map_in_order` does by processes: memory is bounded by some items for each
        core, however many there are. The function, which may be large, is sent once.
        """
        in_a_task = max(1, min(TASK_MS // item_ms, TASK_BYTES // result_bytes))
        remaining = iter(items)
        groups = iter(lambda: list(islice(remaining, in_a_task)), [])
        # As the result of a task, which Dask has computed again where it is lost.
        with warnings.catch_warnings(action="ignore"):  # Dask's, of one above 10 MB
            sent = self.submit(partial(_given, function))
        # The items stand in the function: Dask looks for its own keys in arguments.
        computed = (partial(_computed, group=group, expected=self.expected) for group in groups)
        given = (self.submit(each, sent) for each in computed)
        tasks: deque[Future] = deque()
        while True:
            ahead = TASKS_AHEAD * max(1, sum(self.cores.values()))
            tasks.extend(islice(given, max(0, ahead - len(tasks))))
            if not tasks:
                return
            taken = [tasks.popleft()]  # held until the next are done: see `ClusterSums`
            while tasks and tasks[0].done() and len(taken) < MAX_TAKEN:
                taken.append(tasks.popleft())
            for results, worker in self.results(taken):
                yield from ((result, worker) for result in results)

    def on_each(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return what a function returns on each worker; wait for the first where there is none."""
        for _ in range(MAX_LOSSES):
            self.results([self.submit(int)])  # once there is a worker
            self.look()
            asked = {
                worker: self.submit(function, *arguments, workers=[worker])
                for worker in sorted(self.cores)
            }
            answers = {worker: self.results([asked[worker]], worker) for worker in asked}
            if found := {worker: answer for worker in asked for answer in answers[worker]}:
                return found
        raise ClusterError("every worker is lost when it is asked", fix=SAME_MACHINES)

    def submit(self, function: Callable[..., Any], *arguments: Any, **where: Any) -> Future:
        """Have a function computed; ClusterError where the scheduler is gone."""
        if self.client.status != "running":  # a client that is closed meanwhile submits nothing
            self.look()
        return self.client.submit(function, *arguments, pure=False, **where)

    def results(self, asked: Sequence[Future], worker: str | None = None) -> list[Any]:
        """Wait for the results of tasks; none where they are one worker's, and this is lost."""
        # By the scheduler, which knows of a loss: a client tries for 30 s to reach a lost worker.
        gathering = self.client.gather(asked, direct=False, asynchronous=True)
        loop = self.client.loop.asyncio_loop
        gathered: Gathered = asyncio.run_coroutine_threadsafe(gathering, loop)
        began, stopping = monotonic(), math.inf
        try:
            while not futures.wait([gathered], POLL_SECONDS).done:
                self.look()
                if worker is not None and worker not in self.cores:
                    return []
                if monotonic() - began > SILENT_SECONDS:
                    self._tell_silent()
                if self.observer.stop():
                    stopping = min(stopping, monotonic() + STOP_SECONDS * bool(self.cores))
                    if monotonic() >= stopping:
                        raise ClusterError("stopped while it waited for the cluster")
            if monotonic() - self.looked > POLL_SECONDS:
                self.look()
            return gathered.result()
        except CatclfError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            self.look()
            what = f"the cluster failed ({type(error).__name__}: {error!s:.200})"
            raise ClusterError(what, worker, SAME_MACHINES) from error

    def look(self) -> None:
        """Tell which workers were lost since the last look, and whether none is left."""
        self.looked = math.inf  # for good where the scheduler is gone
        found = self._ask("ncores")
        self.looked = monotonic()
        if lost := {*self.cores} - {*found}:
            self.observer.warning(
                f"the cluster lost worker{'s' * (len(lost) > 1)} {name_some(sorted(lost))}: "
                "others compute what it had"
            )
        self.cores = found
        if found:
            self.told.discard(WITHOUT_WORKERS)
        elif WITHOUT_WORKERS not in self.told:
            self.told.add(WITHOUT_WORKERS)
            self.observer.warning(WITHOUT_WORKERS)

    def _tell_silent(self) -> None:
        """Tell which workers compute what is waited for, each once."""
        ours, found = self.client.futures, self._ask("processing")
        busy = {worker for worker, keys in found.items() if any(key in ours for key in keys)}
        busy = busy or {*self.cores}  # none was given the task: all stopped before they could be
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


def _given(function: T) -> T:
    return function


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
def _computed(
    function: Callable[[T], R], group: Sequence[T], expected: Versions
) -> tuple[list[R], str]:
    """Return the results of some items, and the worker's address."""
    refuse_other_versions(expected)
    return [function(item) for item in group], get_worker().address


def refuse_other_versions(expected: Versions) -> None:
    """Raise ClusterError where a package here is of another version."""
    for package, theirs in versions(expected).items():
        refuse_other_version(package, theirs, expected[package])


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
        raise ClusterError(f"{has}, and here is {ours or 'none'}", worker, fix)

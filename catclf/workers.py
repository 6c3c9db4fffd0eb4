"""One function over many items, computed by worker processes.

Processes, because Pillow holds the interpreter's lock while it decodes, and many small numpy calls
wait for it in turns: on two cores threads gave 1.0x to 1.3x. They are forked where the system can,
and see the memory of this process; elsewhere they are spawned, and the function is pickled.
"""

from __future__ import annotations

import math
import os
import pickle
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, cycle, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from catclf.errors import CatclfError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")
CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"  # whose libraries do not survive it
ITEMS_WORTH_A_WORKER = 16  # 15 ms of pictures; a fork takes 5 ms
MAX_ITEMS_A_MESSAGE = 8
MESSAGE_BYTES = 2**17  # eight columns at 64x64: fits a connection, so no worker waits to send it
MESSAGES_AHEAD = 3  # given to a worker before its first is answered: bounds the results in memory


def map_in_order(
    function: Callable[[T], R], items: Iterable[T], workers: int | None = None
) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order, computed by worker processes.

    Memory is bounded by a few items a worker, fewer where results are large, however many there
    are and however long one takes.

    Parameters
    ----------
    function
        Its results are pickled, and so is what it raises, which is raised here; where processes
        are spawned, so is the function itself.
    items
        Pickled. Few items, or all with a single worker, are computed in this process, one at a
        time.
    workers
        How many processes; None for one for each core.

    Raises
    ------
    CatclfError
        Where a process cannot be started, or is killed.
    """
    workers = _possible(workers)
    remaining = iter(items)
    first = list(islice(remaining, workers * ITEMS_WORTH_A_WORKER)) if workers > 1 else []
    workers = min(workers, len(first) // ITEMS_WORTH_A_WORKER)
    if workers < 2:
        yield from map(function, chain(first, remaining))
        return
    pool = Pool(function, workers)
    try:
        yield from pool.stream(chain(first, remaining))
    finally:
        pool.close()


class Pool(Generic[T, R]):
    """Worker processes that apply one function to items, again and again.

    They end with the pool, or with this process, however it ends.

    Parameters
    ----------
    function
        See `map_in_order`. A forked worker sees the memory of this process as it was when the pool
        was made; what changes later, and large results, belong in `shared_zeros`.
    workers
        How many processes; None for one for each core. A single worker is this process itself.

    Raises
    ------
    CatclfError
        Where a process cannot be started.
    """

    def __init__(self, function: Callable[[T], R], workers: int | None = None) -> None:
        self._function = function
        self._workers: list[_Worker] = []
        self._items_a_message = 1  # until the size of a result is known
        workers = _possible(workers)
        if workers > 1:
            from multiprocessing.util import Finalize

            # At exit multiprocessing waits for its processes; ours must have ended before.
            self._finalize = Finalize(self, _end, (self._workers,), exitpriority=0)
            for _ in range(workers):
                with _signals_blocked():  # a worker that has started is known, and is ended
                    self._workers.append(_Worker(function, self._workers))

    def close(self) -> None:
        """End the workers."""
        if self._workers:
            self._finalize()

    def map(self, items: Sequence[T]) -> list[R]:
        """Return ``function(item)`` for each item, in order.

        Raises
        ------
        CatclfError
            Where a worker was killed, now or in an earlier call.
        """
        if not self._workers:
            return [self._function(item) for item in items]
        n = len(self._workers)
        try:
            with _loss_explained():
                for k, worker in enumerate(self._workers):
                    worker.send(items[k::n])
                # All are taken before a failure is raised: none is left for the next call.
                answers = [iter(worker.receive()[1]) for worker in self._workers]
        except BaseException:  # a Ctrl-C too: what is on its way answers no later call
            self.close()
            raise
        return [_result(next(answer)) for answer in islice(cycle(answers), len(items))]

    def stream(self, items: Iterable[T]) -> Iterator[R]:
        """Yield ``function(item)`` for each item, in order, reading a little ahead."""
        if not self._workers:
            yield from map(self._function, items)
            return
        remaining = iter(items)
        turns = cycle(self._workers)
        asked: deque[_Worker] = deque()  # one entry a message that is not yet yielded, in order
        for worker in islice(turns, MESSAGES_AHEAD * len(self._workers)):
            self._ask(worker, remaining, asked)
        while asked:
            worker = asked.popleft()
            while not worker.answers:
                self._collect()
            answers = worker.answers.popleft()
            self._ask(worker, remaining, asked)
            yield from map(_result, answers)

    def _ask(self, worker: _Worker, remaining: Iterator[T], asked: deque[_Worker]) -> None:
        message = list(islice(remaining, self._items_a_message))
        if message:
            with _loss_explained():
                worker.send(message)
            asked.append(worker)

    def _collect(self) -> None:
        """Wait for an answer of any worker, so that none waits long to send its own."""
        from multiprocessing.connection import wait

        by_connection = {worker.connection: worker for worker in self._workers}
        with _loss_explained():
            for ready in wait(list(by_connection)):
                worker = by_connection[ready]
                stored_bytes, answers = worker.receive()
                worker.answers.append(answers)
                fitting = MESSAGE_BYTES * len(answers) // stored_bytes
                self._items_a_message = min(max(fitting, 1), MAX_ITEMS_A_MESSAGE)


class _Worker:
    """A worker process, the connection to it, and its answers that were received early."""

    def __init__(self, function: Callable[[Any], Any], others: Sequence[_Worker]) -> None:
        import multiprocessing

        context: Any = multiprocessing.get_context("fork" if CAN_FORK else "spawn")
        self.answers: deque[list[tuple[bool, Any]]] = deque()
        try:
            self.connection, theirs = context.Pipe()
        except OSError as error:
            raise CatclfError(
                f"cannot open a connection ({error.strerror})",
                fix="Allow more open files: ulimit -n.",
            ) from error
        # A fork inherits this end of every connection so far. It closes them, to see them end.
        inherited = [worker.connection for worker in others] + [self.connection]
        arguments = (function, theirs, inherited if CAN_FORK else [])
        self.process = context.Process(target=_serve, args=arguments, daemon=True)
        try:
            with warnings.catch_warnings():
                # From 3.12 on Python warns of threads that hold locks at the fork. numpy's do not.
                warnings.simplefilter("ignore", DeprecationWarning)
                self.process.start()
        except OSError as error:
            self.connection.close()
            raise CatclfError(
                f"cannot start another process ({error.strerror})",
                fix="Allow more processes: ulimit -u.",
            ) from error
        finally:
            theirs.close()

    def send(self, items: Sequence[Any]) -> None:
        self.connection.send_bytes(pickle.dumps(items, pickle.HIGHEST_PROTOCOL))

    def receive(self) -> tuple[int, list[tuple[bool, Any]]]:
        """Return the bytes of the next answer, and what they hold."""
        stored = self.connection.recv_bytes()
        return len(stored), pickle.loads(stored)


def _serve(
    function: Callable[[T], R], connection: Connection[Any, Any], inherited: Sequence[Any]
) -> None:
    """Answer messages, in a worker process, until the other end of the connection is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # A Ctrl-C, or a service manager's SIGTERM, is the owner's to handle.
        signal.signal(number, signal.SIG_IGN)
    if sys.platform != "win32" and hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    for each in inherited:
        each.close()
    with suppress(EOFError, OSError):
        while True:
            items = pickle.loads(connection.recv_bytes())
            answers = [_attempt(function, item) for item in items]
            connection.send_bytes(pickle.dumps(answers, pickle.HIGHEST_PROTOCOL))


def _attempt(function: Callable[[T], R], item: T) -> tuple[bool, object]:
    """Return whether the function came to its end, with its result or what it raised."""
    try:
        return True, function(item)
    except Exception as error:  # raised again by the owner
        if not isinstance(error, CatclfError):
            import traceback

            # Where a bug is: a pickled exception forgets it.
            lines = traceback.format_tb(error.__traceback__)
            error.add_note("In a worker process:\n" + "".join(lines))
        return False, error


def _result(answer: tuple[bool, Any]) -> Any:
    done, result = answer
    if not done:
        raise result
    return result


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Keep a Ctrl-C out of a fork: what runs there ignores exceptions."""
    if sys.platform == "win32" or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _loss_explained() -> Iterator[None]:
    """Raise a CatclfError where a process is gone."""
    try:
        yield
    except (EOFError, OSError) as error:  # OSError: also of a connection that is closed
        raise CatclfError(
            "a worker process was killed before its work was done",
            fix="Was memory short? Free some, and try again.",
        ) from error


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.connection.close()
    for worker in workers:
        worker.process.kill()
        worker.process.join()


def _possible(workers: int | None) -> int:
    """Return how many workers there can be: a daemonic process may have none of its own."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.current_process().daemon:
        return 1
    return workers or available_cores()


def shared_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros in memory that this process and those it forks later all read and write."""
    from mmap import mmap  # here, for predict to start without it

    count = math.prod(shape)
    memory = mmap(-1, max(1, count * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, count).reshape(shape)


# What a container allows: control groups, version 2 and 1.
CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
UNKNOWN_MEMORY_BYTES = 4 * 2**30  # where the system does not tell: a small machine's


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int:
    """Return how many bytes this process may still take, as far as the system tells.

    Never more than a container, or ulimit, allows in all.
    """
    limits = [_number_in(path) for path in CONTAINER_LIMITS]
    limits += [_free_memory(), _address_space_limit()]
    known = [limit for limit in limits if limit is not None]
    return min(known, default=UNKNOWN_MEMORY_BYTES)


def _free_memory() -> int | None:
    with (
        suppress(OSError, ValueError, LookupError),
        open("/proc/meminfo", encoding="ascii") as file,
    ):
        lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    return None


def _address_space_limit() -> int | None:
    """Return what ``ulimit -v`` allows; None where there is no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit: int = getattr(resource, "getrlimit")(getattr(resource, "RLIMIT_AS"))[0]  # noqa: B009
    return None if limit == getattr(resource, "RLIM_INFINITY") else limit  # noqa: B009


def _number_in(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):  # no such file, or "max"
        return None

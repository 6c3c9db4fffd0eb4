"""One function over many items by worker processes; how many cores and how much memory there are.

The owner gives each worker in turn a message of a few items, a few messages ahead, and takes the
answers in the same turns: results come in order, and few of them wait. Each worker has a pipe of
its own, whose end tells either side that the other is gone, however it went. (Of a pipe that
workers share, as in the standard library's executors, one that is killed leaves half an answer,
and the owner waits for the rest for ever: 5 of 100 kills.)

Processes, because Pillow holds the interpreter's lock while it decodes, and many small numpy calls
wait for it in turns: on two cores threads gave 1.0x to 1.3x. They are forked where the system can,
and see the memory of this process; elsewhere they are spawned, and the function is pickled.
"""

from __future__ import annotations

import errno
import math
import os
import pickle
import re
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
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
ITEMS_WORTH_A_WORKER = 16  # of 1 ms, as pictures take; a fork takes 5 ms
# Of 12 KB columns 3 a message take 3 to 8 % more CPU than 8, of 3 MB rows 4 take 20 % more than 1.
MAX_ITEMS_A_MESSAGE = 8
MESSAGE_BYTES = 2**17  # fits a pipe: no worker waits to send it
MESSAGES_AHEAD = 3  # given to a worker before its first is taken: bounds the results in memory

# What a container allows: control groups, version 2 and 1.
CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
UNKNOWN_MEMORY_BYTES = 4 * 2**30  # where the system does not tell: a small machine's


def map_in_order(
    function: Callable[[T], R],
    items: Iterable[T],
    workers: int | None = None,
    result_bytes: int = 1,
    item_ms: int = 1,
) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order, computed by a `Pool` of its own.

    Memory is bounded by a few items a worker, fewer where a result is of many bytes, however many
    there are and however long one takes. Few items of so many milliseconds, or all with a single
    worker, are computed in this process, one at a time.
    """
    workers = _possible(workers)
    remaining = iter(items)
    worth_a_worker = math.ceil(ITEMS_WORTH_A_WORKER / item_ms)
    first = list(islice(remaining, workers * worth_a_worker)) if workers > 1 else []
    with closing(Pool(function, len(first) // worth_a_worker)) as pool:
        items_a_message = min(
            math.ceil(MAX_ITEMS_A_MESSAGE / item_ms), 1 + MESSAGE_BYTES // result_bytes
        )
        yield from pool.stream(chain(first, remaining), items_a_message)


class Pool(Generic[T, R]):
    """Worker processes that apply one function to items, again and again.

    They are one for each core where `workers` is None; fewer than two are this process itself.
    They end with the pool, or with this process, however it ends. A forked worker sees the memory
    of this process as it was when the pool was made; what changes later, and large results, belong
    in `shared_zeros`. Items, which must be small, are pickled, and so are results and what the
    function raises, which is raised here.

    CatclfError where a process cannot be started, or was killed.
    """

    def __init__(self, function: Callable[[T], R], workers: int | None = None) -> None:
        self._function = function
        self._workers: list[_Worker] = []
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
        """Return ``function(item)`` for each item, in order."""
        return list(self.stream(items))

    def stream(self, items: Iterable[T], items_a_message: int = 1) -> Iterator[R]:
        """Yield ``function(item)`` for each item, in order, reading a little ahead.

        The pool is closed where this does not come to its end.
        """
        if not self._workers:
            yield from map(self._function, items)
            return
        remaining = iter(items)
        messages = iter(lambda: list(islice(remaining, items_a_message)), [])
        asked: deque[_Worker] = deque()  # one entry a message whose answer is not yet taken
        try:
            for worker, message in zip(cycle(self._workers), messages, strict=False):
                if len(asked) == MESSAGES_AHEAD * len(self._workers):
                    yield from self._results(asked)
                worker.send(message)
                asked.append(worker)
            while asked:
                yield from self._results(asked)
        except BaseException:  # a Ctrl-C too: what is on its way answers no later call
            self.close()
            raise

    def _results(self, asked: deque[_Worker]) -> Iterator[R]:
        """Yield the results of the oldest message, or raise what took the place of one."""
        worker = asked.popleft()
        while not worker.answers:
            if len(asked) < len(self._workers):  # one message each: none is held up by another's
                worker.receive()
            else:
                self._receive_any()
        for result, error in worker.answers.popleft():
            if error is not None:
                raise error
            yield result

    def _receive_any(self) -> None:
        """Receive an answer of any worker, so that none waits long to send its own."""
        from multiprocessing.connection import wait

        by_connection = {worker.connection: worker for worker in self._workers}
        for ready in wait(by_connection):
            by_connection[ready].receive()


class _Worker:
    """A worker process, the connection to it, and its answers that were received early."""

    def __init__(self, function: Callable[[Any], Any], others: Sequence[_Worker]) -> None:
        import multiprocessing

        context: Any = multiprocessing.get_context("fork" if CAN_FORK else "spawn")
        self.answers: deque[list[tuple[Any, Exception | None]]] = deque()
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
            limit = (
                "open files: ulimit -n" if error.errno == errno.EMFILE else "processes: ulimit -u"
            )
            raise CatclfError(
                f"cannot start another process ({error.strerror})", fix=f"Allow more {limit}."
            ) from error
        finally:
            theirs.close()

    def send(self, items: Sequence[Any]) -> None:
        message = pickle.dumps(items, pickle.HIGHEST_PROTOCOL)
        try:
            self.connection.send_bytes(message)
        except OSError as error:
            raise _lost() from error

    def receive(self) -> None:
        try:
            message = self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise _lost() from error
        self.answers.append(pickle.loads(message))


def _serve(
    function: Callable[[T], R], connection: Connection[Any, Any], inherited: Sequence[Any]
) -> None:
    """Answer messages, in a worker process, until the other end of the connection is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # A Ctrl-C, or a service manager's SIGTERM, is the owner's to handle.
        signal.signal(number, signal.SIG_IGN)
    for each in inherited:
        each.close()
    with suppress(EOFError, OSError):
        while True:
            items = pickle.loads(connection.recv_bytes())
            answers = [_attempt(function, item) for item in items]
            connection.send_bytes(pickle.dumps(answers, pickle.HIGHEST_PROTOCOL))


def _attempt(function: Callable[[T], R], item: T) -> tuple[R | None, Exception | None]:
    """Return the function's result, or what it raised, to be raised again by the owner."""
    try:
        return function(item), None
    except Exception as error:
        if not isinstance(error, CatclfError):
            import traceback

            # Where a bug is: a pickled exception forgets it.
            lines = traceback.format_tb(error.__traceback__)
            error.add_note("In a worker process:\n" + "".join(lines))
        return None, error


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


def _lost() -> CatclfError:
    """Return the error for a connection that ended, or was closed when its pool was."""
    return CatclfError(
        "a worker process was killed before its work was done",
        fix="Was memory short? Free some, and try again.",
    )


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.connection.close()
    for worker in workers:
        worker.process.kill()
        worker.process.join()


def shared_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros in memory that this process and those it forks later all read and write."""
    from mmap import mmap  # here, for predict to start without it

    count = math.prod(shape)
    memory = mmap(-1, max(1, count * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, count).reshape(shape)


def _possible(workers: int | None) -> int:
    """Return how many workers there can be: a daemonic process may have none of its own."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.current_process().daemon:
        return 1
    return available_cores() if workers is None else workers


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int:
    """Return how many bytes this process may still take, as far as the system tells.

    Never more than a container, or ulimit, allows in all.
    """
    limits: list[int] = []
    with suppress(OSError), open("/proc/meminfo", encoding="ascii") as file:
        limits += [1024 * int(free) for free in re.findall(r"MemAvailable: *(\d+)", file.read())]
    for path in CONTAINER_LIMITS:
        with suppress(OSError, ValueError), open(path, encoding="ascii") as file:
            limits.append(int(file.read()))  # ValueError: "max"
    if sys.platform != "win32":
        with suppress(ImportError):
            import resource

            ulimit, _ = resource.getrlimit(resource.RLIMIT_AS)
            if ulimit != resource.RLIM_INFINITY:
                limits.append(ulimit)
    return min(limits, default=UNKNOWN_MEMORY_BYTES)

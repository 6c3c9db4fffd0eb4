"""Work spread over the cores, by forked processes; how many cores and how much memory there are.

Processes, because Pillow holds the interpreter's lock while it decodes, and many small numpy calls
wait for it in turns: on two cores threads gave 1.0x to 1.3x.
"""

from __future__ import annotations

import math
import os
import pickle
import signal
import sys
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from time import monotonic
from typing import Any, BinaryIO, Generic, NoReturn, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from catclf.errors import CatclfError

__all__ = ["Team", "available_cores", "available_memory", "map_in_order", "shared_zeros"]

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")
CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"  # whose libraries do not survive it
# Of control groups, version 2 and 1.
CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
FEW = 32  # items that are not worth a process: 30 ms of pictures
BATCH = 8192  # items taken at once: a fork takes 5 ms, and each batch ends with its slowest worker
PATIENCE = 0.03  # seconds between two deliveries of results: each wakes the reader
PIPE = 2**20  # bytes a pipe holds, half of them in one delivery: 80 pictures ahead of the reader


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_order(
    function: Callable[[T], R], items: Iterable[T], workers: int | None = None
) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order, computed by forked processes.

    Worker k of n computes items k, k + n, ... and writes the results into a pipe of its own, which
    is read in turns: results come in order, a few at a time, and a worker whose reader is gone dies
    of its next write.

    Parameters
    ----------
    function
        Its results are pickled, and so is what it raises, which is raised here.
    items
        Taken a batch at a time, by a single worker one at a time. Few, or all by a single worker,
        are computed in this process.
    workers
        How many processes; None for one a core.
    """
    workers = workers or available_cores()
    if workers == 1 or not CAN_FORK:
        yield from map(function, items)
        return
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        if len(batch) < FEW:
            yield from map(function, batch)
        else:
            yield from _map_forked(function, batch, min(workers, len(batch) // (FEW // 2)))


def _map_forked(function: Callable[[T], R], items: list[T], workers: int) -> Iterator[R]:
    processes: list[_Process] = []
    try:
        for first in range(workers):
            _fork(processes, function, items[first::workers], PATIENCE)
        for index in range(len(items)):
            with _watched():
                answer = _receive(processes[index % workers].results)
            yield _result(answer)
    finally:
        _end(processes)


class Team(Generic[S, T, R]):
    """Processes that go over their shares of some data together, again and again.

    Each sees the memory of this process as it was when the team was made; what changes later, and
    large results, belong into `shared_zeros`. They end with the team, or with this process.

    Parameters
    ----------
    function
        Called as ``function(share, argument)``; `argument` and what it returns are pickled.
    shares
        Worker k of n takes shares k, k + n, ...
    workers
        How many processes; None for one a core. A single worker is this process itself.
    """

    def __init__(
        self, function: Callable[[S, T], R], shares: Sequence[S], workers: int | None = None
    ) -> None:
        self._shares = shares
        self._arguments: list[BinaryIO] = []
        self._processes: list[_Process] = []
        workers = min(workers or available_cores(), len(shares))
        if workers == 1 or not CAN_FORK:
            self._function = function
            return
        self._end = weakref.finalize(self, _end, self._processes, self._arguments)
        for first in range(workers):
            reading, writing = _pipe()
            self._arguments.append(os.fdopen(writing, "wb"))
            calls = _calls(shares[first::workers], reading, writing)
            try:
                _fork(self._processes, lambda call: function(*call), calls, 0)
            finally:
                os.close(reading)

    def over_all(self, argument: T) -> list[R]:
        """Return ``function(share, argument)`` for each share, in order.

        Raises
        ------
        CatclfError
            Where a worker was killed, now or in an earlier call.
        """
        if not self._processes:
            return [self._function(share, argument) for share in self._shares]
        try:
            answers = self._ask(argument)
        except BaseException:  # a Ctrl-C too: what is on its way answers no later call
            self._end()
            raise
        return [_result(answer) for answer in answers]

    def _ask(self, argument: T) -> list[tuple[bool, Any]]:
        turns = islice(cycle(self._processes), len(self._shares))
        with _watched():
            for pipe in self._arguments:
                _send(pipe, argument)
                pipe.flush()
            # All are taken before the first failure is raised: none is left for the next call.
            return [_receive(process.results) for process in turns]


def _calls(shares: Sequence[S], reading: int, writing: int) -> Iterator[tuple[S, Any]]:
    """Yield, in a worker of a team, its shares with each argument sent, until nobody sends."""
    os.close(writing)
    with open(reading, "rb") as calls, suppress(EOFError):
        while True:
            argument = _receive(calls)
            for share in shares:
                yield share, argument


def shared_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros in memory that this process and those it forks later all read and write."""
    from mmap import mmap  # here, for predict to start without it

    memory = mmap(-1, math.prod(shape) * np.dtype(dtype).itemsize)
    return np.frombuffer(memory, dtype).reshape(shape)


@dataclass(frozen=True)
class _Process:
    """A forked process, and the pipe of its results."""

    pid: int
    results: BinaryIO


def _fork(
    processes: list[_Process], function: Callable[[T], R], items: Iterable[T], patience: float
) -> None:
    """Start a process that computes items (they are iterated there), and add it to the list.

    It sends its results at least every `patience` seconds, unless the next one takes longer. It
    holds ends of its elder siblings' pipes open as well. So when this process dies they end one
    after the other, the youngest first, each of the end of its pipe.
    """
    reading, writing = _pipe()
    _widen(writing)
    results = os.fdopen(reading, "rb")
    # A Ctrl-C inside the fork would be lost: what runs there ignores exceptions.
    signals = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        with warnings.catch_warnings():
            # From 3.12 on Python warns of threads that hold locks at the fork. numpy's do not.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _work(function, items, patience, results, writing, before)
        processes.append(_Process(pid, results))
    except OSError as error:
        results.close()
        raise CatclfError(
            f"cannot start another process ({error.strerror})", fix="Use --workers 1."
        ) from error
    finally:
        os.close(writing)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(
    function: Callable[[T], R],
    items: Iterable[T],
    patience: float,
    reading: BinaryIO,
    writing: int,
    mask: Iterable[int],
) -> NoReturn:
    """Compute items in a forked process, which leaves no trace in any buffer or exit handler."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            # A Ctrl-C, or a service manager's SIGTERM, is the reader's to hear.
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        reading.close()
        with open(writing, "wb", buffering=PIPE // 2) as results:
            flushed = monotonic()
            for item in items:
                try:
                    answer: tuple[bool, object] = True, function(item)
                except Exception as error:  # raised again by the reader
                    if not isinstance(error, CatclfError):
                        _keep_traceback(error)
                    answer = False, error
                _send(results, answer)
                if monotonic() - flushed >= patience:
                    results.flush()
                    flushed = monotonic()
    finally:
        os._exit(0)


def _keep_traceback(error: Exception) -> None:
    """Note where a bug is: a pickled exception forgets it."""
    import traceback

    error.add_note("In a worker process:\n" + "".join(traceback.format_tb(error.__traceback__)))


def _pipe() -> tuple[int, int]:
    try:
        return os.pipe()
    except OSError as error:
        raise CatclfError(
            f"cannot open a pipe ({error.strerror})", fix="Allow more open files: ulimit -n."
        ) from error


def _widen(pipe: int) -> None:
    """Let a pipe hold PIPE bytes where the system can, instead of the usual 64 KiB."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # a user may have only so many
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)


def _end(processes: list[_Process], calls: Iterable[BinaryIO] = ()) -> None:
    for pipe in [*calls, *(process.results for process in processes)]:
        with suppress(BrokenPipeError):  # of a call that nobody was left to take
            pipe.close()
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # where SIGCHLD is ignored, nobody waits
            os.waitpid(process.pid, 0)


def _send(pipe: BinaryIO, what: object) -> None:
    data = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
    pipe.write(len(data).to_bytes(8, "little") + data)


def _receive(pipe: BinaryIO) -> Any:
    size = pipe.read(8)
    data = pipe.read(int.from_bytes(size, "little"))
    if len(size) < 8 or len(data) < int.from_bytes(size, "little"):
        raise EOFError("the process at the other end is gone")
    return pickle.loads(data)


@contextmanager
def _watched() -> Iterator[None]:
    """Say in our own words that a process is gone."""
    try:
        yield
    except (EOFError, BrokenPipeError, ValueError) as error:  # ValueError: the pipe is closed
        raise CatclfError(
            "a worker process was killed before its work was done",
            fix="Was memory short? Free some, and try again.",
        ) from error


def _result(answer: tuple[bool, Any]) -> Any:
    done, result = answer
    if not done:
        raise result
    return result


def available_memory() -> int:
    """Return how many bytes this process may still take, as far as the system tells.

    Never more than a container, or ulimit, allows in all.
    """
    bounds = [_number_in(path) for path in CONTAINER_LIMITS]
    with (
        suppress(OSError, ValueError, LookupError),
        open("/proc/meminfo", encoding="ascii") as file,
    ):
        lines = dict(line.split(":", 1) for line in file)
        bounds.append(int(lines["MemAvailable"].split()[0]) * 1024)
    if sys.platform != "win32":
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        bounds.append(None if limit == resource.RLIM_INFINITY else limit)
    known = [bound for bound in bounds if bound is not None]
    return min(known, default=4 * 2**30)  # elsewhere: a small machine's


def _number_in(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):  # no such file, or "max"
        return None

"""Work spread over the cores, results in order."""

from __future__ import annotations

import os
import pickle
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, BinaryIO, TypeVar

__all__ = ["available_cores", "available_memory", "map_in_order"]

T = TypeVar("T")
R = TypeVar("R")
FEW = 32  # items that are not worth a process: 30 ms of pictures
BATCH = 2048  # items taken at once: a fork takes 5 ms, so few


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_order(
    function: Callable[[T], R], items: Iterable[T], workers: int | None = None
) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order, computed by forked processes.

    Processes, because Pillow holds the interpreter's lock while it decodes: on two cores threads
    gave 1.0x to 1.3x. Worker k of n computes items k, k + n, ... and writes the results into a
    pipe of its own, which is read in turns: results come in order, at most a pipe's buffer ahead,
    and a worker whose reader is gone dies of its next write.

    Parameters
    ----------
    function
        Its results are pickled, and so is what it raises, which is raised here.
    items
        Taken a batch at a time. Few items, or all with one worker, are computed in this process.
    workers
        How many processes; None for one a core.
    """
    workers = workers or available_cores()
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        if workers == 1 or len(batch) < FEW or not hasattr(os, "fork"):
            yield from map(function, batch)
        else:
            yield from _map_forked(function, batch, workers)


def _map_forked(function: Callable[[T], R], items: list[T], workers: int) -> Iterator[R]:
    processes: list[tuple[int, BinaryIO]] = []
    try:
        for first in range(workers):
            processes.append(_fork(function, items[first::workers], processes))
        for index in range(len(items)):
            yield _receive(processes[index % workers][1])
    finally:
        for process, results in processes:
            results.close()
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _fork(
    function: Callable[[T], R], items: list[T], others: list[tuple[int, BinaryIO]]
) -> tuple[int, BinaryIO]:
    """Start a process that computes items, and return it with the pipe of its results."""
    reading, writing = os.pipe()
    # A Ctrl-C inside the fork would be lost: what runs there ignores exceptions.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with warnings.catch_warnings():
        # From 3.12 on Python warns of threads that hold locks at the fork. numpy's do not.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process:
        os.close(writing)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return process, open(reading, "rb")
    try:  # in the child, which leaves without a trace in any buffer or exit handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the reader's to hear
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(reading)
        for _, results in others:  # lest it keep alive what its siblings should die of
            os.close(results.fileno())
        with open(writing, "wb") as results:
            for item in items:
                try:
                    answer: tuple[bool, object] = True, function(item)
                except Exception as error:  # raised again by the reader
                    answer = False, error
                data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
                results.write(len(data).to_bytes(8, "little") + data)
                results.flush()
    finally:
        os._exit(0)


def _receive(results: BinaryIO) -> Any:
    """Read one result; RuntimeError where the process that computed it was killed."""
    size = results.read(8)
    data = results.read(int.from_bytes(size, "little"))
    if len(size) < 8 or len(data) < int.from_bytes(size, "little"):
        raise RuntimeError("a worker process ended before its work did; was it killed?")
    done, answer = pickle.loads(data)
    if not done:
        raise answer
    return answer


def available_memory() -> int:
    """Return how many bytes this process may still take, as far as the system tells."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 4 * 2**30  # elsewhere: a small machine's

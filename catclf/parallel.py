"""Work spread over the cores, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["available_cores", "available_memory", "map_in_order"]

T = TypeVar("T")
R = TypeVar("R")


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_order(
    function: Callable[[T], R], items: Iterable[T], workers: int | None = None
) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order, computed by threads.

    Only a few items a thread are under way at once, so memory does not grow with their number.
    Threads, not processes: Pillow lets go of the interpreter while it decodes and resizes.

    Parameters
    ----------
    function
        Must be safe to call from several threads.
    items
        Taken one by one, as results are.
    workers
        How many threads; None for one a core.
    """
    workers = workers or available_cores()
    remaining = iter(items)
    head = list(islice(remaining, 2))
    if workers == 1 or len(head) < 2:  # no pool to start for a single picture
        yield from map(function, head)
        yield from map(function, remaining)
        return
    from concurrent.futures import ThreadPoolExecutor  # 10 ms that a single picture need not pay

    with ThreadPoolExecutor(workers) as pool:
        try:
            window = deque(pool.submit(function, item) for item in head)
            for item in remaining:
                if len(window) >= 4 * workers:
                    yield window.popleft().result()
                window.append(pool.submit(function, item))
            while window:
                yield window.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


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

"""The machine: how many cores and how much memory this process may use."""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["available_cores", "available_memory"]

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

"""Work spread over processes, results in order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from contextlib import closing
from typing import cast

import pytest

from catclf.errors import PictureError
from catclf.parallel import FEW, available_cores, available_memory, map_in_order

MANY = 3 * FEW


@pytest.mark.parametrize("count", [0, 1, FEW - 1, FEW, FEW + 1, MANY])
@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_results_are_those_of_map(count: int, workers: int | None) -> None:
    """Whatever the number of processes, results come as `map` gives them."""
    assert list(map_in_order(str, range(count), workers)) == list(map(str, range(count)))


def test_order_is_kept_where_the_first_take_longest() -> None:
    """A later item that is ready waits for the earlier one."""

    def work(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item

    assert list(map_in_order(work, range(MANY), 3)) == list(range(MANY))


@pytest.mark.parametrize("failing", [0, 1, FEW, MANY - 1])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_an_exception_comes_where_its_result_would(failing: int, workers: int) -> None:
    """Results before it are given first, and it arrives whole from another process."""

    def fail(item: int) -> int:
        if item >= failing:
            raise PictureError("what", str(item), "fix")
        return item

    results = map_in_order(fail, range(MANY), workers)
    assert [next(results) for _ in range(failing)] == list(range(failing))
    with pytest.raises(PictureError, match=f"^{failing}: what\nfix$"):
        next(results)


def test_it_is_computed_by_as_many_processes_as_asked_for() -> None:
    """Each takes its turn; a few items, or a single worker, are computed where the caller is."""
    several = list(map_in_order(lambda _: os.getpid(), range(MANY), 3))
    assert len(set(several)) == 3
    assert os.getpid() not in several
    assert several[:3] == several[3:6]
    assert set(map_in_order(lambda _: os.getpid(), range(FEW - 1), 3)) == {os.getpid()}
    assert set(map_in_order(lambda _: os.getpid(), range(MANY), 1)) == {os.getpid()}


def test_results_larger_than_a_pipe_come_through() -> None:
    """A worker waits until its result is taken; nothing is lost or cut."""
    results = map_in_order(lambda item: bytes([item]) * 300_000, range(MANY), 2)
    assert all(data == bytes([item]) * 300_000 for item, data in enumerate(results))


def test_nobody_is_left_after_closing() -> None:
    """Whoever stops early leaves no process behind."""
    pids = map_in_order(lambda _: os.getpid(), range(MANY), 2)
    with closing(cast("Generator[int, None, None]", pids)) as results:
        workers = {next(results), next(results)}
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_a_killed_worker_is_an_error_not_a_wait() -> None:
    """Where the system kills a worker, for memory say, the reader is told."""

    def work(item: int) -> int:
        if item == 40:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(RuntimeError, match="ended before its work did"):
        list(map_in_order(work, range(MANY), 2))


def test_the_machine_has_cores_and_memory() -> None:
    """Both are counted as positive whole numbers."""
    assert available_cores() >= 1
    assert available_memory() > 0

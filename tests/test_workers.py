"""Work spread over processes, results in order."""

from __future__ import annotations

import gc
import itertools
import json
import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from catclf import workers as module
from catclf.errors import CatclfError, PictureError
from catclf.workers import (
    ITEMS_WORTH_A_WORKER,
    Pool,
    available_cores,
    available_memory,
    map_in_order,
    shared_zeros,
)

if sys.platform == "win32":
    pytest.skip("these tests fork, and send signals", allow_module_level=True)

FEW = 2 * ITEMS_WORTH_A_WORKER  # items for two workers
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

    with pytest.raises(CatclfError, match="killed before its work was done"):
        list(map_in_order(work, range(MANY), 2))


def _worker(shard: int) -> int:
    return os.getpid()


@pytest.mark.parametrize("workers", [1, 2, 3, 9, None])
def test_a_pool_maps_again_and_again(workers: int | None) -> None:
    """Each call gives every item's result, in order."""
    pool: Pool[int, int] = Pool(operator.neg, workers)
    assert [pool.map(range(count)) for count in (7, 1, 0)] == [
        [0, -1, -2, -3, -4, -5, -6],
        [0],
        [],
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_pool_shares_memory(workers: int) -> None:
    """What the caller writes its workers read, and the other way around."""
    given, taken = shared_zeros((2,), np.float32), shared_zeros((4, 2), np.float64)

    def double(shard: int) -> int:
        taken[shard] = 2 * given + shard
        return os.getpid()

    pool = Pool(double, workers)
    given[:] = 5, 6
    workers_seen = set(pool.map(range(4)))
    assert len(workers_seen) == workers
    assert (os.getpid() in workers_seen) == (workers == 1)
    assert taken.tolist() == [[10, 12], [11, 13], [12, 14], [13, 15]]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_in_a_pool_is_raised_and_leaves_nothing_behind(workers: int) -> None:
    """The first item's exception arrives whole; the next call has its own results."""

    def fail(item: int) -> int:
        if item in (2, 4):
            raise PictureError("what", str(item), "fix")
        return item

    pool = Pool(fail, workers)
    with pytest.raises(PictureError, match=r"^2: what\nfix$"):
        pool.map(range(5))
    assert pool.map([5, 6, 7]) == [5, 6, 7]


def test_a_killed_worker_of_a_pool_is_an_error_not_a_wait() -> None:
    """A call where a worker vanishes ends, and so does the next one."""

    def work(item: int) -> int:
        if item == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    pool = Pool(work, 2)
    for _ in range(2):
        with pytest.raises(CatclfError, match="killed before its work was done"):
            pool.map(range(4))


def test_a_pool_ends_with_its_last_reference() -> None:
    """No process outlives it, also where two pools stand side by side."""
    pools = [Pool(_worker, 2) for _ in range(2)]
    workers = {worker for pool in pools for worker in pool.map(range(4))}
    assert len(workers) == 4
    del pools
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_a_program_ends_that_did_not_close_its_pool() -> None:
    """Workers ignore a SIGTERM, and still do not keep their owner from leaving."""
    script = (
        "import weakref\n"
        "from catclf.workers import Pool\n"
        "weakref.finalize(weakref, print)\n"
        "pool = Pool(abs, 2)\n"
        "print(pool.map([-1, -2]))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30)
    assert ended.stdout.split() == [b"[1,", b"2]"]


def test_a_pool_ends_with_its_process() -> None:
    """Killed outright, a process leaves no worker: they find their pipes closed."""
    reading, writing = os.pipe()
    owner = os.fork()
    if owner == 0:
        pool = Pool(_worker, 3)
        os.write(writing, repr(pool.map(range(3))).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(owner, 0)
    workers = json.loads(os.read(reading, 1000))
    os.close(reading)
    os.close(writing)
    assert len(set(workers)) == 3
    for _ in range(200):
        if not any(os.path.exists(f"/proc/{worker}/exe") for worker in workers):
            return
        time.sleep(0.05)
    pytest.fail("a worker still runs")


def test_where_no_process_can_be_started_it_is_one_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither signals stay held back, nor connections open."""

    def held() -> tuple[set[int | signal.Signals], int]:
        gc.collect()
        links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
        opened = [os.readlink(link) for link in links if os.path.lexists(link)]
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        return blocked, sum(each.startswith("socket:") for each in opened)

    def fail() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = held()
    monkeypatch.setattr(os, "fork", fail)
    with pytest.raises(CatclfError, match="cannot start another process"):
        list(map_in_order(str, range(MANY), 2))
    with pytest.raises(CatclfError, match="cannot start another process"):
        Pool(_worker, 2)
    assert held() == before


def test_a_bug_in_a_worker_tells_where_it_is() -> None:
    """Its traceback comes along as a note."""

    def buggy(item: int) -> int:
        return 1 // (item - 40)

    with pytest.raises(ZeroDivisionError) as caught:
        list(map_in_order(buggy, range(MANY), 2))
    assert "in buggy" in "".join(caught.value.__notes__)


def test_children_that_nobody_waits_for_are_no_error() -> None:
    """A daemon may have SIGCHLD ignored: the system then reaps them itself."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert list(map_in_order(str, range(MANY), 2)) == [str(item) for item in range(MANY)]
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_an_interrupted_pool_answers_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was on its way for the interrupted call is never taken for the next one's."""
    pool: Pool[int, int] = Pool(operator.neg, 2)

    def interrupt(worker: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module._Worker, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pool.map(range(4))
    with pytest.raises(CatclfError, match="killed"):
        pool.map(range(4))


def test_a_single_worker_takes_items_one_at_a_time() -> None:
    """An endless source, or one of open files, is not read ahead."""
    results = map_in_order(str, itertools.count(), 1)
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]


def test_a_containers_limit_bounds_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may have more than the container may use; "max" is no limit."""
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(module, "CONTAINER_LIMITS", [str(limit)])
    everywhere = available_memory()
    limit.write_text("max\n")
    assert available_memory() > 2**20
    limit.write_text("1048576\n")
    assert available_memory() == 2**20 < everywhere


def test_the_machine_has_cores_and_memory() -> None:
    """Both are counted as positive whole numbers."""
    assert available_cores() >= 1
    assert available_memory() > 0

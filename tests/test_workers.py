"""Work spread over processes: results in order, no wait for ever, and nobody left behind."""

from __future__ import annotations

import errno
import faulthandler
import gc
import itertools
import multiprocessing
import operator
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

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
SLOW, FAILING, DYING = 1000, 1001, 1002
LOSS = r"^a worker process was killed before its work was done\nWas memory short"


def pid(_: object) -> int:
    return os.getpid()


def work(item: int) -> int:
    if item == SLOW:
        time.sleep(0.2)
    elif item == FAILING:
        raise PictureError("what", "where", "fix")
    elif item == DYING:  # for memory, say
        os.kill(os.getpid(), signal.SIGKILL)
    return item


@pytest.mark.parametrize("count", [0, 1, FEW - 1, FEW, FEW + 1, MANY])
@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_results_are_those_of_map(count: int, workers: int | None) -> None:
    """Whatever the number of processes, they come as `map` gives them; a pool's again and again."""
    assert list(map_in_order(str, range(count), workers)) == list(map(str, range(count)))
    pool: Pool[int, int] = Pool(operator.neg, workers)
    for n in (count, 1, count):
        assert pool.map(range(n)) == list(map(operator.neg, range(n)))


@pytest.mark.parametrize(("workers", "ahead"), [(1, 0), (2, 2 * FEW), (3, 3 * FEW)])
def test_order_is_kept_where_one_takes_long(workers: int, ahead: int) -> None:
    """Later ones wait, and they are few; a single worker takes one item at a time."""
    numbers = itertools.count()
    results = map_in_order(work, itertools.chain([SLOW], numbers), workers)
    assert list(itertools.islice(results, MANY)) == [SLOW, *range(MANY - 1)]
    assert next(numbers) < MANY + ahead


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_an_exception_comes_where_its_result_would(workers: int) -> None:
    """Results before it are given first, and it arrives whole from another process."""
    results = map_in_order(work, [*range(40), FAILING, *range(MANY)], workers)
    assert list(itertools.islice(results, 40)) == list(range(40))
    with pytest.raises(PictureError, match=r"^where: what\nfix$"):
        next(results)


def test_a_bug_in_a_worker_tells_where_it_is() -> None:
    """Its traceback comes along as a note."""
    with pytest.raises(ZeroDivisionError) as caught:
        list(map_in_order(lambda item: 1 // item, range(FEW), 2))
    assert "in <lambda>" in "".join(caught.value.__notes__)


def test_it_is_computed_by_as_many_processes_as_asked_for() -> None:
    """A few items, or a single worker, are computed where the caller is."""
    several = set(map_in_order(pid, range(MANY), 3))
    assert len(several) == 3
    assert os.getpid() not in several
    assert set(map_in_order(pid, range(FEW - 1), 3)) == {os.getpid()}
    assert set(map_in_order(pid, range(MANY), 1)) == {os.getpid()}
    slow = set(map_in_order(pid, range(4), 2, item_ms=12))  # a few of them are worth a worker
    assert len(slow) == 2
    assert os.getpid() not in slow


@pytest.mark.parametrize(
    ("number", "fix"),
    [(errno.EMFILE, "Allow more open files: ulimit -n."), (errno.EAGAIN, "Allow more processes: ")],
)
def test_a_limit_on_processes_is_named(
    monkeypatch: pytest.MonkeyPatch, number: int, fix: str
) -> None:
    """By the `ulimit` that raises it: a process takes open files, too."""

    def refuse() -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(CatclfError, match=r"^cannot start another process") as caught:
        Pool(pid, 2)
    assert str(caught.value.fix).startswith(fix)


def test_in_a_daemonic_process_all_is_computed_there() -> None:
    """It may have no processes of its own."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe()

    def nested() -> None:
        sending.send([*map_in_order(pid, range(MANY), 2), *Pool(pid).map([1])])

    daemon = context.Process(target=nested, daemon=True)
    daemon.start()
    sending.close()
    assert set(receiving.recv()) == {daemon.pid}
    daemon.join()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_pool_shares_memory(workers: int) -> None:
    """What the caller writes its workers read, and the other way around."""
    given, taken = shared_zeros((2,), np.float32), shared_zeros((4, 2), np.float64)

    def double(shard: int) -> None:
        taken[shard] = 2 * given + shard

    pool = Pool(double, workers)
    given[:] = 5, 6
    pool.map(range(4))
    assert taken.tolist() == [[10, 12], [11, 13], [12, 14], [13, 15]]


@pytest.mark.parametrize("can_fork", [True, False])
def test_a_killed_worker_is_an_error(can_fork: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forked or spawned, the call ends, and so does the next one."""
    monkeypatch.setattr(module, "CAN_FORK", can_fork)
    pool = Pool(work, 2)
    assert pool.map(range(5)) == list(range(5))
    for _ in range(2):
        with pytest.raises(CatclfError, match=LOSS):
            pool.map([1, DYING, 2])


@pytest.mark.slow
@pytest.mark.parametrize("result_bytes", [1, 3 * 2**20])
@pytest.mark.parametrize(("count", "a_message"), [(100, 8), (2, 1)])
def test_a_worker_killed_at_any_moment_is_an_error_not_a_wait(
    count: int, a_message: int, result_bytes: int
) -> None:
    """Also while it sends half an answer, as large as prepare's or a descent's: none is wrong."""

    def fill(item: int) -> bytes:
        return bytes([item]) * result_bytes

    def again_and_again(pool: Pool[int, bytes]) -> None:
        while True:
            results = enumerate(pool.stream(range(count), a_message))
            assert [k for k, result in results if result == fill(k)] == list(range(count))

    faulthandler.dump_traceback_later(100, exit=True)  # where one waits
    try:
        for _ in range(5):
            pool = Pool(fill, 2)
            victim = random.choice(pool._workers).process
            killer = threading.Timer(random.uniform(0, 0.05), victim.kill)
            killer.start()
            with pytest.raises(CatclfError, match=LOSS):
                again_and_again(pool)
            killer.join()
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_is_the_owners(number: signal.Signals) -> None:
    """Workers go on: what to do is the owner's to decide."""
    pool = Pool(pid, 2)
    for worker in pool.map(range(2)):
        os.kill(worker, number)
    assert len(set(pool.map(range(2)))) == 2


def test_what_did_not_come_to_its_end_answers_no_later_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a Ctrl-C or a failure the next call is refused, and never has another's results."""
    interrupted, failed = Pool(work, 2), Pool(work, 2)
    with pytest.raises(PictureError, match=r"^where: what\nfix$"):
        failed.map([1, FAILING, 2, FAILING, 3])
    with monkeypatch.context() as patched:
        patched.setattr(module._Worker, "receive", lambda _: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            interrupted.map(range(4))
    for pool in (interrupted, failed):
        with pytest.raises(CatclfError, match=LOSS):
            pool.map(range(4))


def test_workers_end_with_the_last_reference() -> None:
    """To a stream that was not read to its end, or a pool, where another stands beside it."""
    pools, results = [Pool(pid, 2) for _ in range(2)], map_in_order(pid, range(MANY), 2)
    workers = {worker for pool in pools for worker in pool.map(range(2))}
    workers |= set(itertools.islice(results, FEW))
    assert len(workers) == 6
    del pools, results
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


POOL = "import os, weakref; from catclf.workers import Pool; weakref.finalize(weakref, print)\n"


@pytest.mark.parametrize(
    "program",
    [
        "pool = Pool(lambda _: os.getpid(), 3); print(*pool.map(range(3)))",
        "pool = Pool(lambda _: os.getpid(), 3); print(*pool.map(range(3)), flush=True);"
        "os.kill(os.getpid(), 9)",
        "pool = Pool(lambda size: (os.getpid(), bytes(size)), 3)\n"
        "print(*[worker for worker, _ in pool.map([0] * 3)], flush=True)\n"
        "answers = pool.stream([2**20] * 100); next(answers); os.kill(os.getpid(), 9)",
    ],
    ids=["exit", "killed", "killed while answers wait"],
)
def test_workers_end_with_their_owner(program: str) -> None:
    """They ignore SIGTERM, and do not keep it from leaving; they find their pipes closed."""
    ended = subprocess.run([sys.executable, "-c", POOL + program], capture_output=True, timeout=30)
    workers = ended.stdout.split()
    assert len(set(workers)) == 3, ended.stderr
    until = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{int(worker)}/exe") for worker in workers):
        assert time.monotonic() < until, "a worker still runs"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("owner", "name", "message"),
    [(os, "fork", "start another process"), (socket, "socketpair", "open a connection")],
)
def test_where_no_process_can_be_started_it_is_one_message(
    owner: object, name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither signals stay held back, nor connections open."""

    def held() -> tuple[set[int | signal.Signals], int]:
        gc.collect()
        opened = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        return signal.pthread_sigmask(signal.SIG_BLOCK, []), sum("socket:" in it for it in opened)

    def fail() -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = held()
    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(CatclfError, match=f"^cannot {message}.*unavailable"):
        Pool(pid, 2)
    assert held() == before


def test_a_ctrl_c_while_workers_start_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one that was just forked either."""
    fork, workers = os.fork, []

    def interrupted() -> int:
        if worker := fork():
            workers.append(worker)
            signal.raise_signal(signal.SIGINT)
        return worker

    monkeypatch.setattr(os, "fork", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Pool(pid, 2)
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(workers[0], 0)


def test_children_that_nobody_waits_for_are_no_error() -> None:
    """A daemon may have SIGCHLD ignored: the system then reaps them itself."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert list(map_in_order(str, range(MANY), 2)) == [str(item) for item in range(MANY)]
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_cores_and_memory_are_those_that_this_process_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may have more than the container may use; "max" is no limit."""
    assert available_cores() >= 1
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(module, "CONTAINER_LIMITS", [str(limit)])
    everywhere = available_memory()
    limit.write_text("max\n")
    assert available_memory() > 2**20
    limit.write_text("1048576\n")
    assert available_memory() == 2**20 < everywhere

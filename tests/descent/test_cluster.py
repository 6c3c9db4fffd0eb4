"""Training on a Dask cluster: the bits of one machine, whatever is lost on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from catclf import ClusterError, train
from catclf.cli.scheduler import connected
from catclf.dataset import NewSplit, write_dataset
from catclf.descent import choice, cluster, shard
from catclf.descent.cluster import groups_of
from catclf.descent.shard import Shard
from catclf.features import Preprocessing
from catclf.logistic import ClassWeight, LossName
from catclf.observer import Observer
from catclf.operations.training import Trained
from catclf.training import Settings
from conftest import training_of
from dask_cluster import NEEDS_PROC, DaskCluster

M, M_TEST, SIZE = 2000, 300, 4  # eight blocks, the last not whole, and two of the test split
SETTINGS = Settings(0.05, 40, every=7)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # of connections to the killed


@pytest.fixture
def client(dask: DaskCluster) -> Iterator[Client]:
    """Connect to it."""
    with connected(dask.address) as client:
        yield client


def write(path: Path, seed: int = 0) -> Path:
    """Write a dataset of noise, a third of it positive."""
    rng = np.random.default_rng(seed)
    splits = []
    for m in (M, M_TEST):
        columns = rng.integers(0, 256, (m, 3 * SIZE * SIZE), dtype=np.uint8)
        labels = (np.arange(m) % 3 == 0).astype(np.uint8)
        splits.append(NewSplit([columns], labels, [str(i) for i in range(m)]))
    write_dataset(path, ("noncat", "cat"), Preprocessing(size=SIZE), *splits)
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write one that all tests read."""
    return write(tmp_path_factory.mktemp("shared") / "d.h5")


def here(data: Path, settings: Settings = SETTINGS) -> tuple[object, ...]:
    """Return what streaming on this machine computes."""
    return bits(train(data, data.with_name("here.npz"), settings, method="streaming", force=True))


def bits(trained: Trained) -> tuple[object, ...]:
    """Return w, b and the costs."""
    model = trained.model
    return model.w.tolist(), model.b, model.costs, model.test_costs, trained.record.cost


class Meanwhile(Observer):
    """Does something once, after some iterations, or when it is warned; may stop the descent."""

    def __init__(
        self,
        after: int | None,
        action: Callable[[], object] = lambda: None,
        when_warned: Callable[[str], bool] = lambda text: False,
    ) -> None:
        self.after, self.action, self.when_warned = after, action, when_warned
        self.warnings: list[str] = []
        self.n_workers = 0
        self.stopped = False

    def progress(self, done: int, total: int) -> None:
        if done == self.after:
            self.action()

    def warning(self, text: str) -> None:
        self.warnings.append(text)
        self.stopped = self.stopped or self.when_warned(text)

    def workers(self, number: int) -> None:
        self.n_workers = number

    def stop(self) -> bool:
        return self.stopped


def kill(*workers: subprocess.Popen[bytes]) -> None:
    """Kill processes as a machine that fails does."""
    for worker in workers:
        worker.kill()
        worker.wait()


# ------------------------------------------------------------------------------------ the bits


def test_any_number_of_workers_gives_the_bits_of_one_machine(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path
) -> None:
    """One, two and three, both losses, l2 and class weights; the costs on the test split too."""
    costs: list[tuple[LossName, ClassWeight, float]] = [
        ("cross-entropy", "none", 0.0),
        ("squared-error", "balanced", 0.01),
    ]
    for number in (1, 2, 3):
        dask.add_worker(threads=number)
        client.wait_for_workers(number, timeout=60)
        for loss, class_weight, l2 in costs:
            settings = Settings(0.05, 10, l2, loss, 4, class_weight)
            seen = Meanwhile(None)
            output = tmp_path / "m.npz"
            trained = train(data, output, settings, client=client, observer=seen)
            assert seen.n_workers == number
            assert bits(trained) == here(data, settings)
            assert training_of(output).kernel == "numpy"


def test_compiled_sums_are_those_of_one_machine(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By numba's kernel, of as many threads as a worker has; such a run resumes anywhere."""
    monkeypatch.setattr(choice, "COMPILED_START_SECONDS", -1.0)
    for threads in (1, 3):
        dask.add_worker(threads=threads)
    client.wait_for_workers(2, timeout=60)
    expected, output = here(data), tmp_path / "m.npz"
    assert bits(train(data, output, SETTINGS, client=client)) == expected
    assert training_of(output).kernel == "numba"
    paused = tmp_path / "paused.npz"
    train(data, paused, Settings(0.05, 15, every=7), method="streaming")
    assert bits(train(data, paused, SETTINGS, client=client, resume=True)) == expected


def test_a_tree_of_two_levels_gives_the_same_bits(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where shards are many: and also where one of either level is lost."""
    monkeypatch.setattr(cluster, "MAX_FLAT_SHARDS", 3)
    for _ in range(4):
        dask.add_worker()
    client.wait_for_workers(4, timeout=60)
    expected = here(data)
    assert bits(train(data, tmp_path / "m.npz", SETTINGS, client=client)) == expected
    for worker in dask.workers[:3]:
        seen = Meanwhile(10, lambda worker=worker: kill(worker))  # type: ignore[misc]
        trained = train(data, tmp_path / "m.npz", SETTINGS, client=client, observer=seen)
        assert bits(trained) == expected
        assert any("is lost" in text for text in seen.warnings)


@pytest.mark.parametrize("n", [1, 2, 64, 65, 100, 1000])
def test_groups_hold_every_shard_once(n: int) -> None:
    """Flat up to 64; beyond, no one asks more than about twice the square root."""
    groups = groups_of(n)
    assert sorted(number for group in groups for number in group) == list(range(n))
    assert max(len(groups), max(map(len, groups))) <= (64 if n <= 64 else 2 * n**0.5)


# ------------------------------------------------------------------------------- what is lost


def test_a_killed_worker_is_replaced(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path
) -> None:
    """Its shard is read by another, the user is told, and the end is the same."""
    first, _ = dask.add_worker(), dask.add_worker()
    client.wait_for_workers(2, timeout=60)
    seen = Meanwhile(17, lambda: kill(first))
    trained = train(data, tmp_path / "m.npz", SETTINGS, client=client, observer=seen)
    assert bits(trained) == here(data)
    assert [text.split("127")[0] for text in seen.warnings if "lost" in text] == ["worker tcp://"]


def test_without_workers_it_waits_for_one(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path
) -> None:
    """At the beginning, and when all are killed: it says so, and goes on with the next."""

    def start_one(text: str) -> bool:
        if "waiting for one" in text:
            dask.add_worker()
        return False

    seen = Meanwhile(
        17,
        lambda: kill(*dask.workers),
        start_one,
    )
    trained = train(data, tmp_path / "m.npz", SETTINGS, client=client, observer=seen)
    assert bits(trained) == here(data)
    assert seen.warnings.count("the cluster has no worker: waiting for one") == 2


def test_a_stop_while_it_waits_leaves_a_checkpoint(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path
) -> None:
    """As by Ctrl-C; it is resumed on one machine, and ends with the same bits."""
    dask.add_worker()
    client.wait_for_workers(1, timeout=60)
    seen = Meanwhile(17, lambda: kill(*dask.workers), lambda text: "waiting for one" in text)
    output = tmp_path / "m.npz"
    trained = train(data, output, SETTINGS, client=client, observer=seen)
    assert trained.interrupted
    assert training_of(output).iterations == 16
    assert bits(train(data, output, SETTINGS, resume=True)) == here(data)


def test_a_stop_before_the_first_iteration_is_an_error(
    client: Client, data: Path, tmp_path: Path
) -> None:
    """There is nothing to save."""
    seen = Meanwhile(None, when_warned=lambda text: True)
    with pytest.raises(ClusterError, match="stopped while it waited"):
        train(data, tmp_path / "m.npz", SETTINGS, client=client, observer=seen)
    assert not (tmp_path / "m.npz").exists()


def test_where_the_scheduler_is_gone_a_checkpoint_is_left(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within 30 seconds; the message says how to go on, and one machine can."""
    monkeypatch.setattr(choice, "COMPILED_START_SECONDS", 1e9)  # however many iterations
    dask.add_worker()
    client.wait_for_workers(1, timeout=60)
    output, killed = tmp_path / "m.npz", []

    def kill_the_scheduler() -> None:
        kill(dask.scheduler)
        killed.append(time.monotonic())

    seen = Meanwhile(17, kill_the_scheduler)
    with pytest.raises(ClusterError, match="the scheduler is gone") as gone:
        train(data, output, Settings(0.05, 10**6, every=7), client=client, observer=seen)
    assert time.monotonic() - killed[0] < 30
    done = training_of(output).iterations
    assert done >= 16
    assert f"A checkpoint of {done} iterations is saved: use `resume`." in str(gone.value.fix)
    settings = Settings(0.05, done + 20, every=7)
    assert bits(train(data, output, settings, resume=True)) == here(data, settings)


# --------------------------------------------------------------- workers that go wrong otherwise


# A worker runs what is preloaded more than once: twice as slow.
SLOW = """
import time
from catclf.descent.sums import NumpyKernel
def slowly(self, *block, computed=NumpyKernel.__call__):
    time.sleep(0.5)
    return computed(self, *block)
NumpyKernel.__call__ = slowly
"""
DYING = "import os\nfrom catclf.descent import shard\nshard._examples = lambda *_: os._exit(1)"
WITHOUT_MEMORY = """
from catclf.descent import shard
def examples(*_):
    raise MemoryError("no memory")
shard._examples = examples
"""
NOT_TOLD = """
from catclf.descent.shard import Shard
def lead(self, members, joined):
    raise OSError("not told")
Shard.lead = lead
"""


def preloaded(folder: Path, program: str) -> Any:
    """Return the environment of a worker that runs a program first."""
    (folder / "preloaded.py").write_text(program)
    return {"DASK_DISTRIBUTED__WORKER__PRELOAD": str(folder / "preloaded.py")}


def test_a_shard_that_is_asked_again_while_it_computes_counts_once(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the tree, where a member is lost in the middle of an iteration."""
    monkeypatch.setattr(cluster, "MAX_FLAT_SHARDS", 3)
    for _ in range(4):
        dask.add_worker(**preloaded(tmp_path, SLOW))
    client.wait_for_workers(4, timeout=60)
    processes = client.run(os.getpid)
    third = processes[sorted(processes)[2]]  # of the groups (0, 2) and (1, 3)
    [worker] = [each for each in dask.workers if each.pid == third]
    kill_it = threading.Timer(0.5, worker.kill)
    seen = Meanwhile(1, kill_it.start)
    settings = Settings(0.05, 2, every=7)
    trained = train(data, tmp_path / "m.npz", settings, client=client, observer=seen)
    assert any("is lost" in text for text in seen.warnings)
    assert bits(trained) == here(data, settings)


def test_a_worker_that_dies_while_it_reads_is_replaced(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path
) -> None:
    """Its shard is read by another from the beginning."""
    dask.add_worker()
    dask.add_worker(**preloaded(tmp_path, DYING))
    client.wait_for_workers(2, timeout=60)
    seen = Meanwhile(None)
    trained = train(data, tmp_path / "m.npz", SETTINGS, client=client, observer=seen)
    assert bits(trained) == here(data)
    assert any("is lost" in text for text in seen.warnings)


@pytest.mark.parametrize(
    ("program", "why"),
    [(WITHOUT_MEMORY, "MemoryError('no memory')"), (NOT_TOLD, "was not told whom it leads")],
)
def test_what_goes_wrong_on_every_worker_is_an_error(
    dask: DaskCluster,
    client: Client,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    why: str,
) -> None:
    """With its cause, and after a few attempts."""
    monkeypatch.setattr(cluster, "MAX_FLAT_SHARDS", 1)
    monkeypatch.setattr(cluster, "groups_of", lambda n: [[0, 1]])
    for _ in range(2):
        dask.add_worker(**preloaded(tmp_path, program))
    client.wait_for_workers(2, timeout=60)
    with pytest.raises(ClusterError, match="5 workers in a row were lost with one shard") as lost:
        train(data, tmp_path / "m.npz", SETTINGS, client=client)
    assert why in lost.value.what


NEEDS_SIGSTOP = pytest.mark.skipif(
    sys.platform == "win32", reason="no process can be stopped by a signal"
)


@NEEDS_SIGSTOP
@pytest.mark.parametrize(
    ("n_workers", "others"), [(1, ""), (2, "or another whose sums it adds up ")]
)
def test_a_worker_that_does_not_answer_is_named_and_keeps_nobody_from_stopping(
    n_workers: int,
    others: str,
    dask: DaskCluster,
    client: Client,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C leaves what was done before; Dask itself gives such a worker up after minutes.

    A group is named by its first, which may itself be waiting for another.
    """
    monkeypatch.setattr(cluster, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(cluster, "STOP_SECONDS", 0.5)
    monkeypatch.setattr(cluster, "MAX_FLAT_SHARDS", 1)
    for _ in range(n_workers):
        dask.add_worker()
    client.wait_for_workers(n_workers, timeout=60)
    processes = client.run(os.getpid)
    first, last = min(processes), max(processes)
    seen = Meanwhile(
        17,
        lambda: os.kill(processes[last], signal.Signals["SIGSTOP"]),
        when_warned=lambda text: "has not answered" in text,
    )
    output = tmp_path / "m.npz"
    assert train(data, output, SETTINGS, client=client, observer=seen).interrupted
    assert training_of(output).iterations == 16
    silent = f"worker {first} {others}has not answered for 1 s: waiting for it"
    assert silent in seen.warnings


@NEEDS_SIGSTOP
@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_worker_that_does_not_answer_from_the_beginning_is_named(
    n_workers: int,
    dask: DaskCluster,
    client: Client,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another computes in its place; where there is none, it is waited for until the user stops."""
    monkeypatch.setattr(cluster, "WORKER_SECONDS", 2.0)
    for _ in range(n_workers):
        dask.add_worker()
    client.wait_for_workers(n_workers, timeout=60)
    address, pid = min(client.run(os.getpid).items())
    os.kill(pid, signal.Signals["SIGSTOP"])
    seen = Meanwhile(None, when_warned=lambda text: n_workers == 1)
    output = tmp_path / "m.npz"
    if n_workers == 1:
        with pytest.raises(ClusterError, match="stopped while it waited"):
            train(data, output, SETTINGS, client=client, observer=seen)
    else:
        assert bits(train(data, output, SETTINGS, client=client, observer=seen)) == here(data)
    assert f"worker {address} does not answer: it takes no part" in seen.warnings


def test_no_shard_is_left_behind(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path
) -> None:
    """A notebook trains again and again."""
    dask.add_worker()
    client.wait_for_workers(1, timeout=60)
    for _ in range(2):
        train(data, tmp_path / "m.npz", SETTINGS, client=client, force=True)
    deadline = time.monotonic() + 20
    while any(client.run(lambda dask_worker: len(dask_worker.state.actors)).values()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


# ------------------------------------------------------------------------ who may not take part


@NEEDS_PROC
@pytest.mark.parametrize("there", ["nothing", "another dataset", "another file"])
def test_a_worker_that_reads_no_or_other_data_is_named(
    dask: DaskCluster,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: str,
) -> None:
    """One clear error before any work, where its storage is not the one that others see."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    write(tmp_path / "ours" / "d.h5")
    if there == "another dataset":
        write(tmp_path / "theirs" / "d.h5", seed=1)
    elif there == "another file":
        (tmp_path / "theirs" / "d.h5").write_text("something else")
    monkeypatch.chdir(tmp_path / "ours")
    dask.add_worker(folder=tmp_path / "ours")
    dask.add_worker(folder=tmp_path / "theirs")
    client.wait_for_workers(2, timeout=60)
    with pytest.raises(ClusterError) as refused:
        train("/proc/self/cwd/d.h5", tmp_path / "m.npz", SETTINGS, client=client)
    what = {
        "nothing": "no such file",
        "another dataset": "is not the dataset that is trained on",
        "another file": "is a text file, not a prepared dataset",
    }[there]
    assert str(refused.value).startswith("tcp://127.0.0.1:")
    assert "/proc/self/cwd/d.h5: " in str(refused.value)
    assert what in refused.value.what
    assert refused.value.fix == "Every worker must read the dataset by this path."


@NEEDS_PROC
def test_a_worker_that_joins_later_without_the_data_takes_no_part(
    dask: DaskCluster, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training of hours does not end by it: it is named, and another is waited for."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    write(tmp_path / "ours" / "d.h5")
    monkeypatch.chdir(tmp_path / "ours")
    first = dask.add_worker(folder=tmp_path / "ours")
    client.wait_for_workers(1, timeout=60)

    def replace_by_another() -> None:
        dask.add_worker(folder=tmp_path / "theirs")
        client.wait_for_workers(2, timeout=60)
        kill(first)

    def start_ours(text: str) -> bool:
        if "takes no part" in text:
            dask.add_worker(folder=tmp_path / "ours")
        return False

    seen = Meanwhile(5, replace_by_another, start_ours)
    trained = train(
        "/proc/self/cwd/d.h5", tmp_path / "m.npz", SETTINGS, client=client, observer=seen
    )
    assert bits(trained) == here(tmp_path / "ours" / "d.h5")
    assert any("no such file" in text for text in seen.warnings)


@pytest.mark.parametrize("package", ["catclf", "numpy"])
def test_a_worker_of_another_version_is_named(
    dask: DaskCluster, client: Client, data: Path, tmp_path: Path, package: str
) -> None:
    """It might round, or divide the work, otherwise."""
    info = tmp_path / "path" / f"{package}-9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 9.9\n")
    dask.add_worker(PYTHONPATH=str(tmp_path / "path"))
    client.wait_for_workers(1, timeout=60)
    with pytest.raises(ClusterError, match=f"has {package} 9.9, and here is ") as refused:
        train(data, tmp_path / "m.npz", SETTINGS, client=client)
    assert refused.value.fix == f"Install the same version of {package} everywhere."
    assert str(refused.value.where).startswith("tcp://127.0.0.1:")


def test_damaged_rows_are_named_with_their_worker(
    dask: DaskCluster, client: Client, tmp_path: Path
) -> None:
    """A flipped bit ends the training before its first iteration, and no model is written."""
    path = write(tmp_path / "d.h5")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    dask.add_worker()
    client.wait_for_workers(1, timeout=60)
    with pytest.raises(ClusterError, match="damaged: rows") as refused:
        train(path, tmp_path / "m.npz", SETTINGS, client=client)
    assert f"{path}:train/columns" in str(refused.value)
    assert not (tmp_path / "m.npz").exists()


# ------------------------------------------------------------------------------ the smaller parts


class _Worker:
    """As much of a worker as a shard asks for."""

    address = "tcp://worker"
    state = type("State", (), {"nthreads": 1})

    def __init__(self, limit: int | None, used: int) -> None:
        self.memory_manager = type("Memory", (), {"memory_limit": limit})
        self.monitor = type("Monitor", (), {"get_process_memory": lambda self: used})()


@pytest.mark.parametrize(
    ("limit", "used", "kept"),
    [(None, 0, True), (2**30, 2**20, True), (2**30, 2**30 - 100, False), (2**30, 2**31, False)],
)
def test_a_shard_keeps_its_rows_where_memory_holds_them(
    data: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None, used: int, kept: bool
) -> None:
    """Half of what the worker may still take; else they stay in the file."""
    from catclf.dataset import open_dataset
    from catclf.operations.training import SharedDataset

    monkeypatch.setattr(shard, "get_worker", lambda: _Worker(limit, used))
    with open_dataset(data) as dataset:
        shared = SharedDataset.of(dataset, SETTINGS)
    made = Shard(shared, 1, 3, "numpy")
    columns = made.examples["train"].columns
    assert isinstance(columns, np.ndarray) == kept
    assert columns.shape == (768, 48)


def test_a_method_of_one_machine_is_refused(data: Path, tmp_path: Path) -> None:
    """A cluster streams."""
    with pytest.raises(ValueError, match="a cluster computes by method streaming, not gram"):
        train(data, tmp_path / "m.npz", method="gram", client=object())

"""Training on a Dask cluster: the bits of one machine, whatever is lost on the way."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dask.config import set as dask_config
from distributed import Client, LocalCluster

from catclf import ClusterError, cluster, train
from catclf.cli.scheduler import connected
from catclf.cluster import versions
from catclf.dataset import NewSplit, open_dataset, write_dataset
from catclf.descent import choice, loop, streaming
from catclf.descent import cluster as shards
from catclf.descent.cluster import Shard
from catclf.features import Preprocessing
from catclf.observer import Observer
from catclf.operations.problems import SharedDataset
from catclf.operations.training import Trained
from catclf.training import Settings, Training
from conftest import training_of
from dask_cluster import NEEDS_PROC, DaskCluster, kill, wait_until
from datasets import write_small

M, M_TEST, SIZE = 2000, 300, 4  # eight blocks, the last not whole, and two of the test split
SETTINGS = Settings(0.05, 30, every=7)
WAITING = "the cluster has no worker: waiting for one"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of connections to the killed
]
NEEDS_SIGSTOP = pytest.mark.skipif(
    sys.platform == "win32", reason="no process can be stopped by a signal"
)


def write(path: Path, seed: int = 0, turns: tuple[int, ...] = (1, 0, 0)) -> Path:
    """Write a dataset of noise, with these labels by turns: a third of it is positive."""
    rng = np.random.default_rng(seed)
    splits = []
    for m in (M, M_TEST):
        columns = rng.integers(0, 256, (m, 3 * SIZE * SIZE), dtype=np.uint8)
        labels = np.resize(turns, m).astype(np.uint8)
        splits.append(NewSplit([columns], labels, [str(i) for i in range(m)]))
    classes = ("noncat", "cat", "tree")[: max(turns) + 1]
    write_dataset(path, classes, Preprocessing(size=SIZE), *splits)
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write one that all tests read."""
    return write(tmp_path_factory.mktemp("shared") / "d.h5")


class Meanwhile(Observer):
    """Does something once, after some iterations, or when it is warned; may stop the descent."""

    def __init__(
        self,
        after: int | None = None,
        action: Callable[[], object] = lambda: None,
        when_warned: Callable[[str], object] = lambda text: None,
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
        self.stopped = self.stopped or self.when_warned(text) is True

    def workers(self, number: int) -> None:
        self.n_workers = number

    def stop(self) -> bool:
        return self.stopped


@dataclass(frozen=True)
class Trial:
    """A training on the cluster, by a client that is connected to it."""

    dask: Any  # a DaskCluster, where it is one
    client: Client
    data: Path
    output: Path

    def train(
        self, seen: Observer | None = None, settings: Settings = SETTINGS, resume: bool = False
    ) -> Trained:
        """Train there."""
        return self._train(self.output, settings, seen, client=self.client, resume=resume)

    def _train(
        self, output: Path, settings: Settings, seen: Observer | None = None, **options: Any
    ) -> Trained:
        return train(self.data, output, settings, observer=seen or Observer(), **options)

    def here(self, settings: Settings = SETTINGS) -> tuple[object, ...]:
        """Return the bits of streaming on this machine."""
        output = self.output.with_name("here.npz")
        return bits(self._train(output, settings, method="streaming"))

    def error(self, match: str, seen: Observer | None = None) -> ClusterError:
        """Return the error with which training there ends."""
        with pytest.raises(ClusterError, match=match) as error:
            self.train(seen)
        return error.value

    def resumed(self, error: ClusterError | None = None) -> tuple[object, ...]:
        """Return the bits of resuming on this machine, where an error told of a checkpoint."""
        done = training_of(self.output).iterations
        assert error is None or f"A checkpoint of {done} iterations is saved" in str(error.fix)
        return bits(self._train(self.output, SETTINGS, resume=True))

    def address_of(self, worker: subprocess.Popen[bytes]) -> str:
        """Return where a worker listens."""
        processes = self.client.run(os.getpid).items()
        return next(str(each) for each, pid in processes if pid == worker.pid)


def bits(trained: Trained) -> tuple[object, ...]:
    """Return w, b and the costs."""
    model, training = trained.model, training_in(trained)
    w, b = model.w.tolist(), model.b.tolist()
    return w, b, training.costs, training.test_log_losses, training.cost


def training_in(trained: Trained) -> Training:
    """Return the training that the model holds."""
    assert trained.model.training is not None
    return trained.model.training


@pytest.fixture
def trial(dask: DaskCluster, data: Path, tmp_path: Path) -> Iterator[Trial]:
    """Connect to the cluster; Dask's warning of a w above 10 MB would come of any here."""
    threshold = {"distributed.admin.large-graph-warning-threshold": "1 kB"}
    with dask_config(threshold), connected(dask.address) as client:
        yield Trial(dask, client, data, tmp_path / "m.npz")


@pytest.fixture
def notebook(data: Path, tmp_path: Path) -> Iterator[Callable[..., Trial]]:
    """Connect to a cluster of threads of this process, as a notebook may have one."""
    with ExitStack() as started:

        def start(n_workers: int, threads: int = 1) -> Trial:
            many = {"n_workers": n_workers, "threads_per_worker": threads, "processes": False}
            local = started.enter_context(LocalCluster(**many, dashboard_address=":0"))
            client = started.enter_context(Client(local))
            return Trial(None, client, data, tmp_path / "m.npz")

        yield start


# ------------------------------------------------------------------------------------ the bits


def test_any_number_of_workers_gives_the_bits_of_one_machine(
    notebook: Callable[..., Trial], tmp_path: Path
) -> None:
    """Every loss, l2 and class weights, on both splits; nothing is left on the cluster."""
    trial = notebook(3)
    for settings in (SETTINGS, Settings(0.05, 10, 0.01, "squared-error", 4, "balanced")):
        seen = Meanwhile()
        assert bits(trial.train(seen, settings)) == trial.here(settings)
        assert seen.n_workers == 3
    several = replace(trial, data=write(tmp_path / "d.npz", turns=(1, 0, 2)))
    settings = Settings(0.05, 10, 0.01, every=4, class_weight="balanced")
    assert bits(several.train(None, settings)) == several.here(settings)
    assert training_of(trial.output).kernel == "numpy"
    wait_until(
        lambda: trial.client.run_on_scheduler(lambda dask_scheduler: not dask_scheduler.tasks)
    )


def test_compiled_sums_are_those_of_one_machine(
    notebook: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By numba's kernel, of as many threads as a worker has; such a run resumes anywhere."""
    monkeypatch.setattr(choice, "COMPILED_START_SECONDS", -1.0)
    trial = notebook(2, threads=3)
    expected = trial.here()
    assert bits(trial.train()) == expected
    assert training_of(trial.output).kernel == "numba"
    settings, heard = Settings(0.05, 15, every=7), Observer()
    train(trial.data, trial.output, settings, method="streaming", observer=heard)
    assert bits(trial.train(resume=True)) == expected


def test_a_default_rate_that_is_too_high_is_mended_there_too(
    notebook: Callable[..., Trial], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers' shards serve the second descent as the first."""
    monkeypatch.setattr(loop, "DOUBT_ITERATIONS", 5)
    bright, labels = np.full((8, 12288), 230, np.uint8), [0, 1, 1, 0, 0, 1, 1, 1]
    data = write_small(tmp_path / "bright.npz", size=64, columns=bright, labels=labels)
    trial = replace(notebook(1), data=data)
    trained = trial.train(None, Settings(iterations=9))
    assert bits(trained) == trial.here(Settings(iterations=9))
    assert "restarted with" in trained.warnings[0]


# ------------------------------------------------------------------------------- what is lost


def test_a_killed_worker_costs_no_bit_and_is_told_once(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its examples are read by others, where workers add up sums of others too."""
    monkeypatch.setattr(shards, "MAX_FLAT_SHARDS", 1)
    killed = trial.dask.use(3)[1]
    address = trial.address_of(killed)
    seen = Meanwhile(17, lambda: kill(killed))
    assert bits(trial.train(seen)) == trial.here()
    lost = [text for text in seen.warnings if "lost" in text]
    assert lost == [f"the cluster lost worker {address}: others compute what it had"]


def test_without_workers_it_waits_for_one(trial: Trial) -> None:
    """At the beginning, and when all are killed: it says so, and goes on with the next."""
    trial.dask.use(0)

    def start_one(text: str) -> None:
        if text == WAITING:
            trial.dask.add_worker()

    seen = Meanwhile(17, lambda: kill(*trial.dask.others), start_one)
    assert bits(trial.train(seen)) == trial.here()
    assert seen.warnings.count(WAITING) == 2


def test_a_stop_while_it_waits_leaves_a_checkpoint(trial: Trial) -> None:
    """As by Ctrl-C; it is resumed on one machine, and ends with the same bits."""
    workers = trial.dask.use(1)
    seen = Meanwhile(17, lambda: kill(*workers), lambda text: text == WAITING)
    assert training_in(trial.train(seen)).interrupted
    assert training_of(trial.output).iterations == 16
    assert trial.resumed() == trial.here()


@NEEDS_SIGSTOP
def test_where_the_scheduler_falls_silent_a_checkpoint_is_left(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within 30 seconds, and one machine can go on; the command line's tests kill it."""
    with closing(DaskCluster(tmp_path)) as dask, connected(dask.address) as client:
        trial, gone = Trial(dask, client, data, tmp_path / "m.npz"), []
        dask.use(1)

        def lose_the_scheduler() -> None:
            dask.scheduler.send_signal(signal.Signals["SIGSTOP"])
            gone.append(time.monotonic())
            monkeypatch.setattr(cluster, "SCHEDULER_SECONDS", 2.0)

        error = trial.error("the scheduler is gone", Meanwhile(17, lose_the_scheduler))
        assert time.monotonic() - gone[0] < 30
    assert error.where == dask.address
    assert trial.resumed(error) == trial.here()


# --------------------------------------------------------------- workers that go wrong otherwise


# A worker runs what is preloaded more than once.
DYING = "import os\nfrom catclf.descent.cluster import Shard\nShard._read = lambda *_: os._exit(1)"
OTHER_CODE = "from catclf.descent import cluster\nvars(cluster).pop('survey', None)"


def preloaded(folder: Path, program: str) -> Any:
    """Return the environment of a worker that runs a program first."""
    (folder / "preloaded.py").write_text(program)
    return {"DASK_DISTRIBUTED__WORKER__PRELOAD": str(folder / "preloaded.py")}


def test_a_worker_that_dies_while_it_reads_is_replaced(trial: Trial, tmp_path: Path) -> None:
    """Its shard is read by another from the beginning."""
    trial.dask.use(1)
    trial.dask.add_worker(**preloaded(tmp_path, DYING))
    trial.dask.wait_for(2)
    seen = Meanwhile()
    assert bits(trial.train(seen)) == trial.here()
    assert any("the cluster lost worker" in text for text in seen.warnings)


def test_what_goes_wrong_on_every_worker_is_an_error(
    notebook: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its cause, and what to look for."""

    def read(*arguments: object) -> None:
        raise MemoryError("too many")

    monkeypatch.setattr(Shard, "_read", read)
    error = notebook(1).error("the cluster failed .MemoryError: too many.")
    assert error.fix == "Has each machine the same catclf, and memory enough?"


def test_workers_that_all_end_when_they_are_asked_are_an_error(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of other code do, which cannot load ours; after four times, once here."""
    monkeypatch.setattr(cluster, "MAX_LOSSES", 1)
    trial.dask.use(0)
    trial.dask.add_worker(**preloaded(tmp_path, OTHER_CODE))
    trial.dask.wait_for(1)
    error = trial.error("every worker is lost when it is asked")
    assert error.fix == "Has each machine the same catclf, and memory enough?"


@NEEDS_SIGSTOP
def test_a_worker_that_does_not_answer_is_named_and_keeps_nobody_from_stopping(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C leaves what was done before; Dask itself gives such a worker up after minutes."""
    monkeypatch.setattr(cluster, "STOP_SECONDS", 0.5)
    trial.dask.use(1)
    silent = trial.dask.add_worker()
    trial.dask.wait_for(2)
    address = trial.address_of(silent)

    def fall_silent() -> None:
        silent.send_signal(signal.Signals["SIGSTOP"])
        monkeypatch.setattr(cluster, "SILENT_SECONDS", 1.0)

    seen = Meanwhile(17, fall_silent, lambda text: address in text)
    assert training_in(trial.train(seen)).interrupted
    assert training_of(trial.output).iterations == 16
    assert any(text.startswith("no answer for 1 s from worker tcp://") for text in seen.warnings)


@NEEDS_SIGSTOP
@pytest.mark.parametrize("n_workers", [0, 1])
def test_a_stop_before_the_first_iteration_is_an_error(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, n_workers: int
) -> None:
    """There is nothing to save: no worker has come, or the only one does not answer."""
    monkeypatch.setattr(cluster, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(cluster, "STOP_SECONDS", 0.5)
    trial.dask.use(0)
    for _ in range(n_workers):
        worker = trial.dask.add_worker()
        trial.dask.wait_for(1)
        worker.send_signal(signal.Signals["SIGSTOP"])
    seen = Meanwhile(when_warned=lambda text: True)
    trial.error("stopped while it waited for the cluster", seen)
    [warning] = seen.warnings
    assert ("no answer for 1 s from worker tcp://" if n_workers else WAITING) in warning
    assert not trial.output.exists()


# ------------------------------------------------------------------------ who may not take part


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Make two folders, ours with a dataset, in which two machines see other files at one path."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    write(ours / "d.h5")
    monkeypatch.chdir(ours)
    return ours, theirs


@NEEDS_PROC
def test_a_worker_that_reads_no_or_other_data_is_named(
    trial: Trial, folders: tuple[Path, Path]
) -> None:
    """One clear error before any work, where its storage is not the one that others see."""
    trial.dask.use(0)
    for folder in folders:
        trial.dask.add_worker(folder=folder)
    trial.dask.wait_for(2)
    trial = replace(trial, data=Path("/proc/self/cwd/d.h5"))

    def refused(match: str) -> None:
        error = trial.error(match)
        assert str(error).startswith("tcp://127.0.0.1:")
        assert "/proc/self/cwd/d.h5: " in str(error)
        assert error.fix == "Every worker must read the dataset by this path."

    refused("no such file")
    write(folders[1] / "d.h5", seed=1)
    refused("is not the dataset that is trained on")
    (folders[1] / "d.h5").write_text("something else")
    refused("is not a dataset that catclf prepared")


@NEEDS_PROC
def test_a_worker_that_joins_later_without_the_data_ends_with_a_checkpoint(
    trial: Trial, folders: tuple[Path, Path]
) -> None:
    """Where it is to read what a lost one held: one clear error, and no iteration is lost."""
    trial.dask.use(0)
    first = trial.dask.add_worker(folder=folders[0])
    trial.dask.wait_for(1)
    trial = replace(trial, data=Path("/proc/self/cwd/d.h5"))

    def replace_by_another() -> None:
        trial.dask.add_worker(folder=folders[1])
        trial.dask.wait_for(2)
        kill(first)

    error = trial.error("no such file", Meanwhile(5, replace_by_another))
    assert str(error).startswith("tcp://127.0.0.1:")
    assert training_of(trial.output).iterations >= 4
    assert trial.resumed(error) == trial.here()


@pytest.mark.parametrize("package", ["catclf", "numpy", "numba"])
def test_a_worker_of_another_version_is_named(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """It might round, or divide the work, otherwise."""

    def ours(packages: Iterable[str]) -> dict[str, str | None]:
        return {each: "9.9" if each == package else v for each, v in versions(packages).items()}

    trial.dask.use(1)
    monkeypatch.setattr(choice, "COMPILED_START_SECONDS", -1.0)
    for module in (cluster, shards):
        monkeypatch.setattr(module, "versions", ours)
    error = trial.error(f"has {package} .*, and here is 9.9")
    assert error.fix == f"Install the same version of {package} everywhere."
    assert str(error.where).startswith("tcp://127.0.0.1:")


@pytest.mark.parametrize("installed", [True, False])
def test_numba_is_left_out_where_a_worker_lacks_it(
    notebook: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    """All compute by one kernel, or the bits would be others; the user is told of which worker."""
    why = "numba cannot be loaded (inproc://"
    monkeypatch.setattr(choice, "COMPILED_START_SECONDS", -1.0)
    monkeypatch.setitem(sys.modules, "catclf.descent.compiled", None)  # it cannot be imported
    if not installed:
        kernels = iter([["numpy", "numba"], ["numpy"]])
        monkeypatch.setattr(shards, "installed_kernels", lambda: next(kernels))
        why = "numba is not installed on inproc://"
    trial, seen = notebook(2), Meanwhile()
    assert bits(trial.train(seen)) == trial.here()
    assert training_of(trial.output).kernel == "numpy"
    assert seen.warnings[0].startswith(why)


def test_damaged_rows_are_named_with_their_worker(
    notebook: Callable[..., Trial], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flipped bit ends the training before its first iteration, and no model is written."""
    monkeypatch.setattr(streaming, "MAX_EXAMPLES_RATED", 0)  # for which this process reads them
    path = write(tmp_path / "d.h5")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    trial = replace(notebook(1), data=path)
    error = trial.error("damaged: rows")
    assert str(error.where).startswith("inproc://")
    assert f"{path}:" in str(error.where)
    assert not trial.output.exists()


def test_a_method_of_one_machine_is_refused(data: Path, tmp_path: Path) -> None:
    """A cluster streams."""
    with pytest.raises(ValueError, match="a cluster computes by method streaming, not gram"):
        train(data, tmp_path / "m.npz", method="gram", client=object())


# ---------------------------------------------------------------------------------- the shards


class _Worker:
    """As much of a worker as a shard asks for."""

    def __init__(self, limit: int | None, used: int) -> None:
        self.memory_manager = type("Memory", (), {"memory_limit": limit})
        self.monitor = type("Monitor", (), {"get_process_memory": lambda self: used})()


@pytest.mark.parametrize(
    ("limit", "used", "kept"),
    [(None, 0, True), (2**30, 2**20, True), (2**30, 2**29 - 2000, False), (2**30, 2**31, False)],
)
def test_a_shard_keeps_its_rows_where_memory_holds_them(
    data: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None, used: int, kept: bool
) -> None:
    """In half of the worker's memory; else they stay in the file. The sums are the same.

    Dask is told how large it is; what it would send to another worker is what to read.
    """
    monkeypatch.setattr(shards, "get_worker", lambda: _Worker(limit, used))
    with open_dataset(data) as dataset:
        shared = SharedDataset.of(dataset, SETTINGS)
    shard = Shard(shared, 1, 3, "numpy", versions(["catclf"]))
    w = np.random.default_rng(0).normal(size=(3 * SIZE * SIZE, 1))
    b = np.full((1, 1), 0.5)
    sums = shard.splits["train"](w, b)
    assert (sys.getsizeof(shard) > (768 + 44) * 3 * SIZE * SIZE) == kept
    sent = pickle.dumps(shard)
    monkeypatch.setattr(shards, "get_worker", lambda: _Worker(None, 0))
    again = pickle.loads(sent)
    assert max(len(sent), sys.getsizeof(again)) < 2000
    other = again.splits["train"](w, b)
    assert (sums.dw.tolist(), sums.db, sums.loss) == (other.dw.tolist(), other.db, other.loss)

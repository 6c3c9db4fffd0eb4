"""Pictures on a Dask cluster: the bytes of one machine, whatever is lost or not seen on the way."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster

import catclf
from catclf import ClusterError, Model, Observer, Prediction, Preprocessing, cluster
from catclf.cli.scheduler import connected
from catclf.cluster import Cluster, versions
from command_line import invoke, results
from dask_cluster import NEEDS_PROC, DaskCluster, kill
from networks import small_backbone

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
SMALL = Preprocessing(size=8)
THEIR_OWN = Path("/proc/self/cwd/pictures")  # of each process, a folder of its own

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of connections to the killed
]


class Heard(Observer):
    """Keeps what it is warned of, and does something once, after some pictures."""

    def __init__(self, after: int = 0, action: Callable[[], object] = lambda: None) -> None:
        self.after, self.action = after, action
        self.warnings: list[str] = []

    def progress(self, done: int, total: int) -> None:
        if done == self.after:
            self.action()

    def warning(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def notebook() -> Iterator[Client]:
    """Connect to three workers that are threads of this process."""
    with ExitStack() as started:
        local = started.enter_context(
            LocalCluster(n_workers=3, threads_per_worker=1, processes=False, dashboard_address=":0")
        )
        yield started.enter_context(Client(local))


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have many tasks of few pictures."""
    monkeypatch.setattr(cluster, "TASK_MS", 12)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Copy some pictures, one of which is damaged."""
    folder = tmp_path / "pictures"
    for label in ("cat", "noncat"):
        (folder / label).mkdir(parents=True)
        for path in sorted((SAMPLE / "train" / label).iterdir())[:20]:
            shutil.copy(path, folder / label)
    damaged = min((folder / "cat").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-200])
    return folder


def small_model(preprocessing: Preprocessing) -> Model:
    """Return a model of random weights."""
    rng = np.random.default_rng(0)
    w = rng.normal(0, 0.1, (preprocessing.n_x, 1))
    return Model(w, np.zeros((1, 1)), ("noncat", "cat"), preprocessing)


@pytest.mark.parametrize("of_backbone", [False, True])
def test_datasets_and_predictions_are_those_of_one_machine(
    notebook: Client, pictures: Path, tmp_path: Path, of_backbone: bool
) -> None:
    """To the byte, with what is said of a damaged picture, and the evidence of the others."""
    preprocessing = Preprocessing(backbone=small_backbone()) if of_backbone else SMALL
    model, told = small_model(preprocessing), []
    for name, client in (("here", None), ("there", notebook)):
        heard = Heard()
        (tmp_path / name).mkdir()
        prepared = catclf.prepare(
            pictures,
            tmp_path / f"{name}.npz",
            preprocessing=preprocessing,
            client=client,
            observer=heard,
        )
        found = catclf.predict(
            [pictures, np.zeros((9, 9, 3), np.uint8)],
            model,
            client=client,
            evidence=tmp_path / name,
        )
        told.append((heard.warnings, list(map(str, prepared.unreadable)), as_told(found)))
    assert (tmp_path / "here.npz").read_bytes() == (tmp_path / "there.npz").read_bytes()
    assert told[0] == told[1]
    assert len(told[0][1]) == 1
    here, there = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("here", "there")
    )
    assert here == there
    assert len(here) == 40


def as_told(predictions: Iterable[Prediction]) -> list[object]:
    """Return predictions as what can be compared."""
    return [(each.name, each.probabilities, str(each.error)) for each in predictions]


def test_a_killed_worker_costs_nothing_but_time(
    dask: DaskCluster, pictures: Path, tmp_path: Path
) -> None:
    """Others compute what it had, the function and pictures too; it is told of."""
    killed = dask.use(2)[0]
    catclf.prepare(pictures, tmp_path / "a.npz", preprocessing=SMALL, observer=Heard())
    with connected(dask.address) as client:
        heard = Heard(2, lambda: kill(killed))
        catclf.prepare(
            pictures, tmp_path / "b.npz", preprocessing=SMALL, client=client, observer=heard
        )
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert any("the cluster lost worker tcp://" in text for text in heard.warnings)


@NEEDS_PROC
def test_a_worker_that_sees_no_or_another_file_is_named(
    dask: DaskCluster, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No picture is left out for that; nothing is written."""
    monkeypatch.chdir(pictures.parent)
    folder = tmp_path / "theirs"
    folder.mkdir()
    dask.use(0)
    dask.add_worker(folder=folder)
    dask.wait_for(1)
    output = tmp_path / "d.npz"

    def refused(client: Client, match: str, name: str) -> None:
        for compute in (
            lambda: catclf.prepare(
                THEIR_OWN, output, preprocessing=SMALL, client=client, observer=Heard()
            ),
            lambda: list(catclf.predict(THEIR_OWN, small_model(SMALL), client=client)),
        ):
            with pytest.raises(ClusterError, match=match) as caught:
                compute()
            assert str(caught.value.where).startswith("tcp://127.0.0.1:")
            assert str(caught.value.where).endswith(name)
            assert caught.value.fix is not None
            assert "by the paths they have here" in caught.value.fix

    with connected(dask.address) as client:
        first = sorted((pictures / "cat").iterdir())[1]  # of those that are whole
        refused(client, "no such file", first.name)
        shutil.copytree(pictures, folder / "pictures")
        (folder / "pictures" / "cat" / first.name).write_bytes(b"something else")
        refused(client, "has 14 bytes, and .* where the pictures were listed", first.name)
    assert not output.exists()


def test_pictures_of_an_array_are_refused(notebook: Client, tmp_path: Path) -> None:
    """The workers read pictures by their paths."""
    images, labels = np.full((4, 9, 9, 3), 200, np.uint8), [0, 1, 0, 1]
    with pytest.raises(ClusterError, match="is in a file of arrays") as caught:
        catclf.prepare(images, tmp_path / "d.npz", labels=labels, client=notebook)
    assert caught.value.fix == "Prepare it without a cluster."


def test_a_worker_of_another_version_is_named(
    dask: DaskCluster, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It might decode otherwise: the one that computes, whenever it joined."""

    def ours(packages: Sequence[str]) -> dict[str, str | None]:
        return versions(packages) | {"pillow": "9.9"}

    dask.use(1)
    monkeypatch.setattr(cluster, "versions", ours)
    with (
        connected(dask.address) as client,
        pytest.raises(ClusterError, match=r"has pillow .*, and here is 9\.9") as caught,
    ):
        catclf.prepare(pictures, tmp_path / "d.npz", client=client)
    assert str(caught.value.where).startswith("tcp://127.0.0.1:")


def test_items_are_asked_for_as_they_are_needed(notebook: Client) -> None:
    """Memory is bounded, however many there are; results come in order."""
    taken = itertools.count()
    with closing(
        Cluster(notebook, Observer(), ["catclf"]).stream(float, taken, item_ms=6)
    ) as found:
        assert [result for result, _ in itertools.islice(found, 10)] == [*map(float, range(10))]
        assert next(taken) <= 10 + 2 * 3 * cluster.TASKS_AHEAD + 2


def test_a_scheduler_that_is_lost_between_two_predictions_is_an_error(
    notebook: Client, pictures: Path
) -> None:
    """However long whoever iterates has paused: Dask's client has closed itself meanwhile."""
    with Client(notebook.scheduler.address) as client:
        found = catclf.predict([pictures] * 9, small_model(SMALL), client=client)
        next(found)
        client.close()
        with pytest.raises(ClusterError, match="the scheduler is gone"):
            list(found)


def test_the_command_line(dask: DaskCluster, pictures: Path, tmp_path: Path) -> None:
    """Both verbs, by either flag; and two schedulers are one too many."""
    dask.use(1)
    words = ["prepare", pictures, "--size", "8", "-o", tmp_path / "d.npz"]
    here = invoke(*words)
    dataset = (tmp_path / "d.npz").read_bytes()
    there = invoke(*words, "--scheduler", dask.address)
    assert (there.exit_code, there.stdout, there.stderr) == (3, here.stdout, here.stderr)
    assert (tmp_path / "d.npz").read_bytes() == dataset
    model = tmp_path / "w.npz"
    np.savez(model, w=np.zeros((192, 1)), b=0.1)
    whole = sorted((pictures / "noncat").iterdir())
    words = ["predict", *whole, "-m", model, "--order", "planes", "--format", "csv"]
    assert results(*words, "--scheduler-file", dask.file) == results(*words)
    both = ("--scheduler", dask.address, "--scheduler-file", dask.file)
    assert "give one" in invoke(*words, *both).stderr

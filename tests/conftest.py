"""What tests of several modules share: data, made or found."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

# Products here are small, and tests run beside each other: threads would wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # where a test loads onnxruntime itself

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

import catclf
from catclf.observer import Observer, Skipped
from catclf.operations.prediction import Prediction
from catclf.training import Training
from dask_cluster import DaskCluster
from datasets import write_small

# The same examples every time, however slow the machine: a failure is the change's, not luck's.
settings.register_profile("catclf", deadline=None, derandomize=True, max_examples=20)
settings.load_profile("catclf")


def training_of(path: Path) -> Training:
    """Return how the model in a file was trained."""
    record = catclf.load_model(path).training
    assert record is not None
    return record


def positive_probability(prediction: Prediction) -> float:
    """Return the probability of the class whose label is 1."""
    assert prediction.probabilities is not None
    _, probability = prediction.probabilities.values()
    return probability


class Recorder(Observer):
    """Keeps what it hears, and stops a descent after some iterations where it is told to."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.calls: list[tuple[int, int]] = []
        self.costs: dict[int, float] = {}
        self.test_log_losses: dict[int, float] = {}
        self.names: list[str] = []
        self.warnings: list[str] = []
        self.rates: list[float] = []

    def learning_rate(self, rate: float) -> None:
        """Keep the rates of the descents."""
        self.rates.append(rate)

    def progress(self, done: int, total: int) -> None:
        """Keep how far the work is."""
        self.calls.append((done, total))

    def skipped(self, files: Sequence[Skipped]) -> None:
        """Keep their paths."""
        self.names += [each.path for each in files]

    def warning(self, text: str) -> None:
        """Keep the text."""
        self.warnings.append(text)

    def cost(self, iteration: int, cost: float, test_log_loss: float | None) -> None:
        """Keep the costs."""
        self.costs[iteration] = cost
        if test_log_loss is not None:
            self.test_log_losses[iteration] = test_log_loss

    def stop(self) -> bool:
        """Stop after so many iterations."""
        return self.calls[-1][0] == self.stop_after


SHARED = Path(__file__).parents[2] / "shared"  # beside the checkout; not ours to ship


@pytest.fixture(scope="session")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Start a Dask scheduler; each test begins with how many workers it is to `use`."""
    started = DaskCluster(tmp_path_factory.mktemp("dask"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def course_files() -> list[Path]:
    """Find the course's HDF5 pair, train and test."""
    files = [SHARED / "catvnoncat" / f"{split}_catvnoncat.h5" for split in ("train", "test")]
    for file in files:
        if not file.is_file():
            pytest.skip(f"the course's {file.name} is not beside the checkout")
    return files


@pytest.fixture(scope="session")
def photos() -> Path:
    """Find a folder of two class folders, cat and dog, of photographs."""
    folder = SHARED / "photos"
    if not folder.is_dir():
        pytest.skip("the photographs are not beside the checkout")
    return folder


@pytest.fixture(scope="session")
def course_dataset(course_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare the course's pictures."""
    path = tmp_path_factory.mktemp("course") / "dataset.npz"
    catclf.prepare(course_files, path, observer=Observer())  # a test picture is in both splits
    return path


@pytest.fixture(scope="session")
def small_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of two class folders, cat and noncat, of 12 noisy 8x8 PNG files each."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name, tint in (("cat", (60, 0, 0)), ("noncat", (0, 0, 60))):
        (folder / name).mkdir()
        for number in range(12):
            noise = rng.integers(0, 196, (8, 8, 3)) + np.array(tint)
            Image.fromarray(noise.astype(np.uint8)).save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture(scope="session")
def small_dataset(small_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare `small_pictures`: 18 to train on, 6 to test. Read it, never change it."""
    path = tmp_path_factory.mktemp("dataset") / "dataset.npz"
    preprocessing = catclf.Preprocessing(size=8)
    catclf.prepare([small_pictures], path, preprocessing=preprocessing, test_split=0.25)
    return path


@pytest.fixture(scope="session")
def noise_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare 40 pictures of 2x2 whose labels have nothing to do with them: there is no model."""
    return write_small(tmp_path_factory.mktemp("noise") / "noise.npz", 40, size=2, seed=2)


ColumnsMaker = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="session")
def make_columns() -> ColumnsMaker:
    """Return ``make_columns(m, n_x, seed=0)``: random columns of X as rows, (m, n_x) uint8."""

    def make(m: int, n_x: int, seed: int = 0) -> NDArray[np.uint8]:
        return np.random.default_rng(seed).integers(0, 256, (m, n_x), dtype=np.uint8)

    return make

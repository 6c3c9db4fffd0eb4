"""The streaming method: one pass an iteration, in blocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catclf import DatasetError, open_dataset
from catclf.columns import BLOCK_EXAMPLES
from catclf.dataset import NewSplit, write_dataset
from catclf.descent import (
    KERNELS,
    METHODS,
    Choice,
    Problem,
    Settings,
    descend,
    start,
    streaming,
)
from catclf.descent.streaming import ProcessSums, Streaming
from catclf.descent.sums import Examples, NumpyKernel, scaled
from catclf.errors import CatclfError
from catclf.features import Preprocessing
from catclf.logistic import ClassWeight, LossName
from catclf.storage import checked_rows
from catclf.workers import CAN_FORK
from conftest import ColumnsMaker
from descent.problems import problem_of


def test_streaming_equals_vectorized_on_the_courses_files(course_dataset: Path) -> None:
    """300 iterations at 0.005: costs within 1e-5 relative."""
    settings = Settings(iterations=300, every=10)
    with open_dataset(course_dataset) as dataset:
        split = dataset.train
        streamed, vectorized = (
            descend(METHODS[name](Problem(split.columns, split.Y, settings), None), settings)
            for name in ("streaming", "vectorized")
        )
    assert list(streamed.history.costs.values()) == pytest.approx(
        list(vectorized.history.costs.values()), rel=1e-5
    )


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("m", [1, 7, 8, 33, 700])
def test_blocks_of_any_number_give_the_same_costs(
    m: int, loss: LossName, make_columns: ColumnsMaker
) -> None:
    """Fewer examples than shards, a rest, several blocks: costs within 1e-5 of vectorized."""
    columns = make_columns(m, 48)
    Y = (np.arange(m) % 3 == 0).astype(np.float64).reshape(1, m)
    settings = Settings(0.02, 30, 0.01, loss)
    streamed, vectorized = (
        METHODS[name](Problem(columns, Y, settings), None) for name in ("streaming", "vectorized")
    )
    for _ in range(30):
        assert streamed.step(True) == pytest.approx(vectorized.step(True), rel=1e-5)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("class_weight", ["none", "balanced"])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_processes_change_no_bit(
    loss: LossName,
    class_weight: ClassWeight,
    l2: float,
    make_columns: ColumnsMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One process, or more than there are blocks: costs, w and b are equal."""
    columns, Y = make_columns(1000, 27), (np.arange(1000.0).reshape(1, 1000) % 3 == 0) * 1.0
    settings = Settings(0.01, l2=l2, loss=loss, class_weight=class_weight)
    found = []
    for cores in (1, 2, 3, 7):
        monkeypatch.setattr(streaming, "available_cores", lambda cores=cores: cores)
        method = Streaming(Problem(columns, Y, settings), None)
        costs = [method.step(True) for _ in range(5)]
        w, b = method.parameters()
        found.append((costs, w.tolist(), b, method.cost()))
    assert all(each == found[0] for each in found)


def test_a_file_is_never_read_whole(
    make_columns: ColumnsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pixels are read a block at a time."""
    rows = make_columns(1000, 12)
    read: list[int] = []

    class OnDisk:
        shape = rows.shape

        def __getitem__(self, chosen: slice) -> NDArray[np.uint8]:
            read.append(len(rows[chosen]))
            return rows[chosen]

    monkeypatch.setattr(streaming, "available_cores", lambda: 1)  # so that `read` is this one's
    Streaming(Problem(OnDisk(), np.ones((1, 1000)), Settings()), None).step(True)
    assert sum(read) == 1000
    assert max(read) <= BLOCK_EXAMPLES


@pytest.fixture(params=["mapped", "read"])
def file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a dataset of 1000 examples, to be mapped, or read as if memory could not hold it."""
    if request.param == "read":
        monkeypatch.setattr(checked_rows, "available_memory", lambda: 0)
    columns = problem_of(1000, 48).columns[:]
    labels = (np.arange(1000) % 3 == 0).astype(np.uint8)
    train, none = (
        NewSplit([columns[:m]], labels[:m], [str(i) for i in range(m)]) for m in (1000, 0)
    )
    write_dataset(tmp_path / "d.h5", ("a", "b"), Preprocessing(size=4), train, none)
    return tmp_path / "d.h5"


@pytest.mark.parametrize("kernel", KERNELS)
def test_rows_in_a_file_give_the_bits_of_rows_in_memory(file: Path, kernel: str) -> None:
    """By forked processes or by threads, from a map or through HDF5."""
    in_memory = problem_of(1000, 48)
    with open_dataset(file) as dataset:
        stored = replace(in_memory, columns=dataset.train.columns)
        found, expected = (
            descend(start(Choice("streaming", kernel), problem), problem.settings)
            for problem in (stored, in_memory)
        )
    assert (found.w.tolist(), found.b) == (expected.w.tolist(), expected.b)
    assert found.history == expected.history


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_damaged_block_is_refused_whoever_meets_it(file: Path, kernel: str) -> None:
    """In a forked process or a thread: the error names the file and the rows."""
    content, row = file.read_bytes(), problem_of(1000, 48).columns[700:701].tobytes()
    file.write_bytes(content.replace(row, row[::-1]))
    with open_dataset(file) as dataset:
        problem = replace(problem_of(1000, 48), columns=dataset.train.columns)
        method = start(Choice("streaming", kernel), problem)
        with pytest.raises(DatasetError, match=r"d\.h5:train/columns: damaged: rows 512 to 767"):
            descend(method, problem.settings)


@pytest.fixture
def examples(make_columns: ColumnsMaker) -> Examples:
    """Return 1300 examples: six blocks, the last not whole."""
    Y = np.arange(1300.0).reshape(1, 1300) % 2
    return Examples.of(Problem(make_columns(1300, 12), Y, Settings()))


@pytest.mark.parametrize("workers", [1, 2, 3, 6, 50])
def test_any_number_of_processes_gives_the_same_sums(examples: Examples, workers: int) -> None:
    """Also more than there are blocks, and again and again with other weights."""
    by_processes = ProcessSums(examples, workers)
    for b in (0.5, -2.0, 0.5):
        w = np.full((12, 1), 0.1 * b)
        found, expected = by_processes(w, b), examples.sums(NumpyKernel(w.size), scaled(w), b)
        assert found.dw.tolist() == expected.dw.tolist()
        assert (found.db, found.loss) == (expected.db, expected.loss)


@pytest.mark.skipif(not CAN_FORK, reason="one process")
def test_a_killed_process_is_an_error_and_no_wrong_sum(examples: Examples) -> None:
    """As where memory runs out: the next sums are refused."""
    by_processes = ProcessSums(examples, 2)
    by_processes.pool._workers[0].process.kill()
    with pytest.raises(CatclfError, match="killed"):
        by_processes(np.zeros((12, 1)), 0.0)

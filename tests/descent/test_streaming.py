"""The streaming method: one pass an iteration, in blocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catclf import DatasetError, dataset, open_dataset
from catclf.columns import BLOCK_EXAMPLES
from catclf.descent import Choice, Problem, descend, start, streaming
from catclf.descent.streaming import ProcessSums, Streaming
from catclf.descent.sums import Examples
from catclf.errors import CatclfError
from catclf.logistic import ClassWeight, LossName
from catclf.training import Settings, Training
from catclf.workers import CAN_FORK
from conftest import ColumnsMaker
from datasets import damage, write_small
from descent.problems import every_cost, problem_of, run, same_stand

every_kernel = pytest.mark.parametrize(
    "kernel", ["numpy", pytest.param("numba", marks=pytest.mark.slow)]
)


def test_streaming_equals_vectorized_on_the_courses_files(course_dataset: Path) -> None:
    """100 iterations at 0.005: costs within 1e-5 relative."""
    settings = Settings(iterations=100, every=10)
    with open_dataset(course_dataset) as opened:
        problem = Problem(opened.train.columns[:], opened.train.labels, settings)
    streamed, expected = (run(name, problem) for name in ("streaming", "vectorized"))
    assert streamed.training.costs == pytest.approx(expected.training.costs, rel=1e-5)


@every_cost
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_processes_change_no_bit(
    loss: LossName,
    n_classes: int,
    class_weight: ClassWeight,
    l2: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One process, or more than there are blocks: costs, w and b are equal."""
    problem = problem_of(1000, 27, loss, n_classes, class_weight, l2)
    found = []
    for cores in (1, 2, 3, 4, 7):
        monkeypatch.setattr(streaming, "available_cores", lambda cores=cores: cores)
        found.append(descend(Streaming(problem), Training(replace(problem.settings, iterations=5))))
    assert all(same_stand(each, found[0]) for each in found)


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
    Streaming(Problem(OnDisk(), np.ones(1000, np.uint8), Settings()), None).step(True)
    assert sum(read) == 1000
    assert max(read) <= BLOCK_EXAMPLES


@pytest.fixture(params=["kept", "read again"])
def file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a dataset of 1000 examples, to be kept, or read as if memory could not hold it."""
    if request.param == "read again":
        monkeypatch.setattr(dataset, "available_memory", lambda: 0)
    problem = problem_of(1000, 48)
    return write_small(
        tmp_path / "d.npz", size=4, columns=problem.columns[:], labels=problem.labels
    )


@every_kernel
def test_rows_in_a_file_give_the_bits_of_rows_in_memory(file: Path, kernel: str) -> None:
    """By forked processes or by threads."""
    in_memory = problem_of(1000, 48)
    with open_dataset(file) as opened:
        stored = replace(in_memory, columns=opened.train.columns)
        found, expected = (
            descend(start(Choice("streaming", kernel), problem), Training(problem.settings))
            for problem in (stored, in_memory)
        )
    assert same_stand(found, expected)


@every_kernel
def test_a_damaged_block_is_refused_whoever_meets_it(file: Path, kernel: str) -> None:
    """In a forked process or a thread: the error names the file and the rows."""
    damage(file, problem_of(1000, 48).columns[700:701].tobytes())
    with open_dataset(file) as opened:
        problem = replace(problem_of(1000, 48), columns=opened.train.columns)
        method = start(Choice("streaming", kernel), problem)
        with pytest.raises(DatasetError, match=r"d\.npz:train_columns: damaged: rows 512 to 767"):
            descend(method, Training(problem.settings))


@pytest.mark.skipif(not CAN_FORK, reason="one process")
def test_a_killed_process_is_an_error_and_no_wrong_sum() -> None:
    """As where memory runs out: the next sums are refused."""
    by_processes = ProcessSums(Examples.of(problem_of(1300, 12)), 2)
    by_processes.pool._workers[0].process.kill()
    with pytest.raises(CatclfError, match="killed"):
        by_processes(np.zeros((12, 1)), np.zeros((1, 1)))

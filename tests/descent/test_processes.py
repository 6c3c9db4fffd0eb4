"""Sums by worker processes: those of one process, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from catclf.descent import Problem, Settings
from catclf.descent.processes import ProcessSums
from catclf.descent.sums import Examples, NumpyKernel, scaled
from catclf.errors import CatclfError
from catclf.parallel import CAN_FORK
from conftest import ColumnsMaker


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

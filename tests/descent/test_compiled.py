"""The compiled sums: the lecture's, and the same bits by any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catclf.descent import descend
from catclf.descent.compiled import ThreadSums, numba_kernel
from catclf.descent.streaming import Streaming
from catclf.descent.sums import Examples, numpy_kernel, scaled
from catclf.descent.vectorized import Vectorized
from catclf.logistic import ClassWeight, LossName
from conftest import ColumnsMaker
from descent.problems import every_cost, problem_of


@every_cost
@settings(deadline=None)
@given(
    m=st.integers(1, 300),
    n_x=st.integers(1, 70),
    b=st.sampled_from([0.0, -3.0, 40.0, -800.0]),
    seed=st.integers(0, 99),
)
def test_the_sums_of_a_block_are_numpys(
    loss: LossName, class_weight: ClassWeight, m: int, n_x: int, b: float, seed: int
) -> None:
    """Any number of rows and features, logits that saturate too: equal within rounding."""
    problem = problem_of(m, n_x, loss, class_weight)
    w = scaled(np.random.default_rng(seed).normal(0, 0.3, (n_x, 1)))
    examples = Examples.of(problem)
    compiled, expected = (examples.sums(k, w, b).means(m) for k in (numba_kernel, numpy_kernel))
    for found, other in zip(compiled, expected, strict=True):
        assert found == pytest.approx(other, rel=1e-4, abs=1e-6)


@every_cost
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_a_descent_is_the_lectures(loss: LossName, class_weight: ClassWeight, l2: float) -> None:
    """Costs, w and b of a dozen iterations lie within float32's rounding of float64's."""
    problem = problem_of(700, 48, loss, class_weight, l2)
    compiled = descend(Streaming(problem, None, "numba"), problem.settings)
    expected = descend(Vectorized(problem), problem.settings)
    assert list(compiled.history.costs.values()) == pytest.approx(
        list(expected.history.costs.values()), rel=1e-6
    )
    assert compiled.w == pytest.approx(expected.w, rel=1e-4, abs=1e-7)
    assert compiled.b == pytest.approx(expected.b, rel=1e-4, abs=1e-7)


@every_cost
def test_any_number_of_threads_gives_the_same_bits(
    loss: LossName, class_weight: ClassWeight
) -> None:
    """One thread, many, or shards in the other order: the sums are equal."""
    problem = problem_of(1700, 31, loss, class_weight)
    examples = Examples.of(problem)
    w, b = np.random.default_rng(1).normal(0, 0.2, (31, 1)), 0.3
    found = [ThreadSums(examples, threads)(w, b) for threads in (1, 2, 3, 8)]
    bounds = pairwise([0, 512, 1024, 1700])
    parts = [examples.sums(numba_kernel, scaled(w), b, slice(*bound)) for bound in bounds]
    found.append(parts[2] + parts[0] + parts[1])
    for sums in found[1:]:
        assert sums.dw.tolist() == found[0].dw.tolist()
        assert (sums.db, sums.loss) == (found[0].db, found[0].loss)


def test_pixels_that_may_not_be_written_are_the_same_pixels(make_columns: ColumnsMaker) -> None:
    """A map of a file is read-only, and labels may be every second of some others."""
    columns, y = make_columns(300, 20), (np.arange(600.0) % 3 == 0)[::2] * 1.0
    frozen = columns.copy()
    frozen.flags.writeable = False
    w = np.full((20, 1), 0.1)
    one, other = (
        ThreadSums(Examples(each, y, np.ones(300), "cross-entropy", 300))(w, 0.1)
        for each in (columns, frozen)
    )
    assert one.dw.tolist() == other.dw.tolist()
    assert columns.flags.writeable


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e308])
def test_what_overflows_is_never_taken_for_a_number(bad: float) -> None:
    """Weights beyond float32: the sum of dZ or the loss is not finite."""
    problem = problem_of(600, 4)
    mean, _, db = ThreadSums(Examples.of(problem))(
        np.array([[bad], [-bad], [bad], [0]]), 0.0
    ).means(600)
    assert not (np.isfinite(mean) and np.isfinite(db))


UNWRITABLE_PROGRAM = """
from numba.core.caching import CacheImpl
CacheImpl._locator_classes = []  # of the places to keep compiled code, none may be written
import numpy as np
from catclf.descent import compiled
from catclf.descent.sums import Examples
examples = Examples(np.ones((9, 5), np.uint8), np.ones(9), np.ones(9), "cross-entropy", 9)
print(compiled.ThreadSums(examples)(np.zeros((5, 1)), 0.0).means(9)[2])
"""


def test_where_no_folder_may_be_written_it_compiles_anew(tmp_path: Path) -> None:
    """It works, and leaves nothing behind."""
    done = subprocess.run(
        [sys.executable, "-c", UNWRITABLE_PROGRAM],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("-0.5\n", "")
    assert list(tmp_path.iterdir()) == []

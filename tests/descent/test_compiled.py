"""The compiled sums: the lecture's, and the same bits by any number of threads."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config
from numba.core.caching import CacheImpl, IndexDataCacheFile

from catclf.descent import Choice, compiled, descend, kernel_failure, start
from catclf.descent.compiled import ThreadSums, numba_kernel
from catclf.descent.lecture import Vectorized
from catclf.descent.sums import Block, Examples, NumpyKernel, scaled
from catclf.logistic import ClassWeight, LossName
from catclf.training import Training
from conftest import ColumnsMaker
from descent.problems import any_class_weight, any_loss, every_cost, problem_of

pytestmark = pytest.mark.slow  # the compiler's start alone takes seconds


@given(
    loss=any_loss,
    class_weight=any_class_weight,
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
    ours, numpys = (examples.sums(k, w, b).means(m) for k in (numba_kernel, NumpyKernel(w.size)))
    for found, expected in zip(ours, numpys, strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


@every_cost
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_a_descent_is_the_lectures(loss: LossName, class_weight: ClassWeight, l2: float) -> None:
    """Costs, w and b of a dozen iterations lie within float32's rounding of float64's."""
    problem = problem_of(700, 48, loss, class_weight, l2)
    training = Training(problem.settings)
    found = descend(start(Choice("streaming", "numba"), problem), training)
    expected = descend(Vectorized(problem), training)
    assert found.training.costs == pytest.approx(expected.training.costs, rel=1e-6)
    assert found.w == pytest.approx(expected.w, rel=1e-4, abs=1e-7)
    assert found.b == pytest.approx(expected.b, rel=1e-4, abs=1e-7)


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


def test_where_pixels_lie_and_who_may_write_them_changes_no_bit(make_columns: ColumnsMaker) -> None:
    """Read-only, at any address, labels every second of others: all by code compiled once."""
    columns, y = make_columns(300, 20), (np.arange(600.0) % 3 == 0)[::2] * 1.0
    frozen = columns.copy()
    frozen.flags.writeable = False
    moved = np.zeros(columns.size + 1, np.uint8)[1:].reshape(columns.shape)
    moved[:] = columns
    w = np.full((20, 1), 0.1)
    expected, *others = (
        ThreadSums(Examples(each, y, np.ones(300), "cross-entropy", 300))(w, 0.1)
        for each in (columns, frozen, moved)
    )
    assert all(other.dw.tolist() == expected.dw.tolist() for other in others)
    assert columns.flags.writeable
    assert len(compiled._block_sums.signatures) == 1  # type: ignore[attr-defined]


def _block_sums(*arguments: object) -> tuple[float, float]:
    """Stand for the function of this name, and compile in a tenth of its time."""
    return 7.0, 0.0


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], float]:
    """Return what a process does at its beginning, which keeps compiled code in a folder."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiled, "UNCACHED", {})
    one = np.ones(1)
    block = Block(np.ones((1, 1), np.uint8), one, one, "cross-entropy", 1.0)

    def work() -> float:
        monkeypatch.setattr(compiled, "_block_sums", compiled._compiled()(_block_sums))
        compiled._prepare()
        return numba_kernel(block, np.zeros(1, np.float32), 0.0, np.zeros(1, np.int64))[0]

    return work


def test_where_no_folder_may_be_written_it_compiles_anew(
    begin: Callable[[], float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It works, and leaves nothing behind."""
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    assert begin() == 7
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "length"), [("nbi", 0), ("nbi", 100), ("nbc", 0), ("nbc", 1000)])
def test_where_what_was_kept_is_damaged_it_compiles_anew(
    begin: Callable[[], float], tmp_path: Path, kind: str, length: int
) -> None:
    """An index or code that is cut short, or empty: as a full disk, or a killed process, leaves."""
    for _ in range(2):
        assert begin() == 7
        assert compiled._block_sums is not compiled.UNCACHED["_block_sums"]  # but kept, and read
    [path] = tmp_path.rglob(f"*.{kind}")
    os.truncate(path, length)
    assert begin() == 7
    assert compiled._block_sums is compiled.UNCACHED["_block_sums"]


def test_where_the_disk_is_full_it_compiles_all_the_same(
    begin: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What numba writes its code with fails; the functions that are called are not kept either."""

    def save(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", save)
    monkeypatch.setattr(compiled, "_logits", None)
    anew = compiled.UNCACHED["_logits"] = object()
    assert begin() == 7
    assert compiled._block_sums is compiled.UNCACHED["_block_sums"]
    assert compiled._logits is anew


def printed_elsewhere(program: str, **environment: str) -> tuple[str, str]:
    """Return what a program prints in a process of its own, and its errors."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    return done.stdout, done.stderr


def test_a_numba_told_not_to_compile_counts_as_none() -> None:
    """Its loops in plain Python would take a thousand times as long."""
    program = "from catclf.descent import kernel_failure\nprint(kernel_failure('numba'))"
    found = printed_elsewhere(program, NUMBA_DISABLE_JIT="1")
    assert found == ("NUMBA_DISABLE_JIT is set\n", "")


def test_whatever_its_import_raises_is_why_it_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A library that numba needs and does not find is an OSError."""

    class Broken:
        def find_spec(self, name: str, path: object, target: object = None) -> None:
            if name == "catclf.descent.compiled":
                raise OSError("could not find libllvmlite.so")

    assert kernel_failure("numba") is None
    monkeypatch.delitem(sys.modules, "catclf.descent.compiled")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    assert str(kernel_failure("numba")) == "could not find libllvmlite.so"
